-- Many calls at once over real connections: how many are opened, how many are kept, and what they can bear.

local nginx = require "support.nginx"
local safe = require "jdcloud.safe"

-- Answers say which connection they came over.
local LOCATIONS = [[
location / { default_type application/json; return 200 '{"requestId":"r","result":{"connection":"$connection"}}'; }
location ~ /slow$ { default_type application/json; content_by_lua_block {
  ngx.sleep(0.05) ngx.say('{"requestId":"r","result":{"connection":"' .. ngx.var.connection .. '"}}')
} }
]]

describe("parallel calls", function()
  local server, cloud
  setup(function() server = nginx.start(LOCATIONS) end)
  teardown(function() server:stop() end)
  after_each(function() cloud:close() end)

  local function open(endpoint, options)
    options = options or {}
    options.region, options.access_key, options.secret_key = "cn-north-1", "AK", "SK-CANARY-parallel"
    options.endpoint, options.ca_file, options.limits, options.proxy = endpoint, server.ca_file, false, false
    cloud = assert(safe.new(options))
    return cloud
  end

  local function call(on, path)
    return on:request { service = "vm", method = "GET", path = path or "/x" }
  end

  -- Makes n calls, all at once. Returns how many connections answered, of all that `seen` knows from before.
  local function connections(n, path, seen)
    local list = {}
    for i = 1, n do list[i] = i end
    local results, errors = safe.parallel(list, function() return call(cloud, path) end, { limit = n })
    assert.is_nil(errors, errors and tostring(errors[next(errors)]))
    seen = seen or {}
    for i = 1, n do seen[results[i].connection] = true end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    return count
  end

  for _, listener in ipairs { "http", "https", "http2" } do
    it("over " .. listener .. ": as many connections as the bound at most, which the next ones use again", function()
      open(server[listener])
      local seen = {}
      assert.is_true(connections(100, nil, seen) <= 8)
      assert.is_true(connections(100, nil, seen) <= 8)
    end)
  end

  it("share a connection with HTTP/2, unless the option forbids it", function()
    open(server.http2, { max_host_connections = 1 })
    assert.equal(1, (connections(60, "/v1/slow")))
    cloud:close()
    open(server.http2, { http_version = "1.1", max_host_connections = 12 })
    assert.equal(12, (connections(60, "/v1/slow")))
  end)

  it("obey the bound of all connections together", function()
    open(server.https, { max_connections = 3 })
    assert.is_true(connections(30, "/v1/slow") <= 3)
  end)

  it("use the connection that a single call left", function()
    open(server.https)
    local used = assert(call(cloud)).connection
    assert.equal(1, connections(1, nil, { [used] = true }))
  end)
end)
