-- A call in the hands of its host (machine.lua): driven by hand it ends as one that drives itself, it is told the same
-- things, and the gateway sees the same; and what a host can do wrong.

local house = require "support.house"
local jdcloud = require "jdcloud"
local safe = require "jdcloud.safe"

local WHEN = 1800000000 -- Unix seconds at which every gateway here begins
local CHARGE = { chargeMode = "postpaid_by_usage" }

-- Drives a call to its end with a transport, as a host with a loop would.
local function drive(transport, call, err)
  if not call then return nil, err end
  while true do
    local step, what = call:next()
    if step == "done" then return call:result() end
    if step == "wait" then
      transport.sleep(what)
    else
      local response, failure = transport.send(what)
      if response then call:answered(response) else call:failed(failure) end
    end
  end
end

local WAYS = {
  ["by itself"] = function(cloud, _, service, operation, params, options)
    return cloud[service]:call(operation, params, options)
  end,
  ["by hand"] = function(cloud, transport, service, operation, params, options)
    return drive(transport, cloud[service]:begin(operation, params, options))
  end,
}

-- What two runs may differ in: fresh values, the time that the machine itself takes, and what is drawn by lot: how long
-- a back-off is, and so whether there is one.
local FRESH = { where = true, nonce = true, date = true, time = true, seconds = true, retry_after = true }
local DRAWN = { backoff = true, throttled = true, busy = true }

