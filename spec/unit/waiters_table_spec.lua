-- The table of waiters: every state of every waiter on virtual time, what is asked for 500 at once, and that services,
-- operations, parameters and fields are those of the facts.

local cjson = require "cjson"
local resources = require "support.resources"
local waiters = require "jdcloud.waiters"
local catalogue = require "jdcloud.waiters.table"

local NAMES = {
  vm = "image_deleted image_ready instance_deleted instance_running instance_stopped",
  disk = "disk_attached disk_available disk_deleted disk_detached disk_in_use disk_recycled snapshot_available "
    .. "snapshot_deleted",
  vpc = "elastic_ip_associated elastic_ip_deleted elastic_ip_disassociated elastic_ip_up network_interface_attached "
    .. "network_interface_deleted network_interface_detached",
  rds = "instance_deleted instance_running", redis = "cache_instance_deleted cache_instance_running",
  es = "instance_deleted instance_running", kafka = "instance_deleted instance_running",
  kubernetes = "cluster_deleted cluster_running node_group_deleted node_group_running",
  zfs = "file_system_available file_system_deleted mount_target_available mount_target_deleted",
}

local function words(text)
  local list, set = {}, {}
  for word in text:gmatch("%S+") do list[#list + 1], set[word] = word, true end
  return list, set
end

-- Every waiter, in order.
local function each()
  local all = {}
  for service, names in pairs(NAMES) do
    for name in names:gmatch("%S+") do
      all[#all + 1] = { service = service, name = name, waiter = catalogue[service][name] }
    end
  end
  table.sort(all, function(a, b) return a.service .. a.name < b.service .. b.name end)
  return all
end

local function wait(case, states, ids, options)
  local resource = case.waiter[1]
  local world = resources.new(resource, states)
  local result, err = waiters.wait(case.service, case.name, { [resource.id] = ids }, options, world.env)
  return result, err, world
end

-- "gone", or a state that ends it well.
local function ending(waiter) return waiter.done:match("%S+") or "gone" end

describe("the table of waiters", function()
  it("has these, and client:waiters lists them by service", function()
    for service, names in pairs(NAMES) do
      assert.equal(names, table.concat(waiters.names(service), " "))
    end
    for service in pairs(catalogue) do assert.truthy(NAMES[service], service) end
    assert.same({}, waiters.names("cdn"))
  end)

  it("names only states of the resource as ends, none of them both good and bad", function()
    for _, case in ipairs(each()) do
      local _, known = words(case.waiter[1].states .. " " .. (case.waiter[1].more or ""))
      local done, good = words(case.waiter.done)
      local failed = words(case.waiter.failed)
      for _, state in ipairs(done) do assert.truthy(known[state], case.name .. ": " .. state) end
      for _, state in ipairs(failed) do
        assert.truthy(known[state], case.name .. ": " .. state)
        assert.is_nil(good[state], case.name .. ": " .. state)
      end
      assert.is_true(done[1] ~= nil or case.waiter.gone, case.name .. " has no end")
    end
  end)

  for _, case in ipairs(each()) do
    local waiter, what = case.waiter, case.service .. " " .. case.name
    local states = words(waiter[1].states .. " " .. (waiter[1].more or ""))
    local _, done = words(waiter.done)
    local _, failed = words(waiter.failed)

    it(what .. " ends, fails or goes on at each of its states, for one and for a list", function()
      for _, state in ipairs(states) do
        local result, err, world = wait(case, { a = { state, ending(waiter) } }, "a")
        local list, list_err, list_world = wait(case, { a = { state, ending(waiter) }, b = { state, ending(waiter) } },
          { "b", "a" })
        if failed[state] then
          assert.is_nil(result, state)
          assert.equal("conflict", err.kind)
          assert.same({ { id = "a", state = state } }, err.laggards)
          assert.is_nil(list)
          assert.same({ { id = "b", state = state }, { id = "a", state = state } }, list_err.laggards)
        else
          assert.truthy(result, state)
          assert.equal(done[state] and 1 or 2, world.round, state)
          assert.equal(done[state] and 1 or 2, list_world.round, state)
          if done[state] then
            assert.same(resources.item(waiter[1], "a", state), result)
            assert.same({ resources.item(waiter[1], "b", state), result }, list)
          end
        end
      end
    end)

    it(what .. " knows what it means that it isn't there", function()
      local result, err = wait(case, { a = { "gone" } }, "a")
      local list, list_err = wait(case, { a = { "gone" } }, { "a" })
      if waiter.gone then
        assert.same({}, result)
        assert.same({}, list)
      else
        assert.equal("not_found", err.kind)
        assert.equal("not_found", list_err.kind)
      end
      local new, _, world = wait(case, { a = { "gone", "never_heard_of", ending(waiter) } }, "a")
      assert.truthy(new)
      assert.equal(waiter.gone and 1 or 3, world.round)
    end)

    it(what .. " ends in time", function()
      local _, err, world = wait(case, { a = { "never_heard_of" } }, "a", { timeout = 60 })
      assert.equal("timeout", err.kind)
      assert.same({ { id = "a", state = "never_heard_of" } }, err.laggards)
      assert.is_true(world.time <= 160)
    end)

    it(what .. " takes five calls a round for 500", function()
      local ids, all = {}, {}
      for i = 1, 500 do
        ids[i] = ("x-%03d"):format(i)
        all[ids[i]] = { "never_heard_of", "never_heard_of", ending(waiter) }
      end
      local list, _, world = wait(case, all, ids)
      assert.equal(ending(waiter) == "gone" and 0 or 500, #list)
      assert.equal(3, world.round)
      assert.equal(15, world:count(waiter[1].many.operation))
      assert.equal(15, #world.calls)
    end)
  end
end)

describe("what the table of waiters names", function()
  local function facts_of(service)
    local file = assert(io.open("spec/facts/services/" .. service .. ".json", "rb"))
    local facts = cjson.decode(file:read("*a"))
    file:close()
    return facts
  end

  local file = assert(io.open("spec/facts/paging.json", "rb"))
  local paging = cjson.decode(file:read("*a"))
  file:close()

  -- The fields of a result's or a list's shape.
  local function fields_of(facts, shape)
    return assert(facts.shapes[shape], shape).fields
  end

  for _, case in ipairs(each()) do
    local resource = case.waiter[1]
    it(case.service .. " " .. case.name .. ": operations, parameters and fields are in the facts", function()
      local facts = facts_of(case.service)
      local one = assert(facts.operations[resource.one.operation])
      local many = assert(facts.operations[resource.many.operation])
      assert.equal("GET", one.method)
      assert.equal("path", one.params[resource.id]["in"])
      for name, parameter in pairs(one.params) do
        assert.is_true(not parameter.required or name == resource.id or name == "regionId", name)
      end
      local shape = fields_of(facts, one.result)[resource.one.field].shape
      local list = fields_of(facts, many.result)[resource.many.field]
      assert.equal("list", list.type)
      for _, of in ipairs { shape, list.of } do
        local fields = fields_of(facts, of)
        assert.equal("string", fields[resource.id].type)
        if resource.part then
          fields = fields_of(facts, fields[resource.part.list].of)
          assert.equal("string", fields[resource.part.by].type)
        end
        assert.equal("string", fields[resource.state].type)
      end
      local page = paging[case.service][resource.many.operation]
      assert.same({ "pageNumber", "pageSize", "totalCount", resource.many.field, "page" },
        { page.number, page.size, page.total, page.list, page.style })
      if resource.many.filter then
        assert.equal("common:Filter", many.params.filters.of)
      elseif resource.many.parameter then
        assert.equal("string", many.params[resource.many.parameter].of)
      end
      for name, parameter in pairs(many.params) do
        assert.is_true(not parameter.required or name == "regionId", name)
      end
    end)

    it(case.service .. " " .. case.name .. ": the calls are such as the models take", function()
      local urls, state = {}, case.waiter.done:match("%S+") or "gone"
      local item = resources.item(resource, "x-1", state ~= "gone" and state or nil)
      local answer = {
        requestId = "r",
        result = {
          [resource.one.field] = state ~= "gone" and item or {},
          [resource.many.field] = state ~= "gone" and { item } or nil,
          totalCount = state ~= "gone" and 1 or 0,
        },
      }
      local cloud = assert(require("jdcloud.safe").new {
        region = "cn-north-1", access_key = "AK", secret_key = "SK-CANARY",
        transport = {
          send = function(request)
            urls[#urls + 1] = request.url
            return { status = 200, headers = {}, body = cjson.encode(answer) }
          end,
          sleep = function() error("it has nothing to wait for") end,
        },
      })
      assert(cloud[case.service]:wait(case.name, { [resource.id] = "x-1" }))
      assert(cloud[case.service]:wait(case.name, { [resource.id] = { "x-1" } }))
      assert.equal(2, #urls)
      assert.truthy(urls[1]:find("/x-1", 1, true))
      if resource.many.filter then
        assert.truthy(urls[2]:find("filters.1.name=" .. resource.many.filter .. "&filters.1.values.1=x-1", 1, true))
      end
      if case.name:find("^elastic_ip") then
        assert.truthy(urls[2]:find("filters.2.name=ipType&filters.2.values.1=all", 1, true))
      end
    end)
  end
end)
