-- redis.lua - the limiter of a fleet, in Redis (design.md, Limits). This process takes slots of a window from the
-- server in batches, has its own calls use them in the order in which they came, and gives them back with the next
-- batch: used ones with the moment at which they are free again, T after the answer, others as they are. The server's
-- part and why it is never over: redis_script.lua. All moments here are of this process's monotonic clock; what goes
-- to the server and comes from it is how long something takes, and every delay on the way makes that longer, never
-- shorter.
--
-- When Redis fails, or takes too long, its users are told, and until it is back
--   fallback = "local"  this process goes on with `share` of each window, in which the calls of the last T count, those
--                       that went through Redis too. In the T after the loss N calls and share * N of every process may
--                       meet: with shares that add up to 1, up to N more than allowed if the load was unevenly spread,
--                       none if it was even.
--   fallback = "fail"   calls fail with an error of kind network.

local allowance = require "jdcloud.limiter.allowance"
local core = require "jdcloud.core"
local options_of = require "jdcloud.options"
local script = require "jdcloud.limiter.redis_script"

local M = {}

local HOLD = 60 -- seconds that a call may take from its sending to its answer
local CUT = 0.001 -- seconds that a clock cut to ms may be behind
local FRESH_MIN, FRESH_MAX = 0.1, 5 -- seconds for which a slot is kept for a call that may come: a tenth of the window
local BATCH = 50 -- slots asked for at once at most; never more than this process's half of its part of the window
local BATCH_MAX = 1000 -- what a script can write at once
local SLOW = 1 -- seconds after which an answer of Redis is too late
local RETRY_MIN, RETRY_MAX = 0.25, 10 -- seconds until a Redis that is gone is asked again
local BACK = 500 -- slots given back at once
local LOOK = 0.005 -- seconds between looks of those who wait for an answer of Redis that another call asked for
local PATIENCE = 5 -- seconds that somebody in line may be late before he is taken to be dead
local SHUT, SHUT_MAX = 1, 60 -- seconds for which a throttled window is shut
local WINDOWS = 256
local SWEEP = 1024 -- tickets after which those of dropped calls are looked for
local NEVER = math.huge

local function whole(n) return ("%.0f"):format(n) end

local function ms(seconds) return whole(math.ceil(seconds * 1000)) end

-- Both windows of a call, the service's and the operation's, are in one place of a cluster.
local function new_window(key, calls, seconds, prefix)
  local tag = ("%s{%s}:%s"):format(prefix, key:gsub("[{}]", "_"):match("^(.*/[^./]*)") or key, key:match("[^/]*$"))
  local fresh = math.min(math.max(seconds / 10, FRESH_MIN), FRESH_MAX)
  return {
    calls = calls, seconds = seconds, fresh = fresh, keys = { tag .. ":slots", tag .. ":state", tag .. ":clients" },
    line = {}, stock = {}, assigned = {}, held = 0, back = {}, recent = {}, size = 1, most = 1, flights = 0, closed = 0,
    cold = 0, shut = 0, asked = 0,
  }
end

-- Calls that were made in the last T, by the moments at which they no longer count, oldest first.
local function recent(window, now)
  local list = window.recent
  while list[1] and list[1] <= now do table.remove(list, 1) end
  return list
end

local function give_back(window, grant, free)
  if #window.back < 4 * window.calls then window.back[#window.back + 1] = { grant.slot, grant.lease, free } end
end

-- Gives the stock to those in line, in order; what is no longer fresh goes back.
local function hand_out(window, now)
  local line, stock = window.line, window.stock
  while stock[1] and (line[1] or stock[1].ends < now) do
    local grant = table.remove(stock, 1)
    if grant.ends < now then
      give_back(window, grant, grant.start)
    else
      local place = table.remove(line, 1)
      place.grant = grant
      window.assigned[place], window.held = true, window.held + 1
    end
  end
end

-- Those who never came for their slots, or never came again.
local function sweep(window, now)
  for place in pairs(window.assigned) do
    if place.grant.ends < now then
      give_back(window, place.grant, place.grant.start)
      window.assigned[place], place.grant, window.held = nil, nil, window.held - 1
      if place.ticket.ends >= now then table.insert(window.line, 1, place) end
    end
  end
  for i = #window.line, 1, -1 do
    if window.line[i].ticket.ends < now then table.remove(window.line, i) end
  end
