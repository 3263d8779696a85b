-- The gateway's own reading of a request: from the bytes that arrived to the text whose signature is compared.
-- Written from protocol.md 1.1, 1.4, 1.5 and 1.6 (the rules of version 3, which version 2 meets too when the bytes on
-- the wire are already canonical). It shares no code with the side that signs: two readings that agree prove something.

local core = require "jdcloud.core"

local M = {}

local function byte_of(hex)
  return string.char(tonumber(hex, 16))
end

local function escape(char)
  return string.format("%%%02X", string.byte(char))
end

--- Decodes a piece of a path or query. A "%" without two hex digits stays what it is (protocol.md 1.4, step 2).
-- @param text (string)
-- @return (string) the bytes it stands for
function M.decode(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", byte_of))
end

--- Encodes a text: every byte but the unreserved ones, upper-case digits.
function M.encode(text)
  return (text:gsub("[^A-Za-z0-9%-_%.~]", escape))
end

local function trim(text)
  return text:match("^[ \t\r\n]*(.-)[ \t\r\n]*$")
end

-- Byte order whatever the host's locale: "<" on strings follows strcoll.
local function before(a, b)
  local length = math.min(#a, #b)
  for i = 1, length do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

local function split_target(target)
  local path, query = target:match("^([^?#]*)%??([^#]*)")
  return path, query
end

--- The canonical path of a request target: decoded, slashes collapsed, encoded (protocol.md 1.4).
-- @param target (string) path and query as they arrived
function M.path(target)
  local path = M.decode((split_target(target))):gsub("/+", "/"):gsub("[^/]+", M.encode)
  return path:sub(1, 1) == "/" and path or "/" .. path
end

--- The parameters of a request target's query, decoded, in the order in which they arrived.
-- Pairs with an empty name are dropped (protocol.md 1.5).
-- @param target (string) path and query as they arrived
-- @return list of { name = string, value = string }
function M.parameters(target)
  local list = {}
  local _, query = split_target(target)
  for piece in query:gmatch("[^&]+") do
    local name, value = piece:match("^([^=]*)=?(.*)$")
    if name ~= "" then
      list[#list + 1] = { name = M.decode(name), value = M.decode(value) }
    end
  end
  return list
end

--- The canonical query of a request target: sorted as pairs of encoded name and value (protocol.md 1.5).
-- @param target (string) path and query as they arrived
function M.query(target)
  local pairs_found = M.parameters(target)
  for _, pair in ipairs(pairs_found) do
    pair.name, pair.value = M.encode(pair.name), M.encode(pair.value)
  end
  table.sort(pairs_found, function(a, b)
    if a.name ~= b.name then
      return before(a.name, b.name)
    end
    return before(a.value, b.value)
  end)
  for i, pair in ipairs(pairs_found) do
    pairs_found[i] = pair.name .. "=" .. pair.value
  end
  return table.concat(pairs_found, "&")
end

--- The headers by lower-case name; several values of one name joined with a comma, each trimmed (protocol.md 1.6).
-- @param list list of { name, value } in the order in which they arrived
-- @return { [lower-case name] = value }
function M.headers(list)
  local headers = {}
  for _, header in ipairs(list) do
    local name, value = trim(header[1]):lower(), trim(header[2])
    headers[name] = headers[name] and headers[name] .. "," .. value or value
  end
  return headers
end

--- The canonical request (protocol.md 1.1).
-- @param request { method, target, headers = list of { name, value }, body } as it arrived
-- @param signed (string) the names after "SignedHeaders=", joined by ";"
-- @return (string) the text that is hashed | nil if the request lacks a header that it says it signed
function M.request(request, signed)
  local headers, names = M.headers(request.headers), {}
  for name in signed:gmatch("[^;]+") do
    names[#names + 1] = trim(name):lower()
  end
  table.sort(names, before)
  local lines = { request.method:upper(), M.path(request.target), M.query(request.target) }
  for _, name in ipairs(names) do
    if not headers[name] then
      return nil
    end
    lines[#lines + 1] = name .. ":" .. headers[name]
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = table.concat(names, ";")
  lines[#lines + 1] = core.hex(core.sha256(request.body or ""))
  return table.concat(lines, "\n")
end

--- The string to sign (protocol.md 1.1).
-- @param algorithm (string) "JDCLOUD2-HMAC-SHA256" or "JDCLOUD3-HMAC-SHA256"
-- @param date (string) the value of x-jdcloud-date
-- @param scope (string) "day/region/service/terminator"
-- @param canonical_request (string) of M.request
function M.string_to_sign(algorithm, date, scope, canonical_request)
  return table.concat({ algorithm, date, scope, core.hex(core.sha256(canonical_request)) }, "\n")
end

--- The signature that the gateway expects (protocol.md 1.1).
-- @param prefix (string) "JDCLOUD2" or "JDCLOUD3"
-- @param secret (string) the secret key
-- @param scope (string) "day/region/service/terminator"
-- @param text (string) the string to sign
-- @return (string) 64 lower-case hex digits
function M.signature(prefix, secret, scope, text)
  local key = prefix .. secret
  for part in scope:gmatch("[^/]+") do
    key = core.hmac(key, part)
  end
  return core.hex(core.hmac(key, text))
end

return M
