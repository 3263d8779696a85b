-- waiters.lua - waits until resources are in the state that one needs (protocol.md 11.2). One id asks for the
-- resource; a list of ids is one wait that asks the list operation with filters, a hundred at a time.

local errors = require "jdcloud.errors"
local nearest = require "jdcloud.nearest"

local M = {}

local TIMEOUT = 600           -- seconds, unless the caller says another (protocol.md 11.2: what others give a vm)
local DELAY, DELAY_GROWTH, DELAY_MAX = 1, 1.5, 10
local CALL_TIMEOUT = 30       -- the last calls get less: what is left
local NEW_FOR = 30            -- so long a resource may be unknown just after it was created
local CHUNK = 100             -- ids in one list call, the largest page
local LAGGARDS_NAMED = 5      -- in the message; the error's field has them all

local INSTANCE = {
  service = "vm", id = "instanceId", state = "status",
  one = { operation = "describeInstance", field = "instance" },
  many = { operation = "describeInstances", filter = "instanceId", field = "instances" },
}
local IMAGE = {
  service = "vm", id = "imageId", state = "status",
  one = { operation = "describeImage", field = "image" },
  many = { operation = "describeImages", parameter = "ids", field = "images" },
}

--- Name -> { resource, done, failed, going, gone }: the states that end it well and ill, and those on the way; a
-- state that isn't listed is on the way too, new ones come up. gone: that the resource isn't there any more ends it
-- well.
M.table = {
  instance_running = {
    resource = INSTANCE, done = { "running" }, failed = { "deleting", "terminated", "error" },
    going = { "pending", "starting", "stopping", "stopped", "rebooting", "rebuilding", "resizing" },
  },
  instance_stopped = {
    resource = INSTANCE, done = { "stopped" }, failed = { "deleting", "terminated", "error" },
    going = { "pending", "starting", "running", "stopping", "rebooting", "rebuilding", "resizing" },
  },
  instance_deleted = {
    resource = INSTANCE, done = { "terminated" }, failed = {}, gone = true,
    going = { "deleting", "running", "stopping", "stopped", "error" },
  },
  image_ready = { resource = IMAGE, done = { "ready" }, failed = { "error" }, going = { "pending" } },
  image_deleted = { resource = IMAGE, done = {}, failed = {}, gone = true, going = { "ready", "deleting" } },
}

--- The options that are of waiting; others are those of a single call.
M.options = { timeout = true, interval = true, on_progress = true }

--- The names of the waiters of a service, sorted.
function M.names(service)
  local names = {}
  for name, waiter in pairs(M.table) do
    if waiter.resource.service == service then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function fail(w, fields)
  fields.service, fields.operation = w.waiter.resource.service, w.name
  return nil, errors.new(fields)
end

-- Where the resource stands: "done", "failed" or "going"; found may be nil.
local function standing(w, found)
  if not found then
    if w.waiter.gone then return "done" end
    return w.clock.now() - w.started < NEW_FOR and "going" or "failed"
  end
  local state = found[w.waiter.resource.state]
  if contains(w.waiter.done, state) then return "done" end
  return contains(w.waiter.failed, state) and "failed" or "going"
end

local function call(w, operation, specific)
  local params, options = {}, {}
  for name, value in pairs(w.params) do params[name] = value end
  params[w.waiter.resource.id] = nil
  for name, value in pairs(specific) do params[name] = value end
  for name, value in pairs(w.options) do
    if not M.options[name] then options[name] = value end
  end
  local left = w.deadline - w.clock.now()
  options.timeout = math.max(1, math.min(CALL_TIMEOUT, left))
  options.max_wait = math.max(0, math.min(options.max_wait or left, left)) -- a full limiter must not hold it longer
  return w.call(operation, params, options)
end

