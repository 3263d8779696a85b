-- The vm service: instances that live (pending, running, stopping, stopped, gone), are listed, filtered and charged.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local attachment = require "jdcloud.gateway.attachment"
local core = require "jdcloud.core"
local disks = require "jdcloud.gateway.disk"
local instance = require "jdcloud.gateway.instance"
local paging = require "jdcloud.gateway.paging"
local json = require "jdcloud.json"

local M = {}

local CREATE_MAX = 100 -- instances of one call

local TYPES = {
  { instanceType = "g.n2.medium", family = "g.n2", cpu = 1, memoryMB = 4096, nicLimit = 2, desc = "General purpose" },
  { instanceType = "g.n2.large", family = "g.n2", cpu = 2, memoryMB = 8192, nicLimit = 3, desc = "General purpose" },
  { instanceType = "c.n2.large", family = "c.n2", cpu = 2, memoryMB = 4096, nicLimit = 3, desc = "Compute" },
  { instanceType = "m.n2.large", family = "m.n2", cpu = 2, memoryMB = 16384, nicLimit = 3, desc = "Memory" },
}

local function invalid(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

local function zones_of(region)
  local zones = {}
  for _, zone in ipairs(core.enums.zone) do
    if core.enums.region[zone.parent].text == region then
      zones[#zones + 1] = zone.text
    end
  end
  return zones
end

local function is_zone_of(region, text)
  for _, zone in ipairs(zones_of(region)) do
    if zone == text then
      return true
    end
  end
  return false
end

--- A store of instances.
-- @param settings { ready_after = seconds that pending, stopping and the like take, quota = instances of one region,
--   ids = function() -> 32 characters, for the ids of instances, stores = { disk = store of disk.lua } }; read anew
--   for every request
function M.new(settings)
  return {
    settings = settings,
    instances = {}, -- in the order in which they were created
    tokens = {}, -- [region .. clientToken] = ids that the first call created
    created = 0,
  }
end

local function alive(store, region, now)
  local kept, found = {}, {}
  for _, item in ipairs(store.instances) do
    attachment.settle_all(item, now)
    if instance.state(item, now) ~= "gone" then
      kept[#kept + 1] = item
      if item.region == region then
        found[#found + 1] = item
      end
    end
  end
  store.instances = kept
  return found
end

local function find(store, params, now)
  for _, item in ipairs(alive(store, params.regionId, now)) do
    if item.view.instanceId == params.instanceId then
      return item
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such instance in this region" }
end

local function create_one(store, params, spec, name, now)
  store.created = store.created + 1
  local number = store.created
  local item = instance.new {
    id = "i-" .. store.settings.ids():sub(1, 10),
    ip = ("10.0.%d.%d"):format(math.floor(number / 250) % 256, number % 250 + 4),
    name = name,
    spec = spec,
    now = now,
    ready_after = store.settings.ready_after,
  }
  item.region = params.regionId
  store.instances[#store.instances + 1] = item
  return item.view.instanceId
end

local function allowed(store, params, count, now)
  local spec = params.instanceSpec
  if not paging.within(count, 1, CREATE_MAX) then
    return invalid("maxCount is 1 to " .. CREATE_MAX)
  elseif not is_zone_of(params.regionId, spec.az) then
    return invalid("instanceSpec.az is not a zone of this region")
  elseif #alive(store, params.regionId, now) + count > store.settings.quota then
    return nil, { http = 429, status = "QUOTA_EXCEEDED", message = "quota of instances exceeded" }
  end
  return true
end

--- Operations by name.
M.operations = {}

function M.operations.createInstances(store, params, now)
  local token = params.clientToken and params.regionId .. " " .. params.clientToken
  if token and store.tokens[token] then
    return { instanceIds = store.tokens[token] }
  end
  local spec, count = params.instanceSpec, params.maxCount or 1
  local good, failure = allowed(store, params, count, now)
  if not good then
    return nil, failure
  end
  spec.charge = spec.charge or { chargeMode = "postpaid_by_duration" } -- the API's default (protocol.md 8)
  local ids = json.list {}
  for i = 1, count do
    ids[i] = create_one(store, params, spec, count == 1 and spec.name or spec.name .. i, now)
  end
  if token then
    store.tokens[token] = ids
  end
  return { instanceIds = ids }
end

local function get(field)
  return function(item)
    return item[field]
  end
end

local FILTERS = {
  instanceId = get "instanceId",
  name = get "instanceName",
  status = get "status",
  az = get "az",
  instanceType = get "instanceType",
  imageId = get "imageId",
  vpcId = get "vpcId",
  subnetId = get "subnetId",
  privateIpAddress = get "privateIpAddress",
  chargeMode = function(item)
    return item.charge.chargeMode
  end,
}

local function listed(store, params, now)
  local views = {}
  for i, item in ipairs(alive(store, params.regionId, now)) do
    views[i] = item.view
  end
  local found, failure = paging.filter(paging.tagged(views, params.tags), params.filters, FILTERS)
  if not found then
    return nil, failure
  end
  local page, page_failure = paging.page(found, params)
  return page, page_failure or #found
end

function M.operations.describeInstances(store, params, now)
  local page, total = listed(store, params, now)
  if not page then
    return nil, total
  end
  return { instances = page, totalCount = total }
end

function M.operations.describeInstanceStatus(store, params, now)
  local page, total = listed(store, params, now)
  if not page then
    return nil, total
  end
  local statuses = json.list {}
  for i, view in ipairs(page) do
    statuses[i] = { instanceId = view.instanceId, status = view.status }
  end
  return { instanceStatuses = statuses, totalCount = total }
end

function M.operations.describeInstance(store, params, now)
  local item, failure = find(store, params, now)
  return item and { instance = item.view }, failure
end

function M.operations.modifyInstanceAttribute(store, params, now)
  local item, failure = find(store, params, now)
  if not item then
    return nil, failure
  elseif not params.name and not params.description and not params.hostname then
    return invalid("name, description or hostname is needed")
  end
  local view = item.view
  view.instanceName = params.name or view.instanceName
  view.description = params.description or view.description
  view.hostname = params.hostname or view.hostname
  return {}
end

local function unfit(what, status, action)
  local message = ("the %s is %s: %s is not possible now"):format(what, status, action)
  return nil, { http = 400, status = "FAILED_PRECONDITION", message = message }
end

-- Both of the instance and the disk, or a failure.
local function find_both(store, params, now)
  local item, failure = find(store, params, now)
  local disk
  if item then
    disk, failure = disks.find(store.settings.stores.disk, params, now)
  end
  return disk and item, disk or failure
end

function M.operations.attachDisk(store, params, now)
  local item, disk = find_both(store, params, now)
  if not item then
    return nil, disk
  elseif disk.view.az ~= item.view.az then
    return invalid("the disk is not in the zone of the instance")
  elseif item.view.status ~= "running" and item.view.status ~= "stopped" then
    return unfit("instance", item.view.status, "attachDisk")
  elseif disk.view.status ~= "available" then
    return unfit("disk", disk.view.status, "attachDisk")
  end
  attachment.attach(item, disk, params, now, now + store.settings.ready_after)
  return {}
end

function M.operations.detachDisk(store, params, now)
  local item, disk = find_both(store, params, now)
  if not item then
    return nil, disk
  elseif not disk.attachment or disk.attachment.instance ~= item then
    return nil, { http = 404, status = "NOT_FOUND", message = "the disk is not attached to this instance" }
  elseif disk.attachment.at_disk.status ~= "attached" then
    return unfit("disk", disk.attachment.at_disk.status, "detachDisk")
  end
  attachment.detach(disk, now + store.settings.ready_after)
  return {}
end

for _, action in ipairs { "startInstance", "stopInstance", "rebootInstance", "deleteInstance" } do
  M.operations[action] = function(store, params, now)
    local item, failure = find(store, params, now)
    if not item then
      return nil, failure
    end
    if not instance.act(item, action, now) then
      return unfit("instance", item.view.status, action)
    elseif action == "deleteInstance" then
      attachment.detach_all(item, item.until_time)
    end
    return {}
  end
end

function M.operations.describeInstanceTypes(_, params)
  local found, failure = paging.filter(TYPES, params.filters, { instanceTypes = get "instanceType" })
  if not found then
    return nil, failure
  end
  local types = json.list {}
  for i, known in ipairs(found) do
    local copy = { state = json.list {} }
    for name, value in pairs(known) do
      copy[name] = value
    end
    for j, zone in ipairs(zones_of(params.regionId)) do
      copy.state[j] = { az = zone, inStock = true }
    end
    types[i] = copy
  end
  return { instanceTypes = types, totalCount = #types }
end

function M.operations.describeQuotas(store, params, now)
  local used = #alive(store, params.regionId, now)
  return { quotas = json.list { { resourceType = "instance", limit = store.settings.quota, used = used } } }
end

-- Other services take any region that looks like one; this one has zones only in those that are known.
for name, act in pairs(M.operations) do
  M.operations[name] = function(store, params, now)
    if #zones_of(params.regionId) == 0 then
      return invalid("regionId is not a region")
    end
    return act(store, params, now)
  end
end

return M
