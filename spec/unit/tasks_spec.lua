-- Tasks: many things at once on one thread, their ends, their errors, their cancelling; without a network.

local jdcloud = require "jdcloud"
local safe = require "jdcloud.safe"
local scheduler = require "jdcloud.scheduler"
local sleepers = require "jdcloud.sleepers"

local NEVER = 1000 -- seconds that no test waits for

-- Lets the other tasks go first.
local function give_way() jdcloud.sleep(0) end

describe("run", function()
  it("returns what its function returned, nil and false too", function()
    assert.same({ n = 3, 1, nil, 3 }, { n = select("#", jdcloud.run(function() return 1, nil, 3 end)),
      jdcloud.run(function() return 1, nil, 3 end) })
    assert.equal(0, select("#", jdcloud.run(function() end)))
    assert.is_false(jdcloud.run(function() return false end))
  end)

  it("runs tasks side by side", function()
    local order = {}
    jdcloud.run(function(spawn)
      for i = 1, 3 do
        spawn(function(name)
          for step = 1, 2 do
            order[#order + 1] = name .. step
            give_way()
          end
        end, "t" .. i)
      end
    end)
    assert.same({ "t11", "t21", "t31", "t12", "t22", "t32" }, order)
  end)

  it("gives the values of a task to whoever waits for it, also later", function()
    assert.same({ 5, 6 }, { jdcloud.run(function(spawn)
      local task = spawn(function(a, b) return a + 1, b end, 4, 6)
      give_way()
      give_way()
      return task:wait()
    end) })
  end)

  it("gives the error of a task to whoever waits for it", function()
    local ok, err = jdcloud.run(function(spawn)
      local task = spawn(function() error({ "boom" }) end)
      return pcall(task.wait, task)
    end)
    if _VERSION ~= "Lua 5.1" or rawget(_G, "jit") then
      assert.is_false(ok)
      assert.same({ "boom" }, err)
    end
    local value
    value, err = safe.run(function(spawn) return spawn(function() error({ "boom" }) end):wait() end)
    assert.is_nil(value)
    assert.same({ "boom" }, err)
  end)

  it("ends with the error of a task that nobody waits for, and cancels the others", function()
    local cancelled
    local ok, err = pcall(jdcloud.run, function(spawn)
      spawn(function()
        local _, why = safe.sleep(NEVER)
        cancelled = why.kind
      end)
      spawn(function() error("boom", 0) end)
      jdcloud.sleep(NEVER)
    end)
    assert.is_false(ok)
    assert.equal("boom", err)
    assert.equal("cancelled", cancelled)
  end)

  it("ends with the error of a task that fails while another is being started", function()
    local kinds = {}
    local function sleep()
      local _, why = safe.sleep(NEVER)
      kinds[#kinds + 1] = why.kind
    end
    local _, err = safe.run(function(spawn)
      for _ = 1, 20 do spawn(sleep) end
      give_way()
      spawn(function() error("boom", 0) end)
      spawn(sleep)
      sleep()
    end)
    assert.equal("boom", err)
    assert.equal(21, #kinds)
  end)

  it("that is at its end begins nothing more", function()
    local begun = false
    safe.run(function(spawn)
      spawn(function()
        safe.sleep(NEVER)
        spawn(function() begun = true end)
      end)
      give_way()
      error("the end", 0)
    end)
    assert.is_false(begun)
  end)

  it("that has ended takes no more tasks: nobody would wait for them", function()
    local begun, kept = false, nil
    safe.run(function(spawn) kept = spawn end)
    local ok, message = pcall(kept, function() begun = true end)
    assert.is_false(ok)
    assert.truthy(tostring(message):find("run has ended", 1, true), message)
    give_way()
    assert.is_false(begun)
  end)

  it("says so when a task's methods are called with a dot", function()
    local task
    safe.run(function(spawn) task = spawn(function() end) end)
    for _, name in ipairs { "wait", "cancel" } do
      local ok, message = pcall(task[name])
      assert.is_false(ok)
      assert.truthy(tostring(message):find("task:" .. name .. ": call it with a colon", 1, true), message)
    end
  end)

  it("waits for the tasks that its function leaves behind", function()
    local done
    jdcloud.run(function(spawn)
      spawn(function()
        give_way()
        done = true
      end)
    end)
    assert.is_true(done)
  end)

  it("says so when every task waits for another", function()
    assert.has_error(function()
      jdcloud.run(function(spawn)
        local task
        task = spawn(function() task:wait() end)
        task:wait()
      end)
    end)
    assert.equal(1, jdcloud.run(function() return 1 end))
  end)

  it("can be nested", function()
    local seen = {}
    jdcloud.run(function(spawn)
      spawn(function()
        seen[#seen + 1] = jdcloud.run(function(inner)
          return inner(function()
            give_way()
            return "inner"
          end):wait()
        end)
      end)
      seen[#seen + 1] = "outer"
    end)
    assert.same({ "outer", "inner" }, seen)
  end)
end)

describe("a task that raises nil", function()
  local NIL = "a task raised nil: error was called without a message"
  local function nothing() error() end

  it("has failed, and says so, whoever waits for it", function()
    local ok, err = safe.run(function(spawn)
      local ended, why = spawn(nothing):wait()
      assert.is_nil(ended)
      assert.equal(NIL, why)
      spawn(nothing)
      safe.sleep(NEVER)
    end)
    assert.is_nil(ok)
    assert.equal(NIL, err)
    ok, err = pcall(jdcloud.run, nothing)
    assert.is_false(ok)
    assert.matches(NIL, err, 1, true)
  end)

  it("is an item's error in parallel; an iterator that does, or on_progress, ends it", function()
    local results, errors = safe.parallel({ 1, 2, 3 }, function(i) return i ~= 2 and i or error() end)
    assert.same({ 1, nil, 3, n = 3 }, results)
    assert.same({ [2] = NIL }, errors)
    for _, arguments in ipairs { { nothing, print }, { { 1 }, tostring, { on_progress = nothing } } } do
      local ok, err = safe.parallel(arguments[1], arguments[2], arguments[3])
      assert.is_nil(ok)
      assert.equal(NIL, err)
    end
  end)
end)

describe("a cancelled task", function()
  it("ends what it waits for, and all that it waits for after that", function()
    local kinds = {}
    jdcloud.run(function(spawn)
      local task = spawn(function()
        for _ = 1, 2 do
          local _, err = safe.sleep(NEVER)
          kinds[#kinds + 1] = err.kind
        end
      end)
      give_way()
      task:cancel()
      task:cancel()
    end)
    assert.same({ "cancelled", "cancelled" }, kinds)
  end)

  it("that has not begun never does, and whoever waits for it is told", function()
    local begun
    local value, err = safe.run(function(spawn)
      local task = spawn(function() begun = true end)
      task:cancel()
      return task:wait()
    end)
    assert.is_nil(value)
    assert.equal("cancelled", err.kind)
    assert.is_nil(begun)
  end)
end)

describe("parallel", function()
  it("gives the results in order, whatever the order of their ends", function()
    local results, errors = jdcloud.parallel({ 3, 1, 2 }, function(item, i)
      for _ = 1, item do give_way() end
      return item * 10 + i
    end)
    assert.same({ n = 3, 31, 12, 23 }, results)
    assert.is_nil(errors)
  end)

  it("runs no more than its limit at a time", function()
    local at_once, most, items = 0, 0, {}
    for i = 1, 20 do items[i] = i end
    jdcloud.parallel(items, function()
      at_once = at_once + 1
      most = math.max(most, at_once)
      give_way()
      at_once = at_once - 1
    end, { limit = 4 })
    assert.equal(4, most)
  end)

  it("keeps errors by their index, raised ones and returned ones", function()
    local results, errors = jdcloud.parallel({ 1, 2, 3, 4 }, function(item)
      if item == 2 then error("two", 0) end
      if item == 3 then return nil, "three" end
      return item
    end)
    assert.same({ n = 4, 1, nil, nil, 4 }, results)
    assert.same({ [2] = "two", [3] = "three" }, errors)
  end)

  it("stops at the first error if it is told to", function()
    local begun = 0
    local results, errors = jdcloud.parallel({ 1, 2, 3, 4, 5 }, function(item)
      begun = begun + 1
      if item == 2 then error("two", 0) end
      jdcloud.sleep(NEVER)
    end, { limit = 2, stop_on_error = true })
    assert.equal(2, begun)
    assert.equal(2, results.n)
    assert.equal("two", errors[2])
    assert.equal("cancelled", errors[1].kind)
  end)

  it("takes an iterator, which may wait too", function()
    local n = 0
    local results = jdcloud.parallel(function()
      give_way()
      n = n + 1
      if n <= 5 then return n end
    end, function(item) return item * 2 end, { limit = 2 })
    assert.same({ n = 5, 2, 4, 6, 8, 10 }, results)
  end)

  it("does what has begun and is an error if its iterator fails", function()
    local n = 0
    local function iterator()
      n = n + 1
      if n == 3 then return false, "failed page" end
      return n
    end
    local results, err, some = safe.parallel(iterator, function(item) return item end)
    assert.is_nil(results)
    assert.equal("failed page", err)
    assert.same({ n = 2, 1, 2 }, some)
  end)

  it("tells its progress", function()
    local told = {}
    jdcloud.parallel({ "a", "b" }, give_way, {
      on_progress = function(done, total) told[#told + 1] = done .. "/" .. total end,
    })
    assert.same({ "1/2", "2/2" }, told)
  end)

  it("ends with the error of on_progress, and cancels what runs", function()
    local kinds = {}
    local results, err = safe.parallel({ 1, 2, 3 }, function(i)
      if i == 1 then return give_way() end
      local _, why = safe.sleep(NEVER)
      kinds[#kinds + 1] = why.kind
    end, { on_progress = function(done)
      if done == 1 then error("progress", 0) end
    end })
    assert.is_nil(results)
    assert.equal("progress", err)
    assert.same({ "cancelled", "cancelled" }, kinds)
  end)

  it("is ended by Ctrl-C wherever that hits it, also the safe one", function()
    local function interrupt()
      give_way()
      error("interrupted!", 0)
    end
    for _, ran in ipairs { { pcall(safe.parallel, interrupt, give_way) }, { pcall(safe.parallel, { 1 }, interrupt) },
      { pcall(safe.parallel, { 1 }, give_way, { on_progress = interrupt }) }, { pcall(safe.run, interrupt) } } do
      assert.same({ false, "interrupted!" }, ran)
    end
  end)

  it("that is cancelled ends after what it has begun", function()
    local order = {}
    safe.run(function(spawn)
      local outer = spawn(function()
        safe.run(function(inner)
          inner(function()
            safe.sleep(NEVER)
            order[#order + 1] = "innermost"
          end)
        end)
        order[#order + 1] = "outer"
      end)
      for _ = 1, 5 do give_way() end
      outer:cancel()
      outer:wait()
      order[#order + 1] = "all"
    end)
    assert.same({ "innermost", "outer", "all" }, order)
  end)

  it("does nothing for no items", function()
    assert.same({ n = 0 }, (jdcloud.parallel({}, error)))
  end)

  it("raises wrong arguments at the caller's line", function()
    local wrong = { { 1, print }, { {}, 1 }, { {}, print, { limits = 2 } }, { {}, print, { limit = 0 } } }
    for _, arguments in ipairs(wrong) do
      local ok, err = pcall(jdcloud.parallel, arguments[1], arguments[2], arguments[3])
      assert.is_false(ok)
      assert.truthy(tostring(err):find("parallel", 1, true))
    end
  end)
end)

describe("sleep", function()
  it("lets the others go on, whoever slept first", function()
    local order = {}
    safe.run(function(spawn)
      local long = spawn(function()
        local _, err = safe.sleep(NEVER)
        order[#order + 1] = err.kind
      end)
      local short = spawn(function()
        jdcloud.sleep(0.01)
        order[#order + 1] = "short"
      end)
      short:wait()
      long:cancel()
    end)
    assert.same({ "short", "cancelled" }, order)
  end)

  it("may be without end, until it is cancelled", function()
    local kinds, ticks = {}, 0
    safe.run(function(spawn)
      local tasks = {}
      for i, seconds in ipairs { 3e6, 1e300, math.huge } do
        tasks[i] = spawn(function()
          local _, err = safe.sleep(seconds)
          kinds[i] = err.kind
        end)
      end
      for _ = 1, 3 do
        safe.sleep(0.01)
        ticks = ticks + 1
      end
      for i = 1, 3 do tasks[i]:cancel() end
    end)
    assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
    assert.equal(3, ticks)
  end)

  it("waits in place outside of tasks, and in coroutines that no scheduler owns", function()
    assert.is_true(jdcloud.sleep(0))
    local ended
    jdcloud.run(function()
      local co = coroutine.create(function()
        jdcloud.sleep(0.001)
        ended = true
      end)
      assert.is_true(coroutine.resume(co))
      assert.equal("dead", coroutine.status(co))
    end)
    assert.is_true(ended)
  end)
end)

describe("sleepers", function()
  it("are woken in the order of their times, and those of one time in that of their coming", function()
    local asleep = sleepers.new()
    local entries = {}
    for i, at in ipairs { 3, 1, 2, 1, 5, 1 } do entries[i] = asleep:add(at, "task " .. i) end
    asleep:remove(entries[6])
    local order, task = {}, asleep:due(3)
    while task do
      order[#order + 1], task = task, asleep:due(3)
    end
    assert.same({ "task 2", "task 4", "task 3", "task 1" }, order)
    assert.equal(5, asleep:first())
  end)

  it("that were cancelled take no room until their time", function()
    collectgarbage()
    collectgarbage()
    local before = collectgarbage("count")
    for _ = 1, 50 do
      safe.run(function(spawn)
        local tasks = {}
        for i = 1, 100 do tasks[i] = spawn(function() return (safe.sleep(NEVER)) end) end
        give_way()
        for i = 1, 100 do tasks[i]:cancel() end
      end)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 200)
  end)
end)

describe("a task that somebody else resumes", function()
  it("goes on waiting for what it waits for", function()
    local slept, co
    safe.run(function(spawn)
      local task = spawn(function()
        co = coroutine.running()
        slept = safe.sleep(0.01)
      end)
      give_way()
      assert(coroutine.resume(co, "not for it"))
      assert(slept == nil)
      task:wait()
    end)
    assert.is_true(slept)
  end)
end)

describe("where Lua can't give way", function()
  local function in_place(fn)
    local result
    ("x"):gsub("x", function() result = { pcall(fn) } end)
    return result[1], result[2], result[3]
  end

  it("waits may be nested, but not without end", function()
    local items = {}
    for i = 1, 60 do items[i] = i end
    local _, failed = safe.parallel(items, function(i)
      local ok, results = in_place(function() return safe.parallel({ i }, give_way) end)
      if not ok then error(results, 0) end
      return i
    end, { limit = 60 })
    local count = 0
    for _, err in pairs(failed) do
      count = count + 1
      assert.truthy(tostring(err):find("too many tasks wait", 1, true))
    end
    assert.is_true(count > 0 and count < 30)
  end)

  it("a cancelled task sleeps no more", function()
    local slept, err
    safe.run(function(spawn)
      local task = spawn(function()
        safe.sleep(NEVER)
        in_place(function() slept, err = safe.sleep(0.3) end)
      end)
      give_way()
      task:cancel()
    end)
    assert.is_nil(slept)
    assert.equal("cancelled", err.kind)
  end)

  it("a run ends when its task is cancelled, below others that wait so too", function()
    local kinds = {}
    safe.run(function(spawn)
      local function waits_in_place()
        in_place(function()
          return safe.run(function()
            local _, err = safe.sleep(NEVER)
            kinds[#kinds + 1] = err.kind
          end)
        end)
      end
      local tasks = { spawn(waits_in_place), spawn(waits_in_place) }
      for _ = 1, 5 do give_way() end
      tasks[1]:cancel()
      tasks[2]:cancel()
    end)
    assert.same({ "cancelled", "cancelled" }, kinds)
  end)

  it("a task waits in place", function()
    jdcloud.run(function()
      assert.truthy(scheduler.here())
      local here = true;
      ("x"):gsub("x", function() here = scheduler.here() end)
      assert.is_nil(here)
      coroutine.wrap(function() here = scheduler.here() end)()
      assert.is_nil(here)
      for _ = 1, 1 do assert.truthy(scheduler.here()) end
    end)
  end)
end)
