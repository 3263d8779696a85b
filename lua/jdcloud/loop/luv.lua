-- luv.lua - calls inside the loop of luv (libuv): a call in a task suspends its coroutine, and the loop goes on.
--
--   local uv = require "luv"
--   local loop = require("jdcloud.loop.luv").attach()
--   loop.spawn(function() return cloud.vm:describeInstances() end, function(err, result) … end)
--   uv.run()
--
-- Outside of tasks a call blocks, and with it the loop, as it does in any program. jdcloud.parallel and jdcloud.run
-- belong in a task, too.
--
-- How an adapter for another loop is written: jdcloud.scheduler never waits by itself once a loop has attached itself
-- by scheduler.attach(changed). The loop then owes it three things.
--
-- 1. scheduler.turn() is called when scheduler.timeout() seconds have passed: with a timer that is set anew after
--    each turn, and whenever changed() is called. nil: no timer is needed.
-- 2. The descriptors of every engine of scheduler.engines() are watched: engine:descriptors() lists them, four values
--    each: fd, readable, writable, watch. When one is ready: engine:act(fd, readable, writable), then a turn. An error
--    counts as both. Then, before anything else can open a descriptor, the list is compared with what is watched:
--    libcurl may have closed one, and its number may have come back as a new one, whose `watch` is another.
-- 3. changed(), which is called after something was done behind the loop's back (a call in place, a task made or
--    cancelled by a callback), does the same comparison and sets the timer. It doesn't call scheduler.turn itself.
--
-- Tasks are made by scheduler.spawn(fn, finish), whose finish must not raise.

local errors = require "jdcloud.errors"
local scheduler = require "jdcloud.scheduler"

local M = {}

local unpack = table.unpack or unpack
local EVENTS = { [true] = { [true] = "rw", [false] = "r" }, [false] = { [true] = "w", [false] = "" } }

local attached -- the loop of this Lua state; luv has one, too

-- Watches what the scheduler's engines want watched, for ready(engine, fd, readable, writable). -> { look, close }
local function new_watcher(uv, ready)
  local entries = {} -- fd -> { handle, engine, events, watch: nil while it isn't watched, look: the last that saw it }
  local looks = 0

  local function start(entry, fd)
    entry.handle:start(entry.events, function(err, events)
      if err then entry.watch = nil end -- libuv has stopped it, and luv says so on standard error
      ready(entry.engine, fd, err or events:find("r", 1, true), err or events:find("w", 1, true))
    end)
  end

  local function see(engine, fd, events, watch)
    local entry = entries[fd]
    if not entry then
      entry = { handle = assert(uv.new_poll(fd)) } -- kept for the next connection of that number
      entries[fd] = entry
    end
    entry.look = looks
    if entry.watch == watch and entry.engine == engine and entry.events == events then return end
    entry.engine, entry.events, entry.watch = engine, events, watch
    start(entry, fd)
  end

  local watcher = {}

  function watcher.look()
    looks = looks + 1
    for engine in pairs(scheduler.engines()) do
      local list = engine:descriptors()
      for i = 1, #list, 4 do see(engine, list[i], EVENTS[list[i + 1]][list[i + 2]], list[i + 3]) end
    end
    for _, entry in pairs(entries) do
      if entry.watch and entry.look ~= looks then
        entry.handle:stop()
        entry.watch, entry.engine = nil, nil
      end
    end
  end

  function watcher.close()
    for _, entry in pairs(entries) do entry.handle:close() end
    entries = {}
  end

  return watcher
end

-- What is to be called when a task has ended.
local function outcome(on_done, ok, ...)
  if ok then
    local n, values = select("#", ...), { ... }
    return function() return on_done and on_done(nil, unpack(values, 1, n)) end
  end
  local err = (...)
  if err == nil then err = errors.new { kind = "cancelled", message = "the task was cancelled" } end
  return function()
    if on_done then return on_done(err) end
    return error(err, 0)
  end
end

--- Attaches the scheduler to luv's loop.
-- @return loop = { spawn, detach }; the same one until it is detached
function M.attach()
  if attached then return attached end
  local uv = require "luv"
  local loop, timer, watcher = {}, uv.new_timer(), nil
  local outcomes = {} -- that nobody was told of yet

  local function changed()
    if attached ~= loop then return end
    watcher.look()
    local seconds = outcomes[1] and 0 or scheduler.timeout()
    if not seconds then return timer:stop() end
    uv.update_time() -- which the loop takes only once a round
    timer:start(math.ceil(math.min(seconds, 3600) * 1000), 0, loop.turn) -- a sleep may be endless
  end

  function loop.turn()
    scheduler.turn()
    changed()
    while outcomes[1] do table.remove(outcomes, 1)() end -- where one raises the others come in the next turn
  end

  --- Starts fn() as a task, from any callback or before the loop runs.
  -- @param on_done function(err, ...) or nil: called once, at its end and outside of it: nil and what fn returned, or
  --   what it raised. Without it an error is raised in the loop, and luv makes of it what it makes of others
  -- @return task with task:cancel()
  function loop.spawn(fn, on_done)
    if type(fn) ~= "function" then errors.misuse("spawn takes a function, not a " .. type(fn)) end
    local task = scheduler.spawn(fn, function(...) outcomes[#outcomes + 1] = outcome(on_done, ...) end)
    return { cancel = function() scheduler.cancel(task) end }
  end

  --- Gives the loop back: tasks that are left go on when somebody waits in place. Idempotent. Give the loop a turn
  -- after it, uv.run("nowait"): luv 1.44 crashes if the program ends with handles that are being closed.
  function loop.detach()
    if attached ~= loop then return end
    attached = nil
    scheduler.attach(nil)
    watcher.close()
    timer:close()
  end

  watcher = new_watcher(uv, function(engine, fd, readable, writable)
    engine:act(fd, readable, writable)
    loop.turn()
  end)
  attached = loop
  scheduler.attach(changed)
  changed()
  return loop
end

return M
