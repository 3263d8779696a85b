-- Regions, for every operation: what is sent, what is signed, and what is never guessed (design.md, Region).

local house = require "support.house"
local jdcloud = require "jdcloud"
local lists = require "jdcloud.models.lists"
local models = require "jdcloud.models"
local request = require "jdcloud.request"

local REGION = "cn-east-2"

local regionless = {}
for _, service in ipairs(lists.regionless) do regionless[service] = true end

-- The least that an operation takes. Values only have to be there: nothing is sent. A struct that is empty leaves no
-- trace in a query, so its first field is given.
local function value_of(t)
  if t.kind == "list" then return { value_of(t.of) } end
  if t.kind == "integer" or t.kind == "number" then return 1 end
  if t.kind == "boolean" then return true end
  if t.kind ~= "struct" then return "x" end
  if t.shape and t.shape:find("ChargeSpec") and t.service ~= "instancevoucher" then -- its has no mode
    return { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1 }
  end
  local value, first = {}, models.shape(t).list[1]
  if first and first.type.kind ~= "struct" then value[first.name] = value_of(first.type) end
  for _, field in ipairs(models.shape(t).list) do
    if field.required then value[field.name] = value_of(field.type) end
  end
  return value
end

local function least(op)
  local params = {}
  for _, p in ipairs(op.list) do
    if p.required and p.name ~= "regionId" then params[p.name] = value_of(p.type) end
  end
  return params
end

-- The region in a path or query; nil where none is.
local function sent_in(built)
  return built.path:match("/regions?/(cn%-%w+%-%d)") or built.path:match("(cn%-%w+%-%d)")
    or (built.query or ""):match("regionId=([^&]+)")
end

local function each_operation(see)
  for _, service in ipairs(models.services()) do
    local model = models.service(service)
    for _, name in ipairs(model:operations()) do see(model:operation(name), service) end
  end
end

describe("of every operation", function()
  it("the region is the cloud's, or cn-north-1 for products without regions, and what is sent is what is signed for",
    function()
      local all, with_region, without, of_iam = 0, 0, 0, 0
      each_operation(function(op, service)
        local where = service .. "." .. op.name
        local params = least(op)
        local built, problems = request.build(op, params, { region = REGION })
        if not built then error(where .. ": " .. problems[1].path .. " " .. problems[1].message) end
        local expected = op.params.regionId and (regionless[service] and "cn-north-1" or REGION) or nil
        if built.region ~= expected or sent_in(built) ~= expected then error(where) end
        local named = request.build(op, params, { region = REGION, call_region = "cn-south-1" })
        local expected_of_call = expected and "cn-south-1"
        if named.region ~= expected_of_call or sent_in(named) ~= expected_of_call then error(where) end
        all = all + 1
        if expected then with_region = with_region + 1 else without = without + 1 end
        if service == "iam" and expected then of_iam = of_iam + 1 end
      end)
      assert.same({ 4836, 3682, 1154, 13 }, { all, with_region, without, of_iam })
    end)

  it("none guesses a region that there isn't, and products without regions need none", function()
    local refused = 0
    each_operation(function(op, service)
      local built, problems = request.build(op, least(op), {})
      local needs = op.params.regionId and not regionless[service]
      if (built == nil) ~= (needs ~= nil and needs) then error(service .. "." .. op.name) end
      if not built then
        refused = refused + 1
        if #problems ~= 1 or problems[1].path ~= "regionId" or not problems[1].config then
          error(service .. "." .. op.name)
        end
      end
    end)
    assert.is_true(refused > 3000)
  end)
end)

describe("the scope of the signature", function()
  local cloud = house.open { region = REGION }

  local function scope(service, operation, params, options)
    local prepared, err = cloud:service(service):prepare(operation, params, options)
    assert.is_nil(err)
    return prepared.headers.authorization:match("Credential=[^/]+/%d+/([^/]+/[^/]+)/")
  end

  it("has the region that is sent, else jdcloud-api", function()
    assert.equal("cn-east-2/vm", scope("vm", "describeInstances"))
    assert.equal("cn-south-1/vm", scope("vm", "describeInstances", { regionId = "cn-south-1" }))
    assert.equal("cn-south-1/vm", scope("vm", "describeInstances", nil, { region = "cn-south-1" }))
    assert.equal("jdcloud-api/iam", scope("iam", "describeSubUsers"))
    assert.equal("cn-north-1/domainservice", scope("domainservice", "describeDomains",
      { pageNumber = 1, pageSize = 10 }))
    assert.equal("cn-east-2/redis", scope("redis", "listTasks"))
    assert.equal("jdcloud-api/redis", scope("redis", "listTasks", { regionId = jdcloud.null }))
  end)

  it("of a region in the query must look like one", function()
    local _, err = cloud.redis:prepare("listTasks", { regionId = "cn north" })
    assert.equal("invalid", err.kind)
    assert.same({ { path = "regionId", message = "must be a region's code, like cn-north-1" } }, err.problems)
  end)

  it("without any region: the error is of the configuration and says what to do", function()
    local other = require("jdcloud.safe").new { access_key = "AK", secret_key = "SK-CANARY-none",
      profile = nil, credentials = nil }
    other._view.options.region = nil -- whatever the environment says
    local _, err = other.vm:describeInstances()
    assert.equal("config", err.kind)
    assert.truthy(err.hint:find("give the option region", 1, true))
    assert.equal("regionId: is required", err.message)
    _, err = other.redis:prepare "listTasks"
    assert.equal("config", err.kind)
  end)
end)
