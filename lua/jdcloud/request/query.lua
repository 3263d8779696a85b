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

-- What must be there. If it is given and leaves no trace, an empty list, it is as good as missing: a filter without
-- values would be one that some services don't see, and the second of a list would have no first.
local function flatten_needed(state, t, name, value)
  local written, problems = state.n, #state.problems
  flatten(state, t, name, value)
  if state.n == written and #state.problems == problems and not state.endless then
    problem(state, "must not be empty")
  end
end

-- A parameter or field.
local function flatten_member(state, member, name, value)
  if value ~= nil and value ~= null then
    return (member.required and flatten_needed or flatten)(state, member.type, name, value)
  end
  if member.required then problem(state, "is required") end
end

-- One that the model doesn't have.
local function flatten_stranger(state, name, key, value)
  if not json.is_utf8(key) then return problem(state, "is a name that is not valid UTF-8") end
  flatten(state, models.any, name .. encode(key), value)
end

local function flatten_list(state, t, name, value)
  local length = walk.list_length(state, value)
  if not length or walk.is_too_deep(state) then return end
  local depth, keys = state.depth + 1, state.keys
  for i = 1, length do
    state.depth, keys[depth] = depth, i
    flatten_needed(state, t.of, name .. format(".%d", i), value[i])
  end
  state.depth = depth - 1
end

local function flatten_struct(state, t, name, value)
  if not walk.is_struct(state, value) or walk.is_too_deep(state) then return end
  local shape = models.shape(t)
  local depth, keys, problems = state.depth + 1, state.keys, #state.problems
  local list = shape.list
  for i = 1, #list do
    local field = list[i]
    local item = value[field.name]
    if item ~= nil or field.required then
      state.depth, keys[depth] = depth, field.name
      flatten_member(state, field, name .. "." .. field.name, item)
    end
  end
  state.depth = depth - 1
  if walk.has_strangers(value, shape.fields) then
    walk.strangers(state, value, shape.fields, shape.names, "field", function(_, key, item)
      flatten_stranger(state, name .. ".", key, item)
    end)
  end
  if walk.is_charge(t) then walk.check_charge(state, t, value, problems) end
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
  if not json.is_utf8(text) then return problem(state, "is not valid UTF-8") end
  put(state, name .. "=" .. encode(text))
end

--- Writes the query of an operation; what is wrong is noted in the state. Null and empty lists are left out.
-- @return the encoded text, or nil if there is nothing to say
function M.write(state, op, params)
  local list = op.list
  for i = 1, #list do
    local p = list[i]
    local value = params[p.name]
    if (value ~= nil or p.required) and p.place == "query" then
      state.depth, state.keys[1] = 1, p.name
      flatten_member(state, p, p.name, value)
    end
  end
  state.depth = 0
  if walk.has_strangers(params, op.params) then
    walk.strangers(state, params, op.params, op.names, "parameter", function(_, name, value)
      flatten_stranger(state, "", name, value)
    end)
  end
  return state.n > 0 and table.concat(state.out, "&") or nil
end

return M
