-- A transport that a user brings: what it is given, what it may answer, how it may fail.

local house = require "support.house"
local jdcloud = require "jdcloud"
local safe = require "jdcloud.safe"

local function spec_of(name)
  return { az = "cn-north-1a", name = name, instanceType = "g.n3.medium", charge = jdcloud.charge.postpaid_by_usage() }
end

describe("a transport of the user's", function()
  local function with(send)
    return house.open { transport = { send = send, sleep = function() end } }
  end

  it("may fail with a plain string, which counts as sent", function()
    local cloud = with(function() return nil, "boom" end)
    local _, err = cloud.vm:stopInstance { instanceId = "i-1" }
    assert.are.equal("network", err.kind)
    assert.are.equal("boom", err.message)
    assert.are.equal(1, err.attempts)
    assert.is_true(err.sent)
  end)

  it("that answers nonsense is a protocol error", function()
    for _, answer in ipairs { "what", {}, { status = "200" }, { status = 200.5 }, { status = -1 }, { status = 1e18 },
      { status = 200, headers = "x" }, { status = 200, headers = {}, body = 5 } } do
      local _, err = with(function() return answer end).vm:stopInstance { instanceId = "i-1" }
      assert.are.equal("protocol", err.kind)
      assert.truthy(err.message:find("^the transport gave "))
    end
  end)

  it("is asked for by name only where the name suffices", function()
    local _, err = house.open { transport = "gateway" }.vm:describeInstances()
    assert.are.equal("config", err.kind)
    assert.truthy(err.message:find("jdcloud.transport.gateway", 1, true))
  end)

  it("is closed for a wait too", function()
    local cloud = house.open()
    local created = assert(cloud.vm:createInstances { instanceSpec = spec_of("x") })
    local ok, err = cloud.vm:wait("instance_stopped", { instanceId = created.instanceIds[1] }, {
      on_progress = function() cloud:close() end,
    })
    assert.is_nil(ok)
    assert.is_true(safe.is_error(err))
    assert.are.equal("closed", err.kind)
    assert.are.equal("instance_stopped", err.operation)
  end)

  it("gets url and headers as they were signed, and the time that is left", function()
    local seen
    local cloud = with(function(request)
      seen = request
      return { status = 200, headers = {}, body = '{"requestId":"r","result":{}}' }
    end)
    assert(cloud.vm:describeInstances({ filters = safe.filters { name = "a b" } }, { timeout = 7 }))
    assert.are.equal("GET", seen.method)
    assert.are.equal("https://vm.jdcloud-api.com/v1/regions/cn-north-1/instances"
      .. "?filters.1.name=name&filters.1.values.1=a%20b", seen.url)
    local names = {}
    for i, header in ipairs(seen.headers) do names[i] = header[1] end
    assert.are.same({
      "authorization", "content-type", "host", "user-agent", "x-jdcloud-date", "x-jdcloud-nonce",
    }, names)
    assert.are.equal(5, seen.connect_timeout)
    assert.is_true(seen.timeout > 6.9 and seen.timeout <= 7)
  end)

  it("may yield", function()
    local cloud = with(function()
      coroutine.yield("waiting")
      return { status = 200, headers = {}, body = '{"requestId":"r","result":{"totalCount":3}}' }
    end)
    local task = coroutine.create(function() return cloud.vm:describeInstances() end)
    local _, what = coroutine.resume(task)
    assert.are.equal("waiting", what)
    local ok, result = coroutine.resume(task)
    assert.is_true(ok)
    assert.are.equal(3, result.totalCount)
  end)
end)
