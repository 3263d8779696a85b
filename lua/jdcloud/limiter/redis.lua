-- redis.lua - the limiter of a fleet, in Redis (design.md, Limits). This process takes slots of a window from the
-- server in batches, has its own calls use them in the order in which they came, and gives them back with the next
-- batch: used ones with the moment at which they are free again, T after the answer, others as they are. The server's
-- part and why it is never over: redis_script.lua; the line of this process's calls: redis_window.lua; batches:
-- redis_batch.lua. All moments here are of this process's monotonic clock; what goes
-- to the server and comes from it is how long something takes, and every delay on the way makes that longer, never
-- shorter.
--
-- When Redis fails, or takes too long, its users are told, and until it is back
--   fallback = "local"  this process goes on with `share` of each window, in which the calls of the last T count, those
--                       that went through Redis too. In the T after the loss N calls and share * N of every process may
--                       meet: with shares that add up to 1, up to N more than allowed if the load was unevenly spread,
--                       none if it was even.
--   fallback = "fail"   calls fail with an error of kind network.
--
-- What the service says (learn.lua) lies in Redis, for all. It goes there and comes from there with the batches, and
-- with a round trip of its own only when a window is shut for longer than was known, when a limit turns out to be
-- lower, once a second at most when little is left, and when the last call of a window that was shut has come back.
-- Others hear of it with their next batch: until then each has the slots that it holds, together no more than half of
-- the window. Without Redis a process keeps to what it learnt last.
--
-- A call that ends without a word - its thread was killed, its client has gone - costs nobody more than time: out of
-- line it is PATIENCE after it should have come again; a slot that it had is free for others FRESH and HOLD and T after
-- the server gave it out, on its own; what this process remembers of it goes with the first reservation that comes HOLD
-- after the last sweep, or sooner.

local allowance = require "jdcloud.limiter.allowance"
local core = require "jdcloud.core"
local options_of = require "jdcloud.options"
local redis_batch = require "jdcloud.limiter.redis_batch"
local redis_window = require "jdcloud.limiter.redis_window"

local M = {}

local HOLD = 60 -- seconds that a call may take from its sending to its answer
local BATCH = 50 -- slots asked for at once at most; never more than this process's half of its part of the window
local BATCH_MAX = 1000 -- what a script can write at once
local SLOW = 1 -- seconds after which an answer of Redis is too late
local LOOK = 0.005 -- seconds between looks of those who wait for an answer of Redis that another call asked for
local PATIENCE = 5 -- seconds that somebody in line may be late before he is taken to be dead
local SWEEP = 1024 -- tickets after which those of dropped calls are looked for
local NEVER = math.huge

-- The moment at which a place without Redis may go: by this process's share of the window.
local function local_moment(self, window, place, now)
  local list = redis_window.recent(window, now)
  local share = math.max(1, math.floor(window.calls * self.share))
  local over = #list + window.flights + (redis_window.in_line(window, place) or 1) - share
  if over <= 0 then return now end
  if list[over] then return list[over] end
  return now + window.seconds
end

-- The moment at which a place may go, as far as is known; nil, wrong if Redis is gone and that is to be an error.
local function place_moment(self, place, now)
  local window = place.window
  if place.grant then return math.max(place.grant.start, window.shut) end
  if window.asking and not self.gone then return now + LOOK end
  if self.gone and self.fallback == "fail" then
    return nil, {
      kind = "network", message = "the limiter's Redis doesn't answer: " .. self.gone,
      hint = 'with fallback = "local" calls go on with a share of each window',
    }
  end
  if self.gone or window.cold > now and self.fallback == "local" then
    return math.max(local_moment(self, window, place, now), window.shut)
  end
  -- Behind those who have slots: half of what it takes until it's this one's turn, if all processes get the same.
  local turn = (redis_window.in_line(window, place) or 1) * window.seconds / (2 * window.most) / 2
  return math.max(window.closed, now + math.max(LOOK, math.min(turn, window.seconds)))
end

local function moment_of(self, ticket, now)
  local moment = now
  for _, place in ipairs(ticket.places) do
    local own, wrong = place_moment(self, place, now)
    if not own then return nil, wrong end
    moment = math.max(moment, own)
  end
  return moment
end

local function away(self)
  local why = self.gone:match("^[^\n]*")
  return ("Redis is away: %s; this process uses a share of %s of the limit"):format(why, self.share)
end

