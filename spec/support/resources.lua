-- resources.lua - resources of any kind of waiters/table.lua on a clock of their own: an environment for waiters.wait
-- and poll.poll, whose operations answer as the service would, or not quite.

local errors = require "jdcloud.errors"

local M = {}
local World = {}
World.__index = World

--- Makes a world.
-- @param resource of waiters/table.lua
-- @param states id -> list of states, one a round; "gone" is a 404 and absent from lists, the last one stays
-- @return { time, round, calls = { { operation, params, options } … }, sleeps, env }; fail = function(round, operation)
--   -> error | nil; page_max, whole (filters are ignored), total = function(count), first (list calls show that many)
function M.new(resource, states)
  local world = setmetatable({
    resource = resource, states = states, time = 100, round = 1, calls = {}, sleeps = {}, ids = {},
  }, World)
  for id in pairs(states) do world.ids[#world.ids + 1] = id end
  table.sort(world.ids)
  world.env = {
    now = function() return world.time end,
    sleep = function(seconds)
      world.sleeps[#world.sleeps + 1] = seconds
      world.time, world.round = world.time + seconds, world.round + 1
    end,
    call = function(operation, params, options) return world:call(operation, params, options) end,
  }
  return world
end

--- What a resource of this state looks like.
function M.item(resource, id, state)
  local item = { [resource.id] = id }
  local part = resource.part
  if not part then
    item[resource.state] = state
  elseif state ~= part.none then
    item[part.list] = { { [part.by] = "owner", [resource.state] = state } }
  end
  return item
end

function World:item(id)
  local list = self.states[id]
  local state = list and list[math.min(self.round, #list)] or "gone"
  if state == "gone" then return nil end
  return M.item(self.resource, id, state)
end

function World:listed(params)
  local many, wanted = self.resource.many, nil
  if many.parameter then wanted = params[many.parameter] end
  for _, filter in ipairs(params.filters or {}) do
    if filter.name == many.filter then wanted = filter.values end
  end
  if self.whole or not wanted then wanted = self.ids end
  local found = {}
  for _, id in ipairs(wanted) do found[#found + 1] = self:item(id) end
  return found
end

function World:call(operation, params, options)
  self.calls[#self.calls + 1] = { operation = operation, params = params, options = options }
  local err = self.fail and self.fail(self.round, operation)
  if err then return nil, err end
  local resource = self.resource
  if operation == resource.one.operation then
    local item = self:item(params[resource.id])
    if not item then return nil, errors.new { kind = "not_found", code = 404 } end
    return { [resource.one.field] = item }
  end
  local all, page = self:listed(params), {}
  local size = math.min(params.pageSize, self.page_max or 100)
  for i = (params.pageNumber - 1) * size + 1, math.min(params.pageNumber * size, self.first or #all, #all) do
    page[#page + 1] = all[i]
  end
  local total = #all
  if self.total then total = self.total(total) end
  return { [resource.many.field] = page, totalCount = total }
end

--- How many calls of an operation there were.
function World:count(operation)
  local count = 0
  for _, call in ipairs(self.calls) do count = count + (call.operation == operation and 1 or 0) end
  return count
end

return M
