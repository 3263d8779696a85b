-- disorder.lua - tasks in every disorder: the random steps of torture_spec and, in a worker of nginx, of
-- support.disorder_nginx: calls, sleeps, spawning, cancelling, dropping, collecting, closing and failing. A host adds
-- what only it can do to `actions`, and makes the rounds.

local busy = require "support.busy"
local safe = require "jdcloud.safe"

local M = {}

local NEVER = 1000 -- seconds that nothing waits for

M.TASKS = 60 -- at a time

--- Makes the steps of one run.
-- @param host { seed, server = what busy.open takes, endpoint = function(disorder) -> URL of a server,
--   here = function() -> a true value within a task, over = function() -> is the round at its end? }
-- @return disorder = { random = function(n), chance = function(percent), actions = { [name] = function(spawn) },
--   clouds, handles = tables, steps = so far, live = tasks, some_steps = function(spawn), call, short, in_place,
--   new_cloud = functions }
function M.new(host)
  local state = host.seed -- the same numbers on every Lua (Park and Miller)
  local actions, names = {}, nil
  local self = { actions = actions, clouds = {}, handles = {}, steps = 0, live = 0 }

  local function random(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end

  local function chance(percent) return random(100) <= percent end

  function self.new_cloud()
    local endpoint = chance(10) and "http://127.0.0.1:1" or host.endpoint(self)
    return assert(busy.open(host.server, { endpoint = endpoint, attempts = 1 + random(2) }))
  end

  local function any_cloud() return self.clouds[random(#self.clouds)] end

  local function step(spawn)
    if host.over() then return safe.sleep(0.001) end
    self.steps = self.steps + 1
    if not names then
      names = {}
      for name in pairs(actions) do names[#names + 1] = name end
      table.sort(names)
    end
    return actions[names[random(#names)]](spawn)
  end

  local function some_steps(spawn)
    for _ = 1, random(4) do step(spawn) end
    return true
  end

  local function short() return safe.sleep(random(3) / 4000) end

  local function call()
    local timeout = chance(20) and random(3) / 1000 or nil
    return any_cloud().vm:describeInstances(busy.slow(chance(5) and 0.03 or random(3) / 5000), { timeout = timeout })
  end

  -- Where a task can't be suspended, and in a foreign coroutine, nothing is cancelled: what is done there must end by
  -- itself.
  local function in_place()
    local what = random(4)
    if what == 1 then return short() end
    if what == 2 then return safe.parallel({ 1, 2 }, short) end
    if what == 3 then return safe.run(function(spawn) return spawn(short):wait() end) end
    return any_cloud().vm:describeInstances(busy.slow(0.001), { timeout = 1 })
  end

  self.random, self.chance, self.some_steps = random, chance, some_steps
  self.short, self.call, self.in_place = short, call, in_place

  actions.sleep = short
  actions.call = call
  actions.call_again = call
  actions.long_sleep = function() return safe.sleep(host.here() and chance(50) and NEVER or 0.004) end
  actions.call_in_pcall = function() return pcall(call) end
  actions.call_from_a_foreign_coroutine = function() return coroutine.wrap(in_place)() end
  actions.call_in_gsub = function() return ("x"):gsub("x", function() in_place() end) end

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
    return safe.parallel(any_cloud().vm:each("describeInstances", { pageSize = 2 }), short)
  end

  actions.fail = function()
    local what = random(4)
    if what == 1 then error("boom") end
    if what == 2 then error({ "boom" }) end
    if what == 3 then error(nil) end
    return nil, "boom"
  end

  actions.spawn = function(spawn)
    if not spawn or self.live > M.TASKS then return short() end
    self.handles[random(20)] = spawn(some_steps, spawn)
  end
  actions.spawn_again = actions.spawn

  actions.drop = function(spawn)
    if spawn and self.live <= M.TASKS then spawn(some_steps) end
  end

  actions.cancel = function()
    local task = self.handles[random(20)]
    if task then task:cancel() end
  end

  actions.wait = function()
    local task = self.handles[random(20)]
    if task then return pcall(task.wait, task) end
  end

  actions.collect = function() return collectgarbage(chance(10) and "collect" or "step") end

  actions.close = function()
    local i = random(#self.clouds)
    if chance(30) then self.clouds[i]:close() end
    if chance(30) then self.clouds[i] = self.new_cloud() end
  end

  --- A host's spawn(fn, finish) that counts its tasks, also those that parallel and run make; each may end once.
  function self.watched(spawn)
    return function(fn, finish)
      self.live = self.live + 1
      local ended = false
      return spawn(fn, function(...)
        assert(not ended, "a task ended twice")
        ended, self.live = true, self.live - 1
        return finish(...)
      end)
    end
  end

  --- Many tasks that make steps, until the round is over; then all are cancelled.
  -- @param pause seconds between two tasks
  function self.many_tasks(pause)
    return safe.run(function(spawn)
      while not host.over() and safe.sleep(pause) do
        if self.live <= M.TASKS then
          local task = spawn(function() pcall(some_steps, spawn) end)
          if chance(50) then task:cancel() end
        end
      end
      error("the end", 0) -- which cancels them all, unless a task that was dropped has done so
    end)
  end

  return self
end

--- @return KB of Lua's memory when all garbage is gone
function M.memory_used()
  for _ = 1, 4 do collectgarbage() end
  local jit = rawget(_G, "jit")
  if jit then jit.flush() end -- its code is no leak
  collectgarbage()
  return collectgarbage("count")
end

return M
