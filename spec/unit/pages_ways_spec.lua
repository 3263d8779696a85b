-- pages_ways_spec.lua - the ways in which operations page: by number, offset and token, inside structs, as text; lists
-- that nobody knows; rounds, tokens that come back, items that the program changes while it reads.

local models = require "jdcloud.models"
local json = require "jdcloud.json"
local pages = require "jdcloud.pages"

local function operation(service, name)
  return assert(models.service(service):operation(name))
end

-- A service that answers from a list of pages, by how often it was asked; the last one for ever. Remembers what came.
local function script(answers)
  local s = { asked = {} }
  function s.call(_, params)
    local copy = {}
    for name, value in pairs(params) do
      copy[name] = value
      if type(value) == "table" then
        copy[name] = {}
        for inner, item in pairs(value) do copy[name][inner] = item end
      end
    end
    s.asked[#s.asked + 1] = copy
    assert(#s.asked < 300, "endless")
    return answers[math.min(#s.asked, #answers)]
  end
  return s
end

local function ids(from, to)
  local list = json.list {}
  for i = from, to do list[#list + 1] = { id = "x-" .. i } end
  return list
end

-- "1-3 7", the ids of items that came; and the error.
local function read(s, op, params, options, change)
  local came, failure = {}, nil
  for item, err in pages.each(s.call, op, params, options) do
    if item == false then
      failure = err
    else
      came[#came + 1] = item.id:sub(3)
      if change then change(item) end
    end
  end
  return table.concat(came, " "), failure
end

describe("an operation with its page inside a struct", function()
  local op = operation("waf", "listDomains")

  it("gets it there, and the caller's struct stays as it was", function()
    local s = script { { list = ids(1, 2), totalCount = 3 }, { list = ids(3, 3), totalCount = 3 } }
    local req = { wafInstanceId = "w", pageSize = 2 }
    assert.equal("1 2 3", (read(s, op, { wafInstanceId = "w", req = req })))
    assert.same({ wafInstanceId = "w", pageSize = 2 }, req)
    assert.same({
      { wafInstanceId = "w", req = { wafInstanceId = "w", pageSize = 2, pageIndex = 1 } },
      { wafInstanceId = "w", req = { wafInstanceId = "w", pageSize = 2, pageIndex = 2 } },
    }, s.asked)
  end)

  it("gets a struct if there was none, and refuses what is none", function()
    local s = script { { list = ids(1, 1), totalCount = 1 } }
    assert.equal("1", (read(s, op)))
    assert.same({ { req = { pageSize = 100, pageIndex = 1 } } }, s.asked)
    local _, err = read(s, op, { req = "CANARY" })
    assert.equal("invalid", err.kind)
    assert.equal("req must be a table", err.message)
  end)
end)

describe("numbers of a page", function()
  it("are text where the model wants text, or the caller gave text to a type that nobody knows", function()
    local text = operation("redis", "describeConfigTemplates")
    local s = script { { templates = ids(1, 2), total = 3 }, { templates = ids(3, 3), total = 3 } }
    assert.equal("1 2 3", (read(s, text, { pageSize = 2 })))
    assert.same({ { pageNumber = "1", pageSize = "2" }, { pageNumber = "2", pageSize = "2" } }, s.asked)
    local any = operation("aifactory", "listNodes")
    s = script { { list = ids(1, 2) }, { list = ids(3, 3) } }
    assert.equal("1 2 3", (read(s, any, { pageNum = "4", pageSize = 2 }, { items = "list" })))
    assert.same({ pageNum = "5", pageSize = 2 }, s.asked[2])
  end)

  it("must be whole and in range", function()
    local op = operation("vm", "describeInstances")
    for _, wrong in ipairs { 0, -1, 1.5, math.huge, "x", "", {}, true, json.null, 2 ^ 60 } do
      local _, err = read(script { {} }, op, { pageSize = wrong })
      assert.equal("pageSize must be a whole number from 1", err.message)
      _, err = read(script { {} }, op, { pageNumber = wrong })
      assert.equal("pageNumber must be a whole number from 1", err.message)
    end
  end)
end)

describe("an operation with an offset", function()
  local op = operation("baseanti", "describeIpResourceProtectInfo")

  it("is asked from behind the last item that came, also if pages are cut", function()
    local s = script { { dataList = ids(1, 10) }, { dataList = ids(11, 20) }, { dataList = ids(21, 23) } }
    assert.equal(23, select(2, read(s, op, { ip = "1.2.3.4" }):gsub("%d+", "")))
    assert.same({ 0, 10, 20 }, { s.asked[1].start, s.asked[2].start, s.asked[3].start })
    assert.equal(100, s.asked[3].limit)
    s = script { { dataList = ids(1, 2) } }
    read(s, op, { start = 40, limit = 7 })
    assert.same({ { start = 40, limit = 7 } }, s.asked)
  end)
end)

describe("a last page that comes again and again", function()
  it("is found whichever of its items the program has changed", function()
    for changed = 1, 10 do
      local s = { asked = 0 }
      function s.call()
        s.asked = s.asked + 1
        assert(s.asked < 20, "endless")
        return { instances = s.asked == 1 and ids(1, 10) or ids(11, 20) }
      end
      local came = read(s, operation("vm", "describeInstances"), nil, { page_size = 10 }, function(item)
        if tonumber(item.id:sub(3)) % 10 == changed % 10 then item.x = 1 end
      end)
      assert.equal("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", came)
    end
  end)
end)

describe("an operation with a token", function()
  local op = operation("jdfusion", "getBucketFiles")
  local undeclared = operation("es", "describeBillingInstances")

  local function files(from, to, marker, more) return { files = ids(from, to), marker = marker, isTruncated = more } end

  it("is asked with each token once, to the end", function()
    local s = script { files(1, 2, "a", true), files(3, 3, "b", true), files(4, 4, "c", false) }
    assert.equal("1 2 3 4", (read(s, op, { name = "n" })))
    assert.same({ { name = "n" }, { name = "n", marker = "a" }, { name = "n", marker = "b" } }, s.asked)
  end)

  it("keeps every digit of a token that is a number", function()
    local big = json.decode("9007199254740993")
    local s = script { files(1, 1, big, true), files(2, 2, nil, false) }
    assert.equal("1 2", (read(s, op)))
    assert.equal("9007199254740993", s.asked[2].marker)
  end)

  it("may begin with the caller's token", function()
    local s = script { files(3, 3, "", false) }
    assert.equal("3", (read(s, op, { marker = "a" })))
    assert.same({ { marker = "a" } }, s.asked)
  end)

  it("goes on over empty pages while there is more", function()
    local s = script { files(1, 1, "a", true), files(1, 0, "b", true), files(1, 0, "c", true), files(2, 2, "", false) }
    assert.equal("1 2", (read(s, op)))
  end)

  it("has an end where empty pages have none", function()
    local calls = 0
    local function call()
      calls = calls + 1
      return files(1, 0, "m" .. calls, true)
    end
    local came, err = read({ call = call }, op)
    assert.equal("", came)
    assert.equal("protocol", err.kind)
    assert.is_true(calls < 200)
  end)

  it("ends where a token comes back, at once or later", function()
    local s = script { files(1, 1, "a", true), files(2, 2, "a", true), files(2, 2, "a", true) }
    assert.equal("1 2", (read(s, op)))
    s = script { files(1, 1, "a", true), files(2, 2, "b", true), files(3, 3, "a", true) }
    assert.equal("1 2 3", (read(s, op)))
    assert.equal(3, #s.asked)
  end)

  it("follows one cursor that stays the same while its pages change", function()
    local s = script { files(1, 1, "a"), files(2, 2, "a"), files(3, 3, "a"), files(1, 0, "a") }
    assert.equal("1 2 3", (read(s, op)))
  end)

  it("gives an error where there is more, and no token for it", function()
    local came, err = read(script { files(1, 2, nil, true) }, op)
    assert.equal("1 2", came)
    assert.equal("protocol", err.kind)
    came, err = read(script { { instances = ids(1, 2), total = 5 } }, undeclared)
    assert.equal("1 2", came)
    assert.equal("protocol", err.kind)
    local list, again = pages.all(script { files(1, 2, nil, true) }.call, op)
    assert.is_nil(list)
    assert.equal("protocol", again.kind)
  end)

  it("finds a token that isn't declared", function()
    for _, name in ipairs { "cursor", "nextCursor", "NextCursor" } do
      local s = script { { instances = ids(1, 2), total = 3, [name] = "t" }, { instances = ids(3, 3), total = 3 } }
      assert.equal("1 2 3", (read(s, undeclared)))
      assert.same({ { limit = 100 }, { limit = 100, cursor = "t" } }, s.asked)
    end
    assert.equal("1 2", (read(script { { instances = ids(1, 2), total = 2 } }, undeclared)))
  end)
end)

describe("the end of a list", function()
  local op = operation("vpc", "describeElasticIps") -- with a total
  local paged = operation("rds", "describeTables")

  local function asked(list) return { [op.paging.list] = list } end

  it("is found where pages come again in a round", function()
    local s, n = {}, 0
    function s.call()
      n = n + 1
      assert(n < 100, "endless")
      local at = (n - 1) % 3
      return asked(ids(at * 2 + 1, at * 2 + 2))
    end
    assert.equal("1 2 3 4 5 6", (read(s, op, { pageSize = 2 })))
  end)

  it("is found though the program changes the items that it gets", function()
    local s = script { asked(ids(1, 2)), asked(ids(3, 4)) }
    function s.call(_, params) return asked(params.pageNumber == 1 and ids(1, 2) or ids(3, 4)) end
    assert.equal("1 2 3 4", (read(s, op, { pageSize = 2 }, nil, function(item) item.done = true end)))
  end)

  it("isn't where items of one page are equal", function()
    local list = json.list { { id = "x-1" }, { id = "x-1" } }
    assert.equal("1 1", (read(script { { [op.paging.list] = list, totalCount = 2 } }, op)))
  end)

  it("is where a total that is text says", function()
    local s = script { { [op.paging.list] = ids(1, 2), totalCount = "4" },
      { [op.paging.list] = ids(3, 4), totalCount = "4" } }
    assert.equal("1 2 3 4", (read(s, op, { pageSize = 2 })))
    assert.equal(2, #s.asked)
  end)

  it("is what totals that are none can't tell", function()
    for _, total in ipairs { json.null, "many", -1, 1.5, {}, true } do
      local s = script { { [op.paging.list] = ids(1, 2), totalCount = total }, asked(ids(3, 3)) }
      assert.equal("1 2 3", (read(s, op, { pageSize = 2 })))
    end
  end)

  it("is where the count of pages says, if nothing says how many items there are", function()
    local zones = operation("starshield", "listZones")
    local s = script { { dataList = ids(1, 2), totalPage = 2 }, { dataList = ids(3, 4), totalPage = 2 } }
    assert.equal("1 2 3 4", (read(s, zones, { per_page = 2 })))
    assert.equal(2, #s.asked)
  end)

  it("is an empty list, a null or nothing", function()
    for _, list in ipairs { json.list {}, json.null, {} } do
      assert.equal("", (read(script { asked(list) }, op)))
    end
    assert.equal("", (read(script { {} }, paged)))
  end)
end)

describe("a list that nobody knows", function()
  local any = operation("aifactory", "listNodes")
  local several = operation("dms", "queryInstance")

  it("must be named", function()
    local _, err = read(script { {} }, any)
    assert.truthy(err.message:find('items = "data.list"', 1, true))
    _, err = read(script { {} }, several)
    assert.truthy(err.message:find('items = "drdsIntance" or "loginedInstance" or', 1, true))
    assert.equal(0, err.attempts)
  end)

  it("isn't empty because its name is wrong", function()
    local s = script { { code = "CANARY", data = { rows = ids(1, 2), ["CANARY key"] = ids(1, 2) } } }
    local _, err = read(s, any, nil, { items = "data.list" })
    assert.equal('the result has no list "data.list"; it has "data.rows"', err.message)
    _, err = read(s, any, nil, { items = "data" })
    assert.equal('the result has no list "data"', err.message)
    assert.equal("", (read(script { { data = { total = 0 } } }, any, nil, { items = "data.list" })))
  end)

  it("may be the result", function()
    assert.equal("1 2", (read(script { ids(1, 2) }, any, nil, { items = "." })))
  end)

  it("doesn't keep from reading pages, which end as their lists tell", function()
    local columns = { "id", "name", "type" }
    local s = script {
      { data = { columns = columns, rows = ids(1, 2) }, n = 1 },
      { data = { columns = columns, rows = ids(3, 4) }, n = 2 },
      { data = { columns = columns, rows = ids(5, 5) }, n = 3 },
      { data = { columns = columns, rows = {} }, n = 4 },
      { data = { columns = columns, rows = {} }, n = 5 },
    }
    local seen = {}
    for page in pages.pages(s.call, any, { pageSize = 2 }) do seen[#seen + 1] = page.n end
    assert.same({ 1, 2, 3, 4 }, seen)
    seen = 0
    for _ in pages.pages(script { { id = "x" } }.call, any) do seen = seen + 1 end
    assert.equal(1, seen)
  end)
end)

describe("an item that is false", function()
  it("is an error and not an end", function()
    local op = operation("vpc", "describeElasticIps")
    local list, err = pages.all(script { { [op.paging.list] = { false } } }.call, op)
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
  end)
end)