--- Makes a limiter.
-- @param given { eval = function(script, keys, args) -> reply | nil, err (redis_adapters.lua),
--   limits = as the option of jdcloud.new, fallback = "local" (default) or "fail",
--   share = part of each window that this process has without Redis (0.1), slow = seconds (1),
--   batch = slots at once (50, 1000 at most), prefix = of the keys ("jdcloud:"),
--   on_event = function({ event = "limiter", state = "gone" | "back", message, fallback }): without it the clouds
--   that use the limiter are told, by their on_event,
--   clock = function() -> monotonic seconds }
-- @return { reserve, settle: the option `limiter`; limit = function(name, calls, seconds); flush = function(): gives
--   back what is not used, before a process ends; trips = function() -> how often Redis was asked;
--   windows = function() -> { [key] = { calls believed in seconds, told = set or announced, held = slots in use by this
--   process, waiting = its calls in line, shut = for so many seconds } }: as its last batch said, no round trip;
--   state = function() -> { state = "ok" | "gone", message = why it is gone, fallback, share }; listen =
--   function(on_event): another one to be told, as long as somebody holds it }
function M.new(given)
  options_of.check_redis(given, "limiter.redis")
  local fallback = given.fallback or "local"
  local self = {
    eval = given.eval, fallback = fallback, share = given.share or 0.1, slow = given.slow or SLOW,
    batch = math.min(given.batch or BATCH, BATCH_MAX), on_event = given.on_event, clock = given.clock or core.now,
    trips = 0, client = core.hex(core.random(8)), again = 0, listeners = setmetatable({}, { __mode = "k" }),
  }
  local prefix = given.prefix or "jdcloud:"
  local window_of, limit, all_windows = allowance.windows(given.limits, function(key, calls, seconds, set)
    return redis_window.new(key, calls, seconds, set, prefix)
  end)
  local tickets, serial, since_sweep, swept = {}, 0, 0, -NEVER

  local function forget_dropped(now)
    since_sweep = since_sweep + 1
    if since_sweep < SWEEP and now < swept + HOLD then return end
    since_sweep, swept = 0, now
    for id, ticket in pairs(tickets) do
      if ticket.ends < now then
        tickets[id] = nil
        for _, place in ipairs(ticket.places) do
          if place.sent then place.window.flights = place.window.flights - 1 end
        end
      end
    end
  end

  local function open(keys, n, now)
    local ticket = { places = {}, windows = #keys, ends = NEVER }
    for i = 1, #keys * n do
      ticket.places[i] = redis_window.join(window_of(keys[(i - 1) % #keys + 1]), ticket)
    end
    serial = serial + 1
    tickets[serial] = ticket
    forget_dropped(now)
    return ticket, serial
  end

  local function drop(id, ticket)
    for _, place in ipairs(ticket.places) do redis_window.restock(place) end
    tickets[id] = nil
  end

  local limiter = {}

  function limiter.reserve(keys, n, now, latest, id)
    latest = latest or NEVER
    local ticket = id and tickets[id]
    if not ticket then ticket, id = open(keys, n, now) end
    ticket.ends = now + 2 * self.slow + PATIENCE
    for _, place in ipairs(ticket.places) do
      local grant = place.grant
      if not grant or grant.ends < now then redis_batch.supply(self, place.window) end
    end
    now = math.max(now, self.clock())
    local moment, wrong = moment_of(self, ticket, now)
    if not moment or moment > latest and moment > now then -- to come a little late is not to be too late
      drop(id, ticket)
      return nil, moment, wrong or self.gone and { hint = away(self) } or nil
    end
    if moment <= now then
      for _, place in ipairs(ticket.places) do redis_window.send(place) end
      ticket.ends = now + 2 * HOLD
      return 0, id
    end
    ticket.ends = moment + PATIENCE
    return math.ceil((moment - now) * 1000) / 1000, id
  end

  function limiter.settle(id, now, outcome)
    local ticket = tickets[id]
    if not ticket then return end
    tickets[id] = nil
    for i, place in ipairs(ticket.places) do
      local window, what = place.window, outcome.outcome
      if place.sent then window.flights = window.flights - 1 end
      if not place.sent or what == "not_sent" then
        redis_window.restock(place)
      elseif what == "throttled" then
        redis_window.refused(place)
      else
        redis_window.landed(place, now)
      end
      if i <= ticket.windows and what ~= "not_sent" then
        redis_window.answered(window, place, now, outcome, i == 1, i == ticket.windows)
      end
      redis_batch.after_call(self, window)
    end
  end

  limiter.limit = limit

  function limiter.flush()
    for _, window in pairs(all_windows()) do
      for _, grant in ipairs(window.stock) do redis_window.give_back(window, grant, grant.start) end
      window.stock = {}
      if window.back[1] and not self.gone then redis_batch.ask(self, window, 0) end
    end
  end

  function limiter.windows()
    local now, list = self.clock(), {}
    for key, window in pairs(all_windows()) do
      list[key] = {
        calls = window.calls, seconds = window.seconds, told = redis_window.ceiling(window), waiting = #window.line,
        held = #redis_window.recent(window, now) + window.flights, shut = math.max(0, window.shut - now),
      }
    end
    return list
  end

  function limiter.state()
    return {
      state = self.gone and "gone" or "ok", message = self.gone, fallback = self.fallback,
      share = self.fallback == "local" and self.share or nil,
    }
  end

  function limiter.listen(on_event) self.listeners[on_event] = true end

  function limiter.trips() return self.trips end

  return limiter
end

return M
