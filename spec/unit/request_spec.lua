-- Parameters -> request: what goes where (protocol.md 3), and every kind of slip.

local json = require "jdcloud.json"
local models = require "jdcloud.models"
local request = require "jdcloud.request"

local vm = assert(models.service("vm"))
local TOKEN = ("0"):rep(32)

local function build(name, params, options)
  options = options or {}
  options.region = options.region or "cn-north-1"
  return request.build(vm:operation(name), params, options)
end

-- An operation that no shipped service has, through the same notation and loader.
local made = 0
local function operation(params, method)
  made = made + 1
  local name, services = "made" .. made, require "jdcloud.services"
  package.loaded["jdcloud.services." .. name] = {
    service = name, endpoint = "made.example", revision = "1", signing_name = name,
    operations = { op = (method or "POST") .. " v1/things - " .. params },
    shapes = { Node = "children:[@Node name! size:i", Free = "", Charged = "charge:@charge:ChargeSpec" },
  }
  table.insert(services, name)
  local op = assert(assert(models.service(name)):operation("op"))
  table.remove(services)
  return op
end

local function body(params, given, options) return request.build(operation(params), given, options) end
local function query(params, given, options) return request.build(operation(params, "GET"), given, options) end

-- The problems as { path = message }.
local function problems(built, list)
  assert.is_nil(built)
  local map = {}
  for _, problem in ipairs(list) do map[problem.path] = problem.message end
  return map
end

describe("a path", function()
  it("has the version in front and each value as one encoded segment", function()
    local r = build("describeInstance", { instanceId = "i-ü a:b?#%" })
    assert.equal("/v1/regions/cn-north-1/instances/i-%C3%BC%20a%3Ab%3F%23%25", r.path)
    assert.equal("cn-north-1", r.region)
    assert.is_nil(r.query)
    assert.is_nil(r.body)
  end)

  it("keeps what follows a value", function()
    local r = build("stopInstance", { instanceId = "i-1" })
    assert.equal("/v1/regions/cn-north-1/instances/i-1:stopInstance", r.path)
  end)

  it("refuses values that would be another path", function()
    for value, message in pairs {
      [""] = "must not be empty: it is part of the path", ["."] = "must not be . or ..: it is part of the path",
      [".."] = "must not be . or ..: it is part of the path",
      ["a/b"] = "must not contain a slash: it is one segment of the path",
    } do
      assert.same({ instanceId = message }, problems(build("describeInstance", { instanceId = value })))
      local loose = { validate = false }
      assert.same({ instanceId = message }, problems(build("describeInstance", { instanceId = value }, loose)))
    end
    assert.same({ instanceId = "is required" }, problems(build("describeInstance", {})))
    assert.same({ instanceId = "is required" }, problems(build("describeInstance", { instanceId = json.null })))
    assert.same({ instanceId = "must be a string, not a table" },
      problems(build("describeInstance", { instanceId = {} })))
  end)

  it("takes an integer for a value", function()
    assert.equal("/v1/regions/cn-north-1/instances/1000000", build("describeInstance", { instanceId = 1e6 }).path)
  end)
end)

describe("the region", function()
  it("is the call's, else the cloud's", function()
    local named = { regionId = "cn-east-2" }
    assert.equal("cn-east-2", build("describeQuotas", named, { call_region = "cn-south-1" }).region)
    assert.equal("cn-south-1", build("describeQuotas", {}, { call_region = "cn-south-1" }).region)
    assert.equal("/v1/regions/cn-north-1/quotas", build("describeQuotas", {}).path)
  end)

  it("is the default one for products without regions, unless the call names one", function()
    local op = {}
    for key, value in pairs(vm:operation("describeQuotas")) do op[key] = value end
    op.default_region = "cn-north-1"
    assert.equal("cn-north-1", request.build(op, {}, { region = "cn-east-2" }).region)
    assert.equal("cn-south-1", request.build(op, {}, { region = "cn-east-2", call_region = "cn-south-1" }).region)
    assert.equal("cn-south-1", request.build(op, { regionId = "cn-south-1" }, { region = "cn-east-2" }).region)
  end)

  it("is never guessed", function()
    local built, list = request.build(vm:operation("describeQuotas"), {}, {})
    assert.is_nil(built)
    assert.same({ { path = "regionId", message = "is required", config = true } }, list)
  end)

  it("must look like one", function()
    assert.same({ regionId = "must be a region's code, like cn-north-1" },
      problems(build("describeQuotas", { regionId = "cn north" })))
  end)
end)

