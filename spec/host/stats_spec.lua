-- What cloud:stats() says of connections, over nginx.

local jdcloud = require "jdcloud"
local server_of = require "jdcloud.gateway.nginx"

describe("cloud:stats over nginx", function()
  local server

  setup(function() server = assert(server_of.start()) end)
  teardown(function() server:stop() end)

  it("counts connections made and used again, of all views", function()
    local cloud = jdcloud.new {
      region = "cn-north-1", endpoint = server.https, ca_file = server.ca_file, access_key = server.access_key,
      secret_key = server.secret_key, http_version = "1.1",
    }
    for _ = 1, 4 do cloud.vm:describeInstances() end
    assert.are.same({ made = 1, reused = 3 }, cloud:stats().connections)
    local other = cloud:with { max_connections = 9 } -- connections of its own
    other.vm:describeInstances()
    assert.are.same({ made = 2, reused = 3 }, cloud:stats().connections)
    jdcloud.parallel({ 1, 2, 3, 4 }, function() cloud.vm:describeInstances() end)
    local connections = other:stats().connections
    assert.are.equal(9, connections.made + connections.reused)
    assert.are.equal(9, cloud:stats().calls)
    cloud:close()
  end)
end)
