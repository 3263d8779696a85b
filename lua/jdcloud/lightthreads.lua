-- lightthreads.lua - what scheduler.lua is for plain Lua, for nginx: tasks are light threads, and nginx is the loop.
--
-- A task is never killed: it is told, by its bell, and whatever it waits for here ends early, as cancelled. What can't
-- be woken, a cosocket in the middle of its work, runs in an inner light thread that the waiting one kills, since only
-- the parent of a light thread can.

local core = require "jdcloud.core"
local scheduler = require "jdcloud.scheduler"
local semaphore = require "ngx.semaphore"

local M = {}

local LONG = 3600 -- seconds of one wait at most, since nginx counts in 31 bits; whoever is woken looks again
local DOZE = 1 -- seconds that an inner light thread waits to be killed, before it finds that nobody is left who would

local now, running, min = core.now, coroutine.running, math.min
local spawn, kill, wait = ngx.thread.spawn, ngx.thread.kill, ngx.thread.wait

-- Coroutine -> its task. Weak both ways: nothing is left of a request that is gone.
local tasks = setmetatable({}, { __mode = "kv" })

--- The task whose own coroutine runs, or nil.
function M.here()
  local co = running()
  return co and tasks[co]
end

--- Is the running task cancelled?
function M.is_cancelled()
  local task = M.here()
  return task ~= nil and task.cancelled == true
end

scheduler.ask(M.is_cancelled)

-- nginx keeps a light thread that has ended until its parent has looked at it; if the parent was killed meanwhile, for
-- ever, and with it the request. So no light thread here ends before its parent: what starts one that goes on by itself
-- is another one, which ends at once; and an inner one waits, at its end, to be killed.

-- Starts body() in a light thread that nobody will look at.
local function start(body)
  wait(spawn(function() spawn(body) end))
end

local function pack(...)
  return { n = select("#", ...), ... }
end

--- Starts a task. It begins to run when its maker waits, or starts the next one.
-- @param fn function()
-- @param finish function(ok, ...) called once at its end, in its own coroutine unless it never began
-- @return task
function M.spawn(fn, finish)
  local task = { bell = semaphore.new(0), finish = finish }
  start(function()
    tasks[running()] = task
    coroutine.yield()
    if task.ended then return end
    task.begun = true
    local outcome = pack(pcall(fn))
    task.ended = true
    tasks[running()] = nil
    finish(unpack(outcome, 1, outcome.n))
  end)
  return task
end

--- Asks a task to end: what it waits for ends early, and so does whatever it waits for after that. A task that hasn't
-- begun doesn't. Idempotent.
function M.cancel(task)
  if task.cancelled or task.ended then return end
  task.cancelled = true
  if not task.begun then
    task.ended = true
    task.finish(false, nil)
    return
  end
  task.bell:post()
end

--- Makes a task wait until is_done() is true; whoever makes it so rings the bell.
-- @param anyway does a cancelled task wait too?
-- @return true, or nil if it was cancelled first
function M.wait(task, is_done, anyway)
  while not is_done() do
    if task.cancelled and not anyway then return nil end
    task.bell:wait(LONG)
  end
  return true
end

--- Makes a task sleep.
-- @param seconds above 0
-- @return true, or nil if it was cancelled
function M.sleep(task, seconds)
  local till, left = now() + seconds, seconds
  while left > 0 do
    if task.cancelled then return nil end
    task.bell:wait(min(left, LONG))
    left = till - now()
  end
  return not task.cancelled or nil
end

-- What an inner light thread returned; what it raised is raised here.
local function give(outcome)
  if outcome[1] then return true, unpack(outcome, 2, outcome.n) end
  return error(outcome[2], 0)
end

--- Runs fn() in an inner light thread. It is killed if it takes too long, or if the task is cancelled.
-- @param task that waits, or nil
-- @param seconds that it may take, or nil
-- @return true and what fn returned; false if it took too long; nil if the task was cancelled
function M.guard(task, seconds, fn)
  if task and task.cancelled then return nil end
  local outcome, bell
  local inner = spawn(function()
    outcome = pack(pcall(fn))
    if not bell then
      coroutine.yield() -- the parent goes on first
      return
    end
    bell:post()
    ngx.sleep(DOZE)
  end)
  if not outcome then
    bell = task and task.bell or semaphore.new(0)
    local till = seconds and now() + seconds
    repeat
      local left = till and till - now() or LONG
      if left <= 0 or task and task.cancelled then
        kill(inner)
        if left <= 0 then return false end
        return nil
      end
      bell:wait(left)
    until outcome
  end
  kill(inner)
  return give(outcome)
end

return M
