-- gateway_check_spec.lua - what the gateway makes of parameters: as strict as a service, and exact.

local check = require "jdcloud.gateway.check"
local json = require "jdcloud.json"
local models = require "jdcloud.models"

local function operation(name)
  local service, op = name:match("^(.-):(.*)$")
  return assert(models.service(service):operation(op))
end

local function from_query(name, query, path_values)
  local values = path_values or { regionId = "cn-north-1" }
  return check.parameters(operation(name), { method = "GET", target = "/?" .. query }, values)
end

local function from_body(name, body, path_values)
  return check.parameters(operation(name), { method = "POST", target = "/", body = body },
    path_values or { regionId = "cn-north-1" })
end

local function refused(message, params, failure)
  assert.is_nil(params)
  assert.same({ 400, "INVALID_ARGUMENT", message }, { failure.http, failure.status, failure.message })
end

describe("parameters of a query", function()
  it("become what the model says, lists of structs too", function()
    local params = assert(from_query("disk:describeDisks", "pageSize=10&filters.1.name=az&filters.1.values.1=a"
      .. "&filters.1.values.2=b%20c&filters.2.name=status&filters.2.values.1=1&tags.1.key=k&tags.1.values.1=v"))
    assert.equal(10, params.pageSize)
    assert.same({ { name = "az", values = { "a", "b c" } }, { name = "status", values = { "1" } } }, params.filters)
    assert.same({ { key = "k", values = { "v" } } }, params.tags)
    local bin = assert(from_query("disk:deleteDisk", "putInRecycleBin=true", { regionId = "cn-north-1", diskId = "d" }))
    assert.is_true(bin.putInRecycleBin)
  end)

  local lists = { "resourceGroupIds.0=a", "resourceGroupIds.2=a", "resourceGroupIds.1=a&resourceGroupIds.3=b",
    "resourceGroupIds=a", "resourceGroupIds.x=a", "resourceGroupIds.01=a",
    "resourceGroupIds.1=a&resourceGroupIds.2=a&resourceGroupIds.4=a&resourceGroupIds.6=a" }
  for _, query in ipairs(lists) do
    it("are refused where a list doesn't go from 1 without holes: " .. query, function()
      refused("resourceGroupIds must be a list", from_query("disk:describeDisks", query))
    end)
  end

  it("are refused with a wrong type or a missing field", function()
    refused("pageSize must be of type integer", from_query("disk:describeDisks", "pageSize=1e3"))
    refused("filters.1.values is required", from_query("disk:describeDisks", "filters.1.name=az"))
    refused("filters.1 must be an object", from_query("disk:describeDisks", "filters.1=az"))
    refused("type is required", from_query("disk:describeQuota", ""))
    refused("putInRecycleBin must be of type boolean", from_query("disk:deleteDisk", "putInRecycleBin=True",
      { regionId = "cn-north-1", diskId = "d" }))
  end)

  it("stay as they came where nobody knows them", function()
    assert.equal("1", from_query("disk:describeDisks", "newOption=1").newOption)
  end)

  it("come without a body", function()
    local params, failure = check.parameters(operation("disk:deleteDisk"),
      { method = "DELETE", target = "/", body = "{}" }, { regionId = "cn-north-1", diskId = "d" })
    refused("a DELETE has no body", params, failure)
  end)
end)

describe("parameters of a body", function()
  local function spec(more) return '{"diskSpec":{"az":"a","name":"n","diskType":"t","diskSizeGB":20' .. more .. "}"
    .. ',"clientToken":"t","maxCount":1}' end

  it("keep integers exact up to 64 bits, also as digits", function()
    local all = { "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808" }
    for _, digits in ipairs(all) do
      for _, written in ipairs { digits, '"' .. digits .. '"' } do
        local params = assert(from_body("disk:createDisks", spec(',"iops":' .. written)))
        assert.equal(digits, json.encode(params.diskSpec.iops):match("-?%d+"))
      end
    end
    assert.equal("20", json.encode(assert(from_body("disk:createDisks", spec ""))["diskSpec"].diskSizeGB))
  end)

  local no_integers = { "9223372036854775808", "1e19", "1.5", '"9223372036854775808"', '"1.0"', '""', "true", "[]" }
  for _, written in ipairs(no_integers) do
    it("are refused where an integer is none: " .. written, function()
      refused("diskSpec.iops must be of type integer", from_body("disk:createDisks", spec(',"iops":' .. written)))
    end)
  end

  it("are of JSON's types: no numbers for texts, no texts for booleans, no objects for lists", function()
    refused("diskSpec.description must be of type string", from_body("disk:createDisks", spec ',"description":7'))
    refused("diskSpec.encrypt must be of type boolean", from_body("disk:createDisks", spec ',"encrypt":"true"'))
    refused("filterGroups.1 must be an object", from_body("disk:describeSnapPolices", '{"filterGroups":[[]]}'))
    refused("filterGroups must be a list", from_body("disk:describeSnapPolices", '{"filterGroups":{"1":{}}}'))
  end)

  it("may be null, or repeat the path's, as other clients write them", function()
    local repeated = spec(',"description":null,"iops":null'):gsub("^{", '{"regionId":9,')
    local params = assert(from_body("disk:createDisks", repeated))
    assert.equal("cn-north-1", params.regionId)
    assert.is_nil(params.diskSpec.description)
    assert.is_nil(params.diskSpec.iops)
    params = assert(from_body("disk:createDisks", (spec(""):gsub("}$", ',"userTags":[null,{"key":"k"}]}'))))
    assert.same({ json.null, { key = "k" } }, params.userTags)
    refused("diskSpec is required", from_body("disk:createDisks", '{"clientToken":"t","diskSpec":null}'))
  end)

  it("keep empty lists and what has no type", function()
    local params = assert(from_body("disk:createDisks", (spec(""):gsub("}$", ',"userTags":[],"more":[{"a":null}]}'))))
    assert.equal("[]", json.encode(params.userTags))
    assert.same({ { a = json.null } }, params.more)
  end)

  it("keep the rules of a ChargeSpec in every service, whose default is the API's", function()
    local params = assert(from_body("disk:createDisks", spec ',"charge":{}'))
    assert.equal("postpaid_by_duration", params.diskSpec.charge.chargeMode)
    local _, failure = from_body("disk:createDisks", spec ',"charge":{"chargeMode":"CANARY"}')
    assert.equal("INVALID_ARGUMENT", failure.status)
    assert.matches("^diskSpec%.charge%.chargeMode: ", failure.message)
    assert.is_nil(failure.message:find("CANARY", 1, true))
  end)
end)

describe("a region", function()
  it("is open text of a region's shape", function()
    assert.equal("ap-far-9", from_query("disk:describeDisks", "", { regionId = "ap-far-9" }).regionId)
    refused("regionId is not a region", from_query("disk:describeDisks", "", { regionId = "North China" }))
  end)
end)
