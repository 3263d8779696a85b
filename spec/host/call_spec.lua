-- call_spec.lua - calls through the whole stack, over HTTPS to the gateway in nginx: what each answer means, what is
-- repeated and what is not, what arrives at the server, and what a person is told. Connections that fail are in
-- connection_spec.lua.

local core = require "jdcloud.core"
local new_transport = require "jdcloud.transport.curl"
local stacks = require "support.stack"

local NONCE = "please use different noncestr [gw]"
local PATIENCE = 10 -- seconds

local function specs(carrier)
  local stack, server, cloud

  setup(function()
    stack = stacks.start(carrier)
    server = stack.server
  end)

  before_each(function()
    stack:begin()
    cloud = stack:open()
  end)

  after_each(function() stack:finish() end)

  teardown(function() stack:stop() end)

  local function reboot() return cloud.vm:rebootInstance { instanceId = "i-1" } end

  describe("is served:", function()
    it("a read", function()
      local result, meta = stack:served({ attempts = 1, http_status = 200 },
        cloud.vm:describeInstances { pageSize = 10 })
      assert.are.equal(0, result.totalCount)
      assert.are.equal(32, #meta.request_id)
      assert.are.equal("1000", meta.headers["x-jdcloud-limit-minute"])
      assert.are.same({ "GET 200 executed" }, stack:arrived())
    end)

    it("a change, a deletion, and a request that no model knows", function()
      local id = stack:instance(cloud)
      assert.are.same({}, stack:served({ attempts = 1 }, cloud.vm:rebootInstance { instanceId = id }))
      assert.are.same({}, stack:served({ attempts = 1 }, cloud:request {
        service = "vm", method = "POST", path = "/v1/regions/{regionId}/instances/" .. id .. ":stopInstance" }))
      assert.are.same({}, stack:served({ attempts = 1 }, cloud.vm:deleteInstance { instanceId = id }))
      assert.are.same({ "POST 200 executed", "POST 200 executed", "DELETE 200 executed" }, stack:arrived())
    end)

    it("over HTTP, over HTTP/2, and with the other signature", function()
      local others = { { endpoint = server.http }, { signature_version = 3 } }
      if carrier.http2 then others[3] = { endpoint = server.https2 } end
      for _, options in ipairs(others) do
        stack:served({ attempts = 1 }, stack:open(options).vm:describeInstances())
      end
      assert.are.same(stacks.times(#others, "GET 200 executed"), stack:arrived())
    end)

    it("with bytes in path, query and body that need encoding", function()
      local name = "w\195\188rfel ?#[]@!$&'()*+,;=%41~ 1"
      local spec = stacks.spec()
      spec.name = name
      local created = stack:served({}, cloud.vm:createInstances { instanceSpec = spec })
      local found = stack:served({}, cloud.vm:describeInstances { filters = { { name = "name", values = { name } } } })
      assert.are.equal(created.instanceIds[1], found.instances[1].instanceId)
      assert.are.equal(name, found.instances[1].instanceName)
      stack:failed({ kind = "not_found", code = 404 }, cloud.vm:describeInstance { instanceId = name })
    end)

    it("with an error of code 0 beside the result, and with no body at all", function()
      server:misbehave {
        body = '{"error":{"code":0,"status":"","message":""},"result":{"totalCount":7},"requestId":"r"}',
      }
      assert.are.equal(7, stack:served({ request_id = "r" }, cloud.vm:describeInstances()).totalCount)
      server:misbehave { body = "" }
      assert.are.same({}, stack:served({ http_status = 200 }, reboot()))
    end)
  end)

  -- { HTTP status, status word, kind } of protocol.md 5.1 to 5.3; retryable: the same call may fare better later;
  -- transient: a read is repeated.
  local FAMILIES = {
    { 400, "INVALID_ARGUMENT", "invalid" },
    { 400, "OUT_OF_RANGE", "invalid" },
    { 400, "HTTP_BAD_REQUEST", "invalid", message = "blocked by web firewall [gw]", hint = "web firewall" },
    { 400, "FAILED_PRECONDITION", "busy", retryable = true, hint = "busy_timeout" },
    { 401, "UNAUTHENTICATED", "auth", hint = "access key" },
    { 401, "ACCESS_ERROR", "auth", message = "lack of header authorization[gw]", hint = "proxy" },
    { 403, "HTTP_FORBIDDEN", "denied", message = "api is disabled [gw]", hint = "switched" },
    { 403, "HTTP_FORBIDDEN", "denied", message = "Your IP address is not allowed [gw]", hint = "allow%-list" },
    { 403, "PERMISSION_DENIED", "denied", hint = "charging" },
    { 404, "NOT_FOUND", "not_found" },
    { 409, "ABORTED", "busy", retryable = true, hint = "busy_timeout" },
    { 409, "ALREADY_EXISTS", "conflict" },
    { 413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "invalid", hint = "100 MiB" },
    { 429, "QUOTA_EXCEEDED", "quota", hint = "higher quota" },
    { 499, "CANCELLED", "cancelled", retryable = true },
    { 500, "UNKNOWN", "server", retryable = true, transient = true },
    { 500, "INTERNAL", "server", retryable = true, transient = true },
    { 500, "HTTP_INTERNAL_SERVER_ERROR", "server", retryable = true, transient = true },
    { 501, "NOT_IMPLEMENTED", "server", hint = "not offer" },
    { 502, "SOURCE_UNAVAILABLE", "server", retryable = true, transient = true },
    { 502, "HTTP_BAD_GATEWAY", "server", retryable = true, transient = true },
    { 503, "UNAVAILABLE", "server", retryable = true, transient = true },
    { 503, "HTTP_SERVICE_UNAVAILABLE", "server", retryable = true, transient = true },
    { 504, "HTTP_SERVER_TIMING_OUT", "server", retryable = true, transient = true, hint = "may have been executed" },
  }

  describe("tells the family of an error:", function()
    for _, row in ipairs(FAMILIES) do
      local http, word, kind = row[1], row[2], row[3]
      it(("%d %s is %s%s"):format(http, word, kind, row.message and ", " .. row.message or ""), function()
        server:misbehave { status = http, error_status = word, message = row.message, times = "all" }
        local reads = row.transient and 3 or 1
        local expected = {
          kind = kind, status = word, code = http, http_status = http, message = row.message or "as asked [gw]",
          retryable = row.retryable or false, sent = true, phase = "none", attempts = reads,
          gave_up = row.transient and "attempts" or "final",
        }
        local err = stack:failed(expected, cloud.vm:describeInstances())
        assert.are.equal(32, #err.request_id)
        assert.is_truthy(tostring(err):find(word .. " (" .. http .. ")", 1, true))
        if row.hint then assert.matches(row.hint, err.hint) else assert.is_nil(err.hint) end
        assert.are.same(stacks.times(reads, "GET " .. http), stack:arrived())
        expected.attempts, expected.gave_up = 1, row.transient and "unsafe" or "final"
        stack:failed(expected, reboot())
        assert.are.equal(reads + 1, #stack:arrived())
      end)
    end

    it("a word that goes before codes, and a body's code before HTTP's", function()
      server:misbehave { status = 200, code = 404, error_status = "NOT_FOUND" }
      stack:failed({ kind = "not_found", http_status = 200, code = 404, attempts = 1, sent = true },
        cloud.vm:describeInstances())
      server:misbehave { status = 500, code = 400, error_status = "INVALID_ARGUMENT" }
      local err = stack:failed({ kind = "invalid", http_status = 500, code = 400, attempts = 1, retryable = false },
        cloud.vm:describeInstances())
      assert.is_truthy(tostring(err):find("INVALID_ARGUMENT (400, HTTP 500)", 1, true))
      server:misbehave { status = 200, code = 503, error_status = "SOMETHING_NEW" }
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      assert.are.same({ "GET 200", "GET 500", "GET 200", "GET 200 executed" }, stack:arrived())
    end)

    it("a wrong secret", function()
      cloud = stack:open { secret_key = "SK-CANARY-wrong" }
      local expected = { kind = "auth", code = 401, attempts = 1, retryable = false, sent = true, gave_up = "final" }
      assert.matches("not the one of this access key", stack:failed(expected, cloud.vm:describeInstances()).hint)
      stack:failed(expected, reboot())
      assert.are.same({ "GET 401", "POST 401" }, stack:arrived())
    end)

    it("an access key that is disabled, and one that nobody knows", function()
      server:key(stacks.access_key, { disabled = true })
      local expected = { kind = "auth", code = 401, attempts = 1, retryable = false, sent = true }
      assert.matches("unknown or disabled", stack:failed(expected, cloud.vm:describeInstances()).hint)
      cloud = stack:open { access_key = "AKNOBODY" }
      assert.matches("unknown or disabled", stack:failed(expected, reboot()).hint)
      assert.are.same({ "GET 401", "POST 401" }, stack:arrived())
    end)

    it("a permission that IAM does not give", function()
      server:key(stacks.access_key, { denied = { "vm:rebootInstance" } })
      local err = stack:failed({ kind = "denied", code = 403, attempts = 1, retryable = false, sent = true }, reboot())
      assert.are.equal("the key's user lacks the IAM permission vm:rebootInstance", err.hint)
      assert.are.equal("vm:rebootInstance", err.details[1].param1)
      assert.are.same({ "POST 403" }, stack:arrived())
    end)

    it("what the service makes of a call: no such thing, no such place, no room", function()
      local expected = { kind = "not_found", status = "NOT_FOUND", attempts = 1, retryable = false, sent = true }
      stack:failed(expected, reboot())
      local err = stack:failed(expected, cloud:request { service = "vm", method = "GET", path = "/v1/nowhere" })
      assert.matches("no such call", err.hint)
      local spec = stacks.spec()
      spec.az = "cn-south-1a"
      stack:failed({ kind = "invalid", code = 400, attempts = 1 }, cloud.vm:createInstances { instanceSpec = spec })
      server:set { quota = 0 }
      stack:failed({ kind = "quota", code = 429, status = "QUOTA_EXCEEDED", attempts = 1, retryable = false },
        cloud.vm:createInstances { instanceSpec = stacks.spec() })
      err = stack:failed({ kind = "invalid", code = 414, attempts = 1 }, cloud:request {
        service = "vm", method = "GET", path = "/v1/regions/{regionId}/instances", query = "a=" .. ("x"):rep(9000) })
      assert.matches("URL is longer", err.hint)
      assert.are.same({ "POST 404", "GET 404", "POST 400", "POST 429", "GET 414" }, stack:arrived())
    end)

    if carrier.http2 then
      it("over HTTP/2 as over HTTP/1.1", function()
        cloud = stack:open { endpoint = server.https2 }
        stack:failed({ kind = "not_found", code = 404, attempts = 1, sent = true }, reboot())
        server:misbehave { status = 503 }
        stack:served({ attempts = 2 }, cloud.vm:describeInstances())
        server:misbehave { status = 503 }
        stack:failed({ kind = "server", attempts = 1, gave_up = "unsafe" }, reboot())
        stack:failed({ kind = "auth", code = 401, attempts = 1 },
          stack:open({ endpoint = server.https2, secret_key = "SK-CANARY-wrong" }).vm:describeInstances())
        assert.are.same({ "POST 404", "GET 503", "GET 200 executed", "POST 503", "GET 401" }, stack:arrived())
      end)
    end

    it("with the place in the caller's program", function()
      local err = stack:failed({ service = "vm", operation = "rebootInstance", region = "cn-north-1" }, reboot())
      assert.matches("call_spec%.lua:%d+$", err.where)
    end)
  end)

  describe("tells a stranger's answer from the service's:", function()
    it("HTML with 200 is a lost answer: a read is repeated, a change is not", function()
      server:misbehave { html = true }
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      server:misbehave { html = true }
      local err = stack:failed({ kind = "protocol", http_status = 200, code = "none", message = "200", retryable = true,
        attempts = 1, sent = true, phase = "none", gave_up = "unsafe" }, reboot())
      assert.matches("proxy", err.hint)
      assert.are.same({ "GET 200", "GET 200 executed", "POST 200" }, stack:arrived())
    end)

    it("HTML with 502 is a server's fault: a read is repeated, a change is not", function()
      server:misbehave { html = true, status = 502, front = true }
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      server:misbehave { html = true, status = 502, front = true }
      local err = stack:failed({ kind = "server", http_status = 502, code = "none", message = "502", retryable = true,
        attempts = 1, sent = true, request_id = "none", gave_up = "unsafe" }, reboot())
      assert.matches("proxy or load balancer", err.hint)
      assert.are.same({ "GET 502", "GET 200 executed", "POST 502" }, stack:arrived())
    end)

    it("JSON that is no envelope is final", function()
      server:misbehave { body = '{"ok":true}', times = "all" }
      local err = stack:failed({ kind = "protocol", http_status = 200, attempts = 1, retryable = false, sent = true,
        gave_up = "final" }, cloud.vm:describeInstances())
      assert.matches("check the endpoint", err.hint)
      assert.are.same({ "GET 200" }, stack:arrived())
    end)

    it("JSON that ends too early is a lost answer", function()
      server:misbehave { body = '{"requestId":"r","result":{"totalCount":' }
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      assert.are.same({ "GET 200", "GET 200 executed" }, stack:arrived())
    end)

    for _, status in ipairs { 301, 302, 307, 308 } do
      it(("a redirect is not followed: %d"):format(status), function()
        server:misbehave { status = status, html = true, times = "all",
          headers = { location = server.https .. "/v1/regions/cn-north-1/instances" } }
        local expected = { kind = "protocol", http_status = status, attempts = 1, retryable = false, sent = true,
          gave_up = "final" }
        assert.matches("redirects are not followed", stack:failed(expected, cloud.vm:describeInstances()).hint)
        stack:failed(expected, reboot())
        assert.are.same({ "GET " .. status, "POST " .. status }, stack:arrived())
      end)
    end
  end)

  describe("is repeated", function()
    it("with a new nonce and the same parameters, if it reads and the service failed", function()
      server:misbehave { status = 503, times = 2 }
      local result = stack:served({ attempts = 3 }, cloud.vm:describeInstances { pageSize = 10 })
      assert.are.equal(0, result.totalCount)
      assert.are.same({ "GET 503", "GET 503", "GET 200 executed" }, stack:arrived())
    end)

    it("not at all, if it changes something and the service failed, done or not", function()
      local id = stack:instance(cloud)
      server:misbehave { status = 500, executed = true }
      stack:failed({ kind = "server", attempts = 1, sent = true, retryable = true, gave_up = "unsafe" },
        cloud.vm:stopInstance { instanceId = id })
      server:misbehave { status = 500 }
      stack:failed({ attempts = 1, gave_up = "unsafe" }, cloud.vm:deleteInstance { instanceId = id })
      assert.are.same({ "POST 500 executed", "DELETE 500" }, stack:arrived())
    end)

    it("if the caller says that it may be", function()
      local id = stack:instance(cloud)
      server:misbehave { status = 500 }
      stack:served({ attempts = 2 }, cloud.vm:stopInstance({ instanceId = id }, { idempotent = true }))
      assert.are.same({ "POST 500", "POST 200 executed" }, stack:arrived())
    end)

    it("with the same clientToken, and executed once", function()
      server:misbehave { status = 502, html = true, executed = true, times = 2 }
      local created = stack:served({ attempts = 3 }, cloud.vm:createInstances { instanceSpec = stacks.spec() })
      local list = stack:served({ attempts = 1 }, cloud.vm:describeInstances())
      assert.are.equal(1, list.totalCount)
      assert.are.equal(created.instanceIds[1], list.instances[1].instanceId)
      assert.are.same({ "POST 502 executed", "POST 502 executed", "POST 200 executed", "GET 200 executed" },
        stack:arrived())
    end)

    it("if its nonce was refused, whatever it does", function()
      local id = stack:instance(cloud)
      server:misbehave { status = 403, message = NONCE }
      stack:served({ attempts = 2 }, cloud.vm:stopInstance { instanceId = id })
      assert.are.same({ "POST 403", "POST 200 executed" }, stack:arrived())
      server:misbehave { status = 403, message = NONCE, times = "all" }
      stack:failed({ kind = "denied", attempts = 3, retryable = true, gave_up = "attempts" },
        cloud.vm:deleteInstance { instanceId = id })
    end)

    it("if the network sent it twice", function()
      local real, doubled = new_transport { ca_file = server.ca_file, proxy = false }, false
      cloud = stack:open { transport = {
        send = function(request)
          if not doubled then
            doubled = true
            assert(real.send(request))
          end
          return real.send(request)
        end,
        close = real.close,
      } }
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      local statuses, nonces = {}, {}
      for i, entry in ipairs(server:log()) do statuses[i], nonces[i] = entry.status, entry.nonce end
      assert.are.same({ 200, 403, 200 }, statuses)
      assert.are.equal(nonces[1], nonces[2])
      assert.are_not.equal(nonces[2], nonces[3])
    end)

    it("while the resource is busy, if the caller waits for it", function()
      server:set { ready_after = 0.8 }
      local id = stack:instance(cloud)
      local busy = { kind = "busy", status = "FAILED_PRECONDITION", retryable = true, sent = true }
      busy.attempts, busy.gave_up = 1, "final"
      stack:failed(busy, cloud.vm:stopInstance { instanceId = id })
      local _, meta = stack:served({}, cloud.vm:stopInstance({ instanceId = id }, { busy_timeout = PATIENCE }))
      assert.is_true(meta.attempts > 1)
      assert.are.equal("busy", stack:told("wait")[1].why)
      local arrived = stack:arrived()
      assert.are.equal(meta.attempts + 1, #arrived)
      assert.are.equal("POST 200 executed", arrived[#arrived])
    end)

    it("no longer than its time allows", function()
      server:misbehave { status = 503, times = "all", headers = { ["retry-after"] = "5" } }
      local began = core.now()
      stack:failed({ kind = "server", attempts = 1, gave_up = "timeout", retry_after = 5 },
        cloud.vm:describeInstances({}, { timeout = 2 }))
      assert.is_true(core.now() - began < 2)
      stack:failed({ attempts = 1, gave_up = "attempts" }, cloud.vm:describeInstances({}, { attempts = 1 }))
      assert.are.same({ "GET 503", "GET 503" }, stack:arrived())
    end)
  end)

  it("that is signed by cloud:sign is served once", function()
    local transport = new_transport { ca_file = server.ca_file, proxy = false }
    local signed = assert(cloud:sign { service = "vm", method = "GET", host = server.https:match("//(.*)$"),
      path = "/v1/regions/cn-north-1/instances" })
    local request = { method = "GET", url = server.https .. signed.target, headers = {}, timeout = PATIENCE }
    for name, value in pairs(signed.headers) do request.headers[#request.headers + 1] = { name, value } end
    local first, second = assert(transport.send(request)), assert(transport.send(request))
    transport.close()
    assert.are.same({ 200, 403 }, { first.status, second.status })
    assert.is_truthy(second.body:find(NONCE, 1, true))
  end)

  -- What waits is the same driver.
  if carrier.name == "libcurl" then
    describe("that is throttled", function()
      it("waits for its turn and is served", function()
        server:set { limit = 3, window = 1 }
        local deadline, calls = core.now() + PATIENCE, 0
        repeat
          assert.is_true(core.now() < deadline, "the limit never took hold")
          local _, meta = stack:served({}, cloud.vm:describeInstances())
          calls = calls + 1
        until meta.attempts > 1
        local refused = 0
        for _, arrived in ipairs(stack:arrived()) do refused = refused + (arrived == "GET 429" and 1 or 0) end
        assert.is_true(refused >= 1)
        assert.are.equal(calls + refused, #stack:arrived())
        local waited = false
        for _, wait in ipairs(stack:told("wait")) do waited = waited or wait.why == "limit" and wait.seconds > 0.5 end
        assert.is_true(waited, "the limiter did not learn that the window is shut")
      end)

      for _, word in ipairs { "RATE_LIMIT", "HTTP_RATE_LIMIT_EXCEEDED" } do
        it("was not executed and is repeated whatever it does: " .. word, function()
          local id = stack:instance(cloud)
          server:misbehave { status = 429, error_status = word }
          stack:served({ attempts = 2 }, cloud.vm:stopInstance { instanceId = id })
          assert.are.same({ "POST 429", "POST 200 executed" }, stack:arrived())
        end)
      end

      it("gives up when it would wait longer than max_wait", function()
        local patient = stack:open { limits = { vm = 1000 } } -- until the minute turns
        server:set { limit = 0 }
        local err = stack:failed({ kind = "throttled", status = "HTTP_RATE_LIMIT_EXCEEDED", code = 429,
          retryable = true, attempts = 1, sent = true, gave_up = "max_wait" },
          patient.vm:describeInstances({}, { max_wait = 0.001 }))
        assert.matches("all calls with this access key; it may go in [%d.]+ s, and max_wait is less$", err.hint)
        assert.is_true(err.retry_after > 0)
        assert.are.same({ "GET 429" }, stack:arrived())
      end)
    end)
  end

  describe("with a clock that is wrong", function()
    for _, seconds in ipairs { 3600, -3600 } do
      it(("learns the service's and is repeated, by %d s"):format(seconds), function()
        server:advance(seconds)
        stack:failed({ kind = "not_found", attempts = 2, sent = true }, reboot())
        stack:served({ attempts = 1 }, cloud.vm:describeInstances())
        assert.are.same({ "POST 401", "POST 404", "GET 200 executed" }, stack:arrived())
        server:advance(-seconds)
      end)
    end

    it("does not learn from a proxy's page", function()
      local page = { status = 401, html = true, front = true, headers = { date = "Thu, 01 Jan 1970 00:00:00 GMT" } }
      server:misbehave(page)
      stack:failed({ kind = "auth", http_status = 401, attempts = 1, gave_up = "final" }, cloud.vm:describeInstances())
      stack:served({ attempts = 1 }, cloud.vm:describeInstances())
      page.status = 502
      server:misbehave(page)
      stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      assert.are.same({ "GET 401", "GET 200 executed", "GET 502", "GET 200 executed" }, stack:arrived())
    end)
  end)

  describe("tells by events", function()
    it("all that happened, in order", function()
      server:misbehave { status = 503, headers = { ["retry-after"] = "0.1" } }
      local _, meta = stack:served({ attempts = 2 }, cloud.vm:describeInstances())
      local events, names = stack.events, {}
      for i, event in ipairs(events) do
        names[i] = event.event
        assert.are.same({ "vm", "describeInstances", "cn-north-1" }, { event.service, event.operation, event.region })
      end
      assert.are.equal("attempt_start attempt_end wait retry attempt_start attempt_end done",
        table.concat(names, " "))
      assert.are.same({ 1, "GET", server.https:match("//(.*)$") },
        { events[1].attempt, events[1].method, events[1].host })
      local ended = events[2]
      assert.are.same({ 1, 503, 503, "HTTP_SERVICE_UNAVAILABLE", true },
        { ended.attempt, ended.http_status, ended.code, ended.status, ended.sent })
      assert.are.equal(32, #ended.request_id)
      assert.is_true(ended.seconds >= 0)
      assert.are.equal("backoff", events[3].why)
      assert.is_true(events[3].seconds >= 0.1)
      assert.are.equal(2, events[4].attempt)
      assert.are.same({ 2, 200, meta.request_id }, { events[6].attempt, events[6].http_status, events[6].request_id })
      assert.are.same({ "ok", 2, meta.request_id }, { events[7].kind, events[7].attempts, events[7].request_id })
    end)

    it("how a transport failed", function()
      server:misbehave { close = "before" }
      stack:failed({ kind = "network" }, reboot())
      local ended = stack:told("attempt_end")[1]
      assert.are.same({ "network", "receive", true }, { ended.kind, ended.phase, ended.sent })
      assert.is_nil(ended.http_status)
      assert.are.same({ "network", 1 }, { stack:told("done")[1].kind, stack:told("done")[1].attempts })
    end)
  end)

  describe("on a cloud that is closed", function()
    it("is not sent", function()
      stack:served({}, cloud.vm:describeInstances())
      assert.is_true(cloud:close())
      stack:failed({ kind = "closed", attempts = 0, operation = "rebootInstance" }, reboot())
      stack:failed({ kind = "closed", attempts = 0 }, cloud:with({ region = "cn-east-2" }).vm:describeInstances())
      assert.are.same({ "GET 200 executed" }, stack:arrived())
    end)

    it("while it waits to be repeated, ends", function()
      server:misbehave { status = 503, times = "all", headers = { ["retry-after"] = "0.1" } }
      cloud = stack:open { on_event = function(event)
        if event.event == "wait" then cloud:close() end
      end }
      stack:failed({ kind = "closed", attempts = 1, sent = true, retryable = false }, cloud.vm:describeInstances())
      assert.are.same({ "GET 503" }, stack:arrived())
    end)
  end)

  it("lets no secret out: not the keys, not the token, not the signature, not a parameter", function()
    cloud = stack:open { session_token = "TOKEN-CANARY", security_token = "CANARY-security" }
    local create = { instanceSpec = stacks.spec() }
    stack:served({}, cloud.vm:createInstances(create))
    for _, rule in ipairs { { status = 401 }, { status = 500 }, { html = true }, { close = "before" }, { cut = 5 } } do
      rule.times = "all"
      server:misbehave(rule)
      stack:failed({}, cloud.vm:createInstances(create))
      server:reset()
    end
    create.instanceSpec.password = { stacks.password }
    stack:failed({ kind = "invalid", attempts = 0 }, cloud.vm:createInstances(create))
    local said = stack:said()
    assert.is_truthy(said:find("ACCESS_ERROR", 1, true)) -- what after_each searches is what was said
    assert.is_truthy(said:find("createInstances", 1, true))
  end)
end

for _, carrier in ipairs(stacks.carriers) do
  describe("a call through the whole stack, over " .. carrier.name, function() specs(carrier) end)
end
