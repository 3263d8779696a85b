-- Results for operations that have no behaviour of their own: true to the shape of the model, the same every time.

local json = require "jdcloud.json"
local models = require "jdcloud.models"

local M = {}

local DEPTH_MAX = 4 -- 37 shapes are recursive
local ITEMS = 2

local value_of

local function list_of(expected, name, depth)
  local items = json.list {}
  for i = 1, depth < DEPTH_MAX and ITEMS or 0 do
    items[i] = value_of(expected.of, name, depth + 1, i)
  end
  return items
end

local function struct_of(expected, depth, number)
  local fields = {}
  for name, field in pairs(depth < DEPTH_MAX and models.shape(expected).fields or {}) do
    fields[name] = value_of(field.type, name, depth + 1, number)
  end
  return fields
end

function value_of(expected, name, depth, number)
  local kind = expected.kind
  if kind == "string" or kind == "any" then
    return name .. "-" .. number
  elseif kind == "integer" or kind == "number" then
    return number
  elseif kind == "boolean" then
    return number % 2 == 1
  elseif kind == "list" then
    return list_of(expected, name, depth)
  end
  return struct_of(expected, depth, number)
end

-- Counts at the top tell how many items the lists beside them have, else a reader would ask for pages for ever.
local COUNTS = { totalCount = true, total = true, totalElements = true, numberRecords = true, currentCount = true }

--- Makes a result.
-- @param expected the operation's result type of the model, or nil
-- @return (table) for every field of the shape a value: text is the field's name and a number, lists have two items
function M.result(expected)
  if not expected or expected.kind ~= "struct" then
    return {}
  end
  local result = struct_of(expected, 0, 1)
  for name in pairs(result) do
    if COUNTS[name] then
      result[name] = ITEMS
    end
  end
  return result
end

return M
