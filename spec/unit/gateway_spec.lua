-- gateway_spec.lua - the local gateway as a pure function: what it reads, whom it lets in, what it answers, how it
-- misbehaves.

local canonical = require "jdcloud.gateway.canonical"
local core = require "jdcloud.core"
local gateway = require "jdcloud.gateway"
local json = require "jdcloud.json"
local signed = require "support.signed"
local verify = require "jdcloud.gateway.verify"

local NOW = 1706745599 -- 2024-01-31T23:59:59Z
local INSTANCES = "/v1/regions/cn-north-1/instances"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- A gateway on a clock that stands still until it is moved, and a caller of it.
local function new(options)
  options = options or {}
  options.clock = options.clock or function() return NOW end
  options.seed = 7
  return gateway.new(options)
end

local function ask(g, method, target, body, changes)
  local r = { method = method, target = target, at = g:now(), body = body and json.encode(body) }
  for name, value in pairs(changes or {}) do r[name] = value end
  local answer = g:answer(signed.request(r))
  local envelope = answer.body ~= "" and json.decode(answer.body) or {}
  return envelope.result, envelope.error, answer, envelope
end

local function without_header(request, name)
  for i, header in ipairs(request.headers) do
    if header[1] == name then table.remove(request.headers, i) end
  end
  return request
end

local function with_authorization(request, pattern, replacement)
  for _, header in ipairs(request.headers) do
    if header[1] == "authorization" then header[2] = header[2]:gsub(pattern, replacement) end
  end
  return request
end

local function spec(changes)
  local fields = { name = "web", az = "cn-north-1a", charge = { chargeMode = "postpaid_by_duration" } }
  for name, value in pairs(changes or {}) do fields[name] = value end
  return fields
end

local function create(g, changes, extra)
  local body = { instanceSpec = spec(changes) }
  for name, value in pairs(extra or {}) do body[name] = value end
  local result, failure = ask(g, "POST", INSTANCES, body)
  return result and result.instanceIds, failure
end

local function status_of(g, id)
  local result, failure = ask(g, "GET", INSTANCES .. "/" .. id)
  return result and result.instance.status or failure.status
end

