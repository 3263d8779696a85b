-- nginx.lua - an nginx for a test or a benchmark that brings its own locations, and what its error log says.

local certificates = require "jdcloud.gateway.certificates"
local curl = require "jdcloud.transport.curl"
local host = require "jdcloud.gateway.host"
local shell = require "jdcloud.gateway.shell"

local M = {}

local TEMPLATE = [[
$modules
$user
daemon on;
$main
worker_processes $workers;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  lua_package_path "$package_path";
  lua_package_cpath "$package_cpath";
  init_worker_by_lua_block { $worker assert(io.open(ngx.config.prefix() .. "ready", "w")):close() }
  $http_block
  server {
    listen 127.0.0.1:$http;
    listen 127.0.0.1:$https ssl;
    listen 127.0.0.1:$http2 ssl http2;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    $locations
  }
}
]]

local Server = {}
Server.__index = Server

--- GET of a path. Returns the transport's response.
function Server:get(path)
  return assert(self.transport.send {
    method = "GET", url = self.http .. path, headers = { { "host", self.http:match("//(.*)") } }, timeout = 10,
    max_size = 1024 * 1024,
  })
end

--- What the error log has gained since the last look.
function Server:log()
  local text = shell.read(self.dir .. "/error.log") or ""
  local fresh = text:sub(self.seen + 1)
  self.seen = #text
  return fresh
end

function Server:stop()
  self.transport.close()
  host.stop(self.dir)
end

--- Starts nginx.
-- @param locations what stands in the server block
-- @param more table or nil: workers = how many, 1 by default; path = a template like "spec/?.lua" to look for Lua
--   modules by, from the current folder, too; main, http = text that stands in the file, in its block; worker = Lua for
--   init_worker_by_lua
-- @return server { http, https, http2 = URLs without a path, ca_file, dir; get, log, stop }; http2 is https that offers
--   HTTP/2 too
function M.start(locations, more)
  more = more or {}
  local facts = assert(host.survey {})
  if more.path then
    local _, here = shell.run("pwd")
    facts.package_path = here .. "/" .. more.path .. ";" .. facts.package_path
  end
  local dir = assert(host.folder())
  assert(certificates.make(dir, "5e"))
  assert(host.launch(facts, dir, { "http", "https", "http2" }, function(now)
    local modules = {}
    for i, file in ipairs(now.modules) do modules[i] = 'load_module "' .. file .. '";' end
    local values = {
      modules = table.concat(modules, "\n"), user = now.user and "user " .. now.user .. ";" or "",
      workers = ("%d"):format(more.workers or 1),
      main = more.main or "", http_block = more.http or "", worker = more.worker or "",
      locations = locations, package_path = now.package_path, package_cpath = now.package_cpath,
      http = ("%d"):format(now.ports.http), https = ("%d"):format(now.ports.https),
      http2 = ("%d"):format(now.ports.http2),
    }
    return (TEMPLATE:gsub("%$([%l%d_]+)", values))
  end))
  return setmetatable({
    dir = dir, seen = 0, ca_file = dir .. "/ca.pem", http = ("http://127.0.0.1:%d"):format(facts.ports.http),
    https = ("https://127.0.0.1:%d"):format(facts.ports.https),
    http2 = ("https://127.0.0.1:%d"):format(facts.ports.http2), transport = assert(curl { proxy = false }),
  }, Server)
end

return M
