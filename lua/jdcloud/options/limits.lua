-- limits.lua - what is wrong with the option `limits`, entry by entry: a limit that is none would let calls through,
-- and one of a name that nothing has would never hold.

local nearest = require "jdcloud.nearest"

local M = {}

local CALLS_MAX, SECONDS_MIN, SECONDS_MAX = 1e9 - 1, 0.001, 31 * 86400 -- as the core has them (limit.h)

local TABLE = 'false, or a table like { vm = 500, ["censor.textResultsV2"] = { 20, 10 } }'
local CALLS = "a whole number of calls from 1 to 999999999"
local EITHER = CALLS .. " a minute, or { calls, seconds }"
local SECONDS = "a number of seconds from 0.001 to 31 days"
local NAME = "the name of a service, or of service.operation"

-- ", not …": numbers as they are, of anything else its type.
local function but(value)
  if value == nil then return ", and there is none" end
  if value ~= value then return ", not NaN" end
  return ", not " .. (type(value) == "number" and ("%.14g"):format(value) or "a " .. type(value))
end

local function is_number(value, least, most)
  return type(value) == "number" and value >= least and value <= most
end

local function is_calls(value)
  return is_number(value, 1, CALLS_MAX) and value % 1 == 0
end

-- What a name must be; nil if it is one.
local function wrong_name(name)
  if type(name) ~= "string" then return "named: " .. NAME end
  local service, operation = name:match("^([^.:]+):([^.:]+)$")
  if service then return ('written with a dot, "%s.%s"'):format(service, operation) end
  if not name:find("^[^.:/%s]+$") and not name:find("^[^.:/%s]+%.[^.:/%s]+$") then return NAME end
  if not name:match("^[^.]+"):find("^[%l%d-]+$") then
    return NAME .. ', as "vm" or "vm.describeInstances": services are written in small letters'
  end
  return nil
end

-- What a limit must be; nil if it is one.
local function wrong_limit(limit)
  if type(limit) ~= "table" then
    return not is_calls(limit) and EITHER .. but(limit) or nil
  end
  for key in pairs(limit) do
    if key ~= 1 and key ~= 2 then
      return ("{ calls, seconds } without names or more, and it has %s"):format(
        type(key) == "string" and '"' .. key .. '"' or "[" .. tostring(key) .. "]")
    end
  end
  if not is_calls(limit[1]) then return "{ calls, seconds }: the first is " .. CALLS .. but(limit[1]) end
  if not is_number(limit[2], SECONDS_MIN, SECONDS_MAX) then
    return "{ calls, seconds }: the second is " .. SECONDS .. but(limit[2])
  end
  return nil
end

--- A rule of options.lua: false, or { [service or service.operation] = calls a minute | { calls, seconds } }. Whole
-- calls: a fraction would be cut to 0, which is no limit at all for the core.
-- @return true | false, what it or its entry must be, which entry or nil
function M.rule(value)
  if value == false then return true end
  if type(value) ~= "table" then return false, TABLE .. but(value) end
  for name, limit in pairs(value) do
    local expected = wrong_name(name)
    if expected then
      return false, expected, (type(name) == "string" and 'the name "%s"' or "the entry [%s]"):format(tostring(name))
    end
    expected = wrong_limit(limit)
    if expected then return false, expected, ('the limit of "%s"'):format(name) end
  end
  return true
end

--- What is wrong with the name of a limit that passed the rule. One that isn't known may be right, for cloud:request;
-- one that is nearly a known one is a slip.
-- @param registry of models
-- @return message | nil
function M.unknown(registry, name)
  local service, operation = name:match("^([^.]+)%.?(.*)$")
  local model, suggestion = registry:service(service), ""
  if not model then
    suggestion = nearest.suggest(service, registry:services())
  elseif operation ~= "" and not model:has(operation) then
    suggestion = nearest.suggest(operation, model:operations())
  end
  return suggestion ~= "" and ('"%s" is not known%s'):format(name, suggestion) or nil
end

return M
