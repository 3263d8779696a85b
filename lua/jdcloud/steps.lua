-- steps.lua - the steps of one call: begins it, says what comes next, takes what came of it, makes its result or error.
-- Here are keys, limiter and events; call.lua and machine.lua bring requests to a server and time to pass. Nothing here
-- decides about repeating, and no pcall stands around what may yield.
--
--   view    of the cloud: { shared, keys, options }
--   slot    the place of a call: { call = userdata of the core, request = what core's call:begin takes, facts = {},
--           service, operation, region, host, body, head for the transport, errors and events }
--   clock   function() -> monotonic, Unix seconds, of a transport with virtual time; nil: the host's

local answer = require "jdcloud.answer"
local asking = require "jdcloud.limiter.asking"
local core = require "jdcloud.core"
local credentials = require "jdcloud.credentials"
local errors = require "jdcloud.errors"
local scheduler = require "jdcloud.scheduler"

local M = {}

local AGAIN = 1 -- seconds
local CUT = 0.001 -- seconds that the core's clock, cut to ms, may be behind

-- Tells the user's function; an error in it is the user's and must not touch the call.
local function tell(view, slot, fields)
  fields.service, fields.operation, fields.region = slot.service, slot.operation, slot.region
  pcall(view.options.on_event, fields)
end

local function tell_start(view, slot, method)
  local attempt = slot.call:attempt()
  slot.started, slot.untold = core.now(), false
  if attempt > 1 then tell(view, slot, { event = "retry", attempt = attempt }) end
  tell(view, slot, { event = "attempt_start", attempt = attempt, method = method, host = slot.host })
end

local function tell_end(view, slot, facts, failure)
  local outcome = facts or failure
  tell(view, slot, {
    event = "attempt_end", attempt = slot.call:attempt(), seconds = core.now() - slot.started,
    http_status = outcome.http_status, status = outcome.status, code = outcome.code, request_id = outcome.request_id,
    kind = failure and failure.kind, phase = failure and failure.phase, sent = facts ~= nil or failure.sent,
  })
end

-- Once for each wait, however often a host asks in between. Who looks from his place in line whether it is his turn
-- goes on with the same wait: that is told, with `again`, when it has become longer by AGAIN.
local function tell_wait(view, slot, seconds, why, now)
  now = now or core.now()
  local longer = why == "limit" and slot.told_till and now + seconds > slot.told_till + CUT -- it looked, a little early
  if why == "answer" or slot.told_till and now < slot.told_till and not longer then return end
  slot.told_till = now + seconds
  local again
  if why == "limit" then
    if slot.untold then
      again, seconds = true, slot.untold + seconds
      slot.untold = seconds < AGAIN and seconds or 0
      if seconds < AGAIN then return end
    else
      slot.untold = 0
    end
  end
  tell(view, slot, { event = "wait", seconds = seconds, why = why, again = again, attempt = slot.call:attempt() })
end

local function tell_keys(view, slot, why, started, err)
  local kind = err and err.kind or "ok"
  tell(view, slot, { event = "credentials", why = why, seconds = core.now() - started, kind = kind })
end

-- What a transport gives that keeps to its contract (design.md, A transport).
local CONTRACT = "a transport's send returns { status = 200, headers = { [name in lower case] = text }, body = text }, "
  .. "or nil and a failure: a text, or { kind, phase, sent, message }"

-- A failure as a transport reports it: a table, or a plain string, which means that the request may have been sent.
local function complete_failure(failure)
  if failure == nil then
    return {
      kind = "network", sent = true, hint = CONTRACT,
      message = "the transport broke its contract: it gave neither an answer nor a failure",
    }
  end
  if type(failure) ~= "table" then return { kind = "network", sent = true, message = tostring(failure) } end
  if failure.sent == nil then failure.sent = true end
  if type(failure.message) ~= "string" then failure.message = "the transport failed, and gave no message" end
  return failure
end

local function type_of(value)
  return "a " .. type(value)
end

-- What makes an answer none; nil if nothing does. Never the value itself: it may be anything.
local function wrong_with(response)
  if type(response) ~= "table" then return "an answer that is " .. type_of(response) .. ", not a table" end
  local status, headers, body = response.status, response.headers, response.body
  if type(status) ~= "number" then
    return status == nil and "an answer without status" or "a status that is " .. type_of(status) .. ", not a number"
  elseif status % 1 ~= 0 or status < 100 or status > 999 then
    return "a status that is no whole number from 100 to 999"
  elseif headers ~= nil and type(headers) ~= "table" then
    return "headers that are " .. type_of(headers) .. ", not a table"
  elseif body ~= nil and type(body) ~= "string" then
    return "a body that is " .. type_of(body) .. ", not a string"
  end
  return nil
