-- The disk service: disks and snapshots that live (creating, available, deleting, gone), are listed and filtered.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local attachment = require "jdcloud.gateway.attachment"
local instance = require "jdcloud.gateway.instance"
local json = require "jdcloud.json"
local paging = require "jdcloud.gateway.paging"

local M = {}

local CREATE_MAX = 100 -- disks of one call
local FOLLOWING = { creating = "available", deleting = "gone" } -- protocol.md 11.2

--- A store of disks and snapshots.
-- @param settings { ready_after = seconds that creating and deleting take, ids = function() -> 32 characters }; read
--   anew for every request
function M.new(settings)
  return {
    settings = settings,
    disks = {}, -- in the order in which they were created
    snapshots = {},
    tokens = {}, -- [region .. clientToken] = result of the first call
  }
end

-- The resources of a region that are still there; the others are forgotten.
local function alive(store, kind, region, now)
  local kept, found = {}, {}
  for _, item in ipairs(store[kind]) do
    attachment.settle(item, now)
    local status = item.view.status
    if now >= item.until_time then
      status = FOLLOWING[status] or status
    end
    item.view.status = status
    if status ~= "gone" then
      kept[#kept + 1] = item
      if item.region == region then
        found[#found + 1] = item
      end
    end
  end
  store[kind] = kept
  return found
end

local function find(store, kind, field, params, now)
  for _, item in ipairs(alive(store, kind, params.regionId, now)) do
    if item.view[field] == params[field] then
      return item
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such " .. field .. " in this region" }
end

--- A disk that is there.
-- @param store of M.new
-- @param params { regionId, diskId }
-- @param now (number) Unix seconds
-- @return { view = Disk, attachment = nil or of attachment.lua } | nil, failure { http, status, message }
function M.find(store, params, now)
  return find(store, "disks", "diskId", params, now)
end

local function add(store, kind, region, view, now)
  local list = store[kind]
  view.status, view.createTime = "creating", os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(now))
  list[#list + 1] = { view = view, region = region, until_time = now + store.settings.ready_after }
end

-- What the first call with this clientToken was answered; else what `make` makes.
local function once(store, operation, params, make)
  local token = operation .. " " .. params.regionId .. " " .. params.clientToken
  store.tokens[token] = store.tokens[token] or make()
  return store.tokens[token]
end

local function listed(store, kind, params, filters, now)
  local views = {}
  for i, item in ipairs(alive(store, kind, params.regionId, now)) do
    views[i] = item.view
  end
  local found, failure = paging.filter(paging.tagged(views, params.tags), params.filters, filters)
  if not found then
    return nil, failure
  end
  local page, page_failure = paging.page(found, params)
  return page and { [kind] = page, totalCount = #found }, page_failure
end

local function filters_of(names)
  local getters = {}
  for _, name in ipairs(names) do
    getters[name] = function(view)
      return view[name]
    end
  end
  return getters
end

local DISK_FILTERS = filters_of { "diskId", "diskType", "status", "az", "name" }
local SNAPSHOT_FILTERS = filters_of { "snapshotId", "diskId", "status", "name" }

--- Operations by name.
M.operations = {}

function M.operations.createDisks(store, params, now)
  local spec, count = params.diskSpec, params.maxCount
  if not paging.within(count, 1, CREATE_MAX) then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "maxCount is 1 to " .. CREATE_MAX }
  end
  return once(store, "disks", params, function()
    local ids = json.list {}
    for i = 1, count do
      ids[i] = "vol-" .. store.settings.ids():sub(1, 10)
      add(store, "disks", params.regionId, {
        diskId = ids[i],
        az = spec.az,
        name = count == 1 and spec.name or spec.name .. i,
        description = spec.description,
        diskType = spec.diskType,
        diskSizeGB = spec.diskSizeGB,
        attachments = json.list {},
        tags = json.list(params.userTags or {}),
        charge = instance.charge(spec.charge or { chargeMode = "postpaid_by_duration" }, now),
      }, now)
    end
    return { diskIds = ids }
  end)
end

function M.operations.describeDisks(store, params, now)
  return listed(store, "disks", params, DISK_FILTERS, now)
end

function M.operations.describeDisk(store, params, now)
  local item, failure = find(store, "disks", "diskId", params, now)
  return item and { disk = item.view }, failure
end

function M.operations.createSnapshot(store, params, now)
  local spec = params.snapshotSpec
  local disk, failure = find(store, "disks", "diskId", { regionId = params.regionId, diskId = spec.diskId }, now)
  if not disk then
    return nil, failure
  end
  return once(store, "snapshot", params, function()
    local id = "snapshot-" .. store.settings.ids():sub(1, 10)
    add(store, "snapshots", params.regionId, {
      snapshotId = id,
      diskId = spec.diskId,
      name = spec.name,
      description = spec.description,
      snapshotSizeGB = disk.view.diskSizeGB,
      snapshotSource = "self",
      images = json.list {},
    }, now)
    return { snapshotId = id }
  end)
end

function M.operations.describeSnapshots(store, params, now)
  return listed(store, "snapshots", params, SNAPSHOT_FILTERS, now)
end

function M.operations.describeSnapshot(store, params, now)
  local item, failure = find(store, "snapshots", "snapshotId", params, now)
  return item and { snapshot = item.view }, failure
end

for operation, what in pairs {
  deleteDisk = { "disks", "diskId" },
  deleteSnapshot = { "snapshots", "snapshotId" },
} do
  M.operations[operation] = function(store, params, now)
    local item, failure = find(store, what[1], what[2], params, now)
    if not item then
      return nil, failure
    elseif item.view.status ~= "available" then
      local message = "it is " .. item.view.status .. ": " .. operation .. " is not possible now"
      return nil, { http = 400, status = "FAILED_PRECONDITION", message = message }
    end
    item.view.status, item.until_time = "deleting", now + store.settings.ready_after
    return {}
  end
end

return M
