-- The limiter in a real Redis: eight processes are one caller to the gateway, also when Redis dies. What is tried here
-- has little to do with the Lua that runs it, so one of them is enough: 5.4.

if _VERSION ~= "Lua 5.4" then return end

local cjson = require "cjson"
local child = require "support.child"
local core = require "jdcloud.core"
local gateways = require "jdcloud.gateway.nginx"
local limiters = require "jdcloud.limiter"
local resp = require "support.resp"
local rush = require "support.rush"

local PROCESSES, SECRET = 8, "SK-CANARY-redis"

describe("processes that share a limiter in Redis", function()
  local gateway, server

  setup(function()
    gateway = assert(gateways.start { access_keys = { AKEXAMPLE = { secret = SECRET } } })
    server = resp.start()
  end)

  teardown(function()
    server:stop()
    gateway:stop()
  end)

  -- Eight processes under way, whose callers want more than is allowed.
  local function start(calls, seconds, windows, share)
    gateway:reset()
    gateway:set { limit = calls, window = seconds }
    local fleet = {}
    for i = 1, PROCESSES do
      fleet[i] = child.start("spec/support/fleet.lua", {
        gateway.http, SECRET, tostring(server.port), tostring(calls), tostring(seconds), "12",
        tostring((windows + 2) * seconds), tostring(share or 0.1),
      }, { LUA_PATH = "spec/?.lua;" .. package.path })
    end
    return fleet
  end

  -- What they said in the end.
  local function said_by(fleet)
    local list = {}
    for i, process in ipairs(fleet) do
      local result = process:finish()
      assert.equal(0, result.code, result.err)
      list[i] = cjson.decode(result.out)
    end
    return list
  end

  local function sums(list)
    local calls, trips, failed, last = 0, 0, 0, nil
    for _, seen in ipairs(list) do
      calls, trips, failed, last = calls + seen.calls, trips + seen.trips, failed + seen.failed, seen.error or last
    end
    assert.is_true(failed == 0, last)
    return calls, trips
  end

  it("use what is allowed in 20 windows, never get a 429, and ask Redis once for many calls", function()
    local calls, trips = sums(said_by(start(120, 0.35, 20)))
    local windows = rush.windows(gateway:log(), 0.35)
    assert.equal(0, windows.throttled)
    assert.is_true(windows.most <= 120)
    assert.is_true(windows.windows >= 20)
    assert.equal(windows.calls, calls)
    assert.is_true(windows.mean >= 0.5 * 120, windows.mean) -- the figure on a quiet machine is the benchmark's
    assert.is_true(trips < 0.4 * calls, trips / calls) -- windows this small have small batches
  end)

  it("learn from the service together", function()
    local one, other = limiters.redis { eval = resp.eval(server.port), limits = { vm = { 40, 60 } } },
      limiters.redis { eval = resp.eval(server.port), limits = { vm = { 40, 60 } } }
    local function call(limiter, key, outcome)
      local now = core.now()
      local wait, ticket = limiter.reserve({ key }, 1, now, now + 1, nil)
      if not wait then return nil, ticket - now end
      assert.equal(0, wait)
      limiter.settle(ticket, core.now(), outcome)
      return true
    end
    assert(call(one, "LEARN/disk", { outcome = "done", limit = 50, remaining = 49 }))
    assert(call(other, "LEARN/disk", { outcome = "done" }))
    assert.equal(50, other.windows()["LEARN/disk"].calls)
    for _ = 1, 20 do assert(call(one, "LEARN/vm", { outcome = "done" })) end
    assert(call(one, "LEARN/vm", { outcome = "throttled", retry_after = 30 }))
    local gone, seconds = call(other, "LEARN/vm", { outcome = "done" })
    assert.is_nil(gone)
    assert.is_true(seconds > 50 and seconds < 61, seconds) -- not before there are 19 in the last minute
    assert.equal(19, other.windows()["LEARN/vm"].calls) -- of 20 that went through
    assert.equal(40, other.windows()["LEARN/vm"].told)
  end)

  it("lose no call when Redis is killed and comes back without its data, and stay within the excess", function()
    local fleet = start(80, 0.5, 10, 1 / PROCESSES)
    local function calls_made(n)
      for _ = 1, 600 do
        if #gateway:log() >= n then return end
        os.execute "sleep 0.02"
      end
      error "there are no calls"
    end
    calls_made(160)
    server:kill()
    calls_made(#gateway:log() + 80)
    server:restart()
    local list = said_by(fleet)
    local calls = sums(list) -- throttled ones waited, and came through
    local windows = rush.windows(gateway:log(), 0.5)
    assert.equal(windows.calls - windows.throttled, calls)
    assert.is_true(windows.most <= 2 * 80, windows.most)
    local back = 0
    for _, seen in ipairs(list) do
      if seen.events:find "^gone.* back$" then back = back + 1 end
    end
    assert.equal(PROCESSES, back)
  end)
end)
