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
end)