describe("a query", function()
  it("flattens lists and lists of structs from 1", function()
    local r = build("describeInstances", {
      pageNumber = 1, pageSize = 100,
      filters = {
        { name = "status", values = { "running", "a b" } }, { name = "name", operator = "like", values = { "ü" } },
      },
    })
    assert.equal("filters.1.name=status&filters.1.values.1=running&filters.1.values.2=a%20b&filters.2.name=name"
      .. "&filters.2.operator=like&filters.2.values.1=%C3%BC&pageNumber=1&pageSize=100", r.query)
  end)

  it("goes to any depth", function()
    local below = { { name = "b", children = { { name = "c" } } } }
    local r = query("nodes:[@Node", { nodes = { { name = "a", children = below } } })
    assert.equal("nodes.1.children.1.children.1.name=c&nodes.1.children.1.name=b&nodes.1.name=a", r.query)
  end)

  it("writes booleans as words and numbers without an exponent", function()
    local r = query("a:b b:b c:i d:n e", { a = true, b = false, c = 1e6, d = 0.5, e = 5.0 })
    assert.equal("a=true&b=false&c=1000000&d=0.5&e=5", r.query)
  end)

  it("leaves out null and empty lists", function()
    assert.is_nil(query("a:[s b", { a = {}, b = json.null }).query)
    assert.same({ a = "must not be empty" }, problems(query("a![s", { a = {} })))
    assert.same({ a = "is required" }, problems(query("a![s", {})))
  end)

  it("passes what has no type", function()
    local r = query("a? b? c?", { a = "x", b = { 1, 2.0 }, c = { y = true, x = { "z" } } })
    assert.equal("a=x&b.1=1&b.2=2&c.x.1=z&c.y=true", r.query)
  end)

  it("refuses null within a list", function()
    assert.same({ ["a[2]"] = "must be a string, not null" }, problems(query("a:[s", { a = { "x", json.null } })))
  end)
end)

describe("a body", function()
  it("is the parameters by name, without those of the path", function()
    local r = build("createKeypair", { keyName = "k" })
    assert.equal('{"keyName":"k"}', r.body)
    assert.is_nil(r.query)
    assert.equal("{}", build("stopInstance", { instanceId = "i-1" }).body)
  end)

  it("writes lists as lists, also empty ones and nested ones", function()
    assert.equal('{"a":[]}', body("a:[s", { a = {} }).body)
    assert.equal('{"a":[[1,2],[]]}', body("a:[[i", { a = { { 1, 2 }, {} } }).body)
    assert.equal('{"a":[]}', body("a?", { a = json.list() }).body)
    assert.equal('{"a":{}}', body("a?", { a = {} }).body)
  end)

  it("writes integers exactly, also as strings of digits", function()
    for _, digits in ipairs {
      "9007199254740993", "-9007199254740991", "9223372036854775807", "-9223372036854775808", "0", "7",
    } do
      assert.equal('{"a":' .. digits .. "}", body("a:i", { a = digits }).body)
      assert.equal('{"a":' .. digits .. "}", body("a:n", { a = digits }).body)
      if math.type then
        assert.equal('{"a":' .. digits .. "}", body("a:i", { a = math.tointeger(tonumber(digits)) }).body)
      end
    end
    assert.equal('{"a":7}', body("a:i", { a = "0007" }).body)
    assert.equal('{"a":0}', body("a:i", { a = "-0" }).body)
    assert.equal('{"a":1000000}', body("a:i", { a = 1e6 }).body)
  end)

  it("writes an integer where a string is declared as a string", function()
    assert.equal('{"a":"5"}', body("a", { a = 5 }).body)
  end)

  it("writes null where the caller wants one, but not for what is required", function()
    assert.equal('{"a":null,"b":[null]}', body("a b:[s", { a = json.null, b = { json.null } }).body)
    assert.equal('{"a":null}', body("a!?", { a = json.null }).body)
    assert.same({ a = "is required" }, problems(body("a!", { a = json.null })))
  end)

  it("passes what has no type and what is any object", function()
    assert.equal('{"a":{"x":[1,{"y":"ü"}]},"b":{"k":1.5}}',
      body("a? b:@Free", { a = { x = { 1, { y = "ü" } } }, b = { k = 1.5 } }).body)
    assert.same({ b = "must be a table with names, not a list" }, problems(body("b:@Free", { b = { 1 } })))
  end)

  it("doesn't change the caller's table", function()
    local params = { instanceSpec = { name = "x" } }
    build("createInstances", params, { client_token = function() return TOKEN end })
    assert.same({ instanceSpec = { name = "x" } }, params)
  end)
end)

