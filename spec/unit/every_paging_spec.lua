-- every_paging_spec.lua - every operation that pages, through 0, 1, one page, one page and one, and 1,000 items, with
-- services that misbehave in every way: each item once and in order, always an end, errors never lost.
--
-- The gateway's collections answer pages.lua directly: one operation of each kind meets every misbehaviour, the others
-- some of them in turn. Then each operation goes through the whole stack, with few items and in both interfaces. Other
-- Luas than 5.4 take a share. JDCLOUD_PAGING=all: every operation meets every misbehaviour, on any Lua, and the 1,000
-- items go through the whole stack too (many minutes).

local collection = require "jdcloud.gateway.collection"
local errors = require "jdcloud.errors"
local extent = require "jdcloud.pages.extent"
local house = require "support.house"
local jdcloud = require "jdcloud"
local pages = require "jdcloud.pages"
local paging = require "support.paging"
local transport = require "jdcloud.transport.gateway"

local ALL = os.getenv "JDCLOUD_PAGING" == "all"
local SHARE = (ALL or require "support.thorough") and 1 or 6 -- one operation of so many
local IN_TURN = 1 -- misbehaviours that an operation meets if another one of its kind met all
local SIZE = 100
local CUT = 50 -- items on the pages of a service that cuts them
local LEAST = 20 -- items on the pages of an operation that can't be told a size
local COUNTS = { 0, 1, SIZE, SIZE + 1, 1000 }

local operations = paging.operations()

