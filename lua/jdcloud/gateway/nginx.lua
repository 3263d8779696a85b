-- The local gateway in a real nginx with ngx_lua: started, told what to do, and stopped by any Lua.

local conf = require "jdcloud.gateway.conf"
local certificates = require "jdcloud.gateway.certificates"
local core = require "jdcloud.core"
local gateway = require "jdcloud.gateway"
local json = require "jdcloud.json"
local shell = require "jdcloud.gateway.shell"

local M = {}

-- Below the ports that Linux gives to clients, so that no connection of a test can sit on one.
local PORT_MIN, PORT_MAX = 20000, 32767
local TRIES = 5 -- sets of ports
local START_TIMEOUT = 10 -- seconds until the worker is ready
local POLL = 0.01 -- seconds between two looks
local COMMAND_TIMEOUT = 10 -- seconds for an answer of the admin interface
-- Users' PATHs often leave out the system's commands.
local COMMANDS = { "nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "openresty" }
local MODULE_DIRS = {
  "/usr/lib/nginx/modules",
  "/usr/share/nginx/modules",
  "/usr/lib64/nginx/modules",
  "/usr/local/lib/nginx/modules",
  "/etc/nginx/modules",
}
local MODULES = { "ndk_http_module.so", "ngx_http_lua_module.so" }
local OWN_OPTIONS = { nginx = true, cpath = true }

local function absolute(path)
  if path:sub(1, 1) == "/" then
    return path
  end
  local _, here = shell.run("pwd")
  return here .. "/" .. path
end

-- The C module for nginx's LuaJIT beside the one that this Lua has loaded: build/5.4 -> build/jit or build/5.1, and
-- /usr/lib/lua/5.4 -> /usr/lib/lua/5.1. A module for 5.1 fits LuaJIT.
local function jit_cpath()
  local found = shell.template(package.cpath, "jdcloud/core")
  if found and _VERSION == "Lua 5.1" then
    return found
  end
  for _, version in ipairs { "jit", "5.1" } do
    local sibling = found and found:gsub("5%.%d", version) or nil
    if sibling and shell.exists((sibling:gsub("%?", "jdcloud/core"))) then
      return sibling
    end
  end
  return nil, "nginx runs LuaJIT: build jdcloud.core for it too (LUA=jit or LUA=5.1), or give its place as cpath"
end

-- The first nginx that runs, and how it was built.
local function find_nginx(wanted)
  for _, nginx in ipairs(wanted and { wanted } or COMMANDS) do
    local works, built = shell.run(shell.quote(nginx) .. " -V")
    if works then
      return nginx, built
    end
  end
  return nil, "nginx does not run: install nginx with its Lua module (Debian: nginx-light libnginx-mod-http-lua)"
end

local function modules_of(built)
  if built:find("ngx_devel_kit", 1, true) then -- OpenResty has both built in
    return {}
  end
  local dirs = { built:match("%-%-modules%-path=(%S+)") or MODULE_DIRS[1] }
  for _, dir in ipairs(MODULE_DIRS) do
    dirs[#dirs + 1] = dir
  end
  for _, dir in ipairs(dirs) do
    local files = { dir .. "/" .. MODULES[1], dir .. "/" .. MODULES[2] }
    if shell.exists(files[1]) and shell.exists(files[2]) then
      return files
    end
  end
  return nil, "nginx has no Lua module: install it (Debian: libnginx-mod-http-lua)"
end

local function random_hex(bytes)
  return core.hex(core.random(bytes))
end

local function pick_ports()
  local ports, taken = {}, {}
  for _, name in ipairs { "http", "https", "https2", "wrong_host" } do
    local port
    repeat
      local high, low = core.random(2):byte(1, 2)
      port = PORT_MIN + (high * 256 + low) % (PORT_MAX - PORT_MIN + 1)
    until not taken[port]
    ports[name], taken[port] = port, true
  end
  return ports
end

-- Everything about this machine that the configuration needs.
local function survey(options)
  local nginx, built = find_nginx(options.nginx)
  if not nginx then
    return nil, built
  end
  local modules, message = modules_of(built)
  if not modules then
    return nil, message
  end
  local cpath = options.cpath
  if not cpath then
    cpath, message = jit_cpath()
  end
  if not cpath then
    return nil, message
  end
  local facts = { nginx = nginx, modules = modules, token = random_hex(16) }
  local path = shell.template(package.path, "jdcloud/gateway/worker")
  facts.package_path, facts.package_cpath = absolute(path) .. ";;", absolute(cpath) .. ";;"
  local _, id = shell.run("id -u; id -un; echo $PPID")
  local uid, user, parent = id:match("^(%d+)\n([^\n]+)\n(%d+)$")
  facts.user = uid == "0" and user or nil -- else nginx would give the worker to nobody, who may not read the folder
  facts.parent = tonumber(parent)
  return facts
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
  local made, dir = shell.run('d=$(mktemp -d "${TMPDIR:-/tmp}/jdcloud-gateway.XXXXXX") && mkdir "$d/tmp" && echo "$d"')
  if not made then
    return nil, "no temporary folder: " .. dir
  end
  local settings = assert(json.encode { dir = dir, parent = facts.parent, options = options })
  local written, message = shell.write(dir .. "/settings.json", settings)
  if written then
    written, message = certificates.make(dir, random_hex(8))
  end
  if not written then
    shell.run("rm -rf -- " .. shell.quote(dir))
    return nil, message
  end
  return dir
end

local function wait_ready(dir)
  local log
  for _ = 1, START_TIMEOUT / POLL do
    if shell.exists(dir .. "/ready") then
      return true
    end
    log = shell.read(dir .. "/error.log") or ""
    if log:find("init_worker_by_lua error", 1, true) then
      break
    end
    core.sleep(POLL)
  end
  return nil, "nginx's worker did not start: " .. log
end

local function launch(facts, dir)
  -- LuaJIT would look where the variables say, and find modules of the Lua that they were set for.
  local command = ("unset LUA_PATH LUA_CPATH; %s -p %s -c nginx.conf </dev/null"):format(
    shell.quote(facts.nginx), shell.quote(dir .. "/"))
  local output
  for _ = 1, TRIES do
    facts.ports = pick_ports()
    local written, message = shell.write(dir .. "/nginx.conf", conf.text(facts))
    if not written then
      return nil, message
    end
    local started
    started, output = shell.run(command)
    if started then
      return wait_ready(dir)
    elseif not output:find("Address already in use", 1, true) then
      break
    end
  end
  return nil, "nginx did not start: " .. output
end

local STOP = [[
cd %s 2>/dev/null || exit 0
pid=$(cat nginx.pid 2>/dev/null) && kill -TERM "$pid"
i=0
while [ -e nginx.pid ] && [ $i -lt 250 ]; do sleep 0.02; i=$((i+1)); done
[ -e nginx.pid ] && kill -KILL "$pid"
cd / && rm -rf -- %s]]

local function stop(dir)
  shell.run(STOP:format(shell.quote(dir), shell.quote(dir)))
end

local Server = {}
Server.__index = Server

--- Ends nginx and removes its folder. Harmless the second time.
function Server:stop()
  if self.dir then
    stop(self.dir)
    self.dir = nil
  end
  if self.transport then
    self.transport.close()
    self.transport = nil
  end
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

--- Starts a gateway in nginx. It ends by itself when the process that started it is gone.
-- @param options table, optional: those of jdcloud.gateway.new but clock, and
--   nginx (the command), cpath (a template like "build/jit/?.so" by which nginx's LuaJIT finds jdcloud.core)
-- @return server { http, https, https2, wrong_host = URLs without a path; ca_file, dir, access_key, secret_key; stop,
--   misbehave, log, reset, set, key, advance = methods } | nil, message
function M.start(options)
  options = options or {}
  local for_worker = gateway_options(options)
  local facts, message = survey(options)
  if not facts then
    return nil, message
  end
  local dir
  dir, message = make_folder(facts, for_worker)
  if not dir then
    return nil, message
  end
  local launched
  launched, message = launch(facts, dir)
  if not launched then
    stop(dir)
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
