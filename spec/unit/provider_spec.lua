-- A credentials function: when it is asked, what it may give, who waits for it.

local house = require "support.house"

describe("a credentials function", function()
  local function keys(more)
    local given = { access_key = house.access_key, secret_key = house.secret_key }
    for name, value in pairs(more or {}) do given[name] = value end
    return given
  end

  it("is asked once, and again when its keys are about to end", function()
    local reasons = {}
    local cloud, gateway
    cloud, gateway = house.open { credentials = function(reason)
      reasons[#reasons + 1] = reason
      return keys { expires_at = gateway:now() + 400 }
    end }
    for _ = 1, 3 do assert(cloud.vm:describeInstances()) end
    assert.are.same({ "missing" }, reasons)
    cloud._view.connection.transport.sleep(200)
    assert(cloud.vm:describeInstances())
    assert.are.same({ "missing", "expiring" }, reasons)
  end)

  it("is asked again after a 401, and other keys are tried once", function()
    local reasons = {}
    local cloud = house.open { credentials = function(reason)
      reasons[#reasons + 1] = reason
      if reason == "refused" then return keys() end
      return keys { secret_key = "SK-CANARY-old" }
    end }
    local _, meta = cloud.vm:describeInstances()
    assert.are.same({ "missing", "refused" }, reasons)
    assert.are.equal(2, meta.attempts)
  end)

  it("that fails makes a call fail before it is sent, with its reason", function()
    local cloud, gateway = house.open { credentials = function() return nil, "the vault is sealed" end }
    local _, err = cloud.vm:describeInstances()
    assert.are.equal("config", err.kind)
    assert.truthy(err.message:find("the vault is sealed", 1, true))
    assert.are.equal(0, err.attempts)
    assert.are.equal(0, #gateway:log())
  end)

  it("that fails with another library's table is quoted by its message", function()
    local function message_of(reason)
      local cloud = house.open { credentials = function() return nil, reason end }
      local _, err = cloud.vm:describeInstances()
      return err.message
    end
    local gave = "the credentials function gave no keys: "
    assert.are.equal(gave .. "the vault is sealed", message_of { message = "the vault is sealed" })
    assert.are.equal(gave .. "a table without a message", message_of {})
    local shown = setmetatable({}, { __tostring = function() return "sealed" end })
    assert.are.equal(gave .. "sealed", message_of(shown))
  end)

  it("that gives no usable keys is told so", function()
    for _, given in ipairs { {}, { access_key = "A" }, { access_key = "A", secret_key = "SK-CANARY\n\1" },
      { access_key = "A", secret_key = "SK-CANARY", expires_at = "soon" } } do
      local cloud = house.open { credentials = function() return given end }
      local _, err = cloud.vm:describeInstances()
      assert.are.equal("config", err.kind)
      assert.is_nil(tostring(err):find("CANARY", 1, true))
    end
  end)

  it("may yield, and serves all who wait with one call", function()
    local asked = 0
    local cloud = house.open { credentials = function()
      asked = asked + 1
      coroutine.yield("vault")
      return keys()
    end }
    cloud._view.connection.options.transport.sleep = function() coroutine.yield("sleep") end
    local tasks, done = {}, 0
    for i = 1, 5 do
      tasks[i] = coroutine.create(function() return cloud.vm:describeInstances() end)
    end
    for _ = 1, 10 do
      for i = 1, 5 do
        if coroutine.status(tasks[i]) == "suspended" then
          local ok, result = coroutine.resume(tasks[i])
          assert.is_true(ok)
          if coroutine.status(tasks[i]) == "dead" and type(result) == "table" then done = done + 1 end
        end
      end
    end
    assert.are.equal(5, done)
    assert.are.equal(1, asked)
  end)
end)

describe("signing with a credentials function that yields", function()
  it("waits as the transport does, so that the one who asks gets its turn", function()
    local cloud = house.open {
      transport = { send = function() end, sleep = function() coroutine.yield("sleep") end },
      credentials = function()
        coroutine.yield("vault")
        return { access_key = "AK", secret_key = "SK-CANARY" }
      end,
    }
    local function sign() return cloud:sign { service = "vm", method = "GET", host = "vm.jdcloud-api.com" } end
    local first, second = coroutine.create(sign), coroutine.create(sign)
    assert.are.equal("vault", select(2, coroutine.resume(first)))
    assert.are.equal("sleep", select(2, coroutine.resume(second)))
    assert.truthy(select(2, coroutine.resume(first)).authorization)
    assert.truthy(select(2, coroutine.resume(second)).authorization)
  end)
end)
