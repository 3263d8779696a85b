-- paging.lua - the operations that page, and what their lists hold, for the specs of paging.

local models = require "jdcloud.models"

local M = {}

-- Where the gateway puts the items of an operation whose list the model doesn't know; nil where it has no place.
local function guessed(op)
  if not op.result then return nil end
  if op.paging.lists then return op.paging.lists:match("^[^,]+") end
  if op.result.kind == "any" then return "list" end
  for _, field in ipairs(models.shape(op.result).list) do
    if field.type.kind == "any" then return field.name .. ".list" end
  end
  return nil
end

--- All operations that page, in the order of their names.
-- @return list of { op, items = nil, or the option `items` that its list needs, has_list = bool }
function M.operations()
  local list = {}
  for _, service in ipairs(models.services()) do
    local model = models.service(service)
    for _, name in ipairs(model:operations()) do
      local op = model:operation(name)
      if op.paging then
        local items = not op.paging.list and guessed(op) or nil
        list[#list + 1] = { op = op, items = items, has_list = (op.paging.list or items) ~= nil }
      end
    end
  end
  return list
end

local value_of

local function struct_of(shape)
  local value = {}
  for _, field in ipairs(shape.list) do
    if field.required then value[field.name] = value_of(field.type) end
  end
  return value
end

function value_of(t)
  local kind = t.kind
  if kind == "struct" then return struct_of(models.shape(t)) end
  if kind == "list" then return { value_of(t.of) } end
  if kind == "boolean" then return true end
  return (kind == "string" or kind == "any") and "x" or 1
end

--- The parameters that an operation asks for, without those of the page.
function M.required(op)
  local params = struct_of(op)
  params.regionId = nil
  local holder = op.paging.inside and params[op.paging.inside] or params
  for _, name in ipairs { "number", "size", "offset", "token" } do
    local parameter = op.paging[name]
    if parameter then holder[parameter] = nil end
  end
  return params
end

return M
