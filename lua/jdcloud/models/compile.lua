-- compile.lua - the models compiler: the API facts of one service -> a table of texts, one for each operation and
-- shape, which models.lua reads and `make models` writes as a module (models/write.lua). Facts that don't hold together
-- are refused; nothing in them is ever run.
--
-- The notation:
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
--
-- The facts of one service, as a file in JSON or a table:
--
--   service, endpoint, revision          signing_name, if it is there, is the same as service
--   operations.NAME                      { method, version, path, params, result, repeatable }
--     params.NAME                        { type, required, in = "path" | "query" | "body" }
--     result                             a shape's name | "any" | none
--     repeatable                         true or false; none: reads are repeatable, as lists.lua has them
--   shapes.NAME.fields.NAME              { type, required }
--     type                               string, integer, number, boolean, any; list with `of`: a type, a shape's name
--                                        or such a table again; struct with `shape`
--   paging.NAME                          how the operation of that name pages, or no paging at all: style = page,
--                                        offset or token; number, size, offset, token (parameters); inside (the
--                                        struct that they are in); list or lists, total, next, more (in the result:
--                                        "data.list")
--
-- A shape of another service is written "service:Shape". A key that isn't listed here is a slip and is refused. Whole:
--
--   { "service": "quantum", "endpoint": "quantum.jdcloud-api.com", "revision": "1.0.0",
--     "operations": { "describeQubits": { "method": "GET", "version": "v1", "path": "/regions/{regionId}/qubits",
--       "params": { "regionId": { "type": "string", "in": "path", "required": true },
--                   "pageNumber": { "type": "integer", "in": "query" } },
--       "result": "DescribeQubitsResult" } },
--     "shapes": { "DescribeQubitsResult": { "fields": { "qubits": { "type": "list", "of": "Qubit" } } },
--                 "Qubit": { "fields": { "qubitId": { "type": "string", "required": true } } } },
--     "paging": { "describeQubits": { "style": "page", "number": "pageNumber", "list": "qubits" } } }
--
-- service: lower-case letters and digits; endpoint: a host; revision: for the User-Agent; version: "v1", "v2" …, not in
-- the path.

local models = require "jdcloud.models"
local nearest = require "jdcloud.nearest"

local M = {}

local SCALARS = { string = "s", integer = "i", number = "n", boolean = "b", any = "?" }
local IN_QUERY = { GET = true, HEAD = true, DELETE = true }
local METHODS = { GET = true, HEAD = true, DELETE = true, POST = true, PUT = true, PATCH = true }
local PAGING_KEYS = { "style", "inside", "number", "offset", "size", "token", "list", "lists", "total", "next", "more" }
-- Lists in lists deeper than any of the API are: a table that contains itself.
local DEPTH_MAX = 8

local IDENTIFIER = "^[%a_][%w_]*$"

-- Faults of the facts are raised as a table with the words, and caught by M.compile.
local function refuse(where, ...)
  error({ fault = where .. ": " .. string.format(...) }, 0)
end

-- What may stand in a message: the facts may hold anything.
local function shown(value)
  if value == nil then return "missing" end
  return type(value) == "string" and ('"%s"'):format(value:sub(1, 80):gsub("[%c\"\\]", "?")) or "a " .. type(value)
end

-- The names in a table of the facts, sorted.
local function sorted_names(where, t)
  if type(t) ~= "table" then refuse(where, "is missing, or not an object") end
  local names = {}
  for name in next, t do
    if type(name) ~= "string" or not name:find(IDENTIFIER) then
      refuse(where, "the name %s is not an identifier", type(name) == "number" and name or shown(name))
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- What may stand in each object of the facts.
local KEYS = {
  facts = { "service", "signing_name", "endpoint", "revision", "operations", "shapes", "paging" },
  operation = { "method", "version", "path", "params", "result", "repeatable" },
  shape = { "fields" },
  typed = { "type", "of", "shape", "required", "in" },
  paging = {
    "style", "number", "size", "offset", "token", "inside", "list", "lists", "total", "next", "more", "result",
  },
}
local KNOWN = {}
for kind, keys in pairs(KEYS) do
  KNOWN[kind] = {}
  for _, key in ipairs(keys) do KNOWN[kind][key] = true end
