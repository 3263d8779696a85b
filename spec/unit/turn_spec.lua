-- turn_spec.lua - whose turn it is in a worker of nginx with many calls, with clocks of the test's own.

describe("a worker's turn", function()
  local take, sleeps, clock, cpu, real_clock

  before_each(function()
    sleeps, clock, cpu, real_clock = {}, 1000, 5, os.clock
    os.clock = function() return cpu end -- luacheck: ignore
    rawset(_G, "ngx", {
      now = function() return clock end,
      sleep = function(seconds)
        sleeps[#sleeps + 1] = seconds
        clock = clock + seconds
      end,
    })
    package.loaded["jdcloud.transport.cosocket.turn"] = nil
    take = require "jdcloud.transport.cosocket.turn"
  end)

  after_each(function()
    os.clock = real_clock -- luacheck: ignore
    rawset(_G, "ngx", nil)
    package.loaded["jdcloud.transport.cosocket.turn"] = nil
  end)

  it("is the calls' while they take little of it", function()
    for _ = 1, 100 do
      take()
      cpu = cpu + 0.000005
    end
    assert.same({}, sleeps)
  end)

  it("is the others' when calls have had most of a millisecond", function()
    take()
    cpu = cpu + 0.0009
    take()
    assert.same({ 0.001 }, sleeps)
  end)

  it("is the calls' again in nginx's next round", function()
    take()
    cpu, clock = cpu + 0.0009, clock + 0.001
    take()
    assert.same({}, sleeps)
  end)

  it("comes to those that stepped back a few at a time, and to nobody after more than a second", function()
    rawget(_G, "ngx").sleep = function(seconds)
      sleeps[#sleeps + 1] = seconds
      error "stop"
    end
    package.loaded["jdcloud.transport.cosocket.turn"] = nil
    take = require "jdcloud.transport.cosocket.turn"
    take()
    cpu = cpu + 0.0009
    for _ = 1, 9000 do pcall(take) end
    local longest = 0
    for _, seconds in ipairs(sleeps) do longest = math.max(longest, seconds) end
    assert.same({ 9000, 0.001, 0.001, 0.002, 1 }, { #sleeps, sleeps[1], sleeps[8], sleeps[9], longest })
  end)

  it("is not put off for long when nginx's clock was set back", function()
    take()
    cpu = cpu + 0.0009
    take()
    clock = clock - 3600
    take()
    cpu = cpu + 0.0009
    take()
    assert.same({ 0.001, 0.001 }, sleeps)
  end)
end)
