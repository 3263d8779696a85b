-- redis_batch.lua - how the limiter in Redis (redis.lua) talks to the server: what a batch of slots asks for, tells and
-- brings (redis_script.lua has the server's part), and whether Redis is there.

local redis_window = require "jdcloud.limiter.redis_window"
local script = require "jdcloud.limiter.redis_script"

local M = {}

local HOLD = 60 -- seconds that a call may take from its sending to its answer
local CUT = 0.001 -- seconds that a clock cut to ms may be behind
local RETRY_MIN, RETRY_MAX = 0.25, 10 -- seconds until a Redis that is gone is asked again
local BACK = 500 -- slots given back at once

local function whole(n) return ("%.0f"):format(n) end

local function ms(seconds) return whole(math.ceil(seconds * 1000)) end

local function left_ms(moment, now) return ms(math.max(0, (moment or now) - now)) end

-- What goes to the server: at most `want` slots are asked for.
local function arguments(self, window, want, back, news, now)
  local knows = window.epoch and #redis_window.recent(window, now) > 0 and window.epoch or ""
  local keep = window.fresh + HOLD + window.seconds
  local args = {
    whole(window.own), ms(window.seconds), whole(want), ms(keep), ms(2 * keep), self.client, knows,
    left_ms(news.shut, now), window.set and "1" or "0", whole(news.lease or 0), whole(news.limit or 0),
    news.counted and whole(news.counted) or "", left_ms(news.turn, now),
  }
  for _, item in ipairs(back) do
    local n, left = #args, item[3] - now
    args[n + 1], args[n + 2] = (item[4] and "" or "-") .. whole(item[1]), whole(item[2])
    args[n + 3] = ms(left > 0 and left + CUT or 0)
  end
  return args
end

local function take_reply(window, reply, now)
  window.epoch, window.calls = reply[1], math.max(1, tonumber(reply[5]))
  window.most = math.max(1, math.floor(window.calls / (2 * math.max(1, tonumber(reply[2])))))
  window.closed = math.max(now + tonumber(reply[3]) / 1000, window.shut)
  window.cold = tonumber(reply[4]) == 1 and window.closed or 0
  if tonumber(reply[6]) > 0 then redis_window.close(window, now + tonumber(reply[6]) / 1000) end
  window.announced, window.after = tonumber(reply[7]), tonumber(reply[8])
  if window.announced == 0 then window.announced = nil end
  for i = 9, #reply, 3 do
    local start = now + tonumber(reply[i + 2]) / 1000
    window.stock[#window.stock + 1] = {
      slot = tonumber(reply[i]), lease = tonumber(reply[i + 1]), start = start, ends = start + window.fresh,
    }
  end
end

-- How many slots to ask for: more while they are used up quickly, one for a call now and then; for those in line too;
-- and no more than lie before them already. 0: don't ask.
local function wanted(self, window, unused, now)
  if now - window.asked > 2 * window.fresh then
    window.size = 1
  elseif unused * 2 > window.size then
    window.size = math.ceil(window.size / 2)
  elseif unused == 0 then
    window.size = window.size * 2
  end
  local most = math.min(window.most, self.batch)
  window.size = math.min(window.size, most)
  if window.held > most / 4 then return 0 end
  return math.min(math.max(window.size, #window.line), most - window.held)
end

-- What is to be given back now; the rest waits. Calls without a slot that no longer count need not be told of.
local function take_back(window, now)
  local all, back, rest = window.back, {}, {}
  for _, item in ipairs(all) do
    if item[1] ~= 0 or item[3] > now then
      local list = #back < BACK and back or rest
      list[#list + 1] = item
    end
  end
  window.back = rest
  return back
end

local function tell(self, state, message)
  local listeners = self.on_event and { [self.on_event] = true } or self.listeners
  for on_event in pairs(listeners) do
    pcall(on_event, { event = "limiter", state = state, message = message, fallback = self.fallback })
  end
end

local function gone(self, message, now)
  if not self.gone then tell(self, "gone", message) end
  self.gone = message
  self.pause = math.min(self.pause and self.pause * 2 or RETRY_MIN, RETRY_MAX)
  self.again = now + self.pause
end

local function is_back(self)
  if self.gone then tell(self, "back") end
  self.gone, self.pause = nil, nil
end

--- Asks the server once: tells what is new, gives back what there is, and takes up to `want` slots. It may yield; a
-- thread that is killed here leaves what it took to expire by time.
-- @param self { eval, slow, clock, client, batch, fallback, on_event | nil,
--   listeners, trips; gone = why | nil, again = moment }
function M.ask(self, window, want)
  local now = self.clock()
  if self.gone then self.again = now + self.slow end -- one asks, the others go on without
  window.asking, window.asked = now + 2 * self.slow, now
  local back, news = take_back(window, now), redis_window.take_news(window)
  self.trips = self.trips + 1
  local reply, err = self.eval(script, window.keys, arguments(self, window, want, back, news, now))
  local began
  began, now = now, self.clock()
  window.asking = nil
  if type(reply) ~= "table" or #reply < 8 then
    for _, item in ipairs(back) do window.back[#window.back + 1] = item end
    redis_window.keep_news(window, news)
    gone(self, tostring(err or "the reply is none"), now)
    return
  end
  take_reply(window, reply, now)
  if now - began > self.slow then
    gone(self, ("an answer took %.1f s"):format(now - began), now)
  else
    is_back(self)
    if window.news.urgent then M.ask(self, window, 0) end -- it came while another call was asking
  end
end

local function can_ask(self, window, now)
  return (not window.asking or window.asking < now) and now >= window.closed and (not self.gone or now >= self.again)
end

--- Sees to it that those in line have slots, if there are any.
function M.supply(self, window)
  local now = self.clock()
  redis_window.sweep(window, now)
  local unused = #window.back
  redis_window.hand_out(window, now)
  unused = #window.back - unused
  if not window.line[1] or not can_ask(self, window, now) then return end
  local want = wanted(self, window, unused, now)
  if want == 0 then return end
  M.ask(self, window, want)
  redis_window.hand_out(window, self.clock())
end

--- After a call has ended: one now and then has its slot back at once, many have theirs with the next batch; what all
-- should know is told at once, and, when a shut window's last call has come back, how many have gone through.
function M.after_call(self, window)
  if window.asking or self.gone then return end
  local last = window.flights == 0 and not window.line[1] and window.size == 1
    or window.flights == 0 and window.back[1] and window.shut > self.clock()
  if last or window.news.urgent then M.ask(self, window, 0) end
end

return M
