-- Error objects: their line, what survives of them on every Lua, and what a person sees of one that nobody catches.

local child = require "support.child"
local errors = require "jdcloud.errors"

local function refusal(fields)
  local err = {
    kind = "not_found", status = "NOT_FOUND", code = 404, http_status = 404, message = "the instance does not exist",
    service = "vm", operation = "stopInstance", region = "cn-east-2", request_id = "bv1", attempts = 3,
    hint = "look at the region",
  }
  for name, value in pairs(fields or {}) do err[name] = value end
  return errors.new(err)
end

describe("an error object", function()
  it("is one line with the caller's place, the operation, the verdict and what to do", function()
    local err = refusal { where = "script.lua:12" }
    assert.equal("script.lua:12: vm.stopInstance: NOT_FOUND (404): the instance does not exist "
      .. "[cn-east-2, request bv1, 3 attempts] (hint: look at the region)", tostring(err))
  end)

  it("knows the line of the caller", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local err = refusal()
    assert.truthy(err.where:find("errors_spec.lua:" .. line, 1, true))
  end)

  it("takes as the caller's place the first frame outside the package", function()
    local filters = require "jdcloud.filters"
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() filters { status = {} } end)
    assert.is_false(ok)
    assert.truthy(message:find("errors_spec.lua:" .. line .. ": filters:", 1, true), message)
  end)

  it("stays on one line and bounded, whatever the service says", function()
    local err = refusal {
      message = "a\nb\r\0c\27[31m\194\133d" .. ("ü"):rep(2000), hint = "x\ny", region = ("r"):rep(1000),
    }
    local line = tostring(err)
    assert.falsy(line:find("[%z\1-\31\127]"))
    assert.falsy(line:find("\194\133", 1, true))
    assert.is_true(#line < 2000)
    assert.truthy(line:find("ü... [", 1, true))
  end)

  it("names both codes where they differ, the HTTP status or the kind where there is nothing else", function()
    assert.truthy(tostring(refusal { http_status = 200 }):find("NOT_FOUND (404, HTTP 200): ", 1, true))
    assert.equal("server (HTTP 502)", tostring(errors.new { kind = "server", http_status = 502, where = false }))
    assert.equal("config [not sent]", tostring(errors.new { kind = "config", attempts = 0, where = false }))
  end)

  it("says its problems, the first five of them", function()
    local problems = {}
    for i = 1, 7 do problems[i] = { path = "p" .. i, message = "is required" } end
    local err = errors.new { kind = "invalid", problems = problems, where = false }
    assert.equal("invalid: p1: is required; p2: is required; p3: is required; p4: is required; p5: is required; "
      .. "and 2 more", tostring(err))
  end)

  it("joins with text on both sides", function()
    local err = refusal { where = "s.lua:1" }
    assert.equal("failed: " .. tostring(err), "failed: " .. err)
    assert.equal(tostring(err) .. "!", err .. "!")
    assert.equal(tostring(err) .. tostring(err), err .. err)
  end)

  it("is recognised, by another load of the package too", function()
    local other = assert(loadfile("lua/jdcloud/errors.lua"))()
    assert.is_true(errors.is(refusal()))
    assert.is_true(other.is(refusal()))
    assert.is_true(errors.is(other.new { kind = "busy" }))
    for _, x in ipairs { {}, setmetatable({}, {}), setmetatable({}, { __metatable = "no" }), "text", 1 } do
      assert.is_false(errors.is(x))
    end
    assert.is_false(errors.is(nil))
  end)
end)

describe("errors.check", function()
  it("returns everything if there is a value", function()
    local function packed(...) return { n = select("#", ...), ... } end
    assert.same({ n = 3, 1, nil, 3 }, packed(errors.check(1, nil, 3)))
  end)

  it("raises the object itself where it is caught", function()
    local err = refusal()
    local ok, caught = pcall(errors.check, nil, err)
    assert.is_false(ok)
    assert.equal(err, caught)
    local _, again = pcall(error, caught)
    assert.equal(err, again)
  end)

  it("raises the object itself in a coroutine", function()
    local err = refusal()
    local co = coroutine.create(function() errors.check(false, err) end)
    local ok, caught = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal(err, caught)
  end)

  it("raises what is no error object as it is", function()
    local _, caught = pcall(errors.check, nil, "text")
    assert.equal("text", caught)
    _, caught = pcall(errors.check, nil)
    assert.equal("check failed", caught)
  end)
end)

