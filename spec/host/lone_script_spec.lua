-- A script that is alone with its allowance, through libcurl and over a gateway that counts: few calls wait for
-- nothing, many take the windows that they need, and no slot is used again before its time. The minute is scaled: 100
-- calls in a second stand for 1,000 in 60.

local core = require "jdcloud.core"
local jdcloud = require "jdcloud"
local luv = require "luv"
local server_of = require "jdcloud.gateway.nginx"

local CALLS, WINDOW = 100, 1

describe("a lone script", function()
  local server, events

  setup(function() server = assert(server_of.start { limit = CALLS, window = WINDOW }) end)
  teardown(function() server:stop() end)

  -- Makes calls, one after the other, with an allowance that is whole. What the gateway and cloud:stats() say of them.
  local function make(calls)
    server:reset()
    events = {}
    local cloud = jdcloud.new {
      region = "cn-north-1", endpoint = server.http, access_key = server.access_key, secret_key = server.secret_key,
      proxy = false, limits = { vm = { CALLS, WINDOW } },
      on_event = function(event) events[#events + 1] = event.event == "wait" and event or nil end,
    }
    for _ = 1, calls do cloud.vm:describeInstances() end
    local stats = cloud:stats()
    cloud:close()
    return server:log(), stats
  end

  local function all_went_through(calls, log, stats)
    assert.equal(calls, #log)
    for _, entry in ipairs(log) do assert.equal(200, entry.status) end
    assert.equal(calls, stats.attempts)
    assert.equal(0, stats.throttled)
    assert.equal(0, stats.failed)
  end

  it("that makes half of the calls that are allowed is not slowed at all", function()
    local log, stats = make(CALLS / 2)
    all_went_through(CALLS / 2, log, stats)
    assert.same({}, events)
    for why, waited in pairs(stats.waits) do assert.equal(0, waited.count, why) end
  end)

  it("that makes three times as many takes two windows, and not a call more", function()
    local log, stats = make(3 * CALLS)
    all_went_through(3 * CALLS, log, stats)
    local long = 0 -- waits: between two of them lie the calls of a window
    for _, event in ipairs(events) do
      assert.equal("limit", event.why)
      assert.is_true(event.seconds <= WINDOW + 0.001, event.seconds)
      if event.seconds > 0.51 * WINDOW then long = long + 1 end
    end
    assert.is_true(long <= 2, long)
    for i = 1, 2 * CALLS do -- by the gateway's clock: no window of any beginning has more
      local span = log[i + CALLS].time - log[i].time
      assert.is_true(span >= WINDOW - 1e-6, ("calls %d and %d: %f s"):format(i, i + CALLS, span))
    end
  end)

  -- Our clock is cut to ms, a service's isn't. A window this short makes it show, and a call that is asked for its next
  -- step again and again goes as soon as it is allowed to.
  it("never uses a slot before its time, by a clock of nanoseconds", function()
    local cloud, keys, seconds = core.cloud(), core.credential(), 0.003
    assert(keys:set("AKEXAMPLE", "SK-CANARY-lone"))
    assert(cloud:limit("", 1, seconds))
    local request = { method = "GET", host = "vm.jdcloud-api.com", path = "/v1/x", service = "vm", max_wait = 60 }
    local before
    for _ = 1, 100 do
      local call = core.call(cloud)
      assert(call:begin(request, keys))
      local step
      repeat step = call:next() until step ~= "wait"
      local now = luv.hrtime()
      assert.equal("send", step)
      if before then assert.is_true(now - before >= seconds * 1e9, now - before) end
      before = luv.hrtime()
      assert.is_true(call:answered(200, "envelope", nil))
    end
  end)
end)
