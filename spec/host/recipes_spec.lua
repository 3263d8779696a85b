-- recipes_spec.lua - each recipe of examples/ as a process of its own, against the gateway in nginx: what it changes,
-- what it leaves alone, what it says, how it ends.

local child = require "support.child"
local nginx = require "jdcloud.gateway.nginx"
local safe = require "jdcloud.safe"
local shell = require "jdcloud.gateway.shell"

local CHARGE = { chargeMode = "postpaid_by_usage" }
local READING_POSTS = { ["billing:queryBillSummary"] = true }

describe("the recipe", function()
  local server, cloud, mark

  setup(function()
    server = assert(nginx.start {})
    cloud = assert(safe.new {
      region = "cn-north-1", endpoint = server.http, access_key = server.access_key, secret_key = server.secret_key,
      proxy = false,
    })
  end)

  before_each(function()
    server:set { ready_after = 0, account = false }
    server:reset()
    mark = 0
  end)

  teardown(function()
    if cloud then cloud:close() end
    if server then server:stop() end
  end)

  local function with_account()
    server:set { account = true }
    server:reset()
  end

  -- What the gateway was asked to change since the last look: "disk:createSnapshot", …, in order.
  local function changes()
    local found, log = {}, server:log()
    for i = mark + 1, #log do
      local entry = log[i]
      if entry.method ~= "GET" and not READING_POSTS[entry.operation] then found[#found + 1] = entry.operation end
    end
    mark = #log
    return found
  end

  -- Runs a recipe; `changes` tells what it changed.
  local function run(name, arguments, variables)
    local environment = {
      JDCLOUD_ENDPOINT = server.http, JDCLOUD_ACCESS_KEY_ID = server.access_key,
      JDCLOUD_SECRET_ACCESS_KEY = server.secret_key, JDCLOUD_REGION_ID = "cn-north-1", HOME = server.dir,
      no_proxy = "127.0.0.1",
    }
    for key, value in pairs(variables or {}) do environment[key] = value end
    changes()
    return child.file("examples/" .. name .. ".lua", arguments, environment)
  end

  -- It ended so, and complained about nothing (or of what the pattern says).
  local function ended(code, result, complaint)
    assert.equal(code, result.code, result.out .. result.err)
    if complaint then assert.truthy(result.err:find(complaint), result.err) else assert.equal("", result.err) end
    return result.out
  end

  -- An id, to stand in a pattern.
  local function plain(id) return (id:gsub("%-", "%%-")) end

  local function has(text, part)
    assert.truthy(text:find(part, 1, true), ("%q is not in:\n%s"):format(part, text))
  end

  local function instances(name, count, tag, value)
    return assert(cloud.vm:createInstances {
      maxCount = count,
      instanceSpec = { az = "cn-north-1a", name = name, charge = CHARGE,
        userTags = { { key = tag, value = value } } },
    }).instanceIds
  end

  -- { [field of an instance] = how many } of all instances.
  local function count(field)
    local counts = {}
    for instance in cloud.vm:each "describeInstances" do
      local value = instance[field] or "none"
      counts[value] = (counts[value] or 0) + 1
    end
    return counts
  end

  describe("inventory", function()
    it("lists instances and disks of all regions as a table", function()
      with_account()
      local out = ended(0, run("inventory"))
      local heading, first = out:match "^([^\n]*)\n([^\n]*)\n"
      assert.equal(heading:find "STATUS", first:find "running")
      assert.truthy(first:find "^cn%-north%-1  vm +i%-%w+ +g%.n2%.large +running +cn%-north%-1a +10%.0%.0%.%d +web%-1$")
      has(out, "db-data")
      assert.truthy(out:find "cn%-east%-2 +disk +vol%-%w+ +hdd%.std1 1000 GB +available +cn%-east%-2a +%- +cache\n")
      assert.equal(1 + 7 + 3, select(2, out:gsub("\n", "")))
      assert.same({}, changes())
    end)

    it("lists the named regions only", function()
      with_account()
      local out = ended(0, run("inventory", { "cn-east-2" }))
      assert.equal(1 + 3 + 1, select(2, out:gsub("\n", "")))
      assert.is_nil(out:find("cn-north-1", 1, true))
    end)

    it("lists a region once that is named twice", function()
      with_account()
      local out = ended(0, run("inventory", { "cn-east-2", "cn-east-2" }))
      assert.equal(1 + 3 + 1, select(2, out:gsub("\n", "")))
    end)

    it("says at the end what it could not list, and lists the rest", function()
      with_account()
      server:misbehave { operation = "vm:describeInstances", status = 403, error_status = "PERMISSION_DENIED" }
      local out = ended(1, run("inventory", { "cn-north-1", "cn-east-2" }), "^not listed: cn%-north%-1: [^\n]+\n$")
      has(out, "db-data")
      has(out, "build-1")
      assert.is_nil(out:find("web-1", 1, true))
    end)
  end)

  describe("snapshots", function()
    local today = "nightly-" .. os.date "%Y%m%d"

    local function disk(name)
      return assert(cloud.disk:createDisks {
        maxCount = 1, userTags = { { key = "backup", value = "nightly" } },
        diskSpec = { az = "cn-north-1a", name = name, diskType = "ssd.gp1", diskSizeGB = 20 },
      }).diskIds[1]
    end

    local function snapshot(id, name)
      return assert(cloud.disk:createSnapshot { snapshotSpec = { diskId = id, name = name } }).snapshotId
    end

    local function snapshots(id)
      local names = {}
      for one in cloud.disk:each("describeSnapshots", { filters = { { name = "diskId", values = { id } } } }) do
        names[#names + 1] = one.name
      end
      table.sort(names)
      return names
    end

    local OLD = { "nightly-20250101", "nightly-20250102", "nightly-20250103", "before-upgrade", "nightly-x" }

    local function with_old_ones(id)
      for _, name in ipairs(OLD) do snapshot(id, name) end
    end

    it("makes one a day and deletes the oldest of its own", function()
      local a, b = disk "a", disk "b"
      with_old_ones(a)
      local out = ended(0, run("snapshots", { "backup=nightly", "2" }))
      has(out, "(a): deleted nightly-20250101\n")
      has(out, today .. ": 2 of 2 disks have it, 2 made now\n")
      assert.same({ "before-upgrade", "nightly-20250103", today, "nightly-x" }, snapshots(a))
      assert.same({ today }, snapshots(b))
      changes()
      has(ended(0, run("snapshots", { "backup=nightly", "2" })), today .. ": 2 of 2 disks have it, 0 made now\n")
      assert.same({}, changes())
    end)

    it("tells what it would do", function()
      local a = disk "a"
      with_old_ones(a)
      local before = snapshots(a)
      local out = ended(0, run("snapshots", { "--dry-run", "backup=nightly", "2" }))
      has(out, a .. " (a): would make " .. today .. "\n")
      assert.equal(2, select(2, out:gsub("would delete", "")))
      has(out, today .. ": would be made of 1 of 1 disks, 2 older ones deleted\n")
      assert.same({}, changes())
      assert.same(before, snapshots(a))
      snapshot(a, today)
      out = ended(0, run("snapshots", { "--dry-run", "backup=nightly", "2" }))
      has(out, "made of 0 of 1 disks, 2 older ones deleted\n")
      out = ended(0, run("snapshots", { "--dry-run", "backup=no" }))
      has(out, "made of 0 of 0 disks, 0 older ones deleted\n")
    end)

    it("leaves the old ones of a disk whose new one failed", function()
      local a, b = disk "a", disk "b"
      with_old_ones(a)
      with_old_ones(b)
      server:misbehave { operation = "createSnapshot", status = 400, error_status = "FAILED_PRECONDITION" }
      local out = ended(1, run("snapshots", { "backup=nightly", "1" }), "^failed: " .. plain(a) .. " %(a%): [^\n]+\n$")
      has(out, ": 1 of 2 disks have it, 1 made now\n")
      assert.equal(5, #snapshots(a))
      assert.same({ "before-upgrade", today, "nightly-x" }, snapshots(b))
    end)

    it("leaves the old ones of a disk whose new one came to nothing, and waits for the others", function()
      local a, b = disk "a", disk "b"
      with_old_ones(a)
      with_old_ones(b)
      local lost, coming = snapshot(a, today), snapshot(b, today)
      server:misbehave { operation = "describeSnapshots", nth = 3, body = ([[{"requestId":"r","result":{"totalCount":2,
        "snapshots":[{"snapshotId":"%s","status":"error_create"},{"snapshotId":"%s","status":"creating"}]}}]]):format(
        lost, coming) }
      local out = ended(1, run("snapshots", { "backup=nightly", "1" }), plain(lost) .. " is error_create\n$")
      has(out, ": 1 of 2 disks have it, 0 made now\n")
      assert.equal(6, #snapshots(a))
      assert.same({ "before-upgrade", today, "nightly-x" }, snapshots(b))
    end)
  end)

  describe("ddns", function()
    local domain

    before_each(function()
      domain = assert(cloud.domainservice:createDomain { domainName = "example.org", packId = 0 }).data.id
    end)

    local function record(host, value, changed)
      local req = { hostRecord = host, hostValue = value, type = "A", ttl = 600, viewValue = -1 }
      for name, other in pairs(changed or {}) do req[name] = other end
      assert(cloud.domainservice:createResourceRecord { domainId = domain, req = req })
    end

    local function records()
      local found = {}
      for one in cloud.domainservice:each("describeResourceRecord", { domainId = domain }) do
        found[#found + 1] = ("%s %s %s %d"):format(one.hostRecord, one.type, one.hostValue, one.ttl)
      end
      return found
    end

    it("adds a record, leaves it if it is right, and changes it", function()
      record("homepage", "192.0.2.9")
      has(ended(0, run("ddns", { "example.org", "home", "192.0.2.1" })), "home.example.org A: nothing -> 192.0.2.1\n")
      assert.same({ "homepage A 192.0.2.9 600", "home A 192.0.2.1 60" }, records())
      has(ended(0, run("ddns", { "example.org", "home", "192.0.2.1" })), "home.example.org is 192.0.2.1 already\n")
      assert.same({}, changes())
      has(ended(0, run("ddns", { "example.org", "homepage", "192.0.2.2" })), "192.0.2.9 -> 192.0.2.2\n")
      assert.same({ "domainservice:modifyResourceRecord" }, changes())
      assert.same({ "homepage A 192.0.2.2 600", "home A 192.0.2.1 60" }, records())
    end)

    it("knows IPv6 and the domain itself", function()
      record("@", "192.0.2.9")
      has(ended(0, run("ddns", { "example.org", "@", "2001:db8::1" })), "example.org AAAA: nothing -> 2001:db8::1\n")
      ended(0, run("ddns", { "example.org", "@", "192.0.2.1" }))
      assert.same({ "@ A 192.0.2.1 600", "@ AAAA 2001:db8::1 60" }, records())
    end)

    it("tells what it would do", function()
      record("home", "192.0.2.9")
      has(ended(0, run("ddns", { "--dry-run", "example.org", "home", "192.0.2.1" })),
        "would: home.example.org A: 192.0.2.9 -> 192.0.2.1\n")
      assert.same({}, changes())
    end)

    it("puts nothing but an address into a record", function()
      for _, ip in ipairs { "", "<html>", "300.1.1.1", "192.0.2.010", "192.0.2.1\n192.0.2.2", "fe80", "1:2:3:4:5:6:7",
        "1::2::3", "1:2:3:4::5:6:7:8", "2001:db8:::1", "::fffff", "::192.0.2.300", "fe80::1%eth0" } do
        ended(2, run("ddns", { "example.org", "home", ip }), "^ddns: IP is not an address\nusage: ")
      end
      assert.same({}, records())
    end)

    it("leaves a record that has the address in other words", function()
      for _, ip in ipairs { "2001:db8::1", "::", "::ffff:192.0.2.1" } do
        ended(0, run("ddns", { "example.org", "@", ip }))
        local other = { ["2001:db8::1"] = "2001:DB8:0::0001", ["::"] = "0:0:0:0:0:0:0:0",
          ["::ffff:192.0.2.1"] = "0::ffff:c000:201" }
        changes()
        has(ended(0, run("ddns", { "example.org", "@", other[ip] })), "example.org is " .. ip .. " already\n")
        assert.same({}, changes())
      end
    end)

    it("takes names in upper and lower case for the same", function()
      record("Home", "192.0.2.9")
      has(ended(0, run("ddns", { "EXAMPLE.org", "hoME", "192.0.2.1" })), "home.example.org A: 192.0.2.9 -> 192.0.2.1\n")
      assert.same({ "Home A 192.0.2.1 600" }, records())
    end)

    it("takes wildcards", function()
      ended(0, run("ddns", { "example.org", "*", "192.0.2.1" }))
      ended(0, run("ddns", { "example.org", "*.dev", "192.0.2.1" }))
      assert.same({ "* A 192.0.2.1 60", "*.dev A 192.0.2.1 60" }, records())
    end)

    it("touches neither a balanced name nor another line's record", function()
      record("home", "192.0.2.8", { viewValue = 7 })
      ended(0, run("ddns", { "example.org", "home", "192.0.2.1" }))
      assert.same({ "home A 192.0.2.8 600", "home A 192.0.2.1 60" }, records())
      record("home", "192.0.2.9")
      ended(1, run("ddns", { "example.org", "home", "192.0.2.5" }), "^ddns: home has more than one A record\n$")
      assert.same({}, changes())
    end)

    it("does not mistake a domain for one that is named alike", function()
      ended(1, run("ddns", { "example.or", "home", "192.0.2.5" }), "^ddns: this account has no domain example.or\n$")
      assert.same({}, changes())
    end)
  end)

  describe("stop_by_tag", function()
    it("stops what has the tag and runs, and waits for it", function()
      server:set { ready_after = 0.3 }
      instances("off-", 3, "night", "off")
      instances("on-", 2, "night", "on")
      server:advance(1)
      has(ended(0, run("stop_by_tag", { "night=off" })), "3 running with night=off, 0 not stopped\n")
      assert.same({ stopped = 3, running = 2 }, count "status")
      has(ended(0, run("stop_by_tag", { "night=off" })), "0 running with night=off, 0 not stopped\n")
      assert.same({}, changes())
    end)

    it("waits for the others if one gets into a state that leads nowhere", function()
      local ids = instances("off-", 2, "night", "off")
      server:misbehave { operation = "describeInstances", nth = 2, body = ([[{"requestId":"r","result":{"totalCount":2,
        "instances":[{"instanceId":"%s","status":"error"},{"instanceId":"%s","status":"stopping"}]}}]]):format(
        ids[1], ids[2]) }
      local out = ended(1, run("stop_by_tag", { "night=off" }), "^failed: " .. plain(ids[1]) .. ": is error\n$")
      has(out, "2 running with night=off, 1 not stopped\n")
    end)

    it("tells what it would do", function()
      local ids = instances("off-", 2, "night", "off")
      local out = ended(0, run("stop_by_tag", { "night=off", "--dry-run" }))
      has(out, "would stop " .. ids[1] .. " (off-1)\n")
      has(out, "\n2 running with night=off would be stopped\n")
      assert.same({}, changes())
    end)

    it("stops the others if one can't be stopped, and names it", function()
      local ids = instances("off-", 3, "night", "off")
      server:misbehave { operation = "stopInstance", nth = 2, status = 403, error_status = "PERMISSION_DENIED" }
      local out = ended(1, run("stop_by_tag", { "night=off" }), "^failed: " .. plain(ids[2]) .. " %(off%-2%): ")
      has(out, "3 running with night=off, 1 not stopped\n")
      assert.same({ stopped = 2, running = 1 }, count "status")
    end)
  end)

  describe("bulk", function()
    it("changes 500 instances within the usual limit, lists what failed, and does that again", function()
      for _ = 1, 5 do instances("app-", 100, "app", "shop") end
      instances("other-", 2, "app", "blog")
      server:misbehave { operation = "modifyInstanceAttribute", nth = 100, times = 3, status = 403,
        error_status = "PERMISSION_DENIED", message = "not yours" }
      local result = run("bulk", { "app=shop", "owner: web team" })
      has(ended(1, result, "not yours"), "500 instances: 497 changed, 0 had it already, 3 failed\n")
      assert.equal(3, select(2, result.err:gsub("i%-%w+ +app%-%d+ +denied +not yours %(request %w+%)\n", "")))
      assert.same({ ["owner: web team"] = 497, none = 5 }, count "description")
      has(ended(0, run("bulk", { "app=shop", "owner: web team" })),
        "500 instances: 3 changed, 497 had it already, 0 failed\n")
      assert.same({ ["owner: web team"] = 500, none = 2 }, count "description")
    end)

    it("tells what it would do", function()
      instances("app-", 2, "app", "shop")
      has(ended(0, run("bulk", { "--dry-run", "app=shop", "new" })), "2 of 2 instances would be changed\n")
      assert.same({}, changes())
    end)

    it("repeats a change whose answer was lost", function()
      instances("app", 1, "app", "shop")
      server:misbehave { operation = "modifyInstanceAttribute", close = "before" }
      has(ended(0, run("bulk", { "app=shop", "new" })), "1 changed")
      assert.equal(2, #changes())
    end)

    it("gives up when the keys are refused", function()
      instances("app-", 3, "app", "shop")
      server:misbehave { operation = "modifyInstanceAttribute", status = 401, error_status = "UNAUTHENTICATED",
        times = "all" }
      ended(3, run("bulk", { "app=shop", "new" }), "^examples/[^\n]+\n$")
      assert.is_true(#changes() <= 2)
    end)
  end)

  describe("certificate", function()
    local folder

    local function file(name, text)
      assert(shell.write(folder .. "/" .. name, text))
      return folder .. "/" .. name
    end

    local function pair(signature)
      return file("cert.pem", ("-----BEGIN CERTIFICATE-----\nMIIB\n%s=\n-----END CERTIFICATE-----\n"
          .. "-----BEGIN CERTIFICATE-----\nissuer\n-----END CERTIFICATE-----\n"):format(signature)),
        file("key.pem", "-----BEGIN PRIVATE KEY-----\nKEY-CANARY\n-----END PRIVATE KEY-----\n")
    end

    before_each(function() folder = child.folder() end)
    after_each(function() os.execute("rm -r " .. folder) end)

    it("goes to a domain of the cdn, once", function()
      assert(cloud.cdn:createDomain { domain = "static.example.org" })
      local cert, key = pair "abc+/defgh"
      local out = ended(0, run("certificate", { cert, key, "cdn", "static.example.org" }))
      has(out, "static.example.org shows static-example-org-abcdefgh (cert-")
      assert.same({ "ssl:uploadCert", "cdn:setHttpType" }, changes())
      local detail = assert(cloud.cdn:getDomainDetail { domain = "static.example.org" })
      assert.same({ "https", out:match "%((cert%-%w+)%)" }, { detail.httpType, detail.sslCertId })
      has(ended(0, run("certificate", { cert, key, "cdn", "static.example.org" })), "already\n")
      assert.same({}, changes())
    end)

    it("goes to a listener, and a renewed one takes its place", function()
      local listener = assert(cloud.lb:createListener { loadBalancerId = "lb-1", listenerName = "l", protocol = "Https",
        port = 443, backendId = "b-1", certificateSpecs = { { certificateId = "cert-old" } } }).listenerId
      for _, signature in ipairs { "firstone", "renewed1" } do
        local cert, key = pair(signature)
        local out = ended(0, run("certificate", { cert, key, "lb", listener }))
        assert.same({ "ssl:uploadCert", "lb:updateListener" }, changes())
        local specs = assert(cloud.lb:describeListener { listenerId = listener }).listener.certificateSpecs
        assert.same({ { certificateId = out:match "%((cert%-%w+)%)" } }, specs)
      end
    end)

    it("tells what it would do, and finds out first whether the place is there", function()
      local cert, key = pair "abcdefgh"
      ended(4, run("certificate", { cert, key, "cdn", "static.example.org" }), "^examples/[^\n]+\n$")
      assert.same({}, changes())
      assert(cloud.cdn:createDomain { domain = "static.example.org" })
      has(ended(0, run("certificate", { "--dry-run", cert, key, "cdn", "static.example.org" })), "would upload and ")
      assert.same({}, changes())
    end)

    it("sends nothing if the files are taken for each other, and shows the key to nobody", function()
      local cert, key = pair "abcdefgh"
      local result = run("certificate", { key, cert, "cdn", "static.example.org" })
      ended(2, result, "key%.pem does not begin with a certificate in PEM\nusage: ")
      assert.is_nil((result.out .. result.err):find("CANARY", 1, true))
      ended(2, run("certificate", { cert, folder .. "/none", "cdn", "static.example.org" }), "none: No such file")
      assert.same({}, changes())
    end)
  end)

  describe("bill", function()
    it("adds a month up by service, exactly", function()
      with_account()
      local out = ended(0, run("bill", { "2026-02" }))
      local services = {}
      for line in out:gmatch "[^\n]+" do services[#services + 1] = (line:gsub(" +", " ")) end
      assert.same({
        "2026-02 RESOURCES LIST PRICE DISCOUNT TO PAY BY COUPON OWED",
        "vm 6 852.20 86.44 765.76 50.00 0.00",
        "disk 3 280.7001 7.07 273.6301 0.00 0.00",
        "ip 1 23.04 0.00 23.04 0.00 0.00",
        "cdn 1 18.37 1.84 16.53 0.00 0.00",
        "domainservice 1 0.00 0.00 0.00 0.00 0.00",
        "total 12 1174.3101 95.35 1078.9601 50.00 0.00",
      }, services)
    end)

    it("is last month's unless another is named", function()
      local now = os.date "*t"
      local last = os.date("%Y-%m", os.time { year = now.year, month = now.month, day = 0, hour = 12 })
      assert.equal(last, ended(0, run "bill"):sub(1, 7))
    end)
  end)

  describe("run wrongly", function()
    for name, wrong in pairs {
      inventory = { { "beijing" }, { "" }, { "--dry-run" } },
      snapshots = { { "--dryrun", "backup=nightly" }, { "backup=nightly", "0" }, { "backup=nightly", "1", "x" },
        { "backup=nightly", "--keep" } },
      ddns = { { "example.org", "home" }, { "--dryrun", "example.org", "home", "192.0.2.1" },
        { "example.org", "home", "192.0.2.1", "x" }, { "example.org", "", "192.0.2.1" },
        { "example.org", "--dryrun", "192.0.2.1" }, { "example.org", "home.example.org", "192.0.2.1" },
        { "example.org", "Example.ORG", "192.0.2.1" }, { "example.org", "a..b", "192.0.2.1" },
        { "example.org", "a b", "192.0.2.1" }, { "", "home", "192.0.2.1" }, { "org", "home", "192.0.2.1" },
        { "example.org", "--dry-run", "192.0.2.1" } },
      stop_by_tag = { {}, { "=off" }, { "--dryrun=yes" }, { "night=off", "day=off" }, { "night=off", "--now" } },
      bulk = { { "app=shop" }, { "app=shop", "owner:", "web" }, { "--dryrun", "app=shop", "new" },
        { "app=shop", "--dry-run" }, { "app=shop", "" }, { "app=shop", " " }, { "app=shop", "-n" },
        { "app=shop", "new", "--yes" } },
      certificate = { {}, { "a", "b", "oss", "c" }, { "--dryrun", "a", "b", "cdn", "c" },
        { "a", "b", "cdn", "--now" } },
      bill = { { "2026" }, { "2026-13" }, { "2026-07", "2026-08" }, { "--dry-run" } },
    } do
      it(name .. " says how it is used and sends nothing", function()
        for _, arguments in ipairs(wrong) do
          ended(2, run(name, arguments), "^" .. name .. ": [^\n]+\nusage: " .. name .. "%.lua ")
        end
        assert.same({}, server:log())
      end)

      it(name .. " says how it is used where that is asked for", function()
        for _, arguments in ipairs { { "--help" }, { "cn-north-1", "-h" } } do
          assert.equal("usage: " .. name .. ".lua ", ended(0, run(name, arguments)):match "^usage: [%w_.]+ ")
        end
        assert.same({}, server:log())
      end)
    end

    it("does nothing for real if it is said to run dry, wherever that is said", function()
      instances("a", 1, "app", "shop")
      local domain = assert(cloud.domainservice:createDomain { domainName = "example.org", packId = 0 }).data.id
      for name, arguments in pairs {
        bulk = { "app=shop", "--dry-run", "new" }, stop_by_tag = { "app=shop", "--dry-run" },
        snapshots = { "app=shop", "--dry-run", "1" }, ddns = { "example.org", "home", "--dry-run", "192.0.2.1" },
      } do
        has(ended(0, run(name, arguments)), "would")
        assert.same({}, changes())
      end
      assert.same({}, assert(cloud.domainservice:all("describeResourceRecord", { domainId = domain })))
    end)

    local RIGHT = {
      inventory = { "cn-north-1" }, snapshots = { "backup=nightly" }, ddns = { "example.org", "home", "192.0.2.1" },
      stop_by_tag = { "night=off" }, bulk = { "app=shop", "new" }, bill = {},
    }

    it("ends with one readable line if the service refuses", function()
      for name, arguments in pairs(RIGHT) do
        local result = run(name, arguments, { JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY-wrong" })
        if name == "inventory" then -- each of its lists fails by itself
          ended(1, result, "^not listed: [^\n]+\nnot listed: [^\n]+\n$")
        else
          ended(3, result, "^examples/[^\n]+\n$")
        end
        assert.is_nil(result.err:find("CANARY", 1, true))
      end
    end)

    it("ends with one readable line if it has no region", function()
      for _, name in ipairs { "snapshots", "stop_by_tag", "bulk" } do
        ended(2, run(name, RIGHT[name], { JDCLOUD_REGION_ID = "" }), "^[^\n]*region[^\n]*\n$")
      end
    end)
  end)
end)

describe("spec/support/lua.sh", function()
  local version = rawget(_G, "jit") and "jit" or _VERSION:match "%d%.%d"
  local root = select(2, shell.run "pwd")

  -- Runs it in a folder that is not the checkout's, with no paths of the caller's.
  local function run(arguments)
    local done, output = shell.run(("cd / && unset LUA_PATH LUA_CPATH; sh %s/spec/support/lua.sh %s"):format(
      shell.quote(root), arguments))
    return done, output
  end

  it("runs a script from any folder", function()
    assert.same({ true, "usage: inventory.lua [REGION…]" },
      { run(("%s %s/examples/inventory.lua --help"):format(version, shell.quote(root))) })
  end)

  it("says how it is used where it is told no Lua", function()
    for _, arguments in ipairs { "", "examples/bill.lua", "5.5 examples/bill.lua" } do
      local done, output = run(arguments)
      assert.same({ false, "usage: lua.sh LUA SCRIPT" }, { done, output:sub(1, 24) })
    end
  end)
end)
