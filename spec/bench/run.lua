-- run.lua - `make bench`: what signing, a kept call and loading cost, as ratios within this run. Limits are those
-- that the project set itself; a line that misses one says so, and the exit status is 1 then.

local core = require "jdcloud.core"
local nginx = require "support.nginx"

local BUILD = os.getenv("BUILD") or "build"
local ROUNDS, CALLS, SIGNATURES = 11, 1500, 20000
local missed = 0

-- An answer of describeInstances with one instance: 300 bytes.
local ANSWER = ('{"requestId":"bwvnrhmbv42j8f4ctwkedo0atdkgc35f","result":{"instances":[{"instanceId":"i-9xqcf2xzq1",'
  .. '"instanceName":"web-1","status":"running","az":"cn-north-1a","instanceType":"g.n3.medium",'
  .. '"privateIpAddress":"10.0.0.5","description":"%s"}],"totalCount":1}}')
ANSWER = ANSWER:format(("x"):rep(300 - #ANSWER + 2))

local function median(list)
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

local function say(text, ...)
  print(text:format(...))
end

-- A measured ratio or size beside its limit.
local function judge(name, value, unit, limit, detail)
  local verdict = value <= limit and "reached" or "NOT REACHED"
  if value > limit then missed = missed + 1 end
  say("%-46s %7.2f%s (at most %g%s: %s)%s", name, value, unit, limit, unit, verdict, detail and "  " .. detail or "")
end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Seconds of CPU of this process that f() takes, per call.
local function cpu(n, f)
  local began = os.clock()
  for _ = 1, n do f() end
  return (os.clock() - began) / n
end

-- Signing.

-- A call object that is ready to sign over and over: a service that is always throttled, so no attempt is the last.
local function signature_from_lua()
  local keys, cloud = core.credential(), core.cloud()
  assert(keys:set("AKEXAMPLE0001", "SKexample/+=0001"))
  local call = core.call(cloud)
  local request = {
    version = 2, method = "GET", host = "vm.jdcloud-api.com", path = "/v1/regions/cn-north-1/instances",
    query = "filters.1.name=status&filters.1.values.1=running&pageNumber=1&pageSize=100", service = "vm",
    region = "cn-north-1", user_agent = "JdcloudSdkLua/0 vm/0", limiter = "none",
  }
  local function whole()
    call:begin(request, keys)
    call:next(nil, nil, nil, true) -- as for libcurl, which borrows the headers
  end
  local function begin() call:begin(request, keys) end
  return cpu(SIGNATURES, whole), cpu(SIGNATURES, begin)
end

local function signing()
  local blocks, wholes, steps = {}, {}, {}
  local text
  for i = 1, 5 do
    text = output(BUILD .. "/bench/sign")
    blocks[i] = tonumber(text:match("SHA%-256 block: ([%d.]+) ns"))
    local whole, begin = signature_from_lua()
    wholes[i], steps[i] = whole * 1e9 / (10 * blocks[i]), (whole - begin) * 1e9 / (10 * blocks[i])
  end
  say("%s", (text:gsub("%s+$", "")))
  local core_ratio = tonumber(text:match("core signature: %d+ ns = ([%d.]+) x"))
  judge("core: signature / ten SHA-256 blocks", core_ratio, " x", 2.5)
  judge("Lua: an attempt's date, nonce, signature, headers", median(steps), " x", 4)
  say("%-46s %7.2f x (no limit)", "Lua: the same with the call's beginning", median(wholes))
end

-- Calls over kept HTTPS.

local function calls()
  local here = nginx.start("location / { default_type application/json; return 200 '" .. ANSWER .. "'; }")
  local cloud = require("jdcloud").new {
    region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SKexample/+=0001", endpoint = here.https,
    ca_file = here.ca_file, limits = false,
  }
  local vm = cloud.vm
  local prepared = vm:prepare("describeInstances", { pageSize = 10 })
  local headers = {}
  for name, value in pairs(prepared.headers) do headers[#headers + 1] = name .. ": " .. value end
  local bare = ("printf '%%s\\n' %s | %s/bench/curl_bare %s %s %d"):format(
    quoted(table.concat(headers, "\n")), BUILD, quoted(prepared.url), quoted(here.ca_file), CALLS)
  local function request()
    cloud:request { service = "vm", method = "GET", path = "/v1/regions/cn-north-1/instances", query = "pageSize=10" }
  end
  local function describe()
    vm:describeInstances { pageSize = 10 }
  end
  cpu(100, request)
  cpu(100, describe)
  local yardstick, of_request, of_describe = {}, {}, {}
  for i = 1, ROUNDS do
    yardstick[i] = tonumber(output(bare))
    of_request[i] = cpu(CALLS, request) * 1e6 / yardstick[i]
    of_describe[i] = cpu(CALLS, describe) * 1e6 / yardstick[i]
  end
  cloud:close()
  here:stop()
  say("a bare libcurl loop: %.1f us of client CPU a call, HTTPS kept, answer of %d bytes", median(yardstick),
    #ANSWER)
  judge("cloud:request / bare libcurl, CPU", median(of_request), " x", 1.2)
  judge("cloud.vm:describeInstances / bare libcurl, CPU", median(of_describe), " x", 1.3)
end

-- Loading.

local LOAD = [[
for _, name in ipairs { "libcrypto.so.3", "libcrypto.so" } do
  if package.loadlib(name, "*") then break end
end
collectgarbage() collectgarbage()
local before, began = collectgarbage("count"), os.clock()
local jdcloud = require "jdcloud"
local spent = os.clock() - began
print(spent * 1000, collectgarbage("count") - before)
]]

local function loading()
  local lowest = 0
  while arg[lowest - 1] do lowest = lowest - 1 end
  local times, sizes = {}, {}
  for i = 1, ROUNDS do
    local text = output(quoted(arg[lowest]) .. " -e " .. quoted(LOAD))
    local time, size = text:match("(%S+)%s+(%S+)")
    times[i], sizes[i] = tonumber(time), tonumber(size)
  end
  judge('require "jdcloud", libcrypto already there', median(times), " ms", 1)
  judge('require "jdcloud", memory of Lua', median(sizes), " KB", 200)
end

say("%s", _VERSION .. (rawget(_G, "jit") and " (LuaJIT)" or ""))
signing()
calls()
loading()
os.exit(missed > 0 and 1 or 0)