end

-- The failure of a transport that gave something else than an answer. The request may have been executed; to send it
-- again would bring the same.
local function broken_contract(wrong)
  return {
    kind = "protocol", sent = true, final = true, hint = CONTRACT,
    message = "the transport broke its contract: it gave " .. wrong,
  }
end

-- What a limiter outside is told of an attempt. If it fails over that, the call goes on.
local function settle(view, slot, now)
  local wrong = asking.settle(view.options.limiter, slot, now)
  if wrong and view.options.on_event then tell(view, slot, { event = "limiter", state = "failed", message = wrong }) end
end

--- Begins a call. (What a slot hasn't got is false, not nil: a field that is absent costs more to set.)
-- @param where the place in the caller's program that its error shall name; nil: the place where it ends
-- @return true | nil, error
function M.begin(view, slot, clock, where)
  slot.answer, slot.failure, slot.renewal, slot.told_till, slot.where = false, false, false, false, where or false
  slot.refusal, slot.untold = false, false
  local now, wall
  if clock then now, wall = clock() end
  local ok, problem = slot.call:begin(slot.request, view.keys.credential, now, wall)
  if ok then return true end
  return nil, errors.new {
    kind = "invalid", message = problem, service = slot.service, operation = slot.operation, attempts = 0,
  }
end

--- What is to be done now. Asks the provider of keys and the limiter by itself; both may yield.
-- @param as_text the headers as one text, see core's call:next
-- @return "send", method, url, headers, timeout (seconds | nil) | "wait", seconds, why | "done", kind
function M.next(view, slot, clock, as_text)
  local call = slot.call
  while true do
    local now, wall
    if clock then now, wall = clock() end
    if view.shared.closed or scheduler.is_cancelled() then call:cancel(now) end
    local step, a, b, c, d = call:next(now, wall, nil, as_text)
    if step == "send" then
      if view.options.on_event then tell_start(view, slot, a) end
      return step, a, b, c, d
    elseif step == "wait" then
      if view.options.on_event then tell_wait(view, slot, a, b, now) end
      return step, a, b
    elseif step == "credentials" then
      local started = core.now()
      local ok, err = credentials.renew(view.keys, a, view)
      slot.renewal = err or false
      if clock then now = clock() end
      if view.options.on_event then tell_keys(view, slot, a, started, err) end
      -- A call that was cancelled while it asked has found out nothing about the provider: the next one asks.
      if not ok and (view.shared.closed or scheduler.is_cancelled()) then call:cancel(now) end
      call:provided(ok ~= nil, now)
    elseif step == "reserve" then
      asking.reserve(view.options.limiter, slot, now or core.now(), a, b, c)
    else
      if view.options.limiter then settle(view, slot, now) end
      return step, a
    end
  end
end

--- Fills in the request of a "send", for a transport (design.md, A transport).
-- @return request
function M.request(view, slot, request, method, url, headers, timeout)
  local options = view.options
  request.method, request.url, request.headers, request.body = method, url, headers, slot.body
  request.timeout, request.connect_timeout = timeout, options.connect_timeout
  request.idle_timeout, request.max_size = options.idle_timeout, options.max_size
  return request
end

--- Takes a failure: a table as a transport gives it, or anything else that says what is wrong.
function M.failed(view, slot, failure, clock)
  failure = complete_failure(failure)
  slot.answer, slot.failure = false, failure
  if view.options.on_event then tell_end(view, slot, nil, failure) end
  local now, wall
  if clock then now, wall = clock() end
  slot.call:failed(failure.kind, failure.phase, failure.sent, failure.final, now, wall)
  if view.options.limiter then settle(view, slot, now) end
end

--- Takes an answer, which may be none: then it is a failure.
-- @return did the call succeed? Then nothing comes next
function M.answered(view, slot, response, clock)
  local wrong = wrong_with(response)
  if wrong then
    M.failed(view, slot, broken_contract(wrong), clock)
    return false
  end
  local facts = answer.read(response, slot.facts)
  slot.answer, slot.failure = facts, false
  if view.options.on_event then tell_end(view, slot, facts) end
  local now, wall
  if clock then now, wall = clock() end
  local ok = slot.call:answered(facts.http_status, facts.body, facts.code, facts.status, facts.message,
    facts.request_id, facts.denied, facts.date, facts.retry_after, slot.head, now, wall, facts.limit, facts.remaining)
  if view.options.limiter then settle(view, slot, now) end
  return ok
end

--- Ends a call early: "done" comes next. What is on the wire counts as sent.
function M.cancel(view, slot, clock)
  local now
  if clock then now = clock() end
  slot.call:cancel(now)
  if view.options.limiter then settle(view, slot, now) end
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

-- Why keys of a provider were refused, beside what the answer itself suggests: they have ended, and the provider gave
-- no others.
local function provider_hint(hint, facts, renewal)
  local message = (facts.message or ""):lower()
  local ended = message:find("token", 1, true) and message:find("expired", 1, true)
  local parts = { hint }
  if ended then parts[1] = "the session token that the credentials provider gave has expired" end
  if renewal then parts[#parts + 1] = "the renewal of the keys failed: " .. (renewal.message or renewal.kind) end
  return parts[1] and table.concat(parts, "; ")
end

-- What why it was not repeated leaves to be said: for how long it would have to wait, what will end it.
local function gave_up_hint(hint, outcome)
  local text
  if outcome.gave_up == "max_wait" and outcome.retry_after then
    text = ("it may go in %.3g s, and max_wait is less"):format(outcome.retry_after)
  elseif outcome.gave_up == "retry_quota" then
    text = "calls to this service fail one after the other, so that none is repeated until it answers"
  end
  return text and hint and hint .. "; " .. text or text or hint
end

-- not_found is the service's word alone: whoever waits until a resource is gone relies on it.
local function own_kind(kind, gave_up)
  if kind ~= "not_found" then return kind end
  return gave_up == "credentials" and "auth" or gave_up == "limiter" and "config" or "protocol"
end

-- The error object of a call that is done.
local function error_of(view, slot)
  local outcome, facts, failure = slot.call:outcome(), slot.answer, slot.failure
  local renewal = slot.renewal or view.keys.failure -- of the call that it waited for
  local fields = {
    kind = outcome.kind, attempts = outcome.attempts, retryable = outcome.retryable, retry_after = outcome.retry_after,
    hint = outcome.hint, phase = outcome.phase, gave_up = outcome.gave_up, sent = outcome.sent,
    service = slot.service, operation = slot.operation, region = slot.region, where = slot.where or nil,
  }
  if outcome.answered and outcome.kind == "auth" and view.keys.provider and facts then
    fields.hint = provider_hint(fields.hint, facts, renewal)
  end
  if outcome.answered or outcome.phase == "resolve" then fields.hint = region_hint(fields.hint, slot.region) end
  if outcome.answered and facts then
    fields.status, fields.code, fields.message = facts.status, facts.code, facts.message
    fields.details, fields.request_id, fields.http_status = facts.details, facts.request_id, facts.http_status
  elseif outcome.gave_up == "limiter" then
    local wrong = slot.refusal
    fields.kind, fields.message, fields.hint = own_kind(wrong.kind or "config", "limiter"), wrong.message, wrong.hint
    fields.retryable = wrong.retryable
    if fields.retryable == nil then fields.retryable = fields.kind ~= "config" end
  elseif outcome.gave_up == "credentials" then
    fields.message = renewal and renewal.message or "there are no keys to sign with"
    if renewal and renewal.kind then
      fields.kind, fields.hint, fields.retryable = renewal.kind, renewal.hint, renewal.retryable or false
    end
  elseif outcome.gave_up == "internal" then
    fields.message = outcome.internal
  elseif failure and outcome.attempts > 0 and outcome.gave_up ~= "cancelled" then
    fields.message, fields.hint = failure.message, failure.hint or fields.hint
  else
    fields.message = LOCAL_MESSAGES[outcome.gave_up]
  end
  if outcome.gave_up == "max_wait" and slot.refusal and not fields.hint then fields.hint = slot.refusal.hint end
  if view.shared.closed and outcome.kind == "cancelled" then
    fields.kind, fields.message = "closed", "the cloud was closed during the call"
  end
  fields.hint = gave_up_hint(fields.hint, outcome)
  if not outcome.answered then fields.kind = own_kind(fields.kind, outcome.gave_up) end
  return errors.new(fields)
end

--- The end of a call that is done, told to the user's function.
-- @param ok did it succeed?
-- @return facts of the last answer (answer.read; the slot's own), number of attempts | nil, error
function M.finish(view, slot, ok)
  local facts, attempts, err = slot.answer, slot.call:attempt(), nil
  if not ok then err = error_of(view, slot) end
  if view.options.on_event then
    tell(view, slot, {
      event = "done", kind = err and err.kind or "ok", attempts = attempts,
      request_id = facts and facts.request_id or nil,
    })
  end
  if err then return nil, err end
  return facts, attempts
end

return M
