-- What cloud:stats() counts, and that every wait is told with its reason, on virtual time.

local gateway_of = require "jdcloud.gateway"
local dict_limiter = require "jdcloud.limiter.dict"
local fake_redis = require "support.fake_redis"
local house = require "support.house"
local limiters = require "jdcloud.limiter"
local shared_dict = require "support.shared_dict"
local virtual = require "support.virtual"

-- Reasons and seconds of the waits that were told.
local function told(events)
  local waits = {}
  for _, event in ipairs(house.only(events, "wait")) do
    local wait = waits[event.why] or { count = 0, seconds = 0 }
    waits[event.why] = wait
    wait.count, wait.seconds = wait.count + 1, wait.seconds + event.seconds
  end
  return waits
end

-- What is counted is what is told: of one reason alone.
local function same_waits(cloud, events, why)
  local stats, waits = cloud:stats(), told(events)
  for reason, wait in pairs(stats.waits) do
    assert.are.equal(reason == why, wait.count > 0, reason)
    assert.are.equal(reason == why, waits[reason] ~= nil, reason)
  end
  assert.are.equal(waits[why].count, stats.waits[why].count)
  assert.is_true(math.abs(waits[why].seconds - stats.waits[why].seconds) < 0.05, why)
  return stats
end

describe("cloud:stats", function()
  it("begins with nothing", function()
    local cloud = house.open()
    local stats = cloud:stats()
    assert.are.same({ 0, 0, 0, 0 }, { stats.calls, stats.failed, stats.attempts, stats.throttled })
    assert.are.same({ made = 0, reused = 0 }, stats.connections)
    assert.are.same({}, stats.quota)
    assert.are.same({ count = 0, seconds = 0 }, stats.waits.limit)
  end)

  it("counts calls, attempts, failures, back-off and quota, of all views together", function()
    local cloud, gateway, events = house.open()
    gateway:misbehave { status = 503, headers = { ["retry-after"] = "2" } }
    assert(cloud.vm:describeInstances())
    assert.is_nil(cloud:with { region = "cn-east-2" }.vm:describeInstance { instanceId = "i-none" })
    local stats = same_waits(cloud, events, "backoff")
    assert.are.same({ 2, 1, 3, 0 }, { stats.calls, stats.failed, stats.attempts, stats.throttled })
    assert.are.equal("2", tostring(stats.calls)) -- no 2.0
    assert.is_true(stats.waits.backoff.seconds >= 2)
    assert.are.same({}, stats.quota) -- what was drawn is put back by the success
    gateway:misbehave { status = 503, times = "all" }
    assert.is_nil(cloud.vm:describeInstances())
    assert.are.equal(500 - 2 * 14, cloud:stats().quota.vm)
  end)

  it("counts answers that throttle and what is waited for them", function()
    local cloud, gateway, events = house.open { limits = false }
    gateway:misbehave { status = 429, headers = { ["retry-after"] = "3" }, times = 2 }
    assert(cloud.vm:describeInstances())
    local stats = same_waits(cloud, events, "throttled")
    assert.are.equal(2, stats.throttled)
    assert.is_true(stats.waits.throttled.seconds >= 6)
  end)

  it("counts waits for the limiter", function()
    local cloud, _, events = house.open { limits = { vm = { 1, 5 } } }
    for _ = 1, 3 do assert(cloud.vm:describeInstances()) end
    local stats = cloud:stats()
    assert.is_true(stats.waits.limit.count >= 2)
    assert.is_true(stats.waits.limit.seconds > 4)
    assert.is_true(told(events).limit.count >= 2)
  end)

  it("counts looks from one place in line as one wait, and tells of it again when it is a second longer", function()
    local looks = 0
    local cloud, _, events = house.open { limiter = {
      reserve = function()
        looks = looks + 1
        return looks <= 500 and 0.005 or 0, 1
      end,
      settle = function() end,
    } }
    assert(cloud.vm:describeInstances())
    local waits = house.only(events, "wait")
    assert.are.equal(1, cloud:stats().waits.limit.count)
    assert.are.same({ false, true, true, 3 }, { waits[1].again or false, waits[2].again, waits[3].again, #waits })
    assert.is_true(told(events).limit.seconds > 2)
  end)

  local limiters_of = {
    ["the process"] = function() return nil end,
    ["a shared dictionary"] = function(clock) return dict_limiter.new(shared_dict.new(clock)) end,
    Redis = function(clock) return limiters.redis { clock = clock, eval = fake_redis.new(clock) } end,
  }
  for name, make in pairs(limiters_of) do
    it("says what the limiter in " .. name .. " knows", function()
      local cloud, gateway
      local function clock() return (cloud._view.connection.transport.clock()) end
      cloud, gateway = house.open({ limiter = make(clock), limits = { vm = { 10, 5 }, ["vm.describeInstances"] = 3 } })
      if name == "the process" then assert.are.same({}, cloud:stats().windows) end -- the others need a clock
      for _ = 1, 2 do assert(cloud.vm:describeInstances()) end
      local windows = cloud:stats().windows
      local ours = windows[house.access_key .. "/vm"]
      assert.are.same({ 10, 5, 10, 2, 0, 0 }, {
        ours.calls, ours.seconds, ours.told, ours.held, ours.waiting, ours.shut,
      })
      assert.are.equal(3, windows[house.access_key .. "/vm.describeInstances"].calls)
      gateway:misbehave { status = 429, headers = { ["retry-after"] = "30" } }
      assert.is_nil(cloud.vm:describeInstances({}, { max_wait = 1 }))
      assert.is_true(cloud:stats().windows[house.access_key .. "/vm"].shut > 20)
      cloud._view.connection.transport.sleep(60)
      assert.are.equal(0, cloud:stats().windows[house.access_key .. "/vm"].held)
    end)
  end

  it("counts waits for a busy resource", function()
    local cloud, gateway, events = house.open()
    gateway:misbehave { code = 400, error_status = "FAILED_PRECONDITION", headers = { ["retry-after"] = "1" },
      times = 2 }
    assert(cloud.vm:describeInstances({}, { busy_timeout = 600 }))
    assert.are.equal(2, same_waits(cloud, events, "busy").waits.busy.count)
  end)

  it("counts waits for keys, of who asks and of who waits for him", function()
    local gateway = gateway_of.new { access_keys = { [house.access_key] = { secret = house.secret_key } } }
    local world = virtual.world(gateway, 0.04)
    local cloud, _, events = house.open {
      transport = world.transport, credentials = function()
        world.transport.sleep(2)
        return { access_key = house.access_key, secret_key = house.secret_key }
      end,
    }
    for _ = 1, 10 do world:spawn(function() assert(cloud.vm:describeInstances()) end) end
    world:run()
    local stats = cloud:stats()
    assert.are.equal(10, stats.waits.credentials.count)
    assert.is_true(stats.waits.credentials.seconds >= 20 and stats.waits.credentials.seconds < 21)
    assert.is_truthy(told(events).credentials)
    assert.are.equal(1, #house.only(events, "credentials"))
  end)
end)
