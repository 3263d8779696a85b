-- allowance.lua - how many calls a window has, for limiters outside of the core, and the windows that they keep. A key
-- is "access key/service" or "access key/service.operation"; what is said about the name behind the slash holds for
-- every access key.

local M = {}

local CALLS, SECONDS = 1000, 60 -- protocol.md 6
local WINDOWS = 256 -- kept ready at most; those that are in use are made anew

local function set_all(limits)
  local known = {}
  for name, limit in pairs(limits or {}) do
    known[name] = type(limit) == "table" and { limit[1], limit[2] } or { limit, SECONDS }
  end
  return known
end

--- The windows of a limiter, each made when it is needed first.
-- @param limits { [service or service.operation] = calls a minute | { calls, seconds } } or nil, checked
-- @param make function(key, calls, seconds, was it set, not the default?) -> window
-- @return function(key) -> window; function(name, calls, seconds) that sets a limit, for windows to come: all are made
--   anew; function() -> { [key] = window }
function M.windows(limits, make)
  local known, windows, kept = set_all(limits), {}, 0

  local function window_of(key)
    local window = windows[key]
    if window then return window end
    if kept == WINDOWS then windows, kept = {}, 0 end
    local own = known[key:match("[^/]*$")]
    window = make(key, own and own[1] or CALLS, own and own[2] or SECONDS, own ~= nil)
    windows[key], kept = window, kept + 1
    return window
  end

  local function limit(name, calls, seconds)
    known[name] = { calls, seconds }
    windows, kept = {}, 0
  end

  return window_of, limit, function() return windows end
end

return M
