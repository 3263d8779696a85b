-- The SDK inside nginx: each phase works or gives its error; tasks are light threads; what is cancelled, killed or
-- abandoned leaves nothing behind. What runs in nginx is LuaJIT whatever Lua runs the test, so one of them is enough:
-- 5.4.

if _VERSION ~= "Lua 5.4" then return end

local cjson = require "cjson"
local faults = require "support.faults"
local gateways = require "jdcloud.gateway.nginx"
local nginx = require "support.nginx"
local remotes = require "support.remote"
local shell = require "jdcloud.gateway.shell"

describe("in nginx", function()
  describe("a phase", function()
    local gateway, server

    -- Sessions by id, so that each way of keeping them comes up.
    local HTTP = [[
      lua_shared_dict said 1m;
      ssl_session_tickets off;
      init_by_lua_block { require("support.phases").try() }
      exit_worker_by_lua_block { require("support.phases").try() }
      ssl_session_store_by_lua_block { require("support.phases").try() }
      ssl_session_fetch_by_lua_block { require("support.phases").try() }
      upstream behind { server 127.0.0.1:1; balancer_by_lua_block {
        require("support.phases").try() require("ngx.balancer").set_current_peer("127.0.0.1", 1)
      } }
    ]]
    local LOCATIONS = [[
      ssl_client_hello_by_lua_block { require("support.phases").try() }
      ssl_certificate_by_lua_block { require("support.phases").try() }
      server_rewrite_by_lua_block { if ngx.var.uri == "/all" then require("support.phases").try() end }
      location = /all {
        set_by_lua_block $nothing { require("support.phases").try() return "" }
        rewrite_by_lua_block { require("support.phases").try() }
        access_by_lua_block { require("support.phases").try() }
        content_by_lua_block { require("support.phases").try() require("support.phases").later() ngx.print("done") }
        header_filter_by_lua_block { require("support.phases").try() }
        body_filter_by_lua_block { require("support.phases").try() }
        log_by_lua_block { require("support.phases").try() }
      }
      location = /behind { proxy_pass http://behind; }
      location = /said { content_by_lua_block { require("support.phases").content() } }
    ]]

    local function said() return cjson.decode(server:get("/said").body) end

    local function await(phase)
      for _ = 1, 200 do
        local text = said().said[phase]
        if text then return text end
        os.execute("sleep 0.05")
      end
      error(phase .. " never came")
    end

    setup(function()
      gateway = assert(gateways.start { access_keys = { AKEXAMPLE = { secret = "SK-CANARY-phases" } } })
      server = nginx.start(LOCATIONS, {
        path = "spec/?.lua", main = "env ENDPOINT=" .. gateway.http .. ";", http = HTTP,
        worker = 'require("support.phases").try() require("support.phases").later()',
      })
      assert.equal("done", server:get("/all").body)
      server:get("/behind")
      local port = server.https:match("%d+$")
      local session = server.dir .. "/session"
      for _, with in ipairs { "-sess_out", "-sess_in" } do
        shell.run(("openssl s_client -connect 127.0.0.1:%s -servername a -tls1_2 %s %s </dev/null"):format(port, with,
          session))
      end
      shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(server.dir))
    end)

    teardown(function()
      server:stop()
      gateway:stop()
    end)

    for _, phase in ipairs { "server_rewrite", "rewrite", "access", "content", "timer", "ssl_cert" } do
      it("works: " .. phase, function() assert.equal("served", await(phase)) end)
    end

    local ADVICE = {
      init = "init_worker_by_lua", init_worker = "ngx.timer.at", set = "access_by_lua", header_filter = "access_by_lua",
      body_filter = "access_by_lua", log = "ngx.timer.at", balancer = "access_by_lua", exit_worker = "earlier",
      ssl_session_store = "ngx.timer.at", ssl_session_fetch = "ssl_certificate", ssl_client_hello = "ssl_certificate",
    }
    for phase, advice in pairs(ADVICE) do
      it("gives its error: " .. phase, function()
        local text = await(phase)
        assert.matches("^0 phase: .* phase " .. phase .. " ", text)
        assert.truthy(text:find(advice, 1, true), text)
      end)
    end

    it("needs neither libcurl nor luv", function()
      local loaded = {}
      for _, name in ipairs(said().loaded) do loaded[name] = true end
      assert.truthy(loaded["jdcloud.core"] and loaded["jdcloud.transport.cosocket"])
      for _, name in ipairs { "jdcloud.curl", "jdcloud.transport.curl", "jdcloud.tasks.plain", "jdcloud.loop.luv" } do
        assert.is_nil(loaded[name])
      end
    end)
  end)

  describe("a task", function()
    local server, remote = {}, nil

    setup(function()
      for name, value in pairs(faults.start()) do server[name] = value end
      remote = remotes.start { server.ca_file }
    end)

    teardown(function()
      remote:stop()
      server.stop()
    end)

    -- What needs coroutines and signals of plain Lua.
    local ELSEWHERE = {
      ["Ctrl-C"] = true, ["somebody else"] = true, ["take no room"] = true, ["can't give way"] = true,
    }

    it("does what it does in plain Lua", function()
      local _, here = shell.run("pwd")
      local passed, failed = remote:run('return require("support.indoors").run(...)',
        here .. "/spec/unit/tasks_spec.lua", ELSEWHERE)
      assert.same({}, failed)
      assert.is_true(passed >= 23)
    end)

    -- Calls over the transport in tasks. `base` is the server's URL.
    local function inside(code, ...)
      return remote:run([[
        local base = ...
        local jdcloud, core = require "jdcloud.safe", require "jdcloud.core"
        local transport = require "jdcloud.transport.cosocket" {}
        local function get(path, fields)
          local r = { method = "GET", url = base .. path, headers = {}, timeout = 20 }
          for name, value in pairs(fields or {}) do r[name] = value end
          return transport.send(r)
        end
      ]] .. code, ...)
    end

    it("lets the others go on while it waits for an answer", function()
      local seconds, sizes = inside([[
        local began = core.now()
        local results = jdcloud.parallel({ 20, 20, 20, 20, 20, 20, 20, 20 }, function(n)
          return #assert(get("/drip/" .. n)).body
        end)
        return core.now() - began, results]], server.plain)
      assert.is_true(seconds < 2.4, seconds) -- 0.6 each
      for i = 1, 8 do assert.equal(20, sizes[tostring(i)]) end -- with its field n it is an object in JSON
    end)

    for _, what in ipairs { "a request", "a connection", "a name", "TLS" } do
      local urls = { ["a request"] = "/stall", ["a connection"] = "full", ["a name"] = "http://silent.test",
        TLS = "https" }
      it("that is cancelled ends " .. what .. " under way, at once, and goes on", function()
        local path = urls[what]
        local base = server.plain
        if path == "full" then base, path = server.full, "" end
        if path == "https" then base, path = "https://127.0.0.1:" .. server.port.silent, "" end
        if path:find("^http") then base, path = path, "" end
        local seconds, kind, sent, goes_on = inside([[
          local _, path = ...
          local failure, goes_on
          local began = core.now()
          jdcloud.run(function(spawn)
            local task = spawn(function()
              local _
              _, failure = get(path, { connect_timeout = 20 })
              local _, err = jdcloud.sleep(100)
              goes_on = err.kind
            end)
            jdcloud.sleep(0.1)
            task:cancel()
          end)
          return core.now() - began, failure.kind, failure.sent, goes_on]], base, path)
        assert.is_true(seconds < 5, seconds)
        assert.same({ "cancelled", what == "a request", "cancelled" }, { kind, sent, goes_on })
      end)
    end

    it("that nginx kills, or whose request ends, leaves no connection open", function()
      -- nginx counts its own connections.
      local function connections() return remote:run("return tonumber(ngx.var.connections_active)") end
      local function open()
        local _, count = shell.run(("ls -l /proc/%d/fd | grep -c socket"):format(remote:run("return ngx.worker.pid()")))
        return tonumber(count)
      end
      connections()
      local before = open()
      inside([[
        for _, path in ipairs { "/stall", "/stall-body", "/stall" } do
          local thread = ngx.thread.spawn(get, path)
          ngx.sleep(0.02)
          assert(ngx.thread.kill(thread))
        end
        local thread = ngx.thread.spawn(function()
          jdcloud.parallel({ 1, 2, 3 }, function() return get("/stall", { timeout = 0.3 }) end)
        end)
        ngx.sleep(0.02)
        assert(ngx.thread.kill(thread))]], server.plain)
      pcall(inside, [[
        ngx.thread.spawn(function()
          jdcloud.parallel({ 1, 2, 3 }, function() return get("/stall") end)
        end)
        ngx.sleep(0.02)
        ngx.exit(500)]], server.plain)
      local after
      for _ = 1, 100 do
        after = open()
        if after <= before then break end
        os.execute("sleep 0.05")
      end
      assert.is_true(after <= before, after)
    end)

    it("can't wait inside of a function in C, and says so", function()
      local kind, message = inside([[
        local failure;
        ("x"):gsub("x", function() _, failure = get("/ok") end)
        assert(get("/ok").status == 200)
        pcall(function() assert(get("/ok").status == 200) end)
        assert(coroutine.wrap(function() return get("/ok").status end)() == 200)
        for _, response in function(_, last) if not last then return 1, get("/ok") end end do
          assert(response.status == 200)
        end
        return failure.kind, failure.message]], server.plain)
      assert.equal("phase", kind)
      assert.matches("string.gsub", message)
    end)

    it("waits a second at most for a rate limit, unless it is told to wait longer", function()
      local kind, gave_up, seconds = inside([[
        local cloud = jdcloud.new { access_key = "A", secret_key = "SK-CANARY", region = "cn-north-1", endpoint = base,
          limits = { vm = { 1, 20 } }, timeout = 5 }
        local call = { service = "vm", method = "GET", path = "/ok" }
        cloud:request(call)
        local began = core.now()
        local _, err = cloud:request(call)
        return err.kind, err.gave_up, core.now() - began]], server.plain)
      assert.same({ "throttled", "max_wait" }, { kind, gave_up })
      assert.is_true(seconds < 1.5)
    end)

    it("finds no keys and no region in the environment, and is told why", function()
      for _, options in ipairs { {}, { access_key = "A", secret_key = "SK-CANARY" } } do
        local kind, hint = inside([[
          local _, options = ...
          local cloud, err = jdcloud.new(options)
          if cloud then _, err = cloud.vm:describeInstances() end
          return err.kind, err.hint]], server.plain, options)
        assert.equal("config", kind)
        assert.truthy(hint:find("directive env", 1, true))
      end
    end)
  end)
end)
