-- signed.lua - requests for the local gateway, signed by a few lines that share nothing with the library's signing code
-- or with the gateway's reading: what they are given must already be canonical.

local core = require "jdcloud.core"
local gateway = require "jdcloud.gateway"

local M = {}

local function hash(text)
  return core.hex(core.sha256(text))
end

local function sorted(headers)
  local names = {}
  for name in pairs(headers) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function authorization(r, headers)
  local prefix = "JDCLOUD" .. (r.version or 2)
  local scope = { headers["x-jdcloud-date"]:sub(1, 8), r.region or "cn-north-1", r.service or "vm",
    prefix:lower() .. "_request" }
  local path, query = r.target:match("^([^?]*)%??(.*)$")
  local lines, names = { r.method, path, query }, sorted(headers)
  for _, name in ipairs(names) do
    lines[#lines + 1] = name .. ":" .. headers[name]
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = table.concat(names, ";")
  lines[#lines + 1] = hash(r.body or "")
  local key, scope_text = prefix .. (r.secret_key or gateway.example.secret_key), table.concat(scope, "/")
  for _, part in ipairs(scope) do
    key = core.hmac(key, part)
  end
  local algorithm = prefix .. "-HMAC-SHA256"
  local text = table.concat({ algorithm, headers["x-jdcloud-date"], scope_text, hash(table.concat(lines, "\n")) }, "\n")
  return ("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s"):format(algorithm,
    r.access_key or gateway.example.access_key, scope_text, table.concat(names, ";"), core.hex(core.hmac(key, text)))
end

--- Signs a request.
-- @param r { method, target (canonical), body, host (vm.jdcloud-api.com), at = Unix seconds (now), nonce (a fresh one),
--   version = 2 or 3, region, service, access_key, secret_key, headers = { [lower-case name] = value } to add }
-- @return { method, target, headers = list of { name, value }, body }: what gateway:answer takes
function M.request(r)
  local headers = {
    ["content-type"] = "application/json",
    ["host"] = r.host or "vm.jdcloud-api.com",
    ["x-jdcloud-date"] = core.date(r.at or core.wall()),
    ["x-jdcloud-nonce"] = r.nonce or core.hex(core.random(16)),
  }
  for name, value in pairs(r.headers or {}) do
    headers[name] = value
  end
  local list = { { "authorization", authorization(r, headers) } }
  for _, name in ipairs(sorted(headers)) do
    list[#list + 1] = { name, headers[name] }
  end
  return { method = r.method, target = r.target, headers = list, body = r.body }
end

--- The same for a transport (design.md, A transport).
-- @param r as for M.request, and url = "http://127.0.0.1:port", timeout and the like
function M.send(transport, r)
  local origin = r.url:match("^(%a+://[^/]+)")
  r.host = r.host or origin:match("//(.*)$")
  local request = M.request(r)
  return transport.send {
    method = r.method, url = origin .. r.target, headers = request.headers, body = r.body, timeout = r.timeout or 10,
    connect_timeout = 5, idle_timeout = r.idle_timeout, max_size = r.max_size or 1048576,
  }
end

return M
