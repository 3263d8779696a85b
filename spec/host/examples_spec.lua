-- examples_spec.lua - the examples that show many calls at once and other hosts: an inventory of everything, a server
-- in luv's loop, and the nginx that serves from memory, each as its user runs it.

local child = require "support.child"
local core = require "jdcloud.core"
local curl = require "jdcloud.transport.curl"
local gateway = require "jdcloud.gateway.nginx"
local host = require "jdcloud.gateway.host"
local json = require "jdcloud.json"
local safe = require "jdcloud.safe"
local shell = require "jdcloud.gateway.shell"

local PATIENCE = 10 -- seconds that something may take to happen, which takes none

-- Asks again and again until there is an answer.
local function eventually(ask)
  local till = core.now() + PATIENCE
  while true do
    local answer = ask()
    if answer then return answer end
    assert.is_true(core.now() < till, "it never happened")
    core.sleep(0.02)
  end
end

describe("the example", function()
  local server, cloud, transport

  setup(function()
    server = assert(gateway.start {})
    transport = assert(curl { proxy = false })
    cloud = assert(safe.new {
      region = "cn-north-1", endpoint = server.http, access_key = server.access_key, secret_key = server.secret_key,
      proxy = false,
    })
  end)

  before_each(function()
    server:set { ready_after = 0, account = true }
    server:reset()
  end)

  teardown(function()
    if cloud then cloud:close() end
    if transport then transport.close() end
    if server then server:stop() end
  end)

  local function environment(variables)
    local all = {
      JDCLOUD_ENDPOINT = server.http, JDCLOUD_ACCESS_KEY_ID = server.access_key,
      JDCLOUD_SECRET_ACCESS_KEY = server.secret_key, JDCLOUD_REGION_ID = "cn-north-1", HOME = server.dir,
      no_proxy = "127.0.0.1",
    }
    for name, value in pairs(variables or {}) do all[name] = value end
    return all
  end

  local function get(url)
    return assert(transport.send {
      method = "GET", url = url, headers = { { "host", url:match("//([^/]+)") } }, timeout = PATIENCE, max_size = 1e6,
    })
  end

  local function ids(region)
    local list = {}
    for i, instance in ipairs(cloud:with({ region = region }).vm:all "describeInstances") do
      list[i] = instance.instanceId
    end
    assert(list[1])
    return list
  end

  describe("inventory_parallel", function()
    local function run(arguments, variables)
      return child.file("examples/inventory_parallel.lua", arguments, environment(variables))
    end

    -- Of its output: { region or heading = list of cells }, lists, seconds, calls, seconds in sum
    local function read(out)
      local rows, summary = {}, nil
      for line in out:gmatch "[^\n]+" do
        local cells = {}
        for cell in line:gmatch "%S+" do cells[#cells + 1] = cell end
        rows[table.remove(cells, 1)] = cells
        summary = line
      end
      local pattern = "^(%d+) lists in ([%d.]+) s; their (%d+) calls took ([%d.]+) s in sum$"
      local lists, seconds, calls, sum = summary:match(pattern)
      return rows, tonumber(lists), tonumber(seconds), tonumber(calls), tonumber(sum)
    end

    it("counts everything in every region", function()
      local result = run()
      assert.same({ 0, "" }, { result.code, result.err })
      local rows, lists, _, calls = read(result.out)
      assert.equal(#rows.REGION, #rows["cn-south-1"])
      assert.equal(4 * #rows.REGION, lists)
      assert.equal(lists, calls)
      assert.same({ "VM", "DISK" }, { rows.REGION[1], rows.REGION[2] })
      local north, east = #ids "cn-north-1", #ids "cn-east-2"
      assert.same({ ("%d"):format(north), ("%d"):format(east), "0", ("%d"):format(north + east) },
        { rows["cn-north-1"][1], rows["cn-east-2"][1], rows["cn-south-1"][1], rows.total[1] })
    end)

    it("does so at once, within its limit", function()
      local delay = 0.1
      server:misbehave { delay = delay, times = "all" }
      local rows, lists, seconds, calls, sum = read(run({ "cn-north-1" }).out)
      assert.equal(#rows.REGION, lists)
      assert.equal(lists, calls)
      assert.is_true(sum >= lists * delay, sum)
      assert.is_true(seconds < sum / 2, seconds .. " " .. sum)
      local limited = select(3, read(run({ "cn-north-1", "--limit", "2" }).out))
      assert.is_true(limited >= lists * delay / 2 - 0.01, limited)
    end)

    it("names at the end what it could not list, and counts the rest", function()
      server:misbehave { operation = "vm:describeInstances", status = 403, error_status = "PERMISSION_DENIED" }
      local result = run { "cn-north-1", "cn-north-1" }
      assert.equal(1, result.code)
      assert.truthy(result.err:find "^not listed: cn%-north%-1 VM: [^\n]+\n$", result.err)
      local rows = read(result.out)
      assert.equal("?", rows["cn-north-1"][1])
      assert.is_true(tonumber(rows["cn-north-1"][2]) > 0)
      result = run({ "cn-east-2" }, { JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY-wrong" })
      assert.equal(1, result.code)
      assert.equal(#rows.REGION, select(2, result.err:gsub("not listed: ", "")))
      assert.is_nil((result.out .. result.err):find("CANARY", 1, true))
    end)

    it("says how it is used", function()
      for _, wrong in ipairs { { "beijing" }, { "--limit" }, { "--limit", "0" }, { "cn-north-1", "--now" }, { "" } } do
        local result = run(wrong)
        assert.equal(2, result.code)
        assert.truthy(result.err:find "^inventory_parallel: [^\n]+\nusage: inventory_parallel%.lua ", result.err)
      end
      assert.equal(0, run({ "cn-north-1", "--help" }).code)
      assert.same({}, server:log())
    end)
  end)

  describe("luv", function()
    local DELAY = 1 -- seconds of a call, during which the clock shall tick
    local process, url

    local function start(variables)
      process = child.start("examples/luv.lua", { "0" }, environment(variables))
      url = eventually(function() return process:said():match "^(http://[%d.:]+)\n" end)
    end

    -- -> { code, out, err }, requests, ticks, the longest time between two of them in milliseconds
    local function stop()
      local running = process
      process = nil
      local result = running:interrupt()
      local pattern = "(%d+) requests; the clock ticked (%d+) times, and never stood still for longer than (%d+) ms\n$"
      local requests, ticks, longest = result.out:match(pattern)
      return result, tonumber(requests), tonumber(ticks), tonumber(longest)
    end

    after_each(function()
      if process then stop() end
    end)

    it("answers many at once, and its clock goes on", function()
      start()
      local regions, wanted = { "cn-north-1", "cn-east-2", "cn-north-1", "cn-east-2" }, {}
      for _, region in ipairs(regions) do wanted[region] = ids(region) end
      server:misbehave { operation = "describeInstances", delay = DELAY, times = "all" }
      local began = core.now()
      local answers = assert(safe.parallel(regions, function(region) return get(url .. "/" .. region) end))
      local seconds = core.now() - began
      assert.is_true(seconds < #regions * DELAY, seconds)
      local result, requests, ticks, longest = stop()
      assert.same({ 0, "", #regions }, { result.code, result.err, requests })
      assert.is_true(longest < DELAY * 1000, longest)
      assert.is_true(ticks > 10, ticks)
      for i, region in ipairs(regions) do
        assert.equal(200, answers[i].status)
        local list = {}
        for id in answers[i].body:gmatch "(%S+) %S+ [^\n]+\n" do list[#list + 1] = id end
        assert.same(wanted[region], list)
      end
    end)

    it("says what it could not find, and keeps its secret", function()
      start { JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY-wrong" }
      assert.equal(404, get(url .. "/").status)
      local answer = get(url .. "/cn-north-1")
      assert.equal(502, answer.status)
      assert.truthy(answer.body:find "^auth %(request %w+%)\n$", answer.body)
      local result = stop()
      assert.truthy(result.err:find "^examples/luv%.lua:%d+: [^\n]+\n$", result.err)
      assert.is_nil((result.out .. result.err .. answer.body):find("CANARY", 1, true))
    end)

    it("ends the call of whoever hangs up, and all of them when it ends", function()
      start()
      server:misbehave { operation = "describeInstances", delay = 60, times = 2 }
      local socket = require "socket.core"
      local clients = {}
      for i = 1, 2 do
        clients[i] = assert(socket.tcp())
        assert(clients[i]:connect("127.0.0.1", tonumber(url:match ":(%d+)$")))
        assert(clients[i]:send "GET /cn-north-1 HTTP/1.1\r\nhost: x\r\n\r\n")
      end
      clients[1]:close()
      assert.equal(404, get(url .. "/").status)
      local result, requests = stop()
      assert.same({ 0, 3 }, { result.code, requests })
      clients[2]:close()
    end)

    it("says how it is used", function()
      for _, wrong in ipairs { { "x" }, { "65536" }, { "1", "2" } } do
        local result = child.file("examples/luv.lua", wrong)
        assert.same({ 2, "luv: which port?\nusage: luv.lua [PORT]\n" }, { result.code, result.err })
      end
      assert.equal(0, child.file("examples/luv.lua", { "-h" }).code)
    end)
  end)

  -- What runs in nginx is LuaJIT whatever Lua runs the test, so one of them is enough: 5.4.
  if _VERSION ~= "Lua 5.4" then return end

  local READY = 'assert(io.open(ngx.config.prefix() .. "ready", "w")):close()'
  local site

  -- The file of an example as it is, but for places, the port and other edits { { old, new } }.
  local function configuration_of(path, edits, facts)
    local text = assert(shell.read(path))
    local function replace(old, new, times)
      local at, found = 1, 0
      while true do
        local first, last = text:find(old, at, true)
        if not first then break end
        text = text:sub(1, first - 1) .. new .. text:sub(last + 1)
        at, found = first + #new, found + 1
      end
      assert.equal(times or 1, found, old)
    end
    local _, here = shell.run "pwd"
    replace("load_module /usr/lib/nginx/modules/ndk_http_module.so;\n", "")
    replace("load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;",
      facts.modules[1] and ("load_module %s;\nload_module %s;"):format(facts.modules[1], facts.modules[2]) or "")
    replace("# user www-data;", facts.user and "user " .. facts.user .. ";" or "")
    replace("build/nginx.pid", "nginx.pid")
    replace("error_log stderr", "error_log error.log")
    replace("build/nginx_", "tmp/", 5)
    replace("$prefix/examples/?.lua;$prefix/lua/?.lua;;", here .. "/examples/?.lua;" .. facts.package_path)
    replace("$prefix/build/jit/?.so;;", facts.package_cpath)
    replace("/etc/ssl/certs/ca-certificates.crt", server.ca_file)
    replace("    listen 127.0.0.1:" .. text:match("listen 127%.0%.0%.1:(%d+);") .. ";",
      ("    listen 127.0.0.1:%d;"):format(facts.ports.http))
    for _, edit in ipairs(edits) do replace(edit[1], edit[2]) end
    return text
  end

  -- nginx gets the variables from a shell, as from its user's.
  local function start_site(path, edits, variables)
    local facts, dir = assert(host.survey {}), assert(host.folder())
    local script = { "#!/bin/sh\n" }
    for name, value in pairs(environment(variables)) do
      script[#script + 1] = ("export %s=%s\n"):format(name, shell.quote(value))
    end
    script[#script + 1] = ("exec %s \"$@\"\n"):format(shell.quote(facts.nginx))
    facts.nginx = dir .. "/start"
    assert(shell.write(facts.nginx, table.concat(script)))
    assert(shell.run("chmod 700 " .. shell.quote(facts.nginx)))
    assert(host.launch(facts, dir, { "http" }, function(now) return configuration_of(path, edits, now) end))
    site = { dir = dir, base = ("http://127.0.0.1:%d/"):format(facts.ports.http) }
    site.url = site.base .. "instances"
  end

  after_each(function()
    if site then host.stop(site.dir) end
    site = nil
  end)

  describe("metrics", function()
    -- The samples of a scrape, by name with labels.
    local function scrape()
      local answer = get(site.base .. "metrics")
      assert.equal(200, answer.status)
      assert.equal("text/plain; version=0.0.4", answer.headers["content-type"])
      local samples, text = {}, answer.body
      for line in text:gmatch "[^\n]+" do
        local name, value = line:match "^([%w_]+{.*}) (%S+)$"
        assert.is_true(name ~= nil or line:find "^# %u%u%u%u " ~= nil, line)
        if name then samples[name] = tonumber(value) end
      end
      return samples, text
    end

    it("count what all workers do, over a reload, and show it as Prometheus reads it", function()
      start_site("examples/metrics.conf", { { '{ require "metrics" }', '{ require "metrics" ' .. READY .. " }" } })
      assert.equal("", (get(site.base .. "metrics").body:gsub("%s", "")))
      for _ = 1, 20 do assert.equal(200, get(site.url).status) end
      server:misbehave { operation = "describeInstances", status = 503, headers = { ["retry-after"] = "1" } }
      assert.equal(200, get(site.url).status)
      server:misbehave { operation = "describeInstances", status = 403 }
      assert.equal(502, get(site.url).status)
      local operation = 'service="vm",operation="describeInstances",kind='
      local function check(samples)
        assert.equal(21, samples["jdcloud_calls_total{" .. operation .. '"ok"}'])
        assert.equal(1, samples["jdcloud_calls_total{" .. operation .. '"denied"}'])
        assert.equal(21, samples['jdcloud_attempts_total{service="vm",status="200"}'])
        assert.equal(1, samples['jdcloud_attempts_total{service="vm",status="503"}'])
        assert.equal(23, samples['jdcloud_attempt_seconds_count{service="vm"}'])
        assert.equal(23, samples['jdcloud_attempt_seconds_bucket{service="vm",le="+Inf"}'])
        assert.equal(1, samples['jdcloud_waits_total{service="vm",why="backoff"}'])
      end
      check(scrape())
      shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(shell.quote(site.dir)))
      eventually(function() return shell.read(site.dir .. "/error.log"):find("exited with code 0", 1, true) end)
      local samples, text = scrape()
      check(samples)
      -- Buckets in their order, none below the one before.
      local last = 0
      for count in text:gmatch 'seconds_bucket{service="vm",le="[^"]+"} (%d+)' do
        assert.is_true(tonumber(count) >= last)
        last = tonumber(count)
      end
      assert.truthy(text:find("# TYPE jdcloud_attempt_seconds histogram", 1, true))
      assert.truthy(text:find("# TYPE jdcloud_calls_total counter", 1, true))
    end)
  end)

  describe("my_instances", function()
    local INTERVAL = 0.2

    local function start(variables)
      start_site("examples/nginx.conf", {
        { "interval = 60 } }", ("interval = %s } %s }"):format(INTERVAL, READY) },
      }, variables)
    end

    -- Asks until the answer is as wanted. -> the answer, with `list` or `error`
    local function served(wanted)
      return eventually(function()
        local answer = get(site.url)
        assert.equal("application/json", answer.headers["content-type"])
        local value = assert(json.decode(answer.body))
        if answer.status == 200 then answer.list = value else answer.error = value.error end
        local failure = answer.headers["x-refresh-failed"]
        answer.failure = failure and json.decode(failure)
        return wanted(answer) and answer
      end)
    end

    local function has(n)
      return function(answer) return answer.list and #answer.list == n and not answer.failure end
    end

    local function failed(kind)
      return function(answer)
        local failure = answer.failure or answer.error
        return failure and failure.kind == kind
      end
    end

    it("serves what a timer of one worker fetches, and goes on doing so through failures and reloads", function()
      start()
      local wanted = ids "cn-north-1"
      local answer = served(has(#wanted))
      assert.is_true(tonumber(answer.headers.age) >= 0)
      assert.same({ wanted[1], "running", "cn-north-1a" },
        { answer.list[1].id, answer.list[1].status, answer.list[1].zone })

      local before, began = #server:log(), core.now()
      eventually(function() return #server:log() >= before + 6 end)
      assert.is_true(core.now() - began >= 4 * INTERVAL, "more than one worker asks")

      assert(cloud.vm:deleteInstance { instanceId = wanted[1] })
      served(has(#wanted - 1))

      server:misbehave { operation = "describeInstances", status = 503, times = "all" }
      answer = served(function(now) return failed "server"(now) and tonumber(now.headers.age) >= 1 end)
      assert.equal(#wanted - 1, #answer.list)
      assert.is_string(answer.failure.request_id)
      shell.run(("kill -HUP $(cat %s/nginx.pid)"):format(shell.quote(site.dir)))
      eventually(function() return shell.read(site.dir .. "/error.log"):find("exited with code 0", 1, true) end)
      answer = served(failed "server")
      assert.equal(#wanted - 1, #answer.list)

      server:set { account = false }
      server:reset()
      answer = served(has(0))
      assert.equal("[]\n", answer.body)
    end)

    it("survives the end of the service", function()
      local endpoint = assert(gateway.start { account = true })
      start { JDCLOUD_ENDPOINT = endpoint.http }
      local before = served(function(answer) return answer.list end)
      endpoint:stop()
      local answer = served(failed "network")
      assert.same(before.list, answer.list)
      assert.is_nil(answer.failure.request_id)
    end)

    it("says as JSON why it has nothing, and keeps its secret", function()
      start { JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY-wrong" }
      local answer = served(failed "auth")
      assert.same({ 503, "5" }, { answer.status, answer.headers["retry-after"] })
      assert.is_string(answer.error.request_id)
      local log = shell.read(site.dir .. "/error.log")
      assert.truthy(log:find(answer.error.request_id, 1, true), log)
      assert.is_nil((log .. answer.body):find("CANARY", 1, true))
      host.stop(site.dir)

      start { JDCLOUD_ACCESS_KEY_ID = "", JDCLOUD_SECRET_ACCESS_KEY = "" }
      assert.same({ kind = "config" }, served(failed "config").error)
    end)
  end)
end)
