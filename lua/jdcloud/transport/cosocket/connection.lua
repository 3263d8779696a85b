-- connection.lua - opens a cosocket to a place: name, TCP, the proxy's tunnel, TLS; and keeps it for the next request.
-- What can fail here fails before a byte of the request is sent.

local core = require "jdcloud.core"
local http1 = require "jdcloud.transport.cosocket.http1"

local M = {}

-- As with libcurl: gateways close idle connections after a minute or so, and one that was idle for longer than this is
-- not used again, so that few requests are lost to a close that crosses them.
local KEEP_MS = 30000
local KEEP_COUNT = 256 -- idle connections of a pool: calls that come and go in a burst shake hands once
local MS_MAX = 2 ^ 31 - 1
local TLS_VERSIONS = { ["1.2"] = 0x0303, ["1.3"] = 0x0304 }

-- Pool -> how many idle connections it should have: a guess, since nginx closes some without a word.
local idle = {}

--- Does a connection to there probably wait in its pool?
function M.is_likely(place)
  return (idle[place.pool.pool] or 0) > 0
end

--- Milliseconds for a cosocket, from seconds or nil.
function M.ms(seconds)
  if not seconds then return MS_MAX end
  return math.max(1, math.min(math.ceil(seconds * 1000), MS_MAX))
end

local function failed(kind, phase, message, hint)
  return { kind = kind, phase = phase, sent = false, message = message, hint = hint }
end

local function too_slow(x)
  local whole = x.deadline and x.deadline <= x.connect_by
  return failed("timeout", x.phase, whole and "no whole answer within timeout"
    or "no connection within connect_timeout")
end
M.too_slow = too_slow

local NO_RESOLVER = "add a name server to nginx.conf, in http, server or location: resolver 127.0.0.53; "
  .. "(/etc/hosts is not read)"
local NO_AUTHORITY = "name the authorities to trust in nginx.conf: lua_ssl_trusted_certificate "
  .. "/etc/ssl/certs/ca-certificates.crt; and, for intermediate ones, lua_ssl_verify_depth 5;"
local BY_ADDRESS = "nginx compares the certificate with names only: give the endpoint as a name, not as an address"

local function connect_failure(x, err)
  if err:find("^no resolver defined") then return failed("config", "resolve", err, NO_RESOLVER) end
  if err:find("could not be resolved", 1, true) then
    local late = err:find("timed out", 1, true)
    return failed(late and "timeout" or "network", "resolve", err)
  end
  x.phase = "connect"
  if err == "timeout" then return too_slow(x) end
  return failed("network", "connect", "no connection to " .. x.place.host .. ":" .. x.place.port .. ": " .. err)
end

local function set_connect_time(x, sock)
  local ms = M.ms(x.connect_by - core.now())
  sock:settimeouts(ms, ms, ms)
end

-- The bytes of a proxy's answer.
local function more_of(x, sock)
  return function()
    if x.connect_by - core.now() <= 0 then return nil, too_slow(x) end
    set_connect_time(x, sock)
    local bytes, err = sock:receiveany(4096)
    if bytes then return bytes end
    if err == "timeout" then return nil, too_slow(x) end
    return nil, { ended = true, message = err }
  end
end

local function open_tunnel(x, sock)
  local place = x.place
  local authorization = place.proxy.authorization
  local head = ("CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n"):format(place.tunnel, place.tunnel,
    authorization and "Proxy-Authorization: " .. authorization .. "\r\n" or "")
  set_connect_time(x, sock)
  local _, err = sock:send(head)
  if err then return nil, failed("network", "connect", "the proxy took no request: " .. err) end
  local status, failure = http1.reader(more_of(x, sock)):head()
  if status and status < 300 then return true end
  if status then return nil, failed("network", "connect", ("the proxy refused the tunnel: HTTP %d"):format(status)) end
  if failure.kind == "timeout" then return nil, failure end
  return nil, failed("network", "connect", "the proxy opened no tunnel: " .. failure.message)
end

local function is_address(name)
  return name:find("^[%d.]+$") ~= nil or name:sub(1, 1) == "["
end

-- An address that lacks the authorities would, with them, still not be compared.
local function authority_hint(name)
  return is_address(name) and NO_AUTHORITY .. "; and " .. BY_ADDRESS or NO_AUTHORITY
end

