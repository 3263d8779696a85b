-- disorder.lua - light threads in every disorder: random steps of spawning, cancelling, dropping, killing, closing and
-- failing in a worker of nginx. For nginx_torture_spec, which has it run inside.
-- luacheck: globals ngx

local busy = require "support.busy"
local core = require "jdcloud.core"
local lightthreads = require "jdcloud.lightthreads"
local safe = require "jdcloud.safe"

local M = {}

local ROUND = 150 -- steps between two looks at what is left
local PATIENCE = 10 -- seconds that a round may take
local TASKS = 60 -- at a time
local NEVER = 1000 -- seconds that nothing waits for

local state -- of the numbers: the same ones for a seed (Park and Miller)
local endpoints, clouds, handles
local steps, last_step, deadline -- so far; of this round; of this round too
local live = 0 -- tasks
local killed -- was a user's thread killed? What it had begun ends by itself

local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end

local function chance(percent) return random(100) <= percent end

local function new_cloud()
  local endpoint = chance(10) and "http://127.0.0.1:1" or endpoints[random(#endpoints)]
  return assert(busy.open({}, { endpoint = endpoint, attempts = 1 + random(2) }))
end

local actions, names = {}, {}

local function step(spawn)
  if steps >= last_step or core.now() > deadline then return safe.sleep(0.001) end
  steps = steps + 1
  return actions[names[random(#names)]](spawn)
end

local function some_steps(spawn)
  for _ = 1, random(4) do step(spawn) end
  return true
end

local function short() return safe.sleep(random(3) / 1000) end

local function call()
  return clouds[random(#clouds)].vm:describeInstances(busy.slow(chance(5) and 0.03 or random(3) / 5000),
    { timeout = chance(20) and random(3) / 1000 or nil })
end

-- In a coroutine of the user's own nothing is cancelled, so what is done there must end by itself.
local function foreign()
  local what = random(4)
  if what == 1 then return short() end
  if what == 2 then return safe.parallel({ 1, 2 }, short) end
  if what == 3 then return safe.run(function(spawn) return spawn(short):wait() end) end
  return clouds[random(#clouds)].vm:describeInstances(busy.slow(0.001), { timeout = 1 })
end

actions.sleep = short
actions.call = call
actions.call_again = call
actions.long_sleep = function() return safe.sleep(lightthreads.here() and chance(50) and NEVER or 0.004) end
actions.call_in_pcall = function() return pcall(call) end
actions.call_from_a_foreign_coroutine = function() return coroutine.wrap(foreign)() end
actions.call_in_gsub = function() return ("x"):gsub("x", function() call() end) end

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

actions.collect = function() return collectgarbage(chance(10) and "collect" or "step") end

actions.close = function()
  local i = random(#clouds)
  if chance(30) then clouds[i]:close() end
  if chance(30) then clouds[i] = new_cloud() end
end

actions.kill_a_thread = function()
  local thread = ngx.thread.spawn(foreign)
  if chance(50) then return ngx.thread.wait(thread) end
  killed = true
  return ngx.thread.kill(thread)
end

for name in pairs(actions) do names[#names + 1] = name end
table.sort(names)

-- Some steps in many tasks, then all are cancelled. Returns what is wrong after it.
local function a_round()
  deadline, last_step, handles, killed = core.now() + PATIENCE, steps + ROUND, {}, false
  for i = 1, 3 do clouds[i] = new_cloud() end
  safe.run(function(spawn)
    while steps < last_step and core.now() < deadline and safe.sleep(0.001) do
      if live <= TASKS then
        local task = spawn(function() pcall(some_steps, spawn) end)
        if chance(50) then task:cancel() end
      end
    end
    error("the end", 0) -- which cancels them all, unless a task that was dropped has done so
  end)
  while killed and live > 0 and core.now() < deadline do ngx.sleep(0.001) end
  if core.now() > deadline then return "something hangs" end
  if live > 0 then return ("%d tasks have not ended"):format(live) end
end

local function memory_used()
  for _ = 1, 4 do collectgarbage() end
  jit.flush() -- its code is no leak
  collectgarbage()
  return collectgarbage("count")
end

-- Every task is watched.
local function watched(spawn)
  return function(fn, finish)
    live = live + 1
    local ended = false
    return spawn(fn, function(...)
      assert(not ended, "a task ended twice")
      ended, live = true, live - 1
      return finish(...)
    end)
  end
end

--- Makes random steps.
-- @param seed, count of steps
-- @param urls of the servers to call
-- @return nil, KB of Lua's memory at the end | what is wrong
function M.run(seed, count, urls)
  state, steps, endpoints, clouds = seed, 0, urls, {}
  local wrong
  local spawn = lightthreads.spawn
  lightthreads.spawn = watched(spawn)
  repeat
    wrong = a_round()
    for i = 1, 3 do
      if chance(50) then clouds[i]:close() end
    end
  until wrong or steps >= count
  lightthreads.spawn, clouds, handles = spawn, {}, {}
  if wrong then return ("step %d: %s"):format(steps, wrong) end
  return nil, memory_used()
end

return M
