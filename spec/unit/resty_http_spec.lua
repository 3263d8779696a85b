-- The adapter for lua-resty-http of examples/, over a stand-in for that module, which has just what its README says.

local house = require "support.house"

describe("the adapter for lua-resty-http", function()
  local script, calls, loaded -- what the stand-in does, and what was done to it

  local function note(...) calls[#calls + 1] = { ... } end

  local Client = {}
  Client.__index = Client
  function Client.set_timeouts(_, ...) note("set_timeouts", ...) end
  function Client.connect(_, options)
    note("connect", options)
    if script.connect then return nil, script.connect end
    return 1
  end
  function Client.request(_, params)
    note("request", params)
    if script.request then return nil, script.request end
    local at = 0
    return {
      status = 200, headers = script.headers or { ["Content-Length"] = "x", ["X-Two"] = { "a", "b" } }, has_body = true,
      body_reader = function()
        at = at + 1
        local piece = script.pieces[at]
        if type(piece) == "table" then return piece[1], piece[2] end
        return piece
      end,
    }
  end
  function Client.set_keepalive(_, ...) note("set_keepalive", ...) end
  function Client.close() note("close") end

  setup(function()
    loaded = package.loaded["resty.http"]
    package.loaded["resty.http"] = { new = function() return setmetatable({}, Client) end }
  end)
  teardown(function() package.loaded["resty.http"] = loaded end)
  before_each(function() script, calls = { pieces = { '{"requestId":"r",', '"result":{"totalCount":3}}' } }, {} end)

  local function cloud(options)
    local transport = dofile("examples/resty_http.lua") { proxy_opts = "proxies" }
    return house.open { transport = transport, max_size = options and options.max_size, endpoint = "http://a.test:81",
      attempts = 1 }
  end

  local function names()
    local list = {}
    for i, call in ipairs(calls) do list[i] = call[1] end
    return table.concat(list, " ")
  end

  it("sends what was signed, byte for byte, and keeps the connection", function()
    local result, meta = assert(cloud().vm:describeInstances { pageSize = 10 })
    assert.equal(3, result.totalCount)
    assert.equal("a, b", meta.headers["x-two"])
    assert.equal("set_timeouts connect request set_keepalive", names())
    assert.same({ scheme = "http", host = "a.test", port = 81, ssl_verify = true, ssl_server_name = "a.test",
      proxy_opts = "proxies" }, calls[2][2])
    local params = calls[3][2]
    assert.equal("/v1/regions/cn-north-1/instances?pageSize=10", params.path)
    assert.equal("a.test:81", params.headers.host)
    assert.truthy(params.headers.authorization)
    assert.is_nil(params.body)
    assert.equal(5000, calls[1][2])
  end)

  it("sends a body where there should be one", function()
    assert(cloud():request { service = "vm", method = "POST", path = "/v1/x" })
    assert.equal("", calls[3][2].body)
  end)

  it("knows what surely was not sent", function()
    script.connect = "connection refused"
    local _, err = cloud().vm:describeInstances()
    assert.same({ "network", "connect", false }, { err.kind, err.phase, err.sent })
    script.connect, script.request = nil, "closed"
    _, err = cloud().vm:describeInstances()
    assert.same({ "network", "send", true }, { err.kind, err.phase, err.sent })
    script.request = "timeout"
    _, err = cloud().vm:describeInstances()
    assert.same({ "timeout", "receive", true }, { err.kind, err.phase, err.sent })
    assert.truthy(names():find("close$"))
  end)

  it("knows where an answer ends, and where it was cut", function()
    script.pieces[3] = { nil, "closed" }
    local _, err = cloud().vm:describeInstances()
    assert.same({ "protocol", true }, { err.kind, err.sent })
    script.headers = {}
    assert(cloud().vm:describeInstances())
  end)

  it("takes no more than max_size", function()
    script.pieces = { ("x"):rep(1025) }
    local _, err = cloud({ max_size = 1024 }).vm:describeInstances()
    assert.same({ "protocol", true, false }, { err.kind, err.sent, err.retryable })
    assert.truthy(names():find("close$"))
  end)
end)
