-- waiters/pace.lua - when to look again and how long a look may take: what waiters and poll share. Delays grow, and
-- nothing goes beyond the time that the caller gave.

local M = {}

local TIMEOUT = 600           -- seconds, unless the caller says another (protocol.md 11.2: what others give a vm)
local DELAY, DELAY_GROWTH, DELAY_MAX = 1, 1.5, 10
local CALL_TIMEOUT = 30
local LAST_LOOK, LAST_SHARE = 1, 0.2 -- seconds kept for the last call, at most this share of the whole

--- The options that are of waiting; others are those of a single call.
local OWN = { timeout = true, interval = true, on_progress = true }

local Pace = {}
Pace.__index = Pace

--- Begins to wait.
-- @param options timeout (seconds, 600) and interval (seconds to the second look, 1; grows to 10), and those of a call
-- @param clock sleep(seconds) -> anything | nil, error; now() -> monotonic seconds
function M.new(options, clock)
  local started, timeout = clock.now(), options.timeout or TIMEOUT
  return setmetatable({
    clock = clock, options = options, started = started, deadline = started + timeout,
    delay = options.interval or DELAY, last = math.min(LAST_LOOK, timeout * LAST_SHARE),
  }, Pace)
end

--- Seconds since the beginning.
function Pace:elapsed()
  return self.clock.now() - self.started
end

--- Seconds that are left, perhaps below 0.
function Pace:left()
  return self.deadline - self.clock.now()
end

--- The options of the next call. What it may take on the wire and in the limiter's queue together is what is left.
function Pace:call_options()
  local left, options = math.max(self:left(), 0.001), {}
  for name, value in pairs(self.options) do
    if not OWN[name] then options[name] = value end
  end
  options.timeout = math.min(CALL_TIMEOUT, left)
  options.max_wait = math.min(options.max_wait or left, left - options.timeout)
  return options
end

--- Sleeps until the next look.
-- @return true; false if the time is over; nil and the error of the sleep
function Pace:sleep()
  local left = self:left() - self.last
  if left <= 0 then return false end
  local _, err = self.clock.sleep(math.min(self.delay, left))
  if err then return nil, err end
  self.delay = math.min(self.delay * DELAY_GROWTH, math.max(DELAY_MAX, self.delay))
  return true
end

--- What a failed look said, for the error of a wait that was too late.
-- @param last the error of the last look
-- @param fields of the new error, which get it
-- @return words for its message
function M.blame(last, fields)
  for _, name in ipairs { "status", "code", "http_status", "request_id", "hint", "phase", "region" } do
    fields[name] = last[name]
  end
  return ("the last look failed (%s%s)"):format(last.status or last.kind, last.message and ": " .. last.message or "")
end

return M
