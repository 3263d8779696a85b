-- poll.lua - calls an operation until a function of the user says that it is done: for what has no waiter.

local errors = require "jdcloud.errors"
local pace = require "jdcloud.waiters.pace"

local M = {}

-- That something isn't there, or not yet, is an answer; so is a failure that may pass. Anything else is for good.
local function may_go_on(err)
  return errors.is_absence(err) or err.retryable
end

local function too_late(service, operation, calls, p, err)
  local fields = { kind = "timeout", retryable = true, service = service, operation = operation }
  fields.message = ("not done in time (%d calls in %.3g s)"):format(calls, p:elapsed())
  if err then fields.message = fields.message .. ", and " .. pace.blame(err, fields) end
  return nil, errors.new(fields)
end

--- Calls an operation again and again, first at once.
-- @param service the service, for errors
-- @param operation its name
-- @param params its parameters
-- @param until_done function(result, err) -> true, or any other value but nil and false, if it is done. Called after
--   each call: with the result; or with nil and the error, if that is the service's not_found or may pass
--   (err.retryable). Other errors end it without asking. An error that it raises goes to whoever polls
-- @param options timeout (seconds, 600), interval (seconds to the second call, 1; grows to 10); those of a call but
--   timeout, its max_wait up to the time that is left
-- @param env as of waiters.wait
-- @return the result of the last call ({} if that failed), what the function returned | nil, error: of kind timeout,
--   with what the last call said if it failed, or the error that ended it
function M.poll(service, operation, params, until_done, options, env)
  local p, calls = pace.new(options or {}, env), 0
  while true do
    local result, err = env.call(operation, params, p:call_options())
    if result then err = nil end -- what comes beside a result is its meta
    calls = calls + 1
    if not result and not may_go_on(err) then return nil, err end
    local done = until_done(result, err)
    if done then return result or {}, done end
    local slept, broken = p:sleep()
    if broken then
      broken.service, broken.operation = service, operation
      return nil, broken
    end
    if not slept then return too_late(service, operation, calls, p, err) end
  end
end

return M