end

-- A misspelt key would be a rule that silently doesn't hold.
local function check_keys(where, t, kind)
  for key in next, t do
    if not KNOWN[kind][key] then refuse(where, "has no key %s%s", shown(key), nearest.suggest(key, KEYS[kind])) end
  end
end

local function capitalised(name)
  return name:sub(1, 1):upper() .. name:sub(2)
end

local function shape_text(c, where, name)
  if type(name) ~= "string" then refuse(where, "the name of a shape is %s", shown(name)) end
  local service, shape = name:match("^([%a_][%w_]*):(.+)$")
  local found
  if service then found = c.resolve and c.resolve(service, shape) else found = c.facts.shapes[name] end
  if not found or not (shape or name):find(IDENTIFIER) then refuse(where, "there is no shape %s", shown(name)) end
  return "@" .. name
end

-- A type is a name, or a table with `type`; the element type of a list may be either.
local function type_text(c, where, t, depth)
  if type(t) == "string" then return SCALARS[t] or shape_text(c, where, t) end
  local kind = type(t) == "table" and t.type
  if kind then check_keys(where, t, "typed") end
  if SCALARS[kind] then return SCALARS[kind] end
  if kind == "list" and t.of ~= nil and depth < DEPTH_MAX then return "[" .. type_text(c, where, t.of, depth + 1) end
  if kind == "struct" and t.shape ~= nil then return shape_text(c, where, t.shape) end
  if kind == "list" then refuse(where, t.of == nil and "is a list without `of`" or "has lists in lists without end") end
  if kind == "struct" then refuse(where, "is a struct without `shape`") end
  return refuse(where, "unknown type %s", shown(type(t) == "table" and kind or t))
end

local function parameter_text(c, owner, name, p, in_path)
  local where = c.file .. ": " .. owner .. "." .. name
  if type(p) ~= "table" then refuse(where, "is %s, not an object", shown(p)) end
  if p.required ~= nil and type(p.required) ~= "boolean" then refuse(where, "required is not true or false") end
  local text = type_text(c, where, p, 1)
  if in_path and text:find("^[%[@]") then refuse(where, "no %s can stand in a path", p.type) end
  if text == "s" then text = "" end
  text = text:gsub("@" .. capitalised(name) .. "$", "@")
  local mark = (in_path or p.required) and "!" or text ~= "" and text ~= "?" and ":" or ""
  local secret = c.secret[name] or c.secret[c.facts.service .. "." .. owner .. "." .. name]
  return name .. (secret and "*" or "") .. mark .. text
end

-- The set of a path's placeholders.
local function placeholders(where, o)
  local found, path = {}, o.path
  if type(path) ~= "string" or not path:find("^/[%w/{}_:.$%-]*$") then
    refuse(where, "the path is missing or has characters that no path has")
  end
  if path:find("^/v%d+/") then refuse(where, "the path begins with its version, which `version` puts there") end
  for name in path:gmatch("{([%a_][%w_]*)}") do
    if found[name] then refuse(where, "{%s} stands twice in the path", name) end
    local p = o.params[name]
    if type(p) ~= "table" or p["in"] ~= "path" then refuse(where, "{%s} has no parameter", name) end
    found[name] = true
  end
  local rest = path:gsub("{[%a_][%w_]*}", "x")
  if rest:find("[{}]") then refuse(where, "the path has a brace that is no placeholder's") end
  if (rest .. "/"):find("/%.%.?/") then refuse(where, "the path has a segment of dots") end
  return found
end

