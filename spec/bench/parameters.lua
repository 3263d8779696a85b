-- parameters.lua - what it costs to check the parameters of a call and to build its request, without the signature.

local json = require "jdcloud.json"
local measure = require "bench.measure"
local models = require "jdcloud.models"
local request = require "jdcloud.request"

local CALLS = 2000

local FILTERED = {
  pageNumber = 1, pageSize = 100, filters = {
    { name = "status", operator = "eq", values = { "running", "stopped" } },
    { name = "vpcId", operator = "eq", values = { "vpc-z9xu06hv0u" } },
  },
}

local function disk(name)
  return {
    diskCategory = "cloud", autoDelete = true, deviceName = name, cloudDiskSpec = {
      az = "cn-north-1a", name = "data-" .. name, description = "of a web server", diskType = "ssd.gp1",
      diskSizeGB = 200, encrypt = false, iops = 3000, multiAttachable = false,
    },
  }
end

-- Every part of an InstanceSpec that a program is likely to give.
local CREATED = {
  maxCount = 3, instanceSpec = {
    name = "web", az = "cn-north-1a", instanceType = "g.n3.large", imageId = "img-chn8lfcn6j", hostname = "web",
    description = "web servers, made by a script", password = "Example-0001", keyNames = { "key-of-mine" },
    charge = { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1, autoRenew = true },
    primaryNetworkInterface = {
      autoDelete = true, deviceIndex = 0, networkInterface = {
        subnetId = "subnet-fwphvpl7l4", az = "cn-north-1a", primaryIpAddress = "10.0.0.8", sanityCheck = 1,
        securityGroups = { "sg-hk9v3f3s5b", "sg-ixkgz6vd6l" },
      },
    },
    elasticIp = {
      bandwidthMbps = 10, provider = "bgp", chargeSpec = { chargeMode = "postpaid_by_usage" },
    },
    systemDisk = {
      diskCategory = "cloud", cloudDiskSpec = { az = "cn-north-1a", name = "system", diskType = "ssd.gp1",
        diskSizeGB = 40 },
    },
    dataDisks = { disk "vdb", disk "vdc" },
    userTags = { { key = "team", value = "web" }, { key = "stage", value = "production" } },
    userdata = { { key = "launch-script", value = ("echo hello; "):rep(20) } },
    metadata = { { key = "role", value = "web" } },
  },
}

local function builder(operation, parameters)
  local op = assert(models.service("vm")):operation(operation)
  local options = { region = "cn-north-1", validate = true }
  local built, problems = request.build(op, parameters, options)
  assert(built, problems and json.encode(problems))
  return function() request.build(op, parameters, options) end, #(built.query or built.body)
end

return function()
  local filtered, query = builder("describeInstances", FILTERED)
  local created, body = builder("createInstances", CREATED)
  local times = measure.in_turns(CALLS, { filtered, created })
  measure.judge("describeInstances with two filters -> query", measure.median(times[1]) * 1e6, " us", 15,
    query .. " bytes")
  measure.judge("createInstances with a full spec -> body", measure.median(times[2]) * 1e6, " us", 60,
    body .. " bytes")
end
