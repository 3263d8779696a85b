-- place.lua - where a URL's connection goes: host, port, TLS name, proxy; and the name of the pool in which connections
-- to there are kept.

local core = require "jdcloud.core"

local M = {}

local PROXY_PORT = 1080 -- libcurl's default

local function is_address(host)
  return host:find("^%d+%.%d+%.%d+%.%d+$") ~= nil or host:sub(1, 1) == "["
end

-- host, port from "host", "host:port", "[::1]:port"; nil if it is neither.
local function split(authority, port)
  local host, rest = authority:match("^(%[[%x:.]+%])(.*)$")
  if not host then host, rest = authority:match("^([^:%[%]]+)(.*)$") end
  if not host then return nil end
  if rest == "" or rest == ":" then return host, port end
  local given = tonumber(rest:match("^:(%d+)$"))
  if not given or given > 65535 then return nil end
  return host, given
end

--- Reads the option `proxy`.
-- @param text URL with http:// or without, perhaps with user:password@
-- @return { host, port, authorization | nil, id = a name without secrets } | nil, what is wrong
function M.proxy(text)
  local scheme, rest = text:match("^(%w+)://(.*)$")
  if scheme and scheme:lower() ~= "http" then
    return nil, "on cosockets a proxy must be one that takes HTTP: a URL that begins with http://"
  end
  local user, authority = (rest or text):gsub("/$", ""):match("^(.*)@([^@]*)$")
  local host, port = split(authority or (rest or text):gsub("/$", ""), PROXY_PORT)
  if not host then return nil, "the proxy's URL is not understood" end
  local proxy = { host = host, port = port, id = host .. ":" .. port }
  if user then
    user = user:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    proxy.authorization = "Basic " .. core.base64(user)
    proxy.id = proxy.id .. "@" .. core.hex(core.sha256(user)):sub(1, 16)
  end
  return proxy
end

--- Does `no_proxy` name the host? It lists names, for which those below them count too, and addresses; or is "*".
function M.is_direct(no_proxy, host)
  host = host:lower()
  for one in no_proxy:gmatch("[^,%s]+") do
    one = one:lower():gsub("^%.", "")
    if one == "*" or one == host or "[" .. one .. "]" == host then return true end
    if not is_address(host) and host:sub(-#one - 1) == "." .. one then return true end
  end
  return false
end

--- Reads a URL's beginning, up to the path.
-- @param origin "https://host:port", or http
-- @param settings { proxy | nil, no_proxy | nil, identity = what else connections differ by }
-- @return place { host, port, secure, authority, tunnel = "host:port" | nil, name = host for TLS, proxy | nil,
--   absolute = prefix of the request line's target, named = must it be looked up?, pool = options of connect }
--   | nil, what is wrong
function M.of(origin, settings)
  local scheme, authority = origin:match("^(%w+)://(.*)$")
  if authority == "" then return nil, "a URL must have a host" end
  if authority:find("@", 1, true) then return nil, "a URL must not carry a user name" end
  local secure = scheme == "https"
  local host, port = split(authority, secure and 443 or 80)
  if not host then return nil, "a URL's host or port is not understood" end
  local place = { host = host, port = port, secure = secure, authority = authority, name = host, absolute = "" }
  local proxy = settings.proxy
  if proxy and settings.no_proxy and M.is_direct(settings.no_proxy, host) then proxy = nil end
  local key = { "jdcloud", scheme, host:lower(), port, secure and settings.identity or "", proxy and proxy.id or "" }
  if proxy then
    place.proxy, place.host, place.port = proxy, proxy.host, proxy.port
    if secure then
      place.tunnel = host .. ":" .. port
    else
      place.absolute, key[3], key[4] = "http://" .. authority, "*", "*"
    end
  end
  place.named = not is_address(place.host)
  place.pool = { pool = table.concat(key, "|") }
  return place
end

return M
