-- What lua-cjson 2.1.0 would lose, there and back through a client: integers up to 64 bits, empty lists, null.

local jdcloud = require "jdcloud.safe"
local json_tree = require "support.json_tree"

local has_integers = math.type ~= nil

local EDGES = {
  "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740991", "-9007199254740992",
  "-9007199254740993", "9223372036854775806", "9223372036854775807", "-9223372036854775807", "-9223372036854775808",
}

local function open(options)
  local sent, answer = {}, nil
  local wanted = {
    region = "cn-north-1", access_key = "AKEXACT", secret_key = "SK-CANARY-exact",
    transport = { send = function(request)
      sent[#sent + 1] = request
      return { status = 200, headers = {}, body = '{"requestId":"r","result":' .. answer .. "}" }
    end },
  }
  for name, value in pairs(options or {}) do wanted[name] = value end
  local cloud = assert(jdcloud.new(wanted))
  return cloud, sent, function(result) answer = result end
end

-- A large integer as this Lua holds it: itself, or its digits where it has no such integers.
local function held(digits)
  if has_integers then return math.tointeger(tonumber(digits)) end
  return digits:find("9007199254740991", 1, true) and tonumber(digits) or digits
end

-- The member of a body's tree at a path.
local function at(tree, ...)
  for _, key in ipairs { ... } do tree = (tree.list or tree.object)[key] end
  return tree
end

-- The digits of a parameter and of a deep field in a body that had this value in both.
local function digits_sent(digits_or_integer)
  local cloud = open()
  local request = assert(cloud.vm:prepare("createInstances", {
    maxCount = digits_or_integer,
    instanceSpec = { name = "n", dataDisks = { { cloudDiskSpec = {
      az = "a", name = "n", diskType = "t", diskSizeGB = digits_or_integer } } } },
  }))
  local tree = json_tree.read(request.body)
  return at(tree, "maxCount").digits,
    at(tree, "instanceSpec", "dataDisks", 1, "cloudDiskSpec", "diskSizeGB").digits
end

describe("an integer of up to 64 bits", function()
  it("is in a body what it is in the program, as an integer and as digits", function()
    for _, digits in ipairs(EDGES) do
      assert.same({ digits, digits }, { digits_sent(digits) })
      assert.same({ digits, digits }, { digits_sent(held(digits)) })
    end
  end)

  it("is so in queries and paths", function()
    local cloud = open()
    for _, digits in ipairs(EDGES) do
      for _, value in ipairs { digits, held(digits) } do
        local request = assert(cloud.vm:prepare("describeInstances", { pageNumber = value }))
        assert.equal("/v1/regions/cn-north-1/instances?pageNumber=" .. digits, request.target)
        request = assert(cloud.openjrtc:prepare("describeRoomOnlineUserNum", { roomId = value }))
        assert.truthy(request.target:find("/" .. digits, 1, true))
      end
    end
  end)

  it("is exact where the type is any, if this Lua has such integers", function()
    local cloud = open()
    for _, digits in ipairs(EDGES) do
      local request = assert(cloud.rds:prepare("modifyAccountComment", {
        instanceId = "i", accountName = "a", notes = held(digits) }))
      local value = at(json_tree.read(request.body), "notes")
      assert.equal(digits, type(value) == "table" and value.digits or value)
    end
  end)

  it("comes back exact in declared, unknown and untyped fields, and goes out again as JSON", function()
    local cloud, _, answer = open()
    for _, digits in ipairs(EDGES) do
      local text = ('{"instances":[{"new":[%s]}],"totalCount":%s}'):format(digits, digits)
      answer(text)
      local result = assert(cloud.vm:describeInstances())
      assert.equal(held(digits), result.totalCount)
      assert.equal(held(digits), result.instances[1].new[1])
      local written = jdcloud.encode(result)
      -- where the Lua has no such integers their digits are a string
      if not has_integers and type(result.totalCount) == "string" then written = written:gsub('"(%-?%d+)"', "%1") end
      assert.equal(text, written)
    end
  end)

  it("can be sent again as it came", function()
    local cloud, _, answer = open()
    for _, digits in ipairs(EDGES) do
      answer('{"totalCount":' .. digits .. "}")
      assert.same({ digits, digits }, { digits_sent(assert(cloud.vm:describeInstances()).totalCount) })
    end
  end)
end)

describe("numbers", function()
  it("have no exponent where they are whole", function()
    assert.same({ "1000000", "1000000" }, { digits_sent(1e6) })
    assert.same({ "100000000000000", "100000000000000" }, { digits_sent(1e14) })
  end)

  it("from 2^53 on are no integers as floats: another one may have been meant", function()
    local cloud = open()
    for _, n in ipairs { 2 ^ 53, -2 ^ 53, 2 ^ 63 } do
      local request, err = cloud.vm:prepare("describeInstances", { pageNumber = n })
      assert.is_nil(request)
      assert.equal("pageNumber", err.problems[1].path)
    end
    assert(cloud.vm:prepare("describeInstances", { pageNumber = 2 ^ 53 - 1 }))
  end)
end)

describe("lists and null", function()
  it("are lists in a body, also empty ones within lists, and null is null", function()
    local cloud = open()
    local request = assert(cloud.dts:prepare("listTopics", {
      endpointId = "e", endpoint = { mongoShards = { {}, {} } },
    }))
    assert.truthy(request.body:find('"mongoShards":[[],[]]', 1, true))
    request = assert(cloud.vm:prepare("createInstances", {
      instanceSpec = { name = "n", description = jdcloud.null, dataDisks = {}, keyNames = jdcloud.list {} },
    }))
    assert.truthy(request.body:find('"dataDisks":[],"description":null,"keyNames":[],"name":"n"', 1, true))
  end)

  it("are told apart from objects where the type is any", function()
    local cloud = open()
    for value, text in pairs {
      [jdcloud.list {}] = "[]", [{}] = "{}", [{ {}, jdcloud.list {} }] = "[{},[]]",
      [{ x = jdcloud.list {} }] = '{"x":[]}', [{ jdcloud.null }] = "[null]",
    } do
      local request = assert(cloud.rds:prepare("modifyAccountComment", {
        instanceId = "i", accountName = "a", notes = value }))
      assert.equal('{"notes":' .. text .. "}", request.body)
    end
  end)

  it("come back as they were said, null only on request, and go out again", function()
    local cloud, _, answer = open()
    local text = '{"instances":[],"x":[[],{},[[]],{"y":[]}]}'
    answer(text)
    local result = assert(cloud.vm:describeInstances())
    assert.equal(text, jdcloud.encode(result))
    assert.equal(0, #result.instances)
    answer '{"instances":null,"totalCount":null,"x":{"a":null,"b":[null]}}'
    assert.equal('{"instances":[],"x":{"b":[null]}}', jdcloud.encode(assert(cloud.vm:describeInstances())))
    cloud, _, answer = open { keep_null = true }
    text = '{"instances":null,"totalCount":null,"x":{"a":null,"b":[null]}}'
    answer(text)
    assert.equal(text, jdcloud.encode(assert(cloud.vm:describeInstances())))
  end)
end)
