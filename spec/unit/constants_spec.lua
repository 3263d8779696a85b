-- Regions, zones, charge specs and filters: what they are and where a slip is reported.

local charge = require "jdcloud.charge"
local enums = require "jdcloud.enums"
local filters = require "jdcloud.filters"

-- The message that fn raises, which must carry the line of this file that it was raised at.
local function raised(fn)
  local info = debug.getinfo(fn, "S")
  local ok, message = pcall(fn)
  assert.is_false(ok)
  local line, rest = message:match("constants_spec%.lua:(%d+): (.*)$")
  line = tonumber(line)
  assert.is_true(line ~= nil and line >= info.linedefined and line <= info.lastlinedefined, message)
  return rest
end

describe("the constants", function()
  it("are what goes over the wire", function()
    assert.equal("cn-north-1", enums.region.CN_NORTH_1)
    assert.equal("cn-south-1a", enums.zone.CN_SOUTH_1A)
    assert.equal("prepaid_by_duration", enums.charge_mode.PREPAID_BY_DURATION)
    assert.equal("year", enums.charge_unit.YEAR)
    assert.equal("overdue", enums.charge_status.OVERDUE)
  end)

  it("raise at the caller's line for an unknown name, with the nearest", function()
    assert.equal('jdcloud.region has no "CN_NORTH1"; did you mean "CN_NORTH_1"?',
      (raised(function() return enums.region.CN_NORTH1 end):gsub(' or ".*"%?', "?")))
    assert.equal('jdcloud.charge_unit has no "WEEK"', raised(function() return enums.charge_unit.WEEK end))
  end)

  it("can't be changed", function()
    assert.equal("jdcloud.zone is read-only", raised(function() enums.zone.CN_NORTH_1A = "x" end))
    assert.equal("jdcloud.zone is read-only", raised(function() enums.zone.NEW = "x" end))
    assert.equal("cn-north-1a", enums.zone.CN_NORTH_1A)
  end)

  it("stand in a list of regions with their zones", function()
    assert.equal(4, #enums.regions)
    assert.equal("cn-north-1", enums.regions[1].code)
    assert.equal("North China-Beijing", enums.regions[1].name)
    local zones = {}
    for _, region in ipairs(enums.regions) do
      for _, zone in ipairs(region.zones) do
        assert.equal(region.code, zone.code:sub(1, -2))
        zones[#zones + 1] = zone.code
      end
    end
    assert.same({ "cn-north-1a", "cn-north-1b", "cn-east-1a", "cn-east-2a", "cn-east-2b", "cn-south-1a" }, zones)
  end)
end)

describe("a charge spec", function()
  it("has JD Cloud's field names", function()
    assert.same({ chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1, autoRenew = true },
      charge.prepaid { unit = enums.charge_unit.MONTH, duration = 1, auto_renew = true })
    assert.same({ chargeMode = "postpaid_by_usage" }, charge.postpaid_by_usage())
    assert.same({ chargeMode = "postpaid_by_duration" }, charge.postpaid_by_duration {})
    assert.same({
      chargeMode = "postpaid_by_duration", autoChangeChargeMode = true, autoChangeChargeModeDate = "2026-01-31",
      chargeUnit = "year", chargeDuration = 2,
    }, charge.postpaid_by_duration { auto_change_date = "2026-01-31", unit = "year", duration = 2 })
  end)

  it("raises at the caller's line for what breaks a rule", function()
    assert.truthy(raised(function() return (charge.prepaid { unit = "month", duration = 12 }) end)
      :find("charge.prepaid: duration: ", 1, true))
    assert.truthy(raised(function() return (charge.prepaid { duration = 1 }) end)
      :find("charge.prepaid: unit: ", 1, true))
    assert.equal('charge.prepaid has no option "durations"; did you mean "duration"?',
      raised(function() return (charge.prepaid { unit = "month", durations = 1 }) end))
    assert.truthy(raised(function() return (charge.postpaid_by_usage { auto_renew = true }) end)
      :find('has no option "auto_renew"', 1, true))
    assert.equal("charge.prepaid takes a table, not a string", raised(function() return (charge.prepaid "month") end))
  end)

  it("raises at the caller's line for a wrong type", function()
    assert.equal("charge.prepaid: duration must be a whole number",
      raised(function() return (charge.prepaid { unit = "month", duration = "1" }) end))
    assert.equal("charge.prepaid: unit must be a string",
      raised(function() return (charge.prepaid { unit = 1, duration = 1 }) end))
    assert.equal("charge.prepaid: auto_renew must be true or false",
      raised(function() return (charge.prepaid { unit = "month", duration = 1, auto_renew = "yes" }) end))
  end)
end)

describe("filters", function()
  it("come from names and values, in alphabetical order", function()
    assert.same({
      { name = "az", values = { "cn-north-1a" } }, { name = "count", values = { "5", "true" } },
      { name = "status", values = { "running", "stopped" } },
    }, filters { status = { "running", "stopped" }, count = { 5.0, true }, az = "cn-north-1a" })
  end)

  it("keep whole filters in their order, in front", function()
    assert.same({
      { name = "name", operator = "like", values = { "web" } }, { name = "id", values = { "1" } },
      { name = "a", values = { "b" } },
    }, filters { { name = "name", operator = "like", values = { "web" } }, { name = "id", values = 1 }, a = "b" })
  end)

  it("raise at the caller's line for what would filter nothing or can't be written", function()
    assert.equal('filters: "status" has no values', raised(function() return (filters { status = {} }) end))
    assert.equal('filters: a value of "n" must be a string, a boolean or an integer',
      raised(function() return (filters { n = 1.5 }) end))
    assert.equal('filters: a value of "n" must be a string, a boolean or an integer',
      raised(function() return (filters { n = { {} } }) end))
    assert.equal("filters: an entry of the list needs a name",
      raised(function() return (filters { { values = { "x" } } }) end))
    assert.equal('filters: an entry has name, values and operator, not "op"',
      raised(function() return (filters { { name = "a", op = "like", values = { "x" } } }) end))
    assert.equal("filters takes a table, not a nil", raised(function() return (filters(nil)) end))
  end)
end)
