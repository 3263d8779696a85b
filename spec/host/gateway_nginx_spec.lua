-- gateway_nginx_spec.lua - the local gateway in a real nginx: started, asked over HTTP, HTTPS and HTTP/2, made to
-- misbehave on the wire, and gone without a trace.

local connect = require "jdcloud.transport.curl"
local core = require "jdcloud.core"
local json = require "jdcloud.json"
local nginx = require "jdcloud.gateway.nginx"
local shell = require "jdcloud.gateway.shell"
local signed = require "support.signed"

local INSTANCES = "/v1/regions/cn-north-1/instances"
local PATIENCE = 10 -- seconds

local function wait_until(what, happened)
  local deadline = core.now() + PATIENCE
  while not happened() do
    assert(core.now() < deadline, "it did not happen: " .. what)
    core.sleep(0.02)
  end
end

local function refused(url)
  local transport = assert(connect {})
  local _, failure = transport.send { method = "GET", url = url .. "/", headers = {}, timeout = 5 }
  transport.close()
  return failure ~= nil and failure.phase == "connect"
end

describe("the gateway in nginx", function()
  local server, transport

  local function get(url, changes)
    local r = { method = "GET", target = INSTANCES, url = url }
    for name, value in pairs(changes or {}) do r[name] = value end
    return signed.send(transport, r)
  end

  setup(function()
    server = assert(nginx.start { ready_after = 0 })
    transport = assert(connect { ca_file = server.ca_file })
  end)

  before_each(function() server:reset() end)

  teardown(function()
    if transport then transport.close() end
    if server then server:stop() end
  end)

  for _, name in ipairs { "http", "https", "https2" } do
    it("answers over " .. name, function()
      local response = assert(get(server[name]))
      assert.equal(200, response.status)
      assert.equal("application/json; charset=utf-8", response.headers["content-type"])
      assert.equal("1000", response.headers["x-jdcloud-limit-minute"])
      assert.equal(0, json.decode(response.body).result.totalCount)
    end)

    it("refuses a wrong secret over " .. name, function()
      local response = assert(get(server[name], { secret_key = "wrong" }))
      assert.equal(401, response.status)
      assert.equal("sign result is not same [gw]", json.decode(response.body).error.message)
    end)
  end

  it("answers by the name of its certificate", function()
    assert.equal(200, assert(get((server.https:gsub("127%.0%.0%.1", "localhost")))).status)
  end)

  it("has a certificate that only its own authority vouches for", function()
    local other = assert(connect {})
    local _, failure = signed.send(other, { method = "GET", target = INSTANCES, url = server.https })
    other.close()
    assert.same({ "tls", false }, { failure.phase, failure.sent })
  end)

  it("has a listener whose certificate is for another name", function()
    local _, failure = get(server.wrong_host)
    assert.same({ "tls", false }, { failure.phase, failure.sent })
  end)

  it("reads target, headers and body byte for byte", function()
    local body = json.encode { instanceSpec = { name = "w\195\188rfel", az = "cn-north-1a" } }
    local created = get(server.http, { method = "POST", body = body })
    assert.equal(200, created.status)
    local id = json.decode(created.body).result.instanceIds[1]
    local odd = INSTANCES .. "/" .. id .. "?%C3%BC=%2F&a=%20%2B~&b="
    local found = get(server.http, { target = odd, headers = { ["x-jdcloud-pin"] = "bXlw/aW4=", ["x_odd"] = "1" } })
    assert.equal(200, found.status)
    assert.equal("w\195\188rfel", json.decode(found.body).result.instance.instanceName)
  end)

  it("reads a body that nginx keeps in a file", function()
    local body = json.encode { description = ("x"):rep(3000000), instanceSpec = { name = "w", az = "cn-north-1a" } }
    assert.equal(200, assert(get(server.https, { method = "POST", body = body })).status)
  end)

  it("keeps one state for all its listeners", function()
    get(server.http, { method = "POST", body = json.encode { instanceSpec = { name = "w", az = "cn-north-1a" } } })
    assert.equal(1, json.decode(get(server.https).body).result.totalCount)
  end)

  it("takes commands: limits, keys and the clock", function()
    server:set { limit = 1, window = 3600 }
    assert.equal(200, get(server.http).status)
    assert.equal(429, get(server.http).status)
    server:advance(3600)
    assert.equal("Invalid authentication credentials [gw]", json.decode(get(server.http).body).error.message)
    server:advance(-3600)
    server:set { limit = 1000, window = 60 }
    server:key(server.access_key, { disabled = true })
    assert.equal("Invalid accessKey [gw]", json.decode(get(server.http).body).error.message)
    server:key(server.access_key, { disabled = false })
    assert.equal(200, get(server.http).status)
  end)

  it("tells what arrived", function()
    get(server.https, { nonce = "n-1" })
    get(server.https, { nonce = "n-1" })
    local log = server:log()
    assert.equal(2, #log)
    assert.same({ "vm:describeInstances", "n-1", 200 }, { log[1].operation, log[1].nonce, log[1].status })
    assert.equal(403, log[2].status)
  end)

  it("raises for a command that makes no sense", function()
    assert.has_error(function() server:misbehave { stauts = 500 } end)
  end)

  it("has no commands without its token", function()
    local response = transport.send { method = "POST", url = server.http .. "/log", headers = {}, body = "[]" }
    assert.equal(401, response.status)
  end)

  for _, name in ipairs { "http", "https" } do
    describe("misbehaves over " .. name, function()
      local function after(rule, changes)
        server:misbehave(rule)
        return get(server[name], changes)
      end

      local function connections_survive()
        assert.equal(200, assert(get(server[name])).status)
      end

      it("with statuses and pages of a proxy", function()
        local response = after { status = 502, html = true }
        assert.same({ 502, "text/html" }, { response.status, response.headers["content-type"] })
        assert.is_truthy(response.body:find("<html>", 1, true))
        assert.equal(503, after({ status = 503 }).status)
        assert.equal("Thu, 01 Jan 1970 00:00:00 GMT",
          after({ headers = { date = "Thu, 01 Jan 1970 00:00:00 GMT" } }).headers.date)
      end)

      it("with a delay", function()
        local began = core.now()
        assert.equal(200, after({ delay = 0.2 }).status)
        assert.is_true(core.now() - began > 0.19) -- both clocks round to 1 ms
        local _, failure = after({ delay = 5 }, { timeout = 0.2 })
        assert.same({ "timeout", true }, { failure.kind, failure.sent })
        connections_survive()
      end)

      it("with a connection that is closed before the answer", function()
        local _, failure = after { close = "before" }
        assert.same({ "network", true }, { failure.kind, failure.sent })
        assert.equal(1, #server:log())
        connections_survive()
      end)

      for _, bytes in ipairs { 5, 60, 400 } do
        it(("with an answer that ends after %d bytes"):format(bytes), function()
          local _, failure = after { cut = bytes, body_size = 1000 }
          assert.is_true(failure.sent)
          assert.equal("receive", failure.phase)
          connections_survive()
        end)
      end

      it("with an answer that stalls", function()
        for _, bytes in ipairs { 0, 5, 400 } do
          local _, failure = after({ stall = bytes, body_size = 1000 }, { timeout = 0.3 })
          assert.same({ "timeout", true }, { failure.kind, failure.sent })
        end
        connections_survive()
      end)

      it("with bytes that are not HTTP", function()
        local _, failure = after { garbage = true }
        assert.is_true(failure.sent)
        connections_survive()
      end)

      it("with an answer that is too large", function()
        local _, failure = after({ body_size = 300000 }, { max_size = 100000 })
        assert.same({ "protocol", true }, { failure.kind, failure.sent })
        assert.equal(300000, #after({ body_size = 300000 }).body)
      end)

      it("with a connection that is closed behind a good answer", function()
        local response = after { close = "after" }
        assert.equal(200, response.status)
        assert.is_nil(response.headers.connection)
        assert.equal(0, json.decode(response.body).result.totalCount)
        -- Whether the client has seen the end when it sends again is a race, as it is out there.
        wait_until("a new connection is made", function() return get(server[name]) ~= nil end)
      end)

      it("with a connection that is closed when the next request comes", function()
        assert.equal(200, after({ close = "next" }).status)
        local _, failure = get(server[name])
        assert.same({ "network", true }, { failure.kind, failure.sent })
        connections_survive()
        local log = server:log()
        assert.same({ 200, 0, 200 }, { log[1].status, log[2].status, log[3].status })
      end)
    end)
  end

  it("ends its streams early over HTTP/2", function()
    for _, rule in ipairs { { cut = 10 }, { close = "before" }, { close = "after" } } do
      server:misbehave(rule)
      local _, failure = get(server.https2)
      assert.is_true(failure.sent)
    end
    assert.equal(200, assert(get(server.https2)).status)
  end)
end)

describe("starting and stopping", function()
  it("leaves nothing behind, and may be stopped twice", function()
    local server = assert(nginx.start())
    local dir, http = server.dir, server.http
    assert.is_true(shell.exists(dir .. "/nginx.conf"))
    assert.equal(("drwx"), (select(2, shell.run("ls -ld " .. shell.quote(dir))):sub(1, 4)))
    assert.is_truthy(select(2, shell.run("ls -ld " .. shell.quote(dir))):find("^drwx%-%-%-%-%-%-"))
    server:stop()
    server:stop()
    assert.is_false(shell.exists(dir .. "/nginx.conf"))
    assert.is_true((shell.run("[ ! -e " .. shell.quote(dir) .. " ]")))
    assert.is_true(refused(http))
  end)

  it("lets two live side by side", function()
    local a, b = assert(nginx.start { limit = 1 }), assert(nginx.start { limit = 2 })
    local transport = assert(connect {})
    local seen = {}
    for i, server in ipairs { a, b, a, b } do
      seen[i] = signed.send(transport, { method = "GET", target = INSTANCES, url = server.http }).status
    end
    assert.same({ 200, 200, 429, 200 }, seen)
    a:stop()
    assert.equal(429, signed.send(transport, { method = "GET", target = INSTANCES, url = b.http }).status)
    b:stop()
    transport.close()
  end)

  it("takes keys of the caller's", function()
    local server = assert(nginx.start { access_keys = { AK = { secret = "s" } } })
    local transport = assert(connect {})
    local function status(changes)
      changes.method, changes.target, changes.url = "GET", INSTANCES, server.http
      return signed.send(transport, changes).status
    end
    assert.same({ 200, 401 }, { status { access_key = "AK", secret_key = "s" }, status {} })
    server:stop()
    transport.close()
  end)

  it("ends when the process that started it is gone", function()
    local interpreter, lowest = arg[-1], -1
    while arg[lowest - 1] do
      lowest = lowest - 1
      interpreter = arg[lowest]
    end
    local program = ("package.path, package.cpath = %q, %q\n"
      .. "local s = assert(require('jdcloud.gateway.nginx').start())\n"
      .. "print(s.dir, s.http) io.stdout:flush() os.exit(0)"):format(package.path, package.cpath)
    local ran, output = shell.run(shell.quote(interpreter) .. " -e " .. shell.quote(program))
    assert.is_true(ran, output)
    local dir, http = output:match("^(%S+)%s+(%S+)$")
    wait_until("the folder is removed", function() return not shell.exists(dir .. "/nginx.conf") end)
    wait_until("nginx is gone", function() return refused(http) end)
  end)

  it("says what is missing", function()
    local server, message = nginx.start { nginx = "/nonexistent/nginx" }
    assert.is_nil(server)
    assert.is_truthy(message:find("install nginx", 1, true))
    server, message = nginx.start { cpath = "/nonexistent/?.so" }
    assert.is_nil(server)
    assert.is_truthy(message:find("jdcloud.core", 1, true))
  end)

  it("refuses options that do not exist", function()
    assert.has_error(function() nginx.start { windw = 3 } end)
    assert.has_error(function() nginx.start { clock = os.time } end)
  end)
end)
