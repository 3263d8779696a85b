-- The signing vectors through jdcloud.sign, and what it refuses (protocol.md 1).

local cjson = require "cjson"
local jdcloud = require "jdcloud.safe"

local function vectors()
  local file = assert(io.open("spec/vectors/sign.json", "rb"))
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

local function request_of(v)
  return {
    version = v.version, method = v.method, host = v.host, path = v.path, query = v.query, headers = v.headers,
    body = v.body, service = v.service, region = v.region, access_key = v.access_key, secret_key = v.secret_key,
    date = v.date, nonce = v.nonce,
  }
end

local function example(changes)
  local request = {
    method = "GET", host = "vm.jdcloud-api.com", path = "/v1/regions/cn-north-1/instances", service = "vm",
    region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SK-CANARY-sign",
  }
  for name, value in pairs(changes or {}) do request[name] = value end
  return request
end

describe("jdcloud.sign", function()
  local all = vectors()

  it("has all the vectors", function()
    assert.are.equal(104, #all)
  end)

  for _, v in ipairs(all) do
    it(("agrees with the vector: %s, version %d"):format(v.name, v.version), function()
      local signed = assert(jdcloud.sign(request_of(v)))
      assert.are.equal(v.canonical_request, signed.canonical_request)
      assert.are.equal(v.string_to_sign, signed.string_to_sign)
      assert.are.equal(v.authorization, signed.authorization)
      assert.are.equal(v.target, signed.target)
      assert.are.equal(v.authorization, signed.headers.authorization)
    end)
  end

  it("fills in date, nonce, version and content-type", function()
    local first, second = assert(jdcloud.sign(example())), assert(jdcloud.sign(example()))
    assert.truthy(first.date:match("^%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ$"))
    assert.are.equal(first.date, first.headers["x-jdcloud-date"])
    assert.are_not.equal(first.nonce, second.nonce)
    assert.truthy(first.authorization:match("^JDCLOUD2%-HMAC%-SHA256 Credential=AKEXAMPLE0001/"))
    assert.are.equal("application/json", first.headers["content-type"])
    assert.are.equal("vm.jdcloud-api.com", first.headers.host)
  end)

  it("signs the headers that the caller names, and no others", function()
    local signed = assert(jdcloud.sign(example {
      signed_headers = "Host;content-type", headers = { ["x-jdcloud-pin"] = "cGlu" },
    }))
    assert.truthy(signed.authorization:find("SignedHeaders=content-type;host,", 1, true))
    assert.are.equal("cGlu", signed.headers["x-jdcloud-pin"])
  end)

  it("leaves request id, trace id and user agent out of the signature", function()
    local signed = assert(jdcloud.sign(example {
      headers = {
        ["x-jdcloud-request-id"] = "r", ["x-jdcloud-trace-id"] = "t", ["User-Agent"] = "u", ["x-jdcloud-erp"] = "ZQ==",
      },
    }))
    assert.truthy(signed.authorization:find(
      "SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-erp;x-jdcloud-nonce,", 1, true))
  end)

  for _, case in ipairs {
    { "a date of another form", { date = "2024-01-31" } },
    { "a header with a line break", { headers = { ["x-jdcloud-pin"] = "a\r\nx: y" } } },
    { "a header name with a blank", { headers = { ["x y"] = "1" } } },
    { "a second host", { headers = { host = "other" } } },
    { "a host with a path", { host = "vm.jdcloud-api.com/x" } },
    { "a nonce with a blank", { nonce = "a b" } },
    { "a secret with a control character", { secret_key = "SK-CANARY\1" } },
    { "a region with a blank", { region = "cn north" } },
    { "an unknown signed header", { signed_headers = "host;x-other" } },
  } do
    it("refuses " .. case[1] .. " without repeating it", function()
      local signed, err = jdcloud.sign(example(case[2]))
      assert.is_nil(signed)
      assert.are.equal("invalid", err.kind)
      assert.is_nil(tostring(err):find("CANARY", 1, true))
    end)
  end

  it("says what is wrong", function()
    for _, case in ipairs {
      { { nonce = "a b" }, "nonce" }, { { nonce = ("n"):rep(129) }, "nonce" },
      { { path = "/" .. ("a"):rep(70000) }, "path" }, { { query = ("a&"):rep(5000) }, "query" },
      { { headers = { ["x-a"] = ("v"):rep(70000) } }, "headers" },
    } do
      local _, err = jdcloud.sign(example(case[1]))
      assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
    end
  end)

  it("raises at the caller's line for what is missing or unknown", function()
    local request = example()
    request.host = nil
    local ok, message = pcall(jdcloud.sign, request)
    assert.is_false(ok)
    assert.truthy(message:find('needs "host"', 1, true))
    ok, message = pcall(jdcloud.sign, example { metod = "GET" })
    assert.is_false(ok)
    assert.truthy(message:find('no option "metod"', 1, true))
    assert.truthy(message:find("method", 1, true))
  end)

  it("raises error objects from the raising module", function()
    local ok, err = pcall(require("jdcloud").sign, example { host = "a/b" })
    assert.is_false(ok)
    assert.is_true(jdcloud.is_error(err))
  end)
end)
