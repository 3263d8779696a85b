-- random_params.lua - random valid parameters of any operation, from the API facts: the same for the same seed on every
-- Lua. All kinds of values are among them: names and texts that need encoding, integers up to 64 bits as numbers and as
-- digits, fractions, null, empty lists, structs in structs.

local reference = require "support.reference"

local M = {}

local DEPTH_MAX = 4 -- structs and lists within each other; 37 shapes are recursive
local LIST_MAX = 3

local REGIONS = { "cn-north-1", "cn-east-1", "cn-east-2", "cn-south-1" }

-- Pieces of text by where they may stand: a slash is not for paths, control characters are for bodies. A value of a
-- path that ends in the verb of another operation, as `:start`, is that operation's path on the wire: none does here.
local PIECES = {
  "i-1", "a b", "a+b", "50%", "%41%2f", "a&b=c", "?#", ":no-verb", "~-_.x", "ü", "京东", "𐍈", "'\"", "(*)!", "$$", "@,;",
  "[1]", "\\", "{x}", "CamelCase", "null", "007", "<>|^`",
}
local PLACES = { path = #PIECES }
for _, piece in ipairs { "/", "a/b", "//", ".", " " } do PIECES[#PIECES + 1] = piece end
PLACES.query = #PIECES
for _, piece in ipairs { "\n\r\t", "\b\f", "\0\1\31\127", "\226\128\168", "" } do PIECES[#PIECES + 1] = piece end
PLACES.body = #PIECES

local INTEGERS = {
  "0", "1", "-1", "7", "20", "100", "65535", "1000000", "-1000000", "2147483648", "-4294967297", "9007199254740991",
  "9007199254740992", "-9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807",
  "-9223372036854775807", "-9223372036854775808", "1234567890123456789",
}
local FRACTIONS = { 0.5, -0.125, 12.25, 99.99, 0.001, 123456789.125, -1e-7, 2.5e-10 }
local KEYS = { "key", "Key", "end", "x-y", "k_1", "ü" }
local DAYS = { "2030-01-31", "2028-02-29", "2031-12-01" }

local Random = {}
Random.__index = Random

-- The minimal standard generator of Park and Miller; its products stay below 2^46, exact on every Lua.
function Random:below(n)
  self.state = self.state * 16807 % 2147483647
  return self.state % n
end

function Random:pick(list, n) return list[self:below(n or #list) + 1] end
function Random:chance(percent) return self:below(100) < percent end

local function new_random(seed, name, empty_list)
  local state = seed % 2147483647
  for i = 1, #name do state = (state * 31 + name:byte(i)) % 2147483647 end
  local random = setmetatable({ state = state == 0 and 1 or state, empty_list = empty_list }, Random)
  for _ = 1, 3 do random:below(2) end
  return random
end

local function text(random, place)
  local parts = {}
  for i = 1, random:below(3) + 1 do parts[i] = random:pick(PIECES, PLACES[place]) end
  return table.concat(parts)
end

-- A number as this Lua holds it exactly, or nil: an integer where it has them, else, or now and then, a float.
local function exact(random, digits)
  local n = tonumber(digits)
  local small = n > -2 ^ 53 and n < 2 ^ 53
  if math.type and (not small or random:chance(70)) then return math.tointeger(n) end
  return small and n + 0.0 or nil
end

local function integer(random, digits_too)
  local digits = random:pick(INTEGERS)
  if random:chance(30) then digits = ("%d"):format(random:below(1000000)) end
  local n = exact(random, digits)
  if digits_too and (n == nil or random:chance(30)) then return digits end
  return n or 1000000
end

local value

local function untyped_table(random, place, depth)
  local items = {}
  if place == "body" and random:chance(20) then return random.empty_list() end
  local as_list = random:chance(50)
  for i = 1, random:below(LIST_MAX) + (place == "query" and 1 or 0) do
    items[as_list and i or random:pick(KEYS)] = value(random, { kind = "any" }, place, depth + 1)
  end
  return items
end

local function untyped(random, place, depth)
  if random.minimal then return text(random, place) end
  local what = random:below(place == "path" and 2 or depth < DEPTH_MAX and 7 or 5)
  if what == 0 then return text(random, place) end
  if what == 1 then return integer(random) end
  if what == 2 then return random:chance(50) end
  if what == 3 then return random:pick(FRACTIONS, place == "body" and #FRACTIONS or 6) end
  if what == 4 then return place == "body" and reference.null or text(random, place) end
  return untyped_table(random, place, depth)
end

-- A ChargeSpec that keeps the rules of protocol.md 8.
local function charge(random)
  local periods = random:chance(50)
  local spec = periods and { chargeMode = "prepaid_by_duration" }
    or { chargeMode = random:pick { "postpaid_by_usage", "postpaid_by_duration" } }
  if not periods and random:chance(50) then
    spec.autoChangeChargeMode, spec.autoChangeChargeModeDate, periods = true, random:pick(DAYS), true
  elseif periods and random:chance(50) then
    spec.autoRenew = random:chance(50)
  end
  if periods then
    spec.chargeUnit = random:pick { "month", "year" }
    spec.chargeDuration = random:below(spec.chargeUnit == "year" and 3 or 9) + 1
  end
  if random:chance(20) then spec.buyScenario = "eyJhIjoxfQ==" end
  return spec
end

-- Some fields; where something must come of it in a query, the required ones do, or else the first.
local function struct(random, t, place, depth, must)
  if t.shape == "ChargeSpec" and t.service == "charge" then return charge(random) end
  if t.shape == "ChargeSpec" and t.service == "dbs" or t.shape == "InstanceChargeSpec" and t.service == "hpc" then
    return { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1 + random:below(9) }
  end
  local fields, values = reference.fields(t), {}
  if #fields.names == 0 then
    for _ = 1, random:below(LIST_MAX) do
      values[random:pick(KEYS)] = value(random, { kind = "any" }, place, depth + 1)
    end
    return values
  end
  for _, name in ipairs(fields.names) do
    if fields.required[name] then
      values[name] = value(random, fields.types[name], place, depth + 1, true)
    elseif depth < DEPTH_MAX and not random.minimal and random:chance(30) then
      values[name] = place == "body" and random:chance(5) and reference.null
        or value(random, fields.types[name], place, depth + 1)
    end
  end
  local name = fields.names[1]
  if must and place == "query" and not fields.required[name] then
    values[name] = value(random, fields.types[name], place, depth + 1, true)
  end
  return values
end

local function list(random, t, place, depth, must)
  local items = {}
  local needed = must and place == "query" and 1 or 0
  local more = depth < DEPTH_MAX and not random.minimal and random:below(LIST_MAX + 1 - needed) or 0
  for i = 1, needed + more do items[i] = value(random, t.of, place, depth + 1, true) end
  return items
end

function value(random, t, place, depth, must)
  local kind = t.kind
  if kind == "string" then return random:chance(10) and integer(random) or text(random, place) end
  if kind == "integer" then return integer(random, true) end
  if kind == "number" then return random:chance(50) and random:pick(FRACTIONS) or integer(random, true) end
  if kind == "boolean" then return random:chance(50) end
  if kind == "list" then return list(random, t, place, depth, must) end
  if kind == "struct" then return struct(random, t, place, depth, must) end
  local any = untyped(random, place, depth)
  if must and any == reference.null then return "x" end
  return any
end

-- What the client fills in is left out half of the time.
local function is_given(random, op, name)
  if name == "regionId" or name == "clientToken" then return random:chance(50) end
  return op.params.required[name] or random:chance(30)
end

--- A random valid value of a type of reference.lua, as small as it may be: required fields only.
-- @param place "path", "query" or "body"
function M.smallest(t, place, seed)
  local random = new_random(seed, place)
  random.minimal = true
  return value(random, t, place, 1, true)
end

--- Random valid parameters.
-- @param op of reference.operation
-- @param seed whole number
-- @param empty_list function() -> an empty list that is known for one where the type is any: jdcloud.list
-- @param minimal only the required ones
function M.params(op, seed, empty_list, minimal)
  local random, params = new_random(seed, op.service .. "." .. op.name, empty_list), {}
  random.minimal = minimal
  for _, name in ipairs(op.params.names) do
    local place, required = op.params.place[name], op.params.required[name]
    if minimal and required or not minimal and is_given(random, op, name) then
      if name == "regionId" then
        params[name] = random:pick(REGIONS)
      elseif not required and place == "body" and random:chance(5) then
        params[name] = reference.null
      else
        params[name] = value(random, op.params.types[name], place, 1, required)
      end
    end
  end
  return params
end

return M
