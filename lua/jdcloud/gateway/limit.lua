-- Calls per window, counted as the gateway counts them: calendar windows, one counter per access key and one per
-- operation that has a limit of its own (protocol.md 6).

local M = {}

local function take(counters, name, window)
  local counter = counters[name]
  if not counter or counter.window ~= window then
    counter = { window = window, count = 0 }
    counters[name] = counter
  end
  counter.count = counter.count + 1
  return counter.count
end

local function refusal(role)
  local message = "minute rate limit exceeded, role:" .. role .. " [gw]"
  return { http = 429, status = "HTTP_RATE_LIMIT_EXCEEDED", message = message }
end

--- Counts a call.
-- @param gate { limit = calls per window, window = seconds, operation_limits = { ["vm:describeInstances"] = calls },
--   counters = state of ours }
-- @param access_key (string)
-- @param operation (string | nil) "vm:describeInstances"
-- @param now (number) Unix seconds
-- @return allowance { limit = calls per window, remaining = calls, minute = is it one of a minute? }, failure { http,
--   status, message } | nil
function M.count(gate, access_key, operation, now)
  local window = math.floor(now / gate.window)
  local used = take(gate.counters, "ak " .. access_key, window)
  local allowance = { limit = gate.limit, remaining = math.max(0, gate.limit - used), minute = gate.window == 60 }
  if used > gate.limit then
    return allowance, refusal("ak")
  end
  local own = operation and gate.operation_limits[operation]
  if own and take(gate.counters, "api " .. operation, window) > own then
    return allowance, refusal("api")
  end
  return allowance
end

return M
