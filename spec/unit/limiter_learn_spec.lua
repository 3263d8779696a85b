-- What limiters outside of the core learn from the service, on virtual time: workers over a shared dictionary,
-- processes over a Redis of the test's own. Each rule of lua/jdcloud/limiter/learn.lua, and what they bring together.

local dict_limiter = require "jdcloud.limiter.dict"
local fake_redis = require "support.fake_redis"
local limited = require "support.limited"
local limiters = require "jdcloud.limiter"
local shared_dict = require "support.shared_dict"

local KEY, BOTH = { "AK/vm" }, { "AK/vm", "AK/vm.slow" }
local AHEAD = 1.7e9 + 0.4 -- the service's clock; at our 1000 a minute of it has just turned

for _, kind in ipairs { "dict", "redis" } do
  describe("what the limiter learns that is shared by " .. kind, function()
    local world, memory

    local function new(limits)
      if kind == "dict" then return dict_limiter.new(memory, { limits = limits }) end
      return limiters.redis { eval = memory, clock = function() return world.now end, limits = limits }
    end

    before_each(function()
      world = { now = 1000 }
      local clock = function() return world.now end
      memory = kind == "dict" and shared_dict.new(clock) or fake_redis.new(function() return clock() + 1.6e9 end)
      math.randomseed(7)
    end)

    local function make(n, limits)
      local list = {}
      for i = 1, n do list[i] = new(limits) end
      return list
    end

    local function call(limiter, outcome, keys)
      local wait, ticket = limiter.reserve(keys or KEY, 1, world.now, world.now + 0.2, nil)
      while wait and wait > 0 do
        world.now = world.now + wait
        wait, ticket = limiter.reserve(keys or KEY, 1, world.now, world.now + 0.2, ticket)
      end
      if not wait then return nil, ticket end
      limiter.settle(ticket, world.now, outcome)
      return true
    end

    local function announce(limit, left)
      return { outcome = "done", limit = limit, remaining = left, date = math.floor(world.now + AHEAD) }
    end

    local function throttle(more)
      local outcome = { outcome = "throttled", date = math.floor(world.now + AHEAD) }
      for name, value in pairs(more or {}) do outcome[name] = value end
      return outcome
    end

    -- How many calls go at once.
    local function free(limiter, most)
      for n = 0, most do
        if not call(limiter, { outcome = "done" }) then return n end
      end
      return most + 1
    end

    it("keeps all to the limit that the service announces, below the default and above it", function()
      for _, limit in ipairs { 50, 1200 } do
        local list = make(2)
        assert(call(list[1], announce(limit, limit - 1)))
        assert(call(list[2], announce(limit, limit - 2)))
        assert.equal(limit, list[1].windows(world.now)["AK/vm"].told)
        assert.equal(limit, list[2].windows(world.now)["AK/vm"].calls)
        if limit == 50 then assert.equal(48, free(list[2], 100)) end
        world.now = world.now + 70
      end
    end)

    it("never goes over what was set for the key, and takes headers for those of the key's minute", function()
      local limiter = new { vm = 5, ["vm.slow"] = 7, disk = { 9, 10 } }
      assert(call(limiter, announce(1000, 999), BOTH))
      assert(call(limiter, announce(1000, 999), { "AK/disk" }))
      local windows = limiter.windows(world.now)
      assert.same({ 5, 7, 9 }, {
        windows["AK/vm"].told, windows["AK/vm.slow"].told, windows["AK/disk"].told,
      })
      assert(call(limiter, announce(3, 1)))
      assert.equal(3, limiter.windows(world.now)["AK/vm"].told)
    end)

    it("forgets an announced limit that nobody has told of for long", function()
      local limiter = new()
      assert(call(limiter, announce(50, 49)))
      world.now = world.now + 601
      assert(call(new(), { outcome = "done" }))
      assert(call(limiter, { outcome = "done" }))
      assert.equal(1000, limiter.windows(world.now)["AK/vm"].told)
    end)

    it("is shut for all until the service's minute turns, also for those that come after a reload", function()
      local list = make(2)
      assert(call(list[1], throttle()))
      local turn = world.now + 60 - math.floor(world.now + AHEAD) % 60
      for _, limiter in ipairs { list[2], new() } do
        local gone, when = call(limiter, { outcome = "done" })
        assert.is_nil(gone)
        assert.is_true(math.abs(when - turn) < 0.1, when - turn)
        local seen = limiter.windows(world.now)["AK/vm"]
        if seen.shut > 0 then assert.is_true(math.abs(seen.shut - (turn - world.now)) < 0.1, seen.shut) end
      end
      world.now = turn + 0.01
      assert(call(list[2], { outcome = "done" }))
    end)

    it("is shut for a second without a Date, and for as long as the service says", function()
      local limiter = new()
      assert(call(limiter, throttle { date = false }))
      world.now = world.now + 0.7
      assert.is_nil((call(limiter, { outcome = "done" })))
      world.now = world.now + 0.4
      assert(call(limiter, throttle { retry_after = 7 }))
      world.now = world.now + 6.7
      assert.is_nil((call(limiter, { outcome = "done" })))
      world.now = world.now + 0.4
      assert(call(limiter, { outcome = "done" }))
    end)

    it("shuts the window that the service means", function()
      local limiter = new { ["vm.slow"] = 20 }
      assert(call(limiter, throttle { role = "api" }, BOTH))
      assert(call(limiter, { outcome = "done" }))
      assert.is_nil((call(limiter, { outcome = "done" }, BOTH)))
      world.now = world.now + 61
      assert(call(limiter, throttle { role = "ak" }, BOTH))
      assert.is_nil((call(limiter, { outcome = "done" })))
      assert(call(limiter, { outcome = "done" }, { "AK/vm.slow" }))
    end)

    it("stops before it is throttled when others use up what is left", function()
      local list = make(2)
      assert(call(list[1], announce(100, 60)))
      assert(call(list[1], announce(100, 0)))
      assert.is_nil((call(list[2], { outcome = "done" })))
      assert.is_true(list[1].windows(world.now)["AK/vm"].shut > 1)
    end)

    it("doesn't when the calls are its own", function()
      local limiter = new()
      for i = 1, 100 do assert(call(limiter, announce(100, 100 - i))) end
      assert.equal(0, limiter.windows(world.now)["AK/vm"].shut)
    end)

    local function latency() return 0.02 + math.random() ^ 6 * 0.4 end

    -- What a service saw of limiters whose callers want more than it allows, from the 6th minute on.
    local function seen_of(list, given, minutes)
      given.ahead = AHEAD
      local serve, seen = limited.server(given)
      limited.run(world, list, {
        keys = KEY, callers = 200, seconds = minutes * 60, latency = latency, serve = serve,
      })
      local passed, throttled, n = 0, 0, 0
      for i = 6, #seen - 1 do passed, throttled, n = passed + seen[i].passed, throttled + seen[i].throttled, n + 1 end
      return passed / n / given.limit, throttled / (passed + throttled)
    end

    it("finds out that 600 calls are allowed where it believes in 1000", function()
      local used, throttled = seen_of(make(kind == "dict" and 4 or 8), { limit = 600 }, 16)
      assert.is_true(throttled <= 0.01, throttled)
      assert.is_true(used >= 0.95, used)
    end)

    it("takes back up what it lowered", function()
      local list, given = make(4), { limit = 600 }
      seen_of(list, given, 6)
      local used = seen_of(list, { limit = 1000 }, 10)
      assert.is_true(used >= 0.99, used)
    end)

    it("uses what is announced, all of it, and nothing over it", function()
      local used, throttled = seen_of(make(4), { limit = 600, announces = true }, 8)
      assert.equal(0, throttled)
      assert.is_true(used >= 0.99, used)
    end)

    it("is seldom throttled where others use the same keys, and it is told so", function()
      local used, throttled = seen_of(make(4), {
        limit = 1000, announces = true, others = function(second) return math.floor(second * 8) end,
      }, 8)
      assert.is_true(throttled <= 0.01, throttled)
      assert.is_true(used >= 0.9, used)
    end)
  end)
end
