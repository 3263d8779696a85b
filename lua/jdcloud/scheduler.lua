-- scheduler.lua - tasks of plain Lua: coroutines that give way while they wait for an answer or for time to pass. One
-- thread, one scheduler for each Lua state. It runs only while somebody waits in it, or a loop of the program's own
-- gives it its turns (M.attach): there is no thread behind it, and nothing happens by itself.
--
-- A task waits by M.park and goes on by M.wake. Where the running coroutine is not a task's own, or can't give way here
-- (design.md, "Where Lua can't yield"), M.here says so, and what has to wait pumps the loop in place.

local core = require "jdcloud.core"
local new_sleepers = require("jdcloud.sleepers").new
local yieldable = require "jdcloud.yieldable"

local M = {}

local DEPTH_MAX = 40 -- tasks that may run the loop in place one in the other: Lua allows some 200 C calls

local SLICE = 0.1 -- seconds for which the loop waits at most, so that Ctrl-C gets its turn

local POOL_MAX = 32 -- coroutines that are kept for the next tasks

local PARKED = {} -- what a task yields that will be woken; one that yields anything else just lets others go first
local RETURNED = {} -- what its coroutine yields when its function has returned

local running, resume, yield = coroutine.running, coroutine.resume, coroutine.yield
local status, close = coroutine.status, coroutine.close
local max, min = math.max, math.min

local current -- the task that runs
local live = {} -- every task that hasn't ended
local first_fn -- what a coroutine that begins a task is to run
local pool, pool_count = {}, 0 -- coroutines whose tasks have returned: a new one costs as much as a part of a call
local ready, ready_first, ready_last = {}, 1, 0
local sleepers = new_sleepers()
local waiting = {} -- tag of a transfer -> the task that waits for it
local engines = {} -- engine -> how many tasks wait for its transfers
local last_tag = 0
local curl_wait -- of jdcloud.curl, which is there where an engine is
local loop_changed -- function() of a loop that is attached
local depth = 0 -- how many times over the loop is being run, in place or for a turn

--- Tells an attached loop that engines were acted on, or tasks made ready, behind its back.
function M.changed()
  if loop_changed and depth == 0 then loop_changed() end
end

local function push_ready(task)
  ready_last = ready_last + 1
  ready[ready_last] = task
  if ready_first == ready_last then M.changed() end
end

-- Tasks.

--- The task that runs, or nil: also from a coroutine of the user's own inside it.
function M.current()
  return current
end

--- The task whose own coroutine this is, if it can give way here; else nil.
function M.here()
  local task = current
  if task and running() == task.co and yieldable(task.co) then return task end
  return nil
end

--- Makes the running task wait until it is woken.
-- @param task of M.here
-- @param cancel nil, or a function that ends early what it waits for; called if the task is cancelled
-- @return what M.wake was given
function M.park(task, cancel)
  task.parked, task.on_cancel = true, cancel
  local value
  repeat value = yield(PARKED) until not task.parked -- it may be resumed by somebody whose coroutine it isn't
  return value
end

--- Lets a parked task go on, in its turn; any other task is left alone.
function M.wake(task, value)
  if not task.parked then return end
  task.parked, task.on_cancel, task.value = false, nil, value
  push_ready(task)
end

local function ended(task, ok, ...)
  task.ended, task.on_cancel, live[task] = true, nil, nil
  task.finish(ok, ...)
end

-- Holds on to nothing of the task that it begins.
local function begin()
  local fn = first_fn
  first_fn = nil
  return fn()
end

-- Hands over what a task's function has returned, to nobody but go_on.
local function hand_over(...)
  while not current or current.co ~= running() do yield() end -- as in M.park
  return yield(RETURNED, ...)
end

-- What a coroutine runs: the function of one task after the other.
local function work()
  while true do
    hand_over(begin())
    while not first_fn do yield() end -- as in M.park
  end
end

