-- allowance.lua - how many calls a window has, for limiters outside of the core. A key is "access key/service" or
-- "access key/service.operation"; what is said about the name behind the slash holds for every access key.

local M = {}

local CALLS, SECONDS = 1000, 60 -- protocol.md 6

--- Makes a set of allowances.
-- @param limits { [service or service.operation] = calls a minute | { calls, seconds } } or nil, checked
-- @return function(key) -> calls, seconds; function(name, calls, seconds) that changes one
function M.new(limits)
  local known = {}
  local function set(name, calls, seconds) known[name] = { calls, seconds } end
  for name, limit in pairs(limits or {}) do
    if type(limit) == "table" then set(name, limit[1], limit[2]) else set(name, limit, SECONDS) end
  end
  local function of(key)
    local own = known[key:match("[^/]*$")]
    if own then return own[1], own[2] end
    return CALLS, SECONDS
  end
  return of, set
end

return M
