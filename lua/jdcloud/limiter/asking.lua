-- asking.lua - how a call asks a limiter outside of the core for a place, and tells it what became of it. A limiter of
-- the user's may raise, or return what it shouldn't: that is an error of the call that asked, like any other.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"

local M = {}

local TICKET_MAX = 2 ^ 53 -- what the core takes

-- PUC 5.1 can't yield through pcall: there a limiter is only guarded where it couldn't yield anyway, in no coroutine.
local through_pcall = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

local function guarded(fn, ...)
  if through_pcall or not coroutine.running() then return pcall(fn, ...) end
  return true, fn(...)
end

local function type_of(value) return "a " .. type(value) end

local function wrong_ticket(ticket)
  if ticket == nil then return nil end
  if type(ticket) ~= "number" then return "a ticket that is " .. type_of(ticket) end
  if ticket % 1 == 0 and ticket >= 0 and ticket <= TICKET_MAX then return nil end
  return "a ticket that is no whole number from 1 to 2^53"
end

-- What is wrong with what a limiter gave for a place; nil if nothing is.
local function wrong_place(wait, place)
  if not wait then
    if place == nil or type(place) == "number" and place == place then return nil end
    return "no wait, and " .. type_of(place) .. " where the moment belongs"
  elseif type(wait) ~= "number" then
    return "a wait that is " .. type_of(wait)
  elseif wait ~= wait then
    return "a wait that is not a number"
  end
  return wrong_ticket(place)
end

local function broken(message)
  return {
    kind = "config", message = message,
    hint = "the limiter's reserve must return the wait in seconds and a ticket that is a positive integer; or nil, and "
      .. "the moment from which on there would be a place, or nil",
  }
end

-- The failure in what a limiter returned | nil, the hint of a refusal | nil
local function failure_in(wait, place, said)
  if not wait and said ~= nil and said ~= false then
    if type(said) ~= "table" then return { message = tostring(said) } end
    if said.message == nil and said.hint ~= nil then return nil, said.hint end
    return { message = errors.words(said), kind = said.kind, hint = said.hint, retryable = said.retryable }
  end
  local wrong = wrong_place(wait, place)
  return wrong and broken("the limiter's reserve returned " .. wrong)
end

--- Asks for a place, and tells the call what came of it. May yield.
-- @param limiter { reserve, settle } (design.md, Limits). Its reserve may return a third value after nil, nil: a
--   failure of the limiter itself, { message, kind ("config"), hint, retryable } or a text; or { hint } alone: then it
--   is a refusal as any other, and the call's error has the hint
-- @param slot of the call (steps.lua): refusal is set to the failure, or to { hint }
-- @param now on the limiter's clock
function M.reserve(limiter, slot, now, keys, latest, ticket)
  local ran, wait, place, said = guarded(limiter.reserve, keys, 1, now, latest, ticket)
  local failure, hint
  if ran then
    failure, hint = failure_in(wait, place, said)
  else
    failure = broken("the limiter's reserve raised an error: " .. errors.words(wait))
    if ticket then guarded(limiter.settle, ticket, now, { outcome = "not_sent" }) end
  end
  if failure then
    slot.refusal = failure
    slot.call:limiter_failed()
  else
    if hint then slot.refusal = { hint = hint } end
    slot.call:reserved(wait or nil, place)
  end
end

--- Tells of an attempt, if there is something to tell. An error in there is the limiter's: the call has its answer.
-- @param now on the limiter's clock, or nil
-- @return what it raised | nil
function M.settle(limiter, slot, now)
  local ticket, outcome, retry_after, role, limit, remaining, date = slot.call:unsettled()
  if not ticket then return nil end
  local ran, wrong = guarded(limiter.settle, ticket, now or core.now(), {
    outcome = outcome, retry_after = retry_after, role = role, limit = limit, remaining = remaining, date = date,
  })
  if ran then return nil end
  return "the limiter's settle raised an error: " .. errors.words(wrong)
end

return M
