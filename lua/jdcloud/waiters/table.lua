-- waiters/table.lua - what can be waited for, by service: data only, read by waiters.lua.
--
--   resource   id = the parameter and the field of its id; state = the field of its state
--              one = the operation that describes one of them, and the field of its result
--              many = the operation that lists them, and the field of its result; they are asked for by a filter's
--                name or by a list parameter; without either the whole list is read. with = filters that go along
--              part = the state is that of the items of a list of the resource (see attachment)
--              states = those of protocol.md 11.2; more = others, which the products' documents or SDKs name or which
--                follow from their operations (inferred)
--   waiter     { resource, done = states, failed = states, gone = true }: the states that end it well and ill, and
--              whether it is what is waited for that the resource isn't there any more. Every other state is on the
--              way, and so is none at all and one that isn't known here: new ones come up. Case doesn't count.
--
-- All take 100 ids or items in one call. Pages are pageNumber and pageSize, the count is totalCount, everywhere.

local instance = {
  id = "instanceId", state = "status",
  one = { operation = "describeInstance", field = "instance" },
  many = { operation = "describeInstances", field = "instances", filter = "instanceId" },
  states = "pending starting running stopping stopped deleting rebooting rebuilding resizing terminated error",
}
local image = {
  id = "imageId", state = "status",
  one = { operation = "describeImage", field = "image" },
  many = { operation = "describeImages", field = "images", parameter = "ids" },
  states = "ready error", more = "pending deleting",
}

local disk = {
  id = "diskId", state = "status",
  one = { operation = "describeDisk", field = "disk" },
  many = { operation = "describeDisks", field = "disks", filter = "diskId" },
  states = "creating available deleting deleted in-use extending restoring error_create error_delete error_restore "
    .. "error_extend in-recyclebin",
}
-- The state is that of the attachment to the instance that is named (`instanceId`, optional), or that of all; it is
-- that of `none` where there is none.
local attachment = {
  id = "diskId", state = "status", part = { list = "attachments", by = "instanceId", none = "detached" },
  one = disk.one, many = disk.many,
  states = "attaching attached detaching detached error_attach error_detach",
}
local snapshot = {
  id = "snapshotId", state = "status",
  one = { operation = "describeSnapshot", field = "snapshot" },
  many = { operation = "describeSnapshots", field = "snapshots", filter = "snapshotId" },
  states = "creating available deleting in-use error_create error_delete", more = "copying",
}
local DISK_LOST = "deleting deleted error_create error_delete error_restore error_extend in-recyclebin"

-- Without the second filter only standard addresses are listed, not those of edge zones.
local ELASTIC_IPS = {
  operation = "describeElasticIps", field = "elasticIps", filter = "elasticIpIds",
  with = { { name = "ipType", values = { "all" } } },
}
local ELASTIC_IP = { operation = "describeElasticIp", field = "elasticIp" }
local elastic_ip = {
  id = "elasticIpId", state = "state", one = ELASTIC_IP, many = ELASTIC_IPS, states = "UP DOWN PROCESSING",
}
local association = {
  id = "elasticIpId", state = "status", one = ELASTIC_IP, many = ELASTIC_IPS, states = "ASSOCIATED NOT_ASSOCIATED",
}
local interface = {
  id = "networkInterfaceId", state = "attachmentStatus",
  one = { operation = "describeNetworkInterface", field = "networkInterface" },
  many = { operation = "describeNetworkInterfaces", field = "networkInterfaces", filter = "networkInterfaceIds" },
  states = "attached detached", more = "attaching detaching",
}

-- Its documents don't say that the filter takes several ids, so the whole list is read.
local database = {
  id = "instanceId", state = "instanceStatus",
  one = { operation = "describeInstanceAttributes", field = "dbInstanceAttributes" },
  many = { operation = "describeInstances", field = "dbInstances" },
  states = "BUILDING RUNNING MIGRATING DELETING DELETED",
  more = "FAILOVER RESTORING DB_RESTORING GROWING_CLUSTER SHRINKING_CLUSTER REBOOTING BUILD_ERROR DELETE_ERROR "
    .. "FAILOVER_ERROR RESTORE_ERROR DB_RESTOR_ERROR MIGRATE_ERROR REBOOT_ERROR",
}
local DATABASE_LOST = "DELETING DELETED BUILD_ERROR DELETE_ERROR FAILOVER_ERROR RESTORE_ERROR DB_RESTOR_ERROR "
  .. "MIGRATE_ERROR REBOOT_ERROR"

local cache = {
  id = "cacheInstanceId", state = "cacheInstanceStatus",
  one = { operation = "describeCacheInstance", field = "cacheInstance" },
  many = { operation = "describeCacheInstances", field = "cacheInstances", filter = "cacheInstanceId" },
  states = "creating changing configuring restoring upgrading running deleting", more = "error",
}

