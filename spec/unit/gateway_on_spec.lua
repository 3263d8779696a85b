-- gateway_on_spec.lua - what a user's tests put in the place of an operation of the gateway, and JDCLOUD_ENDPOINT.

local child = require "support.child"
local gateway = require "jdcloud.gateway"
local house = require "support.house"

local DISKS = "disk:describeDisks"

local function failed(cloud)
  local result, err = cloud.disk:describeDisks {}
  assert.is_nil(result)
  return err
end

describe("a handler", function()
  it("answers instead of the operation, with checked parameters and the gateway's time", function()
    local cloud, g = house.open()
    local seen, at
    g:on(DISKS, function(params, now)
      seen, at = params, now
      return { disks = { { diskId = "vol-1" } }, totalCount = 1 }
    end)
    local filters = { { name = "az", values = { "a", "b" } } }
    local result = assert(cloud.disk:describeDisks { pageSize = 10, filters = filters })
    assert.same({ disks = { { diskId = "vol-1" } }, totalCount = 1 }, result)
    assert.same({ regionId = "cn-north-1", pageSize = 10, filters = filters }, seen)
    assert.is_true(math.abs(g:now() - at) < 60)
    assert.equal(DISKS, g:log()[1].operation)
  end)

  it("comes before a behaviour, and goes with nil", function()
    local cloud, g = house.open()
    g:on("vm:describeInstances", function() return { instances = {}, totalCount = 7 } end)
    assert.equal(7, cloud.vm:describeInstances().totalCount)
    g:reset()
    assert.equal(7, cloud.vm:describeInstances().totalCount)
    g:on("vm:describeInstances", nil)
    assert.equal(0, cloud.vm:describeInstances().totalCount)
  end)

  it("may return nothing", function()
    local cloud, g = house.open()
    g:on(DISKS, function() end)
    assert.same({}, assert(cloud.disk:describeDisks {}))
  end)

  it("is not asked where parameters are wrong", function()
    local cloud, g = house.open { validate = false }
    local calls = 0
    g:on("disk:createSnapshot", function() calls = calls + 1 end)
    local path = "/v1/regions/cn-north-1/snapshots"
    local _, err = cloud:request { service = "disk", method = "POST", path = path, body = {} }
    assert.equal("INVALID_ARGUMENT", err.status)
    assert.equal(0, calls)
  end)

  it("may fail in its own words, or in the gateway's for the status", function()
    local cloud, g = house.open()
    g:on(DISKS, function() return nil, { http = 409, status = "RESOURCE_BUSY", message = "busy" } end)
    local err = failed(cloud)
    assert.same({ 409, "RESOURCE_BUSY" }, { err.code, err.status })
    g:on(DISKS, function() return nil, { http = 404 } end)
    assert.equal("NOT_FOUND", failed(cloud).status)
  end)

  local broken = {
    { "raises", function(params) error("CANARY " .. params.regionId) end,
      "raised an error at .*gateway_on_spec%.lua:%d+" },
    { "raises a table", function() error { "CANARY" } end, "raised an error %[gw%]" },
    { "returns a text", function() return "CANARY" end, "returned no table" },
    { "returns no failure", function() return nil, "CANARY" end, "returned nil without a failure" },
    { "returns a function", function() return { a = { b = print } } end,
      "returned what JSON can't hold: a%.b: can't be a" },
  }
  for _, row in ipairs(broken) do
    it("that " .. row[1] .. " is answered with 500, which says so without values", function()
      local cloud, g = house.open({ attempts = 1 })
      g:on(DISKS, row[2])
      local err = failed(cloud)
      assert.equal(500, err.code)
      assert.matches("the handler of disk:describeDisks " .. row[3], err.message)
      assert.is_nil(err.message:find("CANARY", 1, true))
    end)
  end

  it("that returns a failure which is none is answered with 500", function()
    for _, failure in ipairs {
      { http = 4.5 }, { http = 42 }, { http = 404, message = print }, { http = 404, status = {} },
      { http = 404, details = "x" }, { http = 404, details = { print } }, { http = 404, code = "x" },
    } do
      local cloud, g = house.open()
      g:on("disk:describeDisks", function() return nil, failure end)
      local _, err = cloud.disk:describeDisks({}, { attempts = 1 })
      assert.equal(500, err.http_status)
      assert.matches("the handler of disk:describeDisks returned", err.message)
    end
  end)

  it("needs the name of an operation, and is told the nearest", function()
    local g = gateway.new()
    local rows = {
      { "disk:createSnapshots", '"createSnapshot"' }, { "dsk:createSnapshot", '"disk"' },
      { "createSnapshot", 'like "vm:describeInstances"' }, { 7, 'like "vm:describeInstances"' },
    }
    for _, row in ipairs(rows) do
      local done, message = pcall(g.on, g, row[1], function() end)
      assert.is_false(done)
      assert.is_truthy(message:find(row[2], 1, true), message)
    end
    assert.has_error(function() g:on(DISKS, "text") end)
  end)
end)

