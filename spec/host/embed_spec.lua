-- embed_spec.lua - examples/embed.c as a process of its own, linked with a static library: it finds everything in
-- itself, makes its calls side by side against the gateway in nginx, keeps to its memory, and ends when it is told to.
-- And what the maker of static libraries takes and leaves. `make c-tests` builds the program, for Lua 5.4.

local child = require "support.child"
local models = require "jdcloud.models"
local nginx = require "jdcloud.gateway.nginx"
local shell = require "jdcloud.gateway.shell"

local PROGRAM = (os.getenv("BUILD") or "build") .. "/examples/embed"

describe("the embedding program", function()
  local server, program

  setup(function()
    local _, here = shell.run("pwd")
    program = PROGRAM:find("^/") and PROGRAM or here .. "/" .. PROGRAM
    assert(shell.exists(program), PROGRAM .. " is not there: make c-tests")
    server = assert(nginx.start { ready_after = 0 })
  end)

  before_each(function() server:reset() end)

  teardown(function()
    if server then server:stop() end
  end)

  -- Runs it outside of the checkout, with nothing in its environment but what it needs. Returns its numbers, what it
  -- complained of, and its exit status.
  local function run(arguments, variables, prefix)
    local environment = {
      JDCLOUD_ENDPOINT = server.http, JDCLOUD_ACCESS_KEY_ID = server.access_key,
      JDCLOUD_SECRET_ACCESS_KEY = server.secret_key, JDCLOUD_REGION_ID = "cn-north-1", HOME = "/nonexistent",
      PATH = os.getenv("PATH"),
    }
    for name, value in pairs(variables or {}) do environment[name] = value end
    local words = { "cd / && env -i" }
    for name, value in pairs(environment) do words[#words + 1] = name .. "=" .. shell.quote(value) end
    words[#words + 1] = (prefix or "") .. " " .. shell.quote(program) .. " " .. arguments
    local folder = child.folder()
    os.execute(("{ %s; } >%s/out 2>%s/err; echo $? >%s/code"):format(table.concat(words, " "), folder, folder, folder))
    local out, err = shell.read(folder .. "/out"), shell.read(folder .. "/err")
    local code = tonumber(shell.read(folder .. "/code"))
    os.execute("rm -r " .. folder)
    local calls, answered, failed, without_memory, megabytes, seconds = out:match(
      "^(%d+) calls: (%d+) answered, (%d+) failed, (%d+) without memory; (%S+) MB of Lua at most, (%S+) s\n$")
    return calls and {
      calls = tonumber(calls), answered = tonumber(answered), failed = tonumber(failed),
      without_memory = tonumber(without_memory), megabytes = tonumber(megabytes), seconds = tonumber(seconds),
    }, err, code
  end

  it("makes a hundred calls at once", function()
    server:misbehave { delay = 0.3, times = "all" }
    local numbers, err, code = run("100")
    assert.same({ "", 0 }, { err, code })
    assert.same({ 100, 100 }, { numbers.calls, numbers.answered })
    assert.is_true(numbers.seconds >= 0.3 and numbers.seconds < 15, numbers.seconds) -- one by one it would take 30 s
    local log = server:log()
    assert.equal(100, #log)
    for _, entry in ipairs(log) do assert.is_true(entry.executed) end
  end)

  it("reports the calls for which its memory doesn't suffice, and goes on with the others", function()
    server:misbehave { delay = 0.3, times = "all" }
    local numbers, err, code = run("100 1")
    assert.equal(1, code)
    assert.equal(100, numbers.answered + numbers.without_memory)
    assert.is_true(numbers.answered > 10 and numbers.without_memory > 10, numbers.answered)
    assert.is_true(numbers.megabytes <= 1)
    local _, reports = err:gsub("call %d+: [^\n]*not enough memory[^\n]*\n", "")
    assert.equal(numbers.without_memory, reports)
    numbers, err, code = run("3 0.1")
    assert.is_nil(numbers)
    assert.equal(1, code)
    assert.truthy(err:find("^embed: .*not enough memory"), err)
  end)

  it("repeats what is to be repeated", function()
    server:misbehave { status = 503, times = 5 }
    server:misbehave { cut = 40, times = 3 }
    server:misbehave { close = "before", times = 3 }
    local numbers, err = run("20")
    assert.equal("", err)
    assert.equal(20, numbers.answered)
    assert.equal(31, #server:log())
  end)

  -- The functions of the program's Lua, as C finds them.
  local function functions()
    local text = assert(shell.read("examples/embed.c"):match("script%[%] = //\n(.-);\n\n"))
    text = text:gsub("/%*.-%*/", ""):gsub('"%s*"', "")
    text = text:match('^%s*"(.*)"%s*$'):gsub("\\(.)", { n = "\n", r = "\r", ["\\"] = "\\" })
    text = text:gsub("^[^\n]*\n", "") -- makes a cloud
    return assert((rawget(_G, "loadstring") or load)(text))()
  end

  it("takes an answer that ends between two chunks for half an answer", function()
    local head, said = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {}
    local call = {
      answered = function(_, response) said[#said + 1] = response.body end,
      failed = function(_, failure) said[#said + 1] = failure.message end,
    }
    local answered = functions().answered
    for _, chunks in ipairs { "2\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n", "2\r\n{", "" } do
      answered(call, head .. chunks)
    end
    assert.same({ "{}", "half an answer", "half an answer", "half an answer" }, said)
  end)

  it("says what a call failed with", function()
    server:misbehave { status = 404, error_status = "NOT_FOUND", times = 2 }
    local numbers, err, code = run("5")
    assert.same({ 3, 2, 1 }, { numbers.answered, numbers.failed, code })
    local _, lines = err:gsub("call %d: [^\n]*vm%.describeInstances: NOT_FOUND %(404%)", "")
    assert.equal(2, lines)
    numbers, err = run("1", { JDCLOUD_ENDPOINT = "http://127.0.0.1:1" })
    assert.equal(1, numbers.failed)
    assert.truthy(err:find("network: Connection refused [cn-north-1, 3 attempts]", 1, true), err)
    numbers, err = run("1", { JDCLOUD_ENDPOINT = "https://127.0.0.1:1" })
    assert.equal(1, numbers.failed)
    assert.truthy(err:find("speaks http only", 1, true), err)
  end)

  it("ends its calls at a signal", function()
    server:misbehave { delay = 4, times = "all" }
    for _, signal in ipairs { "INT", "TERM" } do
      local numbers, err, code = run("5", nil, "timeout --preserve-status -s " .. signal .. " 0.5")
      assert.equal(130, code)
      assert.same({ 0, 5 }, { numbers.answered, numbers.failed })
      assert.is_true(numbers.seconds < 4)
      local _, lines = err:gsub("call %d: [^\n]*cancelled", "")
      assert.equal(5, lines)
    end
  end)
end)

describe("a static library", function()
  local folder

  setup(function() folder = child.folder() end)
  teardown(function() os.execute("rm -r " .. folder) end)

  local function make(...)
    return child.file("spec/support/static.lua", { folder .. "/modules.c", ... })
  end

  -- The modules that were made, by name: their text.
  local function made()
    local text, modules = shell.read(folder .. "/modules.c"), {}
    for name in text:gmatch('\n  { "([%w_.]+)", "@') do modules[name] = true end
    return modules, text
  end

  -- The services whose shapes an operation or shape uses, and what these use.
  local function uses(model, seen)
    local function walk(t)
      while t and t.kind == "list" do t = t.of end
      if not t or t.kind ~= "struct" or seen[t.service .. ":" .. t.shape] then return end
      seen[t.service .. ":" .. t.shape], seen[t.service] = true, true
      for _, field in ipairs(models.shape(t).list) do walk(field.type) end
    end
    for _, name in ipairs(model:operations()) do
      local op = model:operation(name)
      walk(op.result)
      for _, parameter in ipairs(op.list) do walk(parameter.type) end
    end
  end

  it("has the models that were asked for, what they use, and no others", function()
    for _, services in ipairs { { "vm", "disk" }, { "yunding" }, { "sts" } } do
      assert.equal(0, make("no", services[1], services[2]).code)
      local modules, seen = made(), {}
      for _, service in ipairs(services) do
        seen[service] = true
        uses(models.service(service), seen)
      end
      for name in pairs(seen) do
        assert.truthy(name:find(":") or modules["jdcloud.services." .. name], name)
      end
      assert.truthy(modules["jdcloud"] and modules["jdcloud.machine"])
      for _, name in ipairs { "jdcloud.services.kafka", "jdcloud.gateway", "jdcloud.transport.curl" } do
        assert.is_nil(modules[name])
      end
    end
  end)

  it("has everything, if nothing is said", function()
    local result = make("yes")
    assert.equal(0, result.code)
    assert.truthy(result.out:find("^all models, %d+ Lua files, %d+ KB of text, with libcurl\n$"))
    local modules = made()
    for _, service in ipairs(models.services()) do assert.truthy(modules["jdcloud.services." .. service], service) end
    assert.truthy(modules["jdcloud.transport.curl"])
  end)

  it("is not made of services that aren't there", function()
    local before = shell.read(folder .. "/modules.c")
    local result = make("no", "vm", "vmm")
    assert.equal(1, result.code)
    assert.truthy(result.err:find("there is no service vmm. There are: ag agentgrid ", 1, true))
    assert.equal(before, shell.read(folder .. "/modules.c"))
  end)
end)
