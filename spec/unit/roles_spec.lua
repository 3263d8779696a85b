-- Keys that end: sts.assumeRole and the instance's role, renewed ahead of time by one call for all, against the
-- gateway's own versions of both services.

local core = require "jdcloud.core"
local expiry = require "jdcloud.providers.expiry"
local gateway_of = require "jdcloud.gateway"
local house = require "support.house"
local jdcloud = require "jdcloud.safe"
local roles = jdcloud.credentials
local virtual = require "support.virtual"

local ROLE = "jrn:iam::123456:role/reader"

-- A provider of each kind; more: options of both.
local PROVIDERS = {
  assume_role = function(more)
    local options = { role = ROLE, access_key = house.access_key, secret_key = house.secret_key }
    for name, value in pairs(more or {}) do options[name] = value end
    return assert(roles.assume_role(options))
  end,
  instance_role = function(more) return assert(roles.instance_role(more or {})) end,
}
local ASKED = { assume_role = "sts:assumeRole", instance_role = "metadata:iam/instance-role-security-credentials" }

local function count(gateway, operation)
  local n = 0
  for _, entry in ipairs(gateway:log()) do
    if entry.operation == operation then n = n + 1 end
  end
  return n
end

local function statuses(gateway, operation)
  local found = {}
  for _, entry in ipairs(gateway:log()) do
    if entry.operation == operation then found[entry.status] = (found[entry.status] or 0) + 1 end
  end
  return found
end

local TASKS = os.getenv "SLOWNESS" and 20 or 100 -- at once; fewer under valgrind