end

local function leave_line(window, place)
  for i, other in ipairs(window.line) do
    if other == place then
      table.remove(window.line, i)
      return
    end
  end
end

-- What goes to the server: at most `want` slots are asked for.
local function arguments(self, window, want, back, now)
  local knows = window.epoch and #recent(window, now) > 0 and window.epoch or ""
  local keep = window.fresh + HOLD + window.seconds
  local args = {
    whole(window.calls), ms(window.seconds), whole(want), ms(keep), ms(2 * keep), self.client, knows,
    ms(math.max(0, window.shut - now)),
  }
  for _, item in ipairs(back) do
    local n = #args
    args[n + 1], args[n + 2], args[n + 3] = whole(item[1]), whole(item[2]), ms(item[3] - now + CUT)
  end
  return args
end

local function take_reply(window, reply, now)
  window.epoch = reply[1]
  window.most = math.max(1, math.floor(window.calls / (2 * math.max(1, tonumber(reply[2])))))
  window.closed = now + tonumber(reply[3]) / 1000
  window.cold = tonumber(reply[4]) == 1 and window.closed or 0
  for i = 5, #reply, 3 do
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
  if self.on_event then
    pcall(self.on_event, { event = "limiter", state = state, message = message, fallback = self.fallback })
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

-- Asks the server once: gives back what there is, and takes up to `want`. It may yield; a thread that is killed here
-- leaves what it took to expire by time.
local function ask(self, window, want)
  local now = self.clock()
  if self.gone then self.again = now + self.slow end -- one asks, the others go on without
  window.asking, window.asked = now + 2 * self.slow, now
  local back = take_back(window, now)
  self.trips = self.trips + 1
  local reply, err = self.eval(script, window.keys, arguments(self, window, want, back, now))
  local began
  began, now = now, self.clock()
  window.asking = nil
  if type(reply) ~= "table" or #reply < 4 then
    for _, item in ipairs(back) do window.back[#window.back + 1] = item end
    gone(self, tostring(err or "the reply is none"), now)
    return
  end
  window.shut = 0
  take_reply(window, reply, now)
  if now - began > self.slow then
    gone(self, ("an answer took %.1f s"):format(now - began), now)
  else
    is_back(self)
  end
end

local function can_ask(self, window, now)
  return (not window.asking or window.asking < now) and now >= window.closed and (not self.gone or now >= self.again)
end

-- Sees to it that those in line have slots, if there are any.
local function supply(self, window)
  local now = self.clock()
  sweep(window, now)
  local unused = #window.back
  hand_out(window, now)
  unused = #window.back - unused
  if not window.line[1] or not can_ask(self, window, now) then return end
  local want = wanted(self, window, unused, now)
  if want == 0 then return end
  ask(self, window, want)
  hand_out(window, self.clock())
end

local function in_line(window, place)
  for i, other in ipairs(window.line) do
    if other == place then return i end
  end
  return 1
end

-- The moment at which a place without Redis may go: by this process's share of the window.
local function local_moment(self, window, place, now)
  local list = recent(window, now)
  local share = math.max(1, math.floor(window.calls * self.share))
  local over = #list + window.flights + in_line(window, place) - share
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
  local turn = in_line(window, place) * window.seconds / (2 * window.most) / 2
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

local function send(ticket)
  for _, place in ipairs(ticket.places) do
    local window = place.window
    if place.grant then
      window.assigned[place], window.held = nil, window.held - 1
    else
      leave_line(window, place)
    end
    place.sent = true
    window.flights = window.flights + 1
  end
end

-- A place that was not used.
local function restock(place)
  local window, grant = place.window, place.grant
  if not grant then
    leave_line(window, place)
    return
  end
  if window.assigned[place] then window.assigned[place], window.held = nil, window.held - 1 end
  table.insert(window.stock, 1, grant)
end

local function landed(place, now)
  local window, grant = place.window, place.grant
  local free = now + window.seconds + CUT
  local list = window.recent
  list[#list + 1] = free
  give_back(window, grant or { slot = 0, lease = 0 }, free)
end

--- Makes a limiter.
-- @param given { eval = function(script, keys, args) -> reply | nil, err (redis_adapters.lua),
--   limits = as the option of jdcloud.new, fallback = "local" (default) or "fail",
--   share = part of each window that this process has without Redis (0.1), slow = seconds (1),
--   batch = slots at once (50, 1000 at most), prefix = of the keys ("jdcloud:"),
--   on_event = function({ event = "limiter", state = "gone" | "back", message, fallback }),
--   clock = function() -> monotonic seconds }
-- @return { reserve, settle: the option `limiter`; limit = function(name, calls, seconds); flush = function(): gives
--   back what is not used, before a process ends; trips = function() -> how often Redis was asked }
function M.new(given)
  options_of.check_redis(given, "limiter.redis")
  local fallback = given.fallback or "local"
  local self = {
    eval = given.eval, fallback = fallback, share = given.share or 0.1, slow = given.slow or SLOW,
    batch = math.min(given.batch or BATCH, BATCH_MAX), on_event = given.on_event, clock = given.clock or core.now,
    trips = 0, client = core.hex(core.random(8)), again = 0,
  }
  local allowance_of, set = allowance.new(given.limits)
  local prefix = given.prefix or "jdcloud:"
  local windows, kept, tickets, serial, since_sweep = {}, 0, {}, 0, 0

  local function window_of(key)
    local window = windows[key]
    if window then return window end
    if kept == WINDOWS then windows, kept = {}, 0 end
    local calls, seconds = allowance_of(key)
    window = new_window(key, calls, seconds, prefix)
    windows[key], kept = window, kept + 1
    return window
  end

  local function forget_dropped()
    local now = self.clock()
    since_sweep = 0
    for id, ticket in pairs(tickets) do
      if ticket.ends < now then
        tickets[id] = nil
        for _, place in ipairs(ticket.places) do
          if place.sent then place.window.flights = place.window.flights - 1 end
        end
      end
    end
  end

  local function open(keys, n)
    local ticket = { places = {}, ends = NEVER }
    for i = 1, #keys * n do
      local window = window_of(keys[(i - 1) % #keys + 1])
      local place = { window = window, ticket = ticket }
      ticket.places[i] = place
      window.line[#window.line + 1] = place
    end
    serial, since_sweep = serial + 1, since_sweep + 1
    tickets[serial] = ticket
    if since_sweep >= SWEEP then forget_dropped() end
    return ticket, serial
  end

  local function drop(id, ticket)
    for _, place in ipairs(ticket.places) do restock(place) end
    tickets[id] = nil
  end

  local limiter = {}

  function limiter.reserve(keys, n, now, latest, id)
    latest = latest or NEVER
    local ticket = id and tickets[id]
    if not ticket then ticket, id = open(keys, n) end
    ticket.ends = now + 2 * self.slow + PATIENCE
    for _, place in ipairs(ticket.places) do
      local grant = place.grant
      if not grant or grant.ends < now then supply(self, place.window) end
    end
    now = math.max(now, self.clock())
    local moment, wrong = moment_of(self, ticket, now)
    if not moment or moment > latest and moment > now then -- to come a little late is not to be too late
      drop(id, ticket)
      return nil, moment, wrong
    end
    if moment <= now then
      send(ticket)
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
    for _, place in ipairs(ticket.places) do
      local window = place.window
      if place.sent then window.flights = window.flights - 1 end
      if place.sent and outcome.outcome ~= "not_sent" then landed(place, now) else restock(place) end
      if outcome.outcome == "throttled" then
        local span = math.min(outcome.retry_after or math.min(SHUT, window.seconds), SHUT_MAX)
        window.shut = math.max(window.shut, now + span)
        window.closed = math.max(window.closed, window.shut)
      end
      -- One call now and then has its slot back at once; many have theirs with the next batch.
      local quiet = window.size == 1 and window.flights == 0 and not window.line[1]
      if (quiet or outcome.outcome == "throttled") and not window.asking and not self.gone then
        ask(self, window, 0)
      end
    end
  end

  function limiter.limit(name, calls, seconds)
    set(name, calls, seconds)
    windows, kept = {}, 0
  end

  function limiter.flush()
    for _, window in pairs(windows) do
      for _, grant in ipairs(window.stock) do give_back(window, grant, grant.start) end
      window.stock = {}
      if window.back[1] and not self.gone then ask(self, window, 0) end
    end
  end

  function limiter.trips() return self.trips end

  return limiter
end

return M
