-- The local gateway in a real nginx with ngx_lua: started, told what to do, and stopped by any Lua.

local conf = require "jdcloud.gateway.conf"
local certificates = require "jdcloud.gateway.certificates"
local core = require "jdcloud.core"
local gateway = require "jdcloud.gateway"
local host = require "jdcloud.gateway.host"
local json = require "jdcloud.json"
local shell = require "jdcloud.gateway.shell"

local M = {}

local COMMAND_TIMEOUT = 10 -- seconds for an answer of the admin interface
local OWN_OPTIONS = { nginx = true, cpath = true }

local function random_hex(bytes)
  return core.hex(core.random(bytes))
end

-- What goes to jdcloud.gateway.new in the worker. Wrong ones are found here, where somebody can be told.
local function gateway_options(options)
  local copy = {}
  for name, value in pairs(options) do
    if not OWN_OPTIONS[name] then
      copy[name] = value
    end
  end
  local good, message = pcall(gateway.new, copy)
  if good and copy.clock then
    good, message = false, "a gateway in nginx has its own clock"
  end
  if not good then
    error(message, 3)
  end
  return copy
end

-- The folder, with everything in it but nginx.conf.
local function make_folder(facts, options)
  local dir, message = host.folder()
  if not dir then
    return nil, message
  end
  local settings = assert(json.encode { dir = dir, parent = facts.parent, options = options })
  local written
  written, message = shell.write(dir .. "/settings.json", settings)
  if written then
    written, message = certificates.make(dir, random_hex(8))
  end
  if not written then
    host.stop(dir)
    return nil, message
  end
  return dir
end

local Server = {}
Server.__index = Server

--- Ends nginx and removes its folder. Harmless the second time.
function Server:stop()
  if self.dir then
    host.stop(self.dir)
    self.dir = nil
  end
  if self.transport then
    self.transport.close()
    self.transport = nil
  end
end

--- Does its nginx still run?
-- @return true | false, what is known of its end
function Server:runs()
  if not self.dir then
    return false, "it was stopped"
  end
  return host.runs(self.dir)
end

-- Raises like the method of the gateway that it stands for.
local function command(server, name, ...)
  if not server.transport then
    server.transport = assert(require "jdcloud.transport.curl" { proxy = false })
  end
  local url = server.admin .. name
  local response, failure = server.transport.send {
    method = "POST",
    url = url,
    headers = { { "host", url:match("//([^/]+)") }, { "content-type", "application/json" } },
    body = assert(json.encode(json.list { ... })),
    timeout = COMMAND_TIMEOUT,
    max_size = 64 * 1024 * 1024,
  }
  if not response then
    error("the local gateway does not answer: " .. tostring(failure.message), 3)
  end
  local result = json.decode(response.body)
  if response.status ~= 200 then
    error(result, 3)
  end
  return result ~= json.null and result or nil
end

for _, name in ipairs { "misbehave", "log", "reset", "set", "key", "advance" } do
  --- The gateway's method of this name, in the worker (jdcloud/gateway.lua).
  Server[name] = function(self, ...)
    return command(self, name, ...)
  end
end

--- What a gateway in the process has; here it raises.
function Server.on()
  error("a handler is a function, which can't be sent to a gateway in nginx: use one in the process", 2)
end

--- Starts a gateway in nginx. It ends by itself when the process that started it is gone.
-- @param options table, optional: those of jdcloud.gateway.new but clock, and
--   nginx (the command), cpath (a template like "build/jit/?.so" by which nginx's LuaJIT finds jdcloud.core)
-- @return server { http, https, https2, wrong_host = URLs without a path; ca_file, dir, access_key, secret_key; stop,
--   runs, misbehave, log, reset, set, key, advance = methods } | nil, message
function M.start(options)
  options = options or {}
  local for_worker = gateway_options(options)
  local facts, message = host.survey(options)
  if not facts then
    return nil, message
  end
  facts.token = random_hex(16)
  local dir
  dir, message = make_folder(facts, for_worker)
  if not dir then
    return nil, message
  end
  local launched
  launched, message = host.launch(facts, dir, conf.ports, conf.text)
  if not launched then
    host.stop(dir)
    return nil, message
  end
  local at = "://127.0.0.1:%d"
  return setmetatable({
    http = ("http" .. at):format(facts.ports.http),
    https = ("https" .. at):format(facts.ports.https),
    https2 = ("https" .. at):format(facts.ports.https2),
    wrong_host = ("https" .. at):format(facts.ports.wrong_host),
    admin = ("http" .. at .. "/%s/"):format(facts.ports.http, facts.token),
    ca_file = dir .. "/ca.pem",
    dir = dir,
    access_key = gateway.example.access_key,
    secret_key = gateway.example.secret_key,
  }, Server)
end

return M
