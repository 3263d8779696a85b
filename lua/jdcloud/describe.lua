-- describe.lua - an operation of a model as a table of its own, for programs to read and people to print.

local models = require "jdcloud.models"

local M = {}

local COUNT = {} -- a key that no shape has

-- Fields that one description has at most. Those of the release have fewer; facts given at run time may have shapes
-- that lead to each other in more ways than memory has room for.
local FIELDS_MAX = 20000

local type_of -- function(t, above)

-- Parameters or fields as a list: what is required comes first, else by name.
local function list_of(fields, above)
  local list = {}
  for _, want_required in ipairs { true, false } do
    for _, field in ipairs(fields) do
      if field.required == want_required then
        local entry = type_of(field.type, above)
        entry.name, entry.required, entry.secret, entry.place = field.name, field.required, field.secret, field.place
        list[#list + 1] = entry
      end
    end
  end
  return list
end

-- above: the shapes that this one stands in, of which 37 contain themselves; and how many fields there are so far.
function type_of(t, above)
  local entry = { type = t.kind }
  if t.kind == "list" then
    entry.of = type_of(t.of, above)
  elseif t.kind == "struct" then
    entry.service, entry.shape = t.service, t.shape
    local key = t.service .. ":" .. t.shape
    local list = models.shape(t).list
    if not above[key] and above[COUNT] + #list <= FIELDS_MAX then
      above[key], above[COUNT] = true, above[COUNT] + #list
      entry.fields = list_of(list, above)
      above[key] = nil
    end
  end
  return entry
end

local function paging_of(op)
  if not op.paging then return nil end
  local paging = {}
  for key, value in pairs(op.paging) do paging[key] = value end
  if paging.lists then
    local lists = {}
    for path in paging.lists:gmatch("[^,]+") do lists[#lists + 1] = path end
    paging.lists = lists
  end
  return paging
end

-- "list of common:Filter"
local function words_of(entry, service)
  if entry.type == "list" then return "list of " .. words_of(entry.of, service) end
  if entry.type ~= "struct" then return entry.type end
  return entry.service == service and entry.shape or entry.service .. ":" .. entry.shape
end

local write_fields

-- What is inside a type, indented below it.
local function write_inside(out, entry, service, indent)
  while entry.type == "list" do entry = entry.of end
  if entry.fields then write_fields(out, entry.fields, service, indent) end
end

-- What isn't said by a name and a type: "(required, any object)", or nothing.
local function remarks(entry, filled)
  local words = {}
  if entry.place == "path" then words[1] = "in the path" end
  if filled then
    words[#words + 1] = filled
  elseif entry.required then
    words[#words + 1] = "required"
  end
  if entry.secret then words[#words + 1] = "secret" end
  local inner = entry
  while inner.type == "list" do inner = inner.of end
  if inner.type == "struct" and not inner.fields then words[#words + 1] = "as above" end
  if inner.fields and not inner.fields[1] then words[#words + 1] = "any fields" end
  return words[1] and " (" .. table.concat(words, ", ") .. ")" or ""
end

-- filled: name -> what the SDK does about a parameter that is left out.
function write_fields(out, fields, service, indent, filled)
  for _, entry in ipairs(fields) do
    out[#out + 1] = indent .. entry.name .. ": " .. words_of(entry, service)
      .. remarks(entry, filled and filled[entry.name])
    write_inside(out, entry, service, indent .. "  ")
  end
end

local function paging_words(paging)
  local words = {}
  for _, key in ipairs { "number", "offset", "token", "size" } do words[#words + 1] = paging[key] end
  local text = "pages by " .. table.concat(words, " and ")
  if paging.inside then text = text .. " in " .. paging.inside end
  local list = paging.list or paging.lists and table.concat(paging.lists, " and ")
  text = text .. "; items in " .. (list or 'a field that isn\'t known: items = "data.list" says it to each and all')
  if paging.total then text = text .. "; count in " .. paging.total end
  return text
end

local function text_of(d)
  local out = { ("%s.%s: %s %s"):format(d.service, d.name, d.method, d.path) }
  if d.repeatable then
    out[2] = "  reads: a lost answer is asked for again"
  else
    out[2] = "  changes something: " .. (d.client_token and "repeated only because clientToken makes that safe"
      or "sent once, unless the call says idempotent = true")
  end
  if d.paging then out[#out + 1] = "  " .. paging_words(d.paging) end
  out[#out + 1] = "parameters" .. (d.parameters[1] and "" or ": none")
  write_fields(out, d.parameters, d.service, "  ", {
    regionId = (d.default_region or "the cloud's region") .. " unless given",
    clientToken = d.client_token and "a fresh one unless given" or nil,
  })
  local result = d.result
  if not result then
    out[#out + 1] = "result: none"
  else
    out[#out + 1] = "result: " .. words_of(result, d.service) .. remarks(result)
    write_inside(out, result, d.service, "  ")
  end
  return table.concat(out, "\n")
end

local description = { __name = "jdcloud.description", __tostring = text_of }

--- Describes an operation.
-- @param op of a model
-- @return a fresh table, which prints as indented text: { name, service, method, path ("/v1/…"), version, repeatable (a
--   read), client_token (it has one, filled in if the call has none), default_region (that of a product without
--   regions), paging = { style, number, size, … , lists = { … } } | nil, parameters, result = a type | nil (none) }.
--   A type is { type = "string" | "integer" | "number" | "boolean" | "list" | "struct" | "any", of = the type of a
--   list's items, service and shape and fields = of a struct }; fields is absent where the shape stands in itself (or
--   FIELDS_MAX is reached), and empty where any may be sent. Parameters and fields are lists of such types with name,
--   required and secret; required ones come first. Parameters have place = "path" | "query" | "body".
function M.operation(op)
  local params = {}
  for i, p in ipairs(op.list) do params[i] = p end
  return setmetatable({
    name = op.name, service = op.service, method = op.method, version = op.version,
    path = "/" .. op.version .. op.path, repeatable = op.repeatable, client_token = op.client_token,
    default_region = op.region and op.default_region or nil, paging = paging_of(op),
    parameters = list_of(params, { [COUNT] = 0 }),
    result = op.result and type_of(op.result, { [COUNT] = 0 }) or nil,
  }, description)
end

return M
