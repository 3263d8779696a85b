-- many.lua - many calls at once over HTTPS, with HTTP/1.1 and HTTP/2: calls per second beside a bare libcurl multi
-- program (curl_multi.c) that makes the same requests over as many connections; what a delay of the server costs; and
-- the memory of a call in flight.

local core = require "jdcloud.core"
local jdcloud = require "jdcloud"
local measure = require "bench.measure"
local nginx = require "support.nginx"

local CALLS, ROUNDS = 2000, 5 -- calls of each in a turn: 10,000 at each level
local LEVELS = { 1, 16, 64, 256 }
local CONNECTIONS = 8 -- the default of max_host_connections
local DELAY = 0.02 -- seconds
local GOAL = { ["1.1"] = 0.85, ["2"] = 0.7 }

local LOCATIONS = [[
location / { default_type application/json; return 200 '%s'; }
location ~ ^/v1/regions/slow { default_type application/json; content_by_lua_block {
  ngx.sleep(%g) ngx.say('{"requestId":"r","result":{}}')
} }
location ~ ^/v1/regions/stall { content_by_lua_block { ngx.sleep(60) } }
]]

local function cloud_of(server, version, options)
  options = options or {}
  options.region, options.access_key, options.secret_key = "cn-north-1", "AKEXAMPLE0001", "SKexample/+=0001"
  options.endpoint, options.ca_file = version == "2" and server.http2 or server.https, server.ca_file
  options.http_version, options.limits, options.proxy = version, false, false
  return jdcloud.new(options)
end

-- n calls, `level` at once. Returns calls per second, and seconds of CPU per call.
local function together(n, level, call)
  local i = 0
  local function items()
    i = i + 1
    return i <= n and i or nil
  end
  collectgarbage() -- nobody pays for what another one left
  local began, cpu = core.now(), os.clock()
  local _, errors = jdcloud.parallel(items, call, { limit = level })
  cpu = os.clock() - cpu
  local took = core.now() - began
  assert(not errors, errors and tostring(errors[next(errors)]))
  return n / took, cpu / n
end

local function compare(build, server, version, level)
  local cloud = cloud_of(server, version)
  local vm = cloud.vm
  local function call() return vm:describeInstances { pageSize = 10 } end
  local prepared = vm:prepare("describeInstances", { pageSize = 10 })
  local headers = {}
  for name, value in pairs(prepared.headers) do headers[#headers + 1] = name .. ": " .. value end
  local bare = ("printf '%%s\\n' %s | %s/bench/curl_multi %s %s %d %d %s %d"):format(
    measure.quoted(table.concat(headers, "\n")), build, measure.quoted(prepared.url), measure.quoted(server.ca_file),
    CALLS, level, version, CONNECTIONS)
  together(CALLS / 10 + level, level, call)
  local rates, costs, ratios, bare_rates, bare_costs = {}, {}, {}, {}, {}
  for i = 1, ROUNDS do
    local rate, cost = measure.output(bare):match("(%S+) (%S+)")
    bare_rates[i], bare_costs[i] = tonumber(rate), tonumber(cost)
    rates[i], costs[i] = together(CALLS, level, call)
    ratios[i] = rates[i] / bare_rates[i]
  end
  cloud:close()
  measure.judge_least(("HTTP/%s, %d at once / bare libcurl, calls a second"):format(version, level),
    measure.median(ratios), " x", GOAL[version],
    ("%.0f / %.0f calls/s, %.0f / %.0f us CPU"):format(measure.median(rates), measure.median(bare_rates),
      measure.median(costs) * 1e6, measure.median(bare_costs)))
end

-- Of the same slow calls one after the other, and 64 at once.
local function hide_delay(server, version)
  local cloud = cloud_of(server, version, { max_host_connections = 64, max_connections = 64 })
  local function call()
    return cloud:request { service = "vm", method = "GET", path = "/v1/regions/slow/instances" }
  end
  together(128, 64, call)
  local one = together(50, 1, call)
  local many = together(3200, 64, call)
  cloud:close()
  measure.judge_least(("HTTP/%s, %g ms of delay: 64 at once / one at a time"):format(version, DELAY * 1000),
    many / one, " x", 40, ("%.0f / %.0f calls/s"):format(many, one))
end

-- The memory of a process with and without calls in flight. Printed: KB per call.
local IN_FLIGHT = [[
local jdcloud, N = require "jdcloud", %d
local function resident()
  collectgarbage()
  collectgarbage()
  local file = io.open("/proc/self/smaps_rollup")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return tonumber(text:match("Rss:%%s+(%%d+)"))
end
local cloud = jdcloud.new { region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SKexample/+=0001",
  endpoint = %q, ca_file = %q, limits = false, proxy = false }
local function call(path, timeout)
  return pcall(cloud.request, cloud, { service = "vm", method = %q, path = path, body = %s, timeout = timeout })
end
call("/v1/regions/cn-north-1/x", 10)
jdcloud.run(function(spawn)
  local before, tasks = resident(), {}
  for i = 1, N do tasks[i] = spawn(call, "/v1/regions/stall/x", 30) end
  jdcloud.sleep(1)
  print((resident() - before) / N)
  for i = 1, N do tasks[i]:cancel() end
end)
]]

local function weigh(server, method, body)
  local program = IN_FLIGHT:format(256, server.http2, server.ca_file, method, body)
  return measure.fresh(program, 3)[1]
end

--- @param build the folder of what is built
return function(build)
  local server = nginx.start(LOCATIONS:format(measure.answer, DELAY))
  for _, version in ipairs { "1.1", "2" } do
    for _, level in ipairs(LEVELS) do compare(build, server, version, level) end
  end
  for _, version in ipairs { "1.1", "2" } do hide_delay(server, version) end
  local plain, with_body = weigh(server, "GET", "nil"), weigh(server, "POST", '("x"):rep(1024)')
  measure.judge("HTTP/2, 256 in flight: memory of a call", measure.median(plain), " KB", 40)
  measure.judge("the same with bodies of 1 KB", measure.median(with_body), " KB", 40)
  server:stop()
end
