-- Waiters on a clock of their own: every state, what is gone, what is new, time and failures (protocol.md 11.2).

local errors = require "jdcloud.errors"
local waiters = require "jdcloud.waiters"

-- An environment whose instances go through `states`: id -> list of states, one a round of calls; "gone" is a 404, and
-- the last one stays.
local function world(states)
  local w = { time = 100, calls = {}, sleeps = {} }

  local function state_of(id)
    local list = states[id]
    return list and list[math.min(w.round, #list)] or "gone"
  end

  w.round = 1
  function w.now() return w.time end
  function w.sleep(seconds)
    w.sleeps[#w.sleeps + 1] = seconds
    w.time = w.time + seconds
    w.round = w.round + 1
  end

  function w.call(operation, params, options)
    w.calls[#w.calls + 1] = { operation = operation, params = params, options = options }
    if w.fail and w.fail(w.round) then return nil, w.fail(w.round) end
    if operation == "describeInstance" then
      local state = state_of(params.instanceId)
      if state == "gone" then return nil, errors.new { kind = "not_found", code = 404 } end
      return { instance = { instanceId = params.instanceId, status = state } }
    end
    local list = {}
    local ids = params.filters and params.filters[1].values or params.ids
    for _, id in ipairs(ids) do
      if state_of(id) ~= "gone" then
        list[#list + 1] = operation == "describeImages" and { imageId = id, status = state_of(id) }
          or { instanceId = id, status = state_of(id) }
      end
    end
    return { [operation == "describeImages" and "images" or "instances"] = list }
  end
  return w
end

local function wait(w, name, ids, options)
  return waiters.wait("vm", name, { instanceId = ids }, options, w)
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
end)

describe("a waiter for one resource", function()
  it("returns the resource when it is in the state", function()
    local w = world { a = { "pending", "starting", "running" } }
    assert.same({ instanceId = "a", status = "running" }, wait(w, "instance_running", "a"))
    assert.equal(3, #w.calls)
    assert.equal("describeInstance", w.calls[1].operation)
  end)

  for name, waiter in pairs(waiters.table) do
    if waiter.resource.id == "instanceId" then
      it(name .. " goes on for its states on the way and for new ones, and ends at each of the others", function()
        local ending = waiter.done[1]
        for _, state in ipairs(waiter.going) do
          assert.truthy(wait(world { a = { state, ending } }, name, "a"), state)
        end
        assert.truthy(wait(world { a = { "never_heard_of", ending } }, name, "a"))
        for _, state in ipairs(waiter.done) do assert.truthy(wait(world { a = { state } }, name, "a")) end
        for _, state in ipairs(waiter.failed) do
          local ok, err = wait(world { a = { "pending", state } }, name, "a")
          assert.is_nil(ok)
          assert.equal("conflict", err.kind)
          assert.same({ { id = "a", state = state } }, err.laggards)
        end
      end)
    end
  end

  it("takes 404 for the end of what is deleted", function()
    assert.same({}, wait(world { a = { "deleting", "gone" } }, "instance_deleted", "a"))
  end)

  it("takes 404 for still going just after a create, and for a failure later", function()
    assert.truthy(wait(world { a = { "gone", "gone", "pending", "running" } }, "instance_running", "a"))
    local w = world { a = { "gone" } }
    local ok, err = wait(w, "instance_running", "a")
    assert.is_nil(ok)
    assert.equal("not_found", err.kind)
    assert.is_true(w.time < 150)
    assert.truthy(tostring(err):find("vm.instance_running: not_found: 1 of 1 can't get there: a (absent)", 1, true))
  end)

  it("ends in time, and its last sleep and call stay inside", function()
    local w = world { a = { "pending" } }
    local ok, err = wait(w, "instance_running", "a", { timeout = 20 })
    assert.is_nil(ok)
    assert.equal("timeout", err.kind)
    assert.equal(120, w.time)
    assert.equal(20, w.calls[1].options.timeout)
    assert.equal(1, w.calls[#w.calls].options.timeout)
    assert.truthy(tostring(err):find("timeout: 1 of 1 not there in time: a (pending)", 1, true))
  end)

  it("looks again after 1 s, then more and more rarely, at most every 10 s", function()
    local w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 100 })
    assert.same({ 1, 1.5, 2.25 }, { w.sleeps[1], w.sleeps[2], w.sleeps[3] })
    assert.equal(10, w.sleeps[8])
    w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 100, interval = 30 })
    assert.same({ 30, 30, 30, 10 }, w.sleeps)
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
    w.sleep = function() return nil, errors.new { kind = "cancelled" } end
    local ok, err = wait(w, "instance_running", "a")
    assert.is_nil(ok)
    assert.equal("cancelled", err.kind)
  end)

  it("passes on its other parameters and the options of a call", function()
    local w = world { a = { "running" } }
    waiters.wait("vm", "instance_running", { instanceId = "a", regionId = "cn-east-2" }, { attempts = 5 }, w)
    assert.same({ instanceId = "a", regionId = "cn-east-2" }, w.calls[1].params)
    assert.same({ attempts = 5, timeout = 30, max_wait = 600 }, w.calls[1].options)
  end)

  it("lets no call wait for the limiter beyond its own time", function()
    local w = world { a = { "pending" } }
    wait(w, "instance_running", "a", { timeout = 12, interval = 10, max_wait = 5 })
    assert.same({ 5, 2, 0 }, { w.calls[1].options.max_wait, w.calls[2].options.max_wait, w.calls[3].options.max_wait })
  end)
end)

describe("a waiter for a list", function()
  local function many(count, states)
    local ids, all = {}, {}
    for i = 1, count do
      ids[i] = ("i-%03d"):format(i)
      all[ids[i]] = states(i)
    end
    return ids, world(all)
  end

  it("asks for a hundred at a time, and only for those that aren't there yet", function()
    local ids, w = many(500, function(i) return i <= 450 and { "running" } or { "pending", "running" } end)
    local list = wait(w, "instance_running", ids)
    assert.equal(500, #list)
    assert.equal("i-500", list[500].instanceId)
    assert.equal(5 + 1, #w.calls)
    assert.same({ name = "instanceId", values = w.calls[6].params.filters[1].values }, w.calls[6].params.filters[1])
    assert.equal(50, #w.calls[6].params.filters[1].values)
    assert.is_nil(w.calls[6].params.instanceId)
  end)

  it("names the laggards, the first five of them in its line", function()
    local ids, w = many(20, function(i) return i <= 12 and { "running" } or { "pending" } end)
    local ok, err = wait(w, "instance_running", ids, { timeout = 5 })
    assert.is_nil(ok)
    assert.equal(8, #err.laggards)
    assert.same({ id = "i-013", state = "pending" }, err.laggards[1])
    assert.truthy(tostring(err):find("8 of 20 not there in time: i-013 (pending), ", 1, true))
    assert.truthy(tostring(err):find("and 3 more", 1, true))
  end)

  it("takes what the list doesn't have for gone", function()
    local ids, w = many(3, function(i) return i == 2 and { "deleting", "gone" } or { "gone" } end)
    assert.same({}, wait(w, "instance_deleted", ids))
    assert.equal(2, #w.calls)
  end)

  it("ends at once for no ids", function()
    local _, w = many(0, function() end)
    assert.same({}, wait(w, "instance_running", {}))
    assert.equal(0, #w.calls)
  end)

  it("asks for images by their ids", function()
    local w = world { m = { "pending", "ready" } }
    local list = waiters.wait("vm", "image_ready", { imageId = { "m" } }, nil, w)
    assert.same({ { imageId = "m", status = "ready" } }, list)
    assert.same({ ids = { "m" }, pageNumber = 1, pageSize = 100 }, w.calls[1].params)
  end)

  it("tells its progress after each round", function()
    local seen = {}
    local ids, w = many(3, function(i) return i == 1 and { "running" } or { "pending", "running" } end)
    wait(w, "instance_running", ids, { on_progress = function(progress) seen[#seen + 1] = progress end })
    assert.same({
      { waiter = "instance_running", elapsed = 0, total = 3, done = 1, states = { running = 1, pending = 2 } },
      { waiter = "instance_running", elapsed = 1, total = 3, done = 3, states = { running = 3 } },
    }, seen)
  end)
end)

describe("a wait that can't be", function()
  it("is an error that names the nearest waiter, or the parameter", function()
    local ok, err = wait(world {}, "instance_runing", "a")
    assert.is_nil(ok)
    assert.truthy(tostring(err):find('there is no waiter "instance_runing"; did you mean "instance_running"?', 1, true))
    for _, bad in ipairs { 5, "", { 5 } } do
      ok, err = wait(world {}, "instance_running", bad)
      assert.is_nil(ok)
      assert.equal("instanceId", err.problems[1].path)
    end
    ok, err = waiters.wait("vm", "instance_running", nil, nil, world {})
    assert.is_nil(ok)
    assert.equal("invalid", err.kind)
  end)

  it("isn't offered: the names are those of the service", function()
    assert.same({ "image_deleted", "image_ready", "instance_deleted", "instance_running", "instance_stopped" },
      waiters.names("vm"))
    assert.same({}, waiters.names("disk"))
  end)
end)
