-- tasks.lua - many calls at once: parallel, run, sleep. What runs them is the host's: the scheduler of plain Lua, or
-- nginx's light threads.
--
--   open() -> host | nil, error: a host for one run or parallel
--   host   spawn(fn, finish) -> task      finish(ok, ...) is called once when fn has ended
--          cancel(task)                   is_cancelled() -> is the running task?
--          signal() -> { fire(self), wait(self, anyway) -> true | false: cancelled | nil, why it will never be }
--            anyway: the wait goes on though the waiting task is cancelled. A third argument may be called when it is
--          sleep(seconds) -> true | nil: cancelled

local errors = require "jdcloud.errors"
local options_of = require "jdcloud.options"

local M = {}

local LIMIT = 32 -- tasks of one parallel at a time, unless the caller says another

local function host_of()
  local ngx = rawget(_G, "ngx")
  return require(type(ngx) == "table" and ngx.thread and "jdcloud.tasks.nginx" or "jdcloud.tasks.plain").open()
end

local STUCK = "every task waits for another one: this would never end"

local function cancelled()
  return errors.new { kind = "cancelled", message = "the task was cancelled" }
end

-- Ctrl-C as lua.c raises it. It is the program that shall end, not a task that has failed.
local function is_interrupt(err)
  return type(err) == "string" and err:find("interrupted!$") ~= nil
end

local RAISED_NIL = "a task raised nil: error was called without a message"

-- What a task has to say for itself: its values, or an error that isn't nil. One that never began was cancelled.
local function pack(begun, ok, ...)
  local outcome = { ok = ok, n = select("#", ...), ... }
  if not ok and outcome[1] == nil then outcome[1] = begun and RAISED_NIL or cancelled() end
  return outcome
end

local unpack = table.unpack or unpack

-- run.

-- true and what a task's function returned | false, error
local function wait_for(task)
  task.awaited = true
  local fired, problem = task.ended:wait()
  if fired == nil then errors.misuse(problem or STUCK) end
  if not fired then return false, cancelled() end
  local outcome = task.outcome
  return outcome.ok, unpack(outcome, 1, outcome.n)
end

-- A group is one `run`: its tasks end before it does, and an error that nobody waits for ends it.
local function group_of(host)
  return { host = host, tasks = {}, running = 0, cancelled = false, over = false, failure = nil }
end

local function cancel_all(group)
  group.cancelled = true
  for task in pairs(group.tasks) do
    if task.handle then group.host.cancel(task.handle) end -- else its start, in which nginx may run others, sees to it
  end
end

local function finish_of(group, task)
  return function(ok, ...)
    task.outcome = pack(task.begun, ok, ...)
    group.tasks[task] = nil
    group.running = group.running - 1
    if not ok and not task.awaited and not task.cancelled and not group.failure then
      group.failure = task.outcome
      cancel_all(group)
    end
    task.ended:fire()
    if group.running == 0 then group.idle:fire() end
  end
end

local function start(group, meta, fn, ...)
  local n, args = select("#", ...), { ... }
  local task = setmetatable({ group = group, ended = group.host.signal() }, meta)
  if group.running == 0 then group.idle = group.host.signal() end
  group.running = group.running + 1
  group.tasks[task] = true
  task.handle = group.host.spawn(function()
    task.begun = true
    return fn(unpack(args, 1, n))
  end, finish_of(group, task))
  if group.cancelled then group.host.cancel(task.handle) end
  return task
end

local function check_task(task, meta, method)
  if getmetatable(task) ~= meta then
    errors.misuse(("task:%s: call it with a colon, on what spawn returned"):format(method))
  end
end

local function check_function(fn, what)
  if type(fn) ~= "function" then errors.misuse(what .. " takes a function, not a " .. type(fn)) end
end

