-- The option `models`: facts of services that this release doesn't have, or has older. A cloud's are its own.

local house = require "support.house"
local jdcloud = require "jdcloud"
local json = require "jdcloud.json"
local safe = require "jdcloud.safe"

-- A product that no release knows: it looks at the stars.
local function stars()
  return {
    service = "stars", endpoint = "stars.example.com", revision = "0.1.0", signing_name = "stars",
    operations = {
      describeStars = {
        method = "POST", path = "/regions/{regionId}/stars:query", version = "v1", result = "StarPage",
        repeatable = true,
        params = {
          regionId = { type = "string", required = true, ["in"] = "path" },
          filters = { type = "list", of = "common:Filter", ["in"] = "body" },
          from = { type = "string", ["in"] = "body" },
        },
      },
      createStar = {
        method = "PUT", path = "/regions/{regionId}/stars", version = "v2",
        params = {
          regionId = { type = "string", required = true, ["in"] = "path" },
          star = { type = "struct", shape = "Star", required = true, ["in"] = "body" },
        },
      },
    },
    shapes = {
      Star = { fields = {
        name = { type = "string", required = true }, magnitude = { type = "number" }, password = { type = "string" },
        moons = { type = "list", of = { type = "struct", shape = "Star" } },
        charge = { type = "struct", shape = "charge:ChargeSpec" },
      } },
      StarPage = { fields = { stars = { type = "list", of = "Star" }, following = { type = "string" } } },
    },
    paging = { describeStars = { style = "token", token = "from", next = "following", list = "stars" } },
  }
end

local function options(models)
  return { region = "cn-north-1", access_key = "AKHOUSE", secret_key = "SK-CANARY-given", models = models }
end

