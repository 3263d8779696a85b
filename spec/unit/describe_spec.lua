-- client:describe and the services' names: what a user is told of an operation, for all of them.

local describe_of = require "jdcloud.describe"
local house = require "support.house"
local jdcloud = require "jdcloud"
local models = require "jdcloud.models"

local function by_name(list)
  local found = {}
  for _, entry in ipairs(list) do found[entry.name] = entry end
  return found
end

-- Does a description's type say what the model's does? Structs are followed until one stands in itself.
local function agrees(entry, t, above)
  if entry.type ~= t.kind then return false end
  if t.kind == "list" then return agrees(entry.of, t.of, above) end
  if t.kind ~= "struct" then return entry.of == nil and entry.fields == nil end
  if entry.service ~= t.service or entry.shape ~= t.shape then return false end
  local key, fields = t.service .. ":" .. t.shape, models.shape(t).list
  if above[key] then return entry.fields == nil end
  if #entry.fields ~= #fields then return false end
  above[key] = true
  local found = by_name(entry.fields)
  for _, field in ipairs(fields) do
    local inner = found[field.name]
    if inner.required ~= field.required or inner.secret ~= field.secret or inner.place ~= nil then return false end
    if not agrees(inner, field.type, above) then return false end
  end
  above[key] = nil
  return true
end

local function lines(text)
  local count = 0
  for _ in text:gmatch("[^\n]+") do count = count + 1 end
  return count
end

describe("the description of an operation", function()
  local cloud = house.open()

  it("says of every operation what its model says, and prints it", function()
    local all = 0
    for _, service in ipairs(jdcloud.services()) do
      local model = models.service(service)
      for _, name in ipairs(model:operations()) do
        local op = model:operation(name)
        local d = describe_of.operation(op)
        local where = service .. "." .. name
        if #d.parameters ~= #op.list then error(where) end
        local found = by_name(d.parameters)
        for _, p in ipairs(op.list) do
          local entry = found[p.name]
          if entry.place ~= p.place or entry.required ~= p.required or entry.secret ~= p.secret then error(where) end
          if not agrees(entry, p.type, {}) then error(where .. "." .. p.name) end
        end
        if (d.result == nil) ~= (op.result == nil) then error(where) end
        if op.result and not agrees(d.result, op.result, {}) then error(where) end
        if (d.paging == nil) ~= (op.paging == nil) then error(where) end
        if tostring(d):sub(1, #where + 2) ~= where .. ": " then error(where) end
        all = all + 1
      end
    end
    assert.equal(4836, all)
  end)

  it("has what a caller needs: method, path, parameters by need, result, repeating, paging", function()
    local d = cloud.vm:describe "describeInstances"
    assert.same({ "describeInstances", "vm", "GET", "/v1/regions/{regionId}/instances", "v1", true, false },
      { d.name, d.service, d.method, d.path, d.version, d.repeatable, d.client_token })
    assert.same({ style = "page", number = "pageNumber", size = "pageSize", list = "instances", total = "totalCount" },
      d.paging)
    assert.same({ name = "regionId", type = "string", required = true, secret = false, place = "path" },
      d.parameters[1])
    assert.same({ name = "filters", type = "list", required = false, secret = false, place = "query", of = {
      type = "struct", service = "common", shape = "Filter", fields = {
        { name = "name", type = "string", required = true, secret = false },
        { name = "values", type = "list", of = { type = "string" }, required = true, secret = false },
        { name = "operator", type = "string", required = false, secret = false },
      },
    } }, d.parameters[2])
    assert.same({ "struct", "vm", "DescribeInstancesResult" }, { d.result.type, d.result.service, d.result.shape })
    assert.is_nil(cloud.vm:describe("stopInstance").paging)
    assert.is_true(cloud.vm:describe("createInstances").client_token)
    assert.equal("cn-north-1", cloud.billing:describe("describeSplitBillItems").default_region)
  end)

  it("teaches on one page how to make the call", function()
    assert.equal([[
vm.modifyInstancePassword: POST /v1/regions/{regionId}/instances/{instanceId}:modifyInstancePassword
  changes something: sent once, unless the call says idempotent = true
parameters
  instanceId: string (in the path, required)
  password: string (required, secret)
  regionId: string (in the path, the cloud's region unless given)
result: none]], tostring(cloud.vm:describe "modifyInstancePassword"))
    local text = tostring(cloud.vm:describe "createInstances")
    for _, line in ipairs {
      "  changes something: repeated only because clientToken makes that safe\n",
      "\n  instanceSpec: InstanceSpec (required)\n", "\n    dataDisks: list of InstanceDiskAttachmentSpec\n",
      "\n      cloudDiskSpec: disk:DiskSpec\n",
      "\n        diskSizeGB: integer (required)\n", "\n  clientToken: string (a fresh one unless given)\n",
      "\n    password: string (secret)\n", "\nresult: CreateInstancesResult\n  instanceIds: list of string",
    } do
      assert.truthy(text:find(line, 1, true), line)
    end
    assert.is_true(lines(text) > 100)
    assert.truthy(tostring(cloud.vm:describe "describeInstances"):find(
      "\n  reads: a lost answer is asked for again\n  pages by pageNumber and pageSize; items in instances; count in "
      .. "totalCount\n", 1, true))
  end)

  it("names a shape that stands in itself once more, without its fields", function()
    local d = cloud.shenhaiplatform:describe "uranusFunctionListCatalog"
    local result = by_name(d.result.fields).result
    local children = by_name((result.of or result).fields).children
    assert.equal((result.of or result).shape, children.of.shape)
    assert.is_nil(children.of.fields)
    assert.truthy(tostring(d):find("children: list of " .. children.of.shape .. " (as above)", 1, true))
  end)

  it("is a fresh table each time", function()
    local first = cloud.vm:describe "stopInstance"
    first.parameters[1].name, first.method = "changed", "PUT"
    assert.same(cloud.vm:describe "stopInstance", cloud.vm:describe "stopInstance")
    assert.equal("POST", cloud.vm:describe("stopInstance").method)
  end)

  it("of an unknown operation is an error with the nearest names", function()
    local d, err = cloud.vm:describe "createInstance"
    assert.is_nil(d)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find('did you mean "createInstances"', 1, true))
    assert.is_false(pcall(function() jdcloud.check(cloud.vm:describe "createInstance") end))
  end)
end)

describe("the names of the services", function()
  it("are those that have operations, sorted, of the release and of a cloud", function()
    local names = jdcloud.services()
    assert.equal(130, #names)
    for i = 2, #names do assert.is_true(names[i - 1] < names[i]) end
    assert.same(names, house.open():services())
    names[1] = "changed"
    assert.equal("ag", jdcloud.services()[1])
  end)
end)