describe("a gateway with models of its own", function()
  local facts = {
    service = "stars", endpoint = "stars.example.com", revision = "1", signing_name = "stars",
    operations = { describeStar = {
      method = "GET", path = "/stars/{starId}", version = "v1", result = "Star",
      params = { starId = { type = "string", required = true, ["in"] = "path" } },
    } },
    shapes = { Star = { fields = { starId = { type = "string" }, magnitude = { type = "number" } } } },
  }

  it("answers for services that no release has", function()
    local cloud, g = house.open({ models = facts }, { models = facts })
    local star = assert(cloud.stars:describeStar { starId = "sirius" })
    assert.same({ "sirius", "number" }, { star.starId, type(star.magnitude) })
    assert.equal("stars:describeStar", g:log()[1].operation)
    g:on("stars:describeStar", function(params) return { starId = params.starId, magnitude = -1.5 } end)
    assert.equal(-1.5, cloud.stars:describeStar({ starId = "sirius" }).magnitude)
  end)

  it("raises where the facts don't hold together", function()
    local done, message = pcall(gateway.new, { models = { service = "stars" } })
    assert.is_false(done)
    assert.matches("models%[1%]: endpoint must be a host's name; it is missing", message)
  end)
end)

describe("JDCLOUD_ENDPOINT", function()
  -- The URL that a cloud with these options asks for, with the variable set in a process of its own.
  local function asked(options, endpoint)
    local script = ([[
      local cloud = require("jdcloud.safe").new { region = "cn-north-1", access_key = "A", secret_key = "CANARY", %s }
      local view = %s
      local request, err = view.vm:prepare("describeInstances", {})
      io.write(request and request.url or err.kind .. ": " .. err.message)
    ]]):format(options[1] or "", options[2] or "cloud")
    return child.run(script, { JDCLOUD_ENDPOINT = endpoint }).out
  end

  local path = "/v1/regions/cn-north-1/instances"
  local rows = {
    { "is where every service is asked", {}, "http://127.0.0.1:9000", "http://127.0.0.1:9000" },
    { "may have the service in it", {}, "{service}.example", "https://vm.example" },
    { "is nothing when it is blank", {}, " ", "https://vm.jdcloud-api.com" },
    { "gives way to the option", { 'endpoint = "own.example"' }, "http://127.0.0.1:9000", "https://own.example" },
    { "gives way to the option of a view", { "", 'cloud:with { endpoint = "own.example" }' }, "http://127.0.0.1:9000",
      "https://own.example" },
    { "gives way to internal", { "internal = true" }, "http://127.0.0.1:9000",
      "http://vm.internal.cn-north-1.jdcloud-api.com" },
    { "holds with a transport of the user's own", { "transport = { send = function() end }" }, "http://127.0.0.1:9000",
      "http://127.0.0.1:9000" },
    { "holds for views", { "", "cloud:with { timeout = 5 }" }, "http://127.0.0.1:9000", "http://127.0.0.1:9000" },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      assert.equal(row[4] .. path, asked(row[2], row[3]))
    end)
  end

  it("is named where it is no endpoint", function()
    assert.matches("^config: .*JDCLOUD_ENDPOINT", asked({}, "http://127.0.0.1/path"))
  end)
end)
