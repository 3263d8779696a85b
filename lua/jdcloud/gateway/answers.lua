-- answers.lua - results for operations that have no behaviour of their own: true to the shape of the model, plausible,
-- and the same every time for one seed, one operation and the same parameters.

local collection = require "jdcloud.gateway.collection"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local values = require "jdcloud.gateway.values"

local M = {}

local DEPTH_MAX = 5 -- 37 shapes are recursive
local ITEM_DEPTH = 3 -- where the items of a result's list are
local VALUES_MAX = 250 -- of one result or item; lists are empty and structs left out from then on

local draw = values.draw

local value_of -- function(c, t, name, depth, in_item)

-- What the request says is what the answer says, where name and type are the same: the disk of describeDisk{diskId}.
local function given(c, kind, name)
  local value, parameter = c.params[name], c.operation.params[name]
  if value == nil or type(value) == "table" or not parameter then
    return nil
  elseif parameter.type.kind ~= kind or parameter.secret then
    return nil
  elseif kind == "integer" and type(value) == "string" then
    return values.integer(value)
  end
  return value
end

-- Is this the id by which one item of a list is told from another? taskId of a TaskInfo is, diskId of a Snapshot isn't.
local function is_own_id(shape, name)
  local stem = name:lower():match("^(.-)i?d?$")
  return name:find "[iI][dD]$" ~= nil and shape:lower():find(stem, 1, true) ~= nil
end

-- How many items a list has: some at the top, where somebody looks for them, fewer below.
local function length_of(c, name, depth)
  if depth >= DEPTH_MAX or c.left <= 0 or name == c.made_elsewhere then
    return 0
  elseif depth <= 3 then
    return 2 + draw(c.stream, 2)
  end
  return draw(c.stream, 3)
end

local function list_of(c, t, name, depth)
  local items = json.list {}
  for i = 1, length_of(c, name, depth) do
    items[i] = value_of(c, t.of, name, depth + 1, true)
  end
  return items
end

-- Counts beside a list tell how long it is.
local COUNTS = {
  totalCount = true, total = true, totalElements = true, numberRecords = true, currentCount = true, count = true,
  totalNum = true, totalNumber = true, totalRecord = true, totalRecords = true, totalSize = true,
}

local function count(fields, shape, length)
  for name in pairs(COUNTS) do
    local field = shape.fields[name]
    local kind = field and field.type.kind
    if kind == "integer" or kind == "any" then
      fields[name] = length
    elseif kind == "string" then
      fields[name] = ("%d"):format(length)
    end
  end
end

local function struct_of(c, t, depth, in_item)
  if t.service == "charge" and t.shape == "Charge" then
    return values.charge(c.stream)
  end
  local shape, fields, length = models.shape(t), {}, nil
  local list = shape.list
  if #list == 0 then
    return { name = values.value(c.stream, "string", "name", c) }
  end
  for i = 1, #list do
    local field = list[i]
    local kind, name = field.type.kind, field.name
    if kind == "struct" then
      if depth < DEPTH_MAX and c.left > 0 then
        fields[name] = struct_of(c, field.type, depth + 1, false)
      end
    elseif kind == "list" then
      fields[name] = list_of(c, field.type, name, depth + 1)
      length = length or #fields[name]
    else
      local value
      if c.params[name] ~= nil and not field.secret and not (in_item and is_own_id(shape.name, name)) then
        value = given(c, kind, name)
      end
      if value == nil then
        value = values.value(c.stream, kind, name, c)
      end
      fields[name] = value
    end
  end
  c.left = c.left - #list
  if length then
    count(fields, shape, length)
  end
  return fields
end

function value_of(c, t, name, depth, in_item)
  local kind = t.kind
  if kind == "struct" then
    return struct_of(c, t, depth, in_item)
  elseif kind == "list" then
    return list_of(c, t, name, depth)
  end
  c.left = c.left - 1
  return values.value(c.stream, kind, name, c)
end

local function region_of(params)
  local region = params.regionId or params.region
  return type(region) == "string" and region or "cn-north-1"
end

-- What the value of one key is made with.
local function context_of(operation, params, context, key)
  return {
    operation = operation,
    params = params,
    region = region_of(params),
    stream = values.stream(("%.0f/%s:%s%s"):format(context.seed, operation.service, operation.name, key)),
    left = VALUES_MAX,
  }
end

--- A maker of values for the answer to one request.
-- @param operation of the model
-- @param params (table) of the request, checked
-- @param context { seed = whole number }
-- @return make(t, key) -> a value of the model's type t; key, the list's name and a number ("disks-7"), tells one from
--   another: the same key, operation, seed and parameters give the same value. A struct is an item of a list: an id of
--   its own is not the request's.
function M.maker(operation, params, context)
  return function(t, key)
    local c = context_of(operation, params, context, "/" .. key)
    return value_of(c, t, key:match("^(.-)%-?%d*$"), ITEM_DEPTH, true)
  end
end

--- Makes a result.
-- @param operation of the model
-- @param params (table) of the request, checked
-- @param context { seed = whole number } and what collection.answer takes
-- @return (table) for every field of the shape a value; {} if the operation has no result; if it pages, a page
function M.result(operation, params, context)
  local t, paging = operation.result, operation.paging
  if not t then
    return {}
  end
  local c = context_of(operation, params, context, "")
  c.made_elsewhere = paging and paging.list and paging.list:match("[^.]+$")
  local result
  if t.kind == "struct" then
    result = struct_of(c, t, 1, false)
  elseif not paging then
    return { id = values.value(c.stream, "any", "id", c), name = values.value(c.stream, "any", "name", c) }
  end
  if paging then
    local make = M.maker(operation, collection.other_parameters(operation, params), context)
    return collection.answer(operation, params, context, make, result or {})
  end
  return result
end

return M
