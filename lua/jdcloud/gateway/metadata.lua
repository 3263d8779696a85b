-- metadata.lua - the metadata service of a virtual machine, as the gateway's own: what a GET of /metadata/latest/… or
-- /jcs-metadata/latest/… answers, unsigned. The real one has an address of its own, 169.254.169.254 (protocol.md 10).

local envelope = require "jdcloud.gateway.envelope"
local json = require "jdcloud.json"
local sessions = require "jdcloud.gateway.sessions"

local M = {}

local LIFE = 6 * 3600 -- seconds, of the role's keys
local CREDENTIALS = "iam/instance-role-security-credentials"

local ITEMS = {
  ["pin"] = "example",
  ["instance-id"] = "i-example0001",
  ["instance-name"] = "example",
  ["instance-type"] = "g.n2.medium",
  ["placement/region"] = "cn-north-1",
  ["placement/availability-zone"] = "cn-north-1a",
}

-- The same keys until half their life is over, as long as they are known.
local function role_keys(gateway, now)
  if not gateway.instance_role then
    return { Code = "fail", accessKey = "", secretKey = "", sessionToken = "", expiration = "" }
  end
  local role = gateway.role
  if not role or now >= role.until_then then
    local keys, session = sessions.make(gateway, LIFE, now)
    keys.Code = "success"
    role = { keys = keys, until_then = now + (session.expires_at - now) / 2 }
    gateway.role = role
  end
  return role.keys
end

--- The item that a request means.
-- @param request { method, target }
-- @return its name, "pin" | nil: the request is none to the metadata service
function M.item(request)
  local target = request.target
  return target:match("^/metadata/latest/([^?]*)") or target:match("^/jcs%-metadata/latest/([^?]*)")
end

--- Answers.
-- @param gateway { instance_role = bool, role = state of ours, and what sessions.make takes }
-- @param item of M.item
-- @param now (number) Unix seconds
-- @return { status, headers, body }
function M.answer(gateway, item, now)
  local status, kind, body = 200, "text/plain", ITEMS[item]
  if item == CREDENTIALS then
    kind, body = "application/json", assert(json.encode(role_keys(gateway, now)))
  elseif not body then
    status, body = 404, "not found"
  end
  return {
    status = status,
    headers = { ["content-type"] = kind, ["date"] = envelope.http_date(now) },
    body = body,
  }
end

return M
