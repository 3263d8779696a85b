-- Disks on instances: what attachDisk and detachDisk of vm do to both, and the states that an attachment goes through
-- by itself. It is kept at the disk, which has at most one here; the instance knows its disks, in the order of its
-- view.

local json = require "jdcloud.json"

local M = {}

-- The first name that no disk of the instance has; vda is the system disk. nil if all are taken.
local function free_name(instance)
  local taken = {}
  for _, data_disk in ipairs(instance.view.dataDisks) do
    taken[data_disk.deviceName or ""] = true
  end
  for letter in ("bcdefghijklmnopqrstuvwxyz"):gmatch(".") do
    if not taken["vd" .. letter] then
      return "vd" .. letter
    end
  end
end

local function set_status(attached, status)
  attached.at_disk.status, attached.at_instance.status = status, status
end

local function forget(disk)
  local attached = disk.attachment
  local instance = attached.instance
  for i, other in ipairs(instance.disks) do
    if other == disk then
      table.remove(instance.disks, i)
      table.remove(instance.view.dataDisks, i)
      break
    end
  end
  disk.view.attachments, disk.attachment = json.list {}, nil
  disk.view.status = attached.deletes and "gone" or "available"
end

--- Lets time pass for the attachment of a disk (protocol.md 11.2).
-- @param disk of disk.lua
-- @param now (number) Unix seconds
function M.settle(disk, now)
  local attached = disk.attachment
  if not attached or now < attached.until_time then
    return
  elseif attached.at_disk.status == "attaching" then
    set_status(attached, "attached")
  elseif attached.at_disk.status == "detaching" then
    forget(disk)
  end
end

--- Lets time pass for all disks of an instance.
-- @param instance of instance.lua
function M.settle_all(instance, now)
  for i = #(instance.disks or {}), 1, -1 do
    M.settle(instance.disks[i], now)
  end
end

--- Begins to attach a disk that is available.
-- @param instance of instance.lua
-- @param disk of disk.lua
-- @param params of attachDisk
-- @param now (number) Unix seconds
-- @param until_time (number) when it is attached
function M.attach(instance, disk, params, now, until_time)
  local data_disks = instance.view.dataDisks
  local attached = {
    instance = instance,
    until_time = until_time,
    at_disk = {
      attachmentId = (disk.view.diskId:gsub("^vol", "attachment")),
      diskId = disk.view.diskId,
      instanceId = instance.view.instanceId,
      instanceType = "vm",
      attachTime = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(now)),
    },
    at_instance = {
      autoDelete = params.autoDelete == true,
      cloudDisk = disk.view,
      deviceName = params.deviceName or free_name(instance),
      diskCategory = "cloud",
    },
  }
  set_status(attached, "attaching")
  instance.disks = instance.disks or {}
  instance.disks[#instance.disks + 1], data_disks[#data_disks + 1] = disk, attached.at_instance
  disk.attachment, disk.view.attachments, disk.view.status = attached, json.list { attached.at_disk }, "in-use"
end

--- Begins to detach a disk.
-- @param disk of disk.lua that is attached
-- @param until_time (number) Unix seconds when it is detached
function M.detach(disk, until_time)
  disk.attachment.until_time = until_time
  set_status(disk.attachment, "detaching")
end

--- Detaches all disks of an instance that is being deleted; those that are to be deleted with it are.
-- @param instance of instance.lua
-- @param until_time (number) Unix seconds when it is gone
function M.detach_all(instance, until_time)
  for _, disk in ipairs(instance.disks or {}) do
    disk.attachment.deletes = disk.attachment.at_instance.autoDelete
    M.detach(disk, until_time)
  end
end

return M
