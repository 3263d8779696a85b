-- The parameters of a request, gathered from path, query and body and checked against the model: what a service says
-- before it looks at anything else.

local core = require "jdcloud.core"
local canonical = require "jdcloud.gateway.canonical"
local json = require "jdcloud.json"
local models = require "jdcloud.models"

local M = {}

local function refuse(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

-- "filters.1.values.2" -> { filters = { [1] = { values = { [2] = … } } } } (protocol.md 3.3)
local function place(params, name, value)
  local steps = {}
  for step in name:gmatch("[^.]+") do
    steps[#steps + 1] = step:find("^%d+$") and tonumber(step) or step -- not "nan", which LuaJIT's tonumber knows
  end
  local at = params
  for i = 1, #steps - 1 do
    if type(at[steps[i]]) ~= "table" then
      at[steps[i]] = {}
    end
    at = at[steps[i]]
  end
  if #steps > 0 then
    at[steps[#steps]] = value
  end
end

-- Clients of other languages send explicit nulls for what is unset; the service takes them as absent (protocol.md 3.4).
local function without_nulls(value)
  if value == json.null then
    return nil
  end
  if type(value) == "table" then
    for name, item in pairs(value) do
      value[name] = without_nulls(item)
    end
  end
  return value
end

local function gather(operation, request, path_values)
  local params = {}
  if operation.in_body then
    local body = request.body or ""
    if body ~= "" then
      params = without_nulls(json.decode(body))
      if type(params) ~= "table" or json.is_list(params) or params[1] ~= nil then
        return refuse("the body is not a JSON object")
      end
    end
  else
    for _, pair in ipairs(canonical.parameters(request.target)) do
      place(params, pair.name, pair.value)
    end
  end
  for name, value in pairs(path_values) do
    params[name] = value
  end
  return params
end

local function whole(value)
  return type(value) == "number" and value % 1 == 0 or type(value) == "string" and value:find("^%-?%d+$") ~= nil
end

local SCALARS = {
  string = function(value)
    return type(value) == "number" or type(value) == "string" and json.string(value) ~= nil
  end,
  integer = whole,
  number = function(value)
    return tonumber(value) ~= nil
  end,
  boolean = function(value)
    return type(value) == "boolean" or value == "true" or value == "false"
  end,
}

-- Text of a query becomes a value of the model's type; other values stay.
local function convert(value, kind)
  if kind == "integer" or kind == "number" then
    return tonumber(value)
  elseif kind == "boolean" then
    return value == true or value == "true"
  end
  return value
end

local fields

local function checked(value, expected, where)
  local kind = expected.kind
  if SCALARS[kind] then
    if not SCALARS[kind](value) then
      return refuse(where .. " must be of type " .. kind)
    end
    return convert(value, kind)
  elseif kind == "list" then
    if type(value) ~= "table" or (next(value) ~= nil and value[1] == nil) then
      return refuse(where .. " must be a list")
    end
    for i, item in ipairs(value) do
      local good, failure = checked(item, expected.of, where .. "." .. i)
      if failure then
        return nil, failure
      end
      value[i] = good
    end
  elseif kind == "struct" then
    if type(value) ~= "table" or json.is_list(value) or value[1] ~= nil then
      return refuse(where .. " must be an object")
    end
    return fields(value, models.shape(expected).fields, where .. ".")
  end
  return value
end

function fields(values, declared, prefix)
  for name, field in pairs(declared) do
    if values[name] == nil then
      if field.required then
        return refuse(prefix .. name .. " is required")
      end
    else
      local good, failure = checked(values[name], field.type, prefix .. name)
      if failure then
        return nil, failure
      end
      values[name] = good
    end
  end
  return values
end

local function known_region(text)
  for _, region in ipairs(core.enums.region) do
    if region.text == text then
      return true
    end
  end
  return false
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
  if params.regionId ~= nil and not known_region(params.regionId) then
    return refuse("regionId is not a region")
  end
  return fields(params, operation.params, "")
end

return M
