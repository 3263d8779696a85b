-- Where keys and regions are found: the environment and the CLI's file, seen from a child process whose HOME is a
-- folder of the test's.

local child = require "support.child"

local SK = "SK-CANARY"
local folder

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

-- What a child that makes a cloud and prepares a call says: "AK region", or the error.
local function found(environment, options)
  local script = ([[
    local cloud, err = require("jdcloud.safe").new { %s }
    if not cloud then print(err.kind .. ": " .. err.message) return end
    local prepared, wrong = cloud.vm:prepare("describeInstances")
    if not prepared then print(wrong.kind .. ": " .. tostring(wrong)) return end
    local access, region = prepared.headers.authorization:match("Credential=([^/]+)/%%d+/([^/]+)/")
    print(access .. " " .. region .. (prepared.headers["x-jdcloud-security-token"] or ""))
  ]]):format(options or "")
  environment.HOME = environment.HOME or folder
  local result = child.run(script, environment)
  return ((result.out .. result.err):gsub("\n$", ""))
end

describe("keys and region", function()
  setup(function()
    folder = child.folder()
    os.execute("mkdir -p '" .. folder .. "/.jdc'")
  end)

  before_each(function()
    os.remove(folder .. "/.jdc/current")
    write(".jdc/config", [[
# a comment = with an equals sign
[default]
access_key = AKFILE
secret_key = SK-CANARY-file
region_id = cn-east-1
endpoint = evil.example
scheme = http

[other]
Access_Key: AKOTHER
secret_key: SK-CANARY-other
timeout = 20
[broken]
access_key = AKBROKEN
[odd region]
access_key = A
secret_key = SK-CANARY
region_id = cn north
]])
  end)

  teardown(function()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  for _, case in ipairs {
    { "come from the options", {},
      'access_key = "AK", secret_key = "SK-CANARY", region = "cn-south-1"', "AK cn-south-1" },
    { "come from the environment", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_REGION_ID = "cn-east-2" }, "", "AKE cn-east-2" },
    { "know the second pair of names", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_ACCESS_KEY_SECRET = SK },
      'region = "cn-east-2"', "AKE cn-east-2" },
    { "know the third pair of names", { JDCLOUD_ACCESS_KEY = "AKE", JDCLOUD_SECRET_KEY = SK },
      'region = "cn-east-2"', "AKE cn-east-2" },
    { "trim what was copied with blanks", {
      JDCLOUD_ACCESS_KEY_ID = " AKE\t", JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY \n" },
      'region = "cn-east-2"', "AKE cn-east-2" },
    { "trim the region too", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_REGION_ID = "cn-east-2\r\n" }, "", "AKE cn-east-2" },
    { "send a session token in base64", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_SESSION_TOKEN = "tok" }, 'region = "cn-east-2"', "AKE cn-east-2dG9r" },
    { "trim a session token before it is encoded", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_SESSION_TOKEN = " tok\n" }, 'region = "cn-east-2"', "AKE cn-east-2dG9r" },
    { "come from the CLI's file, and nothing else of it does", {}, "", "AKFILE cn-east-1" },
    { "come from the profile that an option names", {}, 'profile = "other", region = "cn-north-1"',
      "AKOTHER cn-north-1" },
    { "come from a named profile though the environment has keys", { JDCLOUD_ACCESS_KEY_ID = "AKE",
      JDCLOUD_SECRET_ACCESS_KEY = SK }, 'profile = "default"', "AKFILE cn-east-1" },
    { "come from the profile that the environment names", {
      JDCLOUD_PROFILE = "other", JDCLOUD_REGION_ID = "cn-south-1" }, "", "AKOTHER cn-south-1" },
    { "come from the environment before the file", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_REGION_ID = "cn-south-1" }, "", "AKE cn-south-1" },
  } do
    it(case[1], function()
      assert.are.equal(case[4], found(case[2], case[3]))
    end)
  end

  it("change together with the profile, unless the region was given", function()
    local function regions(options)
      return child.run(([[
        local cloud = require("jdcloud").new { %s }
        local other = cloud:with { profile = "east" }
        local back, none = other:with { profile = "default" }, cloud:with { profile = "other" }
        for _, each in ipairs { cloud, other, back, none } do print(each._view.options.region) end
      ]]):format(options), { HOME = folder }).out:gsub("%s+", " ")
    end
    local file = assert(io.open(folder .. "/.jdc/config", "ab"))
    file:write("[east]\naccess_key = AKEAST\nsecret_key = SK-CANARY\nregion_id = cn-east-2\n")
    file:close()
    assert.are.equal("cn-east-1 cn-east-2 cn-east-1 cn-east-1 ", (regions("")))
    assert.are.equal("cn-south-1 cn-south-1 cn-south-1 cn-south-1 ", (regions('region = "cn-south-1"')))
  end)

  it("come from the CLI's current profile", function()
    write(".jdc/current", "other\n")
    assert.are.equal("AKOTHER cn-north-1", found({}, 'region = "cn-north-1"'))
  end)

  for _, case in ipairs {
    { "half a pair of the environment", { JDCLOUD_ACCESS_KEY_ID = "AKE" }, "", "JDCLOUD_SECRET_ACCESS_KEY" },
    { "a control character in a key", { JDCLOUD_ACCESS_KEY_ID = "A\1K", JDCLOUD_SECRET_ACCESS_KEY = SK }, "",
      "access key" },
    { "a control character in a secret", {
      JDCLOUD_ACCESS_KEY_ID = "AK", JDCLOUD_SECRET_ACCESS_KEY = "SK-CANARY\1" }, "", "secret" },
    { "a control character in a session token", { JDCLOUD_ACCESS_KEY_ID = "AK", JDCLOUD_SECRET_ACCESS_KEY = SK,
      JDCLOUD_SESSION_TOKEN = "CANARY\1" }, "", "session token" },
    { "a profile that is not there", {}, 'profile = "nobody"', "[nobody]" },
    { "a profile without a secret", {}, 'profile = "broken"', "secret_key" },
    { "a region that is none", {}, 'profile = "odd region"', "region" },
    { "no keys anywhere, and says where it looked", { HOME = "/nonexistent" }, "", "/nonexistent/.jdc/config" },
    { "a named profile without a file", { HOME = "/nonexistent", JDCLOUD_ACCESS_KEY_ID = "AKE" }, 'profile = "p"',
      'the profile "p" needs the file /nonexistent/.jdc/config' },
    { "no region", { JDCLOUD_ACCESS_KEY_ID = "AKE", JDCLOUD_SECRET_ACCESS_KEY = SK }, "", "region" },
  } do
    it("reports " .. case[1], function()
      local said = found(case[2], case[3])
      assert.are.equal("config:", said:match("^%S+"))
      assert.truthy(said:find(case[4], 1, true))
      assert.is_nil(said:find("CANARY", 1, true))
    end)
  end
end)
