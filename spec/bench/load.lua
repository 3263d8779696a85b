-- load.lua - what bench/worker.lua has done in a worker of nginx: many calls at once through the SDK, or the same
-- requests over bare cosockets; and what the worker holds afterwards.
-- luacheck: globals ngx

local cjson = require "cjson"
local core = require "jdcloud.core"
local jdcloud = require "jdcloud.safe"

local M = {}

local clouds = {} -- endpoint -> cloud

local function cloud_of(endpoint)
  clouds[endpoint] = clouds[endpoint] or assert(jdcloud.new {
    region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SKexample/+=0001", endpoint = endpoint,
    limits = false, timeout = 20,
  })
  return clouds[endpoint]
end

local PARAMS = { pageSize = 10 }

-- What a call is through the SDK.
local function with_sdk(endpoint)
  local vm = cloud_of(endpoint).vm
  return function() assert(vm:describeInstances(PARAMS)) end
end

local KEEP = { pool = "bare", pool_size = 256 }

-- The same without it: bytes that were signed once, the answer read as it must be to find its end.
local function with_bare(endpoint)
  local request = assert(cloud_of(endpoint).vm:prepare("describeInstances", PARAMS))
  local lines = { "GET " .. request.target .. " HTTP/1.1" }
  for name, value in pairs(request.headers) do lines[#lines + 1] = name .. ": " .. value end
  local bytes = table.concat(lines, "\r\n") .. "\r\n\r\n"
  local host, port = endpoint:match("//(.*):(%d+)$")
  return function()
    local sock = ngx.socket.tcp()
    sock:settimeouts(5000, 20000, 20000)
    assert(sock:connect(host, tonumber(port), KEEP))
    if sock:getreusedtimes() == 0 then assert(sock:sslhandshake(nil, host, true)) end
    assert(sock:send(bytes))
    local status, length = assert(sock:receive("*l")), nil
    assert(status:find(" 200", 1, true))
    while true do
      local line = assert(sock:receive("*l"))
      if line == "" then break end
      length = line:match("^[Cc]ontent%-[Ll]ength: (%d+)") or length
    end
    assert(sock:receive(tonumber(length)))
    assert(sock:setkeepalive(30000, 256))
  end
end

local MAKE = { sdk = with_sdk, tasks = with_sdk, bare = with_bare }

-- Whatever starts the loops: nginx's light threads, or the SDK's tasks.
local function all_at_once(kind, n, loop)
  if kind == "tasks" then
    local items = {}
    for i = 1, n do items[i] = i end
    local _, errors = jdcloud.parallel(items, loop, { limit = n })
    return assert(not errors, errors and tostring(errors[next(errors)]))
  end
  local threads = {}
  for i = 1, n do threads[i] = ngx.thread.spawn(loop, i) end
  for i = 1, n do assert(ngx.thread.wait(threads[i])) end
end

--- Makes calls in loops (content_by_lua): ?kind=sdk|tasks|bare, endpoint, at_once, seconds or count, warm
-- (seconds that don't count), spread (seconds over which the loops start). Answers { calls, seconds, cpu }.
function M.content()
  local args = ngx.req.get_uri_args()
  local at_once, spread = tonumber(args.at_once), tonumber(args.spread or 0)
  local call = MAKE[args.kind](args.endpoint)
  local calls, left = 0, tonumber(args.count or 1e9)
  local began = core.now()
  local warm, till = began + tonumber(args.warm or 0), began + tonumber(args.seconds or 1e9)
  local cpu
  all_at_once(args.kind, at_once, function(i)
    if spread > 0 then jdcloud.sleep(spread * i / at_once) end
    while left > 0 and core.now() < till do
      left = left - 1
      if not cpu and core.now() >= warm then began, cpu = core.now(), os.clock() end
      call()
      calls = calls + (cpu and 1 or 0)
    end
    return true
  end)
  ngx.print(cjson.encode { calls = calls, seconds = core.now() - began, cpu = os.clock() - cpu })
end

local function descriptors()
  local count = 0
  local pipe = io.popen("ls /proc/" .. ngx.worker.pid() .. "/fd")
  for _ in pipe:lines() do count = count + 1 end
  pipe:close()
  return count
end

--- What the worker holds (content_by_lua): { resident = KB, lua = KB after a collection, descriptors }.
function M.held()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open("/proc/self/statm"))
  local pages = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  ngx.print(cjson.encode {
    resident = tonumber(pages) * 4, lua = collectgarbage("count"), descriptors = descriptors(),
  })
end

return M