local function take_coroutine()
  while pool_count > 0 do
    local co = pool[pool_count]
    pool[pool_count] = nil
    pool_count = pool_count - 1
    if status(co) == "suspended" then return co end -- or somebody closed it whose coroutine it isn't
  end
  return coroutine.create(work)
end

local function after(task, ok, what, ...)
  if what == RETURNED then
    if pool_count < POOL_MAX then
      pool_count = pool_count + 1
      pool[pool_count] = task.co
    end
    task.co = nil
    return ended(task, true, ...)
  end
  local now = not ok and status(task.co)
  if now == "dead" or now == "suspended" then -- else it is somebody else who resumes it
    first_fn = nil
    if close then close(task.co) end -- an error alone leaves variables marked <close> as they are
    return ended(task, false, what, ...)
  end
  if what ~= PARKED then push_ready(task) end
end

-- Runs a task until it gives way.
local function go_on(task)
  local before, depth_before, value = current, depth, task.value
  task.value = nil
  current = task
  if task.fn then
    task.co = take_coroutine()
    first_fn, task.fn = task.fn, nil
  end
  after(task, resume(task.co, value))
  current, depth = before, depth_before
end

--- Starts a task. It begins to run when its maker waits.
-- @param fn function()
-- @param finish function(ok, ...) called once at its end: true and what fn returned, or false and what it raised
-- @return the task
function M.spawn(fn, finish)
  local task = { fn = fn, finish = finish } -- co, while it runs
  live[task] = true
  push_ready(task)
  return task
end

--- Asks a task to end: what it waits for ends early, as cancelled, and so does whatever it waits for after that. A task
-- that hasn't begun doesn't. Idempotent.
function M.cancel(task)
  if task.cancelled or task.ended then return end
  task.cancelled = true
  if task.fn then
    task.fn = nil
    return ended(task, false, nil)
  end
  local on_cancel = task.on_cancel
  if on_cancel then on_cancel() end
  if task.parked then M.wake(task) end
  M.changed()
end

-- Waiting.

local is_cancelled_elsewhere -- asks nginx's light threads, which are tasks too

--- Is the running task cancelled?
function M.is_cancelled()
  if is_cancelled_elsewhere then return is_cancelled_elsewhere() end
  return current ~= nil and current.cancelled == true
end

--- For a host whose tasks are its own: from now on is_cancelled() asks there.
function M.ask(is_cancelled)
  is_cancelled_elsewhere = is_cancelled
end

--- Makes a task sleep.
-- @param task of M.here
-- @return true, or nil if it was cancelled
function M.sleep(task, seconds)
  if task.cancelled then return nil end
  local entry = sleepers:add(core.now() + max(seconds, 0), task)
  M.park(task)
  if entry.task then sleepers:remove(entry) end
  if task.cancelled then return nil end
  return true
end

-- A task no longer waits for a transfer. Returns the task, if it did.
local function settle(engine, tag)
  local task = waiting[tag]
  if not task then return nil end
  waiting[tag] = nil
  local left = engines[engine] - 1
  engines[engine] = left > 0 and left or nil
  return task
end

--- Makes a task wait for a transfer of libcurl's engine.
-- @return transfer, which has ended | nil, failure
function M.transfer(engine, request, task)
  if task.cancelled then return nil, { kind = "cancelled", sent = false, message = "the task was cancelled" } end
  last_tag = last_tag + 1
  local tag = last_tag
  local transfer, failure = engine:start(request, tag)
  if not transfer then return nil, failure end
  waiting[tag], engines[engine] = task, (engines[engine] or 0) + 1
  M.park(task, function() transfer:cancel() end)
  settle(engine, tag) -- of one that was cancelled the engine won't tell, once its result is taken
  return transfer
end

local function wake_sleepers()
  if sleepers.count == 0 then return end
  local now = core.now()
  local task = sleepers:due(now)
  while task do
    M.wake(task)
    task = sleepers:due(now)
  end
end

