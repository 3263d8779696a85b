-- query.lua - the parameters of a GET, HEAD or DELETE -> `name.1.field=value` (protocol.md 3.3), checked by the model.

local core = require "jdcloud.core"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local scalar = require "jdcloud.request.scalar"
local walk = require "jdcloud.request.walk"

local M = {}

local encode, null = core.encode, json.null
local format = string.format
local problem, put = walk.problem, walk.put

local ANY_LIST = { kind = "list", of = models.any }
local ANY_STRUCT = { kind = "struct", resolved = { fields = {}, names = {}, list = {} } }

local flatten -- function(state, t, name, value)

local function flatten_list(state, t, name, value)
  local length = walk.list_length(state, value)
  if not length or walk.is_too_deep(state) then return end
  local depth, keys = state.depth + 1, state.keys
  for i = 1, length do
    state.depth, keys[depth] = depth, i
    flatten(state, t.of, name .. format(".%d", i), value[i])
  end
  state.depth = depth - 1
end

local function flatten_struct(state, t, name, value)
  if not walk.is_table(state, value, "a table") or walk.is_too_deep(state) then return end
  local shape = models.shape(t)
  local depth, keys, given, problems = state.depth + 1, state.keys, 0, #state.problems
  local list = shape.list
  for i = 1, #list do
    local field = list[i]
    local item = value[field.name]
    if item ~= nil then given = given + 1 end
    state.depth, keys[depth] = depth, field.name
    if item ~= nil and item ~= null then
      flatten(state, field.type, name .. "." .. field.name, item)
    elseif field.required then
      problem(state, "is required")
    end
  end
  state.depth = depth - 1
  for _ in next, value do given = given - 1 end
  if given < 0 then
    walk.strangers(state, value, shape.fields, shape.names, "field", function(_, key, item)
      flatten(state, models.any, name .. "." .. encode(key), item)
    end)
  end
  if walk.is_charge(t) and #state.problems == problems then walk.check_charge(state, t, value) end
end

local function flatten_untyped(state, name, value)
  local shape = json.shape(value)
  if shape == "list" then return flatten_list(state, ANY_LIST, name, value) end
  if shape == "mixed" then return problem(state, "is neither clearly a list nor a map") end
  local strict = state.strict
  state.strict = false -- no name of an untyped object is unknown
  flatten_struct(state, ANY_STRUCT, name, value)
  state.strict = strict
end

function flatten(state, t, name, value)
  local kind = t.kind
  if kind == "list" then return flatten_list(state, t, name, value) end
  if kind == "struct" then return flatten_struct(state, t, name, value) end
  if kind == "any" and type(value) == "table" then return flatten_untyped(state, name, value) end
  local text, message = scalar[kind](value)
  if not text then return problem(state, message) end
  put(state, name .. "=" .. encode(text))
end

-- What is given and leaves no trace, an empty list, is as good as missing.
local function flatten_parameter(state, p, value)
  local written, problems = state.n, #state.problems
  state.keys[1] = p.name
  if value ~= nil and value ~= null then flatten(state, p.type, p.name, value) end
  if p.required and state.n == written and #state.problems == problems then
    problem(state, (value == nil or value == null) and "is required" or "must not be empty")
  end
end

--- Writes the query of an operation; what is wrong is noted in the state. Null and empty lists are left out.
-- @return the encoded text, or nil if there is nothing to say
function M.write(state, op, params)
  local given = 0
  for _, p in ipairs(op.list) do
    local value = params[p.name]
    if value ~= nil then given = given + 1 end
    if p.place == "query" and (value ~= nil or p.required) then
      state.depth = 1
      flatten_parameter(state, p, value)
    end
  end
  state.depth = 0
  for _ in next, params do given = given - 1 end
  if given < 0 then
    walk.strangers(state, params, op.params, op.names, "parameter", function(_, name, value)
      flatten(state, models.any, encode(name), value)
    end)
  end
  return state.n > 0 and table.concat(state.out, "&") or nil
end

return M
