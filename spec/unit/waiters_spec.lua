-- Waiters on a clock of their own: what is gone, what is new, time and failures, lists, and answers that aren't what
-- they should be (protocol.md 11.2). What the table says is in waiters_table_spec.lua.

local errors = require "jdcloud.errors"
local json = require "jdcloud.json"
local resources = require "support.resources"
local waiters = require "jdcloud.waiters"
local catalogue = require "jdcloud.waiters.table"

local INSTANCE, DISK, DATABASE = catalogue.vm.instance_running[1], catalogue.disk.disk_available[1],
  catalogue.rds.instance_running[1]

local function world(states) return resources.new(INSTANCE, states) end

local function wait(w, name, ids, options)
  return waiters.wait("vm", name, { instanceId = ids }, options, w.env)
end

-- `count` ids in order, and what states(i) says of each.
local function many(count, states)
  local ids, all = {}, {}
  for i = 1, count do
    ids[i] = ("i-%03d"):format(i)
    all[ids[i]] = states(i)
  end
  return ids, all
end

describe("a waiter that gets no answer", function()
  local down = { kind = "network", retryable = true, message = "nobody there", hint = "check the endpoint" }

  it("tells of the failure, not of an absent resource", function()
    local w = world { a = { "running" } }
    w.fail = function() return errors.new(down) end
    local result, err = wait(w, "instance_running", "a", { timeout = 20 })
    assert.is_nil(result)
    assert.equal("network", err.kind)
    assert.equal("check the endpoint", err.hint)
    assert.truthy(err.message:find("a (unknown)", 1, true))
    assert.truthy(err.message:find("the last look failed (network: nobody there)", 1, true))
  end)

  it("any more is a timeout that says so, and its progress has the error", function()
    local w, seen = world { a = { "pending" } }, nil
    w.fail = function(round) return round > 1 and errors.new(down) or nil end
    local _, err = wait(w, "instance_running", "a", { timeout = 20, on_progress = function(now) seen = now.error end })
    assert.equal("timeout", err.kind)
    assert.truthy(err.message:find("a (pending)", 1, true))
    assert.truthy(err.message:find("nobody there", 1, true))
    assert.equal("network", seen.kind)
  end)

  it("to a part of its list waits for that part", function()
    local ids, all = many(250, function() return { "running" } end)
    local w, calls = world(all), 0
    w.fail = function()
      calls = calls + 1
      return calls == 2 and errors.new { kind = "throttled", retryable = true } or nil
    end
    local seen = {}
    assert.equal(250, #wait(w, "instance_running", ids, { on_progress = function(now) seen[#seen + 1] = now end }))
    assert.equal(4, #w.calls)
    assert.same({ unknown = 100, running = 150 }, seen[1].states)
    assert.equal("throttled", seen[1].error.kind)
    assert.is_nil(seen[2].error)
  end)
end)

describe("a waiter for one resource", function()
  it("returns the resource when it is in the state", function()
    local w = world { a = { "pending", "starting", "running" } }
    assert.same({ instanceId = "a", status = "running" }, wait(w, "instance_running", "a"))
    assert.equal(3, w:count("describeInstance"))
  end)

  it("goes on for a state that nobody knows, and for none", function()
    for _, state in ipairs { "never_heard_of", "" } do
      local w = world { a = { state, "running" } }
      assert.truthy(wait(w, "instance_running", "a"))
      assert.equal(2, #w.calls)
    end
    local _, err = wait(world { a = { "" } }, "instance_running", "a", { timeout = 5 })
    assert.same({ { id = "a", state = "none" } }, err.laggards)
  end)

  it("reads states in any case, and tells them as they came", function()
    assert.truthy(wait(world { a = { "Running" } }, "instance_running", "a"))
    local _, err = wait(world { a = { "ERROR" } }, "instance_running", "a")
    assert.same({ { id = "a", state = "ERROR" } }, err.laggards)
  end)

  it("takes 404 for the end of what is deleted", function()
    assert.same({}, wait(world { a = { "deleting", "gone" } }, "instance_deleted", "a"))
  end)

  it("takes an answer that says nothing for none only if it comes twice", function()
    for _, ids in ipairs { "a", { "a" } } do
      local w, calls = world { a = { "running" } }, 0
      local call = w.env and w.env.call or w.call
      local function first_nothing(...)
        calls = calls + 1
        if calls == 1 then return {} end
        return call(...)
      end
      if w.env then w.env.call = first_nothing else w.call = first_nothing end
      local ok, err = wait(w, "instance_deleted", ids, { timeout = 20 })
      assert.is_nil(ok)
      assert.same({ { id = "a", state = "running" } }, err.laggards)
    end
  end)

  it("takes null for no state, and for no list", function()
    local w = world { a = { "running" } }
    local answers = {
      { instance = { instanceId = "a", status = json.null } }, { instance = { instanceId = "a", status = "running" } },
    }
    local calls = 0
    local env = w.env or w
    env.call = function()
      calls = calls + 1
      return answers[calls]
    end
    assert.truthy(wait(w, "instance_running", "a"))
    assert.equal(2, calls)
  end)

  it("takes an empty structure, or none, for a resource that isn't there", function()
    for _, empty in ipairs { { instance = {} }, {} } do
      local w = world { a = { "deleting" } }
      w.env.call = function() return empty end
      assert.truthy(wait(w, "instance_deleted", "a"))
      local _, err = wait(w, "instance_running", "a")
      assert.equal("not_found", err.kind)
    end
  end)

  it("takes 404 for still going just after a create, and for a failure later", function()
    assert.truthy(wait(world { a = { "gone", "gone", "pending", "running" } }, "instance_running", "a"))
    local w = world { a = { "gone" } }
    local ok, err = wait(w, "instance_running", "a")
    assert.is_nil(ok)
    assert.equal("not_found", err.kind)
    assert.is_true(w.time >= 130 and w.time < 150)
    assert.truthy(tostring(err):find("vm.instance_running: not_found: 1 of 1 can't get there: a (absent)", 1, true))
  end)

  it("ends in time, and its last sleep and call stay inside", function()
    local w = world { a = { "pending" } }
    local ok, err = wait(w, "instance_running", "a", { timeout = 20 })
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert.equal(119, w.time)
    assert.equal(20, w.calls[1].options.timeout)
    assert.equal(1, w.calls[#w.calls].options.timeout)
    assert.truthy(tostring(err):find("timeout: 1 of 1 not there in time: a (pending)", 1, true))
  end)

  it("looks at the beginning and at the end, however short its time", function()
    local w = world { a = { "running" } }
    assert.truthy(wait(w, "instance_running", "a", { timeout = 0.5 }))
    assert.equal(0.5, w.calls[1].options.timeout)
    w = world { a = { "pending" } }
    local _, err = wait(w, "instance_running", "a", { timeout = 0.5 })
    assert.equal("timeout", err.kind)
    assert.same({ 0.4 }, w.sleeps)
  end)

  it("looks again after 1 s, then more and more rarely, at most every 10 s", function()
    local w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 100 })
    assert.same({ 1, 1.5, 2.25 }, { w.sleeps[1], w.sleeps[2], w.sleeps[3] })
    assert.equal(10, w.sleeps[8])
    w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 100, interval = 30 })
    assert.same({ 30, 30, 30, 9 }, w.sleeps)
  end)

  it("lives through failures that may pass, not through others", function()
    local w = world { a = { "pending", "pending", "running" } }
    w.fail = function(round) return round == 2 and errors.new { kind = "server", retryable = true } or nil end
    assert.truthy(wait(w, "instance_running", "a"))
    w = world { a = { "pending" } }
    w.fail = function(round) return round == 2 and errors.new { kind = "denied", retryable = false } or nil end
    local ok, err = wait(w, "instance_running", "a")
    assert.is_nil(ok)
    assert.equal("denied", err.kind)
  end)

  it("ends when its sleep is broken off", function()
    local w = world { a = { "pending" } }
    w.env.sleep = function() return nil, errors.new { kind = "cancelled" } end
    local ok, err = wait(w, "instance_running", "a")
    assert.is_nil(ok)
    assert.equal("cancelled", err.kind)
    assert.equal("instance_running", err.operation)
  end)

  it("passes on its other parameters and the options of a call", function()
    local w = world { a = { "running" } }
    waiters.wait("vm", "instance_running", { instanceId = "a", regionId = "cn-east-2" }, { attempts = 5 }, w.env)
    assert.same({ instanceId = "a", regionId = "cn-east-2" }, w.calls[1].params)
    assert.same({ attempts = 5, timeout = 30, max_wait = 570 }, w.calls[1].options)
  end)

  it("lets no call wait for the limiter beyond its own time", function()
    local w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 50, interval = 18, max_wait = 5 })
    assert.same({ 5, 2, 0 }, { w.calls[1].options.max_wait, w.calls[2].options.max_wait, w.calls[3].options.max_wait })
  end)
