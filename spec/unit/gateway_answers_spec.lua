-- gateway_answers_spec.lua - the answers of operations without behaviour: plausible, the same for the same seed, quick.
-- That they have the types of the API facts is shown in every_answer_spec.lua.

local answers = require "jdcloud.gateway.answers"
local house = require "support.house"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local values = require "jdcloud.gateway.values"

local function operation(name)
  local service, op = name:match("^(.-):(.*)$")
  return assert(models.service(service):operation(op))
end

local function answer(name, params, seed)
  return answers.result(operation(name), params or {}, { seed = seed or 7, items = 3 })
end

-- Every operation's answer as text.
local function all(seed)
  local texts = {}
  for _, service in ipairs(models.services()) do
    local model = models.service(service)
    for _, name in ipairs(model:operations()) do
      local result = answers.result(model:operation(name), {}, { seed = seed, items = 3 })
      texts[#texts + 1] = assert(json.encode(result))
    end
  end
  return texts
end

describe("an answer", function()
  it("is quickly made, the same for the same seed and another for another, for every operation", function()
    local first, started = all(7), os.clock() -- the processor's time: the machine may be busy
    local second = all(7)
    local each = (os.clock() - started) / #first
    local other = all(8)
    assert.is_true(each < 0.0005, ("%.0f us"):format(each * 1e6)) -- ten times what it takes
    assert.equal(4836, #first)
    local same, results = 0, 0
    for i, text in ipairs(first) do
      assert.equal(text, second[i])
      if text ~= "{}" then
        results = results + 1
        same = same + (text == other[i] and 1 or 0)
      end
    end
    -- Few are so small that two seeds may agree: one boolean, a code.
    assert.is_true(results > 3500)
    assert.is_true(same < results / 10, same .. " of " .. results)
  end)

  it("is drawn from the same numbers on every Lua", function()
    local stream, made = values.stream("7/disk:describeDisk"), {}
    for i, name in ipairs { "diskId", "name", "createTime", "privateIp", "az", "domain" } do
      made[i] = values.value(stream, "string", name, { region = "cn-east-2" })
    end
    assert.equal(
      "vol-92c4a3ea40 edge-new-834 2024-09-04T13:08:48Z 10.45.90.20 cn-east-2b auth91.example.com",
      table.concat(made, " "))
  end)

  it("has what the request says, where it is the same thing", function()
    local disk = answer("disk:describeDisk", { regionId = "cn-east-2", diskId = "vol-x" }).disk
    assert.equal("vol-x", disk.diskId)
    assert.matches("^cn%-east%-2[ab]$", disk.az)
    local listed = answer("disk:describeSnapshots", { regionId = "cn-east-2", pageNumber = 1 })
    assert.equal(3, #listed.snapshots)
    assert.equal(3, listed.totalCount)
    assert.is_not.equal(listed.snapshots[1].snapshotId, listed.snapshots[2].snapshotId)
  end)

  it("never has a secret of the request", function()
    for _, service in ipairs { "rds", "redis", "vm", "iam", "mongodb" } do
      local model = models.service(service)
      for _, name in ipairs(model:operations()) do
        local op, params = model:operation(name), {}
        for _, p in ipairs(op.list) do
          if p.secret and p.type.kind == "string" then params[p.name] = "CANARY" end
        end
        local text = json.encode(answers.result(op, params, { seed = 7, items = 3 }))
        assert.is_nil(text:find("CANARY", 1, true))
      end
    end
  end)

  it("has times, ids and counts that look like some", function()
    local vpc = answer "vpc:describeVpcs"
    assert.equal(#vpc.vpcs, vpc.totalCount)
    assert.matches("^vpc%-%x+$", vpc.vpcs[1].vpcId)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", vpc.vpcs[1].createdTime)
    local charge = answer("disk:describeDisk").disk.charge
    assert.equal(charge.chargeMode == "prepaid_by_duration", charge.chargeExpiredTime ~= "")
  end)

  it("has integers beyond 2^53 now and then, written as such and read exactly", function()
    local found = 0
    for seed = 1, 20 do
      local cloud, g = house.open({}, { seed = seed })
      local ask, body = g.answer, nil
      function g.answer(...)
        local arrived = ask(...)
        body = arrived.body
        return arrived
      end
      local result = assert(cloud.audittrail:describeRuleEvents {})
      for digits in body:gmatch('"id":(%d+)') do
        if #digits > 16 then
          found = found + 1
          assert.is_truthy(json.encode(result):find(digits, 1, true))
        end
      end
      assert.is_nil(body:find("\\u0000", 1, true))
    end
    assert.is_true(found > 3)
  end)
end)
