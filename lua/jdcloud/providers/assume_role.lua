-- assume_role.lua - keys of a role: sts.assumeRole (protocol.md 10), called through the SDK with the keys that may do
-- so. Those are in the core from the start; they can be another provider's.

local cloud = require "jdcloud.cloud"
local client = require "jdcloud.client"
local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local expiry = require "jdcloud.providers.expiry"

local OWN = { role = true, session_name = true, duration = true, policy = true, utc_offset = true }
local INHERITED = { "endpoint", "on_event" }
-- Together shorter than the core's lease: else another caller would ask beside this one.
local TIMES = { timeout = 20, max_wait = 10 } -- seconds
local DURATION = 3600 -- seconds
local SLACK = 60 -- seconds by which keys may live longer than was asked for

-- The view that asks sts: the source's keys, over the connections of the cloud that needs the role's.
local function view_for(source, given, asker)
  if not asker then return source end
  local inherited = {}
  for _, name in ipairs(INHERITED) do
    if given[name] == nil then inherited[name] = asker.options[name] end
  end
  local view, err = cloud.with(source, inherited)
  if view and not given.connects then view.connection = asker.connection end
  return view, err
end

local function wall_of(view)
  local clock = view.connection.transport and view.connection.transport.clock
  if not clock then return core.wall() end
  local _, wall = clock()
  return wall
end

local function failed(err)
  local status = err.status and ("%s (%s): "):format(err.status, tostring(err.code or err.http_status)) or ""
  return nil, errors.new {
    -- What isn't there is the role, not what somebody called the service for.
    kind = err.kind == "not_found" and "auth" or err.kind,
    retryable = err.retryable, hint = err.hint, request_id = err.request_id,
    message = "no keys of the role: sts.assumeRole: " .. status .. (err.message or err.kind),
  }
end

local function keys_of(result, meta, wall, info, zones)
  local found = result.credentials
  if type(found) ~= "table" or not found.accessKey or not found.secretKey then
    return failed { kind = "protocol", message = "the answer has no keys", request_id = meta.request_id }
  end
  local longest = info.durationSeconds
  local life = expiry.life(found.expiration, meta.headers and meta.headers.date, wall, zones, longest + SLACK)
  return {
    access_key = found.accessKey, secret_key = found.secretKey, session_token = found.sessionToken,
    expires_at = wall + (life or longest),
  }
end

--- Makes the asking function of a role.
-- @param options see providers.lua
-- @return function(view | nil, reason) -> keys | nil, error || nil, error
return function(options)
  local given = {}
  for name, value in pairs(TIMES) do given[name] = value end
  for name, value in pairs(options) do
    if not OWN[name] then given[name] = value end
  end
  local source, err = cloud.new(given)
  if not source then return nil, err end
  local own = { endpoint = given.endpoint, on_event = given.on_event }
  own.connects = require("jdcloud.options").any(given, require("jdcloud.options").connection)
  local info = {
    roleJrn = options.role, roleSessionName = options.session_name or "jdcloud",
    durationSeconds = options.duration or DURATION, policy = options.policy,
  }
  local zones = options.utc_offset and { options.utc_offset } or { 0, expiry.BEIJING }

  return function(asker)
    local view, failure = view_for(source, own, asker)
    if not view then return nil, failure end
    local sts
    sts, failure = cloud.service(view, "sts")
    if not sts then return nil, failure end
    local wall = wall_of(view)
    -- To ask twice makes two sessions, of which one is forgotten.
    local result, meta = client.call(sts, "assumeRole", { assumeRoleInfo = info }, { idempotent = true })
    if not result then return failed(meta) end
    return keys_of(result, meta, wall, info, zones)
  end
end
