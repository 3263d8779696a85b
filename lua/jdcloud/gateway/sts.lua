-- The service sts: temporary keys for a role, which the gateway then knows (sessions.lua).
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local sessions = require "jdcloud.gateway.sessions"

local M = {}

local DURATION, DURATION_MIN, POLICY_MAX = 3600, 3600, 2048 -- seconds, seconds, bytes (protocol.md 10)

--- Its store: sessions are the gateway's.
-- @param gateway see sessions.make
function M.new(gateway)
  return { gateway = gateway }
end

local function refuse(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

--- Operations by name.
M.operations = {}

function M.operations.assumeRole(store, params, now)
  local info = params.assumeRoleInfo
  local duration = info.durationSeconds or DURATION
  if duration < DURATION_MIN then
    return refuse("durationSeconds must be 3600 or more")
  elseif info.policy and #info.policy > POLICY_MAX then
    return refuse("policy is longer than 2048 bytes")
  elseif not info.roleJrn:find("^jrn:%w*:") then
    return nil, { http = 404, status = "NOT_FOUND", message = "no such role" }
  end
  local gateway = store.gateway
  local caller = gateway.caller and gateway.caller.key
  return { credentials = (sessions.make(gateway, duration, now, caller and caller.secret)) }
end

return M
