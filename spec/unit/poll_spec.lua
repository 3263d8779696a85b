-- client:poll on virtual time: until a function is content, within its time, through failures that may pass.

local errors = require "jdcloud.errors"
local house = require "support.house"
local poll = require "jdcloud.poll"

-- An environment whose calls answer `answers` one after the other, the last one for ever: a result, or an error.
local function world(answers)
  local w = { time = 100, calls = {}, sleeps = {} }
  w.env = {
    now = function() return w.time end,
    sleep = function(seconds)
      w.sleeps[#w.sleeps + 1] = seconds
      w.time = w.time + seconds
    end,
    call = function(operation, params, options)
      w.calls[#w.calls + 1] = { operation = operation, params = params, options = options }
      local answer = answers[math.min(#w.calls, #answers)]
      if errors.is(answer) then return nil, answer end
      return answer
    end,
  }
  return w
end

local function run(w, until_done, options)
  return poll.poll("rds", "describeX", { id = "a" }, until_done, options, w.env)
end

local missing = errors.new { kind = "not_found", code = 404 }
local down = errors.new {
  kind = "server", retryable = true, status = "UNAVAILABLE", http_status = 503, message = "down",
}

describe("poll", function()
  it("calls until the function returns a true value, and returns the last result and that value", function()
    local w = world { { n = 1 }, { n = 2 }, { n = 3 } }
    local result, done = run(w, function(r) return r.n == 3 and "third" end)
    assert.same({ n = 3 }, result)
    assert.equal("third", done)
    assert.same({ 1, 1.5 }, w.sleeps)
    local options = { timeout = 30, max_wait = 570 }
    assert.same({ operation = "describeX", params = { id = "a" }, options = options }, w.calls[1])
    assert.same({ {}, true }, { run(world { {} }, function() return true end) })
  end)

  it("gives the function what isn't there, and failures that may pass, as errors", function()
    local seen = {}
    local w = world { missing, down, { n = 1 } }
    assert.same({ n = 1 }, (run(w, function(result, err)
      seen[#seen + 1] = err and err.kind or "result"
      return result
    end)))
    assert.same({ "not_found", "server", "result" }, seen)
  end)

  it("ends well where the function takes the error for the end: a true value comes first", function()
    local result, done = run(world { { n = 1 }, missing }, function(_, err) return err and err.kind == "not_found" end)
    assert.same({}, result)
    assert.is_true(done)
  end)

  it("ends with an error that is for good, without asking", function()
    local asked = 0
    local denied = errors.new { kind = "denied", retryable = false }
    local result, err = run(world { { n = 1 }, denied }, function() asked = asked + 1 end)
    assert.is_nil(result)
    assert.equal(denied, err)
    assert.equal(1, asked)
  end)

  it("ends in time with the last error noted, and no call goes beyond it", function()
    local w = world { { n = 1 }, down }
    local result, err = run(w, function() return false end, { timeout = 20 })
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("UNAVAILABLE", err.status)
    assert.truthy(tostring(err):find("rds.describeX: UNAVAILABLE (HTTP 503): not done in time (7 calls in 19 s), and "
      .. "the last look failed (UNAVAILABLE: down)", 1, true))
    assert.equal(119, w.time)
    assert.same({ 20, 1 }, { w.calls[1].options.timeout, w.calls[#w.calls].options.timeout })
    result, err = run(world { { n = 1 } }, function() end, { timeout = 0.5 })
    assert.is_nil(result)
    assert.equal("not done in time (2 calls in 0.4 s)", err.message)
  end)

  it("takes what comes beside a result for its meta, not for an error", function()
    local w, told = world { { n = 1 } }, {}
    local call = w.call
    function w.call(...) return call(...), { http_status = 200 } end
    local _, err = run(w, function(_, failure)
      told[#told + 1] = failure or "none"
    end, { timeout = 0.5 })
    assert.same({ "none", "none" }, told)
    assert.equal("not done in time (2 calls in 0.4 s)", err.message)
    assert.is_nil(err.http_status)
  end)

  it("sleeps as it is told and passes on the options of a call", function()
    local w = world { {} }
    run(w, function() end, { timeout = 100, interval = 30, attempts = 1, max_wait = 5 })
    assert.same({ 30, 30, 30, 9 }, w.sleeps)
    assert.same({ attempts = 1, timeout = 30, max_wait = 5 }, w.calls[1].options)
  end)

  it("ends when its sleep is broken off", function()
    local w = world { {} }
    w.env.sleep = function() return nil, errors.new { kind = "closed" } end
    local result, err = run(w, function() end)
    assert.is_nil(result)
    assert.equal("closed", err.kind)
    assert.equal("describeX", err.operation)
  end)

  it("lets an error of the function through, and a yield", function()
    local ok, message = pcall(run, world { {} }, function() error("mine", 0) end)
    assert.is_false(ok)
    assert.equal("mine", message)
    local thread = coroutine.wrap(function()
      return run(world { { n = 1 } }, function(result) return coroutine.yield(result) end)
    end)
    assert.same({ n = 1 }, thread())
    assert.same({ { n = 1 }, "done" }, { thread("done") })
  end)
end)

local SPEC = { az = "cn-north-1a", name = "x", charge = { chargeMode = "postpaid_by_usage" } }

describe("client:poll", function()
  it("polls through the client, its clock and its transport", function()
    local cloud, gateway = house.open(nil, { ready_after = 20 })
    local created = assert(cloud.vm:createInstances { instanceSpec = SPEC })
    local started, states = gateway:now(), {}
    local result, done = cloud.vm:poll("describeInstance", { instanceId = created.instanceIds[1] }, function(result)
      states[#states + 1] = result.instance.status
      return result.instance.status == "running"
    end)
    assert.equal("running", result.instance.status)
    assert.is_true(done)
    assert.equal("pending", states[1])
    local waited = gateway:now() - started
    assert.is_true(waited >= 20 and waited < 31)
  end)

  it("raises where the client does, and at wrong arguments always", function()
    local cloud = house.open()
    local _, err = cloud.vm:poll("describeInstance", { instanceId = "i-gone" }, function() end, { timeout = 5 })
    assert.equal("timeout", err.kind)
    assert.equal("NOT_FOUND", err.status)
    local result
    result, err = cloud.vm:poll("describeInstanse", {}, function() end)
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    local ok, message = pcall(cloud.vm.poll, cloud.vm, "describeInstance", {}, "not a function")
    assert.is_false(ok)
    assert.truthy(tostring(message):find("poll needs a function(result, err), not a string", 1, true))
    ok, message = pcall(cloud.vm.poll, cloud.vm, "describeInstance", {}, function() end, { on_progress = print })
    assert.is_false(ok)
    assert.truthy(tostring(message):find('no option "on_progress"', 1, true))
  end)
end)
