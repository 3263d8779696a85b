-- What a person sees of an error in nginx: the error log and the answer. ngx_lua itself shows "unknown reason" for
-- an error object (design.md, Errors). And that a call which waits does not stop the worker.

local nginx = require "support.nginx"

-- A call that fails before anything is sent; raising.
local CALL = [[
  local jdcloud = require "jdcloud"
  local cloud = jdcloud.new { access_key = "AK", secret_key = "SK-CANARY", transport = { send = function() end } }
]]

local function location(path, code)
  return ("location = %s { content_by_lua_block { %s\n%s } }\n"):format(path, CALL, code)
end

local LOCATIONS = table.concat {
  location("/uncaught", "cloud.vm:describeInstances()"),
  location("/concatenated", [[
    local _, err = cloud.safe.vm:describeInstances()
    error("could not list: " .. err)]]),
  location("/said", "ngx.say('could not list: ' .. select(2, cloud.safe.vm:describeInstances()))"),
  location("/assert", "assert(cloud.safe.vm:describeInstances())"),
  location("/check", "jdcloud.check(cloud.safe.vm:describeInstances())"),
  location("/again", [[
    local ok, err = pcall(cloud.vm.describeInstances, cloud.vm)
    ngx.log(ngx.WARN, "first ", err)
    error(err, 0)]]),
  location("/again-by-check", [[
    local ok, err = pcall(cloud.vm.describeInstances, cloud.vm)
    jdcloud.check(nil, err)]]),
  location("/main", "jdcloud.main(function() error(select(2, pcall(cloud.vm.describeInstances, cloud.vm)), 0) end)"),
  location("/caught", [[
    local ok, err = pcall(cloud.vm.describeInstances, cloud.vm)
    ngx.say(err.kind, " ", tostring(err))]]),
  location("/thread", [[
    local thread = ngx.thread.spawn(function() cloud.vm:describeInstances() end)
    local ok, err = ngx.thread.wait(thread)
    ngx.say(tostring(ok), " ", err.kind)]]),
  location("/default-transport", [[
    local here = jdcloud.new { access_key = "AK", secret_key = "SK-CANARY", region = "cn-north-1" }
    ngx.say(tostring(select(2, here.safe.vm:describeInstances())))]]),
  location("/sleep", [[
    local ticks, answers = 0, {
      { status = 503, headers = { ["retry-after"] = "1" }, body = '{"requestId":"r","error":{"code":503}}' },
      { status = 200, headers = {}, body = '{"requestId":"r","result":{}}' },
    }
    local here = jdcloud.new { access_key = "AK", secret_key = "SK-CANARY", region = "cn-north-1", transport = {
      send = function() return table.remove(answers, 1) end,
    } }
    local thread = ngx.thread.spawn(function() return select(2, here.vm:describeInstances()) end)
    while coroutine.status(thread) ~= "dead" and coroutine.status(thread) ~= "zombie" do
      ticks = ticks + 1
      ngx.sleep(0.05)
    end
    local _, meta = ngx.thread.wait(thread)
    ngx.say(meta.attempts, " ", ticks > 10)]]),
}

local LINE = "vm%.describeInstances: config: regionId: [^\n]+"

describe("in nginx, an error object", function()
  local server

  setup(function() server = nginx.start(LOCATIONS) end)
  teardown(function() server:stop() end)

  for _, path in ipairs { "/uncaught", "/check", "/again-by-check", "/main" } do
    it("is a readable line in the error log: " .. path, function()
      assert.are.equal(500, server:get(path).status)
      local log = server:log()
      assert.truthy(log:find(LINE))
      assert.is_nil(log:find("CANARY", 1, true))
    end)
  end

  it("that was concatenated is text in the answer and in the log", function()
    assert.truthy(server:get("/said").body:find("could not list: .*" .. LINE))
    assert.are.equal(500, server:get("/concatenated").status)
    assert.truthy(server:log():find("could not list: .*" .. LINE))
  end)

  it("that went through assert of the safe interface, or through error() again, is what ngx_lua makes of it", function()
    for _, path in ipairs { "/assert", "/again" } do
      assert.are.equal(500, server:get(path).status)
      assert.truthy(server:log():find("unknown reason", 1, true))
    end
  end)

  it("is an object for a program that catches it, with nothing in the log", function()
    server:log()
    assert.truthy(server:get("/caught").body:find("^config .*" .. LINE))
    assert.is_nil(server:log():find("describeInstances", 1, true))
  end)

  it("comes out of a light thread as an object, and as a line in the log", function()
    assert.are.equal("false config\n", server:get("/thread").body)
    assert.truthy(server:log():find(LINE))
  end)

  it("needs no sleep of the transport: a call that waits lets the worker go on", function()
    assert.are.equal("2 true\n", server:get("/sleep").body)
  end)

  it("names the directive that a call needs", function()
    assert.truthy(server:get("/default-transport").body:find("resolver", 1, true))
  end)
end)
