-- What on_event is told, and what neither events nor errors say: secrets.

local house = require "support.house"
local jdcloud = require "jdcloud"

local function spec_of(name)
  return { az = "cn-north-1a", name = name, instanceType = "g.n3.medium", charge = jdcloud.charge.postpaid_by_usage() }
end

describe("events", function()
  it("tell of attempts, waits, repetitions and the end, in order", function()
    local cloud, gateway, events = house.open()
    gateway:misbehave { operation = "describeInstances", status = 503, headers = { ["retry-after"] = "1" } }
    assert(cloud.vm:describeInstances())
    local names = {}
    for i, event in ipairs(events) do names[i] = event.event end
    assert.are.same({ "attempt_start", "attempt_end", "wait", "retry", "attempt_start", "attempt_end", "done" }, names)
    assert.are.equal("vm", events[1].service)
    assert.are.equal("describeInstances", events[1].operation)
    assert.are.equal(503, events[2].http_status)
    assert.is_true(events[2].seconds >= 0)
    assert.are.equal("ok", events[7].kind)
    assert.are.equal(2, events[7].attempts)
  end)

  it("of a function that raises don't touch the call", function()
    local cloud = house.open { on_event = function() error("mine") end }
    assert.truthy(cloud.vm:describeInstances())
  end)
end)

describe("secrets", function()
  it("are in no error, event, log or tostring", function()
    local cloud, gateway, events = house.open { session_token = "TOKEN-CANARY" }
    local seen = {}
    local function see(value)
      if type(value) == "table" then
        for k, v in pairs(value) do see(k) see(v) end
      else
        seen[#seen + 1] = tostring(value)
      end
    end
    local spec = spec_of("x")
    spec.password = "PASSWORD-CANARY"
    local _, meta = cloud.vm:createInstances { instanceSpec = spec }
    see(meta)
    gateway:misbehave { status = 401, times = "all" }
    local _, err = cloud.vm:createInstances { instanceSpec = spec }
    see(err)
    seen[#seen + 1] = tostring(err)
    spec.password = { "PASSWORD-CANARY" }
    _, err = cloud.vm:createInstances { instanceSpec = spec }
    see(err)
    see(events)
    see(gateway:log())
    local view = cloud._view
    for _, object in ipairs { cloud, cloud.vm, view.keys.credential, view.shared.core } do see(tostring(object)) end
    see(cloud._view.options)
    assert.is_nil(table.concat(seen, "\n"):find("CANARY", 1, true))
  end)
end)
