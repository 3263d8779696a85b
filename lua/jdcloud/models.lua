-- models.lua - the loader of service models: a service is loaded at its first use, an operation or shape parsed at its
-- first use. The notation is that of models/compile.lua. What comes out is shared and must not be changed.
--
--   registry    the models that know each other: those that come with this release (M.bundled), or those that a cloud
--               was given besides (models/given.lua), which are looked for first
--   model       { service, endpoint, revision, default_region, registry }
--   operation   { name, service, method, version, path, result = type | nil, repeatable (a read), in_body (its
--                 parameters are), client_token and region (it has such a parameter), default_region, paging,
--                 params = { [name] = parameter }, names = { sorted }, list = { parameters in that order },
--                 fields = params (so that it can be written as a shape), pieces (the path, see pieces_of),
--                 model }
--   parameter   { name, type, required, secret, place = "path" | "query" | "body", first_member and next_member (as it
--                 begins in JSON) }; a field of a shape has no place
--   type        { kind = "string" | "integer" | "number" | "boolean" | "any" }
--               { kind = "list", of = type }
--               { kind = "struct", service, shape, registry | nil (bundled) }       models.shape(type) has its fields

local nearest = require "jdcloud.nearest"

local M = {}

local SCALARS = {
  s = { kind = "string" }, i = { kind = "integer" }, n = { kind = "number" }, b = { kind = "boolean" },
  ["?"] = { kind = "any" },
}
local IN_QUERY = { GET = true, HEAD = true, DELETE = true }

--- The type of what has no known one.
M.any = SCALARS["?"]

local Model = {}
Model.__index = Model

local function model_of(source, registry)
  return setmetatable({
    service = source.service, revision = source.revision, default_region = source.default_region,
    endpoint = source.endpoint or source.service .. ".jdcloud-api.com",
    source = source, registry = registry, parsed = {}, types = {},
  }, Model)
end

-- The type of a notation; one table for one text, so that what is resolved once stays resolved.
local function type_of(model, text)
  local known = SCALARS[text] or model.types[text]
  if known then return known end
  local rest = text:sub(2)
  if text:sub(1, 1) == "[" then
    known = { kind = "list", of = type_of(model, rest) }
  else
    local service, shape = rest:match("^([%w_]+):(.+)$")
    known = {
      kind = "struct", service = service or model.service, shape = shape or rest,
      registry = not model.registry.is_bundled and model.registry or nil,
    }
  end
  model.types[text] = known
  return known
end

local function parameter_of(model, text)
  local name, secret, mark, kind = text:match("^([%w_]+)(%*?)([!:]?)(.*)$")
  if kind == "" then kind = "s" end
  if kind:sub(-1) == "@" then kind = kind .. name:sub(1, 1):upper() .. name:sub(2) end
  return {
    name = name, type = type_of(model, kind), required = mark == "!", secret = secret == "*",
    first_member = '"' .. name .. '":', next_member = ',"' .. name .. '":',
  }
end

