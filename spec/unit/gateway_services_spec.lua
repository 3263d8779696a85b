-- gateway_services_spec.lua - what the local gateway remembers of disks, snapshots, domains, certificates, listeners
-- and bills, and the small account that it can begin with.

local house = require "support.house"

local PEM = { cert = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
  key = "-----BEGIN PRIVATE KEY-----\nKEY-CANARY\n-----END PRIVATE KEY-----\n" }

local function names(list, field)
  local found = {}
  for i, item in ipairs(list) do found[i] = item[field] end
  table.sort(found)
  return found
end

describe("the gateway's services:", function()
  local cloud, g

  local function open(settings)
    cloud, g = house.open({}, settings)
  end

  local function refused(kind, result, err)
    assert.is_nil(result)
    assert.equal(kind, err.kind, tostring(err))
  end

  local function disk(changes)
    local spec = { az = "cn-north-1a", name = "data", diskType = "ssd.gp1", diskSizeGB = 20,
      charge = { chargeMode = "postpaid_by_usage" } }
    for name, value in pairs(changes or {}) do spec[name] = value end
    return assert(cloud.disk:createDisks {
      diskSpec = spec, maxCount = 1, userTags = { { key = "backup", value = spec.name } },
    }).diskIds[1]
  end

  before_each(function() open { ready_after = 5 } end)

  describe("disk", function()
    it("creates disks that become available, once for a clientToken", function()
      local params = { clientToken = "t1", maxCount = 2,
        diskSpec = { az = "cn-north-1a", name = "d", diskType = "ssd", diskSizeGB = 20 } }
      local first = assert(cloud.disk:createDisks(params))
      assert.same(first, assert(cloud.disk:createDisks(params)))
      local disks = assert(cloud.disk:all("describeDisks"))
      assert.same({ "d1", "d2" }, names(disks, "name"))
      assert.equal("creating", disks[1].status)
      assert.equal("postpaid_by_duration", disks[1].charge.chargeMode)
      g:advance(6)
      assert.equal("available", assert(cloud.disk:describeDisk { diskId = first.diskIds[1] }).disk.status)
      for _, count in ipairs { 101, "9007199254740993" } do
        params.maxCount, params.clientToken = count, "t2"
        refused("invalid", cloud.disk:createDisks(params))
      end
    end)

    it("lists by filters and tags, region by region", function()
      disk { name = "a" }
      local b = disk { name = "b", diskType = "hdd.std1" }
      assert.same({ "b" }, names(cloud.disk:all("describeDisks", { tags = { { key = "backup", values = { "b" } } } }),
        "name"))
      assert.same({ b }, names(cloud.disk:all("describeDisks", { filters = {
        { name = "diskType", values = { "hdd.std1" } } } }), "diskId"))
      assert.same({}, cloud:with({ region = "cn-east-2" }).disk:all("describeDisks"))
      refused("not_found", cloud:with({ region = "cn-east-2" }).disk:describeDisk { diskId = b })
      refused("invalid", cloud.disk:describeDisks { filters = { { name = "colour", values = { "red" } } } })
    end)

    it("makes snapshots of disks that are there, and deletes them when they are available", function()
      local id = disk()
      local spec = { diskId = id, name = "s" }
      local snapshot = assert(cloud.disk:createSnapshot { snapshotSpec = spec }).snapshotId
      refused("busy", cloud.disk:deleteSnapshot { snapshotId = snapshot })
      g:advance(6)
      local seen = assert(cloud.disk:describeSnapshot { snapshotId = snapshot }).snapshot
      assert.same({ id, "s", "available", 20 }, { seen.diskId, seen.name, seen.status, seen.snapshotSizeGB })
      assert(cloud.disk:deleteSnapshot { snapshotId = snapshot })
      assert.equal("deleting", cloud.disk:all("describeSnapshots")[1].status)
      g:advance(6)
      assert.same({}, cloud.disk:all("describeSnapshots"))
      refused("not_found", cloud.disk:deleteSnapshot { snapshotId = snapshot })
      assert(cloud.disk:deleteDisk { diskId = id })
      g:advance(6)
      refused("not_found", cloud.disk:createSnapshot { snapshotSpec = spec })
    end)
  end)

  describe("vm", function()
    it("changes names and descriptions", function()
      local created = assert(cloud.vm:createInstances { instanceSpec = { az = "cn-north-1a", name = "a",
        charge = { chargeMode = "postpaid_by_usage" } } })
      local id = created.instanceIds[1]
      assert(cloud.vm:modifyInstanceAttribute { instanceId = id, description = "b" })
      local seen = cloud.vm:describeInstance({ instanceId = id }).instance
      assert.same({ "a", "b" }, { seen.instanceName, seen.description })
      refused("invalid", cloud.vm:modifyInstanceAttribute { instanceId = id })
      refused("not_found", cloud.vm:modifyInstanceAttribute { instanceId = "i-gone", name = "c" })
    end)

    local function instance()
      return assert(cloud.vm:createInstances { instanceSpec = { az = "cn-north-1a", name = "a",
        charge = { chargeMode = "postpaid_by_usage" } } }).instanceIds[1]
    end

    -- What the disk says of itself and of its attachment, and what the instance says of it.
    local function seen(id, disk_id)
      local shown = assert(cloud.disk:describeDisk { diskId = disk_id }).disk
      local at_disk = shown.attachments[1] or {}
      local at_instance = assert(cloud.vm:describeInstance { instanceId = id }).instance.dataDisks[1] or {}
      return { shown.status, at_disk.instanceId, at_disk.status or "-", at_instance.status or "-",
        at_instance.cloudDisk and at_instance.cloudDisk.diskId }
    end

    it("attaches a disk and detaches it, which takes a while", function()
      local id, data = instance(), disk()
      local both = { instanceId = id, diskId = data }
      refused("busy", cloud.vm:attachDisk(both))
      g:advance(6)
      refused("not_found", cloud.vm:detachDisk(both))
      assert(cloud.vm:attachDisk(both))
      assert.same({ "in-use", id, "attaching", "attaching", data }, seen(id, data))
      refused("busy", cloud.vm:detachDisk(both))
      assert(cloud.disk:wait("disk_attached", both))
      assert.same({ "in-use", id, "attached", "attached", data }, seen(id, data))
      refused("busy", cloud.vm:attachDisk(both))
      refused("busy", cloud.disk:deleteDisk { diskId = data })
      assert(cloud.vm:detachDisk(both))
      assert.same({ "in-use", id, "detaching", "detaching", data }, seen(id, data))
      assert(cloud.disk:wait("disk_detached", both))
      assert.same({ "available", nil, "-", "-" }, seen(id, data))
      assert(cloud.vm:attachDisk(both))
    end)

    it("attaches nothing that isn't there, in another zone or on another instance", function()
      local id, other, data, far = instance(), instance(), disk(), disk { az = "cn-north-1b" }
      g:advance(6)
      refused("not_found", cloud.vm:attachDisk { instanceId = "i-gone", diskId = data })
      refused("not_found", cloud.vm:attachDisk { instanceId = id, diskId = "vol-gone" })
      refused("not_found", cloud.vm:detachDisk { instanceId = id, diskId = "vol-gone" })
      refused("invalid", cloud.vm:attachDisk { instanceId = id, diskId = far })
      assert(cloud.vm:attachDisk { instanceId = id, diskId = data })
      g:advance(6)
      refused("busy", cloud.vm:attachDisk { instanceId = other, diskId = data })
      refused("not_found", cloud.vm:detachDisk { instanceId = other, diskId = data })
    end)

    it("knows several disks by their device, and lets go of them when it is deleted", function()
      local id, kept, lost = instance(), disk(), disk()
      g:advance(6)
      assert(cloud.vm:attachDisk { instanceId = id, diskId = kept })
      assert(cloud.vm:attachDisk { instanceId = id, diskId = lost, autoDelete = true })
      local shown = assert(cloud.vm:describeInstance { instanceId = id }).instance.dataDisks
      assert.same({ "vdb", "vdc" }, names(shown, "deviceName"))
      g:advance(6)
      assert(cloud.vm:detachDisk { instanceId = id, diskId = kept })
      g:advance(6)
      assert(cloud.vm:attachDisk { instanceId = id, diskId = kept })
      shown = assert(cloud.vm:describeInstance { instanceId = id }).instance.dataDisks
      assert.same({ "vdb", "vdc" }, names(shown, "deviceName"))
      assert(cloud.vm:deleteInstance { instanceId = id })
      g:advance(6)
      local left = cloud.disk:all("describeDisks")
      assert.same({ kept }, names(left, "diskId"))
      assert.same({ "available", {} }, { left[1].status, left[1].attachments })
    end)
  end)

  describe("domainservice", function()
    local domain

    local function record(changes)
      local req = { hostRecord = "www", hostValue = "192.0.2.1", type = "A", ttl = 60, viewValue = -1 }
      for name, value in pairs(changes or {}) do req[name] = value end
      return cloud.domainservice:createResourceRecord { domainId = domain, req = req }
    end

    local function values()
      return names(cloud.domainservice:all("describeResourceRecord", { domainId = domain }), "hostValue")
    end

    before_each(function()
      domain = assert(cloud.domainservice:createDomain { domainName = "example.org", packId = 0 }).data.id
    end)

    it("lists domains by a part of their name", function()
      assert(cloud.domainservice:createDomain { domainName = "example.net", packId = 0 })
      local function listed(part)
        return names(cloud.domainservice:all("describeDomains", { domainName = part }), "domainName")
      end
      assert.same({ "example.net", "example.org" }, listed "example")
      assert.same({ "example.org" }, listed "example.org")
      assert(cloud.domainservice:deleteDomain { domainId = domain })
      assert.same({ "example.net" }, listed())
      refused("not_found", record())
    end)

    it("adds, changes, finds and deletes records", function()
      local made = assert(record()).dataList
      assert(record { hostRecord = "mail", hostValue = "192.0.2.2" })
      local req = { domainName = "example.org", hostRecord = "www", hostValue = "192.0.2.3", type = "A", ttl = 60,
        viewValue = -1 }
      assert(cloud.domainservice:modifyResourceRecord { domainId = domain, resourceRecordId = made.id, req = req })
      assert.same({ "192.0.2.2", "192.0.2.3" }, values())
      local found = cloud.domainservice:all("describeResourceRecord", { domainId = domain, search = "ww" })
      assert.same({ made.id }, names(found, "id"))
      assert.same({ -1 }, found[1].viewValue)
      assert(cloud.domainservice:deleteResourceRecord { domainId = domain, resourceRecordId = made.id })
      assert.same({ "192.0.2.2" }, values())
      refused("not_found", cloud.domainservice:modifyResourceRecord { domainId = domain, resourceRecordId = made.id,
        req = req })
    end)

    it("refuses a value that is no address where the type wants one", function()
      refused("invalid", record { hostValue = "<html>" })
      refused("invalid", record { type = "AAAA" })
      assert(record { type = "AAAA", hostValue = "2001:db8::1" })
      assert(record { type = "TXT", hostValue = "<html>" })
    end)
  end)

  describe("certificates", function()
    local function upload(changes)
      local params = { certName = "c", certFile = PEM.cert, keyFile = PEM.key }
      for name, value in pairs(changes or {}) do params[name] = value end
      return cloud.ssl:uploadCert(params)
    end

    it("are listed without their keys", function()
      local made = assert(upload())
      assert.equal(64, #made.digest)
      local listed = cloud.ssl:all("describeCerts")
      assert.same({ "c" }, names(listed, "certName"))
      assert.equal(made.certId, assert(cloud.ssl:describeCert { certId = made.certId }).certId)
      assert.is_nil(listed[1].keyFile)
      refused("invalid", upload { certFile = PEM.key })
      refused("invalid", upload { keyFile = PEM.cert })
      assert(cloud.ssl:deleteCerts { certId = made.certId })
      refused("not_found", cloud.ssl:describeCert { certId = made.certId })
    end)

    it("go to a domain of the cdn", function()
      assert(cloud.cdn:createDomain { domain = "static.example.org" })
      refused("conflict", cloud.cdn:createDomain { domain = "static.example.org" })
      refused("invalid", cloud.cdn:setHttpType { domain = "static.example.org", httpType = "https" })
      assert(cloud.cdn:setHttpType { domain = "static.example.org", httpType = "https", sslCertId = "cert-1" })
      local seen = assert(cloud.cdn:getDomainDetail { domain = "static.example.org" })
      assert.same({ "https", "cert-1" }, { seen.httpType, seen.sslCertId })
      refused("not_found", cloud.cdn:getDomainDetail { domain = "other.example.org" })
      assert.same({ "static.example.org" }, names(cloud.cdn:all("getDomainList", { keyWord = "static" }), "domain"))
    end)

    it("go to a listener of a load balancer", function()
      local params = { loadBalancerId = "lb-1", listenerName = "l", protocol = "Https", port = 443,
        backendId = "b-1" }
      refused("invalid", cloud.lb:createListener(params))
      params.certificateSpecs = { { certificateId = "cert-1" } }
      local id = assert(cloud.lb:createListener(params)).listenerId
      assert(cloud.lb:updateListener { listenerId = id, certificateSpecs = { { certificateId = "cert-2" } } })
      local listener = assert(cloud.lb:describeListener { listenerId = id }).listener
      assert.equal("cert-2", listener.certificateSpecs[1].certificateId)
      assert.equal("b-1", listener.backendId)
      assert.same({ id }, names(cloud.lb:all("describeListeners", { filters = {
        { name = "loadBalancerId", values = { "lb-1" } } } }), "listenerId"))
      refused("not_found", cloud.lb:updateListener { listenerId = "listener-gone" })
    end)
  end)

  describe("billing", function()
    local function bill(from, to)
      return cloud.billing:all("queryBillSummary", { startTime = from, endTime = to }, { page_size = 5 })
    end

    it("has an account's bill for any one month, page by page", function()
      open { account = true }
      assert.equal(12, #assert(bill("2026-07-01 00:00:00", "2026-07-31 23:59:59")))
      refused("invalid", bill("2026-07-01 00:00:00", "2026-08-31 23:59:59"))
      refused("invalid", bill("2026-07", "2026-07"))
    end)

    it("has none without an account", function()
      assert.same({}, bill("2026-07-01 00:00:00", "2026-07-31 23:59:59"))
    end)
  end)

  describe("an account", function()
    it("is there from the start and again after a reset", function()
      open { account = true, ready_after = 0 }
      for _ = 1, 2 do
        assert.same({ "db", "staging", "web-1", "web-2" }, names(cloud.vm:all("describeInstances"), "instanceName"))
        assert.same({ "db-data", "web-data" }, names(cloud.disk:all("describeDisks"), "name"))
        local east = cloud:with { region = "cn-east-2" }
        assert.equal(3, #east.vm:all("describeInstances", { tags = { { key = "night", values = { "off" } } } }))
        assert.same({ "example.com" }, names(cloud.domainservice:all("describeDomains"), "domainName"))
        assert(cloud.lb:describeListener { listenerId = "listener-example" })
        assert(cloud.vm:deleteInstance { instanceId = cloud.vm:all("describeInstances")[1].instanceId })
        g:reset()
      end
    end)

    it("is ready from the start", function()
      open { account = true, ready_after = 3600 }
      for _ = 1, 2 do
        for _, instance in ipairs(cloud.vm:all("describeInstances")) do assert.equal("running", instance.status) end
        for _, one in ipairs(cloud.disk:all("describeDisks")) do assert.equal("available", one.status) end
        g:reset()
      end
    end)

    it("can be asked for while the gateway runs", function()
      g:set { account = true }
      g:reset()
      assert.equal(4, #cloud.vm:all("describeInstances"))
    end)
  end)

  it("a gateway without behaviours answers by the shape alone", function()
    open { behaviours = false }
    assert(cloud.disk:describeDisk { diskId = "vol-any" })
    refused("invalid", cloud.disk:createDisks { maxCount = 1 })
  end)
end)