local search = {
  id = "instanceId", state = "instanceStatus",
  one = { operation = "describeInstance", field = "instance" },
  many = { operation = "describeInstances", field = "instances", filter = "instanceId" },
  states = "creating changing processing running stop error", more = "backing configuring deleting",
}
local queue = {
  id = "instanceId", state = "instanceStatus", one = search.one, many = search.many,
  states = "creating changing processing running stop error", more = "deleting",
}

local cluster = {
  id = "clusterId", state = "clusterState",
  one = { operation = "describeCluster", field = "cluster" },
  many = { operation = "describeClusters", field = "clusters", filter = "id" },
  states = "pending reconciling running deleting deleted error",
}
local node_group = {
  id = "nodeGroupId", state = "state",
  one = { operation = "describeNodeGroup", field = "nodeGroup" },
  many = { operation = "describeNodeGroups", field = "nodeGroups", filter = "id" },
  states = "pending reconciling running deleting deleted error resizing running_with_error",
}

local file_system = {
  id = "fileSystemId", state = "status",
  one = { operation = "describeFileSystem", field = "fileSystem" },
  many = { operation = "describeFileSystems", field = "fileSystems", filter = "fileSystemId" },
  states = "creating available in-use deleting", more = "error",
}
local mount_target = {
  id = "mountTargetId", state = "status",
  one = { operation = "describeMountTarget", field = "mountTarget" },
  many = { operation = "describeMountTargets", field = "mountTargets", filter = "mountTargetId" },
  states = "", more = "creating available deleting error",
}

return {
  vm = {
    instance_running = { instance, done = "running", failed = "deleting terminated error" },
    instance_stopped = { instance, done = "stopped", failed = "deleting terminated error" },
    instance_deleted = { instance, done = "terminated", failed = "", gone = true },
    image_ready = { image, done = "ready", failed = "error deleting" },
    image_deleted = { image, done = "", failed = "", gone = true },
  },
  disk = {
    disk_available = { disk, done = "available", failed = DISK_LOST },
    disk_in_use = { disk, done = "in-use", failed = DISK_LOST },
    -- In the recycle bin it still costs money and can be restored: that isn't deleted, and has a waiter of its own.
    disk_deleted = { disk, done = "deleted", failed = "error_delete", gone = true },
    disk_recycled = { disk, done = "in-recyclebin deleted", failed = "error_delete", gone = true },
    disk_attached = { attachment, done = "attached", failed = "error_attach" },
    disk_detached = { attachment, done = "detached", failed = "error_detach" },
    -- A snapshot in use is whole: a disk is being made from it.
    snapshot_available = { snapshot, done = "available in-use", failed = "deleting error_create error_delete" },
    snapshot_deleted = { snapshot, done = "", failed = "error_delete", gone = true },
  },
  vpc = {
    elastic_ip_up = { elastic_ip, done = "UP", failed = "" },
    elastic_ip_associated = { association, done = "ASSOCIATED", failed = "" },
    elastic_ip_disassociated = { association, done = "NOT_ASSOCIATED", failed = "" },
    elastic_ip_deleted = { elastic_ip, done = "", failed = "", gone = true },
    network_interface_attached = { interface, done = "attached", failed = "" },
    network_interface_detached = { interface, done = "detached", failed = "" },
    network_interface_deleted = { interface, done = "", failed = "", gone = true },
  },
  rds = {
    instance_running = { database, done = "RUNNING", failed = DATABASE_LOST },
    instance_deleted = { database, done = "DELETED", failed = "DELETE_ERROR", gone = true },
  },
  redis = {
    cache_instance_running = { cache, done = "running", failed = "deleting error" },
    cache_instance_deleted = { cache, done = "", failed = "", gone = true },
  },
  es = {
    instance_running = { search, done = "running", failed = "stop error deleting" },
    instance_deleted = { search, done = "", failed = "", gone = true },
  },
  kafka = {
    instance_running = { queue, done = "running", failed = "stop error deleting" },
    instance_deleted = { queue, done = "", failed = "", gone = true },
  },
  kubernetes = {
    cluster_running = { cluster, done = "running", failed = "deleting deleted error" },
    cluster_deleted = { cluster, done = "deleted", failed = "", gone = true },
    -- running_with_error: some of its nodes don't run.
    node_group_running = { node_group, done = "running", failed = "running_with_error deleting deleted error" },
    node_group_deleted = { node_group, done = "deleted", failed = "", gone = true },
  },
  zfs = {
    -- A file system in use has mount targets.
    file_system_available = { file_system, done = "available in-use", failed = "deleting error" },
    file_system_deleted = { file_system, done = "", failed = "", gone = true },
    mount_target_available = { mount_target, done = "available", failed = "deleting error" },
    mount_target_deleted = { mount_target, done = "", failed = "", gone = true },
  },
}
