-- busy.lua - a server for tests of many calls at once: it answers describeInstances slowly and counts how many requests
-- it has at a time. There are six instances; /fail answers 503 to the first request for a name.

local nginx = require "support.nginx"

local M = {}

-- Seconds that an answer takes: enough for all that are asked for at once to be on their way. SLOWNESS: how many times
-- slower than usual the program runs (under valgrind).
local DELAY = 0.05 * (tonumber(os.getenv("SLOWNESS")) or 1)

local LOCATIONS = [[
    location / {
      content_by_lua_block {
        local count = package.loaded.count
        if not count then
          count = { now = 0, most = 0, all = 0 }
          package.loaded.count = count
        end
        if ngx.var.uri == "/counted" then
          ngx.say(count.most, " ", count.all)
          count.most, count.all = count.now, 0
          return
        end
        count.now, count.all = count.now + 1, count.all + 1
        if count.now > count.most then count.most = count.now end
        local args = ngx.req.get_uri_args()
        ngx.sleep(tonumber(args["filters.1.values.1"]) or DELAY)
        count.now = count.now - 1
        if args["filters.1.name"] == "throttled" and not count[args["filters.1.values.2"] ] then
          count[args["filters.1.values.2"] ] = true
          ngx.status = 503
          ngx.header.retry_after = "1"
          ngx.say('{"requestId":"r","error":{"code":503,"status":"UNAVAILABLE","message":"busy"}}')
          return
        end
        local size, page, list = tonumber(args.pageSize) or 10, tonumber(args.pageNumber) or 1, {}
        for i = (page - 1) * size + 1, math.min(page * size, 6) do
          list[#list + 1] = '{"instanceId":"i-' .. i .. '"}'
        end
        ngx.say('{"requestId":"r","result":{"totalCount":6,"instances":[', table.concat(list, ","), ']}}')
      }
    }
]]

--- Starts it.
-- @return server of support.nginx
function M.start()
  return nginx.start((LOCATIONS:gsub("DELAY", tostring(DELAY))))
end

--- Opens a cloud that calls it; eight connections at most.
-- @param options of jdcloud.new, over the ones here
function M.open(server, options)
  local wanted = {
    region = "cn-north-1", access_key = "AKBUSY", secret_key = "SK-CANARY-busy", endpoint = server.https,
    ca_file = server.ca_file, proxy = false,
  }
  for name, value in pairs(options or {}) do wanted[name] = value end
  return require("jdcloud.safe").new(wanted)
end

--- Parameters by which a request takes so many seconds at the server.
function M.slow(seconds)
  return { filters = { { name = "slow", values = { tostring(seconds) } } } }
end

local throttled = 0

--- Parameters by which the first attempt is answered 503, to be repeated after a second.
function M.unavailable()
  throttled = throttled + 1
  return { filters = { { name = "throttled", values = { "0", tostring(throttled) } } } }
end

--- How many requests the server had at a time, and in all, since this was last asked.
function M.counted(server)
  local most, all = server:get("/counted").body:match("(%d+) (%d+)")
  return tonumber(most), tonumber(all)
end

return M
