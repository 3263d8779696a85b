-- filters.lua - jdcloud.filters{}: a readable table -> the list of Filter structures that list operations take.

local errors = require "jdcloud.errors"

local KEYS = { name = true, values = true, operator = true }

-- Filters compare text; a number without a fraction is its digits on every Lua.
local function text(value, name)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" and value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  return errors.misuse(('filters: a value of "%s" must be a string, a boolean or an integer'):format(name))
end

local function values_of(given, name)
  if type(given) ~= "table" then return { text(given, name) } end
  local values = {}
  for i, value in ipairs(given) do values[i] = text(value, name) end
  -- A filter without values is dropped by some services, which would then list, or stop, everything.
  if #values == 0 then errors.misuse(('filters: "%s" has no values'):format(name)) end
  return values
end

local function explicit(entry)
  if type(entry) ~= "table" or type(entry.name) ~= "string" then
    errors.misuse("filters: an entry of the list needs a name")
  end
  for key in pairs(entry) do
    if not KEYS[key] then
      errors.misuse(('filters: an entry has name, values and operator, not "%s"'):format(tostring(key)))
    end
  end
  if entry.operator ~= nil and type(entry.operator) ~= "string" then
    errors.misuse(('filters: the operator of "%s" must be a string'):format(entry.name))
  end
  return { name = entry.name, operator = entry.operator, values = values_of(entry.values, entry.name) }
end

--- Makes a list of filters.
-- @param spec name = value or list of values (`status = { "running" }`, equality), and in the list part whole filters
--   ({ name = "name", operator = "like", values = { … } }). Numbers and booleans become text.
-- @return { { name, values, operator }, … }: the list part in its order, then the names in alphabetical order. A filter
--   without values or a wrong type raises at the caller's line.
return function(spec)
  if type(spec) ~= "table" then errors.misuse("filters takes a table, not a " .. type(spec)) end
  local list, names = {}, {}
  for i, entry in ipairs(spec) do list[i] = explicit(entry) end
  local listed = #list
  for key in pairs(spec) do
    if type(key) == "string" then
      names[#names + 1] = key
    elseif type(key) ~= "number" or key < 1 or key > listed or key % 1 ~= 0 then
      errors.misuse("filters: names are strings, and the list part has no holes")
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do list[#list + 1] = { name = name, values = values_of(spec[name], name) } end
  return list
end
