-- result.lua - a decoded answer -> the result that the user sees, by the shape of the model: integers are integers,
-- null fields are absent, null lists are empty (design.md, Null and JSON). In place: the tables are the decoded ones.
-- The walk itself is in C (csrc/lua/json.h); what it goes by is made here, once for each type.

local json = require "jdcloud.json"
local models = require "jdcloud.models"

local M = {}

local null = json.null
local UNKNOWN = {} -- the plan of things whose type nobody knows

-- The plan of a type, kept in it; nil where the type makes no difference. That of an object is a promise at first:
-- types may contain themselves, and most are never met.
local function plan_of(t)
  local kind = t.kind
  if kind == "number" then return false end
  if kind ~= "struct" and kind ~= "list" then return nil end
  local plan = t.plan
  if not plan then
    plan = { true, t }
    t.plan = plan
    if kind == "list" then
      local of = plan_of(t.of)
      if of == nil then of = UNKNOWN end
      plan[1], plan[2] = of, nil
    end
  end
  return plan
end

-- Keeps the promise.
local function resolve(plan)
  for name, field in pairs(models.shape(plan[2]).fields) do plan[name] = plan_of(field.type) end
  plan[1], plan[2] = nil, nil
end

--- Gives a decoded result its shape. Where the answer has another type than the model says, the answer is right.
-- @param value what `result` of the envelope was decoded to; nil, null and false become {}
-- @param of an operation (its result type is meant) or a type of models.lua
-- @param keep_null leave null fields and lists as jdcloud.null
-- @param raw the value comes from json.read, which said so
-- @return the value: integers of the Lua's integer type where it has one, null fields absent, null lists empty, unknown
--   fields there too, with integral numbers as integers. Elements of lists that are null stay jdcloud.null.
function M.shape(value, of, keep_null, raw)
  if value == nil or value == null or value == false then return {} end -- what failed begins with nil or false
  return json.finish(value, raw, plan_of(of.kind and of or of.result or models.any) or UNKNOWN, resolve, keep_null)
end

return M
