-- faults.lua - compiles and starts faultd.c, with certificates made for the occasion.
local fork = require "support.fork"

local M = {}

-- The specs may run under a sanitizer whose runtime is preloaded; a compiler should not.
local CLEAN = "env -u LD_PRELOAD "

local SETUP = [[
set -e
cc=${CC:-cc}
src=$PWD/spec/support
cd "$1"
$cc -std=c11 -O1 -o faultd "$src/faultd.c" -lssl -lcrypto -lpthread
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
sign() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf 'subjectAltName=%s' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem"
}
key ca
openssl req -x509 -new -key ca.key -days 2 -subj "/CN=throw-away authority" -out ca.pem
sign server 'IP:127.0.0.1,DNS:localhost,DNS:*.faults.test'
sign wrong DNS:elsewhere.example
sign client DNS:client.example
openssl pkey -in client.key -aes128 -passout pass:CANARY-passphrase -out locked.key
]]

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- Starts the server.
-- @return { plain =, tls =, ... the ports' base URLs, port = { plain = number, ... }, dir, ca_file, fork, leave, await,
--   child (see fork.lua), stop = function() }; the folder is gone after stop.
function M.start()
  local dir = capture("mktemp -d"):gsub("%s+$", "")
  local script = dir .. "/setup.sh"
  local file = assert(io.open(script, "w"))
  file:write(SETUP)
  file:close()
  local log = capture(("%ssh %s %s >%s/log 2>&1 && echo done; cat %s/log"):format(CLEAN, script, dir, dir, dir))
  assert(log:match("^done"), log)

  local process = assert(io.popen(CLEAN .. dir .. "/faultd " .. dir))
  local server = { dir = dir, ca_file = dir .. "/ca.pem", port = {} }
  for name, port in assert(process:read("*l"), "faultd did not start"):gmatch("(%w+)=(%d+)") do
    local scheme = (name == "tls" or name == "wrong" or name == "mutual" or name == "old") and "https" or "http"
    server[name] = scheme .. "://127.0.0.1:" .. port
    server.port[name] = tonumber(port)
  end
  local forks = fork(dir)
  server.fork, server.leave, server.await, server.child = forks.fork, forks.leave, forks.await, forks.child
  function server.stop()
    process:close() -- the server sees that its output has lost its reader
    os.execute("rm -rf " .. dir)
  end
  return server
end

return M
