-- result.lua - a decoded answer -> the result that the user sees, by the shape of the model: integers are integers,
-- null fields are absent, null lists are empty (design.md, Null and JSON). In place: the tables are the decoded ones.

local json = require "jdcloud.json"
local models = require "jdcloud.models"

local M = {}

local null = json.null
-- nil where all numbers are floats and print without a fraction anyway (5.1, 5.2, LuaJIT)
local tointeger = math.tointeger

local walk -- function(value, t, keep_null)

-- Things whose type nobody knows: a number without a fraction is an integer.
local function walk_untyped(value, keep_null)
  for key, item in next, value do
    local kind = type(item)
    if kind == "table" then
      walk_untyped(item, keep_null)
    elseif kind == "number" then
      if tointeger then value[key] = tointeger(item) or item end
    elseif item == null and not keep_null and type(key) == "string" then
      value[key] = nil
    end
  end
end

local function walk_struct(value, fields, keep_null)
  for key, item in next, value do
    local kind = type(item)
    if kind == "table" then
      local field = fields[key]
      if field then walk(item, field.type, keep_null) else walk_untyped(item, keep_null) end
    elseif kind == "number" then
      local field = fields[key]
      if tointeger and not (field and field.type.kind == "number") then value[key] = tointeger(item) or item end
    elseif item == null and not keep_null and type(key) == "string" then
      local field = fields[key]
      value[key] = field and field.type.kind == "list" and json.list() or nil
    end
  end
end

local function walk_list(value, of, keep_null)
  if next(value) == nil then json.list(value) end -- some services write {} for an empty list
  if of.kind == "number" then return end
  for i = 1, #value do
    local item = value[i]
    if type(item) == "table" then
      walk(item, of, keep_null)
    elseif tointeger and type(item) == "number" then
      value[i] = tointeger(item) or item
    end
  end
end

-- Where the answer has another type than the model says, the answer is right.
function walk(value, t, keep_null)
  if t.kind == "struct" then return walk_struct(value, models.shape(t).fields, keep_null) end
  if t.kind == "list" then return walk_list(value, t.of, keep_null) end
  return walk_untyped(value, keep_null)
end

--- Gives a decoded result its shape.
-- @param value what `result` of the envelope was decoded to; nil and null become {}
-- @param of an operation (its result type is meant) or a type of models.lua
-- @param keep_null leave null fields and lists as jdcloud.null
-- @return the value: integers of the Lua's integer type where it has one, null fields absent, null lists empty, unknown
--   fields there too, with integral numbers as integers. Elements of lists that are null stay jdcloud.null.
function M.shape(value, of, keep_null)
  if value == nil or value == null then return {} end
  if type(value) == "number" then return tointeger and tointeger(value) or value end
  if type(value) ~= "table" then return value end
  walk(value, of.kind and of or of.result or models.any, keep_null)
  return value
end

return M
