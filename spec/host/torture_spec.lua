-- torture_spec.lua - tasks in every disorder: random steps of spawning, cancelling, dropping, collecting, closing and
-- failing, over real connections. Every task ends once, nothing hangs, no descriptor and no memory is left.
--
-- STEPS (5000) and SEED (1) are environment variables; a failure names both.

local busy = require "support.busy"
local core = require "jdcloud.core"
local safe = require "jdcloud.safe"
local scheduler = require "jdcloud.scheduler"

local STEPS = tonumber(os.getenv("STEPS")) or 5000
local SEED = tonumber(os.getenv("SEED")) or 1
local ROUND = 150 -- steps between two looks at what is left
local PATIENCE = 30 -- seconds that a round may take under a sanitizer
local TASKS = 60 -- at a time
local NEVER = 1000 -- seconds that nothing waits for

-- The same numbers on every Lua (Park and Miller).
local state = SEED

local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end

local function chance(percent) return random(100) <= percent end

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
  local server
  local clouds, handles, steps, live = {}, {}, 0, 0
  local spawn_task = scheduler.spawn
  local deadline

  local function new_cloud()
    local endpoint = chance(10) and "http://127.0.0.1:1" or chance(50) and server.http or server.https
    return assert(busy.open(server, { endpoint = endpoint, attempts = 1 + random(2) }))
  end

  setup(function()
    server = busy.start()
    -- Every task is watched, also those that parallel and run make.
    scheduler.spawn = function(fn, finish)
      live = live + 1
      local ended = false
      return spawn_task(fn, function(...)
        assert(not ended, "a task ended twice")
        ended, live = true, live - 1
        return finish(...)
      end)
    end
  end)

  teardown(function()
    scheduler.spawn = spawn_task
    server:stop()
  end)

  local actions, names = {}, {}

  local function step(spawn)
    if steps % ROUND == 0 or core.now() > deadline then return safe.sleep(0.001) end
    steps = steps + 1
    return actions[names[random(#names)]](spawn)
  end

  local function some_steps(spawn)
    for _ = 1, random(4) do step(spawn) end
    return true
  end

  local function call()
    local timeout = chance(20) and random(3) / 1000 or nil
    return clouds[random(#clouds)].vm:describeInstances(busy.slow(chance(5) and 0.03 or random(3) / 5000),
      { timeout = timeout })
  end

  local function short() return safe.sleep(random(3) / 4000) end

  -- Where a task can't be suspended there is no cancelling, so what is done there must end by itself.
  local function in_place()
    local what = random(4)
    if what == 1 then return short() end
    if what == 2 then return safe.parallel({ 1, 2 }, short) end
    if what == 3 then return safe.run(function(spawn) return spawn(short):wait() end) end
    return clouds[random(#clouds)].vm:describeInstances(busy.slow(0.001), { timeout = 1 })
  end

  actions.sleep = short
  actions.call = call
  actions.call_again = call
  actions.long_sleep = function() return safe.sleep(scheduler.here() and chance(50) and NEVER or 0.004) end
  actions.call_in_pcall = function() return pcall(call) end
  actions.call_from_a_foreign_coroutine = function() return coroutine.wrap(in_place)() end
  actions.call_in_gsub = function() return ("x"):gsub("x", function() in_place() end) end
  actions.call_in_sort = function()
    return table.sort({ 2, 1 }, function(a, b)
      in_place()
      return a < b
    end)
  end

  actions.nested_run = function()
    return safe.run(function(spawn)
      for _ = 1, random(3) do spawn(some_steps, spawn) end
      return some_steps(spawn)
    end)
  end

  actions.nested_parallel = function()
    return safe.parallel({ 1, 2, 3, 4, 5, 6 }, function() return some_steps() end, {
      limit = random(6), stop_on_error = chance(30),
      on_progress = chance(10) and function() return chance(20) and error("progress", 0) end or nil,
    })
  end

  actions.pages = function()
    return safe.parallel(clouds[random(#clouds)].vm:each("describeInstances", { pageSize = 2 }), short)
  end

  actions.fail = function()
    local what = random(4)
    if what == 1 then error("boom") end
    if what == 2 then error({ "boom" }) end
    if what == 3 then error(nil) end
    return nil, "boom"
  end

  actions.spawn = function(spawn)
    if not spawn or live > TASKS then return short() end
    handles[random(20)] = spawn(some_steps, spawn)
  end
  actions.spawn_again = actions.spawn

  actions.drop = function(spawn)
    if spawn and live <= TASKS then spawn(some_steps) end
  end

  actions.cancel = function()
    local task = handles[random(20)]
    if task then task:cancel() end
  end

  actions.wait = function()
    local task = handles[random(20)]
    if task then return pcall(task.wait, task) end
  end

  actions.wait_in_place = function(spawn)
    if not spawn or live > TASKS then return end
    local task = spawn(short)
    return ("x"):gsub("x", function() pcall(task.wait, task) end)
  end

  actions.collect = function() return collectgarbage(chance(10) and "collect" or "step") end

  actions.close = function()
    local i = random(#clouds)
    if chance(30) then clouds[i]:close() end
    if chance(30) then clouds[i] = new_cloud() end
  end

  actions.resume = function()
    local co = handles.coroutine
    if co and coroutine.status(co) == "suspended" then coroutine.resume(co, "not for it") end
    handles.coroutine = nil
    local here = scheduler.here()
    if here then handles.coroutine = here.co end
    return short()
  end

  actions.yield = function()
    if scheduler.here() then coroutine.yield("to nobody") end
  end

  for name in pairs(actions) do names[#names + 1] = name end
  table.sort(names)

  -- Some steps in many tasks, then all are cancelled.
  local function a_round()
    deadline, handles = core.now() + PATIENCE, {}
    for i = 1, 3 do clouds[i] = new_cloud() end
    steps = steps + 1
    safe.run(function(spawn)
      local tasks = {}
      while steps % ROUND ~= 0 and safe.sleep(0) do
        if live <= TASKS then
          local n = #tasks + 1
          tasks[n] = spawn(function() pcall(some_steps, spawn) end)
          if chance(50) then tasks[n]:cancel() end
        end
      end
      error("the end", 0) -- which cancels them all
    end)
    scheduler.turn() -- past tasks that were cancelled before they began
    assert(core.now() < deadline, "something hangs")
    assert.equal(0, live, "tasks that have not ended")
    assert.is_nil(next(scheduler.engines()), "an engine is still in use")
    assert.is_nil(scheduler.timeout(), "there is still something to do")
  end

  -- Ctrl-C in the middle of it: nothing of what it dropped may run again.
  local function a_broken_round()
    deadline = core.now() + PATIENCE
    local turns, dropped, late = 0, false, false
    for _ = 1, random(8) do
      spawn_task(function()
        call()
        if dropped then late = true end
        actions.long_sleep()
        if dropped then late = true end
      end, function() if dropped then late = true end end)
    end
    local limit = random(6)
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

  local function memory_used()
    for _ = 1, 4 do collectgarbage() end
    local jit = rawget(_G, "jit")
    if jit then jit.flush() end -- its code is no leak
    collectgarbage()
    return collectgarbage("count")
  end

  local function close_all()
    for i, cloud in pairs(clouds) do
      if chance(50) then cloud:close() end
      clouds[i] = nil
    end
    handles = {}
    collectgarbage()
    collectgarbage()
  end

  it(("leave nothing behind after %d steps of seed %d"):format(STEPS, SEED), function()
    local opened, memory, most
    local rounds = 0
    repeat
      a_round()
      for i = 1, 3 do clouds[i] = new_cloud() end
      a_broken_round()
      close_all()
      rounds = rounds + 1
      if rounds == 5 then memory, opened = memory_used(), descriptors() end
    until steps >= STEPS
    most = memory_used()
    assert.is_true(descriptors() <= opened)
    assert.is_true(most < memory + 300, ("%.0f KB, after five rounds %.0f KB"):format(most, memory))
  end)
end)
