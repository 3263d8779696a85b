-- nginx_lifecycle_spec.lua - what a worker of nginx is left with after thousands of calls, after calls whose light
-- thread is killed, whose client goes or whose time runs out, and while nginx is told to read its configuration again.
--
-- RELOADS (20) and CALLS (3000) are environment variables. What runs in nginx is LuaJIT whatever Lua runs the test, so
-- one of them is enough: 5.4.

if _VERSION ~= "Lua 5.4" then return end

local curl = require "jdcloud.transport.curl"
local jdcloud = require "jdcloud"
local nginx = require "support.nginx"
local remotes = require "support.remote"
local shell = require "jdcloud.gateway.shell"

local RELOADS = tonumber(os.getenv("RELOADS")) or 20
local CALLS = tonumber(os.getenv("CALLS")) or 3000
local AT_ONCE = 32
local PATIENCE = 20 -- seconds for what should come soon

local SERVER = [[
  location / { default_type application/json; return 200 '{"requestId":"r","result":{"instances":[],"totalCount":7}}'; }
  location /v1/regions/slow { content_by_lua_block {
    ngx.sleep(0.05) ngx.print('{"requestId":"r","result":{"totalCount":8}}')
  } }
  location /v1/regions/stall { content_by_lua_block { ngx.sleep(60) } }
]]

-- What the chunks below begin with.
local PRELUDE = [[
  local jdcloud = require "jdcloud.safe"
  local function new(options)
    options.region, options.access_key, options.secret_key = "cn-north-1", "AKEXAMPLE", "SK-CANARY-lifecycle"
    options.endpoint = "$endpoint"
    return assert(jdcloud.new(options))
  end
  cloud = rawget(_G, "cloud") or new { limits = false, timeout = 20, attempts = 1 }
  local function get(place, options)
    local call = { service = "vm", method = "GET", path = "/v1/regions/" .. place .. "/x" }
    for name, value in pairs(options or {}) do call[name] = value end
    return cloud:request(call)
  end
]]

local CLIENT = [[
  resolver 127.0.0.1:$dns ipv6=off;
  lua_ssl_trusted_certificate $ca;
  lua_check_client_abort on;
  location = /call { content_by_lua_block { $prelude ngx.print(assert(get("slow")).totalCount) } }
  location = /abort { content_by_lua_block { $prelude
    ngx.on_abort(function() ngx.exit(499) end)
    if ngx.var.arg_tasks then
      jdcloud.parallel({ 1, 2, 3 }, function() return get("stall") end)
    else
      get("stall")
    end
  } }
]]

