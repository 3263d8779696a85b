-- loops_spec.lua - tasks in a loop of the program's own: luv's, and one over select that is written as the head of
-- jdcloud/loop/luv.lua says.

local busy = require "support.busy"
local core = require "jdcloud.core"
local safe = require "jdcloud.safe"
local scheduler = require "jdcloud.scheduler"
local socket = require "socket.core"
local uv = require "luv"

local CONNECTIONS = 8
local NEVER = 1000 -- seconds that no test waits for

-- A loop of 50 lines. What luv has, it has too: spawn, detach; after(seconds, fn) is a timer of the user's.
local function attach_select()
  local changes, timers, loop = 0, {}, {}

  -- The descriptors are asked for anew each time, so there is nothing to compare.
  local function changed() changes = changes + 1 end

  local function descriptors()
    local lists = { r = {}, w = {} }
    for engine in pairs(scheduler.engines()) do
      local list = engine:descriptors()
      for i = 1, #list, 4 do
        local fd = list[i]
        local watched = { getfd = function() return fd end, engine = engine, fd = fd }
        if list[i + 1] then lists.r[#lists.r + 1] = watched end
        if list[i + 2] then lists.w[#lists.w + 1] = watched end
      end
    end
    return lists
  end

  function loop.run()
    while true do
      local lists, seconds = descriptors(), scheduler.timeout()
      for at in pairs(timers) do seconds = math.min(seconds or NEVER, math.max(at - core.now(), 0)) end
      if not seconds and not lists.r[1] and not lists.w[1] then return end
      local r, w = socket.select(lists.r, lists.w, seconds)
      for _, ready in ipairs(r) do ready.engine:act(ready.fd, true, false) end
      for _, ready in ipairs(w) do ready.engine:act(ready.fd, false, true) end
      scheduler.turn()
      local due, now = {}, core.now()
      for at, fn in pairs(timers) do
        if at <= now then due[at] = fn end
      end
      for at, fn in pairs(due) do
        timers[at] = nil
        fn()
      end
    end
  end

  function loop.after(seconds, fn) timers[core.now() + seconds] = fn end

  function loop.spawn(fn, on_done)
    local task = scheduler.spawn(fn, function(ok, ...)
      if ok then on_done(nil, ...) else on_done((...)) end
    end)
    return { cancel = function() scheduler.cancel(task) end }
  end

  function loop.detach() scheduler.attach(nil) end

  scheduler.attach(changed)
  return loop
end

local function attach_luv()
  local loop = require("jdcloud.loop.luv").attach()
  loop.run = uv.run
  function loop.after(seconds, fn)
    local timer = uv.new_timer()
    timer:start(math.floor(seconds * 1000), 0, function()
      timer:close()
      fn()
    end)
  end
  return loop
end

for name, attach in pairs { luv = attach_luv, select = attach_select } do
  describe("in a loop of " .. name, function()
    local server, cloud, loop

    setup(function() server = busy.start() end)
    teardown(function() server:stop() end)

    before_each(function()
      cloud = assert(busy.open(server))
      busy.counted(server)
      loop = attach()
    end)

    after_each(function()
      loop.detach()
      cloud:close()
    end)

    -- Starts fn as a task. The list gets what its callback was told.
    local function spawn(fn)
      local told = {}
      local task = loop.spawn(fn, function(...) told[#told + 1] = { n = select("#", ...), ... } end)
      return told, task
    end

    it("a task's values, errors and cancelling come to its callback, once", function()
      local values = spawn(function() return 1, nil, safe.sleep(0) end)
      local failed = spawn(function() error({ "boom" }) end)
      local cancelled, task = spawn(function() return safe.sleep(NEVER) end)
      local never, unbegun = spawn(function() end)
      unbegun:cancel()
      loop.after(0.01, function()
        task:cancel()
        task:cancel()
      end)
      loop.run()
      assert.same({ { n = 4, nil, 1, nil, true } }, values)
      assert.equal("boom", failed[1][1][1])
      assert.equal("cancelled", cancelled[1][3].kind)
      assert.equal(1, #never)
    end)

    it("calls go on at once while the loop's own timers do", function()
      local ticks, ended = 0, 0
      for _ = 1, 16 do
        spawn(function()
          assert(cloud.vm:describeInstances(busy.slow(0.1)))
          ended = ended + 1
        end)
      end
      local function tick()
        ticks = ticks + 1
        if ended < 16 then loop.after(0.01, tick) end
      end
      tick()
      loop.run()
      assert.equal(16, ended)
      assert.is_true(ticks >= 10, ticks)
      assert.same({ CONNECTIONS, 16 }, { busy.counted(server) })
    end)

    it("parallel, run, sleep, pages and back-off suspend the task they are in", function()
      local results, inner, attempts
      local told = spawn(function()
        results = assert(safe.parallel(cloud.vm:each("describeInstances", { pageSize = 2 }), function(item)
          safe.sleep(0.01)
          return item.instanceId
        end))
        inner = safe.run(function(start) return start(function() return cloud.vm:describeInstances {} end):wait() end)
        attempts = select(2, cloud.vm:describeInstances(busy.unavailable())).attempts
        return "end"
      end)
      local other = spawn(function() return safe.sleep(0.01) end)
      loop.run()
      assert.same({ n = 6, "i-1", "i-2", "i-3", "i-4", "i-5", "i-6" }, results)
      assert.equal(6, inner.totalCount)
      assert.equal(2, attempts)
      assert.equal("end", told[1][2])
      assert.is_true(other[1][2])
    end)

    it("a call in a callback waits in place, and tasks go on afterwards", function()
      local told = {}
      for i = 1, 4 do told[i] = spawn(function() return assert(cloud.vm:describeInstances(busy.slow(0.1))) end) end
      local direct, both
      loop.after(0.03, function()
        direct = cloud.vm:describeInstances(busy.slow(0.15)) -- in which the others end
        both = safe.parallel({ 1, 2 }, function() return cloud.vm:describeInstances {} end)
      end)
      loop.run()
      assert.equal(6, direct.totalCount)
      assert.equal(2, both.n)
      for i = 1, 4 do assert.equal(6, told[i][1][2].totalCount) end
    end)

    it("a task is made and a cloud closed by a callback", function()
      local told, late = {}, nil
      for i = 1, 3 do told[i] = spawn(function() return cloud.vm:describeInstances(busy.slow(10)) end) end
      loop.after(0.1, function()
        cloud:close()
        late = spawn(function() return safe.sleep(0) end)
      end)
      local started = core.now()
      loop.run()
      for i = 1, 3 do assert.equal("closed", told[i][1][3].kind) end
      assert.is_true(late[1][2])
      assert.is_true(core.now() - started < 5)
    end)

    it("a connection that is refused or reset is an error of the call", function()
      local refused = assert(safe.new {
        region = "cn-north-1", access_key = "AKBUSY", secret_key = "SK-CANARY-busy", attempts = 1, proxy = false,
        endpoint = "http://127.0.0.1:1",
      })
      local told = spawn(function() return refused.vm:describeInstances {} end)
      loop.run()
      assert.equal("network", told[1][3].kind)
      refused:close()
    end)

    it("five hundred calls of many clouds, opened and closed meanwhile, all end", function()
      local ended = 0
      for i = 1, 50 do
        spawn(function()
          local mine = busy.open(server)
          for j = 1, 10 do
            local options = { timeout = (i + j) % 7 == 0 and 0.01 or nil }
            mine.vm:describeInstances(busy.slow(0.001 * (j % 3) + (j % 7 == 0 and 0.02 or 0)), options)
            ended = ended + 1
          end
          mine:close()
        end)
      end
      loop.run()
      assert.equal(500, ended)
    end)
  end)
end

describe("luv's loop", function()
  it("may have to wait without end", function()
    local loop = require("jdcloud.loop.luv").attach()
    local kind, ended, in_time
    local task = loop.spawn(function() return safe.sleep(math.huge) end, function(_, _, err) kind = err.kind end)
    loop.spawn(function() end, function() ended = true end)
    local timer = uv.new_timer()
    timer:start(50, 0, function()
      in_time = ended
      task.cancel()
      timer:close()
    end)
    uv.run()
    loop.detach()
    uv.run("nowait")
    assert.is_true(in_time)
    assert.equal("cancelled", kind)
  end)

  it("ends when nothing is left to do, and is attached once", function()
    local luv = require "jdcloud.loop.luv"
    local loop = luv.attach()
    assert.equal(loop, luv.attach())
    uv.run()
    loop.detach()
    loop.detach()
    assert.are_not.equal(loop, luv.attach())
    luv.attach().detach()
    assert.has_error(function() luv.attach().spawn(1) end)
    luv.attach().detach()
  end)

  it("may be left by a task, which goes on when somebody waits", function()
    local luv = require "jdcloud.loop.luv"
    local loop, slept = luv.attach(), nil
    loop.spawn(function()
      loop.detach()
      slept = safe.sleep(0.01)
    end, print)
    uv.run()
    assert.is_nil(slept)
    safe.run(function() safe.sleep(0.02) end)
    assert.is_true(slept)
  end)
end)
