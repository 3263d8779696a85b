-- A small account to try things with: what a gateway has from the start if it is told so. Made through the operations,
-- as a user would make it, so that nothing here is in a state that nothing leads to.

local json = require "jdcloud.json"

local M = {}

local AGE = 86400 -- seconds: all of it was made yesterday, and is ready
local CHARGE = { chargeMode = "postpaid_by_duration" }

local function tags(spec)
  local list = json.list {}
  for _, pair in ipairs(spec) do
    list[#list + 1] = { key = pair[1], value = pair[2] }
  end
  return list
end

-- { region, zone, type, name, how many, tags }
local INSTANCES = {
  { "cn-north-1", "cn-north-1a", "g.n2.large", "web-", 2, { { "env", "production" }, { "role", "web" } } },
  { "cn-north-1", "cn-north-1b", "m.n2.large", "db", 1, { { "env", "production" }, { "role", "db" } } },
  { "cn-north-1", "cn-north-1a", "g.n2.medium", "staging", 1, { { "env", "test" }, { "night", "off" } } },
  { "cn-east-2", "cn-east-2a", "c.n2.large", "build-", 3, { { "env", "test" }, { "night", "off" } } },
}

-- { region, zone, type, GB, name, tags }
local DISKS = {
  { "cn-north-1", "cn-north-1a", "ssd.gp1", 100, "web-data", { { "env", "production" } } },
  { "cn-north-1", "cn-north-1b", "ssd.io1", 500, "db-data", { { "env", "production" }, { "backup", "nightly" } } },
  { "cn-east-2", "cn-east-2a", "hdd.std1", 1000, "cache", { { "env", "test" } } },
}

local DOMAIN, CDN_DOMAIN, LISTENER = "example.com", "static.example.com", "listener-example"

-- { service, its name, resource, region, list price, discount, paid by coupons }; the rest is paid from the balance.
-- Amounts whose sum in floats isn't what a bill says, and a refund.
local BILL = {
  { "vm", "Virtual Machines", "web-1", "cn-north-1", 216.10, 21.61, 0 },
  { "vm", "Virtual Machines", "web-2", "cn-north-1", 216.10, 21.61, 50 },
  { "vm", "Virtual Machines", "db", "cn-north-1", 432.20, 43.22, 0 },
  { "vm", "Virtual Machines", "build-1", "cn-east-2", 0.1, 0, 0 },
  { "vm", "Virtual Machines", "build-2", "cn-east-2", 0.2, 0, 0 },
  { "vm", "Virtual Machines", "build-3", "cn-east-2", -12.5, 0, 0 },
  { "disk", "Cloud Disk Service", "web-data", "cn-north-1", 35, 0, 0 },
  { "disk", "Cloud Disk Service", "db-data", "cn-north-1", 175.0001, 0, 0 },
  { "disk", "Cloud Disk Service", "cache", "cn-east-2", 70.7, 7.07, 0 },
  { "ip", "Elastic IP", "web", "cn-north-1", 23.04, 0, 0 },
  { "cdn", "CDN", "static.example.com", "", 18.37, 1.84, 0 },
  { "domainservice", "Cloud DNS", "example.com", "", 0, 0, 0 },
}

local function bill()
  local rows = {}
  for i, row in ipairs(BILL) do
    local total, discount, coupons = row[5], row[6], row[7]
    rows[i] = {
      serviceCode = row[1],
      serviceCodeName = row[2],
      resourceId = row[1] .. "-" .. row[3],
      resourceName = row[3],
      region = row[4],
      billingType = 1,
      billingTypeName = "CONFIG",
      totalFee = total,
      discountFee = discount,
      realTotalFee = total - discount,
      cashCouponPayFee = coupons,
      balancePayFee = total - discount - coupons,
      cashPayFee = 0,
      arrearFee = 0,
    }
  end
  return rows
end

--- Fills empty stores.
-- @param behaviours { [service] = { operations } }
-- @param stores { [service] = store of that service }
-- @param now (number) Unix seconds
-- @param ready_after (number) seconds that it takes until what is created is ready
function M.fill(behaviours, stores, now, ready_after)
  local created = now - AGE - ready_after
  local function call(service, operation, params)
    return assert(behaviours[service].operations[operation](stores[service], params, created))
  end
  for _, row in ipairs(INSTANCES) do
    local spec = { az = row[2], instanceType = row[3], name = row[4], userTags = tags(row[6]), charge = CHARGE }
    call("vm", "createInstances", { regionId = row[1], maxCount = row[5], instanceSpec = spec })
  end
  for i, row in ipairs(DISKS) do
    call("disk", "createDisks", {
      regionId = row[1],
      clientToken = "account" .. i,
      maxCount = 1,
      userTags = tags(row[6]),
      diskSpec = { az = row[2], diskType = row[3], diskSizeGB = row[4], name = row[5], charge = CHARGE },
    })
  end
  local domain = call("domainservice", "createDomain", { domainName = DOMAIN, packId = 0 }).data
  call("domainservice", "createResourceRecord", {
    domainId = domain.id,
    req = { hostRecord = "www", hostValue = "203.0.113.10", type = "A", ttl = 600, viewValue = -1 },
  })
  call("cdn", "createDomain", { domain = CDN_DOMAIN, cdnType = "web", sourceType = "domain" })
  call("lb", "createListener", {
    regionId = "cn-north-1",
    loadBalancerId = "lb-example",
    listenerName = "https",
    protocol = "Https",
    port = 443,
    backendId = "backend-example",
    certificateSpecs = json.list { { certificateId = "cert-example", isDefault = true } },
  })
  stores.lb.listeners[#stores.lb.listeners].view.listenerId = LISTENER -- one that can be told beforehand
  stores.billing.rows = bill()
end

local function line(region, what, name, tagged)
  local words = {}
  for i, pair in ipairs(tagged or {}) do
    words[i] = pair[1] .. "=" .. pair[2]
  end
  return (("%-10s  %-10s  %-18s  %s"):format(region, what, name, table.concat(words, " ")):gsub(" +$", ""))
end

--- What such an account has, for a person: names to use, and tags to find it by.
-- @return list of lines
function M.summary()
  local lines = {}
  for _, row in ipairs(INSTANCES) do
    local name = row[5] == 1 and row[4] or ("%s1 to %s%d"):format(row[4], row[4], row[5])
    lines[#lines + 1] = line(row[1], row[5] == 1 and "instance" or "instances", name, row[6])
  end
  for _, row in ipairs(DISKS) do
    lines[#lines + 1] = line(row[1], "disk", row[5], row[6])
  end
  lines[#lines + 1] = line("cn-north-1", "listener", LISTENER)
  lines[#lines + 1] = line("", "domain", DOMAIN)
  lines[#lines + 1] = line("", "CDN domain", CDN_DOMAIN)
  lines[#lines + 1] = line("", "bill", "of any month")
  return lines
end

return M
