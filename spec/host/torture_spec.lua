-- torture_spec.lua - tasks in every disorder (support.disorder): random steps of spawning, cancelling, dropping,
-- collecting, closing and failing, over real connections. Every task ends once, nothing hangs, no descriptor and no
-- memory is left.
--
-- STEPS (5000) and SEED (1) are environment variables; a failure names both.

local busy = require "support.busy"
local core = require "jdcloud.core"
local disorders = require "support.disorder"
local safe = require "jdcloud.safe"
local scheduler = require "jdcloud.scheduler"

local STEPS = tonumber(os.getenv("STEPS")) or 5000
local SEED = tonumber(os.getenv("SEED")) or 1
local ROUND = 150 -- steps between two looks at what is left
local PATIENCE = 30 -- seconds that a round may take under a sanitizer

-- The least of some looks: the shell may take one before popen has closed the shell's end of its pipe here.
local function descriptors()
  local least
  for _ = 1, 5 do
    local pipe = assert(io.popen("ls /proc/$PPID/fd | wc -l"))
    local count = tonumber(pipe:read("*a"))
    pipe:close()
    if not least or count < least then least = count end
  end
  return least
end

describe("tasks in every disorder", function()
  local server, deadline
  local spawn_task = scheduler.spawn
  local disorder

  setup(function()
    server = busy.start()
    disorder = disorders.new {
      seed = SEED, server = server, here = scheduler.here,
      endpoint = function(self) return self.chance(50) and server.http or server.https end,
      over = function() return disorder.steps % ROUND == 0 or core.now() > deadline end,
    }
    scheduler.spawn = disorder.watched(spawn_task)

    local actions, short, in_place = disorder.actions, disorder.short, disorder.in_place

    function actions.call_in_sort()
      return table.sort({ 2, 1 }, function(a, b)
        in_place()
        return a < b
      end)
    end

    function actions.wait_in_place(spawn)
      if not spawn or disorder.live > disorders.TASKS then return end
      local task = spawn(short)
      return ("x"):gsub("x", function() pcall(task.wait, task) end)
    end

    function actions.resume()
      local handles = disorder.handles
      local co = handles.coroutine
      if co and coroutine.status(co) == "suspended" then coroutine.resume(co, "not for it") end
      handles.coroutine = nil
      local here = scheduler.here()
      if here then handles.coroutine = here.co end
      return short()
    end

    function actions.yield()
      if scheduler.here() then coroutine.yield("to nobody") end
    end
  end)

  teardown(function()
    scheduler.spawn = spawn_task
    server:stop()
  end)

  local function new_clouds()
    for i = 1, 3 do disorder.clouds[i] = disorder.new_cloud() end
  end

  local function a_round()
    deadline, disorder.handles, disorder.steps = core.now() + PATIENCE, {}, disorder.steps + 1
    new_clouds()
    disorder.many_tasks(0)
    scheduler.turn() -- past tasks that were cancelled before they began
    assert(core.now() < deadline, "something hangs")
    assert.equal(0, disorder.live, "tasks that have not ended")
    assert.is_nil(next(scheduler.engines()), "an engine is still in use")
    assert.is_nil(scheduler.timeout(), "there is still something to do")
  end

  -- Ctrl-C in the middle of it: nothing of what it dropped may run again.
  local function a_broken_round()
    deadline = core.now() + PATIENCE
    local turns, dropped, late = 0, false, false
    for _ = 1, disorder.random(8) do
      spawn_task(function()
        disorder.call()
        if dropped then late = true end
        disorder.actions.long_sleep()
        if dropped then late = true end
      end, function() if dropped then late = true end end)
    end
    local limit = disorder.random(6)
    pcall(scheduler.run, function()
      turns = turns + 1
      if turns > limit then error("interrupted!", 0) end
    end)
    scheduler.drop()
    dropped = true
    collectgarbage()
    safe.sleep(0)
    safe.run(function() safe.sleep(0.002) end)
    assert.is_false(late)
  end

  local function close_all()
    for i, cloud in pairs(disorder.clouds) do
      if disorder.chance(50) then cloud:close() end
      disorder.clouds[i] = nil
    end
    disorder.handles = {}
    collectgarbage()
    collectgarbage()
  end

  it(("leave nothing behind after %d steps of seed %d"):format(STEPS, SEED), function()
    local opened, memory, most
    local rounds = 0
    repeat
      a_round()
      new_clouds()
      a_broken_round()
      close_all()
      rounds = rounds + 1
      if rounds == 5 then memory, opened = disorders.memory_used(), descriptors() end
    until disorder.steps >= STEPS
    most = disorders.memory_used()
    assert.is_true(descriptors() <= opened)
    assert.is_true(most < memory + 300, ("%.0f KB, after five rounds %.0f KB"):format(most, memory))
  end)
end)
