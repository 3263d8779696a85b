-- compile.lua - the models compiler: the API facts of one service -> the text of its module, one line an operation or
-- shape so that a diff of two releases reads well. Facts that don't hold together are refused.
--
-- The notation (models.lua reads it):
--
--   operation  ["~"] METHOD PATH RESULT {PARAMETER} ["|" PAGING]    "~": a read, may be sent again
--   PATH       VERSION "/" ...                         "*" behind the version stands for "/regions/{regionId}"
--   RESULT     SHAPE | "+" | "?" | "-"                 "+": OperationNameResult, "?": unknown, "-": none
--   shape      {PARAMETER} | "=" SHAPE                 none: any object; "=": the same fields
--   PARAMETER  NAME ["*"] ["!" [TYPE] | ":" TYPE | "?"]    "*": a secret of a user's, "!": required; no TYPE: a string
--   TYPE       s i n b ? | "[" TYPE | "@" [[SERVICE ":"] SHAPE]
--              string, integer, number, boolean, any; "[": a list; "@" alone: the parameter's name, capitalised
--   PAGING     {KEY "=" VALUE}                         style, number, size and total as PAGING_USUAL unless listed
--
-- A path's placeholders are required parameters; those that are strings, or any (a path is text), are not listed again.
-- The others go into the query of a GET, HEAD or DELETE and into the body of the rest.

local M = {}

local SCALARS = { string = "s", integer = "i", number = "n", boolean = "b", any = "?" }
local IN_QUERY = { GET = true, HEAD = true, DELETE = true }
local METHODS = { GET = true, HEAD = true, DELETE = true, POST = true, PUT = true, PATCH = true }
local PAGING_KEYS = { "style", "inside", "number", "offset", "size", "token", "list", "lists", "total", "next", "more" }

-- What it is for most operations; not written again. "-": there is none.
local PAGING_USUAL = { style = "page", number = "pageNumber", size = "pageSize", total = "totalCount" }

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

-- Faults of the facts are raised as a table with the words, and caught by M.compile.
local function refuse(where, ...)
  error({ fault = where .. ": " .. string.format(...) }, 0)
end

