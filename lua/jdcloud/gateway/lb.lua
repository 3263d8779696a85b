-- The lb service: listeners of load balancers and the certificates that they show.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local json = require "jdcloud.json"
local paging = require "jdcloud.gateway.paging"

local M = {}

local CHANGEABLE = {
  "backendId",
  "certificateSpecs",
  "connectionIdleTimeSeconds",
  "description",
  "hstsEnable",
  "hstsMaxAge",
  "limitation",
  "listenerName",
  "securityPolicyId",
  "status",
  "urlMapId",
}

--- A store of listeners.
-- @param settings { ids = function() -> 32 characters }
function M.new(settings)
  return { settings = settings, listeners = {} }
end

local function of_region(store, params)
  local found = {}
  for _, item in ipairs(store.listeners) do
    if item.region == params.regionId then
      found[#found + 1] = item.view
    end
  end
  return found
end

local function find(store, params)
  for _, view in ipairs(of_region(store, params)) do
    if view.listenerId == params.listenerId then
      return view
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such listener in this region" }
end

local function assign(view, params)
  for _, name in ipairs(CHANGEABLE) do
    if params[name] ~= nil then
      view[name] = params[name]
    end
  end
  return view
end

local function get(field)
  return function(view)
    return view[field]
  end
end

local FILTERS = {
  listenerIds = get "listenerId",
  listenerNames = get "listenerName",
  loadBalancerId = get "loadBalancerId",
}

--- Operations by name.
M.operations = {}

function M.operations.createListener(store, params, now)
  local secure = params.protocol == "Https" or params.protocol == "Tls"
  if secure and not (params.certificateSpecs and params.certificateSpecs[1]) then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "certificateSpecs is needed with this protocol" }
  end
  local view = assign({
    listenerId = "listener-" .. store.settings.ids():sub(1, 10),
    loadBalancerId = params.loadBalancerId,
    protocol = params.protocol,
    port = params.port,
    status = "On",
    createdTime = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(now)),
    certificateSpecs = json.list {},
    extensionCertificateSpecs = json.list {},
  }, params)
  store.listeners[#store.listeners + 1] = { region = params.regionId, view = view }
  return { listenerId = view.listenerId }
end

function M.operations.describeListeners(store, params)
  local found, failure = paging.filter(of_region(store, params), params.filters, FILTERS)
  if not found then
    return nil, failure
  end
  local page, page_failure = paging.page(found, params)
  return page and { listeners = page, totalCount = #found }, page_failure
end

function M.operations.describeListener(store, params)
  local view, failure = find(store, params)
  return view and { listener = view }, failure
end

function M.operations.updateListener(store, params)
  local view, failure = find(store, params)
  if not view then
    return nil, failure
  end
  assign(view, params)
  return {}
end

return M
