-- Operations that are unlike the others: methods, names, paths and places that a request builder may get wrong; and a
-- ChargeSpec, whose rules hold wherever it stands.

local jdcloud = require "jdcloud.safe"
local reference = require "support.reference"

local cloud = assert(jdcloud.new {
  region = "cn-north-1", access_key = "AKODD", secret_key = "SK-CANARY-odd", transport = { send = function() end },
})

local function target(service, operation, params)
  return assert(cloud:service(service):prepare(operation, params)).target
end

-- The problems as { path = message }.
local function problems(service, operation, params, options)
  local request, err = cloud:service(service):prepare(operation, params, options)
  assert.is_nil(request)
  local map = {}
  for _, problem in ipairs(err.problems) do map[problem.path] = problem.message end
  return map
end

-- Calls each(service, name, op) for every operation.
local function all_operations(each)
  for _, service in ipairs(require "jdcloud.services") do
    for name, op in pairs(reference.facts(service).operations) do each(service, name, op) end
  end
end

describe("a request", function()
  it("of DELETE has its lists in the query and no body", function()
    local request = assert(cloud.disk:prepare("deleteSnapshots", { snapshotIds = { "s-1", "s 2" } }))
    assert.same({ "DELETE", "/v1/regions/cn-north-1/snapshots?snapshotIds.1=s-1&snapshotIds.2=s%202" },
      { request.method, request.target })
    assert.is_nil(request.body)
    assert.equal("/v2/siteMonitor?filters.1.name=a&filters.1.values.1=b",
      target("detection", "deleteSiteMonitor", { filters = { { name = "a", values = { "b" } } } }))
  end)

  it("of HEAD has no body", function()
    local request = assert(cloud.oss:prepare("headBucket", { bucketname = "b" }))
    assert.same({ "HEAD", "/v1/regions/cn-north-1/buckets/b" }, { request.method, request.target })
    assert.is_nil(request.body)
  end)

  it("has no body for any GET, HEAD or DELETE, and one for all others", function()
    local counts = {}
    all_operations(function(_, _, op)
      for _, p in pairs(op.params) do
        counts[op.method .. " " .. p["in"]] = (counts[op.method .. " " .. p["in"]] or 0) + 1
      end
    end)
    for _, method in ipairs { "GET", "HEAD", "DELETE" } do assert.is_nil(counts[method .. " body"]) end
    for _, method in ipairs { "POST", "PUT", "PATCH" } do assert.is_nil(counts[method .. " query"]) end
  end)

  it("keeps the slash at the end of a path and encodes its dollars and colons", function()
    local slashes, dollars, built = 0, 0, 0
    all_operations(function(service, name, op)
      local ends, dollar = op.path:sub(-1) == "/", op.path:find("$$", 1, true)
      if not ends and not dollar then return end
      slashes, dollars = slashes + (ends and 1 or 0), dollars + (dollar and 1 or 0)
      local params = {}
      for parameter, p in pairs(op.params) do
        if p["in"] == "path" then params[parameter] = p.type == "integer" and 7 or "cn-north-1" end
      end
      local request = cloud:service(service):prepare(name, params) -- the rest may be missing
      if not request then return end
      built = built + 1
      local path = request.target:match("^[^?]*")
      assert.equal(ends, path:sub(-1) == "/")
      if dollar then assert.truthy(path:find("%24%24", 1, true)) end
      assert.falsy(path:find("[$:]"))
    end)
    assert.equal(50, slashes)
    assert.is_true(dollars > 100 and built > 100)
  end)

  it("is that of the operation that was named, where two have the same method and path", function()
    local pairs_of = { { "monitor", "put", "putProductMetricData" }, { "yunding", "put", "putProductMetricData" },
      { "monitor", "putCustomMetricData", "putMetricData" } }
    for _, pair in ipairs(pairs_of) do
      for i = 2, 3 do
        local found = problems(pair[1], pair[i], { none = 1 })
        assert.equal("is not a known parameter", found.none)
        local names = reference.operation(pair[1], pair[i]).params
        for _, name in ipairs(names.names) do
          if names.required[name] and name ~= "regionId" then assert.equal("is required", found[name]) end
        end
      end
    end
  end)

  it("may have parameters that are words of Lua, or are called as a request's own parts", function()
    local wanted, seen = { "end", "until", "version", "method" }, {}
    for _, word in ipairs(wanted) do seen[word] = 0 end
    all_operations(function(service, name, op)
      for _, word in ipairs(wanted) do
        local p = op.params[word]
        if p and (p.type == "string" or p.type == "any") then
          local found = problems(service, name, { [word] = "x", none = 1 })
          assert.is_nil(found[word])
          seen[word] = seen[word] + 1
        end
      end
    end)
    for _, word in ipairs(wanted) do assert.is_true(seen[word] > 0, word) end
  end)

  it("has fields that are words of Lua", function()
    local seen = {}
    for _, service in ipairs(require "jdcloud.services") do
      for _, shape in pairs(reference.facts(service).shapes) do
        for _, word in ipairs { "end", "until", "function", "not" } do
          if shape.fields[word] then seen[word] = true end
        end
      end
    end
    assert.same({ ["end"] = true, ["until"] = true, ["function"] = true, ["not"] = true }, seen)
  end)

  it("takes an integer of a path by its type, and text or an integer where the path's type is unknown", function()
    assert.equal("/v1/describeRoomOnlineUserNum/7", target("openjrtc", "describeRoomOnlineUserNum", { roomId = 7 }))
    assert.same({ roomId = "must be an integer, not a string that isn't digits" },
      problems("openjrtc", "describeRoomOnlineUserNum", { roomId = "seven" }))
    assert.equal("/v1/app/a/package/12", target("ydapp", "deletePackage", { appId = "a", packageId = 12 }))
  end)

  it("refuses text that isn't UTF-8 in paths, queries and bodies", function()
    assert.same({ instanceId = "is not valid UTF-8" }, problems("vm", "describeInstance", { instanceId = "\255" }))
    assert.same({ ["filters[1].name"] = "is not valid UTF-8" },
      problems("vm", "describeInstances", { filters = { { name = "\192", values = { "a" } } } }))
    assert.same({ keyName = "is not valid UTF-8" }, problems("vm", "createKeypair", { keyName = "a\128" }))
    assert.same({ ["\255"] = "is a name that is not valid UTF-8" },
      problems("vm", "describeInstances", { ["\255"] = 1 }, { validate = false }))
  end)

  it("refuses what would leave a hole in a query", function()
    assert.same({ ["filters[1].values"] = "must not be empty" },
      problems("vm", "describeInstances", { filters = { { name = "status", values = {} } } }))
    assert.same({ ["sorts[1]"] = "must not be empty" }, problems("jdccs", "describeResourceDirectConnects",
      { sorts = { {}, { name = "a" } } }))
  end)
end)

