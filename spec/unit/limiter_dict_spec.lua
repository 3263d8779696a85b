-- The limiter of nginx's workers, with a dictionary and a clock of the test's own: never over, in order, in full use.

local dict_limiter = require "jdcloud.limiter.dict"
local limited = require "support.limited"
local shared_dict = require "support.shared_dict"

describe("the limiter in a shared dictionary", function()
  local world, dict

  local function workers(n, calls, seconds)
    local list = {}
    for i = 1, n do
      list[i] = dict_limiter.new(dict, { limits = { vm = { calls, seconds }, ["vm.slow"] = { 2, 5 } } })
    end
    return list
  end

  before_each(function()
    world = { now = 1000 }
    dict = shared_dict.new(function() return world.now end)
    math.randomseed(7)
  end)

  local function latency() return 0.002 + math.random() ^ 4 * 0.2 end

  for _, case in ipairs { { 1, 1, 0.5, 5 }, { 4, 5, 0.5, 40 }, { 4, 100, 2, 300 }, { 3, 40, 1, 20 } } do
    local processes, calls, seconds, callers = case[1], case[2], case[3], case[4]
    it(("never lets more than %d calls through in %g s: %d workers, %d callers"):format(calls, seconds, processes,
      callers), function()
      local seen = limited.run(world, workers(processes, calls, seconds), {
        keys = { "AK/vm" }, callers = callers, seconds = 20, latency = latency,
      })
      assert.is_true(limited.most(seen.sent, seconds) <= calls, limited.most(seen.sent, seconds))
      if callers > 1.5 * calls then -- all are held by answers of 42 ms on average
        local allowed = 20 * calls / (seconds + 0.05)
        assert.is_true(#seen.sent >= 0.93 * allowed, ("%d of %.0f"):format(#seen.sent, allowed))
      end
    end)
  end

  it("goes on when callers never settle, and is in full use again when their time is over", function()
    local dying = true
    local limiters = workers(2, 10, 1)
    local given = {
      keys = { "AK/vm" }, callers = 200, seconds = 20, latency = latency,
      dies = function() return dying and math.random() < 0.05 end,
    }
    local seen = limited.run(world, limiters, given)
    assert.is_true(limited.most(seen.sent, 1) <= 10)
    dying, world.now = false, world.now + 70
    seen = limited.run(world, limiters, given)
    assert.is_true(limited.most(seen.sent, 1) <= 10)
    assert.is_true(#seen.sent >= 0.9 * 20 * 10 / 1.05, #seen.sent)
  end)

  it("lets nobody wait for the slots of a killed worker", function()
    local list = workers(2, 10, 1)
    for _ = 1, 8 do assert.equal(0, (list[1].reserve({ "AK/vm" }, 1, world.now, nil, nil))) end
    local seen = limited.run(world, { list[2] }, { keys = { "AK/vm" }, callers = 12, seconds = 40, latency = latency })
    assert.is_true(#seen.sent >= 0.8 * 40 * 2 / 1.05, #seen.sent .. " calls") -- of those two that are left
    assert.is_true(limited.most(seen.sent, 1) <= 2, limited.most(seen.sent, 1) .. " in a second")
  end)

  it("keeps those in line in order though every answer is later than was foreseen", function()
    for seed = 1, 4 do
      world.now = 1000 * seed
      math.randomseed(seed)
      dict = shared_dict.new(function() return world.now end)
      local began = world.now
      local seen = limited.run(world, workers(2, 2, 1), {
        keys = { "AK/vm" }, callers = 12, seconds = 20, latency = latency,
      })
      local last = 0
      for i, came in ipairs(seen.order) do
        if came < began + 0.002 then last = seen.sent[i].at - began end
      end
      assert.is_true(last < 8, last) -- 12 of them, 2 in a second and an answer
    end
  end)

  it("is first come, first served, but for a few places", function()
    local seen = limited.run(world, workers(4, 50, 1), {
      keys = { "AK/vm" }, callers = 400, seconds = 20, latency = function() return 0.01 end,
    })
    local newest, late = 0, 0
    for _, came in ipairs(seen.order) do
      late = math.max(late, newest - came)
      newest = math.max(newest, came)
    end
    assert.is_true(late <= 1.1, late) -- nobody goes before one who came more than a window sooner
    assert.is_true(math.max((table.unpack or unpack)(seen.waits)) <= 400 / 50 * 1.05 + 1)
  end)

  it("refuses at once whom it couldn't let go in time, and says when, taking nothing", function()
    local limiter = workers(1, 2, 10)[1]
    for _ = 1, 2 do
      local wait, ticket = limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)
      assert.equal(0, wait)
      limiter.settle(ticket, world.now, { outcome = "done" })
    end
    for _ = 1, 100 do
      local wait, when = limiter.reserve({ "AK/vm" }, 1, world.now, world.now + 9, nil)
      assert.is_nil(wait)
      assert.equal(world.now + 10.001, when)
    end
    local wait = limiter.reserve({ "AK/vm" }, 1, world.now, world.now + 10.1, nil)
    assert.equal(10.001, wait)
  end)

  it("has a slot again that was not needed", function()
    local limiter = workers(1, 1, 10)[1]
    for _ = 1, 5 do
      local wait, ticket = limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)
      assert.equal(0, wait)
      limiter.settle(ticket, world.now, { outcome = "not_sent" })
    end
  end)

  it("gives the place of one who leaves the line to the next", function()
    local limiter = workers(1, 1, 10)[1]
    local _, first = limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)
    local wait, second = limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)
    assert.equal(10, wait)
    limiter.settle(second, world.now, { outcome = "not_sent" })
    assert.equal(10, (limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)))
    limiter.settle(first, world.now, { outcome = "done" })
  end)

  it("passes all windows of a call or none", function()
    local a, b = workers(2, 10, 1)[1], workers(2, 10, 1)[2]
    local keys = { "AK/vm", "AK/vm.slow" }
    for _ = 1, 2 do
      local wait, ticket = a.reserve(keys, 1, world.now, nil, nil)
      assert.equal(0, wait)
      a.settle(ticket, world.now, { outcome = "done" })
    end
    for _ = 1, 50 do assert.is_nil((b.reserve(keys, 1, world.now, world.now + 1, nil))) end
    for _ = 1, 8 do
      local wait = b.reserve({ "AK/vm" }, 1, world.now, world.now, nil)
      assert.equal(0, wait)
    end
    assert.is_nil((b.reserve({ "AK/vm" }, 1, world.now, world.now, nil)))
  end)

  it("shuts a throttled window for every worker, as long as the service says", function()
    local list = workers(2, 10, 30)
    local _, ticket = list[1].reserve({ "AK/vm" }, 1, world.now, nil, nil)
    list[1].settle(ticket, world.now, { outcome = "throttled", retry_after = 7 })
    assert.equal(7, (list[2].reserve({ "AK/vm" }, 1, world.now, nil, nil)))
    assert.equal(0, (list[2].reserve({ "AK/disk" }, 1, world.now, nil, nil)))
    world.now = world.now + 7
    assert.equal(0, (list[2].reserve({ "AK/vm" }, 1, world.now, nil, nil)))
  end)

  it("says that the dictionary is full", function()
    dict = shared_dict.new(function() return world.now end, 4)
    local limiter = workers(1, 10, 1)[1]
    local wait, when, wrong
    for _ = 1, 10 do
      wait, when, wrong = limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)
      if not wait then break end
    end
    assert.is_nil(wait)
    assert.is_nil(when)
    assert.equal("config", wrong.kind)
    assert.matches("no memory", wrong.message)
  end)

  it("keeps access keys apart, and learns limits", function()
    local limiter = workers(1, 1, 10)[1]
    assert.equal(0, (limiter.reserve({ "AK/vm" }, 1, world.now, nil, nil)))
    assert.equal(0, (limiter.reserve({ "BK/vm" }, 1, world.now, nil, nil)))
    limiter.limit("vm", 2, 10)
    assert.equal(0, (limiter.reserve({ "BK/vm" }, 1, world.now, nil, nil)))
    assert.equal(10, (limiter.reserve({ "BK/vm" }, 1, world.now, nil, nil)))
  end)
end)