end)

describe("a waiter for a list", function()
  it("asks for a hundred at a time, and only for those that aren't there yet", function()
    local ids, all = many(500, function(i) return i <= 450 and { "running" } or { "pending", "running" } end)
    local w = world(all)
    local list = wait(w, "instance_running", ids)
    assert.equal(500, #list)
    for i, id in ipairs(ids) do assert.equal(id, list[i].instanceId) end
    assert.equal(5 + 1, #w.calls)
    assert.same({ name = "instanceId", values = w.calls[6].params.filters[1].values }, w.calls[6].params.filters[1])
    assert.equal(50, #w.calls[6].params.filters[1].values)
    assert.is_nil(w.calls[6].params.instanceId)
  end)

  it("keeps its calls below the longest URL", function()
    local ids, all = {}, {}
    for i = 1, 150 do
      ids[i] = ("i-%098d"):format(i)
      all[ids[i]] = { "running" }
    end
    local w, asked = world(all), 0
    assert.equal(150, #wait(w, "instance_running", ids))
    for _, call in ipairs(w.calls) do
      local bytes = 0
      for i, id in ipairs(call.params.filters[1].values) do
        asked, bytes = asked + 1, bytes + #("&filters.1.values." .. i .. "=") + #id
      end
      assert.is_true(bytes < 7200)
    end
    assert.equal(150, asked)
  end)

  it("names the laggards, the first five of them in its line", function()
    local ids, all = many(20, function(i) return i <= 12 and { "running" } or { "pending" } end)
    local ok, err = wait(world(all), "instance_running", ids, { timeout = 5 })
    assert.is_nil(ok)
    assert.equal(8, #err.laggards)
    assert.same({ id = "i-013", state = "pending" }, err.laggards[1])
    assert.truthy(tostring(err):find("8 of 20 not there in time: i-013 (pending), ", 1, true))
    assert.truthy(tostring(err):find("and 3 more", 1, true))
  end)

  it("fails as soon as one of them can't get there, and names those that can't", function()
    local ids, all = many(3, function(i) return { i == 2 and "error" or "pending" } end)
    local _, err = wait(world(all), "instance_running", ids)
    assert.equal("conflict", err.kind)
    assert.same({ { id = "i-002", state = "error" } }, err.laggards)
  end)

  it("takes what the list doesn't have for gone", function()
    local ids, all = many(3, function(i) return i == 2 and { "deleting", "gone" } or { "gone" } end)
    local w = world(all)
    assert.same({}, wait(w, "instance_deleted", ids))
    assert.equal(2, #w.calls)
  end)

  it("takes what the list doesn't have for going just after a create, and for a failure later", function()
    local ids, all = many(3, function(i) return i == 2 and { "gone", "pending", "running" } or { "running" } end)
    assert.equal(3, #wait(world(all), "instance_running", ids))
    all[ids[2]] = { "gone" }
    local _, err = wait(world(all), "instance_running", ids)
    assert.equal("not_found", err.kind)
    assert.same({ { id = "i-002", state = "absent" } }, err.laggards)
  end)

  it("ends at once for no ids, and asks once for an id that is there twice", function()
    local w = world { a = { "running" } }
    assert.same({}, wait(w, "instance_running", {}))
    assert.equal(0, #w.calls)
    assert.equal(1, #wait(w, "instance_running", { "a", "a" }))
    assert.same({ "a" }, w.calls[1].params.filters[1].values)
  end)

  it("asks for images by their ids", function()
    local w = resources.new(catalogue.vm.image_ready[1], { m = { "pending", "ready" } })
    local list = waiters.wait("vm", "image_ready", { imageId = { "m" } }, nil, w.env)
    assert.same({ { imageId = "m", status = "ready" } }, list)
    assert.same({ ids = { "m" }, pageNumber = 1, pageSize = 100 }, w.calls[1].params)
  end)

  it("tells its progress after each round", function()
    local seen = {}
    local ids, all = many(3, function(i) return i == 1 and { "running" } or { "pending", "running" } end)
    wait(world(all), "instance_running", ids, { on_progress = function(progress) seen[#seen + 1] = progress end })
    assert.same({
      { waiter = "instance_running", elapsed = 0, total = 3, done = 1, states = { running = 1, pending = 2 } },
      { waiter = "instance_running", elapsed = 1, total = 3, done = 3, states = { running = 3 } },
    }, seen)
  end)

  it("makes no more calls once its time is over", function()
    local ids, all = many(500, function() return { "pending" } end)
    local w = world(all)
    local call = w.env.call
    w.env.call = function(...)
      w.time = w.time + 4
      return call(...)
    end
    local _, err = wait(w, "instance_running", ids, { timeout = 10 })
    assert.equal("timeout", err.kind)
    assert.equal(3, #w.calls)
    assert.equal(500, #err.laggards)
  end)
end)

describe("a list that isn't what was asked for", function()
  -- 150 of 300 are waited for; those with even numbers.
  local function half(states)
    local ids, all = many(300, states)
    local even = {}
    for i = 2, 300, 2 do even[#even + 1] = ids[i] end
    return even, world(all)
  end

  it("but has everything is read to its end, and others in it don't count", function()
    local ids, w = half(function(i) return { i % 2 == 0 and "running" or "error" } end)
    w.whole = true
    local list = wait(w, "instance_running", ids)
    assert.equal(150, #list)
    for i, id in ipairs(ids) do assert.equal(id, list[i].instanceId) end
    assert.equal(2 + 3, #w.calls)
  end)

  it("but has smaller pages is read on", function()
    local ids, w = half(function() return { "running" } end)
    w.page_max = 20
    assert.equal(150, #wait(w, "instance_running", ids))
    assert.equal(5 + 3, #w.calls)
  end)

  it("but repeats its last page for ever comes to an end", function()
    local ids, w = half(function(i) return { i == 2 and "gone" or "running" } end)
    local call = w.env.call
    w.env.call = function(operation, params, options)
      params.pageNumber = 1
      return call(operation, params, options)
    end
    w.total = function() return 1000 end
    local _, err = wait(w, "instance_running", ids)
    assert.equal("not_found", err.kind)
    assert.same({ { id = "i-002", state = "absent" } }, err.laggards)
  end)

  it("doesn't make what it lacks gone: that is asked for by itself", function()
    local w = world { a = { "running", "running", "gone" }, b = { "gone" } }
    w.first, w.total = 0, function() return 2 end
    assert.same({}, wait(w, "instance_deleted", { "a", "b" }))
    assert.equal(3, w.round)
    assert.equal(2 + 1 + 1, w:count("describeInstance"))
  end)

  it("but says nothing of its length, or too little, is read until no more comes", function()
    for _, total in ipairs { function() return nil end, function() return 1 end } do
      local ids, w = half(function(i) return { i <= 10 and "gone" or "running" } end)
      w.total, w.page_max = total, 30
      local _, err = wait(w, "instance_running", ids, { timeout = 60 })
      assert.equal("not_found", err.kind)
      assert.equal(5, #err.laggards)
      assert.same({ id = "i-002", state = "absent" }, err.laggards[1])
      -- An empty list that is said to have an item isn't believed from the second round on.
      assert.equal(total() and 5 * (w.round - 1) or 0, w:count("describeInstance"))
    end
  end)

  it("but says 404 because of one of them: they are asked for one by one", function()
    local w = world { a = { "running" }, b = { "gone", "pending", "running" } }
    w.fail = function(round, operation)
      return round == 1 and operation == "describeInstances" and errors.new { kind = "not_found" } or nil
    end
    assert.equal(2, #wait(w, "instance_running", { "a", "b" }))
    assert.equal(2, w:count("describeInstance"))
  end)

  it("whose filter isn't known to take many is read whole", function()
    local ids, all = many(250, function(i) return i % 5 == 0 and { "BUILDING", "RUNNING" } or { "RUNNING" } end)
    local w = resources.new(DATABASE, all)
    local some = { ids[250], ids[5], ids[1] }
    local list = waiters.wait("rds", "instance_running", { instanceId = some }, nil, w.env)
    assert.same({ ids[250], ids[5], ids[1] }, { list[1].instanceId, list[2].instanceId, list[3].instanceId })
    assert.equal(3 + 3, #w.calls)
    assert.same({ pageNumber = 1, pageSize = 100 }, w.calls[1].params)
  end)
end)

describe("a waiter for an attachment", function()
  local function disks(...)
    local answers, w = { ... }, resources.new(DISK, { d = { "in-use" } })
    w.env.call = function(_, params)
      w.calls[#w.calls + 1] = params
      return { disk = { diskId = "d", status = "in-use", attachments = answers[math.min(w.round, #answers)] } }
    end
    return w
  end
  local function attached(instance, state) return { instanceId = instance, status = state } end
  local function wait_for(w, name, instance)
    return waiters.wait("disk", name, { diskId = "d", instanceId = instance }, { timeout = 60 }, w.env)
  end

  it("looks at the instance that is named, which no operation is told", function()
    local w = disks({ attached("i", "attached") }, { attached("i", "attached"), attached("j", "attaching") },
      { attached("i", "attached"), attached("j", "attached") })
    assert.truthy(wait_for(w, "disk_attached", "j"))
    assert.equal(3, w.round)
    assert.same({ diskId = "d" }, w.calls[1])
    w = disks({ attached("i", "attached"), attached("j", "detaching") }, { attached("i", "attached") })
    assert.truthy(wait_for(w, "disk_detached", "j"))
    assert.equal(2, w.round)
  end)

  it("looks at all where none is named", function()
    local w = disks({ attached("i", "attached"), attached("j", "attaching") },
      { attached("i", "attached"), attached("j", "attached") })
    assert.truthy(wait_for(w, "disk_attached"))
    assert.equal(2, w.round)
    w = disks({ attached("i", "detached"), attached("j", "detaching") }, {})
    assert.truthy(wait_for(w, "disk_detached"))
    assert.equal(2, w.round)
  end)

  it("fails with one that failed, and tells the states of all", function()
    local w = disks({ attached("i", "attached"), attached("j", "error_attach") })
    local _, err = wait_for(w, "disk_attached")
    assert.equal("conflict", err.kind)
    assert.same({ { id = "d", state = "attached,error_attach" } }, err.laggards)
  end)
end)

describe("a wait that can't be", function()
  it("is an error if an id would be passed over, or has another name", function()
    local model = require("jdcloud.models").service("vm")
    for _, case in ipairs {
      { { instanceId = { "a", nil, "b" } }, "instanceId", "must be a list of ids from 1 without holes" },
      { { instanceId = { "a", x = "b" } }, "instanceId", "must be a list of ids from 1 without holes" },
      { { instanceId = { "a", 5 } }, "instanceId", "must be an id or a list of ids" },
      { {}, "instanceId", "is required" },
    } do
      local w = world {}
      local ok, err = waiters.wait("vm", "instance_running", case[1], nil, w)
      assert.is_nil(ok)
      assert.same({ { path = case[2], message = case[3] } }, err.problems)
      assert.equal(0, #w.calls)
    end
    local w = world {}
    w.model = model
    local _, err = waiters.wait("vm", "instance_running", { instanceID = "a" }, nil, w)
    assert.same('is not a known parameter; did you mean "instanceId"?', err.problems[2].message)
  end)

  it("is an error that names the nearest waiter, the service that has it, or the parameter", function()
    local ok, err = wait(world {}, "instance_runing", "a")
    assert.is_nil(ok)
    assert.truthy(tostring(err):find('there is no waiter "instance_runing"; did you mean "instance_running"?', 1, true))
    ok, err = waiters.wait("disk", "instance_running", {}, nil, world({}).env)
    assert.is_nil(ok)
    assert.equal("invalid", err.kind)
    assert.truthy(err.message:find('no waiter "instance_running"; there is one in es, kafka, rds, vm', 1, true))
    for _, bad in ipairs { 5, "", { 5 } } do
      ok, err = wait(world {}, "instance_running", bad)
      assert.is_nil(ok)
      assert.equal("instanceId", err.problems[1].path)
    end
    ok, err = waiters.wait("vm", "instance_running", nil, nil, world({}).env)
    assert.is_nil(ok)
    assert.equal("invalid", err.kind)
  end)

  it("has parameters that the wait sets itself", function()
    local w = world { a = { "running" } }
    local _, err = waiters.wait("vm", "instance_running", { instanceId = "a", filters = {}, pageSize = 5 }, nil, w.env)
    assert.equal("invalid", err.kind)
    assert.equal("pageSize: is set by the wait itself; filters: is set by the wait itself", err.message)
    assert.equal(0, #w.calls)
  end)
end)
