-- house.lua - a cloud over a gateway in this process, on virtual time: what most specs of the interface start from. Its
-- secret has the marker that the run searches its whole output for.

local gateway = require "jdcloud.gateway"
local transport = require "jdcloud.transport.gateway"

local M = { access_key = "AKHOUSE", secret_key = "SK-CANARY-house" }

--- Opens a house.
-- @param options of jdcloud.new, over the ones here
-- @param settings of the gateway
-- @return cloud (safe), gateway, events (a list that grows)
function M.open(options, settings)
  local given = { access_keys = { [M.access_key] = { secret = M.secret_key } } }
  for name, value in pairs(settings or {}) do given[name] = value end
  local g = gateway.new(given)
  local events = {}
  local wanted = {
    region = "cn-north-1", access_key = M.access_key, secret_key = M.secret_key,
    transport = transport(g, { virtual = true }), on_event = function(event) events[#events + 1] = event end,
  }
  for name, value in pairs(options or {}) do wanted[name] = value end
  if wanted.credentials then wanted.access_key, wanted.secret_key = nil, nil end
  local cloud = assert(require("jdcloud.safe").new(wanted))
  return cloud, g, events
end

--- The events of one kind.
function M.only(events, name)
  local found = {}
  for _, event in ipairs(events) do
    if event.event == name then found[#found + 1] = event end
  end
  return found
end

return M
