-- dict_learn.lua - what the limiter in a shared dictionary (dict.lua) has learnt of a window, by the rules of
-- learn.lua. It lies in the dictionary, so it holds for all workers, and outlives them; it ends by time.
--
-- Keys in the dictionary, after "limit:" and the window's name:
--   :x  shut until this moment            :l  calls that the service announced
--   :t  the moment of the last fall       :p  calls that went through before it
--   :v  what it may fall to at least      :m  calls for which the counter goes round
--   :w  somebody writes these
-- A worker that reads while another writes, or is killed between, believes something wrong until the next fall at most.

local learn = require "jdcloud.limiter.learn"

local M = {}

local SPARE = 0.002 -- seconds that a key outlives its moment: nginx's clock is cut
local WRITING = 0.1 -- seconds that somebody may take who writes; a killed one is forgotten then
local LOOK = 1 -- seconds between two looks at how many slots are in use
local COUNTED = 4096 -- slots of which one counts how many are in use; of more every second, third … stands for all
local SPANS = #learn.GROWTH

--- Adds the names of the keys to a window, which has { calls, seconds, own = calls, set }.
function M.prepare(window, prefix)
  window.shut, window.told, window.fell = prefix .. ":x", prefix .. ":l", prefix .. ":t"
  window.passed, window.least, window.writing = prefix .. ":p", prefix .. ":v", prefix .. ":w"
  window.round = prefix .. ":m"
  window.ceiling, window.renew, window.looked = window.own, 0, -math.huge
end

-- Somebody does what only one should; others leave it to him.
local function alone(dict, window, write, ...)
  if not dict:safe_add(window.writing, 1, WRITING) then return end
  write(dict, window, ...)
  dict:delete(window.writing)
end

-- The slots became more or fewer: the counter goes on where it is, since from there on they are free soonest.
local function go_round(dict, window)
  local was = dict:get(window.round) or window.own
  if was == window.calls then return end
  local at = (dict:get(window.counter) or 0) % was
  dict:safe_set(window.counter, math.min(at, window.calls - 1))
  dict:safe_set(window.round, window.calls)
end

--- Reads what is believed now: window.calls, and window.ceiling above it.
function M.look(dict, window, now)
  window.announced = dict:get(window.told)
  local ceiling = learn.ceiling(window.own, window.set, window.announced)
  local fell, calls = dict:get(window.fell), ceiling
  if fell then
    local passed, least = dict:get(window.passed) or ceiling, dict:get(window.least) or 1
    calls = learn.share(passed, least, math.floor((now - fell) / window.seconds), ceiling)
  end
  window.ceiling = ceiling
  if calls == window.calls then return end
  window.calls = calls
  alone(dict, window, go_round)
end

-- When the slot is free, if that is later than now. Of a call on the way nobody knows: now and T.
local function held_until(dict, window, slot, now)
  local value = dict:get(window.slots[slot])
  if not value or value >= 0 and value <= now then return nil end
  return value < 0 and now + window.seconds or value
end

--- How many slots are taken, by calls on the way and by those of the last T.
function M.used(dict, window, now)
  local step, n = math.ceil(window.ceiling / COUNTED), 0
  for slot = 0, window.ceiling - 1, step do
    if held_until(dict, window, slot, now) then n = n + step end
  end
  return math.min(n, window.ceiling)
end

local function shut(dict, window, now, seconds)
  if now + seconds <= (dict:get(window.shut) or now) then return end
  dict:safe_set(window.shut, now + seconds, seconds + SPARE)
end

-- What is believed falls. Then the calls of the last T are more than that, and the window stays shut until enough of
-- them are over.
local function write_fall(dict, window, now, known)
  if dict:get(window.fell) ~= known then return end
  local life, ends = SPANS * window.seconds, {}
  for slot = 0, window.ceiling - 1, math.ceil(window.ceiling / COUNTED) do
    ends[#ends + 1] = held_until(dict, window, slot, now)
  end
  local passed, before = math.min(#ends * math.ceil(window.ceiling / COUNTED), window.calls), window.calls
  dict:safe_set(window.least, learn.least(before), life)
  dict:safe_set(window.passed, passed, life)
  dict:safe_set(window.fell, now, life)
  window.calls = learn.share(passed, learn.least(before), 0, window.ceiling)
  go_round(dict, window)
  local over = #ends - math.floor(window.calls / math.ceil(window.ceiling / COUNTED))
  if over < 0 then return end
  table.sort(ends)
  shut(dict, window, now, ends[math.min(over + 1, #ends)] - now)
end

local function fall(dict, window, went, now)
  M.look(dict, window, now)
  local fell = dict:get(window.fell)
  if fell and went < fell then
    dict:incr(window.passed, -1) -- it was on the way then, and counted
  else
    alone(dict, window, write_fall, now, fell)
  end
end

local function announced(dict, window, now, limit, left)
  if window.announced ~= limit or now >= window.renew then
    dict:safe_set(window.told, limit, learn.TOLD)
    window.announced, window.renew = limit, now + learn.RENEW
  end
  if not learn.is_little(limit, left) or now < window.looked + LOOK or dict:get(window.shut) then return end
  window.looked = now
  if limit - left - M.used(dict, window, now) > learn.crowd(limit) then
    shut(dict, window, now, learn.turn(window, now))
  end
end

--- Takes what an answer says about one of its call's windows.
-- @param went the moment at which the call went
-- @param is_first, is_last of the call's windows
function M.answered(dict, window, went, now, outcome, is_first, is_last)
  if outcome.date then learn.date(window, now, outcome.date) end
  local limit, left = learn.announced(window, is_first, outcome)
  if limit then announced(dict, window, now, limit, left) end
  if outcome.outcome ~= "throttled" or not learn.concerns(outcome.role, is_first, is_last) then return end
  shut(dict, window, now, learn.shut(window, now, outcome))
  if not limit then fall(dict, window, went, now) end
end

return M
