-- call.lua - drives one call: asks the attempt machine what to do, does it with the transport, the limiter and the
-- provider, and tells it what came of it. Nothing here decides about repeating, and no pcall stands around what may
-- yield.

local answer = require "jdcloud.answer"
local core = require "jdcloud.core"
local credentials = require "jdcloud.credentials"
local errors = require "jdcloud.errors"
local scheduler = require "jdcloud.scheduler"
local transports = require "jdcloud.transport"

local M = {}

local IDLE_CALLS = 64 -- call objects that a cloud keeps for the next call

-- Tells the user's function; an error in it is the user's and must not touch the call.
local function tell(view, fields, slot)
  fields.service, fields.operation, fields.region = slot.service, slot.operation, slot.region
  pcall(view.options.on_event, fields)
end

local function transport_of(view)
  local connection = view.connection
  if connection.transport then return connection.transport end
  local transport, err = transports.resolve(connection.options)
  connection.transport = transport
  return transport, err
end

-- The times of a transport with a clock of its own (virtual time); nil, nil: the host's.
local function clock_of(transport)
  if transport.clock then return transport.clock() end
  return nil, nil
end

-- A failure as a transport reports it: a table, or a plain string, which means that the request may have been sent.
local function complete_failure(failure)
  if type(failure) ~= "table" then
    local message = failure ~= nil and tostring(failure) or "no answer and no reason"
    return { kind = "network", sent = true, message = message }
  end
  if failure.sent == nil then failure.sent = true end
  return failure
end

-- A transport's answer that can't be one is a failure of the transport.
local function check_response(response)
  local status = type(response) == "table" and response.status
  local wrong
  if type(status) ~= "number" or status % 1 ~= 0 or status < 100 or status > 999 then
    wrong = "the transport gave no HTTP status"
  elseif response.headers ~= nil and type(response.headers) ~= "table" then
    wrong = "the transport gave headers that are no table"
  elseif response.body ~= nil and type(response.body) ~= "string" then
    wrong = "the transport gave a body that is no string"
  end
  if wrong then return nil, { kind = "protocol", sent = true, message = wrong } end
  return response
end

local function send(view, transport, slot, method, url, headers, timeout)
  local options = view.options
  local on_event = options.on_event
  local attempt, started = on_event and slot.call:attempt(), on_event and core.now()
  if on_event then
    if attempt > 1 then tell(view, { event = "retry", attempt = attempt }, slot) end
    tell(view, { event = "attempt_start", attempt = attempt, method = method, host = slot.host }, slot)
  end
  local request = transport.direct and slot.outgoing or {}
  request.method, request.url, request.headers, request.body = method, url, headers, slot.body
  request.timeout, request.connect_timeout = timeout, options.connect_timeout
  request.idle_timeout, request.max_size = options.idle_timeout, options.max_size
  local response, failure = transport.send(request)
  if response then response, failure = check_response(response) end
  local facts
  if response then
    facts = answer.read(response, slot.facts)
  else
    failure = complete_failure(failure)
  end
  if on_event then
    local outcome = facts or failure
    tell(view, {
      event = "attempt_end", attempt = attempt, seconds = core.now() - started, http_status = outcome.http_status,
      status = outcome.status, code = outcome.code, request_id = outcome.request_id, kind = failure and failure.kind,
      phase = failure and failure.phase, sent = facts ~= nil or failure.sent,
    }, slot)
  end
  return facts, failure
end

-- What a limiter outside is told of an attempt.
local function settle(limiter, call, now)
  local ticket, outcome, retry_after = call:unsettled()
  if ticket then limiter.settle(ticket, now or core.now(), { outcome = outcome, retry_after = retry_after }) end
end

local LOCAL_MESSAGES = {
  timeout = "no time is left",
  max_wait = "the rate limit would make the call wait longer than max_wait",
  cancelled = "the call was cancelled",
}

-- A region that is not listed may be a new one; if the call failed, it may also be a slip.
local function region_hint(hint, region)
  local meant = region and core.nearest("region", region)
  if not meant or meant == region then return hint end
  local text = ('is the region "%s" meant?'):format(meant)
  return hint and hint .. "; " .. text or text
end

-- The error object of a call that is done.
local function failed(view, slot, facts, failure, renewal)
  local outcome = slot.call:outcome()
  local fields = {
    kind = outcome.kind, attempts = outcome.attempts, retryable = outcome.retryable, retry_after = outcome.retry_after,
    hint = outcome.hint, phase = outcome.phase, gave_up = outcome.gave_up, sent = outcome.sent,
    service = slot.service, operation = slot.operation, region = slot.region,
  }
  if outcome.answered or outcome.phase == "resolve" then fields.hint = region_hint(fields.hint, slot.region) end
  if outcome.answered and facts then
    fields.status, fields.code, fields.message = facts.status, facts.code, facts.message
    fields.details, fields.request_id, fields.http_status = facts.details, facts.request_id, facts.http_status
  elseif outcome.gave_up == "credentials" then
    fields.message = renewal and renewal.message or "there are no keys to sign with"
    if renewal and renewal.kind then fields.kind, fields.hint = renewal.kind, renewal.hint end
  elseif outcome.gave_up == "internal" then
    fields.message = outcome.internal
  elseif failure and outcome.attempts > 0 and outcome.gave_up ~= "cancelled" then
    fields.message = failure.message
  else
    fields.message = LOCAL_MESSAGES[outcome.gave_up]
  end
  if view.shared.closed and outcome.kind == "cancelled" then
    fields.kind, fields.message = "closed", "the cloud was closed during the call"
  end
  return errors.new(fields)