describe("the gateway's reading of a request", function()
  local function arrived(v, target)
    local headers = { { "Host", v.host }, { "x-jdcloud-date", v.date }, { "x-jdcloud-nonce", v.nonce },
      { "Authorization", v.authorization } }
    local has_type = false
    for name, value in pairs(v.headers) do
      headers[#headers + 1] = { name, value }
      has_type = has_type or name:lower() == "content-type"
    end
    if not has_type then headers[#headers + 1] = { "Content-Type", "application/json" } end
    return { method = v.method, target = target, headers = headers, body = v.body }
  end

  local vectors = assert(json.decode(read("spec/vectors/sign.json")))

  it("has all vectors", function()
    assert.is_true(#vectors >= 104)
  end)

  for _, v in ipairs(vectors) do
    it(("agrees with the vector %q, version %d"):format(v.name, v.version), function()
      local found = assert(verify.parse(v.authorization))
      for _, target in ipairs { v.target, v.path .. (v.query ~= "" and "?" .. v.query or "") } do
        local request = arrived(v, target)
        local text = canonical.request(request, found.signed)
        assert.equal(v.canonical_request, text)
        text = canonical.string_to_sign(found.algorithm, v.date, found.scope, text)
        assert.equal(v.string_to_sign, text)
        assert.equal(v.signature, canonical.signature(found.prefix, v.secret_key, found.scope, text))
      end
    end)

    it(("lets the vector %q, version %d, in"):format(v.name, v.version), function()
      local g = gateway.new {
        access_keys = { [v.access_key] = { secret = v.secret_key } },
        clock = function() return core.parse_date(v.date) end,
      }
      local status = g:answer(arrived(v, v.target)).status
      assert.is_true(status ~= 401 and status ~= 403)
      local changed = arrived(v, v.target)
      changed.body = (changed.body or "") .. " "
      changed.headers[3][2] = "another-nonce"
      assert.equal(401, g:answer(changed).status)
    end)
  end

  it("takes a raw plus for a space and a broken escape for itself", function()
    assert.equal("/a%20b/%25zz%252", canonical.path("/a+b/%zz%2"))
    assert.equal("a=%25&b=1%3D2", canonical.query("/?b=1=2&=x&a=%"))
  end)

  it("joins several values of one header with commas", function()
    assert.equal("a,b", canonical.headers({ { "X-A", " a " }, { "x-a", "b\t" } })["x-a"])
  end)
end)

describe("authentication", function()
  local function refused(changes, alter)
    local g = new(changes and changes.options)
    local r = { method = "GET", target = INSTANCES, at = NOW }
    for name, value in pairs(changes or {}) do r[name] = value end
    local answer = g:answer(alter and alter(signed.request(r)) or signed.request(r))
    return answer.status, json.decode(answer.body).error
  end

  local rows = {
    { "an unsigned request", 401, "ACCESS_ERROR", "lack of header authorization[gw]", nil,
      function(r) return without_header(r, "authorization") end },
    { "another scheme", 401, "ACCESS_ERROR", "Invalid authentication credentials [gw]", nil,
      function(r) return with_authorization(r, "^JDCLOUD2", "AWS4") end },
    { "no credential", 401, "ACCESS_ERROR", "lack of credential in the header authorization [gw]", nil,
      function(r) return with_authorization(r, "Credential=[^,]*, ", "") end },
    { "a credential with blanks in it", 401, "ACCESS_ERROR", "lack of credential in the header authorization [gw]", nil,
      function(r) return with_authorization(r, "cn%-north%-1", "cn-north-1 ") end },
    { "no signed headers", 401, "ACCESS_ERROR", "lack of header signedHeaders [gw]", nil,
      function(r) return with_authorization(r, "SignedHeaders=[^,]*, ", "") end },
    { "no date", 401, "ACCESS_ERROR", "lack of header x-jdcloud-date [gw]", nil,
      function(r) return without_header(r, "x-jdcloud-date") end },
    { "no nonce", 401, "ACCESS_ERROR", "lack of header x-jdcloud-nonce [gw]", nil,
      function(r) return without_header(r, "x-jdcloud-nonce") end },
    { "an unknown access key", 401, "ACCESS_ERROR", "Invalid accessKey [gw]", { access_key = "AKUNKNOWN" } },
    { "a disabled access key", 401, "ACCESS_ERROR", "Invalid accessKey [gw]", { access_key = "AKOFF", secret_key = "s",
      options = { access_keys = { AKOFF = { secret = "s", disabled = true } } } } },
    { "a wrong secret", 401, "ACCESS_ERROR", "sign result is not same [gw]", { secret_key = "wrong" } },
    { "a signed header that is not there", 401, "ACCESS_ERROR", "sign result is not same [gw]", nil,
      function(r) return without_header(r, "content-type") end },
    { "no signature", 401, "ACCESS_ERROR", "sign result is not same [gw]", nil,
      function(r) return with_authorization(r, ", Signature=.*", "") end },
    { "the prefix of one version with the end of the other", 401, "ACCESS_ERROR", "sign result is not same [gw]", nil,
      function(r) return with_authorization(r, "jdcloud2_request", "jdcloud3_request") end },
    { "the day of another date", 401, "ACCESS_ERROR", "sign result is not same [gw]", nil,
      function(r) return with_authorization(r, "/20240131/", "/20240130/") end },
    { "a clock 16 minutes fast", 401, "ACCESS_ERROR", "Invalid authentication credentials [gw]", { at = NOW + 960 } },
    { "a clock 16 minutes slow", 401, "ACCESS_ERROR", "Invalid authentication credentials [gw]", { at = NOW - 960 } },
    { "a target that is too long", 414, "HTTP_URI_TOO_LONG", "URI too long [gw]",
      { target = INSTANCES .. "?x=" .. ("a"):rep(8200) } },
  }

  for _, row in ipairs(rows) do
    it("refuses " .. row[1], function()
      local http, failure = refused(row[5], row[6])
      assert.same({ row[2], row[2], row[3], row[4] }, { http, failure.code, failure.status, failure.message })
    end)
  end

  it("takes both versions and a clock that is a little off", function()
    local g = new()
    for _, changes in ipairs { { version = 2 }, { version = 3 }, { at = NOW - 800 }, { at = NOW + 800 } } do
      assert.is_table((ask(g, "GET", INSTANCES, nil, changes)))
    end
  end)

  it("refuses a nonce that came before, for as long as its date could be taken", function()
    local g = new()
    assert.is_table((ask(g, "GET", INSTANCES, nil, { nonce = "n" })))
    for _ = 1, 3 do
      g:advance(599)
      local _, failure, answer = ask(g, "GET", INSTANCES, nil, { nonce = "n" })
      assert.equal(403, answer.status)
      assert.same({ code = 403, status = "HTTP_FORBIDDEN", message = "please use different noncestr [gw]" }, failure)
    end
    g:advance(3600)
    assert.is_table((ask(g, "GET", INSTANCES, nil, { nonce = "n" })))
  end)

  it("keeps the nonces of two access keys apart", function()
    local g = new { access_keys = { A = { secret = "a" }, B = { secret = "b" } } }
    assert.is_table((ask(g, "GET", INSTANCES, nil, { nonce = "n", access_key = "A", secret_key = "a" })))
    assert.is_table((ask(g, "GET", INSTANCES, nil, { nonce = "n", access_key = "B", secret_key = "b" })))
  end)

  it("says which operation a key may not do", function()
    local g = new { access_keys = { A = { secret = "a", denied = { "vm:deleteInstance" } } } }
    local _, failure, answer = ask(g, "DELETE", INSTANCES .. "/i-1", nil, { access_key = "A", secret_key = "a" })
    assert.equal(403, answer.status)
    assert.equal("You are not authorized to perform (vm:deleteInstance) on resource (*) [IAM] [gw]", failure.message)
    assert.same({ { param0 = "*", param1 = "vm:deleteInstance" } }, failure.details)
  end)

  it("follows a key that is disabled and enabled while it runs", function()
    local g = new()
    g:key(gateway.example.access_key, { disabled = true })
    local _, failure = ask(g, "GET", INSTANCES)
    assert.equal("Invalid accessKey [gw]", failure.message)
    g:key(gateway.example.access_key, { disabled = false })
    assert.is_table((ask(g, "GET", INSTANCES)))
  end)
end)

describe("the envelope", function()
  it("has ids, limits, date and type around a result", function()
    local _, _, answer, envelope = ask(new(), "GET", INSTANCES)
    assert.is_truthy(envelope.requestId:find("^[0-9a-z]+$"))
    assert.equal(32, #envelope.requestId)
    assert.equal(envelope.requestId, answer.headers["x-jdcloud-request-id"])
    assert.equal("application/json; charset=utf-8", answer.headers["content-type"])
    assert.equal("1000", answer.headers["x-jdcloud-limit-minute"])
    assert.equal("999", answer.headers["x-jdcloud-remaining-minute"])
    assert.equal("Wed, 31 Jan 2024 23:59:59 GMT", answer.headers.date)
    assert.equal(NOW, core.parse_http_date(answer.headers.date))
  end)

  it("is the same for the same seed and never has one id twice", function()
    local ids, a, b = {}, new(), new()
    for _ = 1, 1000 do
      local id = a:answer({ method = "GET", target = "/", headers = {} }).headers["x-jdcloud-request-id"]
      assert.equal(id, b:answer({ method = "GET", target = "/", headers = {} }).headers["x-jdcloud-request-id"])
      assert.is_nil(ids[id])
      ids[id] = true
    end
  end)

  it("has no body for a HEAD", function()
    local answer = new():answer { method = "HEAD", target = "/v1/regions", headers = {} }
    assert.same({ 401, "" }, { answer.status, answer.body })
  end)

  it("writes an empty list as a list", function()
    local _, _, answer = ask(new(), "GET", INSTANCES)
    assert.is_truthy(answer.body:find('"instances":[]', 1, true))
  end)
end)

describe("the limit", function()
  local function throttled(g)
    local _, failure, answer = ask(g, "GET", INSTANCES)
    return failure and failure.message, answer
  end

  it("refuses calls past it until the next window of the calendar", function()
    local g = new { limit = 2, window = 3, clock = function() return 1706745601 end } -- a second into its window
    assert.is_nil((throttled(g)))
    assert.is_nil((throttled(g)))
    local message, answer = throttled(g)
    assert.equal("minute rate limit exceeded, role:ak [gw]", message)
    assert.equal(429, answer.status)
    assert.is_nil(answer.headers["x-jdcloud-remaining-minute"]) -- it would be no minute
    assert.is_truthy(answer.body:find("HTTP_RATE_LIMIT_EXCEEDED", 1, true))
    g:advance(1.9)
    assert.is_truthy((throttled(g)))
    g:advance(0.2)
    assert.is_nil((throttled(g)))
  end)

  it("tells what is left of a minute", function()
    local g = new { limit = 1 }
    for _ = 1, 2 do
      local _, answer = throttled(g)
      assert.equal("1", answer.headers["x-jdcloud-limit-minute"])
      assert.equal("0", answer.headers["x-jdcloud-remaining-minute"])
    end
  end)

  it("counts each access key for itself", function()
    local g = new { limit = 1, access_keys = { A = { secret = "a" }, B = { secret = "b" } } }
    assert.is_table((ask(g, "GET", INSTANCES, nil, { access_key = "A", secret_key = "a" })))
    assert.is_table((ask(g, "GET", INSTANCES, nil, { access_key = "B", secret_key = "b" })))
    assert.is_nil((ask(g, "GET", INSTANCES, nil, { access_key = "A", secret_key = "a" })))
  end)

  it("may be lower for an operation", function()
    local g = new { operation_limits = { ["vm:describeInstances"] = 1 } }
    assert.is_nil((throttled(g)))
    assert.equal("minute rate limit exceeded, role:api [gw]", (throttled(g)))
    assert.is_table((ask(g, "GET", "/v1/regions/cn-north-1/quotas")))
  end)

  it("changes while it runs", function()
    local g = new()
    g:set { limit = 1 }
    assert.is_nil((throttled(g)))
    assert.is_truthy((throttled(g)))
    g:set { limit = 3 }
    assert.is_nil((throttled(g)))
  end)
end)

describe("routes and parameters", function()
  local function failure_of(...)
    local _, failure, answer = ask(new(), ...)
    return { answer.status, failure.status, failure.message }
  end

  it("take a verb in the path, encoded or raw", function()
    for _, colon in ipairs { ":", "%3A" } do
      local g = new()
      g:answer { method = "POST", target = INSTANCES .. "/i-1" .. colon .. "startInstance", headers = { { "Host",
        "vm.jdcloud-api.com" } } }
      assert.equal("vm:startInstance", g:log()[1].operation)
    end
  end)

  it("know the service by the host's first label, else by the credential", function()
    local g = new()
    for _, host in ipairs { "vm.jdcloud-api.com", "vm.jdcloud.test:8443", "127.0.0.1:9000", "localhost" } do
      assert.is_table((ask(g, "GET", INSTANCES, nil, { host = host })))
    end
    local disks = "/v1/regions/cn-north-1/disks"
    assert.is_table((ask(g, "GET", disks, nil, { host = "disk.jdcloud-api.com", service = "vm" })))
    assert.is_table((ask(g, "GET", disks, nil, { host = "127.0.0.1", service = "disk" })))
  end)

  it("know a service that answers on the host of another one by the credential", function()
    local g = new()
    ask(g, "POST", "/v1/customMetrics", "{}", { host = "monitor.jdcloud-api.com", service = "monitorcm" })
    assert.equal("monitorcm:putMetricData", g:log()[1].operation)
  end)

  it("say that there is no such path, method or service", function()
    local none = { 404, "NOT_FOUND", "no route and no API found with those values [gw]" }
    assert.same(none, failure_of("GET", "/v1/regions/cn-north-1/nothing"))
    assert.same(none, failure_of("PUT", INSTANCES))
    assert.same(none, failure_of("GET", "/v2/regions/cn-north-1/instances"))
    assert.same(none, failure_of("GET", INSTANCES, nil, { host = "127.0.0.1", service = "nosuch" }))
  end)

  local rows = {
    { "an unknown region", "regionId is not a region", "GET", "/v1/regions/cn-north-2/instances" },
    { "a missing parameter", "instanceSpec is required", "POST", INSTANCES, {} },
    { "a missing field", "instanceSpec.name is required", "POST", INSTANCES, { instanceSpec = { az = "any" } } },
    { "a text where a number belongs", "pageSize must be of type integer", "GET", INSTANCES .. "?pageSize=ten" },
    { "a number with a fraction", "maxCount must be of type integer", "POST", INSTANCES,
      { instanceSpec = spec(), maxCount = 1.5 } },
    { "a text where an object belongs", "instanceSpec must be an object", "POST", INSTANCES, { instanceSpec = "x" } },
    { "an object where a text belongs", "instanceSpec.name must be of type string", "POST", INSTANCES,
      { instanceSpec = spec { name = { a = 1 } } } },
    { "an object where a list belongs", "instanceSpec.keyNames must be a list", "POST", INSTANCES,
      { instanceSpec = spec { keyNames = { a = 1 } } } },
    { "a body that is a list", "the body is not a JSON object", "POST", INSTANCES, json.list { "x" } },
    { "a list whose index is no number", "filters must be a list", "GET", INSTANCES .. "?filters.nan=1" },
    { "a filter that is unknown", "filters.1.name is not a filter of this operation", "GET",
      INSTANCES .. "?filters.1.name=colour&filters.1.values.1=red" },
    { "a zone of another region", "instanceSpec.az is not a zone of this region", "POST", INSTANCES,
      { instanceSpec = spec { az = "cn-east-2a" } } },
    { "a page before the first", "pageNumber starts at 1", "GET", INSTANCES .. "?pageNumber=0" },
    { "a page of no size", "pageSize is 1 to 100", "GET", INSTANCES .. "?pageSize=0" },
    { "a page that is too large", "pageSize is 1 to 100", "GET", INSTANCES .. "?pageSize=101" },
    { "too many instances at once", "maxCount is 1 to 100", "POST", INSTANCES,
      { instanceSpec = spec(), maxCount = 101 } },
    { "more instances than any number", "maxCount is 1 to 100", "POST", INSTANCES,
      { instanceSpec = spec(), maxCount = "9223372036854775807" } },
    { "a page larger than any number", "pageSize is 1 to 100", "GET", INSTANCES .. "?pageSize=9223372036854775807" },
    { "a page before any number", "pageNumber starts at 1", "GET", INSTANCES .. "?pageNumber=-9223372036854775808" },
  }

  for _, row in ipairs(rows) do
    it("refuse " .. row[1], function()
      assert.same({ 400, "INVALID_ARGUMENT", row[2] }, failure_of(row[3], row[4], row[5]))
    end)
  end

  it("take an explicit null for an absent parameter", function()
    local body = { instanceSpec = spec { description = json.null }, clientToken = json.null, maxCount = json.null }
    assert.equal(1, #ask(new(), "POST", INSTANCES, body).instanceIds)
  end)

  it("answer operations without behaviour with the shape of their result", function()
    local result = ask(new(), "GET", "/v1/regions/cn-north-1/keypairs")
    assert.is_true(#result.keypairs > 0)
    assert.equal(#result.keypairs, result.totalCount)
    assert.is_string(result.keypairs[2].keyName)
    assert.is_not.equal(result.keypairs[1].keyName, result.keypairs[2].keyName)
  end)
end)

describe("instances", function()
  it("go from pending to running, stopped and gone", function()
    local g = new { ready_after = 10 }
    local id = create(g)[1]
    local path = INSTANCES .. "/" .. id
    assert.equal("pending", status_of(g, id))
    g:advance(9.5)
    assert.equal("pending", status_of(g, id))
    g:advance(1)
    assert.equal("running", status_of(g, id))
    assert.same({}, (ask(g, "POST", path .. "%3AstopInstance", {})))
    assert.equal("stopping", status_of(g, id))
    g:advance(10)
    assert.equal("stopped", status_of(g, id))
    assert.same({}, (ask(g, "POST", path .. "%3AstartInstance", {})))
    assert.equal("starting", status_of(g, id))
    g:advance(10)
    assert.same({}, (ask(g, "POST", path .. "%3ArebootInstance", {})))
    assert.equal("rebooting", status_of(g, id))
    g:advance(10)
    assert.same({}, (ask(g, "DELETE", path)))
    assert.equal("deleting", status_of(g, id))
    g:advance(10)
    local _, failure, answer = ask(g, "GET", path)
    assert.same({ 404, "NOT_FOUND" }, { answer.status, failure.status })
    assert.same({}, ask(g, "GET", INSTANCES).instances)
  end)

  it("refuse an action while they are busy with another", function()
    local g = new { ready_after = 10 }
    local id = create(g)[1]
    for _, action in ipairs { "startInstance", "stopInstance", "rebootInstance" } do
      local _, failure, answer = ask(g, "POST", INSTANCES .. "/" .. id .. "%3A" .. action, {})
      assert.same({ 400, "FAILED_PRECONDITION" }, { answer.status, failure.status })
    end
    local _, failure = ask(g, "DELETE", INSTANCES .. "/" .. id)
    assert.equal("FAILED_PRECONDITION", failure.status)
    assert.equal("pending", status_of(g, id))
  end)

  it("are created once for one clientToken", function()
    local g = new()
    local first = create(g, nil, { clientToken = "t", maxCount = 3 })
    assert.same(first, create(g, nil, { clientToken = "t", maxCount = 3 }))
    assert.are_not.same(first, create(g, nil, { clientToken = "u" }))
    assert.equal(4, ask(g, "GET", INSTANCES).totalCount)
  end)

  it("are numbered when several are created at once", function()
    local g = new()
    create(g, nil, { maxCount = 2 })
    local found = ask(g, "GET", INSTANCES).instances
    assert.same({ "web1", "web2" }, { found[1].instanceName, found[2].instanceName })
  end)

  it("belong to a region", function()
    local g = new()
    local id = create(g)[1]
    assert.equal(0, ask(g, "GET", "/v1/regions/cn-east-2/instances").totalCount)
    local _, failure = ask(g, "GET", "/v1/regions/cn-east-2/instances/" .. id)
    assert.equal("NOT_FOUND", failure.status)
  end)

  it("have a quota", function()
    local g = new { quota = 2 }
    create(g, nil, { maxCount = 2 })
    local _, failure = create(g)
    assert.same({ 429, "QUOTA_EXCEEDED" }, { failure.code, failure.status })
    local quotas = ask(g, "GET", "/v1/regions/cn-north-1/quotas").quotas
    assert.same({ { resourceType = "instance", limit = 2, used = 2 } }, quotas)
  end)

  it("carry what they cost and until when it is paid", function()
    local rows = {
      { { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1 }, "2024-02-29T23:59:59Z" },
      { { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 3 }, "2024-04-30T23:59:59Z" },
      { { chargeMode = "prepaid_by_duration", chargeUnit = "year", chargeDuration = 2 }, "2026-01-31T23:59:59Z" },
      { { chargeMode = "postpaid_by_usage" }, "" },
    }
    for _, row in ipairs(rows) do
      local g = new()
      create(g, { charge = row[1] })
      local charge = ask(g, "GET", INSTANCES).instances[1].charge
      assert.same({
        chargeMode = row[1].chargeMode, chargeStatus = "normal", chargeStartTime = "2024-01-31T23:59:59Z",
        chargeExpiredTime = row[2], chargeRetireTime = row[2],
      }, charge)
    end
  end)

  it("refuse a ChargeSpec that breaks the rules", function()
    local rows = {
      { chargeMode = "for_free" },
      { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 10 },
      { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = "9007199254740993" },
      { chargeMode = "prepaid_by_duration", chargeUnit = "week", chargeDuration = 1 },
      { chargeMode = "postpaid_by_usage", autoRenew = true },
    }
    for _, charge in ipairs(rows) do
      local ids, failure = create(new(), { charge = charge })
      assert.is_nil(ids)
      assert.equal("INVALID_ARGUMENT", failure.status)
      assert.is_truthy(failure.message:find("^instanceSpec%.charge%.%a+: "))
    end
  end)

  it("are charged by configuration where nothing is said, as the API has it", function()
    local g = new()
    assert.is_table((ask(g, "POST", INSTANCES, { instanceSpec = { name = "web", az = "cn-north-1b" } })))
    assert.equal("postpaid_by_duration", ask(g, "GET", INSTANCES).instances[1].charge.chargeMode)
  end)
end)

describe("lists of instances", function()
  local g

  local function names(query)
    local result = assert(ask(g, "GET", INSTANCES .. query))
    local found = {}
    for i, item in ipairs(result.instances) do found[i] = item.instanceName end
    return table.concat(found, " "), result.totalCount
  end

  before_each(function()
    g = new { ready_after = 1 }
    create(g, { name = "a", userTags = { { key = "team", value = "red" } } })
    create(g, { name = "b", az = "cn-north-1b" })
    create(g, { name = "ab" })
    g:advance(1)
    create(g, { name = "c" })
  end)

  it("have 20 on a page unless told otherwise", function()
    create(g, { name = "d" }, { maxCount = 20 })
    local _, total = names("")
    assert.equal(24, total)
    assert.equal(20, #ask(g, "GET", INSTANCES).instances)
  end)

  it("end with a short page, and pages past the end are empty", function()
    assert.same({ "a b ab", 4 }, { names("?pageNumber=1&pageSize=3") })
    assert.same({ "c", 4 }, { names("?pageNumber=2&pageSize=3") })
    assert.same({ "", 4 }, { names("?pageNumber=3&pageSize=3") })
    assert.same({ "a b ab c", 4 }, { names("?pageNumber=1&pageSize=4") })
    assert.same({ "", 4 }, { names("?pageNumber=2&pageSize=4") })
    for _, far in ipairs { "9007199254740993", "4611686018427387905", "9223372036854775807" } do
      assert.same({ "", 4 }, { names("?pageNumber=" .. far .. "&pageSize=4") })
    end
  end)

  local function filter(n, name, ...)
    local parts = { ("filters.%d.name=%s"):format(n, name) }
    for i, value in ipairs { ... } do parts[#parts + 1] = ("filters.%d.values.%d=%s"):format(n, i, value) end
    return table.concat(parts, "&")
  end

  it("are filtered by state, zone, name and id", function()
    assert.same({ "a b ab", 3 }, { names("?" .. filter(1, "status", "running")) })
    assert.same({ "a b ab c", 4 }, { names("?" .. filter(1, "status", "pending", "running")) })
    assert.same({ "b", 1 }, { names("?" .. filter(1, "az", "cn-north-1b")) })
    local id = ask(g, "GET", INSTANCES).instances[2].instanceId
    assert.same({ "b", 1 }, { names("?" .. filter(1, "instanceId", id)) })
    assert.same({ "", 0 }, { names("?" .. filter(1, "instanceId", "i-none")) })
  end)

  it("meet every filter and count after filtering", function()
    local both = filter(1, "status", "running") .. "&" .. filter(2, "az", "cn-north-1a")
    assert.same({ "ab", 2 }, { names("?" .. both .. "&pageNumber=2&pageSize=1") })
  end)

  it("know operators", function()
    local function by(operator)
      return "?filters.1.name=name&filters.1.operator=" .. operator .. "&filters.1.values.1=b"
    end
    assert.same({ "b ab", 2 }, { names(by "like") })
    assert.same({ "a ab c", 3 }, { names(by "ne") })
    local _, failure = ask(g, "GET", INSTANCES .. by "gt")
    assert.equal("INVALID_ARGUMENT", failure.status)
  end)

  it("are chosen by tags", function()
    assert.same({ "a", 1 }, { names("?tags.1.key=team&tags.1.values.1=red") })
    assert.same({ "", 0 }, { names("?tags.1.key=team&tags.1.values.1=blue") })
    assert.same({ "a", 1 }, { names("?tags.1.key=team") })
  end)

  it("tell states, and types with the zones of the region", function()
    local states = ask(g, "GET", "/v1/regions/cn-north-1/instanceStatus?" .. filter(1, "status", "pending"))
    assert.equal(1, states.totalCount)
    assert.equal("pending", states.instanceStatuses[1].status)
    local types = ask(g, "GET", "/v1/regions/cn-east-2/instanceTypes").instanceTypes
    assert.equal("cn-east-2b", types[1].state[2].az)
    assert.is_true(types[1].cpu >= 1)
  end)
end)

describe("misbehaviour", function()
  local function once(rule, ...)
    local g = new()
    g:misbehave(rule)
    local _, failure, answer = ask(g, "GET", INSTANCES)
    return failure, answer, g, ...
  end

  it("answers any status with the gateway's word for it", function()
    local failure, answer, g = once { status = 503 }
    assert.same({ 503, 503, "HTTP_SERVICE_UNAVAILABLE" }, { answer.status, failure.code, failure.status })
    assert.is_table((ask(g, "GET", INSTANCES)))
  end)

  it("answers with an error of its own, whose code may differ from the HTTP status", function()
    local failure, answer = once { status = 200, code = 500, error_status = "INTERNAL", message = "m", details =
      { { a = "b" } } }
    assert.equal(200, answer.status)
    assert.same({ code = 500, status = "INTERNAL", message = "m", details = { { a = "b" } } }, failure)
  end)

  it("answers with a proxy's page", function()
    local g = new()
    g:misbehave { status = 502, html = true, headers = { date = "Thu, 01 Jan 1970 00:00:00 GMT" } }
    local answer = g:answer(signed.request { method = "GET", target = INSTANCES, at = NOW })
    assert.equal(502, answer.status)
    assert.equal("text/html", answer.headers["content-type"])
    assert.is_nil(answer.headers["x-jdcloud-request-id"])
    assert.equal("Thu, 01 Jan 1970 00:00:00 GMT", answer.headers.date)
    assert.is_truthy(answer.body:find("<h1>502</h1>", 1, true))
  end)

  it("adds, changes and leaves out headers, and fills the body up", function()
    local failure, answer = once { headers = { ["retry-after"] = "2", via = false }, body_size = 5000 }
    assert.is_nil(failure)
    assert.same({ "2", 5000 }, { answer.headers["retry-after"], #answer.body })
    assert.is_nil(answer.headers.via)
  end)

  it("hits the requests that it is meant for", function()
    local g = new()
    g:misbehave { operation = "describeQuotas", status = 500 }
    g:misbehave { method = "GET", operation = "vm:describeInstances", nth = 2, times = 2, status = 504 }
    local seen = {}
    for i = 1, 4 do seen[i] = select(3, ask(g, "GET", INSTANCES)).status end
    assert.same({ 200, 504, 504, 200 }, seen)
    assert.equal(500, select(3, ask(g, "GET", "/v1/regions/cn-north-1/quotas")).status)
  end)

  it("may go on until it is reset", function()
    local g = new()
    g:misbehave { times = "all", status = 500 }
    for _ = 1, 5 do assert.equal(500, select(3, ask(g, "GET", INSTANCES)).status) end
    g:reset()
    assert.equal(200, select(3, ask(g, "GET", INSTANCES)).status)
  end)

  it("leaves refused calls alone unless it stands in front", function()
    for _, row in ipairs { { nil, 401 }, { true, 502 } } do
      local g = new()
      g:misbehave { status = 502, front = row[1] }
      assert.equal(row[2], select(3, ask(g, "GET", INSTANCES, nil, { secret_key = "wrong" })).status)
    end
  end)

  it("carries the operation out or not", function()
    local rows = {
      { { status = 500 }, 0 }, { { status = 500, executed = true }, 1 },
      { { close = "before" }, 1 }, { { close = "before", executed = false }, 0 },
    }
    for _, row in ipairs(rows) do
      local g = new()
      g:misbehave(row[1])
      create(g)
      assert.equal(row[2] == 1, g:log()[1].executed)
      assert.equal(row[2], ask(g, "GET", INSTANCES).totalCount)
    end
  end)

  it("hands to the server what only a server can do", function()
    local _, answer = once { delay = 1, cut = 10, stall = 5, close = "next", garbage = true }
    assert.same({ delay = 1, cut = 10, stall = 5, close = "next", garbage = true }, answer.fault)
    assert.is_nil(select(2, once { status = 500 }).fault)
  end)

  it("is refused at once where it is misspelt", function()
    local g = new()
    assert.has_error(function() g:misbehave { stauts = 500 } end)
    assert.has_error(function() g:misbehave { status = "500" } end)
    assert.has_error(function() g:misbehave { close = "soon" } end)
    assert.has_error(function() g:misbehave { times = "many" } end)
  end)

  local never = {
    { "of an operation that no service has", { operation = "describeInstnces", status = 500 },
      'did you mean "describeInstances"' },
    { "of an operation that the service hasn't", { operation = "vm:describeInstnces", status = 500 },
      'did you mean "describeInstances"' },
    { "of an operation with a dot", { operation = "vm.describeInstances", status = 500 }, '"vm:describeInstances"' },
    { "of a method that nothing has", { method = "get", status = 500 }, '"GET"' },
    { "that does nothing", {}, "do something" },
    { "that only has a text", { message = "m", operation = "describeInstances" }, "do something" },
    { "that comes no times", { status = 500, times = 0 }, "from 1" },
    { "that comes half a time", { status = 500, times = 0.5 }, "from 1" },
    { "before the first request", { status = 500, nth = 0 }, "from 1" },
    { "that is none", nil, "table" },
  }
  for i = 1, 10 do
    local row = never[i]
    it("is refused if it is one " .. row[1], function()
      local done, message = pcall(new().misbehave, new(), row[2])
      assert.is_false(done)
      assert.is_truthy(message:find(row[3], 1, true), message)
    end)
  end
end)

describe("the settings", function()
  local wrong = {
    { { windw = 3 }, 'no option windw; did you mean "window"?' }, { { limit = "5" }, "limit of a gateway: must be" },
    { { limit = 0 / 0 }, "limit of a gateway: must be" }, { { limit = 1.5 }, "limit of a gateway: must be" },
    { { window = 0 }, "window of a gateway: must be" }, { { skew = -1 }, "skew of a gateway: must be" },
    { { ready_after = math.huge }, "ready_after of a gateway: must be" },
    { { seed = "abc" }, "seed of a gateway: must be" }, { { seed = 0.5 }, "seed of a gateway: must be" },
    { { models = 5 }, "models of a gateway: must be" },
    { { account = "yes" }, "account of a gateway: must be a boolean" },
    { { clock = 5 }, "clock of a gateway: must be" },
    { { operation_limits = 5 }, "operation_limits of a gateway: must be" },
    { { operation_limits = { ["vm:describeInstnces"] = 5 } }, 'did you mean "describeInstances"' },
    { { operation_limits = { ["vm:describeInstances"] = "5" } }, "must be a whole number" },
    { { access_keys = 5 }, "access_keys of a gateway: must be" },
    { { access_keys = { A = { secrt = "CANARY" } } }, "secrt is no field" },
    { { access_keys = { A = {} } }, "secret is missing" }, { { access_keys = { A = 5 } }, "a table of secret" },
    { { access_keys = { A = { secret = "CANARY", denied = { "vm.deleteInstance" } } } }, '"vm:deleteInstance"' },
    { "CANARY", "must be a table" }, { false, "must be a table" },
  }

  local function refused(text, ...)
    local done, message = pcall(...)
    assert.is_false(done)
    assert.is_truthy(message:find(text, 1, true), message)
    assert.is_nil(message:find("CANARY", 1, true))
  end

  it("are checked when a gateway is made, without a value in what is said", function()
    for _, row in ipairs(wrong) do refused(row[2], gateway.new, row[1]) end
  end)

  it("are checked when they change", function()
    local g = new()
    refused("no setting access_keys", g.set, g, { access_keys = {} })
    refused("limit of a gateway: must be", g.set, g, { limit = "5" })
    refused("must be a table", g.set, g)
    refused("secret must be a string", g.key, g, "A", { secret = 5 })
    refused("a table of secret", g.key, g, "A")
    assert.same({ 1000, {} }, { g.limit, g.operation_limits })
  end)

  it("may be false", function()
    local g = new { behaviours = false }
    assert.is_false(g.behaviours)
  end)
end)

describe("the log", function()
  it("tells what arrived, and no secret, signature or token", function()
    local g = new()
    local request = signed.request { method = "GET", target = INSTANCES, at = NOW, nonce = "n-1",
      headers = { ["x-jdcloud-security-token"] = "canary-token" } }
    g:answer(request)
    assert.same({ { operation = "vm:describeInstances", method = "GET", nonce = "n-1", date = "20240131T235959Z",
      status = 200, executed = true, time = NOW } }, g:log())
    local text = json.encode(g:log())
    for _, header in ipairs(request.headers) do
      local signature = header[2]:match("Signature=(%x+)")
      if signature then assert.is_nil(text:find(signature, 1, true)) end
    end
    assert.is_nil(text:find("canary-token", 1, true))
    assert.is_nil(text:find(gateway.example.secret_key, 1, true))
  end)

  it("is bounded and empty after a reset", function()
    local g = new()
    for _ = 1, 20005 do g:answer { method = "GET", target = "/", headers = {} } end
    assert.is_true(#g:log() <= 20000)
    g:reset()
    assert.same({}, g:log())
  end)
end)

describe("the transport in the process", function()
  local function connect(g, options)
    return require "jdcloud.transport.gateway"(g, options or { virtual = true })
  end

  local function get(transport, g, changes)
    local r = { method = "GET", target = INSTANCES, url = "https://vm.jdcloud-api.com", at = g:now() }
    for name, value in pairs(changes or {}) do r[name] = value end
    return signed.send(transport, r)
  end

  it("gives answers", function()
    local g = new()
    local response = get(connect(g), g)
    assert.equal(200, response.status)
    assert.equal("1000", response.headers["x-jdcloud-limit-minute"])
    assert.equal(0, json.decode(response.body).result.totalCount)
  end)

  it("sleeps in no time where time is virtual, and its clock and the gateway's move", function()
    local g = new()
    local transport = connect(g)
    local now, wall = transport.clock()
    transport.sleep(3600)
    local later, later_wall = transport.clock()
    assert.is_true(math.abs(later - now - 3600) < 10)
    assert.equal(3600, later_wall - wall)
    assert.equal(NOW + 3600, g:now())
  end)

  it("sleeps for real where it is given how", function()
    local slept
    local transport = connect(new(), { sleep = function(seconds) slept = seconds end })
    transport.sleep(2)
    assert.equal(2, slept)
    assert.is_nil(transport.clock)
  end)

  local rows = {
    { "closed before the answer", { close = "before" }, "network" },
    { "cut at its first byte", { cut = 0 }, "network" },
    { "cut short", { cut = 40 }, "protocol" },
    { "that is not HTTP", { garbage = true }, "protocol" },
    { "that stalls", { stall = 40 }, "timeout" },
    { "that comes too late", { delay = 60 }, "timeout" },
    { "that is too large", { body_size = 2000000 }, "protocol" },
  }
  for _, row in ipairs(rows) do
    it("fails for an answer " .. row[1], function()
      local g = new()
      g:misbehave(row[2])
      local response, failure = get(connect(g), g)
      assert.is_nil(response)
      assert.same({ row[3], "receive", true }, { failure.kind, failure.phase, failure.sent })
      assert.is_string(failure.message)
    end)
  end

  it("waits for a late answer within the time it has", function()
    local g = new()
    g:misbehave { delay = 5 }
    assert.equal(200, get(connect(g), g).status)
    assert.equal(NOW + 5, g:now())
  end)

  it("closes a kept connection when the next request comes on it", function()
    local g = new()
    local transport = connect(g)
    g:misbehave { close = "next" }
    assert.equal(200, get(transport, g).status)
    local _, failure = get(transport, g)
    assert.equal("network", failure.kind)
    assert.equal(200, get(transport, g).status)
    assert.same({ 200, 0, 200 }, { g:log()[1].status, g:log()[2].status, g:log()[3].status })
  end)
end)
