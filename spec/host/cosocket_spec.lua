-- The transport over cosockets, in a worker of a real nginx, against a server that misbehaves on request. What runs in
-- nginx is LuaJIT whatever Lua runs the test, so one of them is enough: 5.4.

if _VERSION ~= "Lua 5.4" then return end

local core = require "jdcloud.core"
local exchanges = require "support.exchanges"
local faults = require "support.faults"
local offsets = require "support.offsets"
local remotes = require "support.remote"

local SECRET, request, nonce = exchanges.SECRET, exchanges.request, exchanges.nonce

describe("cosockets", function()
  local server, remote = {}, nil

  setup(function()
    for name, value in pairs(faults.start()) do server[name] = value end
    remote = remotes.start { server.ca_file }
  end)

  teardown(function()
    remote:stop()
    server.stop()
  end)

  local function transport(options, where) return remote:transport(options, where) end

  local function arrivals(name) return exchanges.arrivals(transport(), server, name) end

  local check = exchanges.specs({
    server = server, transport = transport, now = core.now, host = "host", length = "content-length",
  }, describe, it)

  local function fails(expected, r, options, where)
    local response, failure = transport(options, where).send(r)
    assert.is_nil(response)
    assert.same({ expected[1], expected[2], expected[3] }, { failure.kind, failure.phase, failure.sent },
      failure.message)
    if expected.says then assert.matches(expected.says, failure.message) end
    if expected.hint then assert.matches(expected.hint, failure.hint) end
    assert.is_nil((failure.message .. (failure.hint or "")):find(SECRET, 1, true))
    return failure
  end

  describe("need directives of nginx, which the failure names:", function()
    it("a name server", function()
      fails({ "config", "resolve", false, hint = "resolver 127" }, request("http://some.test/"), {}, "/nameless")
    end)

    it("authorities to trust", function()
      fails({ "config", "tls", false, says = "certificate", hint = "lua_ssl_trusted_certificate" },
        request("https://untrusted.test:" .. server.port.tls .. "/ok"), {}, "/untrusting")
      local _, failure = remote:at("/untrusting", 'return require("support.inside").send(...)', {},
        (request("https://127.0.0.1:" .. server.port.tls .. "/ok")))
      assert.same({ "config", "tls", false }, { failure.kind, failure.phase, failure.sent })
      assert.matches("lua_ssl_trusted_certificate.*and.*as a name", failure.hint)
    end)

    it("instead of ca_file", function()
      fails({ "config", nil, false, says = "lua_ssl_trusted_certificate" }, request(server.tls .. "/ok"),
        { ca_file = server.ca_file })
    end)

    it("the versions of TLS", function()
      local url = "https://localhost:" .. server.port.tls .. "/ok"
      assert.equal(200, assert(transport({ tls_min = "1.3" }, "/modern").send(request(url))).status)
      fails({ "network", "tls", false, hint = "lua_ssl_protocols" },
        request("https://localhost:" .. server.port.old .. "/ok"), { tls_min = "1.3" }, "/modern")
      assert.equal(200, assert(transport().send(request(server.old .. "/ok"))).status)
    end)
  end)

  it("compare certificates with names", function()
    check { "config", "tls", false, url = server.wrong, arrives = 0, says = "localhost" }
    local by_address = remote:transport()
    local response, failure = remote:run('return require("support.inside").send(...)', {},
      (request(server.tls .. "/ok")))
    assert.is_nil(response)
    assert.same({ "config", "tls" }, { failure.kind, failure.phase })
    assert.matches("as a name", failure.hint)
    assert.truthy(by_address)
  end)

  it("wait for a name no longer than they are told, whatever nginx does", function()
    check { "timeout", "resolve", false, url = "http://silent.test", fields = { connect_timeout = 0.2 },
      says = "connect_timeout" }
    check { "timeout", "resolve", false, url = "http://silent.test", fields = { timeout = 0.2 } }
  end)

  it("refuse a URL whose parts make no sense", function()
    for _, url in ipairs { "http://a:b/", "http://a:99999/", "http://:80/", "http://[::1/", "http://a@b/" } do
      fails({ "config", nil, false }, (request(url)))
    end
  end)

  describe("understand an answer", function()
    local function answered(text, piece)
      local response, failure = remote:run([[
        local text, max, piece = ...
        local pieces, at = {}, 0
        for i = 1, #text, piece do pieces[#pieces + 1] = text:sub(i, i + piece - 1) end
        local reader = require("jdcloud.transport.cosocket.http1").reader(function()
          at = at + 1
          if pieces[at] then return pieces[at] end
          return nil, { ended = true, message = "closed" }
        end)
        local status, headers, body, keep = reader:answer("GET", max)
        if not status then return nil, headers end
        return { status = status, headers = headers, body = body, keep = keep }]],
        text, 1000, piece or 7)
      return response, failure
    end

    local FORMS = {
      { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", true },
      { "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", "ab", true },
      { "HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "ab", true },
      { "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", "ab", true },
      { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Foo, Close\r\n\r\nab", "ab", false },
      { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "ab", false },
      { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", false },
      { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nab", "ab", true },
      { "HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", false },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        .. "2;x=\"y\"\r\nab\r\n0a \r\n0123456789\r\n0\r\na: b\r\n\r\n", "ab0123456789", true },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\nab\n0\n\n", "ab", true },
      { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "", true },
      { "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "", true },
    }
    it("whose header comes three times as the three of them", function()
      local response = assert(answered("HTTP/1.1 204 No\r\nA: 1\r\nB: x\r\na:\r\nA:  3 \r\n\r\n"))
      assert.same({ a = "1, , 3", b = "x" }, response.headers)
    end)

    for i, form in ipairs(FORMS) do
      it("of form " .. i, function()
        local response = assert(answered(form[1]))
        assert.same({ form[2], form[3] }, { response.body, response.keep })
      end)
    end

    local WRONG = {
      { "", "network" }, { "HTTP/1.1 2", "network" }, { "HTTP/1.1 200 OK\r\n", "protocol" },
      { "HTTP/2 200 OK\r\n\r\n", "protocol" }, { "HTTP/1.1 20 OK\r\n\r\n", "protocol" },
      { "HTTP/1.1 2000 OK\r\n\r\n", "protocol" }, { "HTTP/1.1 099 OK\r\n\r\n", "protocol" },
      { "HTTP/1.1 101 Switch\r\n\r\n", "protocol" }, { "ICY 200 OK\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab", "protocol" },
      { "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\nab", "protocol" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "protocol" },
      { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "protocol" },
    }
    for i, form in ipairs(WRONG) do
      it("that is wrong, " .. i, function()
        local response, failure = answered(form[1])
        assert.is_nil(response)
        assert.same({ form[2], "receive", true }, { failure.kind, failure.phase, failure.sent })
      end)
    end

    it("that is too large, without reading it", function()
      for _, text in ipairs { "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(1001) } do
        local _, failure = answered(text)
        assert.same({ "protocol", true }, { failure.kind, failure.final })
      end
      local _, failure = answered("HTTP/1.1 200 OK\r\n" .. ("a: b\r\n"):rep(50000), 4096)
      assert.same({ "protocol", true }, { failure.kind, failure.final })
    end)
  end)

  -- n requests that each get a connection of their own, which the server ends as `how` says when the next one comes.
  local ARM = [[
    local options, url, n, r = ...
    local send = require("support.inside").send
    local list = {}
    for i = 1, n do list[i] = i end
    local results, errors = require("jdcloud.safe").parallel(list, function()
      return send(options, { method = "GET", url = url, headers = {}, timeout = 10 })
    end)
    for i = 1, n do assert(results[i], errors and errors[i] and errors[i].message) end
    return send(options, r)]]

  describe("never repeat a request that a kept connection took with it:", function()
    local METHODS = { { "POST", "body" }, { "POST" }, { "PUT", "body" }, { "DELETE" }, { "GET" }, { "HEAD" } }
    local ENDS = { read = 1, unread = 0, reset = 0 }

    for _, scheme in ipairs { "plain", "tls" } do
      for how, arrives in pairs(ENDS) do
        for _, idle in ipairs { 1, 3 } do
          it(scheme .. ", " .. how .. ", " .. idle .. " idle", function()
            for i, method in ipairs(METHODS) do
              -- A pool of its own, without what earlier requests left behind.
              local base = server[scheme]:gsub("127%.0%.0%.1", ("%s%d-%d.faults.test"):format(how, idle, i))
              local r, request_nonce = request(base .. "/ok", { method = method[1], body = method[2] })
              local url = base .. "/arm/" .. how .. "/" .. nonce() .. "/" .. idle
              local response, failure = remote:run(ARM, {}, url, idle, r)
              assert.is_nil(response)
              assert.same({ "network", true }, { failure.kind, failure.sent }, failure.message)
              assert.matches("not sent again", failure.message)
              assert.equal(arrives, arrivals(request_nonce))
            end
          end)
        end
      end
    end
  end)

  for _, scheme in ipairs { "http", "https" } do
    it("take an answer that goes wrong at any of its bytes for what it is, over " .. scheme, function()
      local base = scheme .. "://localhost:" .. server.port[scheme == "http" and "plain" or "tls"]
      offsets.check(remote:run([[
        return require("support.offsets").sweep(require "jdcloud.transport.cosocket" {}.send, ...)]], base))
    end)
  end

  it("keep connections between requests of nginx, and use them again", function()
    for _, scheme in ipairs { "plain", "tls" } do
      local port = server.port[scheme]
      local base = (scheme == "tls" and "https" or "http") .. "://localhost:" .. port
      assert(transport().send(request(base .. "/ok")))
      local connections = arrivals(scheme)
      for _ = 1, 10 do assert(transport().send(request(base .. "/chunked/10"))) end
      assert.equal(connections, arrivals(scheme))
    end
  end)

  it("tell that they are closed, once and for all", function()
    assert.same({ "closed", false }, { remote:run([[
      local t = require "jdcloud.transport.cosocket" {}
      assert(t.send { method = "GET", url = ... })
      assert(t.close() and t.close())
      local _, failure = t.send { method = "GET", url = ... }
      return failure.kind, failure.sent]], server.plain .. "/ok") })
  end)

  it("refuse options that are wrong", function()
    for name, value in pairs { client_cert = {}, tls_min = "1.1", proxy = true, max_size = 0, connect_timeout = "5",
      idle_timeout = -1, no_proxy = 1, http_version = "3", cafile = "x", max_connections = 1 } do
      local _, failure = transport({ [name] = value }).send(request(server.plain .. "/ok"))
      assert.equal("config", failure.kind)
      assert.matches(name, failure.message)
    end
  end)

  describe("TLS and proxies:", function()
    local function client_cert() return { cert = server.dir .. "/client.pem", key = server.dir .. "/client.key" } end

    it("a client certificate with its key in another file", function()
      assert.equal(200, assert(transport { client_cert = client_cert() }.send(request(server.mutual .. "/ok"))).status)
    end)

    it("none where one is wanted", function()
      local r = request("https://localhost:" .. server.port.mutual .. "/ok")
      local response, failure = transport().send(r)
      assert.is_nil(response)
      assert.equal("network", failure.kind) -- in TLS 1.3 the server says so after the handshake
    end)

    it("a key with a password, and files that are none", function()
      fails({ "config", "tls", false, says = "password" }, request(server.mutual .. "/ok"),
        { client_cert = { cert = server.dir .. "/client.pem", key = server.dir .. "/locked.key" } })
      fails({ "config", "tls", false }, request(server.mutual .. "/ok"), { client_cert = "/nowhere.pem" })
      fails({ "config", "tls", false }, request(server.mutual .. "/ok"), { client_cert = server.dir .. "/log" })
    end)

    it("HTTP goes through a proxy with the path as it was", function()
      local path = "/echo/./a/../%2F?x=1"
      local r = request("http://far.example" .. path, { headers = { { "host", "far.example" } } })
      assert.equal("GET http://far.example" .. path .. " HTTP/1.1\r\nhost: far.example\r\n",
        assert(transport { proxy = server.plain }.send(r)).body:match("^.-\r\n.-\r\n"))
    end)

    it("HTTPS goes through a proxy's tunnel, signed headers for the far end only", function()
      local far = "localhost:" .. server.port.tls
      local t = transport { proxy = server.plain }
      for _ = 1, 2 do
        local response = assert(t.send(request("https://" .. far .. "/echo/./a/..")))
        assert.matches("^GET /echo/%./a/%.%. HTTP/1.1\r\n", response.body)
        assert.is_nil(response.headers["x-proxy"])
      end
      assert.equal(1, arrivals(far))
    end)

    it("no_proxy leaves the proxy out", function()
      for _, names in ipairs { "127.0.0.1", "*", "other, 127.0.0.1" } do
        local t = transport { proxy = "http://127.0.0.1:1", no_proxy = names }
        assert.equal(200, assert(t.send(request(server.plain .. "/ok"))).status)
      end
      for host, direct in pairs { ["a.example.com"] = true, ["example.com"] = true, ["badexample.com"] = false } do
        assert.equal(direct, remote:run('return require("jdcloud.transport.cosocket.place").is_direct(...)',
          ".example.com", host))
      end
    end)

    it("a proxy that refuses, or isn't there: not sent", function()
      fails({ "network", "connect", false, says = "HTTP 502" }, request("https://far.example:1/ok"),
        { proxy = server.plain })
      fails({ "network", "connect", false }, request("https://far.example/ok"), { proxy = "127.0.0.1:1" })
      fails({ "network", "resolve", false }, request("https://far.example/ok"), { proxy = "http://p.invalid:1" })
      fails({ "timeout", "connect", false }, request("https://far.example/ok", { connect_timeout = 0.2 }),
        { proxy = server.silent })
    end)

    it("a proxy's password goes to the proxy and is in no message", function()
      local t = transport { proxy = server.plain:gsub("//", "//u:CANARY%%2D@") }
      local r = request("http://far.example/echo")
      assert.is_nil(assert(t.send(r)).body:find("CANARY@", 1, true))
      for _, proxy in ipairs { "http://u:CANARY@127.0.0.1:1", "http://u:CANARY@no-such-name.invalid:1",
        "odd://u:CANARY@127.0.0.1:1", "http://u:CANARY@[:1" } do
        local _, failure = transport { proxy = proxy }.send(request(server.tls .. "/ok"))
        assert.is_false(failure.sent)
        assert.is_nil(failure.message:find(SECRET, 1, true), failure.message)
      end
    end)
  end)
end)
