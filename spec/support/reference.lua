-- reference.lua - what the request of an operation must be, worked out from the API facts alone: deliberately simple,
-- and nothing of jdcloud is required here, so that a slip of the library can't hide in its own test.

local cjson = require "cjson"

local M = {}

--- JSON's null in parameters.
M.null = cjson.null

local SCALARS = { string = true, integer = true, number = true, boolean = true, any = true }

-- The API facts' own list of products without regions: their calls go to cn-north-1.
local REGIONLESS = {}
for name in ([[asset billing clouddnsservice domain domainservice iam instancevoucher invoice order partner portal quota
  refund renewal reservedinstance resourcetag]]):gmatch("%S+") do REGIONLESS[name] = true end

local loaded, types = {}, {}

local function read(name)
  if not loaded[name] then
    local file = assert(io.open("spec/facts/" .. name .. ".json", "rb"))
    loaded[name] = cjson.decode(file:read("*a"))
    file:close()
  end
  return loaded[name]
end

--- The facts of a service.
function M.facts(service)
  return read("services/" .. service)
end

--- How an operation pages: the facts, or {}.
function M.paging(service, name)
  local paging = read "paging"
  return paging[service] and paging[service][name] or {}
end

--- The names in a table, sorted.
function M.sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- A type of the facts as { kind }, { kind = "list", of = type } or { kind = "struct", service, shape }.
function M.type(service, t)
  if type(t) == "table" then
    if t.type == "list" then return { kind = "list", of = M.type(service, t.of) } end
    t = t.type == "struct" and t.shape or t.type
  end
  local key = SCALARS[t] and t or t:find(":") and t or service .. ":" .. t
  if not types[key] then
    local owner, shape = key:match("^(.-):(.*)$")
    types[key] = owner and { kind = "struct", service = owner, shape = shape } or { kind = t }
  end
  return types[key]
end

local function fields_of(service, facts)
  local fields = { names = M.sorted(facts), types = {}, required = {}, place = {} }
  for name, fact in pairs(facts) do
    fields.types[name] = M.type(service, fact)
    fields.required[name] = fact.required or fact["in"] == "path"
    fields.place[name] = fact["in"]
  end
  return fields
end

--- The fields of a struct: { names = sorted, types = { [name] = type }, required = { [name] = boolean } }.
function M.fields(t)
  t.fields = t.fields or fields_of(t.service, M.facts(t.service).shapes[t.shape].fields)
  return t.fields
end

local operations = {}

--- An operation: { service, name, method, version, path, result = type | nil, params = fields, with their place too }.
function M.operation(service, name)
  local key = service .. "." .. name
  if not operations[key] then
    local fact = M.facts(service).operations[name]
    operations[key] = {
      service = service, name = name, method = fact.method, version = fact.version, path = fact.path,
      result = fact.result and M.type(service, fact.result), params = fields_of(service, fact.params),
    }
  end
  return operations[key]
end

--- Percent-encoding: everything but A-Z a-z 0-9 - _ . ~
function M.encode(text)
  return (text:gsub("[^A-Za-z0-9_.~%-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The digits of a value that stands for an integer.
local function digits(value)
  if type(value) == "string" then return value end
  if math.type and math.type(value) == "integer" then return ("%d"):format(value) end
  return ("%.0f"):format(value)
end

local function is_whole(n) return n % 1 == 0 end

-- A value as the text that stands in a path or a query.
local function text_of(value)
  if type(value) == "number" then return is_whole(value) and digits(value) or ("%.14g"):format(value) end
  return tostring(value)
end

local function is_list(value)
  return #value > 0 or getmetatable(value) ~= nil -- an empty one is marked by the caller
end

-- The value of a parameter as the tree that json_tree.lua reads from a body.
local function tree(t, value)
  if value == M.null or type(value) == "boolean" then return value end
  local kind = t.kind
  if kind == "any" and type(value) == "table" then kind = is_list(value) and "list" or "struct" end
  if kind == "list" then
    local items = {}
    for i, item in ipairs(value) do items[i] = tree(t.of or t, item) end
    return { list = items }
  elseif kind == "struct" then
    local members, known = {}, t.shape and M.fields(t).types or {}
    for name, item in pairs(value) do members[name] = tree(known[name] or { kind = "any" }, item) end
    return { object = members }
  elseif kind == "string" then
    return digits(value)
  elseif kind == "integer" or kind == "number" and type(value) == "string" then
    return { digits = digits(value) }
  end
  return type(value) == "number" and is_whole(value) and { digits = digits(value) } or value
end

local function flatten(pairs_of, name, value)
  if value == M.null then return end
  if type(value) ~= "table" then
    pairs_of[#pairs_of + 1] = { M.encode(name), M.encode(text_of(value)) }
  elseif is_list(value) then
    for i, item in ipairs(value) do flatten(pairs_of, name .. "." .. ("%d"):format(i), item) end
  else
    for key, item in pairs(value) do flatten(pairs_of, name .. "." .. key, item) end
  end
end

local function query_of(op, params)
  local list = {}
  for name, value in pairs(params) do
    if op.params.place[name] == "query" then flatten(list, name, value) end
  end
  table.sort(list, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, pair in ipairs(list) do list[i] = pair[1] .. "=" .. pair[2] end
  return #list > 0 and "?" .. table.concat(list, "&") or ""
end

local function path_of(op, params)
  local path, from = "", 1
  local template = "/" .. op.version .. op.path
  while true do
    local first, last, name = template:find("{([%w_-]+)}", from)
    for piece in template:sub(from, (first or 0) - 1):gmatch("/?[^/]*") do
      path = path .. (piece:sub(1, 1) == "/" and "/" .. M.encode(piece:sub(2)) or M.encode(piece))
    end
    if not first then return path end
    path, from = path .. M.encode(text_of(params[name])), last + 1
  end
end

--- The request of a call.
-- @param op of M.operation
-- @param given the parameters; an empty list where the type is any has a metatable
-- @param region the cloud's
-- @param token the client token, if the operation has one and the call has none
-- @return { method, target, body = tree | nil, region = the one of the signature's scope }
function M.build(op, given, region, token)
  local params, has = {}, op.params.types
  for name, value in pairs(given) do params[name] = value end
  if has.regionId and params.regionId == nil then
    params.regionId = REGIONLESS[op.service] and "cn-north-1" or region
  end
  if has.clientToken and params.clientToken == nil then params.clientToken = token end
  local in_body, members = op.method == "POST" or op.method == "PUT" or op.method == "PATCH", {}
  for name, value in pairs(params) do
    if op.params.place[name] == "body" then members[name] = tree(has[name], value) end
  end
  return {
    method = op.method, target = path_of(op, params) .. query_of(op, params),
    body = in_body and { object = members } or nil, region = has.regionId and params.regionId or "jdcloud-api",
  }
end

return M