local MISBEHAVIOURS = { {}, { repeats = true }, { size_max = CUT } }
for _, total in ipairs { "none", "zero", "large", "grows", "shrinks", "sinks" } do
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { total = total }
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { total = total, repeats = true }
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { total = total, size_max = CUT }
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { total = total, size_max = CUT, repeats = true }
end
for _, token in ipairs { "same", "cycle" } do
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { token = token }
  MISBEHAVIOURS[#MISBEHAVIOURS + 1] = { token = token, total = "large" }
end

-- Items are made once: comparing them is quick.
local made = {}
local function make(t, key)
  if t.kind == "string" then return key end
  made[key] = made[key] or { id = key }
  return made[key]
end

local function name_of(op, lies)
  local words = { op.service .. "." .. op.name }
  for name, value in pairs(lies) do words[#words + 1] = name .. "=" .. tostring(value) end
  return table.concat(words, " ")
end

-- A service with `count` items; fails at its call `fail`.
local function service(op, count, lies, fail)
  local s, context = { calls = 0 }, { items = count, paging = lies }
  local most = math.ceil(count / LEAST) + 5
  function s.call(_, params)
    s.calls = s.calls + 1
    if s.calls > most then error(name_of(op, lies) .. ": no end", 0) end
    if s.calls == fail then return nil, errors.new { kind = "server" } end
    return collection.answer(op, params, context, make, {})
  end
  return s
end

local function number_of(item)
  return tonumber((type(item) == "table" and item.id or item):match("%d+$"))
end

-- Goes through all items: they must be those from 1 on, but for the ones from `gap` to `gap_end`.
local function walk(what, s, entry, gap, gap_end)
  local last, problem = 0, nil
  for item, err in pages.each(s.call, entry.op, nil, { items = entry.items }) do
    if item == false then
      problem = err
    else
      local expected = last + 1
      if expected == gap then expected = gap_end + 1 end
      last = number_of(item)
      if last ~= expected or problem then
        error(("%s: item %d instead of %d"):format(name_of(entry.op, what), last, expected), 0)
      end
    end
  end
  return last, problem
end

-- Operations of one kind differ in names only, as far as pages go.
local function kind_of(entry)
  local op, names = entry.op, {}
  for key, value in pairs(op.paging) do
    names[#names + 1] = key == "style" and value or key .. (value:find(".", 1, true) and "." or "")
  end
  table.sort(names)
  local result = service(op, 1, {}).call(nil, {})
  for _, path in ipairs { op.paging.list or "", op.paging.total or "" } do
    local beside = extent.field(result, path:match("^(.*)%.[^.]*$") or ".")
    for _, count in ipairs { "totalPage", "totalPages", "numberPages", "pageCount", "pages" } do
      if type(beside) == "table" and beside[count] then names[#names + 1] = "pages" end
    end
  end
  return table.concat(names, " ")
end

local function every(share, action)
  local done = 0
  for i, entry in ipairs(operations) do
    if i % share == 0 then
      action(entry, i)
      done = done + 1
    end
  end
  assert.is_true(done > 0)
end

describe("every operation that pages", function()
  it("is one of 763", function()
    assert.equal(763, #operations)
  end)

  it("gives each item once and ends, whatever the service does", function()
    local kinds = {}
    every(SHARE, function(entry, i)
      if not entry.has_list then return end
      local kind = kind_of(entry)
      for j, lies in ipairs(MISBEHAVIOURS) do
        local in_turn = (i + j) % #MISBEHAVIOURS < IN_TURN
        if (ALL or in_turn or not kinds[kind]) and (not lies.token or entry.op.paging.style == "token") then
          for _, count in ipairs(COUNTS) do
            local last, err = walk(lies, service(entry.op, count, lies), entry)
            if last ~= count or err then
              error(("%s: %d of %d items, %s"):format(name_of(entry.op, lies), last, count, tostring(err)), 0)
            end
          end
        end
      end
      kinds[kind] = true
    end)
  end)

  it("asks no more often than it must", function()
    every(SHARE, function(entry)
      if not (entry.op.paging.total and entry.has_list) or entry.op.paging.style == "token" then return end
      for _, count in ipairs { 0, 1, SIZE, SIZE + 1 } do
        local s = service(entry.op, count, {})
        walk({}, s, entry)
        assert.equal(math.max(1, math.ceil(count / SIZE)), s.calls, name_of(entry.op, {}))
      end
    end)
  end)

  it("goes on after one empty page if the service says that there is more", function()
    every(SHARE, function(entry, i)
      if not (entry.op.paging.total and entry.has_list) then return end
      local empty = i % 3 + 1
      local from, to = (empty - 1) * SIZE + 1, empty * SIZE
      local lies = { empty = empty, repeats = i % 2 == 0, total = i % 4 == 0 and "large" or nil }
      assert.equal(350, (walk(lies, service(entry.op, 350, lies), entry, from, to)), name_of(entry.op, lies))
    end)
  end)

  it("never loses an error", function()
    every(SHARE, function(entry)
      if not entry.has_list then return end
      local size = entry.op.paging.size and SIZE or LEAST
      for fail = 1, 3, 2 do
        local last, err = walk({}, service(entry.op, 350, {}, fail), entry)
        assert.equal("server", err and err.kind, name_of(entry.op, {}))
        assert.equal((fail - 1) * size, last)
        local list, again = pages.all(service(entry.op, 350, {}, fail).call, entry.op, nil, { items = entry.items })
        assert.is_nil(list)
        assert.equal("server", again.kind)
      end
    end)
  end)

  it("has pages even where nobody knows the list", function()
    every(SHARE, function(entry)
      for _, lies in ipairs { {}, { total = "large", repeats = true } } do
        local seen = 0
        for page, err in pages.pages(service(entry.op, 250, lies).call, entry.op) do
          assert(page, err)
          seen = seen + 1
        end
        local known = entry.has_list and 250 or 0
        assert.is_true(seen >= math.max(1, math.ceil(known / SIZE)), name_of(entry.op, lies))
      end
    end)
  end)

  it("is told which field has the items", function()
    every(1, function(entry)
      if entry.op.paging.list then return end
      local item, err = pages.each(error, entry.op)()
      assert.is_false(item)
      assert.equal("invalid", err.kind)
      assert.truthy(tostring(err):find('items = "', 1, true))
    end)
  end)
end)

-- The whole stack. Two clouds on one gateway, safe and raising.
local function open(count)
  local safe, g = house.open({ attempts = 1, limits = false }, {
    behaviours = false, items = count, limit = 1e9, seed = 7,
  })
  local raising = jdcloud.new {
    region = "cn-north-1", access_key = house.access_key, secret_key = house.secret_key, attempts = 1, limits = false,
    transport = transport(g, { virtual = true }),
  }
  return safe, raising, g
end

-- What the gateway has, read in one page of an honest service.
local function all_of(safe, entry, params, count)
  local options = { items = entry.items, page_size = math.max(1, count) }
  return assert(safe:service(entry.op.service):all(entry.op.name, params, options))
end

-- Reads everything through one interface.
-- @return list, error | nil
local function read(cloud, entry, params, size)
  local list, failure = {}, nil
  local ok, raised = pcall(function()
    local options = { items = entry.items, page_size = size }
    for item, err in cloud:service(entry.op.service):each(entry.op.name, params, options) do
      if item then list[#list + 1] = item else failure = err end
    end
  end)
  return list, ok and failure or raised, ok
end

local function serves(clouds, cloud, entry, count, size, lies)
  local g, params, name = clouds[3], paging.required(entry.op), entry.op.service .. ":" .. entry.op.name
  g:reset()
  local expected = all_of(clouds[1], entry, params, count)
  assert.equal(count, #expected, name)
  g:misbehave { operation = name, times = "all", paging = lies }
  name = name_of(entry.op, lies)
  local list, err = read(cloud, entry, params, size)
  assert.is_nil(err, name)
  assert.equal(#expected, #list, name)
  for i, item in ipairs(list) do assert.same(expected[i], item, name) end
end

local function fails(clouds, cloud, entry)
  local g, params, name = clouds[3], paging.required(entry.op), entry.op.service .. ":" .. entry.op.name
  g:reset()
  g:misbehave { operation = name, nth = 2, status = 500 }
  g:misbehave { operation = name, times = "all", paging = { size_max = 2 } }
  local list, err, ended = read(cloud, entry, params, 2)
  assert.equal(cloud == clouds[1], ended)
  assert.equal("server", err and err.kind, name .. ": " .. tostring(err))
  assert.equal(2, #list, name)
end

describe("through the whole stack every operation that pages", function()
  local clouds

  before_each(function() clouds = { open(3) } end)
  after_each(function()
    clouds[1]:close()
    clouds[2]:close()
  end)

  it("gives each item once and never loses an error, raising and safe", function()
    every(SHARE, function(entry, i)
      if not entry.has_list then return end
      local one, other = clouds[i % 2 + 1], clouds[2 - i % 2]
      serves(clouds, one, entry, 3, 2, { size_max = 2, repeats = i % 4 < 2 })
      fails(clouds, other, entry)
      if ALL then
        serves(clouds, other, entry, 3, 2, { size_max = 2, total = "none" })
        fails(clouds, one, entry)
      end
    end)
  end)

  if ALL then
    it("gives each of 1,000 items once", function()
      every(1, function(entry, i)
        if not entry.has_list then return end
        for j, count in ipairs(COUNTS) do
          clouds[3]:set { items = count }
          local lies = MISBEHAVIOURS[(i + j) % (#MISBEHAVIOURS - 4) + 1]
          serves(clouds, clouds[j % 2 + 1], entry, count, entry.op.paging.size and SIZE, lies)
        end
      end)
    end)
  end
end)
