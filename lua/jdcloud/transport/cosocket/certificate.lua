-- certificate.lua - a client's certificate for cosockets: read and parsed once, at the first handshake.

local M = {}

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text = file:read("*a")
  file:close()
  return text
end

local function load_files(option)
  local cert_file = type(option) == "table" and option.cert or option
  local key_file = type(option) == "table" and option.key or cert_file
  local cert, message = read(cert_file)
  if not cert then return nil, message end
  local key
  key, message = read(key_file)
  if not key then return nil, message end
  if key:find("ENCRYPTED", 1, true) or type(option) == "table" and option.password then
    return nil, "on cosockets a key can't have a password: store it without one, readable for nginx alone"
  end
  local ssl = require "ngx.ssl"
  local chain, err = ssl.parse_pem_cert(cert)
  if not chain then return nil, cert_file .. " is no certificate: " .. err end
  local parsed
  parsed, err = ssl.parse_pem_priv_key(key)
  if not parsed then return nil, key_file .. " is no private key: " .. err end
  return chain, parsed
end

--- Prepares a client's certificate.
-- @param option `client_cert`: the path of a PEM file, or { cert = path, key = path }
-- @return function() -> chain, key for setclientcert | nil, message
function M.loader(option)
  local chain, key
  return function()
    if not chain then
      local message
      chain, message = load_files(option)
      if not chain then return nil, "client_cert: " .. message end
      key = message
    end
    return chain, key
  end
end

--- A name for it, by which connections differ.
function M.identity(option)
  if not option then return "" end
  if type(option) == "string" then return option end
  return option.cert .. "+" .. (option.key or "")
end

return M
