-- Who calls, and may he: the authorization header, the date, the nonce and the state of the access key, with the
-- gateway's own words for each refusal (protocol.md 5.2, 5.3).

local core = require "jdcloud.core"
local canonical = require "jdcloud.gateway.canonical"

local M = {}

local function refuse(message)
  return nil, { http = 401, status = "ACCESS_ERROR", message = message }
end

local function forbid(message, details)
  return nil, { http = 403, status = "HTTP_FORBIDDEN", message = message, details = details }
end

local function fields_of(text)
  local fields = {}
  for piece in text:gmatch("[^,]+") do
    local name, value = piece:match("^%s*(%a+)=(.*)$")
    if name then
      fields[name] = value
    end
  end
  return fields
end

-- The access key may itself hold slashes, so the scope is cut off from the right.
local function scope_of(credential)
  if not credential or credential:find("%s") then
    return nil
  end
  local access_key, day, region, service, terminator =
    credential:match("^(.+)/(%d%d%d%d%d%d%d%d)/([^/]+)/([^/]+)/([^/]+)$")
  if not access_key then
    return nil
  end
  return { access_key = access_key, day = day, region = region, service = service, terminator = terminator }
end

--- Reads an Authorization header (protocol.md 1.1).
-- @param text (string | nil) the header's value
-- @return { algorithm, prefix, access_key, day, region, service, terminator, scope, signed, signature }
--   | nil, failure { http, status, message }
function M.parse(text)
  if not text or text == "" then
    return refuse("lack of header authorization[gw]")
  end
  local algorithm, rest = text:match("^(%S+)%s+(.*)$")
  local version = algorithm and algorithm:match("^JDCLOUD([23])%-HMAC%-SHA256$")
  if not version then
    return refuse("Invalid authentication credentials [gw]")
  end
  local fields = fields_of(rest)
  local found = scope_of(fields.Credential)
  if not found then
    return refuse("lack of credential in the header authorization [gw]")
  end
  if not fields.SignedHeaders or fields.SignedHeaders == "" then
    return refuse("lack of header signedHeaders [gw]")
  end
  found.algorithm, found.prefix = algorithm, "JDCLOUD" .. version
  found.scope = table.concat({ found.day, found.region, found.service, found.terminator }, "/")
  found.signed, found.signature = fields.SignedHeaders, fields.Signature
  return found
end

local function signed_right(request, found, date, secret)
  if found.terminator ~= "jdcloud" .. found.prefix:sub(-1) .. "_request" or found.day ~= date:sub(1, 8) then
    return false
  end
  local text = canonical.request(request, found.signed)
  if not text then
    return false
  end
  text = canonical.string_to_sign(found.algorithm, date, found.scope, text)
  return canonical.signature(found.prefix, secret, found.scope, text) == found.signature
end

-- Two generations, changed every `window` seconds: a nonce is remembered for at least one window and at most two, and
-- forgetting costs nothing.
local function fresh(nonces, nonce, now, window)
  local generation = math.floor(now / window)
  if nonces.generation ~= generation then
    nonces.old = nonces.generation == generation - 1 and nonces.new or {}
    nonces.new, nonces.generation = {}, generation
  end
  if nonces.new[nonce] or nonces.old[nonce] then
    return false
  end
  nonces.new[nonce] = true
  return true
end

-- Temporary keys go with their token, signed, and end. The texts are not documented.
local function session_right(gate, key, found, headers, now)
  if not key.token then
    return true
  end
  local expected = gate.session_token == "raw" and key.token or core.base64(key.token)
  if headers["x-jdcloud-security-token"] ~= expected then
    return refuse("Invalid security token [gw]")
  elseif not (";" .. found.signed .. ";"):find(";x-jdcloud-security-token;", 1, true) then
    return refuse("sign result is not same [gw]")
  elseif now >= key.expires_at then
    return refuse("The security token has expired [gw]")
  end
  return true
end

--- Checks who calls. The order is: header, credential, signed headers, date and nonce present, key known and enabled,
-- clock, signature, session token, nonce not used before. The texts for a disabled key and for a clock that is off are
-- not documented; those here are the closest of the documented ones.
-- @param gate { keys = { [access key] = { secret, disabled } }, skew = seconds, nonce_window = seconds,
--   nonces = { [access key] = state of ours }, session_token = "base64" | "raw",
--   sessions = { [access key] = { secret, token, expires_at } } }
-- @param request { method, target, headers, body } as it arrived
-- @param headers ({ [lower-case name] = value }) the same headers, of canonical.headers
-- @param now (number) Unix seconds
-- @return what parse found, with `key` | nil, failure { http, status, message }
function M.check(gate, request, headers, now)
  local found, failure = M.parse(headers.authorization)
  if not found then
    return nil, failure
  end
  local date, nonce = headers["x-jdcloud-date"], headers["x-jdcloud-nonce"]
  if not date or date == "" then
    return refuse("lack of header x-jdcloud-date [gw]")
  end
  if not nonce or nonce == "" then
    return refuse("lack of header x-jdcloud-nonce [gw]")
  end
  local key = gate.keys[found.access_key] or gate.sessions[found.access_key]
  if not key or key.disabled then
    return refuse("Invalid accessKey [gw]")
  end
  local at = core.parse_date(date)
  if not at or math.abs(at - now) > gate.skew then
    return refuse("Invalid authentication credentials [gw]")
  end
  if not signed_right(request, found, date, key.secret) then
    return refuse("sign result is not same [gw]")
  end
  local session
  session, failure = session_right(gate, key, found, headers, now)
  if not session then
    return nil, failure
  end
  found.key = key
  local nonces = gate.nonces[found.access_key] or { new = {}, old = {} }
  gate.nonces[found.access_key] = nonces
  if not fresh(nonces, nonce, now, gate.nonce_window) then
    return forbid("please use different noncestr [gw]")
  end
  return found
end

--- Checks what a key may do, as IAM would.
-- @param key { denied = list of "service:operation" | nil }
-- @param operation (string) "vm:deleteInstance"
-- @return true | nil, failure { http, status, message, details }
function M.authorize(key, operation)
  for _, denied in ipairs(key.denied or {}) do
    if denied == operation then
      local message = "You are not authorized to perform (%s) on resource (*) [IAM] [gw]"
      return forbid(message:format(operation), { { param0 = "*", param1 = operation } })
    end
  end
  return true
end

return M