-- Tags of transfers that a task no longer waits for are nobody's.
local function wake_ended(engine)
  local tag = engine:ended()
  while tag do
    local task = settle(engine, tag)
    if task then M.wake(task) end
    tag = engine:ended()
  end
end

local list = {} -- the engines of one wait; empty at other times

-- Lets libcurl work; waits for it, or for the time, at most `seconds`.
local function wait(seconds)
  local count = 0
  for engine in pairs(engines) do
    count = count + 1
    list[count] = engine
    wake_ended(engine) -- while somebody else stepped it in place
  end
  if ready_first <= ready_last then seconds = 0 end
  if count > 0 then
    curl_wait = curl_wait or require("jdcloud.curl").wait
    curl_wait(list, seconds)
    for i = 1, count do
      wake_ended(list[i])
      list[i] = nil
    end
  elseif seconds > 0 then
    core.sleep(seconds)
  end
  wake_sleepers()
end

-- Lets what is ready go on, once each.
local function run_ready()
  local to = ready_last
  while ready_first <= to do
    local task = ready[ready_first]
    ready[ready_first] = nil
    ready_first = ready_first + 1
    if not task.ended then go_on(task) end
  end
end

-- Seconds until the first sleeper is to be woken; nil if nobody sleeps.
local function until_first()
  local at = sleepers:first()
  return at and max(at - core.now(), 0)
end

local function run(is_done)
  while not is_done() do
    run_ready()
    if is_done() then break end
    local idle, left = ready_first > ready_last, until_first()
    if idle and not left and next(engines) == nil then
      return nil, "every task waits for another one: this would never end"
    end
    wait(idle and min(SLICE, left or SLICE) or 0)
  end
  return true
end

--- Runs the loop until is_done() is true. The caller's coroutine doesn't give way.
-- @return true, or nil and why it never will be
function M.run(is_done)
  if depth >= DEPTH_MAX then
    return nil, "too many tasks wait where Lua can't suspend them (in a for-in, sort, gsub), one inside the other"
  end
  depth = depth + 1
  local done, problem = run(is_done)
  depth = depth - 1
  M.changed()
  return done, problem
end

-- For a loop of the program's own.

--- Attaches a loop of the program's own, which from now on gives tasks their turns.
-- @param changed function() that looks at M.engines and M.timeout again, at once: it is called when something was done
--   outside of a turn. nil detaches the loop
function M.attach(changed)
  loop_changed = changed
end

--- The engines that are in use: engine -> not nil. Their descriptors are to be watched (see csrc/curl/module.c), and
-- what becomes of one is engine:act's to know.
function M.engines()
  return engines
end

--- In how many seconds M.turn is to be called, whatever becomes of descriptors; nil: never.
function M.timeout()
  if ready_first <= ready_last then return 0 end
  local least = until_first()
  for engine in pairs(engines) do
    local seconds = engine:timeout()
    if seconds and (not least or seconds < least) then least = seconds end
  end
  return least
end

--- Does what there is to do, without waiting. After it the loop looks at M.engines and M.timeout.
function M.turn()
  depth = depth + 1
  for engine in pairs(engines) do
    engine:act()
    wake_ended(engine)
  end
  wake_sleepers()
  run_ready()
  depth = depth - 1
end

--- Drops all tasks, for a loop that was broken off (Ctrl-C): requests under way are cancelled, no code runs any more
-- but, on Lua 5.4, that of their variables marked <close>.
function M.drop()
  local tasks = live
  live, ready, ready_first, ready_last = {}, {}, 1, 0
  sleepers, waiting, engines, list = new_sleepers(), {}, {}, {}
  current, depth = nil, 0
  for task in pairs(tasks) do
    task.cancelled, task.ended, task.parked = true, true, false
    if task.on_cancel then task.on_cancel() end
    task.on_cancel = nil
    if close and task.co and status(task.co) == "suspended" then close(task.co) end
  end
  M.changed()
end

return M
