-- virtual.lua - many calls at once on virtual time: coroutines that a gateway in the process answers after a latency,
-- run in the order of their moments. Nothing sleeps, and every run is the same.

local core = require "jdcloud.core"

local M = {}

local World = {}
World.__index = World

-- The answer of the gateway to a request as a transport gets it.
local function arrived(request)
  return {
    method = request.method, target = request.url:match("^%a+://[^/?]*(.*)$"), headers = request.headers,
    body = request.body,
  }
end

--- Makes a world.
-- @param gateway of jdcloud.gateway.new; from now on its clock is the world's
-- @param latency seconds between a request and its answer, half of it on the way there: a number, or function(request)
-- @return world { transport, now = virtual seconds since the start; spawn, run }
function M.world(gateway, latency)
  local world = setmetatable({ now = 0, tasks = {}, start = core.now(), gateway = gateway, order = 0 }, World)
  local wall = gateway.clock()
  gateway.clock = function() return wall end -- else it would go on by itself while a slow machine does the sums
  local function pass(seconds)
    if seconds > 0 then coroutine.yield(seconds) end
  end
  local function half(request)
    return (type(latency) == "function" and latency(request) or latency) / 2
  end
  world.transport = {
    sleep = pass,
    clock = function() return world.start + world.now, gateway:now() end,
    send = function(request)
      pass(half(request))
      local answer = gateway:answer(arrived(request))
      pass(half(request))
      if answer.fault and answer.fault.close then
        return nil, { kind = "network", sent = true, phase = "receive", message = "closed" }
      end
      return { status = answer.status, headers = answer.headers, body = answer.body }
    end,
  }
  return world
end

--- Adds a task that begins `at` virtual seconds.
function World:spawn(fn, at)
  self.order = self.order + 1
  self.tasks[#self.tasks + 1] = { thread = coroutine.create(fn), at = at or self.now, order = self.order }
end

-- Takes the task that is due first.
local function take(tasks)
  local best = 1
  for i = 2, #tasks do
    local task, other = tasks[i], tasks[best]
    if task.at < other.at or task.at == other.at and task.order < other.order then best = i end
  end
  local task = tasks[best]
  tasks[best] = tasks[#tasks]
  tasks[#tasks] = nil
  return task
end

--- Runs all tasks to their ends. An error in one is raised.
function World:run()
  while self.tasks[1] do
    local task = take(self.tasks)
    if task.at > self.now then
      self.gateway:advance(task.at - self.now)
      self.now = task.at
    end
    local ok, seconds = coroutine.resume(task.thread)
    assert(ok, seconds)
    if coroutine.status(task.thread) ~= "dead" then
      self.order = self.order + 1
      task.at, task.order = self.now + seconds, self.order
      self.tasks[#self.tasks + 1] = task
    end
  end
end

return M
