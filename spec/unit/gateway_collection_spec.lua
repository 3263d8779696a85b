-- gateway_collection_spec.lua - what the gateway answers for lists that have no behaviour of their own.

local house = require "support.house"

local function open(settings)
  local given = { behaviours = false, seed = 7 }
  for name, value in pairs(settings or {}) do given[name] = value end
  return house.open(nil, given)
end

describe("a collection of the gateway", function()
  it("has as many items as the setting says, changed while it runs", function()
    local cloud, g = open()
    assert.equal(3, #cloud.vpc:describeVpcs({}).vpcs)
    g:set { items = 25 }
    local result = cloud.vpc:describeVpcs { pageNumber = 2 }
    assert.equal(5, #result.vpcs)
    assert.equal(25, result.totalCount)
    g:set { items = 0 }
    assert.same({ vpcs = {}, totalCount = 0 }, cloud.vpc:describeVpcs {})
  end)

  it("gives the same items whatever the pages, each another one", function()
    local cloud = open { items = 30 }
    local all, seen = cloud.vpc:describeVpcs({ pageSize = 100 }).vpcs, {}
    assert.equal(30, #all)
    for i, item in ipairs(all) do
      assert.is_nil(seen[item.vpcId])
      seen[item.vpcId] = true
      assert.same({ item }, cloud.vpc:describeVpcs({ pageSize = 1, pageNumber = i }).vpcs)
    end
    assert.same({}, cloud.vpc:describeVpcs({ pageNumber = 3 }).vpcs)
  end)

  it("says how many pages there are where the shape has a field for it", function()
    local cloud = open { items = 45 }
    local result = cloud.starshield:listZones { per_page = 20, page = 3 }
    assert.same({ 45, 3, 5, 5 }, { result.totalCount, result.totalPage, result.currentCount, #result.dataList })
  end)

  it("is a list and a count where nobody knows the result", function()
    local cloud = open { items = 2 }
    local result = cloud.aifactory:listNodes { appName = "x", pageSize = 1 }
    assert.equal(1, #result.list)
    assert.equal(2, result.totalCount)
    assert.same(result.list, cloud.aifactory:listNodes({ appName = "x", pageSize = "1" }).list)
  end)

  it("hands out tokens", function()
    local cloud = open { items = 50 }
    local result = cloud.jdfusion:getBucketFiles { name = "x" }
    assert.is_true(result.isTruncated)
    assert.equal(20, #result.files)
    result = cloud.jdfusion:getBucketFiles { name = "x", marker = "after-40" }
    assert.same({ false, "", 10 }, { result.isTruncated, result.marker, #result.files })
  end)

  it("lies where it is told to, as often as it is told to", function()
    local cloud, g = open()
    g:misbehave { operation = "vpc:describeVpcs", paging = { total = "zero", repeats = true } }
    local lied = cloud.vpc:describeVpcs { pageNumber = 9 }
    assert.same({ 0, 3 }, { lied.totalCount, #lied.vpcs })
    local honest = cloud.vpc:describeVpcs { pageNumber = 9 }
    assert.same({ 3, 0 }, { honest.totalCount, #honest.vpcs })
  end)

  it("knows its misbehaviours", function()
    local _, g = open()
    for field, message in pairs {
      reapeats = "no field reapeats", total = "total of a fault can't be", empty = "empty of a fault can't be",
    } do
      local ok, err = pcall(g.misbehave, g, { paging = { [field] = "some" } })
      assert.is_false(ok)
      assert.truthy(err:find(message, 1, true))
    end
  end)
end)