describe("validate = false", function()
  it("lets a new parameter of any operation through, and nothing else", function()
    local loose, queries, bodies = { validate = false }, 0, 0
    all_operations(function(service, name, op)
      if #reference.operation(service, name).params.names > 1 then return end
      local request = cloud:service(service):prepare(name, { regionId = op.params.regionId and "cn-north-1",
        brandNew = { 1, "a" } }, loose)
      if not request then return end
      if request.body then
        assert.truthy(request.body:find('"brandNew":[1,"a"]', 1, true))
        bodies = bodies + 1
      else
        assert.truthy(request.target:find("brandNew.1=1&brandNew.2=a", 1, true))
        queries = queries + 1
      end
    end)
    assert.is_true(queries > 20 and bodies > 20)
    assert.same({ ["brandNew[1]"] = "can't be a function" },
      problems("vm", "createKeypair", { keyName = "k", brandNew = { print } }, loose))
  end)
end)

describe("a path value", function()
  it("that ends in another operation's verb would be that operation's path, and is refused", function()
    local message = 'must not end in ":disable": that would be another operation'
    assert.equal(message, problems("kms", "updateSecret", { secretId = "s-1:disable" }).secretId)
    assert.truthy(problems("kms", "describeKey", { keyId = "k-1:GenerateDataKey" }).keyId)
    assert.truthy(cloud.kms:prepare("describeKey", { keyId = "k-1:none-of-these" }))
  end)

  it("may be a region of any name, remembered ones too", function()
    for _ = 1, 2 do
      local prepared = assert(cloud.vm:prepare("describeInstances", { regionId = "count" }))
      assert.truthy(prepared.target:find("/v1/regions/count/instances", 1, true))
    end
  end)

  it("of an integer that is all zeros and no integer takes no time to refuse", function()
    local began = os.clock()
    problems("vm", "describeInstances", { pageNumber = ("0"):rep(200000) .. "x" })
    assert.is_true(os.clock() - began < 1)
  end)
end)

describe("a table with inherited values", function()
  it("has them sent, and its own unknown names found", function()
    local inherited = setmetatable({ pageSise = 5 }, { __index = { pageSize = 10 } })
    assert.same({ pageSise = 'is not a known parameter; did you mean "pageSize"?' },
      problems("vm", "describeInstances", inherited))
  end)
end)

describe("a ChargeSpec", function()
  local function charged(charge)
    return problems("vm", "createInstances", { instanceSpec = { name = "n", charge = charge } })
  end

  it("has its rules in every parameter and field of that type", function()
    local parameters = 0
    all_operations(function(service, name, op)
      for parameter, p in pairs(op.params) do
        if p.shape == "charge:ChargeSpec" or p.shape == "ChargeSpec" and service == "dbs" then
          parameters = parameters + 1
          local found = problems(service, name, { [parameter] = { chargeUnit = "month" } })
          assert.truthy(found[parameter .. ".chargeMode"]:find("^missing"), service .. "." .. name)
        end
      end
    end)
    assert.is_true(parameters > 10)
  end)

  it("is judged by its rules though something in it is of the wrong type, and that is said once", function()
    local found = charged {
      chargeMode = "prepaid_by_duration", chargeUnit = "week", chargeDuration = "CANARY", new = 1,
    }
    assert.equal("must be an integer, not a string that isn't digits", found["instanceSpec.charge.chargeDuration"])
    assert.truthy(found["instanceSpec.charge.chargeUnit"]:find("month or year", 1, true))
    assert.equal("is not a known field", found["instanceSpec.charge.new"])
    found = charged { chargeMode = 1.5, chargeDuration = 77 }
    assert.equal("must be a string, not a number", found["instanceSpec.charge.chargeMode"])
    assert.truthy(found["instanceSpec.charge.chargeDuration"]:find("must be 1 to 9 months", 1, true))
  end)

  it("isn't judged by what its wrong field would have said", function()
    assert.same({ ["instanceSpec.charge.autoChangeChargeMode"] = "must be true or false, not a string" },
      charged { chargeMode = "postpaid_by_usage", autoChangeChargeMode = "yes", chargeUnit = "month",
        chargeDuration = 1 })
  end)

  it("doesn't hide behind a wrong field beside it, nor hide that one", function()
    local found = problems("vm", "createInstances", { maxCount = "x", instanceSpec = { charge = {}, az = true } })
    local paths = reference.sorted(found)
    assert.same({ "instanceSpec.az", "instanceSpec.charge.chargeMode", "instanceSpec.name", "maxCount" }, paths)
  end)
end)
