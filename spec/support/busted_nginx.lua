-- busted_nginx.lua - busted's command line inside a worker of nginx, in a timer, where the cosocket transport, nginx's
-- light threads and its sleep are what a call finds. Run it with LuaJIT, which is nginx's Lua: what a spec starts as a
-- script of its own runs on that, outside of nginx.
-- luacheck: globals ngx arg

local CONF = [[
$modules
$user
daemon off;
master_process on;
worker_processes 1;
pid "$dir/nginx.pid";
error_log stderr error;
$env
events { }
http {
  access_log off;
  lua_package_path "$path";
  lua_package_cpath "$cpath";
  init_worker_by_lua_block { loadfile("spec/support/busted_nginx.lua")("$dir", "$lua", { $arguments }) }
}
]]

-- Inside. The master starts a worker that died anew; this one then only ends it all.
local function inside(dir, lua, arguments)
  local shell = require "jdcloud.gateway.shell"
  local function stop(status)
    shell.write(dir .. "/status", status)
    io.stdout:flush()
    os.execute("kill -TERM $(cat " .. shell.quote(dir .. "/nginx.pid") .. ")")
  end
  if shell.exists(dir .. "/begun") then return stop "the worker died" end
  shell.write(dir .. "/begun", "")
  arg = arguments
  arg[0], arg[-1] = "spec/support/busted.lua", lua
  assert(ngx.timer.at(0, function()
    local ok, problem = pcall(assert(loadfile(arg[0]))) -- not dofile, below which nothing can wait
    stop(ok and "0" or "busted: " .. tostring(problem))
  end))
end

-- Those of this process, which nginx keeps from its workers unless they are named.
local function environment()
  local list, pipe = {}, assert(io.popen "env")
  for line in pipe:lines() do
    local name = line:match "^([%a_][%w_]*)="
    if name then list[#list + 1] = "env " .. name .. ";" end
  end
  pipe:close()
  return table.concat(list, "\n")
end

local function outside()
  local host = require "jdcloud.gateway.host"
  local shell = require "jdcloud.gateway.shell"
  local facts, dir = assert(host.survey {}), assert(host.folder())
  local modules, arguments = {}, {}
  for i, file in ipairs(facts.modules) do modules[i] = 'load_module "' .. file .. '";' end
  for i, argument in ipairs(arg) do arguments[i] = ("%q"):format(argument) end
  local values = {
    modules = table.concat(modules, "\n"), user = facts.user and "user " .. facts.user .. ";" or "", dir = dir,
    env = environment(), path = package.path, cpath = package.cpath, lua = arg[-1],
    arguments = table.concat(arguments, ", "),
  }
  assert(shell.write(dir .. "/nginx.conf", (CONF:gsub("%$(%l+)", values))))
  os.execute(("%s -p %s -c nginx.conf"):format(shell.quote(facts.nginx), shell.quote(dir .. "/")))
  local status = shell.read(dir .. "/status") or "nginx ended"
  shell.run("rm -rf " .. shell.quote(dir))
  if status ~= "0" then error(status, 0) end
end

if ngx then return inside(...) end
return outside()
