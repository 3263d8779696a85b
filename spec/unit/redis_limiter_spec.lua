-- What the limiter in Redis does with what its client says, and what the adapters do with their clients. The script
-- itself runs in a real Redis: spec/host/redis_spec.lua.

local house = require "support.house"
local limiters = require "jdcloud.limiter"

describe("the limiter in Redis", function()
  local now, asked, events, answer

  before_each(function()
    now, asked, events = 1000, {}, {}
    answer = function(want) -- as many slots as are wanted, now
      local reply = { "epoch", 1, 0, 0, 10, 0, 0, 0 }
      for i = 1, want do
        reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = i, 100 + i, 0
      end
      return reply
    end
  end)

  local function new(more)
    local given = {
      limits = { vm = { 10, 1 } }, clock = function() return now end,
      on_event = function(event) events[#events + 1] = event.state end,
      eval = function(script, keys, args)
        asked[#asked + 1] = { script = script, keys = keys, args = args }
        return answer(tonumber(args[3]))
      end,
    }
    for name, value in pairs(more or {}) do given[name] = value end
    return limiters.redis(given)
  end

  local KEYS = { "AK/vm", "AK/vm.describeInstances" }

  it("keeps all windows of a service in one place of a cluster", function()
    new().reserve(KEYS, 1, now, nil, nil)
    for _, one in ipairs(asked) do
      for _, key in ipairs(one.keys) do assert.matches("^jdcloud:{AK/vm}:", key) end
    end
    assert.equal("jdcloud:{AK/vm}:vm.describeInstances:slots", asked[2].keys[1])
  end)

  it("gives used slots back with the moment from which on they are free", function()
    local limiter = new()
    local _, ticket = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    now = now + 0.04
    limiter.settle(ticket, now, { outcome = "done" })
    local args = asked[#asked].args
    assert.same({ "1", "101", "1002" }, { args[14], args[15], args[16] })
  end)

  it("shuts a throttled window for the whole fleet at once", function()
    local limiter = new()
    local _, ticket = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    limiter.settle(ticket, now, { outcome = "throttled", retry_after = 7 })
    assert.equal("7000", asked[#asked].args[8])
  end)

  it("forgets calls that ended without a word after a while", function()
    local limiter = new()
    for _ = 1, 3 do limiter.reserve({ "AK/vm" }, 1, now, nil, nil) end
    assert.equal(3, limiter.windows()["AK/vm"].held)
    now = now + 200
    limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    assert.equal(1, limiter.windows()["AK/vm"].held)
  end)

  it("says when there would be a place, and waits in line", function()
    local limiter = new()
    answer = function() return { "epoch", 1, 400, 0, 10, 0, 0, 0 } end
    local wait, when = limiter.reserve({ "AK/vm" }, 1, now, now + 0.1, nil)
    assert.is_nil(wait)
    assert.is_true(when >= now + 0.4)
    assert.is_true((limiter.reserve({ "AK/vm" }, 1, now, nil, nil)) >= 0.4)
    assert.equal(1, #asked)
  end)

  it("goes on with its share when Redis is gone, and tells when it goes and comes", function()
    local limiter = new { share = 0.2 }
    local works = answer
    answer = function() return nil, "connection refused" end
    for _ = 1, 2 do
      local wait, ticket = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
      assert.equal(0, wait)
      limiter.settle(ticket, now, { outcome = "done" })
    end
    local wait, waiting = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    assert.equal(1.001, wait)
    assert.equal(1, #asked)
    limiter.settle(waiting, now, { outcome = "not_sent" })
    answer, now = works, now + 0.5
    assert.equal(0, (limiter.reserve({ "AK/vm" }, 1, now, nil, nil)))
    assert.same({ "gone", "back" }, events)
    local args = asked[2].args -- those that were made without a slot are told of
    assert.same({ "0", "0", "502", "0", "0", "502" }, { (table.unpack or unpack)(args, 14) })
  end)

  it("fails when Redis is gone, if it is to", function()
    local limiter = new { fallback = "fail" }
    answer = function() return nil, "connection refused" end
    local wait, when, wrong = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    assert.is_nil(wait)
    assert.is_nil(when)
    assert.equal("network", wrong.kind)
    assert.matches("connection refused", wrong.message)
  end)

  it("makes that the error of the call", function()
    local cloud = assert(require("jdcloud.safe").new {
      region = "cn-north-1", access_key = "AK", secret_key = "SK-CANARY-redis-limiter",
      transport = { send = function() error "not to be sent" end, sleep = function() end },
      limiter = limiters.redis { fallback = "fail", eval = function() return nil, "connection refused" end },
    })
    local _, err = cloud.vm:describeInstances()
    assert.same({ "network", 0, "limiter", true }, { err.kind, err.attempts, err.gave_up, err.retryable })
    assert.matches("connection refused", err.message)
  end)

  it("lets a cloud see that Redis is away: in its events, its stats and the call that isn't made for it", function()
    local clock
    local answers = false
    local limiter = limiters.redis {
      clock = function() return clock() end, limits = { vm = { 10, 60 } },
      eval = function(_, _, args)
        if not answers then return nil, "no module of that name\n\tno file" end
        return answer(tonumber(args[3]))
      end,
    }
    local cloud, _, told = house.open { limiter = limiter }
    clock = function() return (cloud._view.connection.transport.clock()) end
    assert(cloud.vm:describeInstances())
    local seen = house.only(told, "limiter")
    assert.same({ 1, "gone", "local" }, { #seen, seen[1].state, seen[1].fallback })
    local state = cloud:stats().limiter
    assert.same({ "gone", "local", 0.1 }, { state.state, state.fallback, state.share })
    assert.matches("no module of that name", state.message)
    local _, err = cloud.vm:describeInstances({}, { max_wait = 1 })
    assert.same({ "throttled", "max_wait" }, { err.kind, err.gave_up })
    assert.matches("^Redis is away: no module of that name; this process uses a share of 0.1 of the limit; it may go",
      err.hint)
    answers = true
    cloud._view.connection.transport.sleep(30)
    assert(cloud.vm:describeInstances())
    assert.same({ "ok", "back" }, { cloud:stats().limiter.state, house.only(told, "limiter")[2].state })
  end)

  it("takes a Redis that is slow for one that is gone", function()
    local limiter = new()
    local works = answer
    answer = function(want)
      now = now + 2
      return works(want)
    end
    limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
    assert.same({ "gone" }, events)
  end)

  it("gives back at the end what it has and doesn't need", function()
    local limiter = new()
    for _ = 1, 4 do
      local _, ticket = limiter.reserve({ "AK/vm" }, 1, now, nil, nil)
      limiter.settle(ticket, now, { outcome = "done" })
    end
    limiter.flush()
    local trips = limiter.trips()
    limiter.flush()
    assert.equal(trips, limiter.trips())
    local out = 0
    for _, one in ipairs(asked) do out = out + tonumber(one.args[3]) - (#one.args - 13) / 3 end
    assert.equal(0, out)
  end)

  describe("over redis-lua", function()
    it("loads the script once, and connects again after a failure", function()
      local said, connects = {}, 0
      local eval = limiters.redis_lua(function()
        connects = connects + 1
        return {
          script = function(_, what, text)
            said[#said + 1] = what .. " " .. text
            return "sha"
          end,
          evalsha = function(_, sha, ...)
            said[#said + 1] = table.concat({ sha, ... }, " ")
            if #said == 3 then error "connection closed" end
            return { "ok" }
          end,
        }
      end)
      assert.same({ "ok" }, eval("return 1", { "a", "b" }, { "c" }))
      local reply, message = eval("return 1", { "a", "b" }, { "c" })
      assert.is_nil(reply)
      assert.matches("connection closed", message)
      assert.same({ "ok" }, eval("return 1", { "a", "b" }, { "c" }))
      assert.equal(2, connects)
      assert.same({ "load return 1", "sha 2 a b c", "sha 2 a b c", "load return 1", "sha 2 a b c" }, said)
    end)
  end)

  describe("over redis-lua, when Redis is stalled", function()
    local function stalled(calls)
      return { network = { socket = {
        settimeout = function(_, seconds) calls[#calls + 1] = "settimeout " .. seconds end,
        close = function() calls[#calls + 1] = "close" end,
      } }, script = function() error "timeout" end, quit = function() calls[#calls + 1] = "quit" end }
    end

    it("waits no longer than a second, or what it is told, and closes without a word", function()
      for expected, options in pairs { [1] = false, [0.5] = { timeout = 0.5 } } do
        local calls = {}
        local eval = limiters.redis_lua(function() return stalled(calls) end, options or nil)
        local reply, message = eval("return 1", {}, {})
        assert.is_nil(reply)
        assert.matches("timeout", message)
        assert.same({ "settimeout " .. expected, "close" }, calls)
      end
    end)

    it("keeps what the function that connects says", function()
      local _, message = limiters.redis_lua(function() error("no module of that name", 0) end)("return 1", {}, {})
      assert.equal("no module of that name", message)
      _, message = limiters.redis_lua(function() return nil, "refused" end)("return 1", {}, {})
      assert.equal("the function that connects returned no client: refused", message)
    end)
  end)

  it("refuses what can't be an adapter's argument when it is made", function()
    local function refused(expected, make, ...)
      local ok, message = pcall(make, ...)
      assert.is_false(ok)
      assert.truthy(message:find(expected, 1, true), message)
    end
    local redis_lua, resty_redis = limiters.redis_lua, limiters.resty_redis
    refused("redis_lua: the first argument must be a function", redis_lua, "127.0.0.1")
    refused('redis_lua: no option "timeuot"', redis_lua, print, { timeuot = 1 })
    refused('redis_lua: the option "timeout" must be a number of seconds', redis_lua, print, { timeout = 0 })
    refused('resty_redis: the first argument must be the module, require "resty.redis"', resty_redis, {}, {})
    refused('resty_redis: no option "hots"; did you mean "host"?', resty_redis, { new = print }, { hots = "redis" })
  end)

  describe("over lua-resty-redis", function()
    local said, client

    before_each(function()
      said = {}
      client = setmetatable({}, { __index = function(_, name)
        return function(_, ...)
          said[#said + 1] = table.concat({ name, ... }, " ")
          return name == "get_reused_times" and 0 or name == "script" and "sha" or { "ok" }
        end
      end })
      function client.new() return client end
      client.connect = function(_, host, port)
        said[#said + 1] = "connect " .. host .. " " .. port
        return true
      end
    end)

    it("logs in on new connections, and keeps them", function()
      local eval = limiters.resty_redis(client, { host = "redis", port = 7, username = "u", password = "SK-CANARY-p" })
      assert.same({ "ok" }, eval("return 1", { "a" }, { "c" }))
      assert.same({
        "set_timeout 1000", "connect redis 7", "get_reused_times", "auth u SK-CANARY-p", "script load return 1",
        "evalsha sha 1 a c", "set_keepalive 60000 8",
      }, said)
    end)

    it("loads the script again when Redis has forgotten it", function()
      local eval = limiters.resty_redis(client)
      eval("return 1", { "a" }, { "c" })
      local forgot = true
      client.evalsha = function()
        said[#said + 1] = "evalsha"
        if not forgot then return { "ok" } end
        forgot = false
        return nil, "NOSCRIPT No matching script"
      end
      assert.same({ "ok" }, eval("return 1", { "a" }, { "c" }))
      assert.matches("evalsha script load return 1 evalsha set_keepalive", table.concat(said, " "))
    end)

    it("closes a connection that failed", function()
      client.script = function() return nil, "timeout" end
      assert.same({ nil, "timeout" }, { n = nil, limiters.resty_redis(client)("return 1", {}, {}) })
      assert.equal("close", said[#said])
    end)
  end)
end)
