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

  it("that answers nonsense has broken its contract, is told how, and is not asked again", function()
    for _, row in ipairs {
      { "what", "an answer that is a string, not a table" }, { true, "an answer that is a boolean, not a table" },
      { {}, "an answer without status" }, { { status = "200" }, "a status that is a string, not a number" },
      { { status = 200.5 }, "a status that is no whole number from 100 to 999" },
      { { status = -1 }, "a status that is no whole number from 100 to 999" },
      { { status = 1e18 }, "a status that is no whole number from 100 to 999" },
      { { status = 200, headers = "x" }, "headers that are a string, not a table" },
      { { status = 200, headers = {}, body = 5 }, "a body that is a number, not a string" },
    } do
      local _, err = with(function() return row[1] end).vm:describeInstances()
      assert.are.same({ "protocol", "the transport broke its contract: it gave " .. row[2] }, { err.kind, err.message })
      assert.are.same({ 1, true, false }, { err.attempts, err.sent, err.retryable })
      assert.truthy(err.hint:find("a transport's send returns { status = 200,", 1, true))
      assert.is_nil(err.http_status)
    end
  end)

  it("that says nothing, or not what failed, is told so", function()
    local _, err = with(function() end).vm:stopInstance { instanceId = "i-1" }
    assert.are.same({ "network", true }, { err.kind, err.sent })
    assert.are.equal("the transport broke its contract: it gave neither an answer nor a failure", err.message)
    assert.truthy(err.hint:find("nil and a failure", 1, true))
    _, err = with(function() return nil, { kind = "network", sent = false, message = {} } end)
      .vm:stopInstance { instanceId = "i-1" }
    assert.are.same({ "network", "the transport failed, and gave no message" }, { err.kind, err.message })
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
