-- places.lua - every place of an operation where a parameter can be wrong, from the API facts, and how a value gets
-- there: valid parameters with the structs and lists around it.

local random_params = require "support.random_params"
local reference = require "support.reference"

local M = {}

local DEPTH_MAX = 5 -- names and numbers of a path
local PLACES_MAX = 400 -- of one operation

local function extended(keys, key)
  local longer = {}
  for i, known in ipairs(keys) do longer[i] = known end
  longer[#longer + 1] = key
  return longer
end

local collect

local function collect_fields(places, fields, keys, place, owner)
  for _, name in ipairs(fields.names) do
    collect(places, {
      keys = extended(keys, name), type = fields.types[name], required = fields.required[name],
      place = place or fields.place[name], owner = owner,
    })
  end
end

function collect(places, node)
  if #places >= PLACES_MAX then return end
  places[#places + 1] = node
  local t = node.type
  if #node.keys >= DEPTH_MAX then return end
  if t.kind == "list" then
    collect(places, { keys = extended(node.keys, 2), type = t.of, place = node.place, owner = t })
  elseif t.kind == "struct" then
    collect_fields(places, reference.fields(t), node.keys, node.place, t)
  end
end

--- The places of an operation, outer ones first.
-- @param op of reference.operation
-- @return list of { keys = { "instanceSpec", "dataDisks", 2, … }, type, required, place = "path" | "query" | "body",
--   owner = the struct or list around it, nil for a parameter }
function M.of(op)
  local places = {}
  collect_fields(places, op.params, {}, nil, nil)
  return places
end

--- "instanceSpec.dataDisks[2].name"
function M.path(keys)
  local text = ""
  for _, key in ipairs(keys) do
    if type(key) == "number" then
      text = text .. "[" .. ("%d"):format(key) .. "]"
    else
      text = text == "" and key or text .. "." .. key
    end
  end
  return text
end

--- Puts a value at a place of an operation's parameters, making what has to be around it.
function M.plant(op, params, node, value)
  local at, t = params, nil
  for i = 1, #node.keys - 1 do
    local key = node.keys[i]
    t = t and (t.of or reference.fields(t).types[key]) or op.params.types[key]
    if type(at[key]) ~= "table" then at[key] = random_params.smallest(t, node.place, i) end
    at = at[key]
    if t.kind == "list" then
      for j = #at + 1, node.keys[i + 1] - 1 do at[j] = random_params.smallest(t.of, node.place, j) end
    end
  end
  at[node.keys[#node.keys]] = value
end

return M