end

local function cancelled()
  return errors.new { kind = "cancelled", message = "the task was cancelled" }
end

local function closed()
  return errors.new { kind = "closed", message = "the cloud is closed" }
end

-- The steps of the machine that are not the request itself.
local steps = {}

function steps.wait(view, transport, slot, seconds, why)
  if view.options.on_event then
    tell(view, { event = "wait", seconds = seconds, why = why, attempt = slot.call:attempt() }, slot)
  end
  transport.sleep(seconds)
end

function steps.reserve(view, _, slot, keys, latest, ticket, now)
  slot.call:reserved(view.options.limiter.reserve(keys, 1, now or core.now(), latest, ticket))
end

--- Waits as the view's transport does; as the host does, if there is none.
function M.sleep(view, seconds)
  local transport = transport_of(view)
  if transport then transport.sleep(seconds) else transports.sleep(seconds) end
end

--- The clock of a view's transport, for what waits between calls.
-- @return { sleep = function(seconds) -> true | nil, error; now = function() -> monotonic seconds } | nil, error
function M.clock(view)
  local transport, err = transport_of(view)
  if not transport then return nil, err end
  return {
    sleep = function(seconds)
      if view.shared.closed then return nil, closed() end
      transport.sleep(seconds)
      if scheduler.is_cancelled() then return nil, cancelled() end
      return true
    end,
    now = function() return (clock_of(transport)) or core.now() end,
  }
end

-- Runs the machine to its end. Returns the last answer's facts or failure, the error of a provider that failed, and
-- the kind of the end.
local function drive(view, transport, slot)
  local call, limiter = slot.call, view.options.limiter
  local facts, failure, renewal
  while true do
    local now, wall = clock_of(transport)
    if view.shared.closed or scheduler.is_cancelled() then call:cancel(now) end
    local step, a, b, c, d = call:next(now, wall, nil, transport.direct)
    if step == "send" then
      facts, failure = send(view, transport, slot, a, b, c, d)
      now, wall = clock_of(transport)
      if facts then
        if call:answered(facts.http_status, facts.body, facts.code, facts.status, facts.message, facts.request_id,
          facts.denied, facts.date, facts.retry_after, slot.head, now, wall) then
          if limiter then settle(limiter, call, now) end
          return facts, nil, nil, "ok"
        end
      else
        call:failed(failure.kind, failure.phase, failure.sent, failure.final, now, wall)
      end
      if limiter then settle(limiter, call, now) end
    elseif step == "credentials" then
      local ok
      ok, renewal = credentials.renew(view.keys, a)
      call:provided(ok ~= nil, (clock_of(transport)))
    elseif step == "done" then
      if limiter then settle(limiter, call, now) end
      return facts, failure, renewal, a
    else
      local act = steps[step] -- a name for it: yieldable.lua looks at the stack's names
      act(view, transport, slot, a, b, c, now)
    end
  end
end

--- A place for one call of this view: an idle one, or a new one. exchange.lua fills it in.
-- @return slot = { call = userdata of the core, request = {}, outgoing = {} for a direct transport, facts = {} of
--   the last answer } | nil, error. Whoever takes it puts it back, or it is garbage
function M.take(view)
  local shared = view.shared
  if shared.closed then return nil, closed() end
  local transport, err = transport_of(view)
  if not transport then return nil, err end
  local idle = shared.idle
  local slot = idle[#idle]
  if slot then
    idle[#idle] = nil
    return slot
  end
  return { call = core.call(shared.core), request = {}, outgoing = {}, facts = {} }
end

--- Forgets what a call was about, parameters and results above all, and keeps the slot for the next one.
function M.put_back(view, slot)
  local shared, request = view.shared, slot.request
  request.path, request.query, request.body, request.headers, slot.body = nil, nil, nil, nil, nil
  slot.outgoing.url, slot.outgoing.body, slot.outgoing.headers = nil, nil, nil
  local facts = slot.facts
  facts.result, facts.headers, facts.details, facts.message, facts.denied = nil, nil, nil, nil, nil
  if #shared.idle < IDLE_CALLS then shared.idle[#shared.idle + 1] = slot end
end

--- Makes one call.
-- @param view the cloud: { shared, connection, keys, options }
-- @param slot of M.take: request is what core's call:begin takes; service, operation, region, host, body and head
--   are for the transport, errors and events
-- @return facts of the last answer (answer.read; the slot's own), number of attempts | nil, error
function M.run(view, slot)
  local call, transport = slot.call, view.connection.transport
  local now, wall = clock_of(transport)
  local ok, problem = call:begin(slot.request, view.keys.credential, now, wall)
  if not ok then
    return nil, errors.new {
      kind = "invalid", message = problem, service = slot.service, operation = slot.operation, attempts = 0,
    }
  end
  local facts, failure, renewal, kind = drive(view, transport, slot)
  local attempts, err = call:attempt(), nil
  if kind ~= "ok" then err = failed(view, slot, facts, failure, renewal) end
  if view.options.on_event then
    local request_id = facts and facts.request_id
    tell(view, { event = "done", kind = err and err.kind or kind, attempts = attempts, request_id = request_id }, slot)
  end
  if err then return nil, err end
  return facts, attempts
end

return M
