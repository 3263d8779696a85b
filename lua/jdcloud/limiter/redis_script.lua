-- redis_script.lua - what runs in Redis for the limiter (redis.lua): takes back slots and gives out others, by the
-- server's clock.
--
-- A window of N calls has N slots. `slots` has each with the moment (ms) from which on it is free: T after the last
-- answer or, while a client has it, the moment at which that client has promised to be done with it. So one that dies
-- costs its slots until then, and nobody else is told of a slot before it is surely free.
--
--   KEYS  slots (sorted set), state (hash: [slot] = lease of who has it, #lease, #made = slots made so far,
--         #epoch, #cold, #shut), clients (sorted set)
--   ARGV  1 calls  2 window ms  3 how many are wanted  4 ms that a client keeps one  5 ms until the keys expire
--         6 client  7 epoch that it knows, or ""  8 ms to shut the window for  9… slot, lease, free in ms: what is
--         given back; slot 0 is a call that was made without one
--   reply epoch, clients, ms to wait if nothing was given, 1 if the state has just been lost, slot, lease,
--         free in ms, …
--
-- The state is lost when Redis is restarted without its data. Then a client knows an epoch that the server doesn't, and
-- the window stays shut for its length, since nobody knows of the calls in it.
return [[
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slots, state, clients = KEYS[1], KEYS[2], KEYS[3]
local calls, window, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep, life = tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = {}

local function number(field) return tonumber(redis.call('HGET', state, field) or 0) end

local epoch = redis.call('HGET', state, '#epoch')
local lost = ARGV[7] ~= '' and ARGV[7] ~= (epoch or '')
if not epoch then
  epoch = ARGV[6] .. '-' .. now
  redis.call('HSET', state, '#epoch', epoch)
end
if lost then redis.call('HSETNX', state, '#cold', now + window) end

local shut = math.max(number('#shut'), number('#cold'))
if tonumber(ARGV[8]) > 0 then
  shut = math.max(shut, now + tonumber(ARGV[8]))
  redis.call('HSET', state, '#shut', shut)
end

local made = math.min(number('#made'), calls)
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
for i = 9, #ARGV, 3 do back[#back + 1] = ARGV[i] end
local owners = all('HMGET', state, back)
for i = 9, #ARGV, 3 do
  local slot, lease, free = ARGV[i], ARGV[i + 1], now + ARGV[i + 2]
  local owner = owners[(i - 6) / 3]
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

local lease, kept, leased = redis.call('HINCRBY', state, '#lease', 1), {}, {}
local function give(slot, from)
  from = math.max(from, now)
  leased[#leased + 1], leased[#leased + 2] = slot, lease
  kept[#kept + 1], kept[#kept + 2] = from + keep, slot
  reply[#reply + 1] = tonumber(slot)
  reply[#reply + 1] = lease
  reply[#reply + 1] = from - now
  want = want - 1
end

local function give_free(least, most)
  if want <= 0 then return end
  local list = redis.call('ZRANGEBYSCORE', slots, least, most, 'WITHSCORES', 'LIMIT', 0, want)
  for i = 1, #list, 2 do
    if tonumber(list[i]) > calls then
      redis.call('ZREM', slots, list[i])
      redis.call('HDEL', state, list[i])
    else
      give(list[i], tonumber(list[i + 1]))
    end
  end
end

local wait = shut - now
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
return { epoch, redis.call('ZCARD', clients), wait, number('#cold') > now and 1 or 0, unpack(reply) }
]]