local function sorted_names(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function capitalised(name)
  return name:sub(1, 1):upper() .. name:sub(2)
end

local function check_name(where, name)
  if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
    refuse(where, "the name %q is not an identifier", tostring(name))
  end
end

local function shape_text(c, where, name)
  local service, shape = name:match("^([%w_]+):([%a_][%w_]*)$")
  if service then
    if not (c.resolve and c.resolve(service, shape)) then refuse(where, "there is no shape %s", name) end
  elseif not c.facts.shapes[name] then
    refuse(where, "there is no shape %s", name)
  end
  return "@" .. name
end

-- A type is a name, or a table with `type`; the element type of a list may be either.
local function type_text(c, where, t)
  if type(t) == "string" then return SCALARS[t] or shape_text(c, where, t) end
  local kind = t.type
  if SCALARS[kind] then return SCALARS[kind] end
  if kind == "list" and t.of then return "[" .. type_text(c, where, t.of) end
  if kind == "struct" and t.shape then return shape_text(c, where, t.shape) end
  return refuse(where, "unknown type %q", tostring(kind))
end

local function parameter_text(c, where, name, p, required)
  check_name(where, name)
  where = where .. "." .. name
  local text = type_text(c, where, p)
  if text == "s" then text = "" end
  text = text:gsub("@" .. capitalised(name) .. "$", "@")
  local mark = required and "!" or text ~= "" and text ~= "?" and ":" or ""
  return name .. (c.secret[name] and "*" or "") .. mark .. text
end

local function placeholders(where, o)
  local found = {}
  if not o.path:find("^/[%w/{}_:.$%-]*$") then refuse(where, "the path %q has characters that no path has", o.path) end
  for name in o.path:gmatch("{([^}]*)}") do
    if not (o.params[name] and o.params[name]["in"] == "path") then refuse(where, "{%s} has no parameter", name) end
    found[name] = true
  end
  for name, p in pairs(o.params) do
    if p["in"] == "path" and not found[name] then refuse(where, "%s has no placeholder in the path", name) end
    local place = found[name] and "path" or IN_QUERY[o.method] and "query" or "body"
    if p["in"] ~= place then
      refuse(where .. "." .. name, "is said to be in %s, a %s has it in %s", tostring(p["in"]), o.method, place)
    end
  end
  return found
end

-- "list=instances number=pageNum"
local function paging_text(where, facts)
  local parts = {}
  for _, key in ipairs(PAGING_KEYS) do
    local value = facts[key]
    if type(value) == "table" then value = table.concat(value, ",") end
    if value and not value:find("^[%w_.,]+$") then refuse(where, "its paging has %s = %q", key, value) end
    if value == PAGING_USUAL[key] then
      value = nil
    elseif not value and PAGING_USUAL[key] then
      value = "-"
    end
    if value then parts[#parts + 1] = key .. "=" .. value end
  end
  return table.concat(parts, " ")
end

local function operation_text(c, name, o)
  local where = c.file .. ": " .. name
  if not METHODS[o.method] then refuse(where, "unknown method %q", tostring(o.method)) end
  if not tostring(o.version):find("^v%d+$") then refuse(where, "unknown version %q", tostring(o.version)) end
  local in_path = placeholders(where, o)
  local result = "-"
  if o.result == "any" then result = "?" elseif o.result then result = shape_text(c, where, o.result):sub(2) end
  if result == capitalised(name) .. "Result" then result = "+" end
  local path = o.path:gsub("^/regions/{regionId}", "*")
  local parts = { (c.repeatable(name, o.method) and "~" or "") .. o.method, o.version .. path, result }
  for _, parameter in ipairs(sorted_names(o.params)) do
    local p = o.params[parameter]
    local text = parameter_text(c, where, parameter, p, in_path[parameter] or p.required)
    local implied = in_path[parameter] and (text == parameter .. "!" or text == parameter .. "!?")
    if not implied then parts[#parts + 1] = text end
  end
  if c.paging[name] then parts[#parts + 1] = "| " .. paging_text(where, c.paging[name]) end
  return (table.concat(parts, " "):gsub(" $", ""))
end

local function shape_fields(c, name, shape)
  local where, parts = c.file .. ": " .. name, {}
  for _, field in ipairs(sorted_names(shape.fields)) do
    parts[#parts + 1] = parameter_text(c, where, field, shape.fields[field], shape.fields[field].required)
  end
  return table.concat(parts, " ")
end

-- Name -> text of all shapes: those with the same fields refer to the one with the shortest name.
local function shape_texts(c)
  local texts, shortest = {}, {}
  for _, name in ipairs(sorted_names(c.facts.shapes)) do
    check_name(c.file, name)
    local text = shape_fields(c, name, c.facts.shapes[name])
    texts[name] = text
    if not shortest[text] or #name < #shortest[text] then shortest[text] = name end
  end
  for name, text in pairs(texts) do
    local same = shortest[text]
    if same ~= name and #same + 1 < #text then texts[name] = "=" .. same end
  end
  return texts
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

-- Whether an operation may be sent again, by the reviewed lists, whose names must exist.
local function repeatability(file, facts, lists)
  local changing, reading = set_of(lists.changing[facts.service]), set_of(lists.reading[facts.service])
  for _, set in ipairs { changing, reading } do
    for _, name in ipairs(sorted_names(set)) do
      if not facts.operations[name] then refuse(file .. ": lists.lua", "there is no operation %s", name) end
    end
  end
  return function(name, method)
    if method == "GET" or method == "HEAD" then return not changing[name] end
    return reading[name] == true
  end
end

local function section(out, title, entries, text_of)
  out[#out + 1] = title .. " = {"
  for _, name in ipairs(sorted_names(entries)) do
    local key = KEYWORDS[name] and '["' .. name .. '"]' or name
    out[#out + 1] = ('%s="%s",'):format(key, text_of(name, entries[name]))
  end
  out[#out + 1] = "},"
end

-- The reviewed host where the facts have but the usual one; nil if the usual one it is.
local function endpoint_of(facts, lists)
  local usual = facts.service .. ".jdcloud-api.com"
  if facts.endpoint ~= usual then return facts.endpoint end
  return lists.endpoints and lists.endpoints[facts.service]
end

local function text_of(file, facts, options)
  for _, key in ipairs { "service", "endpoint", "revision", "signing_name" } do
    local value = facts[key]
    if type(value) ~= "string" or not value:find("^[%w_.%-]+$") then refuse(file, "%s is missing or strange", key) end
  end
  if type(facts.operations) ~= "table" or type(facts.shapes) ~= "table" then
    refuse(file, "no operations or no shapes")
  end
  local lists = options.lists
  local c = {
    file = file, facts = facts, resolve = options.resolve, secret = set_of(lists.secret),
    paging = options.paging or {}, repeatable = repeatability(file, facts, lists),
  }
  for _, name in ipairs(sorted_names(c.paging)) do
    if not facts.operations[name] then refuse(file .. ": paging of " .. name, "there is no such operation") end
  end
  local out = {
    ("-- %s: made by `make models` in the notation of models/compile.lua, never edited"):format(facts.service),
    "return {",
    ('service = "%s",'):format(facts.service),
    ('revision = "%s",'):format(facts.revision),
  }
  local endpoint = endpoint_of(facts, lists)
  if endpoint then out[#out + 1] = ('endpoint = "%s",'):format(endpoint) end
  if facts.signing_name ~= facts.service then
    out[#out + 1] = ('signing_name = "%s",'):format(facts.signing_name)
  end
  if set_of(lists.regionless)[facts.service] then
    out[#out + 1] = ('default_region = "%s",'):format(lists.default_region)
  end
  section(out, "operations", facts.operations, function(name, o)
    check_name(file, name)
    return operation_text(c, name, o)
  end)
  section(out, "shapes", shape_texts(c), function(_, text) return text end)
  out[#out + 1] = "}\n"
  return table.concat(out, "\n")
end

--- Compiles the facts of one service.
-- @param file what to call the facts in a message
-- @param facts the decoded file
-- @param options lists (models/lists.lua), paging (the service's part of the paging facts, or nil), resolve(service,
--   shape) -> boolean (does another service have that shape; nil: no service has)
-- @return the text of a Lua module, the same for the same facts; or nil and what doesn't hold together, with file and
--   name
function M.compile(file, facts, options)
  local ok, text = pcall(text_of, file, facts, options)
  if ok then return text end
  if type(text) == "table" and text.fault then return nil, text.fault end
  return nil, file .. ": " .. tostring(text)
end

return M
