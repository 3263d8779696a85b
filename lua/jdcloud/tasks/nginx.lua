-- The host of tasks in nginx: light threads. See tasks.lua for what a host is. One is opened for each run and each
-- parallel. It knows which of its tasks wait for which signal, and so finds out when all wait for each other.

local errors = require "jdcloud.errors"
local lightthreads = require "jdcloud.lightthreads"
local phase = require "jdcloud.phase"
local semaphore = require "ngx.semaphore"
local transport = require "jdcloud.transport"

local M = {}

local LONG = 3600 -- seconds of one wait at most

local Signal = {}
Signal.__index = Signal

-- Do all tasks of this host wait for each other? One that waits in a run of its own waits for that run's tasks.
local function is_stuck(host, looked_at)
  if host.running > host.waiting then return false end
  looked_at[host] = true
  for _, signal in pairs(host.waits_for) do
    if not looked_at[signal.host] and not is_stuck(signal.host, looked_at) then return false end
  end
  return true
end

local function wake_outsiders(host)
  for bell in pairs(host.outside) do bell:post() end
end

-- Whoever opened the host, or one around it, is told.
local function look(host)
  while host and host.running > 0 and is_stuck(host, {}) do
    host.stuck = true
    wake_outsiders(host)
    host = host.around
  end
end

-- From now on a task waits, or doesn't any more.
local function enter(signal, task)
  local host = task.host
  signal.tasks[task], host.waits_for[task], host.waiting = true, signal, host.waiting + 1
end

local function leave(task)
  local host = task.host
  local signal = host.waits_for[task]
  if not signal then return end
  signal.tasks[task], host.waits_for[task], host.waiting = nil, nil, host.waiting - 1
end

--- A signal is fired once, and whoever waits for it goes on.
function Signal:fire()
  if self.fired then return end
  self.fired = true
  for task in pairs(self.tasks) do
    leave(task)
    task.bell:post()
  end
  wake_outsiders(self.host)
end

-- For who is no task of the signal's host: until it is fired, or, unless it will be anyway, the host is stuck.
local function wait_outside(self, anyway, bell, wait)
  local host = self.host
  host.outside[bell] = (host.outside[bell] or 0) + 1
  wait(function() return self.fired or host.stuck and not anyway end)
  local left = host.outside[bell] - 1
  host.outside[bell] = left > 0 and left or nil
end

local function wait_inside(self, anyway, task)
  local function wait(is_over) lightthreads.wait(task, is_over, anyway) end
  enter(self, task)
  look(task.host)
  if self.host == task.host then
    wait(function() return self.fired end)
  else
    wait_outside(self, anyway, task.bell, wait)
  end
  leave(task)
end

--- Waits until it is fired, or the waiting task is cancelled.
-- @param anyway does a cancelled task wait too? What it waits for must then be about to end
-- @return true; false if the waiting task was cancelled; nil if nobody is left who could fire it
function Signal:wait(anyway)
  if self.fired then return true end
  local task = lightthreads.here()
  if task then
    if task.cancelled and not anyway then return false end
    wait_inside(self, anyway, task)
    if not self.fired and task.cancelled then return false end
  else
    local bell = semaphore.new(0)
    wait_outside(self, anyway, bell, function(is_over)
      while not is_over() do bell:wait(LONG) end
    end)
  end
  return self.fired or nil
end

--- Opens a host for one run or parallel.
-- @return host | nil, error of kind phase
function M.open()
  local able, failure = phase.check()
  if not able then return nil, errors.new(failure) end
  local here = lightthreads.here()
  local host = {
    running = 0, waiting = 0, waits_for = {}, outside = {}, around = here and here.host,
    is_cancelled = lightthreads.is_cancelled, sleep = transport.sleep,
  }

  function host.signal()
    return setmetatable({ host = host, fired = false, tasks = {} }, Signal)
  end

  function host.spawn(fn, finish)
    host.running = host.running + 1
    local task = lightthreads.spawn(fn, function(...)
      host.running = host.running - 1
      finish(...)
      look(host)
    end)
    task.host = host
    return task
  end

  function host.cancel(task)
    lightthreads.cancel(task)
    leave(task)
  end

  return host
end

return M
