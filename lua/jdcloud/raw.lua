-- raw.lua - cloud:request, which makes any call, known to a model or not, and cloud:sign.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local exchange = require "jdcloud.exchange"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local query_of = require "jdcloud.request.query"
local result = require "jdcloud.result"
local walk = require "jdcloud.request.walk"

local M = {}

-- An operation of which no parameter is known: all of them pass, untyped.
local UNKNOWN = { list = {}, params = {}, names = {} }

local function invalid(request, what)
  local problems = type(what) == "table" and what or nil
  return nil, errors.new {
    kind = "invalid", message = not problems and what or nil, problems = problems, service = request.service,
    operation = request.operation, attempts = 0,
  }
end

-- The model of the service, for its endpoint; or what stands for one if nothing is known of the service.
local function model_of(view, service)
  local model = view.raw_models[service]
  if not model then
    model = view.models:service(service) or { service = service, endpoint = service .. ".jdcloud-api.com" }
    exchange.remember(view, view.raw_models, service, model)
  end
  return model
end

-- The path with its region filled in, and that region: for the signature's scope.
local function path_of(view, request)
  local path, region = request.path, request.region
  if request.version then path = "/" .. request.version .. path end
  if not path:find("{", 1, true) then return path, region or path:match("/regions/([%w_%-]+)") end
  if path:find("{regionId}", 1, true) then
    region = region or view.options.region
    if not region then return nil, "the path asks for a region, and there is none: set the option region" end
    path = path:gsub("{regionId}", (core.encode(region):gsub("%%", "%%%%")))
  end
  local placeholder = path:match("{[%w_%-]+}")
  if placeholder then return nil, "the path still holds the placeholder " .. placeholder end
  return path, region or path:match("/regions/([%w_%-]+)")
end

-- The query as text; nil and the problems of its table.
local function query_text(query)
  if type(query) ~= "table" then return query or "" end
  local state = walk.new(false)
  local text = query_of.write(state, UNKNOWN, query)
  if state.problems[1] then return nil, state.problems end
  return text or ""
end

-- The body as bytes; nil and what is wrong with its table.
local function body_text(body)
  if type(body) ~= "table" then return body or "" end
  return json.encode(body)
end

--- Makes one call of which nothing is known but what is given.
-- @param request { service, method, path ("/v1/…", or with version = "v1"), version, query (text as in a URL, or a
--   table), body (bytes, or a table), region, endpoint, operation (for errors and events), headers, and the options
--   of a call }. A lost answer or a 5xx is repeated only with idempotent = true: whether a call reads or changes is
-- not known here.
-- @return result, meta | nil, error
function M.request(view, request)
  local path, region = path_of(view, request)
  if not path then return invalid(request, region) end
  local query, problems = query_text(request.query)
  if not query then return invalid(request, problems) end
  local body, message = body_text(request.body)
  if not body then return invalid(request, message) end
  local meta, value, raw = exchange.run(view, model_of(view, request.service), {
    name = request.operation, method = request.method:upper(),
  }, { path = path, query = query, body = body ~= "" and body or nil, region = region }, request)
  if not meta then return nil, value end
  return result.shape(value, models.any, view.options.keep_null, raw), meta
end

--- Signs a request with the cloud's keys and sends nothing: for proxies and customer gateways.
-- @param request as for jdcloud.sign, without keys; version and region default to the cloud's
-- @return as jdcloud.sign | nil, error
function M.sign(view, request)
  local given = {}
  for name, value in pairs(request) do given[name] = value end
  given.version = given.version or view.options.signature_version
  given.region = given.region or view.options.region
  return exchange.sign(view, given)
end

return M
