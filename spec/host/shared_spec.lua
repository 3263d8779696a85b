-- The option `shared` in a real nginx: four workers are one caller to the gateway, whatever happens to them. What runs
-- in nginx is LuaJIT whatever Lua runs the test, so one of them is enough: 5.4.

if _VERSION ~= "Lua 5.4" then return end

local cjson = require "cjson"
local gateways = require "jdcloud.gateway.nginx"
local nginx = require "support.nginx"
local rush = require "support.rush"
local shell = require "jdcloud.gateway.shell"

local CALLS, SECONDS, SECRET = 30, 0.3, "SK-CANARY-shared-nginx"

describe("workers of one nginx that share a limiter", function()
  local gateway

  setup(function()
    gateway = assert(gateways.start {
      access_keys = { AKEXAMPLE = { secret = SECRET } }, limit = CALLS, window = SECONDS,
    })
  end)

  teardown(function() gateway:stop() end)

  -- Four workers whose callers want more than is allowed, for a number of windows.
  local function start(windows, credentials)
    gateway:reset()
    return nginx.start('location = /seen { content_by_lua_block { require("support.rush").content() } }', {
      path = "spec/?.lua", workers = 4, http = "lua_shared_dict cloud 1m; lua_shared_dict said 1m;",
      worker = ([[
        require("support.rush").in_worker { callers = 20, seconds = %g, options = {
          region = "cn-north-1", endpoint = %q, shared = "cloud", max_wait = 60, limits = { vm = { %d, %g } },
          %s
        } }
      ]]):format((windows + 2) * SECONDS, gateway.http, CALLS, SECONDS,
        credentials or ('access_key = "AKEXAMPLE", secret_key = %q'):format(SECRET)),
    })
  end

  -- What the workers say when they are done.
  local function seen_of(server, workers)
    local seen
    for _ = 1, 600 do
      seen = cjson.decode(server:get("/seen").body)
      if #seen.list >= workers and seen.over then return seen.list end
      os.execute("sleep 0.05")
    end
    error(("only %d workers ended: %s"):format(#seen.list, server:log()))
  end

  local function check(list)
    local windows, calls = rush.windows(gateway:log(), SECONDS), 0
    for _, seen in ipairs(list) do
      calls = calls + seen.calls
      assert.is_true(seen.failed == 0, seen.error)
    end
    assert.equal(0, windows.throttled)
    assert.is_true(windows.most <= CALLS)
    return windows, calls
  end

  it("use what is allowed in 20 windows, and never get a 429", function()
    local server = start(20)
    finally(function() server:stop() end)
    local windows, calls = check(seen_of(server, 4))
    assert.equal(windows.calls, calls)
    assert.is_true(windows.windows >= 20)
    assert.is_true(windows.mean >= 0.6 * CALLS, windows.mean) -- the figure on a quiet machine is the benchmark's
  end)

  it("stay within it when one of them is killed and all are replaced", function()
    local server = start(10)
    finally(function() server:stop() end)
    local function calls_made(n)
      for _ = 1, 600 do
        if #gateway:log() >= n then return end
        os.execute("sleep 0.02")
      end
      error "there are no calls"
    end
    calls_made(2 * CALLS)
    assert(shell.run(("kill -KILL $(pgrep -P $(cat %s/nginx.pid) | head -n 1)"):format(server.dir)))
    calls_made(4 * CALLS)
    assert(shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(server.dir)))
    local windows = check(seen_of(server, 8)) -- four, one in the killed one's place, four new ones, but the killed one
    assert.is_true(windows.mean >= 0.4 * CALLS, windows.mean)
  end)

  it("keep to a limit that only the service knows, across a reload too", function()
    gateway:reset()
    gateway:set { limit = 40, window = 60 } -- which it tells in its headers
    local server = nginx.start([[
      location = /call { content_by_lua_block {
        cloud = cloud or assert(require("jdcloud.safe").new { shared = "cloud", max_wait = 0.1, region = "cn-north-1",
          endpoint = "]] .. gateway.http .. [[", access_key = "AKEXAMPLE", secret_key = "]] .. SECRET .. [[" })
        local result, err = cloud.vm:describeInstances()
        local window = cloud:stats().windows["AKEXAMPLE/vm"]
        ngx.print(result and "ok" or err.kind, " ", window.told, " ", window.held)
      } }]], { workers = 4, http = "lua_shared_dict cloud 1m;" })
    finally(function()
      server:stop()
      gateway:set { limit = CALLS, window = SECONDS }
    end)
    local function call()
      local kind, told, held = server:get("/call").body:match "^(%S+) (%d+) (%d+)$"
      return kind, tonumber(told), tonumber(held)
    end
    for _ = 1, 20 do assert.equal("ok", (call())) end
    assert(shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(server.dir)))
    local calls, kind, told, held = 20, nil, nil, nil
    for _ = 1, 200 do
      kind, told, held = call()
      if kind ~= "ok" then break end
      calls = calls + 1
    end
    assert.same({ 40, "throttled", 40, 40 }, { calls, kind, told, held })
    for _, entry in ipairs(gateway:log()) do assert.equal(200, entry.status) end
    assert.equal(40, #gateway:log())
  end)

  it("ask a provider of keys once", function()
    local asked = os.tmpname()
    shell.run("chmod 666 " .. asked) -- nginx's workers may be another user
    local server = start(3, ([[credentials = function(reason)
      local file = io.open(%q, "a")
      file:write(reason, "\n")
      file:close()
      ngx.sleep(0.1)
      return { access_key = "AKEXAMPLE", secret_key = %q }
    end]]):format(asked, SECRET))
    finally(function()
      server:stop()
      os.remove(asked)
    end)
    check(seen_of(server, 4))
    assert.equal("missing\n", shell.read(asked))
  end)

  it("renew the keys of a role once for all of them", function()
    local life, windows = 5, 24
    gateway:set { session_life = life, limit = 1000000 }
    local server = start(windows, ([[
      credentials = require("jdcloud.safe").credentials.assume_role {
        role = "jrn:iam::1:role/r", access_key = "AKEXAMPLE", secret_key = %q, region = "cn-north-1"
      }
    ]]):format(SECRET))
    finally(function()
      server:stop()
      gateway:set { limit = CALLS }
    end)
    local asked = 0
    for _, seen in ipairs(seen_of(server, 4)) do assert.is_true(seen.failed == 0, seen.error) end
    for _, entry in ipairs(gateway:log()) do
      if entry.operation == "sts:assumeRole" then asked = asked + 1 end
    end
    local took = (windows + 2) * SECONDS
    -- They are renewed at half their life. One more for the beginning; every worker by itself would be four times that.
    assert.is_true(asked >= 2 and asked <= took / (life / 2) + 2, asked)
  end)
end)