describe("a worker of nginx", function()
  local server, remote, prelude

  setup(function()
    server = nginx.start(SERVER)
    prelude = PRELUDE:gsub("%$endpoint", (server.https:gsub("127%.0%.0%.1", "localhost")))
    remote = remotes.start({ server.ca_file }, (CLIENT:gsub("%$prelude", function() return prelude end)))
  end)

  teardown(function()
    remote:stop()
    server:stop()
  end)

  local function inside(code, ...) return remote:run(prelude .. code, ...) end

  local function await(what, is_there)
    local seen
    for _ = 1, PATIENCE / 0.05 do
      local there
      there, seen = is_there()
      if there then return end
      os.execute("sleep 0.05")
    end
    error(what .. " never came" .. (seen and ": " .. tostring(seen) or ""))
  end

  local function descriptors()
    local _, count = shell.run(("ls /proc/%d/fd | wc -l"):format(remote:run("return ngx.worker.pid()")))
    return tonumber(count)
  end

  -- KB of Lua; timers and requests that are under way
  local function held()
    return inside("collectgarbage() collectgarbage() return collectgarbage('count'), ngx.timer.running_count()")
  end

  local function no_alerts()
    local log = shell.read(remote.server.dir .. "/error.log")
    assert.is_nil(log:match("[^\n]*%[alert%][^\n]*"))
    assert.is_nil(log:match("[^\n]*exited on signal[^\n]*"))
  end

  local function call_many(n)
    local failed = inside([[
      local items = {}
      for i = 1, (...) do items[i] = i end
      local _, errors = jdcloud.parallel(items, function() return get("cn-north-1") end, { limit = select(2, ...) })
      return errors and tostring(errors[next(errors)])]], n, AT_ONCE)
    assert.is_nil(failed)
  end

  it(("holds no more after %d calls than after some"):format(CALLS), function()
    call_many(1)
    local before = descriptors()
    call_many(CALLS / 10)
    local memory = held()
    call_many(CALLS)
    local now = held()
    assert.is_true(now < memory + 300, ("%.0f KB, before %.0f KB"):format(now, memory))
    local open = descriptors()
    assert.is_true(open <= before + AT_ONCE, ("%d descriptors, before %d"):format(open, before))
  end)

  -- What it does leaves no descriptor open, no task and no slot of the limiter taken; the next call works.
  local function leaves_nothing(act)
    assert.equal(7, inside('return assert(get("cn-north-1")).totalCount'))
    local before = descriptors()
    act()
    await("the end of what was given up", function()
      local open = descriptors()
      return open <= before, open .. " descriptors, before " .. before
    end)
    local _, timers = held()
    assert.equal(0, timers)
    assert.equal(7, inside('return assert(get("cn-north-1")).totalCount'))
    no_alerts()
  end

  it("is left with nothing by light threads that are killed during a call", function()
    leaves_nothing(function()
      inside([[
        for round = 1, 3 do
          local threads = {}
          for i = 1, 10 do threads[i] = ngx.thread.spawn(get, "stall") end
          local function task() return get("stall", { timeout = 1 }) end
          for i = 11, 15 do threads[i] = ngx.thread.spawn(jdcloud.parallel, { 1, 2, 3 }, task) end
          ngx.sleep(0.02 * round)
          for i = 1, 15 do assert(ngx.thread.kill(threads[i])) end
        end]])
    end)
  end)

  it("gets the limiter's slots of killed calls back", function()
    local count = inside([[
      local limited = new { limits = { vm = { 3, 0.3 } }, timeout = 20, max_wait = 10, attempts = 1 }
      local function call(place)
        return limited:request { service = "vm", method = "GET", path = "/v1/regions/" .. place .. "/x" }
      end
      local threads = {}
      for i = 1, 3 do threads[i] = ngx.thread.spawn(call, "stall") end
      ngx.sleep(0.02)
      for i = 1, 3 do assert(ngx.thread.kill(threads[i])) end
      threads = nil
      collectgarbage()
      collectgarbage()
      local count = 0
      for _ = 1, 4 do count = count + assert(call("cn-north-1")).totalCount end
      return count]])
    assert.equal(28, count)
  end)

  it("is left with nothing by clients that go while it calls for them", function()
    leaves_nothing(function()
      local transport = assert(curl { proxy = false })
      jdcloud.parallel({ "", "?tasks=1", "", "?tasks=1", "", "?tasks=1" }, function(arguments)
        local response, failure = transport.send {
          method = "GET", url = remote.server.http .. "/abort" .. arguments, headers = { { "host", "inside" } },
          timeout = 0.3,
        }
        assert(not response and failure.kind == "timeout")
      end)
      transport.close()
    end)
  end)

  it("is left with nothing by calls whose time runs out", function()
    leaves_nothing(function()
      local kinds = inside([[
        local kinds = {}
        local function call()
          local _, err = get("stall", { timeout = 0.1 })
          kinds[err.kind] = (kinds[err.kind] or 0) + 1
        end
        local items = {}
        for i = 1, 50 do items[i] = i end
        jdcloud.parallel(items, call, { limit = 50 })
        local threads = {}
        for i = 1, 50 do threads[i] = ngx.thread.spawn(call) end
        for i = 1, 50 do ngx.thread.wait(threads[i]) end
        return kinds]])
      assert.same({ timeout = 100 }, kinds)
    end)
  end)

  -- Process ids of nginx's workers.
  local function workers(dir)
    local _, text = shell.run(("cat /proc/*/stat 2>/dev/null | grep '(nginx)' | awk -v m=$(cat %s/nginx.pid) "
      .. "'$4 == m { print $1 }'"):format(dir))
    local list = {}
    for pid in text:gmatch("%d+") do list[#list + 1] = pid end
    return list
  end

  it(("loses no answer over %d reloads, and ends"):format(RELOADS), function()
    local dir = remote.server.dir
    local transport = assert(curl { proxy = false, max_host_connections = AT_ONCE })
    local ready, over, answers = dir .. "/ready", false, 0
    local request = {
      method = "GET", url = remote.server.http .. "/call", timeout = 30,
      headers = { { "host", "inside" }, { "connection", "close" } },
    }

    local function load()
      while not over do
        local response, failure = transport.send(request)
        assert(response, failure and failure.message)
        assert(response.status == 200 and response.body == "8", response.body)
        answers = answers + 1
      end
    end

    local function reload()
      os.remove(ready)
      local known = answers
      shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(dir))
      for _ = 1, PATIENCE / 0.01 do
        if shell.exists(ready) and answers > known then return end
        jdcloud.sleep(0.01)
      end
      error("no new worker came")
    end

    local jobs = {}
    for i = 1, 16 do jobs[i] = load end
    jobs[17] = function()
      local ok, err = pcall(function()
        for _ = 1, RELOADS do reload() end
      end)
      over = true
      assert(ok, err)
    end
    local _, errors = jdcloud.parallel(jobs, function(job) return job() end, { limit = 17 })
    transport.close()
    assert.is_nil(errors and tostring(errors[next(errors)]))
    assert.is_true(answers > RELOADS)
    await("the end of the old workers", function()
      local left = workers(dir)
      return #left == 1, table.concat(left, " ")
    end)
    assert.equal(7, inside('return assert(get("cn-north-1")).totalCount'))
    no_alerts()
  end)
end)
