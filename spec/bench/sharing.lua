-- sharing.lua - what a reservation costs in a shared dictionary and in Redis, and how much of what a gateway allows
-- four workers of an nginx, and eight processes over Redis, make use of. It needs redis-server and two minutes, so it
-- is not among the parts that `make bench` runs by itself: spec/support/lua.sh 5.4 spec/bench/run.lua sharing

local cjson = require "cjson"
local child = require "support.child"
local gateways = require "jdcloud.gateway.nginx"
local measure = require "bench.measure"
local nginx = require "support.nginx"
local resp = require "support.resp"
local rush = require "support.rush"

local CALLS, SECONDS, WINDOWS, SECRET = 600, 2, 20, "secret"

-- Microseconds of a reservation and its end in a worker, with one window that is never full.
local DICT = [[
  local core, n, limiter = require "jdcloud.core", 20000, require("jdcloud.shared").limiter(ngx.shared.cloud)
  limiter.limit("vm", 1000, 0.001)
  local keys, best = { "AK/vm" }, math.huge
  for _ = 1, 7 do
    local began, refused = core.now(), 0
    for _ = 1, n do
      local wait, ticket = limiter.reserve(keys, 1, core.now(), nil, nil)
      if wait > 0 then refused = refused + 1 end
      limiter.settle(ticket, core.now(), { outcome = "done" })
    end
    best = math.min(best, (core.now() - began) / n * 1e6)
  end
  ngx.print(best)
]]

local function cost_in_dict()
  local server = nginx.start("location = /cost { content_by_lua_block { " .. DICT .. " } }", {
    http = "lua_shared_dict cloud 10m;",
  })
  local us = tonumber(server:get("/cost").body)
  server:stop()
  measure.judge("shared dictionary: a reservation and its end", us, " us", nil, "no round trip")
end

-- One process that has Redis for itself and calls as fast as it can, for a window that is never full.
local function cost_in_redis(port)
  local core = require "jdcloud.core"
  local limiter = require("jdcloud.limiter").redis { eval = resp.eval(port), limits = { vm = { 100000, 60 } } }
  local n, began = 20000, core.now()
  for _ = 1, n do
    local wait, ticket = limiter.reserve({ "AK/vm" }, 1, core.now(), nil, nil)
    assert(wait == 0)
    limiter.settle(ticket, core.now(), { outcome = "done" })
  end
  local took = core.now() - began
  measure.judge("Redis: a reservation and its end", took / n * 1e6, " us", nil,
    ("%.3f round trips, of %.0f us"):format(limiter.trips() / n, took / limiter.trips() * 1e6))
end

local function judge_use(name, log, trips)
  local windows = rush.windows(log, SECONDS)
  local use, n = rush.use(log, CALLS, SECONDS, WINDOWS)
  measure.judge_least(name .. ": use of what is allowed", use * 100, " %", 97, ("%d windows"):format(n))
  measure.judge(name .. ": throttled answers", windows.throttled, "", 0)
  if trips then measure.judge(name .. ": round trips per call", trips / windows.calls, "", 0.1) end
end

local function use_of_dict(gateway)
  gateway:reset()
  local server = nginx.start('location = /seen { content_by_lua_block { require("support.rush").content() } }', {
    path = "spec/?.lua", workers = 4, http = "lua_shared_dict cloud 1m; lua_shared_dict said 1m;",
    worker = ([[
      require("support.rush").in_worker { callers = 100, seconds = %d, options = { region = "cn-north-1", endpoint = %q,
        access_key = "AKEXAMPLE", secret_key = %q, shared = "cloud", limits = { vm = { %d, %g } }, max_wait = 60 } }
    ]]):format((WINDOWS + 2) * SECONDS, gateway.http, SECRET, CALLS, SECONDS),
  })
  os.execute(("sleep %d"):format((WINDOWS + 4) * SECONDS))
  server:stop()
  judge_use("4 workers, shared dictionary", gateway:log())
end

local function use_of_redis(gateway, port)
  gateway:reset()
  local fleet, trips = {}, 0
  for i = 1, 8 do
    fleet[i] = child.start("spec/support/fleet.lua", {
      gateway.http, SECRET, tostring(port), tostring(CALLS), tostring(SECONDS), "50",
      tostring((WINDOWS + 2) * SECONDS), "0.1",
    }, { LUA_PATH = "spec/?.lua;" .. package.path })
  end
  for _, process in ipairs(fleet) do
    local result = process:finish()
    trips = trips + cjson.decode(result.out).trips
  end
  judge_use("8 processes, Redis", gateway:log(), trips)
end

return function()
  cost_in_dict()
  local redis = resp.start()
  cost_in_redis(redis.port)
  local gateway = assert(gateways.start {
    access_keys = { AKEXAMPLE = { secret = SECRET } }, limit = CALLS, window = SECONDS,
  })
  use_of_dict(gateway)
  use_of_redis(gateway, redis.port)
  gateway:stop()
  redis:stop()
end
