-- exchanges.lua - what every transport makes of the requests and answers of faultd.c: the same bytes go out, the same
-- answers come back, and what fails has the same kind, phase and `sent`. Used by the specs of the transports.

local assert = require "luassert"

-- Appears in every request that fails; it may be in no message.
local SECRET = "CANARY"

local M = { SECRET = SECRET }

local nonces = 0
function M.nonce()
  nonces = nonces + 1
  return "nonce-" .. nonces .. "-" .. os.time()
end

--- A request with a nonce, and that nonce.
function M.request(url, fields)
  local request_nonce = M.nonce()
  local r = { method = "GET", url = url, timeout = 20,
    headers = { { "host", "api.example" }, { "x-jdcloud-nonce", request_nonce }, { "authorization", SECRET } } }
  for name, value in pairs(fields or {}) do r[name] = value end
  return r, request_nonce
end

local request = M.request

--- How often the server has seen a nonce, or a connection to one of its ports.
function M.arrivals(transport, server, name)
  return tonumber(assert(transport.send(request(server.plain .. "/count/" .. name))).body)
end

--- Writes the specs of a transport.
-- @param kit server = table that is the server of support.faults once the specs run; transport = function(options)
--   -> transport; now = function() -> seconds; host, length = how it writes these two headers' names
-- @param describe, it of busted
-- @return check(case, options): a case { kind, phase, sent, url = the server's, path, fields = of the request,
--   arrives = how often it then arrives, says = a pattern of the message } is one
function M.specs(kit, describe, it)
  local server, transport = kit.server, kit.transport

  local function arrivals(name)
    return M.arrivals(transport(), server, name)
  end

  -- As this transport writes it: the request's head in terms of the one that writes Host and Content-Length.
  local function written(text)
    return (text:gsub("\r\nHost: ", "\r\n" .. kit.host .. ": "):gsub("\r\nContent%-Length: ",
      "\r\n" .. kit.length .. ": "))
  end

  local function check(case, options)
    local fields = case.fields or {}
    local path = (case.path or "/ok") .. "?password=" .. SECRET
    local r, request_nonce = request(case.url .. path, fields)
    local response, failure = transport(options).send(r)
    assert.is_nil(response)
    assert.same({ case[1], case[2], case[3] }, { failure.kind, failure.phase, failure.sent }, failure.message)
    assert.matches(case.says or ".", failure.message)
    assert.is_nil(failure.message:find(SECRET, 1, true), failure.message)
    if case.arrives then assert.equal(case.arrives, arrivals(request_nonce)) end
  end

  describe("sends", function()
    -- Everything that reached the server, as text.
    local function received(fields, path)
      fields.headers = fields.headers or { { "host", "api.example" }, { "x-b", "2" }, { "content-type", "text/x" } }
      local response = assert(transport().send(request(server.plain .. (path or "/echo"), fields)))
      return response.body
    end

    it("the URL, the headers and the body byte for byte, and nothing else but content-length", function()
      local body = "\0\1\255{\r\n\r\n}" .. SECRET
      local path = "/echo/./a/../b//%2F%3a%24%24~x/?z=1&a=%20&b="
      assert.equal(written("POST " .. path .. " HTTP/1.1\r\nHost: api.example\r\nx-b: 2\r\ncontent-type: text/x\r\n"
        .. "Content-Length: " .. #body .. "\r\n\r\n") .. body, received({ method = "POST", body = body }, path))
    end)

    local HEAD = " /echo HTTP/1.1\r\nHost: api.example\r\nx-b: 2\r\ncontent-type: text/x\r\n"
    local FORMS = {
      { method = "GET", sent = HEAD .. "\r\n" },
      { method = "DELETE", sent = HEAD .. "\r\n" },
      { method = "POST", sent = HEAD .. "Content-Length: 0\r\n\r\n" },
      { method = "PUT", sent = HEAD .. "Content-Length: 0\r\n\r\n" },
      { method = "PATCH", sent = HEAD .. "Content-Length: 0\r\n\r\n" },
      { method = "POST", body = "", sent = HEAD .. "Content-Length: 0\r\n\r\n" },
      { method = "GET", body = "", sent = HEAD .. "\r\n" },
      { method = "PUT", body = "b", sent = HEAD .. "Content-Length: 1\r\n\r\nb" },
      { method = "PATCH", body = "b", sent = HEAD .. "Content-Length: 1\r\n\r\nb" },
      { method = "DELETE", body = "b", sent = HEAD .. "Content-Length: 1\r\n\r\nb" },
      { method = "GET", body = "b", sent = HEAD .. "Content-Length: 1\r\n\r\nb" },
    }
    for _, form in ipairs(FORMS) do
      local what = form.body == nil and "without a body" or form.body == "" and "with an empty body" or "with a body"
      it(form.method .. " " .. what, function()
        assert.equal(written(form.method .. form.sent), received { method = form.method, body = form.body })
      end)
    end

    it("every method over one connection, one after the other, without a trace of the last", function()
      local t = transport()
      local headers = { { "host", "api.example" }, { "x-b", "2" }, { "content-type", "text/x" } }
      for round = 1, 2 do
        for _, form in ipairs(FORMS) do
          local fields = { method = form.method, body = form.body, headers = headers }
          local echo = assert(t.send(request(server.plain .. "/echo", fields))).body
          assert.equal(written(form.method .. form.sent), echo, round)
          assert.equal(200, assert(t.send(request(server.plain .. "/size/9", { method = "HEAD" }))).status)
        end
      end
    end)

    it("no type, and waits for no permission, where the caller gives neither", function()
      local body = ("x"):rep(1100000)
      local head = written "POST /size/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"
      local sent = received({ method = "POST", body = ("x"):rep(300000), headers = { { "host", "a" } } }, "/echo")
      assert.equal(head:gsub("/size/1", "/echo"), sent:sub(1, #head - 2))
      assert.equal(#head - 2 + 300000, #sent)
      local started = kit.now()
      assert(transport().send(request(server.plain .. "/size/1", { method = "POST", body = body:sub(1, 1040000) })))
      assert.is_true(kit.now() - started < 0.9, "it waited for 100 Continue")
    end)

    it("a header without a value", function()
      assert.matches("\r\nx%-empty:\r\n", received { headers = { { "host", "a" }, { "x-empty", "" } } })
      assert.matches("\r\nx%-blank:\r\n", received { headers = { { "host", "a" }, { "x-blank", " \t" } } })
    end)

    local REFUSED = {
      ["a header's value with a line break"] = { headers = { { "x-a", "1\r\nx-b: 2" } } },
      ["a header's value with a zero byte"] = { headers = { { "x-a", "1\0" } } },
      ["a header's name with a colon"] = { headers = { { "x-a:", "1" } } },
      ["a header without a name"] = { headers = { { "", "1" } } },
      ["a header that is no string"] = { headers = { { "x-a", 1 } } },
      ["a header that is no pair"] = { headers = { "x-a: 1" } },
      ["a content-length of the caller's"] = { headers = { { "Content-Length", "1" } } },
      ["a transfer-encoding of the caller's"] = { headers = { { "transfer-encoding", "chunked" } } },
      ["headers beyond 256 KiB"] = { headers = { { "x-a", ("x"):rep(262144) } } },
      ["a method with a blank"] = { method = "GET /" },
      ["a HEAD with a body"] = { method = "HEAD", body = "b" },
      ["a body that is no string"] = { body = {} },
      ["a URL of another scheme"] = { url = "ftp://127.0.0.1/" },
      ["a URL with a blank"] = { url = "http://127.0.0.1/a b" },
      ["a URL with a fragment"] = { url = "http://127.0.0.1/a#b" },
      ["a URL with a byte beyond ASCII"] = { url = "http://127.0.0.1/\195\164" },
      ["a URL with a user"] = { url = "http://user:CANARY@127.0.0.1/" },
      ["a URL without a host"] = { url = "http:///x" },
      ["a time limit that is none"] = { timeout = -1 },
      ["a size that is none"] = { max_size = "1" },
    }
    for what, fields in pairs(REFUSED) do
      it("not " .. what, function()
        local response, failure = transport().send(request(server.plain .. "/echo", fields))
        assert.is_nil(response)
        assert.equal("config", failure.kind)
        assert.is_false(failure.sent)
        assert.is_string(failure.message)
        assert.is_nil(failure.message:find(SECRET, 1, true))
      end)
    end
  end)

  describe("receives", function()
    local function get(path, fields)
      return assert(transport().send(request(server.plain .. path, fields)))
    end

    it("status, headers with lower-case names, and the body", function()
      local response = get("/binary")
      assert.equal(200, response.status)
      assert.same({ ["content-length"] = "6" }, response.headers)
      assert.equal("a\0b\r\n\255", response.body)
    end)

    it("repeated headers joined, values trimmed and kept whole", function()
      local headers = get("/mixed").headers
      assert.equal("one, two", headers["x-two"])
      assert.equal("", headers["x-empty"])
      assert.equal("a:b", headers["x-colon"])
    end)

    it("a body in chunks, and no trailer among the headers", function()
      local response = get("/chunked/123456")
      assert.equal(("x"):rep(123456), response.body)
      assert.is_nil(response.headers["x-trailer"])
    end)

    it("the answer after an interim one", function()
      local response = get("/interim")
      assert.equal(200, response.status)
      assert.is_nil(response.headers["x-early"])
      assert.equal("late", response.body)
    end)

    it("the headers of a HEAD and waits for no body", function()
      local response = get("/size/1000", { method = "HEAD" })
      assert.equal("1000", response.headers["content-length"])
      assert.equal("", response.body)
    end)

    it("an answer without a body", function() assert.equal("", get("/status/204").body) end)

    it("an answer as large as max_size", function()
      assert.equal(1000, #get("/size/1000", { max_size = 1000 }).body)
    end)

    for _, status in ipairs { 301, 302, 303, 307, 308, 401, 407, 417, 429, 500, 503 } do
      it("a " .. status .. " as it is, after one request", function()
        local r, request_nonce = request(server.plain .. "/status/" .. status, { method = "POST", body = "b" })
        local response = assert(transport().send(r))
        assert.equal(status, response.status)
        assert.equal("page", response.body)
        assert.equal(1, arrivals(request_nonce))
      end)
    end
  end)

  describe("fails with kind, phase and sent:", function()
    local ANSWERS = {
      ["closed before the answer"] = { "network", "receive", true, path = "/close", arrives = 1 },
      ["reset before the answer"] = { "network", "receive", true, path = "/reset", arrives = 1 },
      ["closed during the answer"] = { "protocol", "receive", true, path = "/cut", arrives = 1 },
      ["closed among the chunks"] = { "protocol", "receive", true, path = "/cut-chunked", arrives = 1 },
      ["closed among the headers"] = { "protocol", "receive", true, path = "/cut-head", arrives = 1 },
      ["not HTTP"] = { "protocol", "receive", true, path = "/garbage", arrives = 1, says = "not HTTP" },
      ["stalled, by timeout"] = { "timeout", "receive", true, path = "/stall", arrives = 1,
        fields = { timeout = 0.2 } },
      ["stalled, by idle_timeout"] = { "timeout", "receive", true, path = "/stall", arrives = 1,
        fields = { idle_timeout = 0.2 }, says = "idle_timeout" },
      ["stalled during the answer"] = { "timeout", "receive", true, path = "/stall-body",
        fields = { idle_timeout = 0.2 }, says = "idle_timeout" },
      ["too slow as a whole"] = { "timeout", "receive", true, path = "/drip/1000", fields = { timeout = 0.3 } },
      ["too large"] = { "protocol", "receive", true, path = "/size/1001", fields = { max_size = 1000 },
        says = "larger than max_size %(1000 bytes%)" },
      ["too large in chunks"] = { "protocol", "receive", true, path = "/chunked/1001", fields = { max_size = 1000 },
        says = "larger than max_size %(1000 bytes%)" },
      ["too large in its headers"] = { "protocol", "receive", true, path = "/headers/280000" },
      ["too large in one of its headers"] = { "protocol", "receive", true, path = "/header/280000", says = "headers" },
    }
    it("an answer that is too large, though a larger one was fine before", function()
      local send = transport().send
      assert.equal(60000, #assert(send(request(server.plain .. "/size/60000"))).body)
      local response, failure = send(request(server.plain .. "/size/100000", { max_size = 1000 }))
      assert.is_nil(response)
      assert.equal("protocol", failure.kind)
      assert.matches("larger than max_size %(1000 bytes%)", failure.message)
    end)

    for _, scheme in ipairs { "plain", "tls" } do
      for what, case in pairs(ANSWERS) do
        it("an answer that is " .. what .. ", " .. scheme, function()
          case.url = server[scheme]
          check(case)
        end)
      end
    end

    it("a connection that is refused", function()
      check { "network", "connect", false, url = "http://127.0.0.1:1" }
      check { "network", "connect", false, url = "https://127.0.0.1:1" }
    end)

    it("an unknown host", function()
      check { "network", "resolve", false, url = "https://vm.no-such-name.invalid" }
    end)

    it("a connection that is never taken", function()
      check { "timeout", "connect", false, url = server.full, fields = { connect_timeout = 0.2 },
        says = "connect_timeout" }
      check { "timeout", "connect", false, url = server.full, fields = { timeout = 0.2 } }
    end)

    it("a server that doesn't answer the TLS hello", function()
      local url = "https://127.0.0.1:" .. server.port.silent
      check { "timeout", "tls", false, url = url, fields = { connect_timeout = 0.2 } }
      check { "timeout", "tls", false, url = url, fields = { timeout = 0.2 } }
    end)

    it("a connection that is closed during the TLS hello", function()
      check { "network", "tls", false, url = "https://127.0.0.1:" .. server.port.slam }
    end)

    it("a server that takes in no more of the body", function()
      local body = ("x"):rep(2e7)
      check { "timeout", "send", true, url = server.silent, fields = { method = "POST", body = body, timeout = 0.3 } }
      check { "timeout", "send", true, url = server.silent,
        fields = { method = "POST", body = body, idle_timeout = 0.3 } }
    end)

    it("the transport's own limits where the request has none", function()
      check({ "timeout", "receive", true, url = server.plain, path = "/stall" }, { idle_timeout = 0.2 })
      check({ "protocol", "receive", true, url = server.plain, path = "/size/11" }, { max_size = 10 })
      check({ "timeout", "connect", false, url = server.full }, { connect_timeout = 0.2 })
    end)

  end)

  it("keeps a slow answer whose bytes keep coming", function()
    local response = assert(transport().send(request(server.tls .. "/drip/20", { idle_timeout = 0.25 })))
    assert.equal(20, #response.body)
  end)

  return check
end

return M
