-- fleet.lua - one process of a fleet that shares a limiter in Redis: calls a gateway as often as it may, then prints
-- what came of it as JSON. Its arguments: the gateway's URL, its secret, Redis's port, calls and seconds of a window,
-- callers, seconds to run, its share without Redis.

local cjson = require "cjson"
local core = require "jdcloud.core"
local jdcloud = require "jdcloud.safe"
local resp = require "support.resp"
local rush = require "support.rush"

local url, secret, port, calls, seconds, callers, run, share = (table.unpack or unpack)(arg, 1, 8)
local events = {}
local limiter = require("jdcloud.limiter").redis {
  eval = resp.eval(tonumber(port)), limits = { vm = { tonumber(calls), tonumber(seconds) } }, share = tonumber(share),
  on_event = function(event) events[#events + 1] = event.state end,
}
local cloud = assert(jdcloud.new {
  region = "cn-north-1", endpoint = url, access_key = "AKEXAMPLE", secret_key = secret, limiter = limiter,
  max_host_connections = 4, proxy = false,
})
local over = core.now() + tonumber(run)
local seen = rush.run(cloud, tonumber(callers), function() return core.now() >= over end)
limiter.flush()
seen.trips, seen.events = limiter.trips(), table.concat(events, " ")
print(cjson.encode(seen))
