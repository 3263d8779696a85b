-- redis_script.lua - what runs in Redis for the limiter (redis.lua): takes back slots and gives out others, by the
-- server's clock.
--
-- A window of N calls has N slots. `slots` has each with the moment (ms) from which on it is free: T after the last
-- answer or, while a client has it, the moment at which that client has promised to be done with it. So one that dies
-- costs its slots until then, and nobody else is told of a slot before it is surely free.
--
--   KEYS  slots (sorted set), state (hash: [slot] = lease of who has it, #lease, #made = slots made so far,
--         #epoch, #cold, #shut, and what the service said), clients (sorted set)
--   ARGV  1 calls  2 window ms  3 how many are wanted  4 ms that a client keeps one  5 ms until the keys expire
--         6 client  7 epoch that it knows, or ""  8 ms to shut the window for  9 "1" if the calls were set
--         10 lease of a call that was throttled, or 0  11 calls that the service announced, or 0
--         12 calls that the service has counted, when little is left, or ""  13 ms until its minute turns
--         14… slot (-slot if it was not used), lease, free in ms: what is given back; slot 0 is a call that was made
--         without one
--   reply epoch, clients, ms to wait if nothing was given, 1 if the state has just been lost, calls that are believed,
--         ms for which the window is shut, calls announced or 0, first lease that is after the last fall,
--         slot, lease, free in ms, …
--
-- What is learnt, by the rules of learn.lua: #told and #till, the announced limit and when it is forgotten; #fell,
-- #passed and #before (what was believed then), a fall; #after, the lease from which on slots were given out after it.
-- Leases grow: a slot that comes back used tells by its own whether its call went before the fall, and is one more of
-- those that went through then.
--
-- The state is lost when Redis is restarted without its data. Then a client knows an epoch that the server doesn't, and
-- the window stays shut for its length, since nobody knows of the calls in it.

local learn = require "jdcloud.limiter.learn"

local SCRIPT = [[
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slots, state, clients = KEYS[1], KEYS[2], KEYS[3]
local calls, window, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep, life = tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = {}

local known = redis.call('HMGET', state, '#epoch', '#cold', '#shut', '#made', '#told', '#till', '#fell', '#passed',
  '#before', '#after')
local function number(i) return tonumber(known[i] or 0) end
local cold, shut, told, fell, passed, before, after = number(2), number(3), number(5), number(7), number(8), number(9),
  number(10)
if number(6) <= now then told = 0 end

local epoch = known[1]
local lost = ARGV[7] ~= '' and ARGV[7] ~= (epoch or '')
if not epoch then
  epoch = ARGV[6] .. '-' .. now
  redis.call('HSET', state, '#epoch', epoch)
end
if lost and cold == 0 then
  cold = now + window
  redis.call('HSET', state, '#cold', cold)
end

local own, GROWTH = calls, { $growth }
local function believe()
  calls = own
  if told > 0 then calls = ARGV[9] == '1' and math.min(own, told) or told end
  local growth = fell > 0 and GROWTH[math.floor((now - fell) / window) + 1]
  if growth then
    local share = math.max(passed - math.max(passed / $fall, 1), math.floor(before / $most), 1)
    calls = math.min(calls, math.floor(share * growth))
  end
end

if tonumber(ARGV[11]) > 0 then
  told = tonumber(ARGV[11])
  redis.call('HSET', state, '#told', told, '#till', now + $told)
end
believe()

local made = math.min(number(4), calls)
local function make(score)
  while made < calls do
    made = made + 1
    if redis.call('ZADD', slots, 'NX', score, made) == 1 then return made end
  end
end

-- What is written at once, at the end of each part: a batch has many slots.
local function all(command, key, list)
  return #list > 0 and redis.call(command, key, unpack(list)) or {}
end

local back, scores, freed, without = {}, {}, {}, {}
for i = 14, #ARGV, 3 do back[#back + 1] = (string.gsub(ARGV[i], '^-', '')) end
local owners, late = all('HMGET', state, back), 0
for i = 14, #ARGV, 3 do
  local n = (i - 11) / 3
  local slot, lease, free, owner = back[n], ARGV[i + 1], now + ARGV[i + 2], owners[n]
  if slot == ARGV[i] and slot ~= '0' and free > now and tonumber(lease) < after then late = late + 1 end
  if slot == '0' then
    without[#without + 1] = free
  elseif owner == lease then
    scores[#scores + 1], scores[#scores + 2] = free, slot
    freed[#freed + 1] = slot
  elseif not owner and free > now then
    redis.call('ZADD', slots, 'NX', free, slot)
  end
end

all('ZADD', slots, scores)
all('HDEL', state, freed)
for _, free in ipairs(without) do
  local first = free > now and not make(free) and redis.call('ZRANGEBYSCORE', slots, '-inf', free, 'LIMIT', 0, 1)[1]
  if first then
    redis.call('ZADD', slots, 'XX', free, first)
    redis.call('HDEL', state, first)
  end
end

if late > 0 then
  passed = math.min(before, passed + late)
  redis.call('HSET', state, '#passed', passed)
  believe()
end

-- Calls that were answered in the last T, as far as that was told: of slots that are still held, and of those given out
-- ahead of their time. What else clients have is between these.
local function used()
  local held = redis.call('ZCOUNT', slots, '(' .. now, now + window + 1000)
  return held + redis.call('ZCOUNT', slots, '(' .. now + keep, '+inf')
end

local lease = redis.call('HINCRBY', state, '#lease', 1)
local till = tonumber(ARGV[8]) > 0 and now + ARGV[8] or 0
if ARGV[12] ~= '' then
  local ours = redis.call('ZCOUNT', slots, '(' .. now, '+inf')
  if ARGV[12] - ours > calls / $crowd then till = math.max(till, now + ARGV[13]) end
end
if tonumber(ARGV[10]) > 0 and tonumber(ARGV[10]) >= after then
  local counted = used()
  fell, before, after = now, calls, lease
  passed = math.min(counted, calls)
  redis.call('HSET', state, '#fell', fell, '#before', before, '#passed', passed, '#after', after)
  believe()
  made = math.min(made, calls)
  local over = redis.call('ZRANGEBYSCORE', slots, '(' .. now, now + window + 1000, 'WITHSCORES', 'LIMIT',
    math.max(0, counted - calls), 1)
  if counted >= calls and over[2] then till = math.max(till, tonumber(over[2])) end
end
if till > shut then
  shut = till
  redis.call('HSET', state, '#shut', shut)
end

local kept, leased = {}, {}
local function give(slot, from)
  from = math.max(from, now)
  leased[#leased + 1], leased[#leased + 2] = slot, lease
  kept[#kept + 1], kept[#kept + 2] = from + keep, slot
  reply[#reply + 1] = tonumber(slot)
  reply[#reply + 1] = lease
  reply[#reply + 1] = from - now
  want = want - 1
end

local function give_free(first, last)
  if want <= 0 then return end
  local list = redis.call('ZRANGEBYSCORE', slots, first, last, 'WITHSCORES', 'LIMIT', 0, want)
  for i = 1, #list, 2 do
    if tonumber(list[i]) > calls then
      redis.call('ZREM', slots, list[i])
      redis.call('HDEL', state, list[i])
    else
      give(list[i], tonumber(list[i + 1]))
    end
  end
end

local wait = math.max(shut, cold) - now
if wait <= 0 then
  give_free('-inf', now)
  while want > 0 do
    local slot = make(now)
    if not slot then break end
    give(slot, now)
  end
  give_free('(' .. now, now + window)
  wait = 0
  all('HSET', state, leased)
  all('ZADD', slots, kept)
  if want > 0 and #reply == 0 then
    local first = redis.call('ZRANGE', slots, 0, 0, 'WITHSCORES')
    wait = first[2] and math.max(1, math.min(first[2] - now, math.ceil(window / 10))) or 1
  end
end
redis.call('HSET', state, '#made', made)

redis.call('ZREMRANGEBYSCORE', clients, '-inf', now)
redis.call('ZADD', clients, now + math.max(window, 1000), ARGV[6])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, life) end
return { epoch, redis.call('ZCARD', clients), wait, cold > now and 1 or 0, calls, math.max(0, shut - now), told, after,
  unpack(reply) }
]]

local growth = {}
for i, factor in ipairs(learn.GROWTH) do growth[i] = ("%.6f"):format(factor) end
local values = {
  growth = table.concat(growth, ", "), fall = learn.FALL, told = learn.TOLD * 1000, crowd = learn.CROWD,
  most = learn.FALL_MOST,
}

return (SCRIPT:gsub("%$(%l+)", function(name) return tostring(values[name]) end))