-- The path as the request builder wants it: "/v1/regions/", <parameter regionId>, "/instances".
local function pieces_of(operation)
  local pieces, from = {}, 1
  local text = "/" .. operation.version .. operation.path
  for at, name, after in text:gmatch("(){(.-)}()") do
    if at > from then pieces[#pieces + 1] = text:sub(from, at - 1) end
    pieces[#pieces + 1] = operation.params[name]
    from = after
  end
  if from <= #text then pieces[#pieces + 1] = text:sub(from) end
  return pieces
end

--- What a paging operation has unless its text says otherwise.
M.paging_usual = { style = "page", number = "pageNumber", size = "pageSize", total = "totalCount" }

-- nil where the operation doesn't page.
local function paging_of(text)
  if text == "" then return nil end
  local paging = {}
  for key, value in pairs(M.paging_usual) do paging[key] = value end
  for key, value in text:gmatch("(%w+)=(%S+)") do
    paging[key] = value ~= "-" and value or nil
  end
  return paging
end

local function parse_operation(model, name, text)
  local read, method, version, path, result, rest, paging = text:match("^(~?)(%u+) (v%d+)(%S+) (%S+)([^|]*)(|?.*)$")
  local o = {
    name = name, service = model.service, method = method, version = version,
    path = (path:gsub("^%*", "/regions/{regionId}")), params = {}, names = {}, list = {},
    repeatable = read == "~", in_body = not IN_QUERY[method], default_region = model.default_region,
  }
  if result == "+" then result = name:sub(1, 1):upper() .. name:sub(2) .. "Result" end
  if result == "?" then o.result = M.any elseif result ~= "-" then o.result = type_of(model, "@" .. result) end
  for word in rest:gmatch("%S+") do
    local p = parameter_of(model, word)
    p.place = o.in_body and "body" or "query"
    o.params[p.name] = p
  end
  for placeholder in o.path:gmatch("{(.-)}") do
    local p = o.params[placeholder] or parameter_of(model, placeholder)
    p.place, p.required = "path", true
    o.params[placeholder] = p
  end
  for parameter in pairs(o.params) do o.names[#o.names + 1] = parameter end
  table.sort(o.names)
  for i, parameter in ipairs(o.names) do o.list[i] = o.params[parameter] end
  o.fields = o.params
  o.client_token, o.region = o.params.clientToken ~= nil, o.params.regionId ~= nil
  o.paging = paging_of(paging)
  o.pieces, o.model = pieces_of(o), model
  return o
end

--- The verbs at which paths of this service end (`:start`), as a set. A value of a path that ends in one would be
-- another operation's path, since `:` and `%3A` are the same there (protocol.md 1.4).
function Model:verbs()
  local verbs = self.known_verbs
  if not verbs then
    verbs = {}
    for _, text in pairs(self.source.operations) do
      for verb in text:match("^~?%u+ v%d+(%S+)"):gmatch(":([%w_%-]+)") do verbs[verb] = true end
    end
    self.known_verbs = verbs
  end
  return verbs
end

--- Is there an operation of this name?
function Model:has(name)
  return self.source.operations[name] ~= nil
end

--- An operation by name.
-- @return the operation, or nil and a message with the nearest names
function Model:operation(name)
  local o = self.parsed[name]
  if not o then
    local text = type(name) == "string" and self.source.operations[name]
    if not text then
      local suggestion = nearest.suggest(name, self:operations())
      return nil, ('%s has no operation "%s"%s'):format(self.service, tostring(name), suggestion)
    end
    o = parse_operation(self, name, text)
    self.parsed[name] = o
  end
  return o
end

--- The names of all operations, sorted.
function Model:operations()
  local names = {}
  for name in pairs(self.source.operations) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local Registry = {}
Registry.__index = Registry

--- The models that come with this release.
M.bundled = setmetatable({ loaded = {}, is_bundled = true }, Registry)

local function parse_shape(t)
  local model = (t.registry or M.bundled):model(t.service)
  local text = model.source.shapes[t.shape]
  if text:sub(1, 1) == "=" then text = model.source.shapes[text:sub(2)] end
  local shape = { name = t.shape, fields = {}, names = {}, list = {} }
  for word in text:gmatch("%S+") do
    local field, i = parameter_of(model, word), #shape.list + 1
    shape.fields[field.name], shape.names[i], shape.list[i] = field, field.name, field
  end
  return shape
end

--- The shape of a struct type: { name, fields = { [name] = field }, names = { sorted }, list = { fields in that order }
-- }. No names: any object.
function M.shape(t)
  local shape = t.resolved
  if not shape then
    shape = parse_shape(t)
    t.resolved = shape
  end
  return shape
end

-- Is there a bundled module of this name? Only then may it be asked for.
local function is_bundled(name)
  local index = require "jdcloud.services"
  for _, list in ipairs { index, index.shapes_only } do
    for _, known in ipairs(list) do
      if known == name then return true end
    end
  end
  return false
end

--- Makes the registry of models that were given; what they don't have comes from the bundled ones.
-- @param sources { [service] = what models/compile.lua made }
function M.registry(sources)
  local registry = setmetatable({ loaded = {}, given = sources }, Registry)
  for name, source in pairs(sources) do registry.loaded[name] = model_of(source, registry) end
  return registry
end

--- The model of a service, also of one that has shapes only; nil if there is none.
function Registry:model(name)
  local model = self.loaded[name]
  if model or not self.is_bundled then return model or M.bundled:model(name) end
  if not is_bundled(name) then return nil end
  model = model_of(require("jdcloud.services." .. name), self)
  self.loaded[name] = model
  return model
end

--- The names of all services with operations, sorted.
function Registry:services()
  local names, given = {}, self.given or {}
  for _, name in ipairs(require "jdcloud.services") do
    if not given[name] then names[#names + 1] = name end
  end
  for name, source in pairs(given) do
    if next(source.operations) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- The model of a service with operations.
-- @return the model, or nil and a message with the nearest names
function Registry:service(name)
  local model = self:model(name)
  if model and next(model.source.operations) then return model end
  return nil, ('there is no model of the service "%s" here%s; services() names those there are, the option models '
    .. "takes the facts of others, cloud:request makes calls without a model"):format(tostring(name),
    nearest.suggest(name, self:services()))
end

--- The names of all bundled services with operations, sorted.
function M.services()
  return M.bundled:services()
end

--- The bundled model of a service with operations.
-- @return the model, or nil and a message with the nearest names
function M.service(name)
  return M.bundled:service(name)
end

return M
