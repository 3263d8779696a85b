-- The host of tasks in plain Lua: the scheduler. See tasks.lua for what a host is.

local scheduler = require "jdcloud.scheduler"
local transport = require "jdcloud.transport"

local M = {}

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

-- Runs the loop in place, on behalf of a caller that is no task or can't give way.
local function pump(signal)
  local function is_fired() return signal.fired end
  if scheduler.current() then return scheduler.run(is_fired) end
  -- Nothing here yields, so this pcall is in nobody's way; it is for Ctrl-C.
  local ok, result = pcall(scheduler.run, is_fired)
  if ok then return result end
  scheduler.drop()
  return error(result, 0)
end

--- Waits until it is fired, or the waiting task is cancelled.
-- @param anyway does a cancelled task wait too? What it waits for must then be about to end
-- @return true; false if the waiting task was cancelled; nil if nobody is left who could fire it
function Signal:wait(anyway)
  if self.fired then return true end
  local task = scheduler.here()
  if not task then return pump(self) end
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
