-- The libcurl engine and its transport against a server that misbehaves on request.
local faults = require "support.faults"
local curl = require "jdcloud.curl"
local exchanges = require "support.exchanges"
local offsets = require "support.offsets"
local new_transport = require "jdcloud.transport.curl"

local SECRET, request, nonce = exchanges.SECRET, exchanges.request, exchanges.nonce

describe("libcurl", function()
  local server = {}
  setup(function()
    for name, value in pairs(faults.start()) do server[name] = value end
  end)
  teardown(function() server.stop() end)

  local function transport(options)
    options = options or {}
    options.ca_file = options.ca_file or server.ca_file
    return assert(new_transport(options))
  end

  -- Starts it on an engine. Returns the transfer.
  local function start(engine, url, fields)
    local r = request(url, fields)
    return assert(engine:start(r))
  end

  local function arrivals(name)
    return exchanges.arrivals(transport(), server, name)
  end

  -- Waits, as long as it takes within reason, until the request has come to the server.
  local function await_arrival(name)
    local deadline = curl.now() + 20
    while arrivals(name) == 0 do assert(curl.now() < deadline, "the request never came") end
  end

  local function step_until_done(engine)
    while engine:step(0.1) > 0 do end -- luacheck: ignore 542
  end

  local function run_lua(code, environment)
    local path = server.dir .. "/child.lua"
    local file = assert(io.open(path, "w"))
    file:write(code)
    file:close()
    local index = -1
    while arg[index - 1] do index = index - 1 end
    local interpreter = arg[index] or (rawget(_G, "jit") and "luajit") or "lua" .. _VERSION:match("%d%.%d")
    return (environment or "") .. " " .. interpreter .. " " .. path
  end

  local function output(command)
    local pipe = assert(io.popen(command .. " 2>&1"))
    local text = pipe:read("*a")
    pipe:close()
    return text
  end

  local check = exchanges.specs({
    server = server, transport = transport, now = curl.now, host = "Host", length = "Content-Length",
  }, describe, it)

  describe("fails with kind, phase and sent:", function()
    it("an unknown authority", function()
      check({ "config", "tls", false, url = server.tls, arrives = 0, says = "certificate" },
        { ca_file = server.dir .. "/wrong.pem" })
    end)

    it("our authority where the system's are to be trusted", function()
      local engine = assert(curl.engine { connect_timeout = 60 }) -- under valgrind it takes seconds to read them
      local transfer = start(engine, server.tls .. "/ok")
      step_until_done(engine)
      local status, kind, phase, sent = transfer:result()
      assert.same({ false, "config", "tls", false }, { status, kind, phase, sent })
    end)

    it("a certificate for another host", function()
      check { "config", "tls", false, url = server.wrong, arrives = 0, says = "127%.0%.0%.1" }
    end)

    it("a CA file that is not there", function()
      check({ "config", "tls", false, url = server.tls, says = "nowhere%.pem" }, { ca_file = "/nowhere.pem" })
    end)

    it("a client certificate that is not there", function()
      check({ "config", "tls", false, url = server.mutual, arrives = 0 }, { client_cert = "/nowhere.pem" })
    end)

    it("a TLS version below tls_min", function()
      check({ "network", "tls", false, url = server.old, arrives = 0 }, { tls_min = "1.3" })
      assert.equal(200, assert(transport().send(request(server.old .. "/ok"))).status)
    end)

    it("a module that can't be loaded", function()
      local path, loaded = package.cpath, package.loaded["jdcloud.curl"]
      package.cpath, package.loaded["jdcloud.curl"] = "", nil
      local response, failure = transport().send(request(server.plain .. "/ok"))
      package.cpath, package.loaded["jdcloud.curl"] = path, loaded
      assert.is_nil(response)
      assert.equal("config", failure.kind)
      assert.is_false(failure.sent)
      assert.matches("^[^\n]*jdcloud%.curl[^\n]*libcurl[^\n]*$", failure.message)
    end)
  end)

  -- The engine is the same C on every Lua: once is enough.
  for _, scheme in ipairs(_VERSION == "Lua 5.4" and { "plain", "tls" } or {}) do
    it("takes an answer that goes wrong at any of its bytes for what it is, " .. scheme, function()
      offsets.check(offsets.sweep(transport { max_host_connections = 60 }.send, server[scheme]))
    end)
  end

  describe("never repeats a request that a kept connection took with it:", function()
    local METHODS = {
      { "POST", "body" }, { "POST" }, { "PUT", "body" }, { "DELETE" }, { "GET" }, { "HEAD" },
    }
    -- How the connection ends just as the next request comes -> how often that one then arrives.
    local ENDS = { read = 1, unread = 0, reset = 0 }

    local function lose(scheme, method, body, how, idle)
      local engine = assert(curl.engine { ca_file = server.ca_file })
      local group, armed = nonce(), {}
      for i = 1, idle do
        local url = server[scheme] .. "/arm/" .. how .. "/" .. group .. "/" .. idle
        armed[i] = start(engine, url)
      end
      step_until_done(engine)
      for i = 1, idle do assert.equal(200, (armed[i]:result())) end

      local r, request_nonce = request(server[scheme] .. "/ok", { method = method, body = body })
      local transfer = assert(engine:start(r))
      step_until_done(engine)
      local status, kind, _, sent, message = transfer:result()
      assert.is_false(status)
      assert.same({ "network", true }, { kind, sent }, message)
      assert.equal(ENDS[how], arrivals(request_nonce))
    end

    for _, scheme in ipairs { "plain", "tls" } do
      for how in pairs(ENDS) do
        for _, idle in ipairs { 1, 3 } do
          it(scheme .. ", " .. how .. ", " .. idle .. " idle", function()
            for _, method in ipairs(METHODS) do lose(scheme, method[1], method[2], how, idle) end
          end)
        end
      end
    end

    it("nor does it open a new connection for it", function()
      local t = transport()
      assert(t.send(request(server.tls .. "/arm/read/" .. nonce() .. "/1")))
      local connections = arrivals("tls")
      local _, failure = t.send(request(server.tls .. "/ok"))
      assert.matches("not sent again", failure.message)
      assert.equal(connections, arrivals("tls"))
    end)

    it("and the next request finds its way", function()
      local t = transport()
      assert(t.send(request(server.tls .. "/arm/read/" .. nonce() .. "/1")))
      assert.is_nil(t.send(request(server.tls .. "/ok")))
      local r, request_nonce = request(server.tls .. "/ok", { method = "POST", body = "b" })
      assert.equal(200, assert(t.send(r)).status)
      assert.equal(1, arrivals(request_nonce))
    end)
  end)

  describe("TLS and proxies:", function()
    local function client_cert() return { cert = server.dir .. "/client.pem", key = server.dir .. "/client.key" } end

    it("a client certificate with its key in another file", function()
      assert.equal(200, assert(transport { client_cert = client_cert() }.send(request(server.mutual .. "/ok"))).status)
    end)

    it("a key with a password", function()
      local locked = { cert = server.dir .. "/client.pem", key = server.dir .. "/locked.key",
        password = "CANARY-passphrase" }
      assert.equal(200, assert(transport { client_cert = locked }.send(request(server.mutual .. "/ok"))).status)
      locked.password = "CANARY-wrong"
      local _, failure = transport { client_cert = locked }.send(request(server.mutual .. "/ok"))
      assert.same({ "config", "tls", false }, { failure.kind, failure.phase, failure.sent })
      assert.is_nil(failure.message:find(SECRET, 1, true))
    end)

    it("HTTP goes through a proxy with the path as it was", function()
      local path = "/echo/./a/../%2F?x=1"
      local r = request("http://far.example" .. path, { headers = { { "host", "far.example" } } })
      assert.equal("GET http://far.example" .. path .. " HTTP/1.1\r\nHost: far.example\r\n",
        assert(transport { proxy = server.plain }.send(r)).body:match("^.-\r\n.-\r\n"))
    end)

    it("HTTPS goes through a proxy's tunnel, signed headers for the far end only", function()
      local far = "localhost:" .. server.port.tls
      local response = assert(transport { proxy = server.plain }.send(request("https://" .. far .. "/echo/./a/..")))
      assert.matches("^GET /echo/%./a/%.%. HTTP/1.1\r\n", response.body)
      assert.is_nil(response.headers["x-proxy"])
      assert.equal(1, arrivals(far))
    end)

    it("no_proxy leaves the proxy out", function()
      local before = arrivals("127.0.0.1:" .. server.port.tls)
      local t = transport { proxy = server.plain, no_proxy = "127.0.0.1" }
      assert.equal(200, assert(t.send(request(server.tls .. "/ok"))).status)
      assert.equal(before, arrivals("127.0.0.1:" .. server.port.tls))
    end)

    it("a proxy that refuses: not sent", function()
      local _, failure = transport { proxy = server.plain }.send(request("https://far.example:1/ok"))
      assert.same({ "network", false }, { failure.kind, failure.sent }, failure.message)
    end)

    it("a proxy's password is in no message", function()
      for _, proxy in ipairs { "http://u:CANARY@127.0.0.1:1", "http://u:CANARY@no-such-name.invalid:1",
        "odd://u:CANARY@127.0.0.1:1", "http://u:CANARY@[:1" } do
        local _, failure = transport { proxy = proxy }.send(request(server.tls .. "/ok"))
        assert.is_false(failure.sent)
        assert.is_nil(failure.message:find(SECRET, 1, true), failure.message)
      end
    end)

    it("the environment's proxy is used, unless it is turned off", function()
      local code = ([[
        local new = require "jdcloud.transport.curl"
        for _, options in ipairs { { }, { proxy = false } } do
          local response, failure = new(options).send { method = "GET", url = "%s/ok" }
          print(response and response.status or failure.kind)
        end]]):format(server.plain)
      assert.equal("network\n200\n", output(run_lua(code, "http_proxy=http://127.0.0.1:1")))
    end)
  end)

  describe("the engine", function()
    local function engine(options)
      options = options or {}
      options.ca_file = options.ca_file or server.ca_file
      return assert(curl.engine(options))
    end

    it("runs many transfers at a time over few connections", function()
      local e = engine { max_host_connections = 2 }
      local transfers = {}
      for i = 1, 20 do transfers[i] = start(e, server.tls .. "/size/" .. i) end
      step_until_done(e)
      for i = 1, 20 do
        local status, headers, body = transfers[i]:result()
        assert.same({ 200, tostring(i), i }, { status, headers["content-length"], #body })
      end
    end)

    it("limits the time of a transfer that waits for a free connection", function()
      local e = engine { max_host_connections = 1 }
      local first = start(e, server.plain .. "/stall")
      local second, second_nonce = request(server.plain .. "/ok", { timeout = 0.2 })
      second = assert(e:start(second))
      while not second:done() do e:step(0.1) end
      local status, kind, _, sent = second:result()
      assert.same({ false, "timeout", false }, { status, kind, sent })
      assert.is_false(first:done())
      assert.equal(0, arrivals(second_nonce))
    end)

    it("lets those that wait for a connection go on in their order, but for one that is cancelled", function()
      for _, url in ipairs { server.plain, server.tls } do
        local e = engine { max_host_connections = 1, http_version = "1.1" }
        local first, kept, tags = start(e, url .. "/stall"), {}, {}
        for tag = 1, 5 do kept[tag] = assert(e:start(request(url .. "/size/" .. tag), tag)) end
        kept[3]:cancel()
        e:step(0)
        first:cancel()
        step_until_done(e)
        for tag in function() return e:ended() end do tags[#tags + 1] = tag end
        assert.same({ 3, 1, 2, 4, 5 }, tags)
        assert.equal("cancelled", (select(2, kept[3]:result())))
        for _, tag in ipairs { 1, 2, 4, 5 } do assert.equal(200, (kept[tag]:result())) end
      end
    end)

    it("keeps nobody waiting for a host that another one stands in line for", function()
      local e = engine { max_host_connections = 1 }
      local line = { start(e, server.plain .. "/stall"), start(e, server.plain .. "/ok") }
      local other = start(e, server.tls .. "/ok")
      while not other:done() do e:step(0.1) end
      assert.equal(200, (other:result()))
      assert.is_false(line[2]:done())
      line[1], line[2] = nil, nil -- collected, in whatever order
      collectgarbage()
      collectgarbage()
      assert.equal(0, e:step(0))
    end)

    it("ends those that wait for a connection when it is closed", function()
      local e = engine { max_host_connections = 2 }
      local transfers = {}
      for i = 1, 6 do transfers[i] = start(e, server.plain .. "/stall") end
      e:step(0)
      e:close()
      for i = 1, 6 do
        local status, kind = transfers[i]:result()
        assert.same({ false, "closed" }, { status, kind })
      end
    end)

    it("steps for no longer than it is told, and just waits if there is nothing to do", function()
      local e = engine()
      local started = curl.now()
      assert.equal(0, e:step(0.1))
      assert.is_true(curl.now() - started >= 0.09)
      local stalled = start(e, server.plain .. "/stall")
      started = curl.now()
      while curl.now() - started < 0.2 do assert.equal(1, e:step(0.05)) end
      assert.is_true(curl.now() - started < 1)
      stalled:cancel()
      assert.equal(0, e:step(0))
    end)

    it("tells of ends by tag, each once, in their order", function()
      local e = engine()
      local slow, fast = request(server.plain .. "/drip/3"), request(server.plain .. "/ok")
      local kept = { assert(e:start(slow, 7)), assert(e:start(fast, 8)), start(e, server.plain .. "/ok") }
      assert.is_nil(e:ended())
      step_until_done(e)
      assert.equal(0, e:timeout())
      assert.same({ 8, 7 }, { e:ended(), e:ended() })
      assert.is_nil(e:ended())
      assert.is_nil(e:timeout())
      for _, transfer in ipairs(kept) do assert.equal(200, (transfer:result())) end
    end)

    it("steps beside others with one wait, which ends with the first transfer that does", function()
      local one, other = engine(), engine()
      local stalled = start(one, server.plain .. "/stall")
      local answered = start(other, server.plain .. "/ok")
      local started = curl.now()
      curl.wait({ one, other }, 20)
      assert.is_true(curl.now() - started < 10)
      assert.equal(200, (answered:result()))
      assert.is_false(stalled:done())
      started = curl.now()
      curl.wait({ one, other }, 0.05)
      assert.is_true(curl.now() - started >= 0.045)
      one:close()
      curl.wait({ one, other }, 0)
      curl.wait({}, 0)
    end)

    it("is driven by another loop: descriptors, time-out, and what to act on", function()
      local e = engine()
      assert.is_nil(e:timeout())
      assert.same({}, e:descriptors())
      assert.equal(0, e:act(nil))
      local transfers = {}
      for i, scheme in ipairs { "plain", "tls" } do transfers[i] = start(e, server[scheme] .. "/size/100000") end
      assert.equal(0, e:timeout())
      assert.equal(2, e:act(nil))
      local deadline = curl.now() + 20
      repeat
        local watched = e:descriptors()
        for i = 1, #watched, 4 do e:act(watched[i], watched[i + 1], watched[i + 2]) end
        e:act(1000000, true, true) -- nobody's
        if e:timeout() == 0 then e:act() end
      until transfers[1]:done() and transfers[2]:done() or curl.now() > deadline
      for i = 1, 2 do assert.equal(100000, #select(3, transfers[i]:result())) end
      assert.same({}, e:descriptors())
    end)

    it("wants a turn when a limit may be passed", function()
      local e = engine()
      local transfer = start(e, server.plain .. "/stall", { timeout = 0.3 })
      local started = curl.now()
      while not transfer:done() do
        assert.is_true(e:timeout() <= 0.3)
        e:step(e:timeout())
      end
      local took = curl.now() - started
      assert.is_true(took >= 0.29 and took < 3)
      assert.equal("timeout", select(2, transfer:result()))
      assert.equal(0, e:act())
    end)

    it("has nothing to say while a transfer is going, and hands a result out once", function()
      local e = engine()
      local transfer = start(e, server.plain .. "/ok")
      assert.equal(0, select("#", transfer:result()))
      step_until_done(e)
      assert.equal(200, (transfer:result()))
      local status, kind = transfer:result()
      assert.same({ false, "closed" }, { status, kind })
    end)

    it("cancels", function()
      local e = engine()
      local r, request_nonce = request(server.plain .. "/stall")
      local transfer = assert(e:start(r))
      while arrivals(request_nonce) == 0 do e:step(0.01) end
      transfer:cancel()
      transfer:cancel()
      local status, kind, phase, sent = transfer:result()
      assert.same({ false, "cancelled", "receive", true }, { status, kind, phase, sent })
      transfer:cancel()

      transfer = start(e, server.plain .. "/stall")
      transfer:cancel()
      status, kind, phase, sent = transfer:result()
      assert.same({ false, "cancelled", "resolve", false }, { status, kind, phase, sent })
    end)

    it("closes what is running, once", function()
      local e = engine()
      local r, request_nonce = request(server.plain .. "/stall")
      local transfer = assert(e:start(r))
      while arrivals(request_nonce) == 0 do e:step(0.01) end
      e:close()
      e:close()
      local status, kind, _, sent = transfer:result()
      assert.same({ false, "closed", true }, { status, kind, sent })
      local started, failure = e:start((request(server.plain .. "/ok")))
      assert.is_nil(started)
      assert.same({ "closed", false }, { failure.kind, failure.sent })
      assert.equal(0, e:step(0))
    end)

    it("may be collected before its transfers, and they before it", function()
      for _, scheme in ipairs { "plain", "tls" } do
        local e = engine()
        local kept = start(e, server[scheme] .. "/stall")
        e:step(0.01)
        e = nil -- luacheck: ignore 311
        collectgarbage()
        collectgarbage()
        local status, kind = kept:result()
        assert.same({ false, "closed" }, { status, kind })

        e = engine()
        local body = ("b"):rep(1e5)
        local held = { start(e, server[scheme] .. "/stall", { method = "POST", body = body }) }
        assert.equal(1, e:step(0))
        table.remove(held)
        collectgarbage()
        collectgarbage()
        assert.equal(0, e:step(0))
      end
    end)

    it("survives the end of the program in any state", function()
      local code = [[
        local curl = require "jdcloud.curl"
        local e = assert(curl.engine { ca_file = "%s" })
        kept, answered, fresh, unresolved = {}, {}, {}, {}
        for i, url in ipairs { "%s/stall", "%s/stall" } do
          kept[i] = assert(e:start { method = "POST", url = url, body = "b" })
        end
        answered[1] = assert(e:start { method = "GET", url = "%s/ok" })
        while not answered[1]:done() do e:step(0.1) end
        unresolved[1] = assert(e:start { method = "GET", url = "http://no-such-name.invalid" })
        e:step(0)
        fresh[1] = assert(e:start { method = "GET", url = "%s/ok" })
        if %s then engine = e end
        io.write("end")
      ]]
      for _, keep in ipairs { "true", "false" } do
        local filled = code:format(server.ca_file, server.plain, server.tls, server.tls, server.plain, keep)
        assert.equal("end0", output("(" .. run_lua(filled) .. "; printf $?)"))
      end
    end)

    it("refuses options that are wrong", function()
      for name, value in pairs { ca_file = 1, client_cert = {}, tls_min = "1.1", proxy = true, max_size = 0,
        connect_timeout = "5", idle_timeout = -1, max_connections = 0.5, http_version = "3", no_proxy = "a\0b" } do
        local e, message = curl.engine { [name] = value }
        assert.is_nil(e)
        assert.matches(name, message)
        local t
        t, message = new_transport { [name] = value }
        if name ~= "no_proxy" then
          assert.is_nil(t)
          assert.matches(name, message)
        end
      end
      local t, message = new_transport { cafile = "x" }
      assert.is_nil(t)
      assert.matches("cafile", message)
    end)
  end)

  describe("a forked child", function()
    it("makes its own connections and leaves the parent's alone", function()
      local t = transport()
      assert(t.send(request(server.tls .. "/ok")))
      local connections = arrivals("tls")
      assert.equal("200", server.child(function()
        local status = assert(t.send(request(server.tls .. "/ok"))).status
        t.close()
        return status
      end))
      assert.equal(connections + 1, arrivals("tls"))
      assert.equal(200, assert(t.send(request(server.tls .. "/ok"))).status)
      assert.equal(connections + 1, arrivals("tls"))
    end)

    it("has lost what was in flight, which goes on in the parent", function()
      for _, scheme in ipairs { "plain", "tls" } do
        local e = assert(curl.engine { ca_file = server.ca_file })
        local transfer = start(e, server[scheme] .. "/drip/30")
        e:step(0.05)
        assert.equal("false network true 0", server.child(function()
          local left = e:step(0)
          local status, kind, _, sent = transfer:result()
          transfer = nil -- luacheck: ignore 311
          collectgarbage()
          return table.concat({ tostring(status), kind, tostring(sent), left }, " ")
        end))
        step_until_done(e)
        local status, _, body = transfer:result()
        assert.equal(200, status)
        assert.equal(30, #body)
      end
    end)
  end)

  describe("the transport", function()
    it("sleeps for as long as it is told", function()
      local t = transport()
      local started = curl.now()
      assert.is_true(t.sleep(0.25))
      local slept = curl.now() - started
      assert.is_true(slept >= 0.25 and slept < 1, slept)
    end)

    it("keeps its connections between calls", function()
      local t = transport()
      local connections = arrivals("tls")
      for _ = 1, 10 do assert(t.send(request(server.tls .. "/ok"))) end
      assert.equal(connections + 1, arrivals("tls"))
    end)

    it("is closed once and for all", function()
      local t = transport()
      assert(t.send(request(server.plain .. "/ok")))
      assert.is_true(t.close())
      assert.is_true(t.close())
      local _, failure = t.send(request(server.plain .. "/ok"))
      assert.same({ "closed", false }, { failure.kind, failure.sent })
    end)

    it("lets Ctrl-C end a call that hangs", function()
      for _, path in ipairs { "/stall", "/stall-body" } do
        local r, request_nonce = request(server.plain .. path)
        local code = ([[
          local t = require "jdcloud.transport.curl" { idle_timeout = 30 }
          t.send { method = "GET", url = "%s", headers = { { "x-jdcloud-nonce", "%s" } } }
          print("came back")]]):format(r.url, request_nonce)
        local pipe = assert(io.popen("{ " .. run_lua(code) .. " & echo $!; wait $!; } 2>&1"))
        local pid = pipe:read("*l")
        await_arrival(request_nonce)
        local started = curl.now()
        os.execute("kill -INT " .. pid)
        local text = pipe:read("*a")
        pipe:close()
        assert.is_true(curl.now() - started < 1.5)
        assert.matches("interrupted", text)
        assert.is_nil(text:find("came back", 1, true))
      end
    end)
  end)
end)