local function check_places(where, o, in_path, names)
  for _, name in ipairs(names) do
    local p = o.params[name]
    local said = type(p) == "table" and p["in"]
    if said == "path" and not in_path[name] then refuse(where, "%s has no placeholder in the path", name) end
    local place = in_path[name] and "path" or IN_QUERY[o.method] and "query" or "body"
    if said ~= place then
      local owner = where .. "." .. name
      if type(said) ~= "string" then refuse(owner, "`in` is missing: a %s has it in %s", o.method, place) end
      refuse(owner, "is said to be in %s, a %s has it in %s", said, o.method, place)
    end
  end
end

-- { "a", "b" } -> "a,b"; the table itself if it isn't a list of strings.
local function joined(list)
  for _, name in ipairs(list) do
    if type(name) ~= "string" then return list end
  end
  return table.concat(list, ",")
end

-- "list=instances number=pageNum"
local function paging_text(where, facts)
  if type(facts) ~= "table" then refuse(where, "is %s, not an object", shown(facts)) end
  check_keys(where, facts, "paging")
  local parts = {}
  for _, key in ipairs(PAGING_KEYS) do
    local value, usual = facts[key], models.paging_usual[key]
    if key == "lists" and type(value) == "table" then value = joined(value) end
    if value ~= nil and (type(value) ~= "string" or not value:find("^[%a_][%w_.,]*$")) then
      refuse(where, "%s is %s", key, shown(value))
    end
    if value == usual then
      value = nil
    elseif value == nil and usual then
      value = "-"
    end
    if value then parts[#parts + 1] = key .. "=" .. value end
  end
  return table.concat(parts, " ")
end

local function head_text(c, where, name, o)
  local repeatable = o.repeatable
  if repeatable == nil then repeatable = c.repeatable(name, o.method) end
  if type(repeatable) ~= "boolean" then refuse(where, "repeatable is not true or false") end
  local result = "-"
  if o.result == "any" then
    result = "?"
  elseif o.result ~= nil then
    result = shape_text(c, where, o.result):sub(2)
  end
  if result == capitalised(name) .. "Result" then result = "+" end
  local path = o.path:gsub("^/regions/{regionId}", "*")
  return ("%s%s %s%s %s"):format(repeatable and "~" or "", o.method, o.version, path, result)
end

local function operation_text(c, name, o)
  local where = c.file .. ": " .. name
  if type(o) ~= "table" then refuse(where, "is %s, not an object", shown(o)) end
  if not METHODS[o.method] then refuse(where, "unknown method %s", shown(o.method)) end
  if type(o.version) ~= "string" or not o.version:find("^v%d+$") then
    refuse(where, "version must be \"v1\" or the like; it is %s", shown(o.version))
  end
  check_keys(where, o, "operation")
  if type(o.params) ~= "table" then refuse(where, "params is missing, or not an object") end
  local names = sorted_names(where, o.params)
  local in_path = placeholders(where, o)
  check_places(where, o, in_path, names)
  local parts = { head_text(c, where, name, o) }
  for _, parameter in ipairs(names) do
    local text = parameter_text(c, name, parameter, o.params[parameter], in_path[parameter])
    local implied = in_path[parameter] and (text == parameter .. "!" or text == parameter .. "!?")
    if not implied then parts[#parts + 1] = text end
  end
  local paging = c.paging[name]
  if paging ~= nil then parts[#parts + 1] = "| " .. paging_text(c.file .. ": paging of " .. name, paging) end
  return (table.concat(parts, " "):gsub(" $", ""))
end

local function shape_fields(c, name, shape)
  local where, parts = c.file .. ": " .. name, {}
  if type(shape) ~= "table" then refuse(where, "is %s, not an object", shown(shape)) end
  check_keys(where, shape, "shape")
  if type(shape.fields) ~= "table" then refuse(where, "fields is missing, or not an object") end
  for _, field in ipairs(sorted_names(where, shape.fields)) do
    parts[#parts + 1] = parameter_text(c, name, field, shape.fields[field])
  end
  return table.concat(parts, " ")
end

-- Name -> text of all shapes: those with the same fields refer to the one with the shortest name.
local function shape_texts(c)
  local texts, shortest = {}, {}
  for _, name in ipairs(sorted_names(c.file .. ": shapes", c.facts.shapes)) do
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

-- Whether an operation may be sent again, by the reviewed lists. Facts newer than the lists may lack what they name.
local function repeatability(file, facts, lists, newer)
  local changing, reading = set_of(lists.changing[facts.service]), set_of(lists.reading[facts.service])
  for _, set in ipairs { changing, reading } do
    for name in pairs(newer and {} or set) do
      if not facts.operations[name] then refuse(file .. ": lists.lua", "there is no operation %s", name) end
    end
  end
  return function(name, method)
    if method == "GET" or method == "HEAD" then return not changing[name] end
    return reading[name] == true
  end
end

-- The reviewed host where the facts have but the usual one; nil if the usual one it is.
local function endpoint_of(facts, lists)
  local usual = facts.service .. ".jdcloud-api.com"
  if facts.endpoint ~= usual then return facts.endpoint end
  return lists.endpoints and lists.endpoints[facts.service]
end

local HEAD = { service = "^%l%w*$", endpoint = "^[%w][%w_.%-]*$", revision = "^[%w_.%-]+$" }

local HEAD_WORDS = {
  service = "lower-case letters and digits", endpoint = "a host's name", revision = "a version like 1.0.0",
}

local function check_head(file, facts)
  if type(facts) ~= "table" then refuse(file, "has %s, not an object", shown(facts)) end
  for _, key in ipairs { "service", "endpoint", "revision" } do
    local value = facts[key]
    if type(value) ~= "string" or not value:find(HEAD[key]) then
      refuse(file, "%s must be %s; it is %s", key, HEAD_WORDS[key], shown(value))
    end
  end
  check_keys(file, facts, "facts")
  if facts.signing_name ~= nil and facts.signing_name ~= facts.service then
    refuse(file, "signing_name is not %s, which requests are signed for", facts.service)
  end
end

local function source_of(file, facts, options)
  check_head(file, facts)
  local lists = options.lists
  local names = sorted_names(file .. ": operations", facts.operations)
  if type(facts.shapes) ~= "table" then refuse(file .. ": shapes", "is missing, or not an object") end
  local c = {
    file = file, facts = facts, resolve = options.resolve, secret = set_of(lists.secret),
    repeatable = repeatability(file, facts, lists, options.newer),
    paging = facts.paging == nil and options.paging or facts.paging or {},
  }
  for _, name in ipairs(sorted_names(file .. ": paging", c.paging)) do
    if not facts.operations[name] then refuse(file .. ": paging of " .. name, "there is no such operation") end
  end
  local operations = {}
  for _, name in ipairs(names) do operations[name] = operation_text(c, name, facts.operations[name]) end
  return {
    service = facts.service, revision = facts.revision, endpoint = endpoint_of(facts, lists),
    default_region = set_of(lists.regionless)[facts.service] and lists.default_region or nil,
    operations = operations, shapes = shape_texts(c),
  }
end

--- Compiles the facts of one service.
-- @param file what to call the facts in a message
-- @param facts the decoded file: anything
-- @param options lists (models/lists.lua), paging (of this service, where the facts have none), resolve(service, shape)
--   -> does another service have that shape (nil: no service has), newer (operations that the lists name may be gone)
-- @return { service, revision, endpoint | nil, default_region | nil, operations = { [name] = text }, shapes = { [name]
--   = text } }; or nil and what doesn't hold together, with file and name
function M.compile(file, facts, options)
  local ok, source = pcall(source_of, file, facts, options)
  if ok then return source end
  if type(source) == "table" and source.fault then return nil, source.fault end
  return nil, file .. ": " .. tostring(source)
end

return M