--- Runs fn(spawn), and what it spawns, to the end.
-- @param ran function(true, ...) or (false, error): what task:wait() shall make of the end of its task
-- @param fn function(spawn): spawn(fn, ...) -> task with task:wait() -> what fn returned, and task:cancel(). To spawn
--   after the run has ended is a mistake, and raised
-- @return true and what fn returned | false, error: the first error of fn or of a task that nobody waits for; the
--   others have been cancelled
function M.run(ran, fn)
  check_function(fn, "run")
  local host, err = host_of()
  if not host then return false, err end
  local group = group_of(host)
  local meta = { __name = "jdcloud.task" }
  meta.__index = {
    wait = function(task)
      check_task(task, meta, "wait")
      return ran(wait_for(task))
    end,
    cancel = function(task)
      check_task(task, meta, "cancel")
      task.cancelled = true
      host.cancel(task.handle)
    end,
  }
  local function spawn(f, ...)
    check_function(f, "spawn")
    if group.over then errors.misuse("spawn: its run has ended, and nobody would wait for the task") end
    return start(group, meta, f, ...)
  end
  local main = start(group, meta, fn, spawn)
  local fired, problem = group.idle:wait(false, function() cancel_all(group) end)
  if not fired then -- stuck, or this run is itself in a task that was cancelled
    cancel_all(group)
    group.idle:wait(true)
    if fired == nil then errors.misuse(problem or STUCK) end
    return false, cancelled()
  end
  group.over = not group.cancelled
  local outcome = group.failure or main.outcome
  if not outcome.ok and is_interrupt(outcome[1]) then error(outcome[1], 0) end
  return outcome.ok, unpack(outcome, 1, outcome.n)
end

-- parallel.

-- next_item() -> index, item; nil at the end; nil, nil, error if the iterator failed.
local function items_of(iterator)
  local i = 0
  return function()
    local item, err = iterator()
    if item == nil then return nil end
    if item == false and err ~= nil then return nil, nil, err end
    i = i + 1
    return i, item
  end
end

-- An error in the caller's function is the end of it all.
local function tell_progress(job)
  local ok, err = pcall(job.on_progress, job.done, job.total)
  if ok then return end
  job.failure, job.stopped = err == nil and RAISED_NIL or err, true
  if is_interrupt(err) then job.interrupt = err end
end

-- Nothing new begins, and what runs is asked to end, but for the worker that asks; once.
local function stop(job, asker)
  if job.ending then return end
  job.stopped, job.ending = true, true
  for worker in pairs(job.workers) do
    if worker ~= asker and worker.task then job.host.cancel(worker.task) end
  end
end

local function note(job, i, ok, value, err)
  job.done = job.done + 1
  if ok and (value or err == nil) then
    job.results[i] = value
  else
    if ok then value = err end
    if value == nil then value = RAISED_NIL end
    job.errors = job.errors or {}
    job.errors[i] = value
    if is_interrupt(value) then job.interrupt = value end
    if job.stop_on_error or job.interrupt then job.stopped = true end
  end
end

-- An item is done with; another one is begun only if this returns true.
local function done(job, worker, ok, value, err)
  local i = worker.i
  worker.i = nil
  note(job, i, ok, value, err)
  if job.on_progress then tell_progress(job) end
  if job.stopped then stop(job, worker) end
  return not job.stopped
end

local function let_others_take(job)
  local waited = job.waited
  job.taken_by, job.waited = nil, nil
  if waited then waited:fire() end
end

local start_worker

-- From an iterator, which may give way: one worker at a time.
local function take_next(job, worker)
  while job.taken_by and not job.stopped do
    job.waited = job.waited or job.host.signal()
    if not job.waited:wait() then return nil end
  end
  if job.stopped or job.exhausted then return nil end
  job.taken_by = worker
  local i, item, err = job.next_item()
  if i == nil then
    job.exhausted = true
    if not job.stopped then job.failure = err end
  end
  let_others_take(job)
  if i == nil or job.stopped then return nil end
  job.results.n, worker.i = i, i
  if job.running < job.limit then start_worker(job) end
  return i, item