-- When a handshake ends without a wait, lua-resty-core stumbles over a certificate that is refused, and only nginx's
-- log says why.
local function refused_at_once(x, err)
  local name = x.place.name
  local message = "TLS with " .. name .. ": " .. err
  if not err:find("assertion failed", 1, true) then return failed("config", "tls", message) end
  message = ("the certificate of %s is not trusted, or not for that name: nginx's error log says which"):format(name)
  return failed("config", "tls", message, authority_hint(name))
end

local function tls_failure(x, err)
  local name = x.place.name
  if err == "timeout" then return too_slow(x) end
  if err == "handshake failed" or err:find("^%d+: handshake failed") or err == "closed" then
    return failed("network", "tls", "no TLS with " .. name .. ": " .. err:gsub("^%d+: ", ""))
  end
  local message = ("the certificate of %s is not trusted: %s"):format(name, err)
  if err:find("host mismatch", 1, true) then
    return failed("config", "tls", "the certificate is not one for " .. name,
      is_address(name) and BY_ADDRESS or "is it the endpoint's name?")
  end
  if err:find("issuer", 1, true) or err:find("self%-?.?signed") or err:find("chain too long", 1, true)
    or err:find("first certificate", 1, true) then
    return failed("config", "tls", message, authority_hint(name))
  end
  return failed("config", "tls", message)
end

local session_version -- function(session) -> number; false where it can't be known

local function version_of(session)
  if session_version == nil then
    local found, ffi = pcall(require, "ffi")
    session_version = found and pcall(ffi.cdef, "int SSL_SESSION_get_protocol_version(const void *s);")
      and pcall(function() return ffi.C.SSL_SESSION_get_protocol_version end)
      and function(s) return ffi.C.SSL_SESSION_get_protocol_version(s) end
  end
  return session_version and type(session) == "cdata" and session_version(session)
end

-- ngx_lua takes older versions too, unless lua_ssl_protocols leaves them out; and not 1.3, unless it names it.
local function check_version(session, wanted)
  local version = version_of(session)
  if version and version >= TLS_VERSIONS[wanted] then return true end
  if not version and wanted == "1.2" then return true end
  return nil, failed("network", "tls", "the connection has no TLS " .. wanted .. " or newer",
    "nginx.conf says which versions are offered: lua_ssl_protocols TLSv1.2 TLSv1.3;")
end

local function begin_tls(x, sock)
  x.phase = "tls"
  local certificate = x.settings.certificate
  if certificate then
    local chain, key = certificate()
    if not chain then return nil, failed("config", "tls", key) end
    local ok, err = sock:setclientcert(chain, key)
    if not ok then return nil, failed("config", "tls", "client_cert: " .. tostring(err)) end
  end
  if x.connect_by - core.now() <= 0 then return nil, too_slow(x) end
  set_connect_time(x, sock)
  -- It may raise; LuaJIT, which alone runs this, yields through pcall.
  local ran, session, err = pcall(sock.sslhandshake, sock, nil, x.place.name, true)
  if not ran then return nil, refused_at_once(x, tostring(session)) end
  if not session and err then return nil, tls_failure(x, err) end
  return check_version(session, x.settings.tls_min)
end

--- Opens a connection, or takes one from the pool.
-- @param x the exchange { place, settings = { certificate | nil, tls_min }, connect_by, deadline | nil }; gets `sock`,
--   `reused` and, as far as it has come, `phase`
-- @return true | nil, failure
function M.open(x)
  local place, pool = x.place, x.place.pool.pool
  local sock = ngx.socket.tcp()
  x.sock, x.phase = sock, place.named and "resolve" or "connect"
  set_connect_time(x, sock)
  local ok, err = sock:connect(place.host, place.port, place.pool)
  if not ok then return nil, connect_failure(x, err) end
  x.reused = sock:getreusedtimes() > 0
  idle[pool] = x.reused and math.max((idle[pool] or 0) - 1, 0) or nil
  if x.reused then return true end
  x.phase = "connect"
  if place.tunnel then
    local failure
    ok, failure = open_tunnel(x, sock)
    if not ok then return nil, failure end
  end
  if place.secure then return begin_tls(x, sock) end
  return true
end

--- Gives a connection back to its pool.
function M.keep(x)
  local pool = x.place.pool.pool
  if x.sock:setkeepalive(KEEP_MS, KEEP_COUNT) then
    idle[pool] = math.min((idle[pool] or 0) + 1, KEEP_COUNT)
  else
    x.sock:close()
  end
end

return M
