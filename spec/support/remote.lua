-- remote.lua - a worker of nginx that a test has things done in: chunks of Lua, and requests over its cosockets. With a
-- name server for it, which knows every name as this machine.

local cjson = require "cjson"
local nginx = require "support.nginx"
local shell = require "jdcloud.gateway.shell"

local M = {}

local TIMEOUT = 30 -- seconds for one chunk

-- The chunk runs in one of these: with a name server and authorities to trust, or without the one or the other.
local LOCATIONS = [[
  client_max_body_size 64m;
  client_body_buffer_size 64m;
  location = /run { resolver 127.0.0.1:$dns ipv6=off; lua_ssl_trusted_certificate $ca; $content }
  location = /untrusting { resolver 127.0.0.1:$dns ipv6=off; $content }
  location = /nameless { lua_ssl_trusted_certificate $ca; $content }
  location = /modern {
    resolver 127.0.0.1:$dns ipv6=off; lua_ssl_trusted_certificate $ca; lua_ssl_protocols TLSv1.2 TLSv1.3; $content
  }
]]

local Remote = {}
Remote.__index = Remote

-- Compiles and starts the name server; it ends with the pipe.
local function start_dns()
  local _, dir = shell.run("mktemp -d")
  local built, log = shell.run(("env -u LD_PRELOAD ${CC:-cc} -std=c11 -O1 -o %s/dnsd spec/support/dnsd.c"):format(dir))
  assert(built, log)
  local pipe = assert(io.popen("env -u LD_PRELOAD " .. dir .. "/dnsd"))
  local port = assert(tonumber(pipe:read("*l")), "dnsd did not start")
  shell.run("rm -rf " .. dir)
  return pipe, port
end

--- Starts nginx.
-- @param ca_files list of PEM files with authorities to trust
-- @param more text of more locations ($dns, $ca and $content are filled in there too), or nil
-- @return remote
function M.start(ca_files, more)
  local pipe, port = start_dns()
  local texts = {}
  for i, file in ipairs(ca_files) do texts[i] = assert(shell.read(file)) end
  local ca = os.tmpname()
  assert(shell.write(ca, table.concat(texts)))
  local values = {
    dns = ("%d"):format(port), ca = ca, content = 'content_by_lua_block { require("support.inside").content() }',
  }
  local locations = (LOCATIONS .. (more or "")):gsub("%$(%l+)", values)
  local server = nginx.start(locations, { path = "spec/?.lua" })
  return setmetatable({ server = server, pipe = pipe, ca = ca }, Remote)
end

function Remote:stop()
  self.server:stop()
  self.pipe:close()
  os.remove(self.ca) -- not before: nginx may be told to read its configuration again
end

--- Runs a chunk in the worker.
-- @param where "/run", or another of the locations
-- @param chunk text of Lua; its arguments are `...`
-- @return what it returned; raises what it raised
function Remote:at(where, chunk, ...)
  local asked = { chunk = chunk, n = select("#", ...), arguments = { ... } }
  for i = 1, asked.n do
    if asked.arguments[i] == nil then asked.arguments[i] = cjson.null end
  end
  local body = cjson.encode(asked)
  local response = assert(self.server.transport.send {
    method = "POST", url = self.server.http .. where, body = body, timeout = TIMEOUT, max_size = 64 * 1024 * 1024,
    headers = { { "host", "inside" }, { "content-type", "application/json" } },
  })
  assert(response.status == 200, response.body)
  local answer = cjson.decode(response.body)
  if answer.raised then error(answer.raised, 0) end
  for i = 1, answer.n do
    if answer.values[i] == cjson.null then answer.values[i] = nil end
  end
  return (table.unpack or unpack)(answer.values, 1, answer.n)
end

function Remote:run(chunk, ...)
  return self:at("/run", chunk, ...)
end

local FIELDS = { "method", "url", "headers", "body", "timeout", "connect_timeout", "idle_timeout", "max_size" }

--- A transport whose requests go out over cosockets in the worker. HTTPS to 127.0.0.1 goes by its name, since nginx
-- compares certificates with names only.
-- @param options of the cosocket transport
-- @param where the location, "/run" if it is nil
function Remote:transport(options, where)
  local transport = { direct = true }
  function transport.send(request)
    local copy = {}
    for _, name in ipairs(FIELDS) do copy[name] = request[name] end
    if type(copy.url) == "string" then copy.url = copy.url:gsub("^https://127%.0%.0%.1:", "https://localhost:") end
    local chunk = 'return require("support.inside").send(...)'
    local response, failure = self:at(where or "/run", chunk, options or {}, copy)
    if response then response.status = math.floor(response.status) end -- JSON has floats only
    return response, failure
  end
  return transport
end

return M
