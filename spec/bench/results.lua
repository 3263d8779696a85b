-- results.lua - what it costs to decode an answer and to give its result the shape of the model, beside what the bare
-- cjson.decode of the same bytes costs.

local cjson = require "cjson"
local json = require "jdcloud.json"
local measure = require "bench.measure"
local models = require "jdcloud.models"
local result = require "jdcloud.result"

local INSTANCES, CALLS = 100, 20

local function disk(i, kind)
  return {
    diskCategory = "cloud", autoDelete = true, deviceName = kind == "system" and "vda" or "vdb", status = "attached",
    cloudDisk = {
      diskId = ("vol-%s-%06d"):format(kind, i), name = kind, description = json.null, diskType = "ssd.gp1",
      diskSizeGB = 40 + i, az = "cn-north-1a", status = "in-use", createTime = "2023-05-17 10:02:31", iops = 1800,
      attachments = json.list { {
        attachmentId = ("attachment-%06d"):format(i), diskId = ("vol-%s-%06d"):format(kind, i), instanceType = "vm",
        instanceId = ("i-%010d"):format(i), status = "attached", attachTime = "2023-05-17 10:02:40",
      } },
      multiAttachable = false, encrypted = false, enabled = true, snapshotPolicies = json.list(), tags = json.null,
    },
  }
end

local function instance(i)
  local address = ("10.0.%d.%d"):format(math.floor(i / 250), i % 250 + 1)
  return {
    instanceId = ("i-%010d"):format(i), instanceName = "web-" .. i, hostname = "web-" .. i,
    instanceType = "g.n3.large", vpcId = "vpc-z9xu06hv0u", subnetId = "subnet-fwphvpl7l4", privateIpAddress = address,
    elasticIpId = ("fip-%08d"):format(i), elasticIpAddress = "116.196.1." .. i % 250, status = "running",
    description = "", imageId = "img-chn8lfcn6j", osType = "linux", osVersion = "CentOS 7.9", az = "cn-north-1a",
    launchTime = "2023-05-17 10:02:31", architecture = "x86_64", platform = "CentOS", faultDomain = "",
    resourceGroupId = "rg-default", chargeOnStopped = "keepCharging", keyNames = json.list { "key-of-mine" },
    systemDisk = disk(i, "system"), dataDisks = json.list { disk(i, "data") }, policies = json.list(),
    secondaryNetworkInterfaces = json.list(), ag = json.null, dedicatedHostId = "", hostGroup = json.null,
    tags = json.list { { key = "team", value = "web" }, { key = "stage", value = "production" } },
    charge = {
      chargeMode = "postpaid_by_duration", chargeStatus = "normal", chargeStartTime = "2023-05-17T02:02:31Z",
      chargeExpiredTime = "", chargeRetireTime = "",
    },
    primaryNetworkInterface = {
      autoDelete = true, deviceIndex = 1, networkInterface = {
        networkInterfaceId = ("port-%08d"):format(i), macAddress = "fa:16:3e:7e:5d:71", vpcId = "vpc-z9xu06hv0u",
        subnetId = "subnet-fwphvpl7l4", sanityCheck = 1, secondaryIps = json.null,
        securityGroups = json.list { { groupId = "sg-hk9v3f3s5b", groupName = "default" } },
        primaryIp = { privateIpAddress = address, elasticIpId = ("fip-%08d"):format(i), elasticIpAddress = "" },
      },
    },
  }
end

-- The answer of describeInstances, its nulls and empty lists as services write them.
local function answer()
  local list = json.list()
  for i = 1, INSTANCES do list[i] = instance(i) end
  return assert(json.encode {
    requestId = "bwvnrhmbv42j8f4ctwkedo0atdkgc35f", result = { instances = list, totalCount = INSTANCES },
  })
end

return function()
  local text = answer()
  local op = assert(models.service("vm")):operation("describeInstances")
  local decode = cjson.new().decode
  local times = measure.in_turns(CALLS, {
    function() decode(text) end,
    function()
      local value, raw = json.read(text)
      result.shape(value.result, op, false, raw)
    end,
  })
  measure.say("describeInstances of %d instances, %d bytes: cjson alone %.2f ms, decoded and shaped %.2f ms", INSTANCES,
    #text, measure.median(times[1]) * 1e3, measure.median(times[2]) * 1e3)
  measure.judge("decoded and shaped / bare cjson.decode", measure.ratio(times[2], times[1]), " x", 2)
end
