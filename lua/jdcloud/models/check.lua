-- check.lua - does what the facts say about paging hold together with the parameters and the result of the operation?
-- Asked of models that have been made, when shapes of other services are at hand.

local models = require "jdcloud.models"

local M = {}

-- What each style can't do without.
local NEEDS = { page = { "number", "size" }, offset = { "offset", "size" }, token = { "token" } }
local PARAMETERS = { "number", "size", "offset", "token" }

-- The type at "data.list" of a type: models.any from where on nothing is known; nil where there is no such field.
local function type_at(t, path)
  for name in path:gmatch("[^.]+") do
    local fields = t.kind == "struct" and models.shape(t).fields or {}
    if t.kind == "any" or t.kind == "struct" and next(fields) == nil then return models.any end
    if not fields[name] then return nil end
    t = fields[name].type
  end
  return t
end

-- The parameters, or the fields of the struct parameter, that hold number and size; nil where nothing is known of them.
local function holder(op)
  local inside = op.paging.inside
  if not inside then return op.params end
  local p = op.params[inside]
  if not p then return nil, ("it has no parameter %s"):format(inside) end
  if p.type.kind == "any" then return nil end
  if p.type.kind ~= "struct" then return nil, ("%s is no struct"):format(inside) end
  return models.shape(p.type).fields
end

local function parameters_fault(op)
  local paging = op.paging
  local needs = NEEDS[paging.style]
  if not needs then return ('there is no style "%s"'):format(paging.style) end
  for _, key in ipairs(needs) do
    if not paging[key] then return ("the style %s needs %s"):format(paging.style, key) end
  end
  local known, fault = holder(op)
  if fault then return fault end
  for _, key in ipairs(known and next(known) and PARAMETERS or {}) do
    local name = paging[key]
    if name and not known[name] then return ("%s: there is no parameter %s"):format(key, name) end
    local kind = name and known[name].type.kind
    if kind == "list" or kind == "struct" then return ("%s: %s is of type %s"):format(key, name, kind) end
  end
end

local function result_fault(op, key, path)
  local found = op.result and type_at(op.result, path)
  if not found then return ("%s: the result has no field %s"):format(key, path) end
  local is_list = key == "list" or key == "lists"
  local kind = found.kind
  if kind ~= "any" and is_list ~= (kind == "list") or kind == "struct" then
    return ("%s: %s is of type %s"):format(key, path, kind)
  end
end

--- What is wrong with an operation's paging, or nil.
function M.paging(op)
  local fault = parameters_fault(op)
  if fault then return fault end
  for _, key in ipairs { "list", "lists", "total", "next", "more" } do
    for path in (op.paging[key] or ""):gmatch("[^,]+") do
      fault = result_fault(op, key, path)
      if fault then return fault end
    end
  end
end

--- Checks the paging of all operations of a model.
-- @param file what to call the facts in a message
-- @return true | nil, what doesn't hold together, with file and name
function M.model(file, model)
  for _, name in ipairs(model:operations()) do
    local op = model:operation(name)
    local fault = op.paging and M.paging(op)
    if fault then return nil, ("%s: paging of %s: %s"):format(file, name, fault) end
  end
  return true
end

return M
