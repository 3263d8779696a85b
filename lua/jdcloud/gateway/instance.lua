-- One instance of vm: how it is made, what it costs, and the states that it goes through by itself.

local json = require "jdcloud.json"

local M = {}

-- What follows a state that passes by itself (protocol.md 11.2).
local FOLLOWING = {
  pending = "running",
  starting = "running",
  rebooting = "running",
  stopping = "stopped",
  deleting = "gone",
}

-- What an action turns which states into.
local ACTIONS = {
  startInstance = { stopped = "starting" },
  stopInstance = { running = "stopping" },
  rebootInstance = { running = "rebooting" },
  deleteInstance = { running = "deleting", stopped = "deleting" },
}

local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function iso(t)
  return ("%04d-%02d-%02dT%02d:%02d:%02dZ"):format(t.year, t.month, t.day, t.hour, t.min, t.sec)
end

local function days_of(year, month)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return month == 2 and leap and 29 or MONTH_DAYS[month]
end

local function later(t, months)
  local month = t.month - 1 + months
  t.year, t.month = t.year + math.floor(month / 12), month % 12 + 1
  t.day = math.min(t.day, days_of(t.year, t.month))
  return t
end

--- What a resource shows of its payment.
-- @param spec ChargeSpec with a chargeMode
-- @param now (number) Unix seconds
-- @return Charge
function M.charge(spec, now)
  local start, expired = os.date("!*t", math.floor(now)), ""
  if spec.chargeMode == "prepaid_by_duration" then
    local months = (spec.chargeDuration or 1) * (spec.chargeUnit == "year" and 12 or 1)
    expired = iso(later(os.date("!*t", math.floor(now)), months))
  end
  return {
    chargeMode = spec.chargeMode,
    chargeStatus = "normal",
    chargeStartTime = iso(start),
    chargeExpiredTime = expired, -- empty for postpaid (protocol.md 8)
    chargeRetireTime = expired,
  }
end

local function interface_of(spec, id, ip)
  local attachment = spec.primaryNetworkInterface or {}
  local wanted = attachment.networkInterface or {}
  return {
    autoDelete = true,
    deviceIndex = 1,
    networkInterface = {
      networkInterfaceId = id:gsub("^i", "port"),
      subnetId = wanted.subnetId or "subnet-default",
      vpcId = "vpc-default",
      primaryIp = { privateIpAddress = wanted.primaryIpAddress or ip },
      secondaryIps = json.list {},
    },
  }
end

--- Makes an instance.
-- @param facts { id, name, ip, spec = InstanceSpec with a chargeMode, now = Unix seconds, ready_after = seconds that
--   each passing state takes }
-- @return { view = Instance as the API shows it, until_time, ready_after }
function M.new(facts)
  local spec = facts.spec
  local interface = interface_of(spec, facts.id, facts.ip)
  local view = {
    instanceId = facts.id,
    instanceName = facts.name,
    description = spec.description,
    hostname = spec.hostname or facts.name,
    instanceType = spec.instanceType or "g.n2.medium",
    imageId = spec.imageId or "img-default",
    osType = "linux",
    az = spec.az,
    vpcId = interface.networkInterface.vpcId,
    subnetId = interface.networkInterface.subnetId,
    privateIpAddress = interface.networkInterface.primaryIp.privateIpAddress,
    primaryNetworkInterface = interface,
    secondaryNetworkInterfaces = json.list {},
    dataDisks = json.list {},
    keyNames = json.list(spec.keyNames or {}),
    tags = json.list(spec.userTags or {}),
    launchTime = iso(os.date("!*t", math.floor(facts.now))),
    charge = M.charge(spec.charge, facts.now),
    status = "pending",
  }
  return { view = view, ready_after = facts.ready_after, until_time = facts.now + facts.ready_after }
end

--- Lets time pass for an instance.
-- @param instance of M.new
-- @param now (number) Unix seconds
-- @return (string) its state; "gone" if it is no more
function M.state(instance, now)
  local view = instance.view
  if FOLLOWING[view.status] and now >= instance.until_time then
    view.status = FOLLOWING[view.status]
  end
  return view.status
end

--- Begins an action.
-- @param instance of M.new, not gone
-- @param action (string) "startInstance", "stopInstance", "rebootInstance" or "deleteInstance"
-- @param now (number) Unix seconds
-- @return true | nil if its state does not allow it
function M.act(instance, action, now)
  local following = ACTIONS[action][M.state(instance, now)]
  if not following then
    return nil
  end
  instance.view.status, instance.until_time = following, now + instance.ready_after
  return true
end

return M
