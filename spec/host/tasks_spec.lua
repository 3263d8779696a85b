-- tasks_spec.lua - calls in tasks over real connections: what waits lets the others go on, and what Lua can't suspend
-- waits in place; ends by cancelling, closing, collecting and Ctrl-C.

local busy = require "support.busy"
local child = require "support.child"
local core = require "jdcloud.core"
local safe = require "jdcloud.safe"
local scheduler = require "jdcloud.scheduler"

-- Lua 5.1 can't suspend through pcall and for-in.
local IS_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local CONNECTIONS = 8

describe("calls in tasks", function()
  local server, cloud

  setup(function() server = busy.start() end)
  teardown(function() server:stop() end)

  before_each(function()
    cloud = assert(busy.open(server))
    busy.counted(server)
  end)

  after_each(function() cloud:close() end)

  local function call() return cloud.vm:describeInstances {} end

  local function numbers(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return list
  end

  -- How often another task gets its turn while fn() runs in one.
  local function turns_during(fn)
    local turns, done = 0, false
    assert(safe.run(function(spawn)
      spawn(function()
        fn()
        done = true
      end)
      while not done and safe.sleep(0.005) do turns = turns + 1 end
      return true
    end))
    return turns
  end

  it("run at once, over as many connections as there may be", function()
    local results, failed = safe.parallel(numbers(24), function(i) return call() and i end)
    assert.is_nil(failed)
    assert.same(numbers(24), { (table.unpack or unpack)(results, 1, 24) })
    assert.same({ CONNECTIONS, 24 }, { busy.counted(server) })
  end)

  it("open no new connection the second time", function()
    safe.parallel(numbers(16), call)
    local before = server:get("/counted").status
    assert.equal(200, before)
    local again = safe.parallel(numbers(16), function()
      local _, meta = call()
      return meta.attempts
    end)
    assert.equal(16, again.n)
  end)

  it("take their items from pages, which come while calls go on", function()
    local items = cloud.vm:each("describeInstances", { pageSize = 2 })
    local results = assert(safe.parallel(items, function(item)
      assert(call())
      return item.instanceId
    end))
    assert.same({ n = 6, "i-1", "i-2", "i-3", "i-4", "i-5", "i-6" }, results)
    local most, all = busy.counted(server)
    assert.equal(9, all)
    assert.is_true(most >= 3)
  end)

  it("read pages side by side, but for 5.1, which can't leave a for-in", function()
    assert(safe.parallel(numbers(4), function()
      local n = 0
      for item in cloud.vm:each("describeInstances", { pageSize = 3 }) do n = n + (item and 1 or 0) end
      assert(n == 6)
      return true
    end))
    local most, all = busy.counted(server)
    assert.equal(8, all)
    assert.equal(IS_51 and 1 or 4, most)
  end)

  it("read whole lists side by side", function()
    local results = assert(safe.parallel(numbers(4), function() return cloud.vm:all("describeInstances", {}) end))
    for i = 1, 4 do assert.equal(6, #results[i]) end
    assert.equal(4, (busy.counted(server)))
  end)

  it("poll side by side", function()
    local results = assert(safe.parallel(numbers(4), function()
      local looks = 0
      return cloud.vm:poll("describeInstances", {}, function()
        looks = looks + 1
        return looks == 2
      end, { interval = 0.01 })
    end))
    assert.equal(4, results.n)
    assert.same({ 4, 8 }, { busy.counted(server) })
  end)

  it("in pcall go on at once, but for 5.1", function()
    assert(safe.parallel(numbers(4), function() return pcall(call) end))
    local most = busy.counted(server) -- a slow machine need not have all four on their way at the same time
    if IS_51 then assert.equal(1, most) else assert.is_true(most > 1) end
  end)

  it("in a coroutine of the user's own wait in place", function()
    assert(safe.parallel(numbers(3), function() return coroutine.wrap(call)() end))
    assert.same({ 1, 3 }, { busy.counted(server) })
  end)

  it("let the others go on during a call", function()
    assert.is_true(turns_during(call) >= 3)
  end)

  it("let the others go on during back-off", function()
    local turns = turns_during(function()
      local _, meta = assert(cloud.vm:describeInstances(busy.unavailable()))
      assert(meta.attempts == 2)
    end)
    assert.is_true(turns >= 20, turns)
  end)

  it("let the others go on while a limiter makes them wait", function()
    local limited = assert(busy.open(server, {
      limiter = { reserve = function(_, _, now, _, ticket)
        if ticket then return 0, ticket end
        return 0.2, 1, now
      end, settle = function() end },
    }))
    assert.is_true(turns_during(function() assert(limited.vm:describeInstances(busy.slow(0))) end) >= 10)
    limited:close()
  end)

  it("let the others go on while the keys are fetched", function()
    local fetching = safe.new {
      region = "cn-north-1", endpoint = server.https, ca_file = server.ca_file, proxy = false,
      credentials = function()
        safe.sleep(0.2)
        return { access_key = "AKBUSY", secret_key = "SK-CANARY-busy" }
      end,
    }
    assert.is_true(turns_during(function() assert(fetching.vm:describeInstances(busy.slow(0))) end) >= 10)
    fetching:close()
  end)

  it("end as cancelled with their task", function()
    local outcome
    assert(safe.run(function(spawn)
      local task = spawn(function() outcome = select(2, cloud.vm:describeInstances(busy.slow(10))) end)
      repeat safe.sleep(0.02) until select(2, busy.counted(server)) > 0 -- it has arrived
      task:cancel()
      return true
    end))
    assert.same({ "cancelled", true }, { outcome.kind, outcome.sent })
  end)

  it("wait no more between their attempts once they are cancelled, where Lua can't suspend them either", function()
    local transport = assert(require "jdcloud.transport.curl" { proxy = false })
    local slept = true
    safe.run(function(spawn)
      local task = spawn(function()
        safe.sleep(1000);
        ("x"):gsub("x", function() slept = transport.sleep(0.3) end)
      end)
      safe.sleep(0)
      task:cancel()
    end)
    transport.close()
    assert.is_nil(slept)
  end)

  it("end as closed with their cloud", function()
    local started = core.now()
    local _, failed = safe.run(function(spawn)
      local kinds = {}
      for i = 1, 12 do
        spawn(function()
          local _, err = cloud.vm:describeInstances(busy.slow(10))
          kinds[i] = err.kind
        end)
      end
      safe.sleep(0.1)
      cloud:close()
      safe.sleep(0)
      safe.sleep(0)
      for i = 1, 12 do assert(kinds[i] == "closed", kinds[i]) end
      return true
    end)
    assert.is_nil(failed)
    assert.is_true(core.now() - started < 5)
  end)

  it("end as cancelled when one of them fails and the list shall stop", function()
    local started = core.now()
    local _, failed = safe.parallel(numbers(8), function(i)
      if i == 8 then
        safe.sleep(0.05)
        error("eight", 0)
      end
      return cloud.vm:describeInstances(busy.slow(10))
    end, { stop_on_error = true })
    assert.equal("eight", failed[8])
    for i = 1, 7 do assert.equal("cancelled", failed[i].kind) end
    assert.is_true(core.now() - started < 5)
  end)

  it("are broken off by Ctrl-C, quickly, with the exit code of a shell", function()
    local script = ([[
      local jdcloud = require "jdcloud"
      local cloud = jdcloud.new { region = "cn-north-1", access_key = "AKBUSY", secret_key = "SK-CANARY-busy",
        endpoint = %q, ca_file = %q, proxy = false }
      jdcloud.main(function()
        os.execute("(sleep 0.2; kill -INT $PPID) &")
        jdcloud.parallel({ 1, 2, 3, 4 }, function()
          return cloud.vm:describeInstances { filters = { { name = "slow", values = { "10" } } } }
        end)
      end)
    ]]):format(server.https, server.ca_file)
    local started = core.now()
    local result = child.run(script)
    assert.equal(130, result.code, result.err)
    assert.equal("interrupted\n", result.err)
    assert.is_true(core.now() - started < 5)
  end)

  it("leave nothing behind when their clouds are collected, in any order", function()
    for round = 1, 8 do
      local clouds = {}
      for i = 1, 4 do clouds[i] = assert(busy.open(server)) end
      local ended = 0
      assert(safe.run(function(spawn)
        for i = 1, 4 do
          local mine = clouds[i]
          clouds[i] = nil
          local task = spawn(function()
            mine.vm:describeInstances(busy.slow(round % 2 == 0 and 10 or 0.01))
            ended = ended + 1
          end)
          if round % 2 == 0 then
            spawn(function()
              safe.sleep(0.01)
              task:cancel()
            end)
          end
        end
        collectgarbage()
        return true
      end))
      assert.equal(4, ended)
      collectgarbage()
      collectgarbage()
    end
    assert.is_nil(next(scheduler.engines()))
  end)
end)

describe("a fork inside a task", function()
  it("fails what is in flight in the child, where the others go on", function()
    local faults = require("support.faults").start()
    local cloud = assert(safe.new {
      region = "cn-north-1", access_key = "AKBUSY", secret_key = "SK-CANARY-busy", endpoint = faults.silent,
      proxy = false, attempts = 1,
    })
    local outcome, note = nil, faults.dir .. "/note"
    local ok, failed = safe.run(function(spawn)
      spawn(function()
        local _, err = cloud:request { service = "vm", method = "POST", path = "/" }
        outcome = err
        return true
      end)
      safe.sleep(0.05)
      if faults.fork() == 0 then
        safe.sleep(0)
        local file = io.open(note, "w")
        file:write(outcome and outcome.kind, " ", tostring(outcome and outcome.sent))
        file:close()
        faults.leave()
      end
      faults.await()
      assert(outcome == nil)
      cloud:close()
      return true
    end)
    local file = assert(io.open(note))
    local said = file:read("*a")
    file:close()
    faults.stop()
    assert.is_nil(failed)
    assert.is_true(ok)
    assert.equal("network true", said)
    assert.equal("closed", outcome.kind)
  end)
end)

describe("variables marked <close> in a task", function()
  local load_text = rawget(_G, "loadstring") or load

  it("are closed at its end, by an error too, and when it is dropped", function()
    local closed = {}
    local mark = load_text([[
      local closed, name, act = ...
      local x <close> = setmetatable({}, { __close = function() closed[#closed + 1] = name end })
      return act()
    ]])
    safe.run(function(spawn)
      spawn(mark, closed, "returned", function() return safe.sleep(0) and nil end)
      local raising = spawn(mark, closed, "raised", function() error("x") end)
      pcall(raising.wait, raising)
      local task = spawn(mark, closed, "cancelled", function()
        safe.sleep(100)
        return nil
      end)
      safe.sleep(0)
      task:cancel()
    end)
    table.sort(closed)
    assert.same({ "cancelled", "raised", "returned" }, closed)
  end)
end)
