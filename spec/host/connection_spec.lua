-- connection_spec.lua - calls through the whole stack over connections that fail: when they are made, while the answer
-- comes, and kept ones that the server closes just as the next request is sent. What is repeated, and what arrives.

local core = require "jdcloud.core"
local stacks = require "support.stack"

local times = stacks.times
local SIZE = 1000 -- bytes of an answer's body that is cut or stalled after fewer
local SHORT = 0.4 -- seconds: long for a request on loopback, short for a test
local PATIENCE = 10 -- seconds

-- What loses an answer, and what a person is told of it. HTTP/2 knows only streams that are broken off.
local LOSSES = {
  { "closed before the answer", { close = "before" }, "network" },
  { "cut short in the status line", { cut = 5, body_size = SIZE }, "network" },
  { "cut short among the headers", { cut = 60, body_size = SIZE }, "protocol" },
  { "cut short in the body", { cut = 600, body_size = SIZE }, "protocol" },
  { "not HTTP", { garbage = true }, "protocol" },
}

local function specs(carrier)
  local stack, server

  setup(function()
    stack = stacks.start(carrier)
    server = stack.server
  end)

  before_each(function() stack:begin() end)
  after_each(function() stack:finish() end)
  teardown(function() stack:stop() end)

  local function path_of(id) return "/v1/regions/{regionId}/instances/" .. id end

  -- Changes that carry no clientToken.
  local CHANGES = {
    { "POST", function(cloud, id) return cloud.vm:rebootInstance { instanceId = id } end },
    { "POST without a body", function(cloud, id)
      return cloud:request { service = "vm", method = "POST", path = path_of(id) .. ":rebootInstance" }
    end },
    { "DELETE", function(cloud, id) return cloud.vm:deleteInstance { instanceId = id } end },
  }

  describe("when it is made", function()
    local function fails(expected, cloud, events)
      expected.sent = false
      stack:failed(expected, cloud.vm:describeInstances())
      stack:failed(expected, cloud.vm:rebootInstance { instanceId = "i-1" })
      assert.are.same({}, stack:arrived())
      local ended = stack:told("attempt_end")
      assert.are.equal(events, #ended)
      for _, event in ipairs(ended) do
        assert.are.same({ expected.kind, expected.phase, false }, { event.kind, event.phase, event.sent })
      end
    end

    it("because nobody listens, is repeated whatever it does", function()
      fails({ kind = "network", phase = "connect", retryable = true, attempts = 3, gave_up = "attempts" },
        stack:open { endpoint = "https://127.0.0.1:1" }, 6)
    end)

    it("because the host has no address, is repeated whatever it does", function()
      fails({ kind = "network", phase = "resolve", retryable = true, attempts = 3, gave_up = "attempts" },
        stack:open { endpoint = "no-such-host.invalid" }, 6)
    end)

    it("because nobody vouches for the server, is not repeated", function()
      fails({ kind = "config", phase = "tls", retryable = false, attempts = 1, gave_up = "final" },
        stack:open({}, "ca_file"), 2)
    end)

    it("because the certificate is another host's, is not repeated", function()
      fails({ kind = "config", phase = "tls", retryable = false, attempts = 1, gave_up = "final" },
        stack:open { endpoint = server.wrong_host }, 2)
    end)

    it("because the server speaks no TLS, is repeated whatever it does", function()
      local plain = server.http:gsub("^http", "https")
      fails({ kind = "network", phase = "tls", retryable = true, attempts = 3, gave_up = "attempts" },
        stack:open { endpoint = plain }, 6)
    end)

    if carrier.name == "libcurl" then
      it("because there is no such CA file, is not repeated", function()
        fails({ kind = "config", phase = "tls", retryable = false, attempts = 1, gave_up = "final" },
          stack:open { ca_file = "/nonexistent/ca.pem" }, 2)
      end)
    end
  end)

  for _, listener in ipairs(carrier.http2 and { "http", "https", "https2" } or { "http", "https" }) do
    describe("over " .. listener, function()
      local cloud
      before_each(function() cloud = stack:open { endpoint = server[listener] } end)

      for _, loss in ipairs(LOSSES) do
        local rule, kind = loss[2], listener == "https2" and "protocol" or loss[3]
        it("with an answer that is " .. loss[1], function()
          local id = stack:instance(cloud)
          server:misbehave(rule)
          stack:served({ attempts = 2 }, cloud.vm:describeInstances())
          server:misbehave(rule)
          stack:failed({ kind = kind, phase = "receive", sent = true, retryable = true, attempts = 1, code = "none",
            gave_up = "unsafe" }, cloud.vm:stopInstance { instanceId = id })
          server:misbehave(rule)
          stack:served({ attempts = 2 }, cloud.vm:createInstances { instanceSpec = stacks.spec() })
          assert.are.equal(2, stack:served({ attempts = 1 }, cloud.vm:describeInstances()).totalCount)
          assert.are.same({ "GET 200 executed", "GET 200 executed", "POST 200 executed", "POST 200 executed",
            "POST 200 executed", "GET 200 executed" }, stack:arrived())
        end)
      end

      it("with an answer that stalls: timeout is for the whole call", function()
        for _, bytes in ipairs { 0, 600 } do
          server:misbehave { stall = bytes, body_size = SIZE }
          local began = core.now()
          stack:failed({ kind = "timeout", phase = "receive", sent = true, retryable = true, attempts = 1,
            gave_up = "timeout" }, cloud.vm:describeInstances({}, { timeout = SHORT }))
          assert.is_true(core.now() - began < SHORT + PATIENCE)
        end
        stack:served({ attempts = 1 }, cloud.vm:describeInstances())
        assert.are.same(times(3, "GET 200 executed"), stack:arrived())
      end)

      it("with an answer that stalls: idle_timeout is for one attempt", function()
        cloud = stack:open { endpoint = server[listener], idle_timeout = SHORT }
        server:misbehave { stall = 5 }
        stack:served({ attempts = 2 }, cloud.vm:describeInstances())
        server:misbehave { stall = 5 }
        stack:failed({ kind = "timeout", phase = "receive", sent = true, retryable = true, attempts = 1,
          gave_up = "unsafe" }, cloud.vm:rebootInstance { instanceId = "i-1" })
        assert.are.same({ "GET 200 executed", "GET 200 executed", "POST 404" }, stack:arrived())
      end)

      it("with an answer that is too large", function()
        cloud = stack:open { endpoint = server[listener], max_size = 100000 }
        local id = stack:instance(cloud)
        server:misbehave { body_size = 300000 }
        local err = stack:failed({ kind = "protocol", phase = "receive", sent = true, attempts = 1 },
          cloud.vm:rebootInstance { instanceId = id })
        assert.is_truthy(err.message:find("100000", 1, true))
        server:misbehave { body_size = 90000 }
        stack:served({ attempts = 1 }, cloud.vm:rebootInstance { instanceId = id })
        assert.are.same(times(2, "POST 200 executed"), stack:arrived())
      end)

      it("and was kept, when the server closes it as the next request comes: a read", function()
        server:misbehave { close = "next" }
        stack:served({ attempts = 1 }, cloud.vm:describeInstances())
        stack:served({ attempts = 2 }, cloud.vm:describeInstances())
        assert.are.same({ "GET 200 executed", "GET 0", "GET 200 executed" }, stack:arrived())
      end)

      for _, change in ipairs(CHANGES) do
        it("and was kept, when the server closes it as the next request comes: a " .. change[1], function()
          local id = stack:instance(cloud)
          local method = change[1]:match("^%u+")
          server:misbehave { close = "next" }
          stack:served({ attempts = 1 }, cloud.vm:describeInstances())
          -- A stream may end between head and body of the request.
          local kind, phase = "network", "receive"
          if listener == "https2" then kind, phase = "protocol", nil end
          stack:failed({ kind = kind, phase = phase, sent = true, retryable = true, attempts = 1, gave_up = "unsafe" },
            change[2](cloud, id))
          assert.are.same({ "GET 200 executed", method .. " 0" }, stack:arrived())
          stack:served({ attempts = 1 }, change[2](cloud, id))
          assert.are.same({ "GET 200 executed", method .. " 0", method .. " 200 executed" }, stack:arrived())
        end)
      end

      it("and was kept: a change with a clientToken is repeated", function()
        server:misbehave { close = "next" }
        stack:served({ attempts = 1 }, cloud.vm:describeInstances())
        stack:served({ attempts = 2 }, cloud.vm:createInstances { instanceSpec = stacks.spec() })
        assert.are.same({ "GET 200 executed", "POST 0", "POST 200 executed" }, stack:arrived())
      end)
    end)
  end

  -- The end of the connection and the next request cross on the wire, or not: either way nothing is sent twice.
  for _, listener in ipairs { "http", "https" } do
    it("behind a good answer, unannounced, over " .. listener, function()
      local cloud = stack:open { endpoint = server[listener] }
      for _ = 1, 4 do
        for _, change in ipairs(CHANGES) do
          local id = stack:instance(cloud)
          local method = change[1]:match("^%u+")
          server:misbehave { close = "after" }
          stack:served({ attempts = 1 }, cloud.vm:describeInstances())
          local result, err = change[2](cloud, id)
          if result then
            assert.are.same({ "GET 200 executed", method .. " 200 executed" }, stack:arrived())
          else
            stack:failed({ kind = "network", sent = true, attempts = 1, gave_up = "unsafe" }, result, err)
            assert.are.same({ "GET 200 executed" }, stack:arrived())
          end
        end
      end
    end)
  end

  if carrier.name ~= "libcurl" then return end

  for _, listener in ipairs { "http", "https" } do
    describe("over one of several kept ones, " .. listener, function()
      local cloud, together, id

      -- Leaves n idle connections that the server closes when their next request comes.
      local function arm(n)
        server:misbehave { close = "next", delay = 0.1, times = n, operation = "describeInstances" }
        together(n, function() stack:served({ attempts = 1 }, cloud.vm:describeInstances()) end)
        assert.are.same(times(n, "GET 200 executed"), stack:arrived())
        stack.mark = stack.mark + n
      end

      before_each(function()
        local transport
        transport, together = stacks.concurrent { ca_file = server.ca_file, proxy = false }
        cloud = stack:open { endpoint = server[listener], transport = transport }
        id = stack:instance(cloud)
      end)

      for _, change in ipairs(CHANGES) do
        it("all of which the server closes: none of the others gets a " .. change[1], function()
          arm(3)
          stack:failed({ kind = "network", phase = "receive", sent = true, retryable = true, attempts = 1,
            gave_up = "unsafe" }, change[2](cloud, id))
          assert.are.same({ change[1]:match("^%u+") .. " 0" }, stack:arrived())
        end)
      end

      -- libcurl gives up a second connection with the first, when it is kept from repeating the request over it.
      it("all of which the server closes: a read is repeated, each time with a nonce of its own", function()
        arm(3)
        local _, meta = stack:served({}, cloud.vm:describeInstances())
        assert.is_true(meta.attempts > 1)
        local expected = times(meta.attempts - 1, "GET 0")
        expected[#expected + 1] = "GET 200 executed"
        assert.are.same(expected, stack:arrived())
      end)

      -- Whose connection is closed early may take an idle one along; the last then gets a new one.
      it("all used at a time: each change arrives once", function()
        local ids, expected = {}, {}
        for i = 1, #CHANGES do ids[i] = stack:instance(cloud) end
        arm(#CHANGES)
        together(#CHANGES, function(i)
          local result, err = CHANGES[i][2](cloud, ids[i])
          expected[i] = CHANGES[i][1]:match("^%u+") .. (result and " 200 executed" or " 0")
          if not result then
            stack:failed({ kind = "network", sent = true, attempts = 1, gave_up = "unsafe" }, result, err)
          end
        end)
        local arrived = stack:arrived()
        table.sort(arrived)
        table.sort(expected)
        assert.are.same(expected, arrived)
      end)
    end)
  end
end

for _, carrier in ipairs(stacks.carriers) do
  describe("a call whose connection fails, over " .. carrier.name, function() specs(carrier) end)
end
