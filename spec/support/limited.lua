-- limited.lua - callers that go through limiters on a virtual clock, and what a server sees of them: for the specs of
-- limiters that several processes share.

local M = {}

--- Runs callers for a while.
-- @param world { now = seconds }: the clock, which this moves
-- @param limiters list; each is one process's
-- @param given { keys, callers, seconds, latency = function() -> seconds, pause = function() -> seconds or nil,
--   patience = seconds or nil, dies = function() -> bool or nil (a caller that never settles),
--   serve = function(now) -> outcome for settle (M.server's) or nil: all calls go through }
-- @return { sent = list of { at, answered }, refused = count, waits = list of seconds, order = list of the moments at
--   which those who went had come }
function M.run(world, limiters, given)
  local events, last = {}, 0
  local seen = { sent = {}, refused = 0, waits = {}, order = {} }
  local began = world.now

  local function at(moment, f)
    local ms = math.ceil(moment * 1000 - 1e-6)
    events[ms] = events[ms] or {}
    table.insert(events[ms], f)
    last = math.max(last, ms)
  end

  local ask, come

  local function go(limiter, ticket, came)
    local call = { at = world.now }
    seen.sent[#seen.sent + 1] = call
    seen.waits[#seen.waits + 1] = world.now - came
    seen.order[#seen.order + 1] = came
    call.answered = world.now + given.latency()
    local outcome = given.serve and given.serve(world.now) or { outcome = "done" }
    if given.dies and given.dies() then return end
    at(call.answered, function()
      limiter.settle(ticket, world.now, outcome)
      if outcome.outcome == "throttled" then return ask(limiter, nil, came, nil) end
      at(world.now + (given.pause and given.pause() or 0), function() come(limiter) end)
    end)
  end

  function ask(limiter, ticket, came, latest)
    local wait, id = limiter.reserve(given.keys, 1, world.now, latest, ticket)
    if not wait then
      seen.refused = seen.refused + 1
      at(world.now + 0.01, function() come(limiter) end)
    elseif wait == 0 then
      go(limiter, id, came)
    else
      at(world.now + wait, function() ask(limiter, id, came, latest) end)
    end
  end

  function come(limiter)
    if world.now - began >= given.seconds then return end
    ask(limiter, nil, world.now, given.patience and world.now + given.patience)
  end

  for i = 1, given.callers do
    at(world.now + i * 1e-6, function() come(limiters[i % #limiters + 1]) end)
  end
  local ms = math.floor(world.now * 1000)
  while ms <= last and ms < (began + given.seconds) * 1000 do
    local list = events[ms]
    if list then
      world.now = ms / 1000
      local i = 1
      while list[i] do -- it may grow while it is run
        list[i]()
        i = i + 1
      end
      events[ms] = nil
    end
    ms = ms + 1
  end
  return seen
end

--- A service that counts by the minute of its own clock.
-- @param given { limit = calls, ahead = seconds that its clock is ahead, no_date, announces = does it send headers?,
--   others = function(second of the minute) -> calls that others have made of it by then, or nil }
-- @return function(now) -> outcome for settle, list of { passed, throttled } by minute
function M.server(given)
  local minutes, first = {}, nil
  return function(now)
    local wall = now + given.ahead
    local minute, second = math.floor(wall / 60), wall % 60
    first = first or minute
    while #minutes <= minute - first do minutes[#minutes + 1] = { passed = 0, throttled = 0 } end
    local seen = minutes[minute - first + 1]
    local left = given.limit - seen.passed - (given.others and given.others(second) or 0)
    local outcome = { outcome = left > 0 and "done" or "throttled" }
    if not given.no_date then outcome.date = math.floor(wall) end
    local counter = left > 0 and "passed" or "throttled"
    seen[counter] = seen[counter] + 1
    if given.announces then outcome.limit, outcome.remaining = given.limit, math.max(0, left - 1) end
    return outcome
  end, minutes
end

--- The most calls that a server could have counted in any `seconds`: a call counts at one moment between its sending
-- and its answer, whichever is worse for us.
function M.most(sent, seconds)
  local starts, most = {}, 0
  for i, call in ipairs(sent) do starts[i] = call.at end
  table.sort(starts)
  -- The k-th and the (k + N)-th call are T apart, answer to sending, if every call has a partner: compare both sorted.
  local ends = {}
  for i, call in ipairs(sent) do ends[i] = call.answered end
  table.sort(ends)
  local first = 1
  for i = 1, #starts do
    while ends[first] + seconds <= starts[i] + 1e-9 do first = first + 1 end
    most = math.max(most, i - first + 1)
  end
  return most
end

return M
