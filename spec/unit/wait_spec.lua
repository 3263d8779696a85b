-- client:wait end to end: through the client and the gateway in this process, on virtual time.

local house = require "support.house"

local SPEC = { az = "cn-north-1a", name = "x", charge = { chargeMode = "postpaid_by_usage" } }

-- How often an operation was asked for at the gateway.
local function asked(gateway, operation)
  local count = 0
  for _, entry in ipairs(gateway:log()) do count = count + (entry.operation == operation and 1 or 0) end
  return count
end

describe("client:wait", function()
  -- A wrong endpoint answers 404 to everything.
  for name, answer in pairs {
    ["a proxy's page"] = { false, { status = 404, headers = {}, body = "<html><title>Not Found</title></html>" } },
    ["an empty answer"] = { false, { status = 404, headers = {}, body = "" } },
    ["other JSON"] = { false, { status = 404, headers = {}, body = '{"message":"nothing here"}' } },
    ["a gateway without that route"] = { false, { status = 404, headers = {}, body = '{"requestId":"r","error":'
      .. '{"code":404,"status":"NOT_FOUND","message":"no route and no API found with those values [gw]"}}' } },
    ["the service"] = { true, { status = 404, headers = {}, body = '{"requestId":"r","error":'
      .. '{"code":404,"status":"NOT_FOUND","message":"no such instance"}}' } },
    ["the service's header"] = { true, { status = 404, headers = { ["x-jdcloud-request-id"] = "r" }, body = "" } },
  } do
    local is_gone, response = answer[1], answer[2]
    it("takes a 404 for the end only from the service: " .. name, function()
      local cloud = house.open { transport = { send = function() return response end, sleep = function() end } }
      for _, ids in ipairs { "i-1", { "i-1", "i-2" } } do
        local result, err = cloud.vm:wait("instance_deleted", { instanceId = ids }, { timeout = 20 })
        assert.equal(is_gone, result ~= nil)
        if not is_gone then assert.equal("not_found", err.kind) end
      end
      local told = 0
      cloud.vm:poll("describeInstance", { instanceId = "i-1" }, function()
        told = told + 1
        return true
      end)
      assert.equal(is_gone and 1 or 0, told)
    end)
  end

  it("takes 250 instances through their life, over a gateway that throttles", function()
    local cloud, gateway = house.open(nil, { ready_after = 15, limit = 40, window = 60, quota = 1000 })
    local ids, some = {}, {}
    for _, count in ipairs { 100, 100, 50 } do
      local created = assert(cloud.vm:createInstances { instanceSpec = SPEC, maxCount = count })
      for _, id in ipairs(created.instanceIds) do ids[#ids + 1] = id end
    end
    local list = assert(cloud.vm:wait("instance_running", { instanceId = ids }))
    assert.equal(250, #list)
    for i, id in ipairs(ids) do assert.same({ id, "running" }, { list[i].instanceId, list[i].status }) end
    assert.is_true(asked(gateway, "vm:describeInstances") <= 3 * 8)
    for i = 1, 50 do
      some[i] = ids[i]
      assert(cloud.vm:deleteInstance { instanceId = ids[i] })
    end
    assert.same({}, cloud.vm:wait("instance_deleted", { instanceId = some }))
    assert.same({}, cloud.vm:wait("instance_deleted", { instanceId = ids[1] }))
    assert(cloud.vm:stopInstance { instanceId = ids[250] })
    assert.equal("stopped", assert(cloud.vm:wait("instance_stopped", { instanceId = ids[250] })).status)
  end)

  it("ends in time, and names who isn't there", function()
    local cloud, gateway = house.open(nil, { ready_after = 100 })
    local created = assert(cloud.vm:createInstances { instanceSpec = SPEC, maxCount = 2 })
    local started = gateway:now()
    local result, err = cloud.vm:wait("instance_running", { instanceId = created.instanceIds }, { timeout = 25 })
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal(2, #err.laggards)
    assert.same({ id = created.instanceIds[1], state = "pending" }, err.laggards[1])
    assert.is_true(gateway:now() - started <= 25)
  end)

  it("takes misbehaviour of the service for what passes", function()
    local cloud, gateway = house.open(nil, { ready_after = 5 })
    local created = assert(cloud.vm:createInstances { instanceSpec = SPEC })
    gateway:misbehave { operation = "describeInstances", status = 503, times = 5 }
    local list = assert(cloud.vm:wait("instance_running", { instanceId = created.instanceIds }))
    assert.equal("running", list[1].status)
  end)

  it("waits for 500 disks in five calls a round, and for their snapshots", function()
    local cloud, gateway = house.open(nil, { ready_after = 2, limit = 10000 })
    local ids, rounds = {}, 0
    local spec = { az = "cn-north-1a", name = "d", diskType = "ssd.gp1", diskSizeGB = 20 }
    for _ = 1, 5 do
      local created = assert(cloud.disk:createDisks { diskSpec = spec, maxCount = 100 })
      for _, id in ipairs(created.diskIds) do ids[#ids + 1] = id end
    end
    local list = assert(cloud.disk:wait("disk_available", { diskId = ids }, {
      on_progress = function() rounds = rounds + 1 end,
    }))
    assert.equal(500, #list)
    assert.equal("available", list[500].status)
    assert.is_true(rounds > 1)
    local calls = asked(gateway, "disk:describeDisks") -- the last round may have fewer ids to ask for
    assert.is_true(calls <= 5 * rounds and calls > 5 * (rounds - 1))
    local made = assert(cloud.disk:createSnapshot { snapshotSpec = { name = "s", diskId = ids[1] } })
    assert.equal("available", assert(cloud.disk:wait("snapshot_available", { snapshotId = made.snapshotId })).status)
    assert(cloud.disk:deleteDisk { diskId = ids[2] })
    assert.same({}, cloud.disk:wait("disk_deleted", { diskId = ids[2] }))
  end)

  it("reads all pages of the databases, and asks for none that isn't waited for", function()
    local cloud, gateway = house.open(nil, { limit = 10000 })
    local began, all, pages = gateway:now(), {}, {}
    for i = 1, 230 do all[i] = { instanceId = "mysql-" .. i, instanceStatus = "RUNNING" } end
    gateway:on("rds:describeInstances", function(params, now)
      local page = {}
      pages[#pages + 1] = params.pageNumber
      all[230].instanceStatus = now - began >= 10 and "RUNNING" or "BUILDING"
      for i = (params.pageNumber - 1) * 100 + 1, math.min(params.pageNumber * 100, 230) do page[#page + 1] = all[i] end
      return { dbInstances = page, totalCount = 230 }
    end)
    local list = assert(cloud.rds:wait("instance_running", { instanceId = { "mysql-230", "mysql-7" } }))
    assert.same({ "mysql-230", "mysql-7" }, { list[1].instanceId, list[2].instanceId })
    assert.same({ 1, 2, 3 }, { pages[#pages - 2], pages[#pages - 1], pages[#pages] })
    assert.equal(#pages, asked(gateway, "rds:describeInstances"))
    assert.equal(0, asked(gateway, "rds:describeInstanceAttributes"))
  end)

  it("raises at wrong arguments, at the caller's line", function()
    local cloud = house.open()
    local ok, message = pcall(cloud.vm.wait, cloud.vm, "instance_running", { instanceId = "i" }, { interval = "1" })
    assert.is_false(ok)
    assert.truthy(tostring(message):find('the option "interval" must be', 1, true))
    assert.same("cluster_deleted cluster_running node_group_deleted node_group_running",
      table.concat(cloud.kubernetes:waiters(), " "))
  end)
end)