for kind, provider in pairs(PROVIDERS) do
  describe("keys of " .. kind, function()
    it("sign with their token, and are asked for once", function()
      local cloud, gateway = house.open { credentials = provider() }
      for _ = 1, 3 do assert(cloud.vm:describeInstances()) end
      assert.are.equal(1, count(gateway, ASKED[kind]))
      assert.are.same({ [200] = 3 }, statuses(gateway, "vm:describeInstances"))
      assert.are.equal("JDCTEMP", cloud._view.keys.credential:access_key():sub(1, 7))
    end)

    it("are renewed five minutes before their end", function()
      local cloud, gateway = house.open({ credentials = provider() }, { session_life = 3600 })
      local sleep = cloud._view.connection.options.transport.sleep
      assert(cloud.vm:describeInstances())
      sleep(3600 - 302)
      assert(cloud.vm:describeInstances())
      assert.are.equal(1, count(gateway, ASKED[kind]))
      sleep(3)
      assert(cloud.vm:describeInstances())
      assert.are.equal(2, count(gateway, ASKED[kind]))
    end)

    it("are the same for all clouds with the same provider", function()
      local ours = provider()
      local cloud, gateway = house.open { credentials = ours }
      assert(cloud.vm:describeInstances())
      local other = assert(require("jdcloud.safe").new {
        region = "cn-north-1", transport = cloud._view.connection.options.transport, credentials = ours,
      })
      assert(other.vm:describeInstances())
      assert.are.equal(1, count(gateway, ASKED[kind]))
    end)

    it("serve on if a renewal ahead of time fails", function()
      local cloud, gateway, events = house.open({ credentials = provider { attempts = 1 } }, { session_life = 3600 })
      local sleep = cloud._view.connection.options.transport.sleep
      assert(cloud.vm:describeInstances())
      sleep(3600 - 200)
      gateway:misbehave { operation = "sts:assumeRole", status = 400 }
      gateway:misbehave { metadata = true, status = 503 }
      assert(cloud.vm:describeInstances())
      assert(cloud.vm:describeInstances())
      assert.are.equal(2, count(gateway, ASKED[kind]))
      sleep(31)
      assert(cloud.vm:describeInstances())
      assert.are.equal(3, count(gateway, ASKED[kind]))
      local told = house.only(events, "credentials")
      local ours = {}
      for i, event in ipairs(told) do ours[i] = event.why .. " " .. tostring(event.kind == "ok") end
      assert.are.same({ "missing true", "expiring false", "expiring true" }, ours)
    end)

    it("that can't be had fail all who wait, with one request", function()
      local gateway = gateway_of.new { access_keys = { [house.access_key] = { secret = house.secret_key } } }
      gateway:misbehave { operation = "sts:assumeRole", status = 403, times = "all" }
      gateway:set { instance_role = false }
      local world = virtual.world(gateway, 0.04)
      local cloud = house.open { transport = world.transport, credentials = provider() }
      local failures = {}
      for i = 1, 100 do
        world:spawn(function()
          local result, err = cloud.vm:describeInstances()
          assert(not result)
          failures[i] = err
        end)
      end
      world:run()
      assert.are.equal(100, #failures)
      assert.are.equal(1, count(gateway, ASKED[kind]))
      for _, err in ipairs(failures) do
        assert.are.equal(kind == "assume_role" and "denied" or "auth", err.kind)
        assert.are.equal(0, err.attempts)
        assert.truthy(err.message:find("no keys of the", 1, true))
      end
    end)

    it("rotate under 100 calls at once: none fails, none is refused, one renewal a window", function()
      local gateway = gateway_of.new {
        access_keys = { [house.access_key] = { secret = house.secret_key } }, limit = 1e6, session_life = 20,
      }
      local world = virtual.world(gateway, 0.04)
      local cloud = house.open { transport = world.transport, credentials = provider(), limits = false }
      local calls, seconds = 0, 60
      for i = 1, TASKS do
        world:spawn(function()
          while world.now < seconds do
            assert(cloud.vm:describeInstances())
            calls = calls + 1
            world.transport.sleep(1)
          end
        end, i / TASKS)
      end
      world:run()
      assert.is_true(calls > 50 * TASKS)
      assert.are.same({ [200] = calls }, statuses(gateway, "vm:describeInstances"))
      -- The first, and one at half of every life, which is cut to whole seconds.
      local renewals = count(gateway, ASKED[kind])
      assert.is_true(renewals >= 6 and renewals <= 7, renewals .. " renewals")
    end)

    it("rotate though every other renewal fails", function()
      local gateway = gateway_of.new {
        access_keys = { [house.access_key] = { secret = house.secret_key } }, limit = 1e6, session_life = 20,
      }
      local world = virtual.world(gateway, 0.04)
      local cloud = house.open {
        transport = world.transport, credentials = provider { attempts = 1 }, limits = false,
      }
      local calls, down = 0, false
      local answer = gateway.answer
      function gateway:answer(request)
        if request.target:find("assumeRole", 1, true) or request.target:find("metadata", 1, true) then
          down = not down
          if not down then return { status = 503, headers = {}, body = "" } end
        end
        return answer(self, request)
      end
      for i = 1, 20 do
        world:spawn(function()
          while world.now < 100 do
            assert(cloud.vm:describeInstances())
            calls = calls + 1
            world.transport.sleep(1)
          end
        end, i / 20)
      end
      world:run()
      assert.are.same({ [200] = calls }, statuses(gateway, "vm:describeInstances"))
    end)

    it("with a token that is sent as it is, where that is wanted", function()
      local cloud, gateway = house.open({ credentials = provider(), token_encoding = "raw", attempts = 1 },
        { session_token = "raw" })
      assert(cloud.vm:describeInstances())
      gateway:set { session_token = "base64" }
      local _, err = cloud.vm:describeInstances()
      assert.are.equal("auth", err.kind)
    end)

    it("that the service has forgotten are renewed after its 401", function()
      local cloud, gateway = house.open { credentials = provider() }
      assert(cloud.vm:describeInstances())
      gateway:reset()
      local _, meta = cloud.vm:describeInstances()
      assert.are.equal(2, meta.attempts)
    end)

    it("are in no error, event or log", function()
      local cloud, gateway, events = house.open({ credentials = provider() }, { session_life = 600 })
      local seen = {}
      local function see(value)
        if type(value) == "table" then
          for k, v in pairs(value) do see(k) see(v) end
        end
        seen[#seen + 1] = tostring(value)
      end
      assert(cloud.vm:describeInstances())
      gateway:misbehave { status = 401, times = "all" }
      local _, err = cloud.vm:describeInstances()
      see(err)
      see(events)
      see(gateway:log())
      see(cloud._view.options)
      see(cloud._view.keys)
      local text = table.concat(seen, "\n")
      for _, session in pairs(gateway.sessions) do
        assert.is_nil(text:find(session.secret, 1, true))
        assert.is_nil(text:find(session.token, 1, true))
        assert.is_nil(text:find(core.base64(session.token), 1, true))
      end
      assert.is_nil(text:find("CANARY", 1, true))
    end)
  end)
end

-- Waiting for a resource to be gone, by a cloud that has lost its role: the dangerous place for a 404 of somebody else.
describe("a role that is gone", function()
  local errors = require "jdcloud.errors"
  local WAYS = {
    instance_role = function(gateway)
      gateway:set { instance_role = false }
      return PROVIDERS.instance_role()
    end,
    assume_role = function() return PROVIDERS.assume_role { role = "nobody" } end,
    ["a function's own"] = function()
      return function() return nil, errors.new { kind = "not_found", message = "no such vault" } end
    end,
  }
  for name, way in pairs(WAYS) do
    it("is not an instance that is gone: " .. name, function()
      local holder
      local cloud, gateway = house.open { credentials = function(reason) return holder(reason) end, attempts = 1 }
      holder = way(gateway)
      local transport = cloud._view.connection.options.transport
      cloud = assert(jdcloud.new { region = "cn-north-1", transport = transport, credentials = holder })
      for _, ids in ipairs { "i-1", { "i-1", "i-2" } } do
        local result, err = cloud.vm:wait("instance_deleted", { instanceId = ids }, { timeout = 20, interval = 1 })
        assert.is_nil(result)
        assert.are.equal("auth", err.kind)
      end
      local told = 0
      local result, err = cloud.vm:poll("describeInstance", { instanceId = "i-1" }, function()
        told = told + 1
        return true
      end)
      assert.is_nil(result)
      assert.are.equal(0, told)
      assert.are.equal("auth", err.kind)
      assert.are.equal("credentials", err.gave_up)
      assert.are.equal(0, count(gateway, "vm:describeInstance") + count(gateway, "vm:describeInstances"))
    end)
  end

  it("nor is it what a transport says of its own accord", function()
    local cloud = house.open { attempts = 1, transport = { send = function()
      return nil, { kind = "not_found", sent = false, message = "no route" }
    end } }
    local result, err = cloud.vm:wait("instance_deleted", { instanceId = "i-1" }, { timeout = 1 })
    assert.is_nil(result)
    assert.are_not.equal("not_found", err.kind)
  end)

  it("is told by the URL that was asked, without its query, and by what may be the reason", function()
    for _, status in ipairs { 401, 403, 404, 302 } do
      local cloud = house.open {
        transport = { send = function() return { status = status, headers = {}, body = "" } end },
        credentials = roles.instance_role { endpoint = "http://10.0.0.1:81", path = "/x?token=CANARY" },
      }
      local _, err = cloud.vm:describeInstances()
      assert.are.equal("auth", err.kind)
      assert.is_false(err.retryable)
      assert.truthy(err.message:find("answered HTTP " .. status .. " at http://10.0.0.1:81/x", 1, true))
      assert.truthy(err.hint:find("no virtual machine of JD Cloud", 1, true))
      assert.is_nil(tostring(err):find("CANARY", 1, true))
    end
  end)
end)

describe("keys that ended while sts was down", function()
  it("are told to be that, with the renewal that failed", function()
    local cloud, gateway = house.open { credentials = PROVIDERS.assume_role { attempts = 1 } }
    assert(cloud.vm:describeInstances())
    -- Here they seem to be good still; the service knows better.
    for _, session in pairs(gateway.sessions) do session.expires_at = 0 end
    gateway:misbehave { operation = "sts:assumeRole", status = 503, times = "all" }
    local _, err = cloud.vm:describeInstances()
    assert.are.equal(401, err.http_status)
    assert.truthy(err.hint:find("the session token that the credentials provider gave has expired; the renewal of the "
      .. "keys failed: no keys of the role: sts.assumeRole: ", 1, true), err.hint)
    assert.is_nil(err.hint:find("check access key", 1, true))
    assert.is_nil(tostring(err):find("CANARY", 1, true))
  end)

  it("are told to be refused for another reason, if it is one", function()
    local cloud, gateway = house.open { credentials = PROVIDERS.assume_role { attempts = 1 } }
    assert(cloud.vm:describeInstances())
    gateway:misbehave { operation = "vm:describeInstances", status = 401, times = "all" }
    gateway:misbehave { operation = "sts:assumeRole", status = 503, times = "all" }
    local _, err = cloud.vm:describeInstances()
    assert.are.equal(401, err.http_status)
    assert.is_nil(err.hint:find("expired", 1, true))
    assert.truthy(err.hint:find("the renewal of the keys failed: no keys of the role", 1, true), err.hint)
  end)
end)

describe("assume_role", function()
  it("is where its own keys are given: to give them to the cloud beside it says so", function()
    local provider = PROVIDERS.assume_role()
    local ok, message = pcall(jdcloud.new, { credentials = provider, access_key = "A", secret_key = "SK-CANARY" })
    assert.is_false(ok)
    assert.truthy(message:find("not both; keys that assume_role signs with go into assume_role {", 1, true), message)
  end)

  it("takes its keys from another provider", function()
    local instance = roles.instance_role {}
    local cloud, gateway = house.open { credentials = roles.assume_role { role = ROLE, credentials = instance } }
    assert(cloud.vm:describeInstances())
    assert.are.equal(1, count(gateway, ASKED.instance_role))
    assert.are.equal(1, count(gateway, ASKED.assume_role))
  end)

  it("understands the expiration in either zone", function()
    for _, zone in ipairs { 0, 8 * 3600 } do
      for _, duration in ipairs { 3600, 12 * 3600 } do
        local cloud, gateway = house.open(
          { credentials = PROVIDERS.assume_role { duration = duration } }, { session_zone = zone })
        assert(cloud.vm:describeInstances())
        cloud._view.connection.options.transport.sleep(duration - 310)
        assert(cloud.vm:describeInstances())
        assert.are.equal(1, count(gateway, ASKED.assume_role))
        cloud._view.connection.options.transport.sleep(20)
        assert(cloud.vm:describeInstances())
        assert.are.equal(2, count(gateway, ASKED.assume_role))
      end
    end
  end)

  it("says what sts said", function()
    local cloud = house.open { credentials = PROVIDERS.assume_role { role = "nobody" } }
    local _, err = cloud.vm:describeInstances()
    assert.are.equal("auth", err.kind) -- not the kind of a resource that isn't there
    assert.truthy(tostring(err):find("sts.assumeRole: NOT_FOUND (404): no such role", 1, true))
  end)

  it("raises at once over options that can't be", function()
    for text, options in pairs {
      ['the option "role"'] = {}, ['no option "rolle"'] = { rolle = ROLE }, ['"duration" must be'] = { duration = 60 },
      ['"policy" must be'] = { role = ROLE, policy = ("x"):rep(2049) },
      ["go together"] = { role = ROLE, access_key = "A" },
    } do
      local ok, message = pcall(roles.assume_role, options)
      assert.is_false(ok)
      assert.truthy(message:find(text, 1, true), message)
    end
  end)
end)

describe("instance_role", function()
  it("asks where it is told, with the headers that it is told", function()
    local asked
    local cloud = house.open {
      transport = { send = function(request)
        asked = request
        return { status = 200, headers = {}, body = '{"Code":"fail","accessKey":""}' }
      end },
      credentials = roles.instance_role {
        endpoint = "http://10.0.0.1:81/", path = "/jcs-metadata/latest/x", headers = { ["Metadata-Flavor"] = "JCS" },
      },
    }
    local _, err = cloud.vm:describeInstances()
    assert.are.equal("auth", err.kind)
    assert.are.equal("http://10.0.0.1:81/jcs-metadata/latest/x", asked.url)
    assert.are.same({ "host", "10.0.0.1:81" }, asked.headers[1])
    assert.are.same({ "metadata-flavor", "JCS" }, asked.headers[3])
  end)

  for name, body in pairs { ["no JSON"] = "<html>", ["no object"] = "3", ["null"] = "null",
    ["numbers"] = '{"accessKey":1,"secretKey":2}' } do
    it("is told nothing useful by " .. name, function()
      local cloud = house.open {
        transport = { send = function() return { status = 200, headers = {}, body = body } end },
        credentials = roles.instance_role {},
      }
      local _, err = cloud.vm:describeInstances()
      assert.truthy(err.kind == "protocol" or err.kind == "auth")
      assert.are.equal(0, err.attempts)
    end)
  end
end)

describe("the end of temporary keys", function()
  it("is read in the forms that are known", function()
    for text, wanted in pairs {
      ["2024-02-01 00:00:00"] = { 1706745600 }, ["2024-02-01T00:00:00Z"] = { 1706745600, 0 },
      ["2024-02-01T00:00:00.123+08:00"] = { 1706745600, 28800 }, ["2024-02-01 00:00:00 -0130"] = { 1706745600, -5400 },
    } do
      assert.are.same(wanted, { expiry.parse(text) })
    end
    for _, text in ipairs { "", "soon", "2024-13-01 00:00:00", "2024-02-01", "2024-02-01 00:00:00 CST" } do
      assert.is_nil(expiry.parse(text))
    end
    assert.is_nil(expiry.parse(nil))
  end)
end)

describe("a task that is cancelled while it asks for keys", function()
  it("leaves the question to one who waits for them", function()
    local asked, waiting = 0, {}
    local cloud = house.open {
      transport = require("jdcloud.transport.gateway")(gateway_of.new {
        access_keys = { [house.access_key] = { secret = house.secret_key } },
      }, { sleep = jdcloud.sleep }),
      credentials = function()
        asked = asked + 1
        if asked == 1 and not jdcloud.sleep(60) then return nil, "nobody asked" end
        return { access_key = house.access_key, secret_key = house.secret_key }
      end,
    }
    local first, outcomes = nil, {}
    jdcloud.run(function(spawn)
      first = spawn(function()
        local _, err = cloud.vm:describeInstances()
        outcomes.first = err and err.kind
      end)
      for i = 1, 3 do
        spawn(function()
          local view = cloud:with { on_event = function(event)
            if event.event == "wait" and event.why == "credentials" then waiting[i] = true end
          end }
          outcomes[i] = view.vm:describeInstances() ~= nil
        end)
      end
      while #waiting < 3 do jdcloud.sleep(0.005) end
      first:cancel()
    end)
    assert.are.same({ first = "cancelled", true, true, true }, outcomes)
    assert.are.equal(2, asked)
  end)
end)