-- What stands at a terminal when a script of a user's does this.
local PRELUDE = [[
local errors = require "jdcloud.errors"
local function call() -- as the safe interface answers
  return nil, errors.new { kind = "not_found", status = "NOT_FOUND", code = 404, service = "vm",
    operation = "describeInstance", message = "no such instance" }
end
]]
local LINE = "script.lua:%d+: vm.describeInstance: NOT_FOUND %(404%): no such instance"
local puc51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
local strings_only = puc51 or _VERSION == "Lua 5.2"

describe("a person sees the line of an error", function()
  it("that nobody catches", function()
    local seen = child.run(PRELUDE .. "errors.check(call())")
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find(LINE), seen.err)
  end)

  it("that nobody catches, raised deep below", function()
    local seen = child.run(PRELUDE .. [[
      local function deep(n)
        if n == 0 then errors.check(call()) end
        deep(n - 1)
        return 1
      end
      deep(50)]])
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find(LINE), seen.err)
  end)

  it("that was concatenated", function()
    local seen = child.run(PRELUDE .. 'local _, err = call() error("stopping: " .. err)')
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find("stopping: .*" .. LINE), seen.err)
  end)

  it("that was caught and raised again through check", function()
    local seen = child.run(PRELUDE .. "local ok, err = pcall(errors.check, call()) errors.check(ok, err)")
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find(LINE), seen.err)
  end)

  it("that came out of a coroutine", function()
    local seen = child.run(PRELUDE .. [[
      local ok, err = coroutine.resume(coroutine.create(function() errors.check(call()) end))
      errors.check(ok, err)]])
    assert.truthy(seen.err:find(LINE), seen.err)
  end)

  -- PUC 5.1 shows no object, its and 5.2's assert takes none: jdcloud.check and jdcloud.main are for scripts there.
  it("that went through assert, where the Lua's assert takes objects", function()
    local seen = child.run(PRELUDE .. "assert(call())")
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find(strings_only and "bad argument #2 to 'assert'" or LINE), seen.err)
  end)

  it("that went through error() again, where the Lua shows objects", function()
    local seen = child.run(PRELUDE .. "local _, err = call() error(err)")
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find(puc51 and "error object is not a string" or LINE), seen.err)
  end)
end)

describe("main", function()
  local main = 'local main = require "jdcloud.main"\n'

  it("prints the line alone, also of what went through error(), and exits by kind", function()
    for kind, code in pairs {
      config = 2, invalid = 2, auth = 3, denied = 3, not_found = 4, conflict = 4, busy = 4, throttled = 5, quota = 5,
      server = 6, network = 7, timeout = 7, protocol = 7, cancelled = 130, closed = 1, phase = 1,
    } do
      local seen = child.run(PRELUDE .. main .. ([[
        main(function() error(errors.new { kind = %q, message = "it failed" }) end)]]):format(kind))
      assert.equal(code, seen.code, kind)
      assert.truthy(seen.err:find("^%S*script.lua:%d+: " .. kind .. ": it failed\n$"), seen.err)
    end
  end)

  it("prints one word for Ctrl-C, and exits as a shell does", function()
    local seen = child.run(PRELUDE .. main .. "main(function() error('interrupted!') end)")
    assert.equal(130, seen.code)
    assert.equal("interrupted\n", seen.err)
  end)

  it("prints what goes through check", function()
    local seen = child.run(PRELUDE .. main .. "main(function() errors.check(call()) end)")
    assert.equal(4, seen.code)
    assert.truthy(seen.err:find("^%S*" .. LINE .. "\n$"), seen.err)
  end)

  it("prints a traceback of any other error and exits with 1", function()
    local seen = child.run(main .. [[
local function broken() local x = nil; return x.y end
main(function() broken() end)]])
    assert.equal(1, seen.code)
    assert.truthy(seen.err:find("^lua: .*script.lua:2: attempt to index .*stack traceback:.*broken"), seen.err)
  end)

  it("hands arguments in and results out, and the script goes on", function()
    local seen = child.run(main .. 'print(main(function(a, b, c) return a, b, c end, 1, nil, 3)) io.write("on")')
    assert.equal(0, seen.code)
    assert.equal("1\tnil\t3\non", seen.out)
  end)
end)
