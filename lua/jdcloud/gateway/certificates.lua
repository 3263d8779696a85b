-- Throw-away certificates for the local gateway, made by the openssl command: a CA, a server certificate for loopback
-- and *.jdcloud.test, and one whose name fits no address here.

local shell = require "jdcloud.gateway.shell"

local M = {}

local DAYS = 7 -- a gateway does not live as long

local CONFIG = [[
[req]
distinguished_name = name
prompt = no
[name]
CN = jdcloud local gateway
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, DNS:*.jdcloud.test, IP:127.0.0.1, IP:::1
[wrong]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:elsewhere.jdcloud.invalid
]]

local KEY = "openssl ecparam -genkey -name prime256v1 -noout -out %s.key"
local CA = "openssl req -x509 -new -sha256 -config openssl.cnf -extensions ca -key ca.key -out ca.pem -days %d"
local REQUEST = "openssl req -new -sha256 -config openssl.cnf -key %s.key -out %s.csr"
local SIGN = "openssl x509 -req -sha256 -in %s.csr -CA ca.pem -CAkey ca.key -set_serial 0x%s -extfile openssl.cnf"
  .. " -extensions %s -out %s.pem -days %d"

--- Makes ca.pem, server.pem, server.key, wrong.pem and wrong.key; the CA's key is removed again.
-- @param dir (string) an existing folder
-- @param serial (string) hex digits, different for every gateway: clients cache by them
-- @return true | nil, message
function M.make(dir, serial)
  local written, message = shell.write(dir .. "/openssl.cnf", CONFIG)
  if not written then
    return nil, message
  end
  local steps = { "cd " .. shell.quote(dir), "umask 077", KEY:format("ca"), CA:format(DAYS) }
  for i, name in ipairs { "server", "wrong" } do
    steps[#steps + 1] = KEY:format(name)
    steps[#steps + 1] = REQUEST:format(name, name)
    steps[#steps + 1] = SIGN:format(name, serial .. i, name, name, DAYS)
  end
  steps[#steps + 1] = "rm -f ca.key openssl.cnf server.csr wrong.csr"
  local made, output = shell.run(table.concat(steps, " && "))
  if not made then
    return nil, "openssl could not make the certificates: " .. output
  end
  return true
end

return M
