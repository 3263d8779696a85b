-- The module jdcloud.core as the layers above use it, where they rely on more than that it computes the right thing.

local core = require "jdcloud.core"

local REQUEST = { method = "GET", host = "vm.jdcloud-api.com", path = "/v1/a", service = "vm", region = "cn-north-1" }

local function with(fields)
  local request = {}
  for name, value in pairs(REQUEST) do request[name] = value end
  for name, value in pairs(fields or {}) do request[name] = value end
  return request
end

local function keys()
  local credential = core.credential()
  assert(credential:set("AK", "SK-CANARY-core"))
  return credential
end

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("jdcloud.core", function()
  it("leaves the calls alone that it made before it was loaded a second time", function()
    local call = core.call(core.cloud())
    local loaded = package.loaded["jdcloud.core"]
    package.loaded["jdcloud.core"] = nil
    local again = require "jdcloud.core"
    package.loaded["jdcloud.core"] = loaded
    assert.are_not.equal(core, again)
    collect()
    assert(call:begin(with(), keys()))
    assert.are.equal("send", (call:next()))
    assert.are.equal(16, #again.random(16))
  end)

  it("reads the fields of a request past metamethods, whose strings nothing would hold", function()
    local asked = 0
    local request = setmetatable(with(), { __index = function(_, name)
      asked = asked + 1
      collect()
      return name == "query" and ("a=%d"):format(asked) or nil
    end })
    local signed = assert(core.sign(request, keys()))
    assert.are.equal("/v1/a", signed.target)
    assert.are.equal(0, asked)
    assert.is_nil(core.charge_check(setmetatable({ chargeMode = "postpaid_by_usage" }, {
      __index = function(_, name) error(name) end,
    })))
  end)

  -- A call that is asking the driver's limiter.
  local function asking()
    local call = core.call(core.cloud())
    assert(call:begin(with { limiter = "driver" }, keys(), 0, 0))
    assert.are.equal("reserve", (call:next(0, 0)))
    return call
  end

  it("takes a limiter's infinity for never", function()
    local call = asking()
    call:reserved(math.huge, 7, 0)
    assert.are.same({ "done", "throttled" }, { call:next(0, 0) })
    assert.is_nil(call:outcome().retry_after)
    assert.are.same({ 7, "not_sent" }, { call:unsettled() })
    call = asking()
    call:reserved(nil, math.huge, 0)
    assert.are.same({ "done", "throttled" }, { call:next(0, 0) })
    assert.is_nil(call:outcome().retry_after)
  end)

  it("refuses tickets that no number can tell apart", function()
    for _, ticket in ipairs { -1, math.huge, 2 ^ 54, 0 / 0 } do
      local call = asking()
      assert.is_false(pcall(call.reserved, call, 0, ticket, 0))
    end
  end)

  it("takes no part of a call for no limit at all", function()
    local cloud = core.cloud()
    assert.is_nil((cloud:limit("/vm", 0.5, 60)))
    assert.is_nil((cloud:limit("/vm", 1, 0)))
    assert.is_true(cloud:limit("/vm", 1.5, 60))
    assert.is_true(cloud:limit("/vm", 0, 60))
  end)
end)
