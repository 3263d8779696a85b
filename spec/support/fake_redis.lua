-- fake_redis.lua - as much of a Redis as the limiter's script uses, in this process and on a clock that the test moves.
-- spec/host/redis_spec.lua has the real one.

local M = {}

local unpack = table.unpack or unpack

local function text(value) return type(value) == "number" and ("%.17g"):format(value) or value end

local function bound(value, least)
  if value == "-inf" then return -math.huge, false end
  if value == "+inf" then return math.huge, false end
  local open = value:sub(1, 1) == "("
  return tonumber(open and value:sub(2) or value), open and least
end

-- The members of a sorted set between two scores.
local function within(set, first, last)
  local low, open = bound(first, true)
  local high, list = bound(last, false), {}
  for member, score in pairs(set) do
    if (score > low or score == low and not open) and score <= high then list[#list + 1] = { member, score } end
  end
  return list
end

-- The same, in order.
local function between(set, first, last)
  local list = within(set, first, last)
  table.sort(list, function(a, b) return a[2] < b[2] or a[2] == b[2] and a[1] < b[1] end)
  return list
end

local function flat(list, from, count)
  local out = {}
  for i = from + 1, math.min(#list, from + count) do
    out[#out + 1] = list[i][1]
    out[#out + 1] = text(list[i][2])
  end
  return out
end

local commands = {}

function commands.HMGET(hash, ...)
  local out = {}
  for i, field in ipairs { ... } do out[i] = hash[field] or false end
  return out
end

function commands.HSET(hash, ...)
  local list = { ... }
  for i = 1, #list, 2 do hash[list[i]] = list[i + 1] end
  return #list / 2
end

function commands.HDEL(hash, ...)
  for _, field in ipairs { ... } do hash[field] = nil end
  return 0
end

function commands.HINCRBY(hash, field, by)
  hash[field] = text((tonumber(hash[field]) or 0) + tonumber(by))
  return tonumber(hash[field])
end

function commands.ZADD(set, flag, ...)
  local list = { ... }
  if flag ~= "NX" and flag ~= "XX" then table.insert(list, 1, flag) end
  local added = 0
  for i = 1, #list, 2 do
    local score, member = tonumber(list[i]), list[i + 1]
    if not set[member] then added = added + 1 end
    if not (flag == "NX" and set[member]) and not (flag == "XX" and not set[member]) then set[member] = score end
  end
  return added
end

function commands.ZREM(set, member) set[member] = nil return 1 end

function commands.ZCARD(set) return #within(set, "-inf", "+inf") end

function commands.ZCOUNT(set, first, last) return #within(set, first, last) end

-- ZRANGEBYSCORE set first last [WITHSCORES] [LIMIT from count]
function commands.ZRANGEBYSCORE(set, first, last, ...)
  local list, given = between(set, first, last), { ... }
  local scores = given[1] == "WITHSCORES"
  local from, count = tonumber(given[scores and 3 or 2]) or 0, tonumber(given[scores and 4 or 3]) or math.huge
  local out = flat(list, from, count)
  if scores then return out end
  local members = {}
  for i = 1, #out, 2 do members[#members + 1] = out[i] end
  return members
end

function commands.ZRANGE(set, first, last) -- with scores
  return flat(between(set, "-inf", "+inf"), tonumber(first), tonumber(last) - tonumber(first) + 1)
end

function commands.ZREMRANGEBYSCORE(set, first, last)
  for _, item in ipairs(within(set, first, last)) do set[item[1]] = nil end
  return 0
end

function commands.PEXPIRE() return 1 end

local function compile(script, environment)
  if setfenv then return setfenv(assert(loadstring(script)), environment) end
  return assert(load(script, "=script", "t", environment))
end

--- Makes a Redis.
-- @param clock function() -> seconds
-- @return the `eval` of limiters
function M.new(clock)
  local data, compiled, environment = {}, {}, {}
  local function call(command, key, ...)
    if command == "TIME" then
      local now = clock()
      return { text(math.floor(now)), text(math.floor(now % 1 * 1e6 + 0.5)) }
    end
    local args = { ... }
    for i = 1, #args do args[i] = text(args[i]) end
    data[key] = data[key] or {}
    return commands[command](data[key], unpack(args))
  end
  for _, name in ipairs { "math", "string", "tonumber", "ipairs", "pairs" } do environment[name] = _G[name] end
  environment.redis, environment.unpack = { call = call }, unpack
  return function(script, keys, args)
    local run = compiled[script] or compile(script, environment)
    compiled[script] = run
    environment.KEYS, environment.ARGV = keys, args
    local reply = run()
    for i, value in ipairs(reply) do
      if type(value) == "number" then reply[i] = math.floor(value) end
    end
    return reply
  end
end

return M
