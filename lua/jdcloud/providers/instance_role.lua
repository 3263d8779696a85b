-- instance_role.lua - keys of the role that a virtual machine has, from the metadata service of its host: one GET over
-- plain HTTP to an address that only the machine itself reaches (protocol.md 10). Never through a proxy, which would
-- read the keys.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local expiry = require "jdcloud.providers.expiry"
local json = require "jdcloud.json"
local scheduler = require "jdcloud.scheduler"
local transports = require "jdcloud.transport"

local ENDPOINT = "http://169.254.169.254"
local PATH = "/metadata/latest/iam/instance-role-security-credentials"
local TIMEOUT, CONNECT_TIMEOUT, PAUSE = 2, 1, 0.2 -- seconds
local ATTEMPTS = 3
local SIZE_MAX = 64 * 1024 -- bytes of an answer
local LONGEST = 36 * 3600 -- seconds; of the zones that are possible there is only one, unless told
local UNKNOWN_LIFE = 600 -- seconds, of keys that come without an end

local NO_ROLE = "has the virtual machine a role? It is given to one in the console"
local FOREIGN = "this is no virtual machine of JD Cloud, or no role is bound to it (in the console), or endpoint and "
  .. "path are not those of its metadata service"

local function failed(kind, message, retryable, hint)
  return nil, errors.new {
    kind = kind, retryable = retryable, hint = hint, message = "no keys of the instance's role: " .. message,
  }
end

-- The transport: the one named by the option, or the asking cloud's kind, on connections of its own.
local function transport_of(state, asker)
  local wanted = state.options.transport or asker and asker.connection.options.transport
  if state.transport and state.wanted == wanted then return state.transport end
  local transport, err = transports.resolve {
    transport = wanted, proxy = type(wanted) ~= "table" and false or nil,
    connect_timeout = type(wanted) ~= "table" and CONNECT_TIMEOUT or nil,
  }
  if not transport then return nil, err end
  state.transport, state.wanted = transport, wanted
  return transport
end

local function request_of(options)
  local endpoint = options.endpoint or ENDPOINT
  if not endpoint:find("://", 1, true) then endpoint = "http://" .. endpoint end
  endpoint = endpoint:gsub("/$", "")
  local headers = { { "host", endpoint:match("://(.*)$") }, { "accept", "application/json" } }
  for name, value in pairs(options.headers or {}) do headers[#headers + 1] = { name:lower(), value } end
  return {
    method = "GET", url = endpoint .. (options.path or PATH), headers = headers, timeout = options.timeout or TIMEOUT,
    connect_timeout = math.min(CONNECT_TIMEOUT, options.timeout or TIMEOUT), max_size = SIZE_MAX,
  }
end

-- The URL for a message: without a query, which may be a secret.
local function place_of(request)
  return request.url:match("^[^?#]*")
end

-- The answer, after as many attempts as are allowed. A GET of what is there: to repeat it harms nobody.
local function get(transport, request, attempts)
  local response, failure
  for attempt = 1, attempts do
    if attempt > 1 then transport.sleep(PAUSE) end
    if scheduler.is_cancelled() then return failed("cancelled", "the task was cancelled") end
    response, failure = transport.send(request)
    if response and response.status < 500 and response.status ~= 429 then break end
  end
  if response then return response end
  local told = type(failure) == "table" and failure or { kind = "network", message = tostring(failure) }
  return failed(told.kind or "network", ("%s: %s"):format(place_of(request), told.message or "no answer"), true,
    "only a virtual machine of JD Cloud has a metadata service")
end

-- An answer that brings no keys. It is never not_found: kinds are about the resource that the caller's call is about,
-- and who waits for that one to be deleted must not take this for it.
local function refused(status, place)
  local may_pass = status >= 500 or status == 429
  return failed(may_pass and "server" or "auth", ("the metadata service answered HTTP %d at %s"):format(status, place),
    may_pass, not may_pass and FOREIGN or nil)
end

local function keys_of(response, wall, offset, place)
  if response.status ~= 200 then return refused(response.status, place) end
  local found = json.decode(response.body or "")
  if type(found) ~= "table" then
    return failed("protocol", "no JSON object is the answer at " .. place, false, FOREIGN)
  end
  local code = found.Code
  local worked = code == nil or code == json.null or type(code) == "string" and code:lower() == "success"
  local function text(name) return type(found[name]) == "string" and found[name] ~= "" and found[name] or nil end
  if not worked or not text("accessKey") or not text("secretKey") then
    return failed("auth", "the metadata service has none at " .. place, false, NO_ROLE)
  end
  local life = expiry.life(found.expiration, response.headers and response.headers.date, wall, { offset }, LONGEST)
  return {
    access_key = found.accessKey, secret_key = found.secretKey, session_token = text("sessionToken"),
    expires_at = wall + (life or UNKNOWN_LIFE),
  }
end

local function wall_of(transport)
  if not transport.clock then return core.wall() end
  local _, wall = transport.clock()
  return wall
end

--- Makes the asking function.
-- @param options see providers.lua
-- @return function(view | nil, reason) -> keys | nil, error
return function(options)
  local copy = {}
  for name, value in pairs(options) do copy[name] = value end
  local state, request = { options = copy }, request_of(copy)
  return function(asker)
    local transport, err = transport_of(state, asker)
    if not transport then return nil, err end
    local wall = wall_of(transport)
    local response
    response, err = get(transport, request, copy.attempts or ATTEMPTS)
    if not response then return nil, err end
    return keys_of(response, wall, copy.utc_offset or expiry.BEIJING, place_of(request))
  end
end
