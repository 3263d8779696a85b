-- The models: what the loader gives equals the API facts, for every operation and shape; what the compiler refuses.

local cjson = require "cjson"
local check = require "jdcloud.models.check"
local compiler = require "jdcloud.models.compile"
local lists = require "jdcloud.models.lists"
local models = require "jdcloud.models"
local writer = require "jdcloud.models.write"

local SHAPES_ONLY = { "charge", "common", "jdw", "jdworkspace" }

-- Every service, and those that have operations, in alphabetical order.
local CALLABLE, SERVICES = models.services(), models.services()
for _, name in ipairs(SHAPES_ONLY) do SERVICES[#SERVICES + 1] = name end
table.sort(SERVICES)

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function facts_of(name) return cjson.decode(read("spec/facts/services/" .. name .. ".json")) end

local facts = {}
for _, name in ipairs(SERVICES) do facts[name] = facts_of(name) end
local paging = cjson.decode(read("spec/facts/paging.json"))

-- A type of the facts, and one of the loader, as the same text.
local function said(service, t)
  if type(t) == "string" then
    if ({ string = 1, integer = 1, number = 1, boolean = 1, any = 1 })[t] then return t end
    return t:find(":") and t or service .. ":" .. t
  end
  if t.type == "list" then return "list of " .. said(service, t.of) end
  return said(service, t.type == "struct" and t.shape or t.type)
end

local function loaded(t)
  if t.kind == "list" then return "list of " .. loaded(t.of) end
  if t.kind == "struct" then return t.service .. ":" .. t.shape end
  return t.kind
end

describe("the model of a service", function()
  it("has every operation as the facts have it", function()
    local all = 0
    for _, service in ipairs(CALLABLE) do
      local seen = 0
      local model = assert(models.service(service))
      for name, expected in pairs(facts[service].operations) do
        local op = assert(model:operation(name))
        assert.same({ expected.method, expected.version, expected.path, service, name },
          { op.method, op.version, op.path, op.service, op.name })
        local params, result = {}, expected.result and said(service, expected.result)
        for parameter, p in pairs(op.params) do
          params[parameter] = { loaded(p.type), p.required, p.place }
        end
        local wanted = {}
        for parameter, p in pairs(expected.params) do
          local kind = said(service, p)
          if p["in"] == "path" and kind == "any" then kind = "string" end -- a path is text
          wanted[parameter] = { kind, p.required == true or p["in"] == "path", p["in"] }
        end
        assert.same(wanted, params)
        assert.equal(result, op.result and loaded(op.result))
        assert.equal(expected.params.clientToken ~= nil, op.client_token)
        assert.equal(expected.params.regionId ~= nil, op.region)
        seen = seen + 1
      end
      assert.equal(#model:operations(), seen)
      all = all + seen
    end
    assert.equal(4836, all)
  end)

  it("has every shape as the facts have it", function()
    local all = 0
    for _, service in ipairs(SERVICES) do
      for name, expected in pairs(facts[service].shapes) do
        local fields, wanted = {}, {}
        local shape = models.shape { kind = "struct", service = service, shape = name }
        for field, f in pairs(shape.fields) do fields[field] = { loaded(f.type), f.required } end
        for field, f in pairs(expected.fields) do wanted[field] = { said(service, f), f.required == true } end
        assert.same(wanted, fields)
        for i = 2, #shape.names do assert.is_true(shape.names[i - 1] < shape.names[i]) end
        all = all + 1
      end
    end
    assert.equal(10816, all)
  end)

  it("follows a type into another service, and a shape that contains itself", function()
    local op = models.service("vm"):operation("createInstances")
    local spec = models.shape(op.params.instanceSpec.type)
    assert.equal("Tag", models.shape(spec.fields.userTags.type.of).name)
    assert.truthy(models.shape(spec.fields.charge.type).fields.chargeMode)
  end)

  it("says how an operation pages, as the facts do", function()
    local all = 0
    for service, operations in pairs(paging) do
      for name, expected in pairs(operations) do
        expected.result = nil
        if expected.lists then expected.lists = table.concat(expected.lists, ",") end
        assert.same(expected, models.service(service):operation(name).paging)
        all = all + 1
      end
    end
    assert.equal(763, all)
    assert.is_nil(models.service("vm"):operation("stopInstance").paging)
  end)

  it("takes all GETs for repeatable, and no POST but the reviewed ones", function()
    local vm, disk = models.service("vm"), models.service("disk")
    assert.is_true(vm:operation("describeInstances").repeatable)
    assert.is_false(vm:operation("createInstances").repeatable)
    assert.is_false(vm:operation("deleteInstance").repeatable)
    assert.is_true(disk:operation("describeVolumesIgnoreServiceCode").repeatable)
  end)

  it("knows the hosts that Java and Node.js agree on, and the usual one of all others", function()
    local strange = 0
    for _, service in ipairs(CALLABLE) do
      local expected = lists.endpoints[service] or service .. ".jdcloud-api.com"
      assert.equal(expected, models.service(service).endpoint)
      if lists.endpoints[service] then strange = strange + 1 end
    end
    assert.equal(12, strange)
    assert.equal("cfs.jdcloud-api.com", models.service("zfs").endpoint)
  end)

  it("knows which parameters are secrets", function()
    assert.is_true(models.service("vm"):operation("modifyInstancePassword").params.password.secret)
    assert.is_false(models.service("vm"):operation("modifyInstancePassword").params.instanceId.secret)
  end)

  it("answers an unknown name with the nearest ones", function()
    local model, message = models.service("vmm")
    assert.is_nil(model)
    assert.equal('there is no model of the service "vmm" here; did you mean "vm"?; services() names those there are, '
      .. "the option models takes the facts of others, cloud:request makes calls without a model", message)
    local op
    op, message = models.service("vm"):operation("describe_instances")
    assert.is_nil(op)
    assert.truthy(message:find('vm has no operation "describe_instances"; did you mean "describeInstances"', 1, true))
    assert.is_nil((models.service("vm"):operation(nil)))
    assert.is_nil((models.service("charge")), "a service of shapes alone has no client")
    assert.equal(130, #models.services())
  end)
end)

describe("the models compiler", function()
  local function resolve(service, shape) return facts[service] ~= nil and facts[service].shapes[shape] ~= nil end

  local function compile(change, options)
    local service = facts_of("vm")
    change(service)
    options = options or {}
    return compiler.compile("vm.json", service, {
      lists = options.lists or lists, paging = options.paging or paging.vm, resolve = resolve,
    })
  end

  it("makes of the committed facts the committed modules, in 1.5 MB", function()
    local size = 0
    for _, name in ipairs(SERVICES) do
      local text = writer.module(assert(compiler.compile(name .. ".json", facts[name], {
        lists = lists, paging = paging[name], resolve = resolve,
      })))
      assert.equal(read("lua/jdcloud/services/" .. name .. ".lua"), text)
      size = size + #text
    end
    assert.is_true(size <= 1500000, size)
  end)

  it("writes one line an operation", function()
    local text = writer.module(assert(compile(function() end)))
    local line = '\ndescribeInstances="~GET v1*/instances + filters:[@common:Filter pageNumber:i pageSize:i '
    assert.truthy(text:find(line .. 'tags:[@TagFilter | list=instances",\n', 1, true))
  end)

  it("marks a GET that changes something, and products without regions", function()
    local text = writer.module(assert(compile(function() end, {
      lists = { secret = {}, reading = {}, changing = { vm = { "describeInstances" } }, regionless = { "vm" },
        default_region = "cn-north-1" },
    })))
    assert.truthy(text:find('\ndescribeInstances="GET v1', 1, true))
    assert.truthy(text:find('\ndefault_region = "cn-north-1",\n', 1, true))
  end)

  local refused = {
    ["a shape that isn't there"] = {
      function(s) s.operations.stopInstance.result = "Nowhere" end,
      "vm.json: stopInstance: there is no shape \"Nowhere\"" },
    ["a shape of another service that isn't there"] = {
      function(s) s.shapes.Instance.fields.charge.shape = "charge:Nowhere" end,
      "vm.json: Instance.charge: there is no shape \"charge:Nowhere\"" },
    ["a placeholder without a parameter"] = {
      function(s) s.operations.stopInstance.params.instanceId = nil end,
      "vm.json: stopInstance: {instanceId} has no parameter" },
    ["a path parameter without a placeholder"] = {
      function(s) s.operations.stopInstance.path = "/regions/{regionId}/instances" end,
      "vm.json: stopInstance: instanceId has no placeholder in the path" },
    ["an unknown type"] = {
      function(s) s.shapes.Instance.fields.az.type = "text" end, "vm.json: Instance.az: unknown type \"text\"" },
    ["a list of nothing"] = {
      function(s) s.shapes.Instance.fields.tags = { type = "list" } end,
      "vm.json: Instance.tags: is a list without `of`" },
    ["a parameter in the wrong place"] = {
      function(s) s.operations.describeInstances.params.filters["in"] = "body" end,
      "vm.json: describeInstances.filters: is said to be in body, a GET has it in query" },
    ["an unknown method"] = {
      function(s) s.operations.stopInstance.method = "STOP" end, "vm.json: stopInstance: unknown method \"STOP\"" },
    ["a name that would break the notation"] = {
      function(s) s.operations.stopInstance.params["a b"] = { type = "string", ["in"] = "body" } end,
      "vm.json: stopInstance: the name \"a b\" is not an identifier" },
    ["a missing endpoint"] = {
      function(s) s.endpoint = nil end, "vm.json: endpoint must be a host's name; it is missing" },
    ["an endpoint that is more than a host"] = {
      function(s) s.endpoint = "evil.example/x?" end,
      "vm.json: endpoint must be a host's name; it is \"evil.example/x?\"" },
    ["a service whose name is no name"] = {
      function(s) s.service = "../vm" end,
      "vm.json: service must be lower-case letters and digits; it is \"../vm\"" },
    ["a revision with a line break"] = {
      function(s) s.revision = "1\nX: y" end,
      "vm.json: revision must be a version like 1.0.0; it is \"1?X: y\"" },
    ["a signing name of its own"] = {
      function(s) s.signing_name = "ecs" end, "vm.json: signing_name is not vm, which requests are signed for" },
    ["a placeholder that stands twice"] = {
      function(s) s.operations.stopInstance.path = "/regions/{regionId}/{instanceId}/{instanceId}" end,
      "vm.json: stopInstance: {instanceId} stands twice in the path" },
    ["a brace that is no placeholder's"] = {
      function(s) s.operations.stopInstance.path = "/regions/{regionId}/{instanceId}/{a-b}" end,
      "vm.json: stopInstance: the path has a brace that is no placeholder's" },
    ["a path that leaves its place"] = {
      function(s) s.operations.stopInstance.path = "/regions/{regionId}/../{instanceId}" end,
      "vm.json: stopInstance: the path has a segment of dots" },
    ["a path with the notation's own characters"] = {
      function(s) s.operations.stopInstance.path = "/regions/{regionId}/{instanceId} | list=x" end,
      "vm.json: stopInstance: the path is missing or has characters that no path has" },
    ["an operation whose name is Lua"] = {
      function(s) s.operations['x"] = os.exit() --'] = s.operations.stopInstance end,
      "vm.json: operations: the name \"x?] = os.exit() --\" is not an identifier" },
    ["a shape whose name is Lua"] = {
      function(s) s.shapes['"}}'] = { fields = {} } end,
      "vm.json: shapes: the name \"?}}\" is not an identifier" },
    ["a field whose name has the notation's own characters"] = {
      function(s) s.shapes.Instance.fields["az*!i"] = { type = "string" } end,
      "vm.json: Instance: the name \"az*!i\" is not an identifier" },
    ["a version that is none"] = {
      function(s) s.operations.stopInstance.version = "v1/x" end,
      "vm.json: stopInstance: version must be \"v1\" or the like; it is \"v1/x\"" },
    ["a result that is no shape's name"] = {
      function(s) s.operations.stopInstance.result = {} end,
      "vm.json: stopInstance: the name of a shape is a table" },
    ["a result that is of a scalar type"] = {
      function(s) s.operations.stopInstance.result = "string" end,
      "vm.json: stopInstance: there is no shape \"string\"" },
    ["a shape without fields"] = {
      function(s) s.shapes.Instance.fields = nil end, "vm.json: Instance: fields is missing, or not an object" },
    ["an operation without parameters"] = {
      function(s) s.operations.stopInstance.params = nil end,
      "vm.json: stopInstance: params is missing, or not an object" },
    ["a list of lists of what isn't there"] = {
      function(s) s.shapes.Instance.fields.tags = { type = "list", of = { type = "list", of = { type = "struct",
        shape = "Gone" } } } end,
      "vm.json: Instance.tags: there is no shape \"Gone\"" },
    ["a list that contains itself"] = {
      function(s)
        local t = { type = "list" }
        t.of = t
        s.shapes.Instance.fields.tags = t
      end, "vm.json: Instance.tags: has lists in lists without end" },
    ["a struct in the path"] = {
      function(s)
        s.operations.stopInstance.params.instanceId = { type = "struct", shape = "Instance", ["in"] = "path" }
      end, "vm.json: stopInstance.instanceId: no struct can stand in a path" },
    ["required that is neither true nor false"] = {
      function(s) s.shapes.Instance.fields.az.required = "no" end,
      "vm.json: Instance.az: required is not true or false" },
    ["repeatable that is neither true nor false"] = {
      function(s) s.operations.stopInstance.repeatable = "yes" end,
      "vm.json: stopInstance: repeatable is not true or false" },
    ["paging with the notation's own characters"] = {
      function(s) s.paging = { describeInstances = { style = "page", list = "a b=c" } } end,
      "vm.json: paging of describeInstances: list is \"a b=c\"" },
    ["a misspelt key of an operation"] = {
      function(s) s.operations.stopInstance.repeatble = false end,
      "vm.json: stopInstance: has no key \"repeatble\"; did you mean \"repeatable\"?" },
    ["a misspelt key of a field"] = {
      function(s) s.shapes.Instance.fields.az.requird = true end,
      "vm.json: Instance.az: has no key \"requird\"; did you mean \"required\"?" },
    ["a misspelt key of the whole"] = {
      function(s) s.opertions = {} end, "vm.json: has no key \"opertions\"; did you mean \"operations\"?" },
    ["a misspelt key of paging"] = {
      function(s) s.paging = { describeInstances = { styl = "page" } } end,
      "vm.json: paging of describeInstances: has no key \"styl\"; did you mean \"style\"?" },
    ["a path with its version"] = {
      function(s) s.operations.stopInstance.path = "/v1" .. s.operations.stopInstance.path end,
      "vm.json: stopInstance: the path begins with its version, which `version` puts there" },
    ["what is no object at all"] = {
      function(s) s.operations.stopInstance = "GET" end, "vm.json: stopInstance: is \"GET\", not an object" },
  }
  for what, case in pairs(refused) do
    it("refuses " .. what .. ", with file and name", function()
      local text, message = compile(case[1])
      assert.is_nil(text)
      assert.equal(case[2], message)
    end)
  end

  it("takes what the facts say themselves about repeating and paging", function()
    local source = assert(compile(function(s)
      s.operations.stopInstance.repeatable = true
      s.operations.describeInstances.repeatable = false
      s.paging = { describeImages = { style = "page", number = "pageNumber", size = "pageSize", list = "images" } }
    end))
    assert.truthy(source.operations.stopInstance:find("^~POST"))
    assert.truthy(source.operations.describeInstances:find("^GET"))
    assert.falsy(source.operations.describeInstances:find("|", 1, true))
    assert.truthy(source.operations.describeImages:find("| list=images total=-", 1, true))
  end)

  -- What paging says besides style = "page", number = "pageNumber" and size = "pageSize" -> what is wrong with it.
  local wrong_paging = {
    [{ style = "book" }] = 'there is no style "book"',
    [{ style = "token", token = "gone" }] = "token: there is no parameter gone",
    [{ style = "offset" }] = "the style offset needs offset",
    [{ size = "filters" }] = "size: filters is of type list",
    [{ inside = "req" }] = "it has no parameter req",
    [{ inside = "tags" }] = "tags is no struct",
    [{ list = "data.items" }] = "list: the result has no field data.items",
    [{ list = "totalCount" }] = "list: totalCount is of type integer",
    [{ lists = { "instances", "others" } }] = "lists: the result has no field others",
    [{ total = "instances" }] = "total: instances is of type list",
  }
  it("and refuses paging that names parameters or fields that aren't there", function()
    for specific, expected in pairs(wrong_paging) do
      local usual = { style = "page", number = "pageNumber", size = "pageSize" }
      for key, value in pairs(specific) do usual[key] = value end
      local source = assert(compile(function(s) s.paging = { describeInstances = usual } end))
      local ok, message = check.model("vm.json", models.registry({ vm = source }):model("vm"))
      assert.is_nil(ok)
      assert.equal("vm.json: paging of describeInstances: " .. expected, message)
    end
  end)

  it("finds the paging of all committed facts to hold together", function()
    for service in pairs(paging) do assert(check.model(service, models.service(service))) end
  end)

  it("refuses a reviewed list or paging facts that name what isn't there", function()
    local text, message = compile(function() end, {
      lists = { secret = {}, reading = { vm = { "gone" } }, changing = {}, regionless = {} } })
    assert.is_nil(text)
    assert.equal("vm.json: lists.lua: there is no operation gone", message)
    text, message = compile(function() end, { paging = { gone = { style = "page" } } })
    assert.is_nil(text)
    assert.equal("vm.json: paging of gone: there is no such operation", message)
  end)
end)