end

-- The index of the worker's next item, and the item; nil if there is nothing to do any more.
local function take(job, worker)
  if job.next_item then return take_next(job, worker) end
  local i = job.results.n + 1
  if job.stopped or i > job.total then return nil end
  job.results.n, worker.i = i, i
  return i, job.list[i]
end

local function work(job, worker)
  local i, item = take(job, worker)
  while i and done(job, worker, true, job.fn(item, i)) do i, item = take(job, worker) end
end

-- A worker has raised an error: in an item's function, after which another worker takes its place, or in the iterator.
local function broke(job, worker, err)
  if worker.i then
    if done(job, worker, false, err) then start_worker(job) end
    return
  end
  job.exhausted = true
  if is_interrupt(err) then job.interrupt = err end
  if not job.stopped then job.failure = err == nil and RAISED_NIL or err end
  if job.taken_by == worker then let_others_take(job) end
end

-- A worker is a task that goes on with the next item when it is done with one.
function start_worker(job)
  local worker = { i = nil } -- i: of the item that it is about
  job.workers[worker], job.running = true, job.running + 1
  worker.task = job.host.spawn(function() return work(job, worker) end, function(ok, err)
    job.workers[worker] = nil
    if not ok then broke(job, worker, err) end
    job.running = job.running - 1
    if job.running == 0 then job.idle:fire() end
  end)
  if job.ending and job.workers[worker] then job.host.cancel(worker.task) end -- in nginx a task begins at once
end

--- Calls fn(item, i) for every item, several at a time.
-- @param list a list, or an iterator: a function that gives the next item, nil at the end, as client:each does
-- @param fn function(item, i) -> result; what it raises, or returns as nil and an error, is in `errors`
-- @param options limit (32 at a time), stop_on_error (cancels the others), on_progress(done, total: nil for an
--   iterator), which is told after each end and isn't a task: a call in it keeps the others waiting
-- @return results (in order; results.n is how many were begun), errors (index -> error; nil if there was none); or nil,
--   the error of the iterator or of on_progress, results, errors
function M.parallel(list, fn, options)
  if type(list) ~= "table" and type(list) ~= "function" then
    errors.misuse("parallel takes a list or an iterator, not a " .. type(list))
  end
  check_function(fn, "parallel")
  options_of.check_parallel(options, "parallel")
  options = options or {}
  local host, failure = host_of()
  if not host then return nil, failure end
  local job = {
    host = host, fn = fn, limit = options.limit or LIMIT, stop_on_error = options.stop_on_error,
    on_progress = options.on_progress, results = { n = 0 }, done = 0, workers = {}, running = 0, idle = host.signal(),
  }
  local workers = 1 -- each item of an iterator starts another one
  if type(list) == "table" then
    job.list, job.total = list, #list
    workers = math.min(job.limit, job.total)
    if workers == 0 then return job.results end
  else
    job.next_item = items_of(list)
  end
  for _ = 1, workers do start_worker(job) end
  local fired, problem = job.idle:wait(false, function() stop(job) end)
  if not fired then
    stop(job)
    job.idle:wait(true)
    if fired == nil then errors.misuse(problem or STUCK) end
    return nil, cancelled(), job.results, job.errors
  end
  if job.interrupt then error(job.interrupt, 0) end
  if job.failure ~= nil then return nil, job.failure, job.results, job.errors end
  return job.results, job.errors
end

--- Waits: a task lets the others go on, a program that has none waits itself.
-- @return true | nil, error of kind cancelled, or of kind phase where nginx can't wait
function M.sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    errors.misuse("sleep takes a number of seconds, 0 or more")
  end
  local host, err = host_of()
  if not host then return nil, err end
  if host.sleep(seconds) then return true end
  return nil, cancelled()
end

return M