-- Asks for the ids from..to of the list `ids` and puts what is found into w.found.
local function ask(w, ids, from, to)
  local resource = w.waiter.resource
  if not w.many then
    local result, err = call(w, resource.one.operation, { [resource.id] = ids[from] })
    if not result and err.kind ~= "not_found" then return nil, err end
    w.found[ids[from]] = result and result[resource.one.field] or nil
    return true
  end
  local some = {}
  for i = from, to do
    some[#some + 1] = ids[i]
    w.found[ids[i]] = nil
  end
  local params = { pageNumber = 1, pageSize = CHUNK }
  if resource.many.filter then
    params.filters = { { name = resource.many.filter, values = some } }
  else
    params[resource.many.parameter] = some
  end
  local result, err = call(w, resource.many.operation, params)
  if not result then return nil, err end
  for _, item in ipairs(result[resource.many.field] or {}) do w.found[item[resource.id]] = item end
  return true
end

-- One round over the ids that aren't done: those that go on, those that failed. A failure that may pass is no answer:
-- the ids stay where they are.
local function round(w, ids)
  local going, failed = {}, {}
  local step = w.many and CHUNK or 1
  for from = 1, #ids, step do
    local to = math.min(from + step - 1, #ids)
    local ok, err = ask(w, ids, from, to)
    if not ok and not err.retryable then return nil, err end
    w.failure = err
    for i = from, to do
      if ok then w.answered[ids[i]] = true end
      local stands = ok and standing(w, w.found[ids[i]]) or "going"
      if stands == "going" then going[#going + 1] = ids[i] end
      if stands == "failed" then failed[#failed + 1] = ids[i] end
    end
  end
  return going, failed
end

local function state_of(w, id)
  if not w.answered[id] then return "unknown" end
  return w.found[id] and w.found[id][w.waiter.resource.state] or "absent"
end

local function lagging(w, ids, fields, what)
  local named, laggards = {}, {}
  for i, id in ipairs(ids) do
    laggards[i] = { id = id, state = state_of(w, id) }
    if i <= LAGGARDS_NAMED then named[i] = id .. " (" .. laggards[i].state .. ")" end
  end
  if #ids > LAGGARDS_NAMED then named[#named + 1] = ("and %d more"):format(#ids - LAGGARDS_NAMED) end
  fields.laggards = laggards
  fields.message = ("%d of %d %s: %s"):format(#ids, #w.ids, what, table.concat(named, ", "))
  return fail(w, fields)
end

-- The time is over. If the last look failed, that is told; if none ever came through, it is what the error is about.
local function too_late(w, ids)
  local last, fields, what = w.failure, { kind = "timeout", retryable = true }, "not there in time"
  if last then
    for _, name in ipairs { "status", "code", "http_status", "request_id", "hint", "phase", "region" } do
      fields[name] = last[name]
    end
    if next(w.answered) == nil then fields.kind = last.kind end
    what = ("%s, and the last look failed (%s%s)"):format(what, last.status or last.kind,
      last.message and ": " .. last.message or "")
  end
  return lagging(w, ids, fields, what)
end

local function report(w, going)
  local progress = {
    waiter = w.name, elapsed = w.clock.now() - w.started, total = #w.ids, done = #w.ids - #going, states = {},
    error = w.failure,
  }
  for _, id in ipairs(w.ids) do
    local state = state_of(w, id)
    progress.states[state] = (progress.states[state] or 0) + 1
  end
  w.options.on_progress(progress)
end

local function resources(w)
  if not w.many then return w.found[w.ids[1]] or {} end
  local list = {}
  for _, id in ipairs(w.ids) do list[#list + 1] = w.found[id] end
  return list
end

local function run(w)
  local going, delay = w.ids, w.options.interval or DELAY
  while true do
    local failed
    going, failed = round(w, going)
    if not going then return nil, failed end
    if w.options.on_progress then report(w, going) end
    if failed[1] then
      local kind = w.found[failed[1]] and "conflict" or "not_found"
      return lagging(w, failed, { kind = kind, retryable = false }, "can't get there")
    end
    if not going[1] then return resources(w) end
    local left = w.deadline - w.clock.now()
    if left <= 0 then return too_late(w, going) end
    local _, err = w.clock.sleep(math.min(delay, left))
    if err then
      err.service, err.operation = w.waiter.resource.service, w.name
      return nil, err
    end
    delay = math.min(delay * DELAY_GROWTH, math.max(DELAY_MAX, delay))
  end
end

local function are_ids(ids, given)
  for _, id in ipairs(ids) do
    if type(id) ~= "string" or id == "" then return false end
  end
  return given ~= nil
end

--- Waits for one resource or a list of them.
-- @param service the service whose client waits
-- @param name a name of M.table
-- @param params the id parameter, one id or a list of ids (`instanceId = created.instanceIds`), and others of the
--   operations (regionId)
-- @param options timeout (seconds, 600), interval (seconds to the second look, 1; grows to 10), on_progress(progress)
--   with { waiter, elapsed, total, done, states = { running = 3, … }, error of the last look | nil } after each
--   round; those of a call but timeout, its max_wait up to the time that is left
-- @param env call(operation, params, options) -> result | nil, error; sleep(seconds) -> anything | nil, error; now()
--   -> monotonic seconds
-- @return the resource, or the list of them in the order of the ids (without those that are gone); or nil and an
--   error: kind timeout or conflict (a state that leads nowhere) or not_found, with laggards = { { id, state }, … }
function M.wait(service, name, params, options, env)
  local waiter = M.table[name]
  if not waiter or waiter.resource.service ~= service then
    local names = M.names(service)
    local message = ('there is no waiter "%s"%s'):format(tostring(name), nearest.suggest(name, names))
    return nil, errors.new { kind = "invalid", service = service, message = message, attempts = 0 }
  end
  local w = {
    name = name, waiter = waiter, params = params or {}, options = options or {}, call = env.call, clock = env,
    started = env.now(), found = {}, answered = {},
  }
  w.deadline = w.started + (w.options.timeout or TIMEOUT)
  local id = w.params[waiter.resource.id]
  w.many = type(id) == "table"
  w.ids = w.many and id or { id }
  if not are_ids(w.ids, id) then
    return fail(w, {
      kind = "invalid", attempts = 0,
      problems = { { path = waiter.resource.id, message = "must be an id or a list of ids" } },
    })
  end
  if not w.ids[1] then return {} end
  return run(w)
end

return M