local function write(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- A transport that answers every request with these results, one after the other, and keeps the requests.
local function answering(...)
  local results, sent = { ... }, {}
  return {
    send = function(request)
      sent[#sent + 1] = { method = request.method, url = request.url, body = request.body }
      return { status = 200, headers = {}, body = '{"requestId":"r","result":' .. results[#sent] .. "}" }
    end,
  }, sent
end

describe("a service of the option models", function()
  it("is called, checked and shaped as the release's own are", function()
    local given = options(stars())
    local sent
    given.transport, sent = answering('{"stars":[{"name":"sun","moons":null,"magnitude":5}],"following":""}')
    local cloud = jdcloud.new(given)
    local result = cloud.stars:describeStars { filters = { { name = "name", values = { "sun" } } } }
    assert.equal("https://stars.example.com/v1/regions/cn-north-1/stars%3Aquery", sent[1].url)
    assert.same({ filters = { { name = "name", values = { "sun" } } } }, json.decode(sent[1].body:gsub(
      '"regionId":"[^"]*",?', "")))
    assert.equal('{"following":"","stars":[{"magnitude":5,"moons":[],"name":"sun"}]}', jdcloud.encode(result))
    local _, err = cloud.safe.stars:createStar { star = { nam = "x", moons = { { charge = {} } } } }
    assert.equal("invalid", err.kind)
    local paths = {}
    for i, problem in ipairs(err.problems) do paths[i] = problem.path end
    table.sort(paths)
    assert.same({ "star.moons[1].charge.chargeMode", "star.moons[1].name", "star.nam", "star.name" }, paths)
  end)

  it("signs with its name and the region that is sent", function()
    local prepared = jdcloud.new(options(stars())).stars:prepare("createStar", { star = { name = "x" } })
    assert.truthy(prepared.headers.authorization:find("/cn-north-1/stars/jdcloud2_request", 1, true))
    assert.equal("/v2/regions/cn-north-1/stars", prepared.target)
  end)

  it("lends its endpoint to cloud:request", function()
    local given = options(stars())
    local sent
    given.transport, sent = answering("{}", "{}")
    jdcloud.new(given):request { service = "stars", method = "GET", path = "/v1/x" }
    assert.equal("https://stars.example.com/v1/x", sent[1].url)
  end)

  it("is named by services and describe, known by cloud.name and cloud:service", function()
    local cloud = jdcloud.new(options { stars() })
    local names = {}
    for _, name in ipairs(cloud:services()) do names[name] = true end
    assert.is_true(names.stars and names.vm)
    assert.equal(131, #cloud:services())
    assert.same({ "createStar", "describeStars" }, cloud:service("stars"):operations())
    assert.same({ style = "token", token = "from", next = "following", list = "stars" },
      cloud.stars:describe("describeStars").paging)
    assert.is_true(cloud.stars:describe("describeStars").repeatable)
    local _, err = cloud.safe:service("star")
    assert.truthy(err.message:find('did you mean "stars"', 1, true))
  end)

  it("is no map of services", function()
    local ok, message = pcall(safe.new, options({ stars = stars() }))
    assert.is_false(ok)
    assert.truthy(message:find('the option "models" must be', 1, true))
  end)

  it("is its cloud's alone; views have it, or have others", function()
    local cloud, other = safe.new(options(stars())), safe.new(options())
    assert.is_table(cloud:service("stars"))
    assert.is_nil((other:service("stars")))
    assert.equal(130, #jdcloud.services())
    assert.is_table(cloud:with({ region = "cn-east-2" }):service("stars"))
    assert.is_nil((cloud:with({ models = {} }):service("stars")))
    assert.is_table(other:with({ models = stars() }):service("stars"))
    assert.is_nil((other:service("stars")))
  end)

  it("replaces the release's own of that name, for that cloud", function()
    local facts = stars()
    facts.service, facts.signing_name, facts.endpoint = "disk", "disk", "disk.jdcloud-api.com"
    local cloud = safe.new(options(facts))
    assert.same({ "createStar", "describeStars" }, cloud.disk:operations())
    assert.equal(130, #cloud:services())
    assert.is_true(#safe.new(options()).disk:operations() > 2)
    local spec = cloud.vm:describe("createInstances").parameters[1]
    for _, field in ipairs(spec.fields) do
      if field.name == "systemDisk" then spec = field.fields[2] end
    end
    assert.equal("DiskSpec", spec.shape) -- what the release's own refer to is the release's own
  end)

  it("finds the shapes of others that were given, before the release's", function()
    local facts, own = stars(), {
      service = "common", endpoint = "common.jdcloud-api.com", revision = "2", operations = {},
      shapes = { Filter = { fields = { only = { type = "integer" } } } },
    }
    local cloud = safe.new(options { facts, own })
    local _, err = cloud.stars:describeStars { filters = { { name = "x" } } }
    assert.equal("filters[1].name", err.problems[1].path)
    assert.truthy(cloud.vm:prepare("describeInstances", { filters = { { name = "x", values = { "y" } } } }))
  end)

  it("comes from a file too, and keeps what the release knows of paging where the facts have none", function()
    local path = "spec/facts/services/vm.json"
    local cloud = safe.new(options(path))
    local description = cloud.vm:describe "describeInstances"
    assert.same(safe.new(options()).vm:describe "describeInstances", description)
    assert.equal("instances", description.paging.list)

    local file = assert(io.open(path, "rb"))
    local facts = json.decode(file:read("*a"))
    file:close()
    facts.shapes.DescribeInstancesResult.fields.instances = nil
    facts.operations.describeImages = nil
    cloud = safe.new(options { facts })
    assert.is_nil(cloud.vm:describe("describeInstances").paging)
    assert.truthy(cloud.vm:describe("describeKeypairs").paging)
  end)

  it("is read through its pages by each", function()
    local facts = stars()
    for _, name in ipairs { "page", "size" } do
      facts.operations.describeStars.params[name] = { type = "integer", ["in"] = "body" }
    end
    facts.paging.describeStars = { style = "page", number = "page", size = "size", list = "stars" }
    local given = options(facts)
    given.transport = answering('{"stars":[{"name":"a"},{"name":"b"}]}', '{"stars":[{"name":"c"}]}')
    local names = {}
    for star in jdcloud.new(given).stars:each("describeStars", {}, { page_size = 2 }) do
      names[#names + 1] = star.name
    end
    assert.same({ "a", "b", "c" }, names)
  end)
end)

describe("a gateway that was given the facts too", function()
  local cloud, gateway = house.open({ models = stars() }, { models = stars(), seed = 7 })

  it("answers true to their shapes, checks parameters, pages", function()
    local first = assert(cloud.stars:describeStars {})
    assert.equal("string", type(first.stars[1].name))
    assert.equal("number", type(first.stars[1].magnitude))
    assert.equal("stars:describeStars", gateway:log()[1].operation)
    assert.equal(3, #assert(cloud.stars:all("describeStars")))
    assert.same({}, (assert(cloud.stars:createStar { star = { name = "x" } })))
    local _, err = cloud.stars:createStar({ star = {} }, { validate = false })
    assert.equal("invalid", err.kind)
  end)

  it("takes handlers for them", function()
    gateway:on("stars:createStar", function(params) return { name = params.star.name } end)
    assert.same({ name = "x" }, (cloud.stars:createStar { star = { name = "x" } }))
    gateway:on("stars:createStar", nil)
  end)

  it("is the only one that knows them", function()
    local other = house.open { models = stars() }
    local _, err = other.stars:createStar { star = { name = "x" } }
    assert.equal("not_found", err.kind)
    assert.is_false(pcall(require("jdcloud.gateway").new, { models = { { service = "x" } } }))
  end)
end)

describe("facts that don't hold together", function()
  local function refused(models)
    local cloud, err = safe.new(options(models))
    assert.is_nil(cloud)
    assert.equal("config", err.kind)
    return err.message
  end

  local function refused_file(text)
    local path = write(text)
    local message = refused(path)
    os.remove(path)
    return (message:gsub(path:gsub("%p", "%%%0"), "FILE"))
  end

  it("are refused by new, with file and name", function()
    assert.truthy(refused_file('{"service":"x",'):find("^models: FILE: "))
    assert.equal("models: FILE: is empty", refused_file(""))
    assert.equal("models: FILE: service is missing, or no name", refused_file("[1,2]"))
    assert.equal("models: FILE: service is missing, or no name", refused_file('"text"'))
    assert.equal("models: FILE: endpoint must be a host's name; it is missing", refused_file('{"service":"x"}'))
    assert.truthy(refused("spec/facts/services/none.json"):find("none.json", 1, true))
    local facts = stars()
    facts.operations.createStar.params.star.shape = "Planet"
    assert.equal('models: models[1]: createStar.star: there is no shape "Planet"', refused(facts))
    facts = stars()
    facts.shapes.Star.fields.charge.shape = "os:execute"
    assert.equal('models: models[1]: Star.charge: there is no shape "os:execute"', refused(facts))
    facts = stars()
    facts.paging.describeStars.list = "planets"
    assert.equal("models: models[2]: paging of describeStars: list: the result has no field planets",
      refused { "spec/facts/services/disk.json", facts })
    assert.equal("models: models[2]: models[1] has the service stars too", refused { stars(), stars() })
    local _, err = safe.new(options()):with { models = "no such file" }
    assert.equal("config", err.kind)
  end)

  it("raise where the interface raises, and a value of another type is a mistake of the program", function()
    local ok, err = pcall(jdcloud.new, options("no such file"))
    assert.is_false(ok)
    assert.equal("config", err.kind)
    for _, value in ipairs { 5, true, "" } do
      ok, err = pcall(safe.new, options(value))
      assert.is_false(ok)
      assert.truthy(tostring(err):find('the option "models" must be the path of a facts file', 1, true))
    end
    assert.is_false(pcall(safe.new, options { 5 }))
  end)

  it("never run code, whatever they hold", function()
    local evil = '"]=os.exit(9)--'
    local marks = 0
    for _, place in ipairs { "service", "endpoint", "revision" } do
      local facts = stars()
      facts[place] = facts[place] .. evil
      refused(facts)
      marks = marks + 1
    end
    for _, what in ipairs { "operations", "shapes", "paging" } do
      local facts = stars()
      facts[what][evil] = select(2, next(facts[what]))
      refused(facts)
      marks = marks + 1
    end
    for _, key in ipairs { "path", "method", "version", "result" } do
      local facts = stars()
      facts.operations.describeStars[key] = facts.operations.describeStars[key] .. evil
      refused(facts)
      marks = marks + 1
    end
    for _, key in ipairs { "style", "token", "list", "next" } do
      local facts = stars()
      facts.paging.describeStars[key] = facts.paging.describeStars[key] .. " " .. evil
      refused(facts)
      marks = marks + 1
    end
    assert.equal(14, marks)
  end)
end)

describe("the facts of a program's own", function()
  it("are not changed, nor kept", function()
    local facts, before = stars(), stars()
    local cloud = house.open { models = { facts } }
    assert.is_table(cloud:service("stars"))
    assert.same(before, facts)
    facts.operations.createStar = nil
    assert.same({ "createStar", "describeStars" }, cloud.stars:operations())
    assert.is_nil(cloud._view.options.models)
  end)
end)
