-- The host of tasks in plain Lua: the scheduler. See tasks.lua for what a host is.

local scheduler = require "jdcloud.scheduler"
local transport = require "jdcloud.transport"

local M = {}

local LAST_TURNS = 100 -- for cancelled tasks to end in, where they are waited for in place

--- The host of every run and parallel: there is one scheduler.
function M.open()
  return M
end

local Signal = {}
Signal.__index = Signal

--- A signal is fired once, and whoever waits for it goes on.
function M.signal()
  return setmetatable({ fired = false, tasks = {} }, Signal)
end

function Signal:fire()
  if self.fired then return end
  self.fired = true
  for i = 1, #self.tasks do scheduler.wake(self.tasks[i]) end
end

-- Runs the loop in place, on behalf of a caller that is no task or can't give way. Results as Signal:wait.
local function pump(signal, anyway, on_cancel)
  local task, turns = scheduler.current(), 0
  local function is_done()
    if signal.fired then return true end
    if not anyway then return task and task.cancelled end
    -- Cancelled tasks need no time, only turns. One that waits in place below this one can't have any.
    turns = turns + 1
    return turns > LAST_TURNS or scheduler.timeout() ~= 0
  end
  if task then
    local before = task.on_cancel
    task.on_cancel = on_cancel or before
    local ok, problem = scheduler.run(is_done)
    task.on_cancel = before
    return ok and signal.fired, problem
  end
  -- Nothing here yields, so this pcall is in nobody's way; it is for Ctrl-C.
  local ok, result, problem = pcall(scheduler.run, is_done)
  if ok then return result, problem end
  scheduler.drop()
  return error(result, 0)
end

--- Waits until it is fired, or the waiting task is cancelled.
-- @param anyway does a cancelled task wait too? What it waits for must then be about to end
-- @param on_cancel nil, or what makes it end soon: called if the task is cancelled while it waits in place, where it
--   can't go on before what has begun to wait in place since then
-- @return true; false if the waiting task was cancelled; nil and why, if it never will be
function Signal:wait(anyway, on_cancel)
  if self.fired then return true end
  local task = scheduler.here()
  if not task then return pump(self, anyway, on_cancel) end
  if task.cancelled and not anyway then return false end
  self.tasks[#self.tasks + 1] = task
  repeat scheduler.park(task) until self.fired or not anyway
  return self.fired
end

--- Starts fn() as a task; finish(ok, ...) is told how it ended. Returns it.
function M.spawn(fn, finish)
  return scheduler.spawn(fn, finish)
end

--- Asks a task to end.
function M.cancel(task)
  scheduler.cancel(task)
end

--- Is the running task cancelled?
M.is_cancelled = scheduler.is_cancelled

--- Waits.
-- @return true; nil if the running task is cancelled
function M.sleep(seconds)
  return transport.sleep(seconds)
end

return M
