-- names.lua - the operations that a user of the gateway names: a misspelt one would be a fault, a limit or a handler
-- that never comes.

local nearest = require "jdcloud.nearest"

local M = {}

-- A dot for the colon is how limits of a cloud and audit logs write it.
local function with_colon(registry, name)
  local service, operation = name:match("^([%w_]+)%.([%w_]+)$")
  local model = service and registry:model(service)
  return model and model:has(operation) and service .. ":" .. operation or nil
end

--- Is there this operation?
-- @param registry of models (models.lua)
-- @param name (string) "disk:createSnapshots"
-- @return true | nil, message with the nearest names
function M.check(registry, name)
  local service, operation = tostring(name):match("^([^:]*):(.*)$")
  if not service then
    local meant = with_colon(registry, tostring(name))
    return nil, ('"%s" names no operation: they are written like "%s"'):format(tostring(name),
      meant or "vm:describeInstances")
  end
  local model, message = registry:service(service)
  if not model then
    return nil, message
  end
  local found
  found, message = model:operation(operation)
  return found and true, message
end

--- The same for a name that may stand without its service, "createSnapshots": then some service has to have it.
function M.check_short(registry, name)
  if name:find("[:.]") then
    return M.check(registry, name)
  end
  local known, seen = {}, {}
  for _, service in ipairs(registry:services()) do
    local model = registry:model(service)
    if model:has(name) then
      return true
    end
    for _, operation in ipairs(model:operations()) do
      if not seen[operation] then
        known[#known + 1], seen[operation] = operation, true
      end
    end
  end
  return nil, ('no service has an operation "%s"%s'):format(name, nearest.suggest(name, known))
end

return M