describe("the client token", function()
  local function token() return TOKEN end

  it("is filled in where the operation has one and the caller gave none", function()
    local r = build("createInstances", { instanceSpec = { name = "x" } }, { client_token = token })
    assert.equal('{"clientToken":"' .. TOKEN .. '","instanceSpec":{"name":"x"}}', r.body)
    assert.is_true(r.client_token)
  end)

  it("is the caller's if there is one", function()
    local params = { instanceSpec = { name = "x" }, clientToken = "mine" }
    local r = build("createInstances", params, { client_token = token })
    assert.truthy(r.body:find('"clientToken":"mine"', 1, true))
    assert.is_true(r.client_token)
  end)

  it("isn't there otherwise", function()
    assert.is_false(build("createKeypair", { keyName = "k" }, { client_token = token }).client_token)
    assert.is_false(build("createInstances", { instanceSpec = { name = "x" } }).client_token)
  end)
end)

describe("wrong parameters", function()
  it("are all found at once, each with its path and without its value", function()
    local built, list = build("createInstances", {
      instanceSpec = {
        nam = "CANARY", az = true, keyNames = "CANARY",
        dataDisks = {
          { cloudDiskSpec = { az = "a", name = "n", diskType = "t", diskSizeGB = 10 } },
          { cloudDiskSpec = { az = "a", name = "n", diskType = "t", diskSizeGB = "CANARY" } },
        },
        charge = { chargeMode = "prepaid_by_duration" },
      },
      maxCount = 1.5, extra = "CANARY",
    })
    assert.same({
      ["instanceSpec.nam"] = 'is not a known field; did you mean "name"?',
      ["instanceSpec.name"] = "is required",
      ["instanceSpec.az"] = "must be a string, not a boolean",
      ["instanceSpec.keyNames"] = "must be a list, not a string",
      ["instanceSpec.dataDisks[2].cloudDiskSpec.diskSizeGB"] = "must be an integer, not a string that isn't digits",
      ["instanceSpec.charge.chargeUnit"] = problems(built, list)["instanceSpec.charge.chargeUnit"],
      ["instanceSpec.charge.chargeDuration"] = problems(built, list)["instanceSpec.charge.chargeDuration"],
      maxCount = "must be an integer, not a number with a fraction",
      extra = "is not a known parameter",
    }, problems(built, list))
    assert.truthy(problems(built, list)["instanceSpec.charge.chargeUnit"])
    for _, problem in ipairs(list) do assert.falsy((problem.path .. problem.message):find("CANARY")) end
  end)

  it("are numbers that aren't exact, finite or within 64 bits", function()
    local inexact = "is too large to be exact here; give an integer, or a string of its digits"
    assert.same({ a = inexact }, problems(body("a:i", { a = 2 ^ 60 })))
    assert.same({ a = inexact }, problems(query("a:i", { a = -2 ^ 54 })))
    assert.same({ a = "is beyond 64 bits" }, problems(body("a:i", { a = "9223372036854775808" })))
    assert.same({ a = "is beyond 64 bits" }, problems(body("a:i", { a = "-9223372036854775809" })))
    for _, n in ipairs { 0 / 0, math.huge, -math.huge } do
      assert.truthy(problems(body("a:i", { a = n })).a)
      assert.same({ a = "is not a finite number" }, problems(body("a:n", { a = n })))
      assert.same({ a = "is not a finite number" }, problems(query("a:n", { a = n })))
      assert.same({ ["a.x"] = "is not a finite number" }, problems(body("a?", { a = { x = n } })))
    end
  end)

  it("are tables that are neither clearly lists nor maps, and functions", function()
    assert.same({ a = "must be a list, not a table with names" }, problems(body("a:[s", { a = { x = 1 } })))
    assert.same({ a = "must be a list from 1 without holes" }, problems(body("a:[s", { a = { [1] = "x", [3] = "z" } })))
    assert.same({ a = "is neither clearly a list nor a map" }, problems(body("a?", { a = { 1, x = 2 } })))
    assert.same({ a = "is neither clearly a list nor a map" }, problems(query("a?", { a = { 1, x = 2 } })))
    assert.same({ ["a[1]"] = "can't be a function" }, problems(body("a?", { a = { print } })))
    assert.same({ a = "must be a string, not a function" }, problems(body("a", { a = print })))
    assert.same({ a = "must be a table, not a string" }, problems(body("a:@Node", { a = "x" })))
    assert.same({ a = "must be true or false, not a string" }, problems(query("a:b", { a = "true" })))
    assert.same({ ["[1]"] = "is not a name; names are strings" }, problems(body("a", { "x" })))
    assert.same({ [""] = "the parameters must be a table, not a string" }, problems(body("a", "x")))
  end)

  it("are tables that contain themselves", function()
    local node = { name = "n" }
    node.children = { node, node }
    assert.same({ a = "is nested too deeply, or contains itself" }, problems(body("a:@Node", { a = node })))
    assert.same({ a = "is nested too deeply, or contains itself" }, problems(query("a:@Node", { a = node })))
    assert.same({ a = "is nested too deeply, or contains itself" }, problems(body("a?", { a = node })))
    local free = {}
    free.x = free
    assert.same({ a = "is nested too deeply, or contains itself" }, problems(query("a?", { a = free })))
  end)

  it("are strings that aren't UTF-8 in a body", function()
    assert.same({ a = "is not valid UTF-8" }, problems(body("a", { a = "\255" })))
  end)

  it("are found in a query too, with the same paths", function()
    assert.same({
      ["filters[2].values"] = "is required", ["filters[2].value"] = 'is not a known field; did you mean "values"?',
      pageNumer = 'is not a known parameter; did you mean "pageNumber"?',
    }, problems(build("describeInstances", {
      filters = { { name = "a", values = { "b" } }, { name = "c", value = { "d" } } }, pageNumer = 1,
    })))
  end)
end)