local function stripped(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do
    if not FRESH[key] then copy[key] = stripped(item) end
  end
  return copy
end

local function sure(events)
  local list = {}
  for _, event in ipairs(events) do
    if not DRAWN[event.why] then list[#list + 1] = stripped(event) end
  end
  return list
end

-- Runs a scenario one way. Returns everything that can be seen of it.
local function run(scenario, way)
  local notes = {}
  local options = scenario.options and scenario.options(notes) or {}
  local cloud, gateway, events = house.open(options, { seed = 7, clock = function() return WHEN end })
  local transport = cloud._view.connection.options.transport
  if scenario.send then
    local send = transport.send
    transport.send = function(request) return scenario.send(send, request, cloud, notes) end
  end
  if scenario.before then scenario.before(gateway, cloud) end
  local outcomes = {}
  for i, step in ipairs(scenario) do
    local result, more = way(cloud, transport, step[1] or "vm", step[2] or "describeInstances", step[3], step[4])
    outcomes[i] = { result = stripped(result), more = stripped(more), text = safe.is_error(more) and more.message }
  end
  return { outcomes = outcomes, events = sure(events), log = stripped(gateway:log()), notes = notes }
end

local function faults(...)
  local list = { ... }
  return function(gateway)
    for _, rule in ipairs(list) do gateway:misbehave(rule) end
  end
end

local function keys(more)
  local given = { access_key = house.access_key, secret_key = house.secret_key }
  for name, value in pairs(more or {}) do given[name] = value end
  return given
end

-- A limiter that grants after these waits, one after the other, and notes what it is asked and told.
local function limiter(waits)
  return function(notes)
    local asked = 0
    return { limiter = {
      reserve = function(names, n, _, latest, ticket)
        asked = asked + 1
        notes[#notes + 1] = { names[1], n, latest ~= nil, ticket or "none" }
        local wait = waits[asked] or 0
        if wait == "never" then return nil, nil end
        return wait, ticket or asked
      end,
      settle = function(ticket, _, outcome) notes[#notes + 1] = { "settle", ticket, outcome.outcome } end,
    } }
  end
end

local CREATE = { "vm", "createInstances", { instanceSpec = { az = "cn-north-1a", name = "x", charge = CHARGE } } }
local STOP = { "vm", "stopInstance", { instanceId = "i-none" } }

local SCENARIOS = {
  ["a read and a change"] = { {}, CREATE, { nil, nil, { pageSize = 10 } } },
  ["another service, and options of the call"] = {
    { "disk", "describeDisks", { pageNumber = 1 }, { region = "cn-east-2", timeout = 5, headers = { ["x-a"] = "b" } } },
  },
  ["an error of the service"] = { STOP, {} },
  ["an answer without a result"] = { before = faults { body = "" }, {} },
  ["what can't be sent"] = { { nil, nil, { pageSize = {} } }, { nil, "describeInstancez" }, {} },
  ["what the signer refuses"] = { { nil, nil, nil, { headers = { ["bad name"] = "x" } } }, {} },
  ["a read that fails and is repeated"] = { before = faults({ status = 503 }, { status = 502 }), {} },
  ["a read that goes on failing"] = { before = faults { status = 503, times = "all" }, {}, {} },
  ["a change that may have been executed"] = { before = faults { status = 500 }, STOP },
  ["a hint when to come again"] = { before = faults { status = 503, headers = { ["retry-after"] = "7" } }, {} },
  ["a throttled call"] = { -- without a hint it would wait for the turn of a clock that stands still here
    before = faults({ status = 429, headers = { ["retry-after"] = "7" }, times = 2 }), {}, {},
  },
  ["a call that stays throttled"] = {
    before = faults { status = 429, headers = { ["retry-after"] = "7" }, times = "all" },
    { nil, nil, nil, { max_wait = 10 } },
  },
  ["a quota"] = { before = faults { status = 429, error_status = "QUOTA_EXCEEDED" }, {} },
  ["a busy resource"] = { before = faults({ status = 400, error_status = "FAILED_PRECONDITION", times = 3 }),
    { nil, nil, nil, { busy_timeout = 60 } } },
  ["a lost answer"] = { before = faults { close = "before" }, {}, STOP },
  ["garbage"] = { before = faults { garbage = true }, {} },
  ["no answer in time"] = { before = faults { delay = 100 }, { nil, nil, nil, { timeout = 10 } }, {} },
  ["an answer that is too large"] = { before = faults { body_size = 4000 }, options = function()
    return { max_size = 2000 }
  end, {} },
  ["a refused nonce"] = {
    before = faults { front = true, status = 401, message = "please use different noncestr [gw]" }, STOP,
  },
  ["a clock that is wrong"] = { before = function(gateway, cloud)
    local clock = cloud._view.connection.options.transport.clock
    cloud._view.connection.options.transport.clock = function()
      local now, wall = clock()
      return now, wall - 3600
    end
    gateway:set { skew = 900 }
  end, {}, {} },
  ["the limit of this process"] = { options = function()
    return { limits = { ["vm.describeInstances"] = { 2, 10 } } }
  end, {}, {}, {} }, -- whether a fourth call waits depends on how long the others took
  ["the limit of this process, and no patience"] = { options = function()
    return { limits = { vm = { 1, 10 } }, max_wait = 1 }
  end, {}, {} },
  ["a limiter of the user's"] = { options = limiter { 0, 5, 0 }, {}, {} },
  ["a limiter that refuses"] = { options = limiter { "never", 0, 100000 }, {}, {},
    { nil, nil, nil, { max_wait = 3 } } },
  ["a limiter that is told of throttling"] = { before = faults { status = 429 }, options = limiter {}, {} },
  ["a limiter that is told what was not sent"] = { options = limiter {}, send = function(send, request, _, notes)
    if notes.failed then return send(request) end
    notes.failed = true
    return nil, { kind = "network", phase = "connect", sent = false, message = "refused" }
  end, STOP },
  ["a provider of keys"] = { options = function(notes)
    return { credentials = function(reason)
      notes[#notes + 1] = reason
      return keys { expires_at = WHEN + 400 }
    end }
  end, {}, {} },
  ["a provider whose first key is refused"] = { options = function(notes)
    return { credentials = function(reason)
      notes[#notes + 1] = reason
      return reason == "refused" and keys() or keys { secret_key = "SK-CANARY-old" }
    end }
  end, {} },
  ["a provider that fails"] = { options = function()
    return { credentials = function() return nil, "the vault is sealed" end }
  end, {} },
  ["a transport that says a word"] = { send = function() return nil, "boom" end, STOP },
  ["a transport that says nothing"] = { send = function() return nil end, STOP },
  ["a transport whose answer is none"] = { send = function() return { status = "200" } end, STOP },
  ["a host that can't be found"] = { options = function() return { region = "cn-nroth-1" } end, send = function()
    return nil, { kind = "network", phase = "resolve", sent = false, message = "no such host" }
  end, {} },
  ["a cloud that is closed under it"] = { send = function(send, request, cloud)
    cloud:close()
    return send(request)
  end, before = faults { status = 503 }, {}, {} },
  ["null kept"] = { options = function() return { keep_null = true } end,
    before = faults { body = '{"requestId":"r","result":{"instances":[],"totalCount":null}}' }, {} },
}

describe("a call driven by hand ends as one that drives itself:", function()
  local names = {}
  for name in pairs(SCENARIOS) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    it(name, function()
      local expected, got = run(SCENARIOS[name], WAYS["by itself"]), run(SCENARIOS[name], WAYS["by hand"])
      assert.same(expected.outcomes, got.outcomes)
      assert.same(expected.events, got.events)
      assert.same(expected.log, got.log)
      assert.same(expected.notes, got.notes)
    end)
  end
end)

describe("a call in the hands of its host", function()
  local ANSWER = { status = 200, headers = {}, body = '{"requestId":"r","result":{"totalCount":3}}' }

  local function open(options)
    local given = { region = "cn-north-1", access_key = "AK", secret_key = "SK-CANARY-machine" }
    for name, value in pairs(options or {}) do given[name] = value end
    return assert(safe.new(given))
  end

  local function misused(call, method, ...)
    local ok, message = pcall(call[method], call, ...)
    assert.is_false(ok)
    assert.is_string(message)
    assert.truthy(message:find("machine_spec.lua:%d+: call:" .. method) or message:find("call:" .. method), message)
  end

  it("gets requests as a transport does", function()
    local call = open():service("vm"):begin("describeInstances", { pageSize = 10 }, { timeout = 7 })
    local step, request = call:next()
    assert.equal("send", step)
    assert.equal("GET", request.method)
    assert.equal("https://vm.jdcloud-api.com/v1/regions/cn-north-1/instances?pageSize=10", request.url)
    assert.equal("authorization", request.headers[1][1])
    assert.is_nil(request.body)
    assert.is_true(request.timeout > 6 and request.timeout <= 7)
    assert.same({ 5, 60, 32 * 1024 * 1024 }, { request.connect_timeout, request.idle_timeout, request.max_size })
    call:answered(ANSWER)
    assert.equal("done", call:next())
    local result, meta = call:result()
    assert.equal(3, result.totalCount)
    assert.same({ "r", 200, 1 }, { meta.request_id, meta.http_status, meta.attempts })
    assert.equal(result, (call:result()))
  end)

  it("waits while its request is on the wire, and no longer than its time", function()
    local now = 100
    local cloud = open { transport = { send = print, clock = function() return now, WHEN + now end } }
    local call = cloud.vm:begin("describeInstances", nil, { timeout = 7 })
    assert.equal("send", (call:next()))
    now = 103
    assert.same({ "wait", 4, "answer" }, { call:next() })
    now = 107
    assert.equal("done", (call:next()))
    local _, err = call:result()
    assert.same({ "timeout", true, 1 }, { err.kind, err.sent, err.attempts })
    call:answered(ANSWER) -- late, and nobody's
    assert.equal(err, select(2, call:result()))
    misused(call, "answered", ANSWER)
  end)

  it("may be asked before its wait is over, and tells of a wait once", function()
    local now, waits = 100, 0
    local cloud = open {
      transport = { send = print, clock = function() return now, WHEN + now end },
      on_event = function(event) if event.event == "wait" then waits = waits + 1 end end,
    }
    local call = cloud.vm:begin("describeInstances")
    call:next()
    call:answered { status = 503, headers = { ["retry-after"] = "10" } }
    local _, first = call:next()
    now = now + 1
    local step, second, why = call:next()
    assert.same({ "wait", "backoff" }, { step, why })
    assert.is_true(math.abs(first - 1 - second) < 0.01)
    now = now + second
    assert.equal("send", (call:next()))
    assert.equal(1, waits)
  end)

  it("is cancelled before, while and after a request is on the wire", function()
    for before = 0, 2 do
      local call = open().vm:begin("stopInstance", { instanceId = "i-1" })
      if before > 0 then call:next() end
      if before > 1 then call:failed { kind = "network", sent = false, message = "refused" } end
      call:cancel()
      call:cancel()
      assert.equal("done", (call:next()))
      local result, err = call:result()
      assert.is_nil(result)
      assert.same({ "cancelled", before == 1 }, { err.kind, err.sent })
      call:cancel()
      if before == 1 then call:answered(ANSWER) end
      misused(call, "failed", "x")
    end
  end)

  it("gives its place to the next one only when it is over", function()
    local cloud = open()
    local a, b = cloud.vm:begin("describeInstances"), cloud.disk:begin("describeDisks")
    local _, first = a:next()
    local _, second = b:next()
    assert.truthy(first.url:find("vm.jdcloud-api.com", 1, true))
    assert.truthy(second.url:find("disk.jdcloud-api.com", 1, true))
    a:answered(ANSWER)
    a:next()
    local c = cloud.vm:begin("stopInstance", { instanceId = "i-1" })
    local _, third = c:next()
    assert.truthy(third.url:find("stopInstance", 1, true))
    b:answered { status = 404, headers = {}, body = '{"requestId":"q","error":{"code":404,"status":"NOT_FOUND"}}' }
    b:next()
    assert.equal("not_found", select(2, b:result()).kind)
    c:answered(ANSWER)
    c:next()
    assert.equal(3, c:result().totalCount)
    assert.equal(3, a:result().totalCount)
  end)

  it("that is dropped is garbage, whatever it was doing", function()
    local cloud = open { limits = { vm = { 1000, 60 } } }
    local seen = setmetatable({}, { __mode = "k" })
    for i = 1, 30 do
      local call = cloud.vm:begin("describeInstances")
      for _ = 1, i % 3 do call:next() end
      seen[call] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(seen))
    local call = cloud.vm:begin("describeInstances")
    assert.equal("send", (call:next()))
  end)

  it("says what a host does wrong", function()
    local call = open().vm:begin("describeInstances")
    misused(call, "answered", ANSWER)
    misused(call, "failed", "x")
    misused(call, "result")
    call:next()
    call:answered(ANSWER)
    misused(call, "answered", ANSWER)
    misused(call, "failed", "x")
    misused(call, "result")
    call:next()
    misused(call, "next")
    misused(call, "answered", ANSWER)
    for _, method in ipairs { "next", "answered", "failed", "cancel", "result" } do
      for _, this in ipairs { {}, "x", 5 } do
        local ok, message = pcall(call[method], this)
        assert.is_false(ok)
        assert.truthy(message:find("with a colon", 1, true))
      end
    end
    assert.is_false(pcall(function() open().vm:begin("describeInstances", 5) end))
    assert.is_false(pcall(function() open().vm:begin("describeInstances", {}, { timout = 1 }) end))
  end)

  it("needs no transport at all", function()
    local cloud = open { transport = "no_such_transport" }
    assert.equal("config", select(2, cloud.vm:describeInstances()).kind)
    assert.equal("send", (cloud.vm:begin("describeInstances"):next()))
    cloud:close()
    local call, err = cloud.vm:begin("describeInstances")
    assert.is_nil(call)
    assert.equal("closed", err.kind)
  end)

  it("raises at its beginning and in its result, if the interface does", function()
    local cloud = jdcloud.new { region = "cn-north-1", access_key = "AK", secret_key = "SK-CANARY-machine" }
    local ok, err = pcall(cloud.vm.begin, cloud.vm, "describeInstances", { pageSize = {} })
    assert.is_false(ok)
    assert.equal("invalid", err.kind)
    local call = cloud.vm:begin("stopInstance", { instanceId = "i-1" })
    call:next()
    call:failed "boom"
    assert.equal("done", (call:next()))
    ok, err = pcall(call.result, call)
    assert.is_false(ok)
    assert.equal("network", err.kind)
  end)

  it("has an error whose place is where it began", function()
    local call = open().vm:begin("stopInstance", { instanceId = "i-1" })
    local line = debug.getinfo(1, "l").currentline - 1
    call:next()
    call:failed "boom"
    call:next()
    assert.truthy(select(2, call:result()).where:find("machine_spec.lua:" .. line, 1, true))
  end)

  it("prints without what it is about", function()
    local call = open().vm:begin("createInstances", {
      instanceSpec = { az = "cn-north-1a", name = "x", password = "PASSWORD-CANARY", charge = CHARGE },
    })
    assert.equal("jdcloud.call (vm.createInstances, under way)", tostring(call))
    call:next()
    assert.equal("jdcloud.call (vm.createInstances, on the wire)", tostring(call))
    call:cancel()
    call:next()
    assert.equal("jdcloud.call (vm.createInstances, done)", tostring(call))
  end)

  it("is cancelled by <close>", function()
    local begun
    local chunk = assert(load("local make, keep = ... local call <close> = make() keep(call)"))
    chunk(function() return open().vm:begin("describeInstances") end, function(call) begun = call end)
    assert.equal("done", (begun:next()))
    assert.equal("cancelled", select(2, begun:result()).kind)
  end)
end)
