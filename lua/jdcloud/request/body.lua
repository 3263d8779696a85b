-- body.lua - the parameters of a POST, PUT or PATCH -> one JSON object, written and checked by the model in one walk
-- (protocol.md 3.4): integers exact, lists always lists, null where the caller wants null.

local json = require "jdcloud.json"
local models = require "jdcloud.models"
local scalar = require "jdcloud.request.scalar"
local walk = require "jdcloud.request.walk"

local M = {}

local null = json.null
local problem, put = walk.problem, walk.put
local json_string, scalar_string = json.string, scalar.string

local write -- function(state, t, value)

local function write_untyped(state, value)
  local ok, message, suffix = json.write(state.out, value)
  state.n = #state.out
  if not ok then problem(state, message, suffix) end
end

local function write_list(state, t, value)
  local length = walk.list_length(state, value)
  if not length or walk.is_too_deep(state) then return end
  local depth, keys, of = state.depth + 1, state.keys, t.of
  put(state, "[")
  for i = 1, length do
    if i > 1 then put(state, ",") end
    state.depth, keys[depth] = depth, i
    write(state, of, value[i])
  end
  state.depth = depth - 1
  put(state, "]")
end

-- An object: the known names in alphabetical order, then, if they may pass, the others.
local function write_members(state, shape, values, what)
  local depth, keys, first = state.depth + 1, state.keys, true
  put(state, "{")
  local list = shape.list
  for i = 1, #list do
    local field = list[i]
    local name = field.name
    local value = values[name]
    if (value ~= nil or field.required) and field.place ~= "path" then
      state.depth, keys[depth] = depth, name
      if value == nil or value == null and field.required and field.type.kind ~= "any" then
        problem(state, "is required")
      else
        local n = state.n + 1
        state.n, state.out[n] = n, first and field.first_member or field.next_member
        first = false
        write(state, field.type, value)
      end
    end
  end
  state.depth = depth - 1
  if walk.has_strangers(values, shape.fields) then
    walk.strangers(state, values, shape.fields, shape.names, what, function(_, name, value)
      local quoted = json.string(name)
      if not quoted then return problem(state, "is a name that is not valid UTF-8") end
      put(state, (first and "" or ",") .. quoted .. ":")
      first = false
      write_untyped(state, value)
    end)
  end
  put(state, "}")
end

local function write_struct(state, t, value)
  if not walk.is_struct(state, value) or walk.is_too_deep(state) then return end
  local shape = models.shape(t)
  if #shape.list == 0 then
    if json.shape(value) ~= "map" then return problem(state, "must be a table with names, not a list") end
    return write_untyped(state, value)
  end
  local problems = #state.problems
  write_members(state, shape, value, "field")
  if walk.is_charge(t) then walk.check_charge(state, t, value, problems) end
end

function write(state, t, value)
  local kind = t.kind
  local text, message
  if value == null then
    text = "null"
  elseif kind == "string" then
    text, message = scalar_string(value)
    if text then text, message = json_string(text) end
  elseif kind == "struct" then
    return write_struct(state, t, value)
  elseif kind == "list" then
    return write_list(state, t, value)
  elseif kind == "any" then
    return write_untyped(state, value)
  else
    text, message = scalar[kind](value)
  end
  if not text then return problem(state, message) end
  local n = state.n + 1
  state.n, state.out[n] = n, text
end

--- Writes the body of an operation; what is wrong is noted in the state.
-- @return the JSON text, `{}` if there are no parameters
function M.write(state, op, params)
  write_members(state, op, params, "parameter")
  return table.concat(state.out)
end

return M
