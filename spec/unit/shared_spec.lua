-- The option `shared`, with the parts of nginx that it needs made by the test: which errors it has, and that workers
-- share keys. A worker here is a cache of its own; on a real nginx: spec/host/shared_spec.lua.

local core = require "jdcloud.core"
local safe = require "jdcloud.safe"
local shared = require "jdcloud.shared"
local shared_dict = require "support.shared_dict"

describe("the option shared", function()
  local real, now, dict, slept

  before_each(function()
    real, now, slept = rawget(_G, "ngx"), 0, 0
    dict = shared_dict.new(function() return now end)
    rawset(_G, "ngx", { shared = { cloud = dict }, sleep = function(s) slept, now = slept + s, now + s end })
  end)

  after_each(function() rawset(_G, "ngx", real) end)

  local function new(option)
    return safe.new { region = "cn-north-1", access_key = "AK", secret_key = "SK-CANARY-shared", shared = option }
  end

  it("needs nginx", function()
    rawset(_G, "ngx", nil)
    local cloud, err = new "cloud"
    assert.is_nil(cloud)
    assert.equal("config", err.kind)
    assert.matches("lua_shared_dict", err.message)
  end)

  it("names the directive that is missing", function()
    local cloud, err = new "other"
    assert.is_nil(cloud)
    assert.equal("config", err.kind)
    assert.matches("lua_shared_dict other 1m;", err.hint)
  end)

  it("is a name or a table, and nothing else", function()
    assert.has_error(function() new(5) end)
    assert.has_error(function() new { dict = "cloud", keys = "a" } end)
    assert.has_error(function() new { credentials = "a" } end)
  end)

  local function keys(secret, life)
    return {
      access_key = "AK", secret_key = "SK-CANARY-" .. secret, session_token = "token",
      expires_at = life and core.wall() + life,
    }
  end

  -- Two workers' views of one provider, which counts how often it is asked.
  local function two(answer)
    local asked = 0
    local function provider(reason)
      asked = asked + 1
      return answer(asked, reason)
    end
    local function worker()
      local cache = shared.cache(dict, "vault")
      return function(reason) return cache(reason, provider) end
    end
    return worker(), worker(), function() return asked end
  end

  it("asks the provider once for all workers", function()
    local a, b, asked = two(function() return keys("one", 3600) end)
    assert.equal("SK-CANARY-one", a("missing").secret_key)
    assert.same({ "SK-CANARY-one", "token" }, { b("missing").secret_key, b("missing").session_token })
    assert.equal(1, asked())
  end)

  it("asks again for keys that end, and hands those to the others", function()
    local a, b, asked = two(function(n) return keys("n" .. n, 100 * n) end)
    a "missing"
    b "missing"
    assert.equal("SK-CANARY-n2", a("expiring").secret_key)
    assert.equal("SK-CANARY-n2", b("expiring").secret_key)
    assert.equal(2, asked())
  end)

  it("asks again for keys that were refused, once", function()
    local a, b, asked = two(function(n) return keys("n" .. n) end)
    a "missing"
    b "missing"
    assert.equal("SK-CANARY-n2", b("refused").secret_key)
    assert.equal("SK-CANARY-n2", a("refused").secret_key)
    assert.equal(2, asked())
  end)

  it("doesn't keep keys that have ended", function()
    local a, b, asked = two(function() return keys("old", -5) end)
    a "missing"
    b "missing"
    assert.equal(2, asked())
  end)

  it("waits while another worker asks, and takes its place when that is dead", function()
    local a, _, asked = two(function() return keys "one" end)
    dict:safe_add("lease:vault", "another's", 0.5)
    assert.equal("SK-CANARY-one", a("missing").secret_key)
    assert.is_true(slept >= 0.5 and slept < 0.6)
    assert.equal(1, asked())
    assert.is_nil(dict:get "lease:vault")
  end)

  it("lets the next one ask at once when the provider raises", function()
    local a, b, asked = two(function(n)
      if n == 1 then error({ text = "the vault is on fire" }) end
      return keys "one"
    end)
    local good, raised = pcall(a, "missing")
    assert.same({ false, "the vault is on fire" }, { good, raised.text })
    assert.is_nil(dict:get "lease:vault")
    assert.equal("SK-CANARY-one", b("missing").secret_key)
    assert.same({ 2, 0 }, { asked(), slept })
  end)

  it("passes the provider's error on, and lets the next one ask", function()
    local a, b, asked = two(function() return nil, "the vault is sealed" end)
    assert.same({ nil, "the vault is sealed" }, { n = nil, a "missing" })
    assert.equal("the vault is sealed", select(2, b "missing"))
    assert.equal(2, asked())
  end)

  it("tells providers apart by their place and what they close over", function()
    local function make(role) return function() return role end end
    local function other(role) return function() return role end end
    assert.equal(shared.name_of(make "a"), shared.name_of(make "a"))
    assert.not_equal(shared.name_of(make "a"), shared.name_of(make "b"))
    assert.not_equal(shared.name_of(make "a"), shared.name_of(other "a"))
    assert.not_equal(shared.name_of(make { role = "a" }), shared.name_of(make { role = "b" }))
    assert.equal(shared.name_of(make { role = "a" }), shared.name_of(make { role = "a" }))
    assert.is_nil(shared.name_of(print))
  end)

  it("tells roles apart by their options, without their secrets", function()
    local jdcloud = require "jdcloud"
    local credentials = require "jdcloud.credentials"
    local function name(role, secret)
      return credentials.name_of(jdcloud.credentials.assume_role {
        role = role, access_key = "AK", secret_key = "SK-CANARY-" .. secret, region = "cn-north-1",
      })
    end
    assert.equal(name("jrn:iam::1:role/a", "x"), name("jrn:iam::1:role/a", "y"))
    assert.not_equal(name("jrn:iam::1:role/a", "x"), name("jrn:iam::1:role/b", "x"))
  end)

  it("can leave the keys out of the dictionary", function()
    local cloud = assert(safe.new {
      region = "cn-north-1", shared = { dict = "cloud", credentials = false }, credentials = function()
        return keys "x"
      end,
    })
    assert(cloud.vm:prepare("describeInstances"))
    for name in pairs(dict.entries) do assert.is_nil(name:match "^keys:") end
  end)

  it("holds for all views, and limits that a view brings for all of them too", function()
    local cloud = assert(new "cloud")
    local other = cloud:with { limits = { vm = { 1, 30 } }, max_wait = 0 }
    local limiter = cloud._view.options.limiter
    assert.equal(limiter, other._view.options.limiter)
    assert.equal(0, (limiter.reserve({ "AK/vm" }, 1, 5, nil, nil)))
    assert.equal(30, (limiter.reserve({ "AK/vm" }, 1, 5, nil, nil)))
  end)

  it("says what is wrong with the dictionary in the call's error", function()
    dict.room = 1
    local cloud = assert(new { dict = "cloud" })
    local view = cloud:with { transport = { send = function() error "not to be sent" end, sleep = function() end } }
    local _, err = view.vm:describeInstances()
    assert.same({ "config", 0 }, { err.kind, err.attempts })
    assert.matches("no memory", err.message)
    assert.matches("nginx.conf", err.hint)
  end)
end)
