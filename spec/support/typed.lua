-- typed.lua - does a result have the types that the API facts say? Nothing of jdcloud is required here.

local reference = require "support.reference"

local M = {}

local function is_integer(value)
  if type(value) == "string" then return not math.type and value:find("^%-?%d+$") ~= nil end -- digits, beyond 2^53
  if type(value) ~= "number" then return false end
  if math.type then return math.type(value) == "integer" end
  return value % 1 == 0
end

local SCALARS = {
  string = function(value) return type(value) == "string" end,
  integer = is_integer,
  number = function(value) return type(value) == "number" end,
  boolean = function(value) return type(value) == "boolean" end,
  any = function(value) return value ~= nil and type(value) ~= "function" end,
}

local fault

local function fault_of_list(t, value, path)
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  if count ~= #value then return path .. " is no list" end
  for i, item in ipairs(value) do
    local found = fault(t.of, item, path .. "[" .. i .. "]")
    if found then return found end
  end
  return nil
end

local function fault_of_struct(t, value, path)
  local fields = reference.fields(t)
  local free = #fields.names == 0
  for name, item in pairs(value) do
    if type(name) ~= "string" then return path .. " has a place instead of a name" end
    if not free and not fields.types[name] then return path .. "." .. name .. " is unknown" end
    local found = not free and fault(fields.types[name], item, path .. "." .. name)
    if found then return found end
  end
  return nil
end

--- What is wrong with the type of a value: "result.instances[1].az is no string"; nil if nothing.
-- @param t of reference.lua
function fault(t, value, path)
  path = path or "result"
  local scalar = SCALARS[t.kind]
  if scalar then return not scalar(value) and path .. " is no " .. t.kind or nil end
  if type(value) ~= "table" then return path .. " is no table" end
  if t.kind == "list" then return fault_of_list(t, value, path) end
  return fault_of_struct(t, value, path)
end

M.fault = fault

--- How many values there are in a result, tables themselves aside.
function M.count(value)
  if type(value) ~= "table" then return 1 end
  local n = 0
  for _, item in pairs(value) do n = n + M.count(item) end
  return n
end

return M
