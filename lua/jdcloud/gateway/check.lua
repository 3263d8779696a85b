-- The parameters of a request, gathered from path, query and body and checked against the model: what a service says
-- before it looks at anything else. A service ignores what it doesn't know: unknown parameters stay as they came. Text
-- stands for numbers and booleans where there is only text, in path and query; digits do in a body too.

local core = require "jdcloud.core"
local canonical = require "jdcloud.gateway.canonical"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local walk = require "jdcloud.request.walk"

local M = {}

local null = json.null
local tointeger = math.tointeger

local function refuse(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

-- "filters.1.values.2" -> { filters = { [1] = { values = { [2] = … } } } } (protocol.md 3.3)
local function place(params, name, value)
  local at, key = params, nil
  for step in name:gmatch("[^.]+") do
    if key ~= nil then
      if type(at[key]) ~= "table" then
        at[key] = {}
      end
      at = at[key]
    end
    key = step:find("^[1-9]%d*$") and tonumber(step) or step
  end
  if key ~= nil then
    at[key] = value
  end
end

local function decoded(body)
  local params = json.decode(body)
  if type(params) ~= "table" or json.is_list(params) or params[1] ~= nil then
    return refuse("the body is not a JSON object")
  end
  return params
end

local function gather(operation, request, path_values)
  local params, body = {}, request.body or ""
  if not operation.in_body then
    if body ~= "" then
      return refuse("a " .. operation.method .. " has no body")
    end
    for _, pair in ipairs(canonical.parameters(request.target)) do
      place(params, pair.name, pair.value)
    end
  elseif body ~= "" then
    local failure
    params, failure = decoded(body)
    if not params then
      return nil, failure
    end
  end
  -- Other clients repeat these in the body, where a service ignores them (protocol.md 3.4).
  for name, value in pairs(path_values) do
    params[name] = value
  end
  return params
end

local LARGEST, SMALLEST = "9223372036854775807", "9223372036854775808" -- without signs

-- A whole number of 64 bits, exact: a number below 2^53, from there on what json.decode gives (an integer where this
-- Lua has them, else digits). nil if it is none.
local function integer(value)
  if type(value) == "number" then
    if value % 1 ~= 0 or value >= 2 ^ 63 or value < -2 ^ 63 then
      return nil
    end
    return tointeger and tointeger(value) or value
  elseif type(value) ~= "string" then
    return nil
  end
  local sign, digits = value:match("^(%-?)(%d+)$")
  digits = digits and digits:match("^0*(.+)$")
  local limit = sign == "-" and SMALLEST or LARGEST
  if not digits or #digits > #limit or #digits == #limit and digits > limit then
    return nil
  end
  local n = tonumber(sign .. digits)
  if tointeger then
    return tointeger(n)
  end
  return n < 2 ^ 53 and n > -2 ^ 53 and n or sign .. digits
end

local function number(value)
  if type(value) == "string" then
    local known = value:find("^%-?%d+%.?%d*$") or value:find("^%-?%d+%.?%d*[eE][+-]?%d+$")
    return known and tonumber(value) or nil
  end
  return type(value) == "number" and value or nil
end

-- Each gives the value as its type has it, or nil.
local SCALARS = {
  string = function(value)
    return type(value) == "string" and json.string(value) and value or nil
  end,
  integer = integer,
  number = number,
  boolean = function(value, in_body)
    if type(value) == "boolean" then
      return value
    elseif in_body or value ~= "true" and value ~= "false" then
      return nil
    end
    return value == "true"
  end,
}

local fields -- function(c, values, shape, prefix)

-- A list has its elements from 1, one after another.
local function is_list(value)
  if type(value) ~= "table" then
    return false
  end
  local count, last = 0, 0
  for key in pairs(value) do
    if type(key) ~= "number" then
      return false
    end
    count, last = count + 1, math.max(last, key)
  end
  return count == last
end

local function charge(value, where)
  -- The API's default, unlike the contract's (protocol.md 8), is what a service does that is told nothing.
  value.chargeMode = value.chargeMode or "postpaid_by_duration"
  value.chargeDuration = tonumber(value.chargeDuration) -- digits mean more than any duration
  local problem = (core.charge_check(value) or {})[1]
  if problem then
    return refuse(where .. "." .. problem.field .. ": " .. problem.message)
  end
  return value
end

local function checked(c, value, expected, where)
  local kind = expected.kind
  local scalar = SCALARS[kind]
  if scalar then
    local good = scalar(value, c.in_body)
    if good == nil then
      return refuse(where .. " must be of type " .. kind)
    end
    return good
  elseif kind == "list" then
    if not is_list(value) then
      return refuse(where .. " must be a list")
    end
    for i, item in ipairs(value) do
      if item ~= null then
        local good, failure = checked(c, item, expected.of, where .. "." .. i)
        if failure then
          return nil, failure
        end
        value[i] = good
      end
    end
    return json.list(value)
  elseif kind == "struct" then
    if type(value) ~= "table" or json.is_list(value) or value[1] ~= nil then
      return refuse(where .. " must be an object")
    end
    local good, failure = fields(c, value, models.shape(expected), where .. ".")
    if good and walk.is_charge(expected) then
      return charge(value, where)
    end
    return good, failure
  end
  return value
end

-- Null is what clients of other languages send for what is unset; a service takes it as absent (protocol.md 3.4).
function fields(c, values, shape, prefix)
  for _, field in ipairs(shape.list) do
    local name = field.name
    local value = values[name]
    if value == null and field.type.kind ~= "any" then
      values[name], value = nil, nil
    end
    if value == nil then
      if field.required then
        return refuse(prefix .. name .. " is required")
      end
    else
      local good, failure = checked(c, value, field.type, prefix .. name)
      if failure then
        return nil, failure
      end
      values[name] = good
    end
  end
  return values
end

--- Gathers and checks the parameters of a request. Messages name parameters and types, never values.
-- @param operation of the model
-- @param request { method, target, body } as it arrived
-- @param path_values { [placeholder] = decoded value }
-- @return { [name] = value } | nil, failure { http, status, message }
function M.parameters(operation, request, path_values)
  local params, failure = gather(operation, request, path_values)
  if not params then
    return nil, failure
  end
  -- Regions are open text: new ones open (design.md, Region).
  if params.regionId ~= nil and not (type(params.regionId) == "string" and core.region_shape(params.regionId)) then
    return refuse("regionId is not a region")
  end
  return fields({ in_body = operation.in_body }, params, operation, "")
end

return M
