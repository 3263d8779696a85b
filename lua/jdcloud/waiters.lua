-- waiters.lua - waits until resources are in the state that one needs (protocol.md 11.2). One id asks for the
-- resource; a list of ids is one wait that asks the list operation. What can be waited for is waiters/table.lua.

local errors = require "jdcloud.errors"
local json = require "jdcloud.json"
local look = require "jdcloud.waiters.look"
local nearest = require "jdcloud.nearest"
local pace = require "jdcloud.waiters.pace"
local waiters = require "jdcloud.waiters.table"

local M = {}

local NEW_FOR = 30            -- seconds that a resource may be unknown just after it was created
local LAGGARDS_NAMED = 5      -- in the message; the error's field has them all

--- The names of the waiters of a service, sorted.
function M.names(service)
  local names = {}
  for name in pairs(waiters[service] or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function fail(w, fields)
  fields.service, fields.operation = w.service, w.name
  return nil, errors.new(fields)
end

-- "a b" -> { a = true, b = true }, in lower case: some services write states both ways.
local function set_of(states)
  local set = {}
  for state in states:gmatch("%S+") do set[state:lower()] = true end
  return set
end

-- A state as text; null is none.
local function text_of(state)
  return (state == nil or state == json.null) and "" or tostring(state)
end

-- The states of a resource: one, or those of its parts. "": none.
local function states_of(w, found)
  local resource = w.resource
  local part = resource.part
  if not part then return { text_of(found[resource.state]) } end
  local states, items = {}, found[part.list]
  for _, item in ipairs(type(items) == "table" and items or {}) do
    if type(item) == "table" and (not w.part or item[part.by] == w.part) then
      states[#states + 1] = text_of(item[resource.state])
    end
  end
  if not states[1] then states[1] = part.none end
  return states
end

-- Where the resource stands: "done", "failed" or "going"; found is false if it isn't there.
local function standing(w, found)
  if not found then
    if w.gone then return "done" end
    return w.pace:elapsed() < NEW_FOR and "going" or "failed"
  end
  local all_done = true
  for _, state in ipairs(states_of(w, found)) do
    state = state:lower()
    if w.failing[state] then return "failed" end
    all_done = all_done and w.done[state] or false
  end
  return all_done and "done" or "going"
end

-- One round over the ids that aren't done: those that go on, those that failed. A failure that may pass is no answer:
-- the ids stay where they are.
local function round(w, ids)
  local seen, err = look.at(w, ids)
  if not seen then return nil, err end
  local going, failed = {}, {}
  for _, id in ipairs(ids) do
    local stands = "going"
    if seen[id] ~= nil then
      w.found[id] = seen[id]
      stands = standing(w, seen[id])
    end
    if stands == "going" then going[#going + 1] = id end
    if stands == "failed" then failed[#failed + 1] = id end
  end
  return going, failed
end

local function state_of(w, id)
  local found = w.found[id]
  if found == nil then return "unknown" end
  if not found then return "absent" end
  local text = table.concat(states_of(w, found), ",")
  return text == "" and "none" or text
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
  local fields, what = { kind = "timeout", retryable = true }, "not there in time"
  if w.failure then
    what = what .. ", and " .. pace.blame(w.failure, fields)
    if next(w.found) == nil then fields.kind = w.failure.kind end
  end
  return lagging(w, ids, fields, what)
end

local function report(w, going)
  local progress = {
    waiter = w.name, elapsed = w.pace:elapsed(), total = #w.ids, done = #w.ids - #going, states = {},
    error = w.failure,
  }
  for _, id in ipairs(w.ids) do
    local state = state_of(w, id)
    progress.states[state] = (progress.states[state] or 0) + 1
  end
  w.on_progress(progress)
end

local function resources(w)
  if not w.many then return w.found[w.ids[1]] or {} end
  local list = {}
  for _, id in ipairs(w.ids) do
    if w.found[id] then list[#list + 1] = w.found[id] end
  end
  return list
end

local function run(w)
  local going = w.ids
  while true do
    local failed
    going, failed = round(w, going)
    if not going then return nil, failed end
    if w.on_progress then report(w, going) end
    if failed[1] then
      local kind = w.found[failed[1]] and "conflict" or "not_found"
      return lagging(w, failed, { kind = kind, retryable = false }, "can't get there")
    end
    if not going[1] then return resources(w) end
    local slept, err = w.pace:sleep()
    if err then
      err.service, err.operation = w.service, w.name
      return nil, err
    end
    if not slept then return too_late(w, going) end
  end
end

-- The ids, each once | nil and what is wrong: one that were passed over would not be waited for.
local function ids_of(given)
  if given == nil then return nil, "is required" end
  local list, count = type(given) == "table" and given or { given }, 0
  for _ in next, list do count = count + 1 end
  local ids, known = {}, {}
  for i = 1, count do
    local id = list[i]
    if id == nil then return nil, "must be a list of ids from 1 without holes" end
    if type(id) ~= "string" or id == "" then return nil, "must be an id or a list of ids" end
    if not known[id] then ids[#ids + 1] = id end
    known[id] = true
  end
  return ids
end

-- The parameters that the operations of a resource have between them, sorted.
local function parameters_of(w, model)
  local names, known = {}, {}
  for _, place in ipairs { w.resource.one, w.resource.many } do
    local op = model and model:operation(place.operation)
    for _, name in ipairs(op and op.names or {}) do
      if not known[name] then names[#names + 1] = name end
      known[name] = true
    end
  end
  return names, known
end

local function problems_of(w, params, model, fault)
  local problems = {}
  if fault then problems[1] = { path = w.resource.id, message = fault } end
  if fault and model then -- the id's name may be what is misspelt
    local names, known = parameters_of(w, model)
    for _, name in ipairs(nearest.strangers(params, known)) do
      problems[#problems + 1] = { path = name, message = "is not a known parameter" .. nearest.suggest(name, names) }
    end
  end
  for _, name in ipairs(look.reserved(w.resource)) do
    if params[name] ~= nil then problems[#problems + 1] = { path = name, message = "is set by the wait itself" } end
  end
  return problems[1] and problems or nil
end

-- A name that isn't there: the nearest of the service, and the services that have it.
local function unknown(service, name)
  local having = {}
  for other, known in pairs(waiters) do
    if known[name] then having[#having + 1] = other end
  end
  table.sort(having)
  local message = ('there is no waiter "%s"%s'):format(tostring(name), nearest.suggest(name, M.names(service)))
  if having[1] then message = message .. "; there is one in " .. table.concat(having, ", ") end
  return nil, errors.new { kind = "invalid", service = service, message = message, attempts = 0 }
end

--- Waits for one resource or a list of them.
-- @param service the service whose client waits
-- @param name a waiter of the service (waiters/table.lua)
-- @param params the id parameter, one id or a list of ids (`instanceId = created.instanceIds`; an empty list is done at
--   once), and others of the operations (regionId)
-- @param options timeout (seconds, 600), interval (seconds to the second look, 1; grows to 10), on_progress(progress)
--   with { waiter, elapsed, total, done, states = { running = 3, … }, error of the last look | nil } after each
--   round; those of a call but timeout, its max_wait up to the time that is left
-- @param env call(operation, params, options) -> result | nil, error; sleep(seconds) -> anything | nil, error; now()
--   -> monotonic seconds; model of the service (for suggestions)
-- @return the resource, or the list of them in the order of the ids (without those that are gone); or nil and an
--   error: kind timeout or conflict (a state that leads nowhere) or not_found, with laggards = { { id, state }, … }
function M.wait(service, name, params, options, env)
  local waiter = (waiters[service] or {})[name]
  if not waiter then return unknown(service, name) end
  local resource, own = waiter[1], {}
  params, options = params or {}, options or {}
  for key, value in pairs(params) do own[key] = value end
  own[resource.id] = nil
  local w = {
    service = service, name = name, resource = resource, params = own, call = env.call, found = {},
    done = set_of(waiter.done), failing = set_of(waiter.failed), gone = waiter.gone, on_progress = options.on_progress,
    many = type(params[resource.id]) == "table",
  }
  local fault
  w.ids, fault = ids_of(params[resource.id])
  if resource.part then
    w.part, own[resource.part.by] = params[resource.part.by], nil
  end
  local problems = problems_of(w, params, env.model, fault)
  if problems then return fail(w, { kind = "invalid", attempts = 0, problems = problems }) end
  if not w.ids[1] then return {} end
  w.pace = pace.new(options, env)
  return run(w)
end

return M
