-- Paging: every item once, always an end, errors never lost, whatever the service does (protocol.md 11.1).

local errors = require "jdcloud.errors"
local models = require "jdcloud.models"
local pages = require "jdcloud.pages"

local op = assert(models.service("vm")):operation("describeInstances")
local CALLS_MAX = 50

-- A service with `count` instances. behaviour: size_max (it gives no larger pages), repeats (the last page again beyond
-- the end), total(count, number) -> what it says, empty (this page comes empty), fail (this page fails).
local function service(count, behaviour)
  behaviour = behaviour or {}
  local s = { calls = 0 }
  function s.call(name, params)
    s.calls = s.calls + 1
    assert(s.calls <= CALLS_MAX, "endless")
    assert(name == "describeInstances")
    local number, size = params.pageNumber, math.min(params.pageSize, behaviour.size_max or math.huge)
    s.size = params.pageSize
    if behaviour.fail == number then return nil, errors.new { kind = "server" } end
    if behaviour.repeats then number = math.min(number, math.max(1, math.ceil(count / size))) end
    local items = {}
    if behaviour.empty ~= number then
      for i = (number - 1) * size + 1, math.min(count, number * size) do
        items[#items + 1] = { instanceId = "i-" .. i }
      end
    end
    local total = count
    if behaviour.total then total = behaviour.total(count, number) end
    return { instances = items, totalCount = total }
  end
  return s
end

local function collect(s, options, params)
  local seen, ids = {}, 0
  for item, err in pages.each(s.call, op, params, options) do
    if item == false then return ids, err end
    assert.is_nil(seen[item.instanceId], item.instanceId)
    seen[item.instanceId] = true
    ids = ids + 1
  end
  return ids
end

local behaviours = {
  ["an honest service"] = {},
  ["a last page that repeats for ever"] = { repeats = true },
  ["no total"] = { total = function() return nil end },
  ["no total and a last page that repeats"] = { repeats = true, total = function() return nil end },
  ["a total that is too large"] = { total = function(n) return n + 1000 end },
  ["a total that is too large and a last page that repeats"] = {
    repeats = true, total = function(n) return n + 1000 end,
  },
  ["a total that grows"] = { total = function(n, number) return n + number end },
  ["a total that shrinks"] = { total = function(n, number) return math.max(0, n - 7 * (number - 1)) end },
  ["a total that sinks to what was seen"] = {
    total = function(n, number) return number == 1 and n or math.min(n, 100 * number) end,
  },
  ["a total of nothing"] = { total = function() return 0 end },
}

describe("each", function()
  for what, behaviour in pairs(behaviours) do
    it("gives every item once and ends, with " .. what, function()
      for _, count in ipairs { 0, 1, 99, 100, 101, 200, 1000 } do
        assert.equal(count, (collect(service(count, behaviour))))
      end
    end)
  end

  it("follows a service that gives fewer items than asked for", function()
    for _, count in ipairs { 1, 20, 21, 200 } do
      assert.equal(count, (collect(service(count, { size_max = 20 }))))
      assert.equal(count, (collect(service(count, { size_max = 20, repeats = true }))))
    end
  end)

  it("doesn't take an empty page for the end while the total says more", function()
    assert.equal(200, (collect(service(300, { empty = 2 }))))
  end)

  it("asks no more often than it must", function()
    for count, calls in pairs { [0] = 1, [1] = 1, [100] = 1, [101] = 2, [200] = 2, [1000] = 10 } do
      local s = service(count)
      collect(s)
      assert.equal(calls, s.calls)
    end
  end)

  it("gives an error once and ends", function()
    local s = service(300, { fail = 2 })
    local next_item = pages.each(s.call, op)
    for _ = 1, 100 do assert.truthy(next_item()) end
    local item, err = next_item()
    assert.is_false(item)
    assert.equal("server", err.kind)
    assert.is_nil((next_item()))
    assert.is_nil((next_item()))
    assert.equal(2, s.calls)
  end)

  it("stops at max_items and asks for no page behind them", function()
    local s = service(1000)
    assert.equal(150, (collect(s, { max_items = 150 })))
    assert.equal(2, s.calls)
    s = service(1000)
    assert.equal(100, (collect(s, { max_items = 100 })))
    assert.equal(1, s.calls)
    assert.equal(0, (collect(s, { max_items = 0 })))
    assert.equal(1, s.calls)
  end)

  it("takes the size from the options or the parameters, and starts at their page", function()
    local s = service(95)
    assert.equal(95, (collect(s, { page_size = 10 })))
    assert.equal(10, s.size)
    s = service(95)
    assert.equal(55, (collect(s, nil, { pageSize = 20, pageNumber = 3 })))
    assert.equal(20, s.size)
  end)

  it("changes neither the parameters nor the options, and passes on what isn't its own", function()
    local params, options, passed = { filters = {} }, { page_size = 10, timeout = 3 }, nil
    pages.all(function(_, p, o)
      passed = o
      assert.equal(params.filters, p.filters)
      return { instances = {} }
    end, op, params, options)
    assert.same({ timeout = 3 }, passed)
    assert.same({ filters = {} }, params)
    assert.same({ page_size = 10, timeout = 3 }, options)
  end)

  it("refuses an operation that doesn't page, and sizes that are none", function()
    local stop = models.service("vm"):operation("stopInstance")
    local item, err = pages.each(error, stop)()
    assert.is_false(item)
    assert.equal("invalid", err.kind)
    assert.truthy(tostring(err):find("vm.stopInstance: invalid: this operation is not known to page; if it", 1, true))
    item, err = pages.each(error, op, { pageSize = "many" })()
    assert.is_false(item)
    assert.equal("invalid", err.kind)
  end)

  it("says so where the result has no list", function()
    local item, err = pages.each(function() return { instances = "text" } end, op)()
    assert.is_false(item)
    assert.equal("protocol", err.kind)
    assert.equal(0, #pages.all(function() return {} end, op))
  end)

  it("refuses a list that the result's shape doesn't have, before anything is sent", function()
    local item, err = pages.each(error, op, nil, { items = "instnces" })()
    assert.is_false(item)
    assert.equal("invalid", err.kind)
    assert.equal('the result has no field "instnces" for items; did you mean "instances"?', err.message)
    item, err = pages.each(error, op, nil, { items = "totalCount" })()
    assert.is_false(item)
    assert.equal('"totalCount" of the result is no list', err.message)
  end)

  it("finds a list that it is told of", function()
    local function call() return { data = { list = { { 1 }, { 2 } } } } end
    local untyped = assert(models.service("aifactory")):operation("listNodes")
    assert.same({ { 1 }, { 2 } }, pages.all(call, untyped, nil, { items = "data.list" }))
    assert.same({ { 1 }, { 2 } }, pages.all(call, op, nil, { items = "data.list", validate = false }))
  end)
end)

describe("all", function()
  it("is one list", function()
    local list = pages.all(service(250).call, op)
    assert.equal(250, #list)
    assert.equal("i-250", list[250].instanceId)
  end)

  it("is an error if a page fails", function()
    local list, err = pages.all(service(250, { fail = 3 }).call, op)
    assert.is_nil(list)
    assert.equal("server", err.kind)
  end)
end)

describe("pages", function()
  it("gives the results", function()
    local sizes = {}
    for page in pages.pages(service(250).call, op) do sizes[#sizes + 1] = #page.instances end
    assert.same({ 100, 100, 50 }, sizes)
  end)

  it("gives an error once and ends", function()
    local next_page = pages.pages(service(250, { fail = 1 }).call, op)
    local page, err = next_page()
    assert.is_false(page)
    assert.equal("server", err.kind)
    assert.is_nil((next_page()))
  end)
end)
