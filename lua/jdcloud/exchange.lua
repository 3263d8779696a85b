-- exchange.lua - from a call's parts (a path, a query, a body, options) to the request that the core signs, with the
-- host that it goes to; and from the answer to a result. Shared by clients and by cloud:request.

local call = require "jdcloud.call"
local core = require "jdcloud.core"
local credentials = require "jdcloud.credentials"
local errors = require "jdcloud.errors"
local version = require "jdcloud.version"

local M = {}

local NO_REGION = "jdcloud-api" -- of the signature's scope (protocol.md 1.9)

-- scheme, host (with its port) of an endpoint: "host", "host:port", or a URL without a path; nil, message otherwise.
local function parse_endpoint(endpoint)
  local scheme, host = endpoint:match("^(%a+)://([^/%s?#@]+)/?$")
  if not scheme then scheme, host = "https", endpoint:match("^([^/%s?#@]+)$") end
  scheme = scheme:lower()
  if not host or scheme ~= "https" and scheme ~= "http" then
    return nil, "the endpoint must be a host, or https:// or http:// with a host; no path"
  end
  return scheme, host:lower()
end

--- Where a call goes.
-- @param view the cloud; its option `endpoint` (may hold {service} and {region}) and `internal` come before the
-- model's
-- @param region the call's region, or nil
-- @return scheme, host | nil, message
function M.place(view, service, region, default_host, endpoint)
  local options = view.options
  endpoint = endpoint or options.endpoint
  if not endpoint and options.internal then
    if not region then return nil, "the internal endpoint needs a region" end
    endpoint = "http://{service}.internal.{region}.jdcloud-api.com" -- protocol.md 9: internal names speak http
  end
  if not endpoint then return "https", default_host end
  local names = { service = service, region = region }
  local filled = endpoint:gsub("{(%w+)}", names)
  if filled:find("[{}]") then
    return nil, "the endpoint has a placeholder that can't be filled: {service} can, and {region} where there is one"
  end
  return parse_endpoint(filled)
end

-- Headers of the call over those of the view; security_token in base64. nil if there are none.
local function headers_of(view, options)
  local given, token = options and options.headers, options and options.security_token
  if not given and not token then return view.headers end
  local headers = {}
  for name, value in pairs(view.headers or {}) do headers[name] = value end
  for name, value in pairs(given or {}) do headers[name:lower()] = value end
  if token then headers["x-jdcloud-security-token"] = core.base64(token) end
  return headers
end

--- The User-Agent: JdcloudSdkLua/<version> <service>/<revision>, and the user's suffix (protocol.md 2).
local function agent_of(view, service, revision)
  local agent = view.agents[service]
  if not agent then
    agent = ("JdcloudSdkLua/%s %s/%s"):format(version, service, revision or "-")
    if view.options.user_agent then agent = agent .. " " .. view.options.user_agent end
    view.agents[service] = agent
  end
  return agent
end

local function pick(options, name, otherwise)
  if options and options[name] ~= nil then return options[name] end
  return otherwise
end

--- Builds what core's call:begin takes, and the context of the call.
-- @param parts { service, operation, revision, method, scheme, host, path, query, body, region, repeatable,
-- client_token }
-- @param options the call's own, or nil
-- @return request, context
function M.build(view, parts, options)
  local defaults, limits = view.options, view.options.limits
  local service, operation = parts.service, parts.operation
  local request = {
    version = defaults.signature_version, scheme = parts.scheme, method = parts.method, host = parts.host,
    path = parts.path, query = parts.query, body = parts.body, service = service, region = parts.region or NO_REGION,
    headers = headers_of(view, options), user_agent = agent_of(view, service, parts.revision),
    timeout = pick(options, "timeout", defaults.timeout), max_wait = pick(options, "max_wait", defaults.max_wait),
    busy_timeout = options and options.busy_timeout, attempts = pick(options, "attempts", defaults.attempts),
    idempotent = options and options.idempotent, repeatable = parts.repeatable, client_token = parts.client_token,
    renewable = view.keys.provider ~= nil, limiter = view.limiter,
    limit_operation = limits and operation and limits[service .. "." .. operation] and operation or nil,
  }
  local context = {
    service = service, operation = operation, region = parts.region, host = parts.host, body = parts.body,
    origin = parts.scheme .. "://" .. parts.host, head = parts.method == "HEAD",
  }
  return request, context
end

--- Makes the call.
-- @return facts of the answer (answer.read), meta = { request_id, http_status, attempts, headers } | nil, error
function M.run(view, parts, options)
  local request, context = M.build(view, parts, options)
  local facts, err = call.run(view, request, context)
  if not facts then return nil, err end
  return facts, {
    request_id = facts.request_id, http_status = facts.http_status, attempts = facts.attempts, headers = facts.headers,
  }
end

-- Waits until there are keys to sign with, asking the provider if this caller is to.
local function have_keys(view)
  local keys = view.keys
  while true do
    local need, detail = keys.credential:check(keys.provider ~= nil)
    if need == "ready" then return true end
    if need == "wait" then
      core.sleep(detail)
    else
      local ok, err = credentials.renew(keys, detail)
      if not ok then keys.credential:failed() end
      return ok, err
    end
  end
end

--- Signs a request with the view's keys.
-- @param request what core.sign takes, without keys
-- @return signed as core.sign | nil, error
function M.sign(view, request)
  local ok, err = have_keys(view)
  if not ok then return nil, err end
  local signed, message = core.sign(request, view.keys.credential)
  if not signed then return nil, errors.new { kind = "invalid", message = message } end
  return signed
end

--- The signed request of a call, unsent: { method, url, target, headers = { name = value }, body } | nil, error.
function M.prepare(view, parts, options)
  local request, context = M.build(view, parts, options)
  request.headers = request.headers or {}
  local headers = {}
  for name, value in pairs(request.headers) do headers[name] = value end
  headers["user-agent"] = request.user_agent
  request.headers = headers
  local signed, err = M.sign(view, request)
  if not signed then return nil, err end
  return {
    method = signed.method, url = parts.scheme .. "://" .. signed.host .. signed.target, target = signed.target,
    headers = signed.headers, body = context.body,
  }
end

return M
