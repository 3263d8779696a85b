-- Which operation a request means: the service from the host or from the Credential, the operation from method and
-- path through the models. Nothing here knows a service by name.

local canonical = require "jdcloud.gateway.canonical"
local models = require "jdcloud.models"

local M = {}

-- "/regions/{regionId}/instances/{instanceId}:stopInstance" as a pattern for canonical paths, the names of its
-- placeholders, and the number of literal characters, by which the more specific of two routes is known.
local function compile(operation)
  local template, names, literals = "/" .. operation.version .. operation.path, {}, 0
  local pattern = template:gsub("([^{]*)(%b{})", function(literal, placeholder)
    names[#names + 1] = placeholder:sub(2, -2)
    return literal .. "\1"
  end)
  pattern = pattern:gsub("[^\1]+", function(literal)
    literals = literals + #literal
    return (literal:gsub("[^/]+", canonical.encode):gsub("%p", "%%%0"))
  end)
  return {
    operation = operation,
    method = operation.method,
    pattern = "^" .. pattern:gsub("\1", "([^/]+)") .. "$",
    names = names,
    literals = literals,
  }
end

local function compile_all(model)
  local routes = {}
  for _, name in ipairs(model:operations()) do
    routes[#routes + 1] = compile(model:operation(name))
  end
  table.sort(routes, function(a, b)
    if a.literals ~= b.literals then
      return a.literals > b.literals
    end
    return a.operation.name < b.operation.name
  end)
  return routes
end

-- The routes of a service; a name of none is remembered too, since looking for one that is near takes time.
local function routes_of(cache, name)
  if not name or not name:find("^%l%w*$") then
    return nil
  end
  if cache[name] == nil then
    local model = models.service(name)
    cache[name] = model and compile_all(model) or false
  end
  return cache[name] or nil
end

local function match(routes, method, path)
  for _, route in ipairs(routes) do
    local values = route.method == method and { path:match(route.pattern) } or {}
    if values[1] then
      local found = {}
      for i, name in ipairs(route.names) do
        found[name] = canonical.decode(values[i])
      end
      return route.operation, found
    end
  end
  return nil
end

--- Finds the operation of a request. The host's first label decides the service if there is one of that name and it has
-- such a route, else the Credential's service (protocol.md 1.9): monitorcm answers on monitor's host.
-- @param cache (table) compiled routes by service; filled here
-- @param request { method, target } as it arrived
-- @param host (string | nil) the Host header
-- @param service (string | nil) the Credential's service
-- @return operation of the model, { [placeholder] = decoded value } | nil
function M.find(cache, request, host, service)
  local method, path = request.method:upper(), canonical.path(request.target)
  local routes = routes_of(cache, host and host:match("^[^.:]+"))
  local operation, values
  if routes then
    operation, values = match(routes, method, path)
  end
  if operation then
    return operation, values
  end
  routes = routes_of(cache, service)
  if not routes then
    return nil
  end
  return match(routes, method, path)
end

return M
