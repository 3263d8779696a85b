-- Nginx with ngx_lua as a child of this program, on any machine: where it is, a folder and free ports for it, start
-- and stop. The local gateway runs in it, and whatever else brings a configuration.

local core = require "jdcloud.core"
local shell = require "jdcloud.gateway.shell"

local M = {}

-- Below the ports that Linux gives to clients, so that no connection of a test can sit on one.
local PORT_MIN, PORT_MAX = 20000, 32767
local TRIES = 5 -- sets of ports
local START_TIMEOUT = 10 -- seconds until the worker is ready
local POLL = 0.01 -- seconds between two looks
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

local function pick_ports(names)
  local ports, taken = {}, {}
  for _, name in ipairs(names) do
    local port
    repeat
      local high, low = core.random(2):byte(1, 2)
      port = PORT_MIN + (high * 256 + low) % (PORT_MAX - PORT_MIN + 1)
    until not taken[port]
    ports[name], taken[port] = port, true
  end
  return ports
end

--- Everything about this machine that a configuration needs.
-- @param options { nginx = its command | nil, cpath = a template like "build/jit/?.so" | nil }
-- @return facts { nginx, modules = list of files to load, package_path, package_cpath (of nginx's LuaJIT), user =
--   name or nil, parent = pid } | nil, message
function M.survey(options)
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
  local facts = { nginx = nginx, modules = modules }
  local path = shell.template(package.path, "jdcloud/gateway/worker")
  facts.package_path, facts.package_cpath = absolute(path) .. ";;", absolute(cpath) .. ";;"
  local _, id = shell.run("id -u; id -un; echo $PPID")
  local uid, user, parent = id:match("^(%d+)\n([^\n]+)\n(%d+)$")
  facts.user = uid == "0" and user or nil -- else nginx would give the worker to nobody, who may not read the folder
  facts.parent = tonumber(parent)
  return facts
end

--- A new folder with a folder `tmp` in it, for nginx to run in; only this user reads it.
-- @return path | nil, message
function M.folder()
  local made, dir = shell.run('d=$(mktemp -d "${TMPDIR:-/tmp}/jdcloud-nginx.XXXXXX") && mkdir "$d/tmp" && echo "$d"')
  if not made then
    return nil, "no temporary folder: " .. dir
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

--- Starts nginx in a folder. It is ready when something in it, its worker, has made the file `ready` there.
-- @param facts of M.survey; gets `ports`, by name
-- @param names of the ports that the configuration needs
-- @param text function(facts) -> nginx.conf; asked again, with other ports, if one of them is taken
-- @return true | nil, message
function M.launch(facts, dir, names, text)
  -- LuaJIT would look where the variables say, and find modules of the Lua that they were set for.
  local command = ("unset LUA_PATH LUA_CPATH; %s -p %s -c nginx.conf </dev/null"):format(
    shell.quote(facts.nginx), shell.quote(dir .. "/"))
  local output
  for _ = 1, TRIES do
    facts.ports = pick_ports(names)
    local written, message = shell.write(dir .. "/nginx.conf", text(facts))
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

--- Does the nginx of a folder run?
-- @return true | false, the last line of its log or nothing
function M.runs(dir)
  local runs, said = shell.run(("cd %s && { kill -0 $(cat nginx.pid) 2>/dev/null || { tail -n 1 error.log; false; }; }")
    :format(shell.quote(dir)))
  return runs, not runs and said or nil
end

--- Ends nginx and removes its folder.
function M.stop(dir)
  shell.run(STOP:format(shell.quote(dir), shell.quote(dir)))
end

return M
