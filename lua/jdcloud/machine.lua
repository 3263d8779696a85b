-- machine.lua - a call in the hands of its host: for programs with a loop of their own and no coroutines. The call says
-- what to do next and is told what came of it; it does no I/O and never waits.
--
--   local call = client:begin("describeInstances", { pageSize = 100 })
--   call:next()  -> "send", request     bring it to the server, then call:answered(response) or call:failed(failure)
--                -> "wait", seconds     ask again then; earlier does no harm
--                -> "done"              call:result() has the result
--
-- While a request is on the wire, next says how long the call will wait for its answer at most. A call that nobody asks
-- any more is garbage: nothing of it is left behind but what it has reserved, and that expires.

local errors = require "jdcloud.errors"
local exchange = require "jdcloud.exchange"
local result = require "jdcloud.result"
local steps = require "jdcloud.steps"

local M = {}

local Call = {}

-- What a call is doing. on_wire: a request was handed out and is not answered; over: "done" was said.
local function state_of(call, method)
  local state = type(call) == "table" and rawget(call, "_state")
  if not state then errors.misuse(("call:%s: call it with a colon, on what client:begin returned"):format(method)) end
  return state
end

local function finish(state, ok)
  local view, slot = state.view, state.slot
  local meta, value, raw = exchange.close(view, slot, steps.finish(view, slot, ok))
  state.over, state.slot = true, nil
  if meta then
    state.result, state.meta = result.shape(value, state.op, view.options.keep_null, raw), meta
  else
    state.err = value
  end
  return "done"
end

--- What is to be done now. A credentials function and a limiter of the user's are called in here.
-- @return "send", request = { method, url, headers = { { name, value }, … }, body | nil, timeout, connect_timeout,
--   idle_timeout (seconds | nil), max_size (bytes) }, the program's to keep: URL and headers are to go out as they are;
--   "wait", seconds, why (backoff limit throttled busy credentials, or answer: a request is on the wire); or "done"
function Call:next()
  local state = state_of(self, "next")
  if state.over then errors.misuse("call:next: the call is done; call:result has its result") end
  local view, slot = state.view, state.slot
  if state.succeeded then return finish(state, true) end
  local step, a, b, c, d = steps.next(view, slot, state.clock)
  if step == "done" then return finish(state, a == "ok") end
  if step == "wait" then return step, a, b end
  state.on_wire = true
  return step, steps.request(view, slot, {}, a, b, c, d)
end

local function check_wire(state, method)
  if not state.on_wire then
    errors.misuse(("call:%s: no request is on the wire; call:next gives one"):format(method))
  end
end

--- The request was answered. An answer to a call that has ended meanwhile is nobody's, and no mistake.
-- @param response { status, headers = { [lower-case name] = value }, body }. What can't be an answer is a failure
--   of kind protocol
function Call:answered(response)
  local state = state_of(self, "answered")
  check_wire(state, "answered")
  if not state.over and steps.answered(state.view, state.slot, response, state.clock) then state.succeeded = true end
  state.on_wire = false -- not before: if memory ran out over the answer, the request can still be said to have failed
end

--- The request got no whole answer.
-- @param failure { kind = "network" | "timeout" | "protocol" …, phase = "resolve" | "connect" | "tls" | "send" |
--   "receive", sent = false if surely no byte of the request left, message }, or a message: then it may have been sent
function Call:failed(failure)
  local state = state_of(self, "failed")
  check_wire(state, "failed")
  state.on_wire = false
  if not state.over then steps.failed(state.view, state.slot, failure, state.clock) end
end

--- Ends the call: next says "done", the error is of kind cancelled. Nothing happens to one that has ended.
function Call:cancel()
  local state = state_of(self, "cancel")
  if not state.over and not state.succeeded then steps.cancel(state.view, state.slot, state.clock) end
end

--- What came of a call that is done, as client:call returns it, as often as it is asked.
-- @return result, meta = { request_id, http_status, attempts, headers } | nil, error; the raising interface raises it
function Call:result()
  local state = state_of(self, "result")
  if not state.over then errors.misuse('call:result: the call isn\'t done; call:next says "done" when it is') end
  if state.result then return state.result, state.meta end
  return state.check(nil, state.err or errors.new {
    kind = "config", service = state.op.service, operation = state.op.name, gave_up = "internal",
    message = "not enough memory for the result",
  })
end

local meta = { __name = "jdcloud.call", __index = Call, __close = Call.cancel }

function meta.__tostring(call)
  local state = rawget(call, "_state")
  return ("jdcloud.call (%s.%s, %s)"):format(state.op.service, state.op.name, state.over and "done"
    or state.on_wire and "on the wire" or "under way")
end

--- Begins a call.
-- @param model, op, built, options as for exchange.open
-- @param check errors.check where errors are to be raised, else a function that returns what it is given
-- @return call | nil, error
function M.begin(view, model, op, built, options, check)
  local slot, err = exchange.open(view, model, op, built, options, true)
  if not slot then return nil, err end
  local transport = view.connection.options.transport
  local clock = type(transport) == "table" and transport.clock or nil
  local begun
  begun, err = steps.begin(view, slot, clock, errors.where()) -- it ends elsewhere, in the host's loop
  if not begun then
    exchange.close(view, slot, nil, err)
    return nil, err
  end
  return setmetatable({ _state = { view = view, op = op, slot = slot, clock = clock, check = check } }, meta)
end

return M