describe("a ChargeSpec", function()
  it("is checked wherever it stands", function()
    local found = problems(body("specs:[@Charged", { specs = { {}, { charge = { chargeDuration = 1 } } } }))
    assert.truthy(found["specs[2].charge.chargeMode"])
    assert.truthy(problems(query("specs:[@Charged", { specs = { { charge = {} } } }))["specs[1].charge.chargeMode"])
  end)

  it("passes with digits and null where it may", function()
    local r = body("c:@Charged", { c = { charge = {
      chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = "3", buyScenario = json.null,
    } } })
    assert.equal('{"c":{"charge":{"buyScenario":null,"chargeDuration":3,"chargeMode":"prepaid_by_duration",'
      .. '"chargeUnit":"month"}}}', r.body)
  end)
end)

describe("validate = false", function()
  it("lets new parameters and fields through, untyped", function()
    local loose = { validate = false }
    assert.equal('{"a":{"name":"n","new":{"x":[1]}},"other":5}',
      body("a:@Node", { a = { name = "n", new = { x = { 1 } } }, other = 5.0 }, loose).body)
    assert.equal("a=1&new.1.x=y&other=true", query("a:i", { a = 1, new = { { x = "y" } }, other = true }, loose).query)
  end)

  it("checks everything else as ever", function()
    local loose = { validate = false }
    assert.same({ ["a.name"] = "is required", new = "can't be a function" },
      problems(body("a:@Node", { a = { size = 1 }, new = print }, loose)))
    assert.same({ a = "must be an integer, not a boolean" }, problems(query("a:i", { a = true }, loose)))
  end)
end)
