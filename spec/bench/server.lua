-- server.lua - an nginx that answers every call with the same 300 bytes over HTTPS: what calls are measured against.

local certificates = require "jdcloud.gateway.certificates"
local host = require "jdcloud.gateway.host"

local M = {}

local TEMPLATE = [[
$modules
$user
daemon on;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  default_type application/json;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  init_worker_by_lua_block { assert(io.open(ngx.config.prefix() .. "ready", "w")):close() }
  server {
    listen 127.0.0.1:$https ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    location / { return 200 '$body'; }
  }
}
]]

-- An answer of describeInstances with one instance: 300 bytes.
local BODY = ('{"requestId":"bwvnrhmbv42j8f4ctwkedo0atdkgc35f","result":{"instances":[{"instanceId":"i-9xqcf2xzq1",'
  .. '"instanceName":"web-1","status":"running","az":"cn-north-1a","instanceType":"g.n3.medium",'
  .. '"privateIpAddress":"10.0.0.5","description":"%s"}],"totalCount":1}}')
M.body = BODY:format(("x"):rep(300 - #BODY + 2))

--- Starts it.
-- @return { https, ca_file, stop }
function M.start()
  local facts = assert(host.survey {})
  local dir = assert(host.folder())
  assert(certificates.make(dir, "b0"))
  assert(host.launch(facts, dir, { "https" }, function(now)
    local modules = {}
    for i, file in ipairs(now.modules) do modules[i] = 'load_module "' .. file .. '";' end
    local values = {
      modules = table.concat(modules, "\n"), user = now.user and "user " .. now.user .. ";" or "", body = M.body,
      https = ("%d"):format(now.ports.https),
    }
    return (TEMPLATE:gsub("%$([%l_]+)", values))
  end))
  return {
    https = ("https://127.0.0.1:%d"):format(facts.ports.https), ca_file = dir .. "/ca.pem",
    stop = function() host.stop(dir) end,
  }
end

return M
