-- nginx.conf of the local gateway: four listeners on loopback, one worker, nothing outside of its own folder.

local M = {}

local TEMPLATE = [[
# Written by jdcloud.gateway.nginx
$modules
$user
daemon on;
worker_processes 1;
pid nginx.pid;
error_log error.log notice;
events {
  worker_connections 2048;
}
http {
  access_log off;
  server_tokens off;
  default_type application/json;
  keepalive_requests 1000000;
  keepalive_timeout 300s;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  # The pure function has the limits of the real gateway; those of nginx lie beyond them.
  client_max_body_size 128m;
  client_body_buffer_size 1m;
  client_header_buffer_size 16k;
  large_client_header_buffers 8 64k;
  ignore_invalid_headers off;
  underscores_in_headers on;
  merge_slashes off;
  lua_package_path $package_path;
  lua_package_cpath $package_cpath;
  lua_code_cache on;
  lua_socket_log_errors off;
  init_worker_by_lua_block { require("jdcloud.gateway.worker").start(ngx.config.prefix()) }
  server {
    listen 127.0.0.1:$http;
    listen 127.0.0.1:$https ssl;
    listen 127.0.0.1:$https2 ssl http2;
    server_name _;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_session_cache shared:tls:1m;
    location / {
      content_by_lua_block { require("jdcloud.gateway.worker").content() }
    }
    location ^~ /$token/ {
      content_by_lua_block { require("jdcloud.gateway.worker").admin() }
    }
  }
  server {
    listen 127.0.0.1:$wrong_host ssl;
    server_name _;
    ssl_certificate wrong.pem;
    ssl_certificate_key wrong.key;
    location / {
      content_by_lua_block { require("jdcloud.gateway.worker").content() }
    }
  }
}
]]

local function quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

--- The ports that it needs, by name.
M.ports = { "http", "https", "https2", "wrong_host" }

--- Writes the configuration.
-- @param facts { ports = { http, https, https2, wrong_host }, token = path of the admin interface, package_path,
--   package_cpath, modules = list of files to load, user = name or nil }
-- @return (string) nginx.conf
function M.text(facts)
  local modules = {}
  for i, file in ipairs(facts.modules) do
    modules[i] = "load_module " .. quote(file) .. ";"
  end
  local values = {
    modules = table.concat(modules, "\n"),
    user = facts.user and "user " .. facts.user .. ";" or "",
    package_path = quote(facts.package_path),
    package_cpath = quote(facts.package_cpath),
    token = facts.token,
  }
  for name, port in pairs(facts.ports) do
    values[name] = ("%d"):format(port)
  end
  return (TEMPLATE:gsub("%$([%l_%d]+)", values))
end

return M
