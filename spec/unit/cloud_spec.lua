-- A cloud end to end in one process, on virtual time: views, requests, errors, repetitions, limits.

local house = require "support.house"
local jdcloud = require "jdcloud"
local safe = require "jdcloud.safe"

local function spec_of(name)
  return { az = "cn-north-1a", name = name, instanceType = "g.n3.medium", charge = jdcloud.charge.postpaid_by_usage() }
end

-- f(...) raises the message with this file and a line.
local function assert_misuse(message, f, ...)
  local ok, raised = pcall(f, ...)
  assert.is_false(ok)
  local line, rest = tostring(raised):match("cloud_spec%.lua:(%d+): (.*)$")
  assert.truthy(line, raised)
  assert.are.equal(message, rest:sub(1, #message))
end

describe("a cloud", function()
  it("calls an operation by its name and returns result and meta", function()
    local cloud = house.open()
    local created, meta = cloud.vm:createInstances { maxCount = 2, instanceSpec = spec_of("web") }
    assert.are.equal(2, #created.instanceIds)
    assert.are.equal(200, meta.http_status)
    assert.are.equal(1, meta.attempts)
    assert.truthy(meta.request_id)
    local list = assert(cloud.vm:describeInstances { pageSize = 10 })
    assert.are.equal(2, list.totalCount)
    assert.are.equal("2", tostring(list.totalCount))
  end)

  it("returns an empty table, never nil, for an empty result", function()
    local cloud = house.open({}, { ready_after = 0 })
    local created = assert(cloud.vm:createInstances { instanceSpec = spec_of("web") })
    local result = cloud.vm:stopInstance { instanceId = created.instanceIds[1] }
    assert.are.same({}, result)
  end)

  it("raises what the safe interface returns", function()
    local cloud = house.open()
    local _, err = cloud.vm:describeInstance { instanceId = "i-gone" }
    assert.are.equal("not_found", err.kind)
    assert.are.equal("NOT_FOUND", err.status)
    assert.are.equal(404, err.code)
    assert.are.equal("vm", err.service)
    assert.are.equal("describeInstance", err.operation)
    assert.are.equal("cn-north-1", err.region)
    assert.truthy(err.request_id)
    assert.truthy(err.where:find("cloud_spec.lua:", 1, true))
    local raising = jdcloud.new {
      region = "cn-north-1", access_key = house.access_key, secret_key = house.secret_key,
      transport = {
        send = function() return nil, { kind = "network", phase = "connect", sent = false, message = "no" } end,
        sleep = function() end,
      },
    }
    local ok, raised = pcall(raising.vm.describeInstance, raising.vm, { instanceId = "i-gone" })
    assert.is_false(ok)
    assert.are.equal("network", raised.kind)
    assert.are.equal("connect", raised.phase)
    assert.are.equal(3, raised.attempts)
    local _, again = raising.safe.vm:describeInstance { instanceId = "i-gone" }
    assert.are.equal("network", again.kind)
  end)

  it("names services and operations that do not exist, with the nearest", function()
    local cloud = house.open()
    local service, err = cloud:service("wm")
    assert.is_nil(service)
    assert.are.equal("config", err.kind)
    assert.truthy(tostring(err):find('"vm"', 1, true))
    local raised = select(2, pcall(function() return cloud.wm end))
    assert.are.equal("config", raised.kind)
    local result, wrong = cloud.vm:descibeInstances {}
    assert.is_nil(result)
    assert.are.equal("invalid", wrong.kind)
    assert.are.equal(0, wrong.attempts)
    assert.truthy(tostring(wrong):find("describeInstances", 1, true))
  end)

  it("sends nothing if parameters are wrong, and says all that is", function()
    local cloud, gateway = house.open()
    local _, err = cloud.vm:createInstances {
      maxCont = 1, instanceSpec = { az = 5.5, charge = { chargeUnit = "month" } },
    }
    assert.are.equal("invalid", err.kind)
    assert.is_true(#err.problems >= 3)
    assert.are.equal(0, #gateway:log())
  end)

  it("asks for a region where an operation needs one", function()
    local cloud = house.open { region = nil }
    cloud._view.options.region = nil
    local _, err = cloud.vm:describeInstances {}
    assert.are.equal("config", err.kind)
    assert.truthy(cloud.vm:describeInstances({}, { region = "cn-east-2" }))
    assert.truthy(cloud.vm:describeInstances { regionId = "cn-east-2" })
  end)

  it("says which region was probably meant, once a call has failed", function()
    local cloud = house.open()
    local _, err = cloud.vm:describeInstances({}, { region = "cn-nort-1" })
    assert.are.equal("invalid", err.kind)
    assert.truthy(err.hint:find('"cn-north-1"', 1, true))
    _, err = cloud.vm:describeInstance({ instanceId = "i-gone" })
    assert.is_nil(err.hint and err.hint:find("region", 1, true))
  end)

  it("gives views that share state and differ in options", function()
    local cloud, gateway = house.open()
    local shanghai = assert(cloud:with { region = "cn-east-2" })
    assert.truthy(shanghai.vm:createInstances { instanceSpec = {
      az = "cn-east-2a", name = "x", instanceType = "g.n3.medium", charge = jdcloud.charge.postpaid_by_usage() } })
    assert.are.equal(0, cloud.vm:describeInstances().totalCount)
    assert.are.equal(1, shanghai.vm:describeInstances().totalCount)
    assert.are.equal(3, #gateway:log())
    assert.are.equal(cloud._view.shared, shanghai._view.shared)
    assert.are.equal(cloud._view.connection, shanghai._view.connection)
    assert.is_true(cloud:close())
    assert.is_true(cloud:close())
    local _, err = shanghai.vm:describeInstances()
    assert.are.equal("closed", err.kind)
  end)

  it("makes any call with request", function()
    local cloud = house.open()
    local result, meta = cloud:request {
      service = "vm", method = "get", path = "/regions/{regionId}/instances", version = "v1", query = { pageSize = 10 },
    }
    assert.are.equal(0, result.totalCount)
    assert.are.equal(200, meta.http_status)
    local created = assert(cloud:request {
      service = "vm", method = "POST", path = "/v1/regions/cn-north-1/instances",
      body = { instanceSpec = spec_of("raw"), clientToken = "t1" },
    })
    assert.are.equal(1, #created.instanceIds)
    local _, err = cloud:request { service = "vm", method = "GET", path = "/v1/instances/{instanceId}" }
    assert.are.equal("invalid", err.kind)
    assert_misuse('request: the request needs "path"', cloud.request, cloud, { service = "vm", method = "GET" })
    assert_misuse('request: no option "hedaers"; did you mean "headers"?', cloud.request, cloud,
      { service = "vm", method = "GET", path = "/", hedaers = {} })
  end)

  it("raises at the caller's line for parameters that are no table, in the safe interface too", function()
    local vm = house.open().vm
    local said = "vm.describeInstances: the parameters must be a table, not a string"
    assert_misuse(said, vm.describeInstances, vm, "x")
    for _, method in ipairs { "call", "prepare", "each", "pages", "all" } do
      assert_misuse(said, vm[method], vm, "describeInstances", "x")
    end
    assert_misuse("vm wait: the parameters must be a table, not a number", vm.wait, vm, "instance_running", 5)
  end)

  it("says what is wrong with a call in the program's text, at its line", function()
    local cloud = house.open()
    local vm = cloud.vm
    for _, name in ipairs { "call", "prepare", "describe", "each", "pages", "all", "wait", "poll", "begin" } do
      assert_misuse(name .. ": call it with a colon", function() return vm[name]("describeInstances", {}) end)
    end
    for _, name in ipairs { "operations", "waiters" } do
      assert_misuse(name .. ": call it with a colon", function() return vm[name]() end)
    end
    assert_misuse("with: call it with a colon", function() return cloud.with {} end)
    assert_misuse("service: call it with a colon", function() return cloud.service "vm" end)
    assert_misuse("new: call it with a dot", function() return jdcloud:new {} end)
    for _, name in ipairs { "call", "prepare", "each", "pages", "all" } do
      assert_misuse("vm: the operation must be a name, not a table", function()
        return vm[name](vm, {}, "describeInstances")
      end)
    end
    assert_misuse("vm: the operation must be a name, not a nil", function() return vm:describe() end)
    assert_misuse('new: no option "idempotent"; it is one of a call', jdcloud.new, { idempotent = true })
    assert_misuse('vm: no option "endpoint"; it is one of jdcloud.new', function()
      return vm:describeInstances({}, { endpoint = "x" })
    end)
    assert_misuse('new: the option "endpoint" must be a host', jdcloud.new, { endpoint = "https://a.example/path" })
    assert_misuse('jdcloud.charge has no "postpaid"', function() return jdcloud.charge.postpaid {} end)
    assert_misuse("list takes a table, not a string", jdcloud.list, "x")
  end)

  it("suggests a name that the mistyped one begins with before others", function()
    local _, err = house.open():service("vms")
    assert.truthy(err.message:find('did you mean "vm" or', 1, true), err.message)
  end)

  it("takes a list for no struct", function()
    local _, err = house.open().vm:createInstances { instanceSpec = { { az = "cn-north-1a" } } }
    assert.same({ { path = "instanceSpec", message = "must be a table with names, not a list" } }, err.problems)
  end)

  it("refuses limits of what is nearly a service or an operation, not of what may be one", function()
    local keys = { access_key = "AK", secret_key = "SK-CANARY" }
    local function new(limits)
      return safe.new { access_key = keys.access_key, secret_key = keys.secret_key, limits = limits }
    end
    assert_misuse('limits: "vmm" is not known; did you mean "vm"', new, { vmm = 5 })
    assert_misuse('limits: "vm.descrbeInstances" is not known; did you mean "describeInstances"', new,
      { ["vm.descrbeInstances"] = 5 })
    assert.truthy(new { ["quantumbrains.doIt"] = 5, vm = 5, ["censor.textResultsV2"] = { 20, 10 } })
  end)

  it("signs with its own keys, and prepares calls without sending them", function()
    local cloud, gateway = house.open()
    local signed = assert(cloud:sign { service = "vm", method = "GET", host = "vm.jdcloud-api.com", path = "/v1/x" })
    assert.truthy(signed.authorization:find("Credential=AKHOUSE/", 1, true))
    local prepared = assert(cloud.vm:prepare("describeInstances", { pageSize = 10 }))
    assert.are.equal("https://vm.jdcloud-api.com/v1/regions/cn-north-1/instances?pageSize=10", prepared.url)
    assert.are.equal(0, #gateway:log())
    local headers = {}
    for name, value in pairs(prepared.headers) do headers[#headers + 1] = { name, value } end
    local answer = gateway:answer { method = prepared.method, target = prepared.target, headers = headers }
    assert.are.equal(200, answer.status)
  end)

  it("sends the User-Agent of protocol 2 with the user's suffix", function()
    local cloud = house.open { user_agent = "nightly/1.2" }
    local prepared = assert(cloud.vm:prepare("describeInstances"))
    assert.truthy(prepared.headers["user-agent"]:match("^JdcloudSdkLua/[%d.]+ vm/[%d.]+ nightly/1%.2$"))
  end)

  it("sends the User-Agent of a call instead of its own, not beside it", function()
    local agents = {}
    local cloud = house.open { transport = { sleep = function() end, send = function(request)
      for _, header in ipairs(request.headers) do
        if header[1] == "user-agent" then agents[#agents + 1] = header[2] end
      end
      return { status = 200, headers = {}, body = '{"requestId":"r","result":{}}' }
    end } }
    local options = { headers = { ["User-Agent"] = "mine/1" } }
    assert(cloud.vm:describeInstances({}, options))
    assert.are.same({ "mine/1" }, agents)
    assert.are.equal("mine/1", assert(cloud.vm:prepare("describeInstances", {}, options)).headers["user-agent"])
  end)

  it("gives the numbers of an error as integers, and its details without null", function()
    local cloud = house.open { transport = { sleep = function() end, send = function()
      return { status = 404.0, headers = {}, body = [[{"requestId":"r","error":{"code":404,"status":"NOT_FOUND",
        "message":"no","details":[{"count":5,"extra":null}]}}]] }
    end } }
    local _, err = cloud.vm:describeInstance { instanceId = "i-1" }
    assert.are.equal("404 404 5", ("%s %s %s"):format(tostring(err.code), tostring(err.http_status),
      tostring(err.details[1].count)))
    assert.is_nil(err.details[1].extra)
  end)

  it("keeps nothing of a wrong operation's name", function()
    local vm = house.open().vm
    assert.is_function(vm.describeInstances)
    assert.is_function(vm.discribeInstances)
    assert.is_function(rawget(vm, "describeInstances"))
    assert.is_nil(rawget(vm, "discribeInstances"))
  end)

  it("keeps nothing of more services than a program has by itself", function()
    local cloud = house.open { transport = { send = function() return { status = 200, headers = {} } end } }
    for i = 1, 1000 do cloud:request { service = "s" .. i, method = "GET", path = "/v1/" } end
    local kept = 0
    for _, name in ipairs { "agents", "places", "raw_models" } do
      for _ in pairs(cloud._view[name]) do kept = kept + 1 end
    end
    assert.is_true(kept > 0 and kept <= 256)
  end)

  it("lets connections go with the last view that uses them, and closes those that are left", function()
    local cloud = house.open()
    local closed = 0
    local function transport() return { send = function() end, close = function() closed = closed + 1 end } end
    local kept = assert(cloud:with { transport = transport() })
    kept.vm:describeInstances()
    for _ = 1, 50 do assert(cloud:with { transport = transport() }) end
    collectgarbage()
    collectgarbage()
    local left = 0
    for _ in pairs(cloud._view.shared.connections) do left = left + 1 end
    assert.are.equal(2, left)
    cloud:close()
    assert.are.equal(1, closed)
  end)

  it("encodes security_token, pin and erp in base64 and signs them", function()
    local cloud, gateway = house.open { pin = "someone", erp = "erp1" }
    local prepared = assert(cloud.vm:prepare("describeInstances", {}, { security_token = "123456" }))
    assert.are.equal("c29tZW9uZQ==", prepared.headers["x-jdcloud-pin"])
    assert.are.equal("ZXJwMQ==", prepared.headers["x-jdcloud-erp"])
    assert.are.equal("MTIzNDU2", prepared.headers["x-jdcloud-security-token"])
    assert.truthy(prepared.headers.authorization:find(
      "x-jdcloud-erp;x-jdcloud-nonce;x-jdcloud-pin;x-jdcloud-security-token", 1, true))
    assert.truthy(cloud.vm:describeInstances())
    assert.are.equal(200, gateway:log()[1].status)
  end)

  it("fills in a clientToken once, and keeps it over the repetitions of a call", function()
    local cloud, gateway = house.open()
    gateway:misbehave { operation = "createInstances", status = 503, executed = true }
    local created, meta = cloud.vm:createInstances { instanceSpec = spec_of("once") }
    assert.are.equal(2, meta.attempts)
    assert.are.equal(1, #created.instanceIds)
    assert.are.equal(1, cloud.vm:describeInstances().totalCount)
  end)

  it("repeats a read that failed, with a new nonce, and not a write", function()
    local cloud, gateway, events = house.open({}, { ready_after = 0 })
    gateway:misbehave { operation = "describeInstances", status = 500, headers = { ["retry-after"] = "1" } }
    local _, meta = cloud.vm:describeInstances()
    assert.are.equal(2, meta.attempts)
    local log = gateway:log()
    assert.are_not.equal(log[1].nonce, log[2].nonce)
    assert.are.equal("backoff", house.only(events, "wait")[1].why)
    local created = assert(cloud.vm:createInstances { instanceSpec = spec_of("x") })
    gateway:misbehave { operation = "deleteInstance", status = 500 }
    local _, err = cloud.vm:deleteInstance { instanceId = created.instanceIds[1] }
    assert.are.equal("server", err.kind)
    assert.are.equal(1, err.attempts)
    assert.are.equal("unsafe", err.gave_up)
    gateway:misbehave { operation = "stopInstance", status = 500 }
    assert.truthy(cloud.vm:stopInstance({ instanceId = created.instanceIds[1] }, { idempotent = true }))
  end)

  it("comes through the rate limit, and gives up when max_wait is over", function()
    local cloud, gateway, events = house.open({}, { limit = 5, window = 3 })
    for _ = 1, 12 do assert(cloud.vm:describeInstances()) end
    local refused = 0
    for _, entry in ipairs(gateway:log()) do refused = refused + (entry.status == 429 and 1 or 0) end
    assert.is_true(refused >= 1)
    assert.is_true(#house.only(events, "wait") > 0)
    gateway:set { limit = 0 }
    local _, err = cloud.vm:describeInstances({}, { max_wait = 1 })
    assert.are.equal("throttled", err.kind)
    assert.is_true(err.retryable)
    assert.are.equal("max_wait", err.gave_up)
  end)

  it("keeps to limits that it is told", function()
    local cloud, gateway, events = house.open { limits = { vm = { 2, 10 } } }
    for _ = 1, 4 do assert(cloud.vm:describeInstances()) end
    assert.are.equal(4, #gateway:log())
    assert.are.equal("limit", house.only(events, "wait")[1].why)
    local _, err = cloud.vm:describeInstances({}, { max_wait = 0 })
    assert.are.equal("throttled", err.kind)
    assert.are.equal(0, err.attempts)
    assert.is_true(err.retry_after > 0)
  end)

  it("says which of the limits is wrong, and what it must be", function()
    local cloud, whole = house.open(), "a whole number of calls from 1 to 999999999"
    local calls, first = whole .. " a minute, or { calls, seconds }, not ", "{ calls, seconds }: the first is " .. whole
    local second = "{ calls, seconds }: the second is a number of seconds from 0.001 to 31 days"
    for _, row in ipairs {
      { 5, ' must be false, or a table like { vm = 500, ["censor.textResultsV2"] = { 20, 10 } }, not 5' },
      { { 5 }, ": the entry [1] must be named: the name of a service, or of service.operation" },
      { { describeInstances = 5 }, ': the name "describeInstances" must be the name of a service, or of ' ..
        'service.operation, as "vm" or "vm.describeInstances": services are written in small letters' },
      { { ["*"] = 5 }, ': the name "*" must be the name of a service, or of service.operation, as "vm" or ' ..
        '"vm.describeInstances": services are written in small letters' },
      { { ["vm."] = 5 }, ': the name "vm." must be the name of a service, or of service.operation' },
      { { [""] = 5 }, ': the name "" must be the name of a service, or of service.operation' },
      { { ["vm:deleteDisk"] = 5 }, ': the name "vm:deleteDisk" must be written with a dot, "vm.deleteDisk"' },
      { { vm = 0 }, calls .. "0" }, { { vm = -5 }, calls .. "-5" }, { { vm = 0.5 }, calls .. "0.5" },
      { { vm = 0 / 0 }, calls .. "NaN" }, { { vm = math.huge }, calls .. "inf" },
      { { vm = 1e9 }, calls .. "1000000000" },
      { { vm = "500" }, calls .. "a string" }, { { vm = true }, calls .. "a boolean" },
      { { vm = {} }, first .. ", and there is none" },
      { { vm = { 0.5, 10 } }, first .. ", not 0.5" },
      { { vm = { 5 } }, second .. ", and there is none" }, { { vm = { 5, 0 } }, second .. ", not 0" },
      { { vm = { 5, -1 } }, second .. ", not -1" }, { { vm = { 5, 0 / 0 } }, second .. ", not NaN" },
      { { vm = { 5, 1e9 } }, second .. ", not 1000000000" }, { { vm = { 5, "10" } }, second .. ", not a string" },
      { { vm = { 5, 10, 15 } }, "{ calls, seconds } without names or more, and it has [3]" },
      { { vm = { calls = 5 } }, '{ calls, seconds } without names or more, and it has "calls"' },
    } do
      local limits, expected = row[1], row[2]
      if not expected:find("^[: ]") then expected = ': the limit of "vm" must be ' .. expected end
      assert_misuse('with: the option "limits"' .. expected, cloud.with, cloud, { limits = limits })
    end
    local many = {}
    for i = 1, 300 do many["service-of-ours-" .. i] = 5 end
    local _, message = pcall(cloud.with, cloud, { limits = many })
    assert.matches('limits: "service%-of%-ours%-%d+": there are more limits than a cloud keeps$', message)
  end)

  it("refuses a limiter, a dictionary and keys that are something else, and says what was meant", function()
    local limiter = require "jdcloud.limiter"
    local assume_role, instance_role = jdcloud.credentials.assume_role, safe.credentials.instance_role
    for _, row in ipairs {
      { "limiter", {}, "a table with the functions reserve and settle: it has no reserve" },
      { "limiter", { reserve = print }, "a table with the functions reserve and settle: it has no settle" },
      { "limiter", limiter.redis, "what limiter.redis { eval = … } returns, for one, not the function" },
      { "shared", 5, "the name of a lua_shared_dict, or { dict = its name" },
      { "shared", { dict = "cloud", credentals = false }, 'it has no credentals; did you mean "credentials"?' },
      { "credentials", {}, "a function" },
      { "credentials", assume_role, "what jdcloud.credentials.assume_role returns: call it with its options" },
      { "credentials", instance_role, "what jdcloud.credentials.instance_role returns: call it with its options" },
    } do
      local _, message = pcall(jdcloud.new, { region = "cn-north-1", [row[1]] = row[2] })
      assert.truthy(tostring(message):find('new: the option "' .. row[1] .. '" must be ', 1, true), message)
      assert.truthy(message:find(row[3], 1, true), message)
    end
    for _, row in ipairs {
      { limiter.redis, nil, "limiter.redis: it needs a table of options, with eval" },
      { limiter.redis, { fallback = "fail" }, 'limiter.redis: it needs the option "eval"' },
      { limiter.redis, { evl = print }, 'limiter.redis: no option "evl"; did you mean "eval"?' },
      { limiter.redis, { eval = print, share = 2 }, 'limiter.redis: the option "share" must be a number from 0 to 1' },
      { limiter.redis, { eval = print, limits = { vm = 0 } }, 'limiter.redis: the option "limits": the limit of "vm"' },
      { assume_role, { rol = "jrn:x" }, 'assume_role: no option "rol"; did you mean "role"?' },
      { assume_role, { role = "jrn:x", duratoin = 1 }, 'no option "duratoin"; did you mean "duration"?' },
      { instance_role, { endpont = "x" }, 'instance_role: no option "endpont"; did you mean "endpoint"?' },
      { instance_role, { region = "x" }, 'instance_role: no option "region"; it is one of jdcloud.new, ' },
    } do
      local ok, message = pcall(row[1], row[2])
      assert.is_false(ok)
      assert.truthy(message:find(row[3], 1, true), message)
    end
  end)

  it("takes limits for all its views, and keeps them when a view is made without any", function()
    local cloud, _, events = house.open { limits = { vm = 500 } }
    assert(cloud:with { limits = { vm = { 1, 10 } } })
    assert(cloud:with { region = "cn-east-2" })
    for _ = 1, 2 do assert(cloud.vm:describeInstances()) end
    assert.are.equal("limit", house.only(events, "wait")[1].why)
  end)

  it("uses a limiter of the user's", function()
    local reserved, settled = {}, {}
    local waits = { 0.5, 0 }
    local cloud = house.open { limiter = {
      reserve = function(keys, n, _, _, ticket)
        reserved[#reserved + 1] = { keys[1], n, ticket }
        return table.remove(waits, 1) or 0, 7
      end,
      settle = function(ticket, _, outcome) settled[#settled + 1] = { ticket, outcome.outcome } end,
    } }
    assert(cloud.vm:describeInstances())
    assert.are.equal("AKHOUSE/vm", reserved[1][1])
    assert.are.equal(2, #reserved)
    assert.are.equal(7, reserved[2][3])
    assert.are.same({ { 7, "done" } }, settled)
  end)

  it("makes what is wrong with a limiter of the user's an error of the call", function()
    local returns = {}
    local cloud = house.open { limiter = { reserve = function() return returns() end, settle = function() end } }
    for expected, fn in pairs {
      ["reserve returned a ticket that is a string"] = function() return 0, "ticket" end,
      ["reserve returned a ticket that is no whole number from 1 to 2^53"] = function() return 0, 1.5 end,
      ["reserve returned a wait that is a string"] = function() return "0", 1 end,
      ["reserve returned a wait that is not a number"] = function() return 0 / 0, 1 end,
      ["reserve returned no wait, and a table where the moment belongs"] = function() return nil, {} end,
      ["reserve raised an error: out of order"] = function() error("out of order", 0) end,
      ["closed for today"] = function() return nil, nil, "closed for today" end,
      ["no such window"] = function() return nil, nil, { kind = "not_found", message = "no such window" } end,
    } do
      returns = fn
      local result, err = cloud.vm:describeInstances()
      assert.is_nil(result)
      assert.are.same({ "config", "limiter", 0, false }, { err.kind, err.gave_up, err.attempts, err.retryable })
      assert.truthy(err.message:find(expected, 1, true), err.message)
    end
  end)

  it("keeps the result of a call over whose end the limiter of the user's fails", function()
    local cloud, _, events = house.open { limiter = {
      reserve = function() return 0, 1 end, settle = function() error("out of order", 0) end,
    } }
    assert(cloud.vm:describeInstances())
    local told = house.only(events, "limiter")[1]
    assert.are.same({ "failed", "the limiter's settle raised an error: out of order" }, { told.state, told.message })
  end)

  it("learns the service's clock and repeats the call that was refused for it", function()
    local cloud, gateway = house.open()
    cloud._view.connection.transport = nil
    local transport = cloud._view.connection.options.transport
    local clock = transport.clock
    transport.clock = function()
      local now, wall = clock()
      return now, wall - 3600
    end
    local result, meta = cloud.vm:describeInstances()
    assert.truthy(result)
    assert.are.equal(2, meta.attempts)
    local _, again = cloud.vm:describeInstances()
    assert.are.equal(1, again.attempts)
    assert.are.equal(3, #gateway:log())
  end)

  it("keeps null only where it is asked to", function()
    local body = '{"requestId":"r","result":{"instances":null,"totalCount":9007199254740993,"extra":null}}'
    local cloud = house.open {
      transport = { send = function() return { status = 200, headers = {}, body = body } end, sleep = function() end },
    }
    local result = assert(cloud.vm:describeInstances())
    assert.are.same({}, result.instances)
    assert.is_nil(result.extra)
    assert.are.equal("9007199254740993", tostring(result.totalCount))
    local keeping = assert(cloud:with { keep_null = true })
    result = assert(keeping.vm:describeInstances())
    assert.are.equal(safe.null, result.extra)
  end)
end)
