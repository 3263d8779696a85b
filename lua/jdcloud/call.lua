-- call.lua - drives one call: does what steps.lua says with the transport, and tells it what came of it.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local scheduler = require "jdcloud.scheduler"
local steps = require "jdcloud.steps"
local transports = require "jdcloud.transport"

local M = {}

local IDLE_CALLS = 64 -- call objects that a cloud keeps for the next call

local function transport_of(view)
  local connection = view.connection
  if connection.transport then return connection.transport end
  local transport, err = transports.resolve(connection.options)
  connection.transport = transport
  return transport, err
end

local function cancelled()
  return errors.new { kind = "cancelled", message = "the task was cancelled" }
end

local function closed()
  return errors.new { kind = "closed", message = "the cloud is closed" }
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
    now = function() return transport.clock and transport.clock() or core.now() end,
  }
end

--- A place for one call of this view: an idle one, or a new one. exchange.lua fills it in.
-- @param by_hand the host brings the bytes: no transport is needed
-- @return slot (see steps.lua; outgoing = {} for a direct transport) | nil, error. Whoever takes it puts it back, or it
--   is garbage
function M.take(view, by_hand)
  local shared = view.shared
  if shared.closed then return nil, closed() end
  if not by_hand then
    local transport, err = transport_of(view)
    if not transport then return nil, err end
    if transport.ready then
      local ready, failure = transport.ready()
      if not ready then return nil, errors.new(failure) end
    end
  end
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
-- @return facts of the last answer (answer.read; the slot's own), number of attempts | nil, error
function M.run(view, slot)
  local transport = view.connection.transport
  local clock, direct = transport.clock, transport.direct
  local begun, err = steps.begin(view, slot, clock)
  if not begun then return nil, err end
  while true do
    local step, a, b, c, d = steps.next(view, slot, clock, direct)
    if step == "send" then
      local request = steps.request(view, slot, direct and slot.outgoing or {}, a, b, c, d)
      local response, failure = transport.send(request)
      if not response then
        steps.failed(view, slot, failure, clock)
      elseif steps.answered(view, slot, response, clock) then
        return steps.finish(view, slot, true)
      end
    elseif step == "wait" then
      transport.sleep(a)
    else
      return steps.finish(view, slot, a == "ok")
    end
  end
end

return M
