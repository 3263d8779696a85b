-- exchange.lua - from an operation and what was built for it (path, query, body) to the request that the core signs
-- and the host that it goes to. Shared by clients and by cloud:request.

local call = require "jdcloud.call"
local core = require "jdcloud.core"
local credentials = require "jdcloud.credentials"
local errors = require "jdcloud.errors"
local options_of = require "jdcloud.options"
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

-- Where a call goes: the endpoint of the call or the view (it may hold {service} and {region}), the name inside a
-- VPC, the environment's endpoint (like an option's), or the model's. { scheme, host } | nil, message
local function find_place(view, model, region, endpoint)
  local options = view.options
  endpoint = endpoint or options.endpoint
  if not endpoint and options.internal then
    if not region then return nil, "the internal endpoint needs a region" end
    endpoint = "http://{service}.internal.{region}.jdcloud-api.com" -- protocol.md 9: internal names speak http
  end
  local template = endpoint or options.environment_endpoint or model.endpoint
  local filled = template:gsub("{(%w+)}", { service = model.service, region = region })
  if filled:find("[{}]") then
    return nil, "the endpoint has a placeholder that can't be filled: {service} can, and {region} where there is one"
  end
  local scheme, host = parse_endpoint(filled)
  if not scheme then
    return nil, host .. (not endpoint and options.environment_endpoint and " (it is JDCLOUD_ENDPOINT's)" or "")
  end
  return { scheme = scheme, host = host }
end

--- Keeps what is the same for every call of a service, or in a region, in one of a view's tables while there is room:
-- names may come from a program's own users.
function M.remember(view, cache, name, value)
  if view.room > 0 then cache[name], view.room = value, view.room - 1 end
  return value
end

-- The same, remembered for the view.
local function place_of(view, model, region, endpoint)
  if endpoint then return find_place(view, model, region, endpoint) end
  local places = view.places[model.service] or M.remember(view, view.places, model.service, {})
  local place = places[region or NO_REGION]
  if place then return place end
  local message
  place, message = find_place(view, model, region)
  if not place then return nil, message end
  return M.remember(view, places, region or NO_REGION, place)
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

-- The User-Agent: JdcloudSdkLua/<version> <service>/<revision>, and the user's suffix (protocol.md 2).
local function agent_of(view, model)
  local agent = view.agents[model.service]
  if not agent then
    agent = ("JdcloudSdkLua/%s %s/%s"):format(version, model.service, model.revision or "-")
    if view.options.user_agent then agent = agent .. " " .. view.options.user_agent end
    M.remember(view, view.agents, model.service, agent)
  end
  return agent
end

local NONE = {} -- the options of a call that has none

-- Fills in what core's call:begin takes, and what call.lua needs beside it.
local function fill(slot, view, model, op, built, place, options)
  local defaults, request = view.options, slot.request
  local service, operation, limits = model.service, op.name, defaults.limits
  request.version = defaults.signature_version
  request.scheme, request.host, request.method = place.scheme, place.host, op.method
  request.path, request.query, request.body = built.path, built.query, built.body
  request.service, request.region = service, built.region or NO_REGION
  local headers = headers_of(view, options)
  request.headers = headers
  request.user_agent = not (headers and headers["user-agent"]) and agent_of(view, model) or nil
  request.timeout = options.timeout or defaults.timeout
  local transport = view.connection.transport -- resolved by call.take
  request.max_wait = options.max_wait or defaults.max_wait or transport and transport.max_wait
  request.busy_timeout = options.busy_timeout
  request.attempts = options.attempts or defaults.attempts
  request.idempotent, request.repeatable = options.idempotent, op.repeatable
  request.client_token = built.client_token
  request.renewable, request.limiter = view.keys.provider ~= nil, view.limiter
  local own = service .. "." .. (operation or "")
  request.limit_operation = (limits and limits[own] or options_of.operation_limits[own]) and operation or nil
  slot.service, slot.operation, slot.region = service, operation, built.region
  slot.host, slot.body, slot.head = place.host, built.body, op.method == "HEAD"
end

-- An error about the endpoint: nothing was sent.
local function misplaced(model, op, message)
  return errors.new {
    kind = "config", message = message, service = model.service, operation = op.name, attempts = 0,
  }
end

--- A place for a call, filled in.
-- @param model { service, endpoint, revision | nil }
-- @param op { name | nil, method, repeatable | nil }
-- @param built { path, query | nil, body | nil, region | nil (the one that is sent), client_token | nil }
-- @param options those of a single call and, for cloud:request, its endpoint; or nil
-- @param by_hand the host brings the bytes: no transport is needed
-- @return slot (call.take) | nil, error
function M.open(view, model, op, built, options, by_hand)
  options = options or NONE
  local place, message = place_of(view, model, built.region, options.endpoint)
  if not place then return nil, misplaced(model, op, message) end
  local slot, err = call.take(view, by_hand)
  if not slot then
    err.service, err.operation, err.attempts = model.service, op.name, 0
    return nil, err
  end
  fill(slot, view, model, op, built, place, options)
  return slot
end

--- What is to be known of a call that is over; its slot is put back.
-- @param facts, attempts of steps.finish, or nil, error
-- @return as M.run
function M.close(view, slot, facts, attempts)
  local meta, value, raw
  if facts then
    value, raw = facts.result, facts.raw
    meta = {
      request_id = facts.request_id, http_status = facts.http_status, attempts = attempts, headers = facts.headers,
    }
  else
    value = attempts
  end
  call.put_back(view, slot)
  return meta, value, raw
end

--- Makes a call; parameters as for M.open.
-- @return meta = { request_id, http_status, attempts, headers }, the decoded result (nil if there is none), is it raw
--   (as result.shape takes them) | nil, error
function M.run(view, model, op, built, options)
  local slot, err = M.open(view, model, op, built, options)
  if not slot then return nil, err end
  return M.close(view, slot, call.run(view, slot))
end

-- The provider's failure as the error of one who wanted to sign.
local function unprovided(err)
  return errors.new { kind = err and err.kind or "config", message = err and err.message, hint = err and err.hint,
    retryable = err and err.retryable, attempts = 0 }
end

-- Waits until there are keys to sign with, asking the provider if this caller is to.
local function have_keys(view)
  local keys = view.keys
  local failures = keys.failures
  while true do
    local need, detail = keys.credential:check(keys.provider ~= nil)
    if need == "ready" then return true end
    if need == "wait" then
      call.sleep(view, detail) -- not core.sleep: who asks the provider may be another coroutine of this thread
      if keys.failures ~= failures and not keys.credential:access_key() then return nil, unprovided(keys.failure) end
    else
      local ok, err = credentials.renew(keys, detail, view)
      if ok then return true end
      keys.credential:failed()
      return nil, unprovided(err)
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

--- The signed request of a call, unsent; parameters as for M.run.
-- @return { method, url, target, headers = { name = value }, body | nil } | nil, error
function M.prepare(view, model, op, built, options)
  options = options or NONE
  local place, message = place_of(view, model, built.region, options.endpoint)
  if not place then return nil, misplaced(model, op, message) end
  local slot = { request = {} }
  fill(slot, view, model, op, built, place, options)
  local headers = { ["user-agent"] = slot.request.user_agent }
  for name, value in pairs(slot.request.headers or NONE) do headers[name] = value end
  slot.request.headers = headers
  local signed, err = M.sign(view, slot.request)
  if not signed then return nil, err end
  return {
    method = signed.method, url = place.scheme .. "://" .. signed.host .. signed.target, target = signed.target,
    headers = signed.headers, body = built.body,
  }
end

return M
