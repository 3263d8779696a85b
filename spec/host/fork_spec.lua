-- fork_spec.lua - a program that forks: after require, after jdcloud.new, after a call, among its tasks, and between
-- the steps of a call in its hands. Parent and child go on, on connections and nonces of their own: the gateway refuses
-- a nonce that comes twice.

local child = require "support.child"
local fork = require "support.fork"
local jdcloud = require "jdcloud"
local new_transport = require "jdcloud.transport.curl"
local nginx = require "jdcloud.gateway.nginx"
local shell = require "jdcloud.gateway.shell"

describe("after a fork", function()
  local server, dir, forks, transport

  setup(function()
    server = assert(nginx.start { ready_after = 0 })
    dir = child.folder()
    forks = fork(dir)
    transport = assert(new_transport { proxy = false })
  end)

  before_each(function() server:reset() end)

  teardown(function()
    if transport then transport.close() end
    if server then server:stop() end
    os.execute("rm -r " .. dir)
  end)

  local function open()
    return jdcloud.new {
      region = "cn-north-1", endpoint = server.https, ca_file = server.ca_file, access_key = server.access_key,
      secret_key = server.secret_key, proxy = false,
    }
  end

  local function look(cloud) return cloud.vm:describeInstances().totalCount end

  -- The nonces that arrived: all different, and all served.
  local function arrived()
    local seen, n = {}, 0
    for _, entry in ipairs(server:log()) do
      assert.is_true(entry.executed)
      assert.is_nil(seen[entry.nonce])
      seen[entry.nonce], n = true, n + 1
    end
    return n
  end

  it("of require, both make clouds", function()
    assert.equal("0", forks.child(function() return look(open()) end))
    local cloud = open()
    assert.equal(0, look(cloud))
    cloud:close()
    assert.equal(2, arrived())
  end)

  it("of jdcloud.new, both use it", function()
    local cloud = open()
    assert.equal("0", forks.child(function() return look(cloud) end))
    assert.equal(0, look(cloud))
    cloud:close()
    assert.equal(2, arrived())
  end)

  it("of a call, both use the cloud, each on a connection of its own", function()
    local cloud = open()
    assert.equal(0, look(cloud))
    for _ = 1, 2 do
      assert.equal("0", forks.child(function()
        local count = look(cloud) + look(cloud)
        cloud:close()
        return count
      end))
      assert.equal(0, look(cloud))
    end
    cloud:close()
    assert.equal(7, arrived())
  end)

  it("of a call that began, both bring it to its end", function()
    local call = open():with({ endpoint = server.http }).vm:begin("describeInstances")
    local function finish()
      local step, request = call:next()
      assert(step == "send")
      call:answered(assert(transport.send(request)))
      assert(call:next() == "done")
      return call:result().totalCount
    end
    assert.equal("0", forks.child(finish))
    assert.equal(0, finish())
    assert.equal(2, arrived())
  end)

  it("of a call whose request is on the wire, the answer is the parent's", function()
    local call = open():with({ endpoint = server.http }).vm:begin("describeInstances")
    local _, request = call:next()
    assert.equal("network 1", forks.child(function()
      call:failed { kind = "network", sent = true, final = true, message = "the process forked" }
      call:next()
      local _, err = pcall(call.result, call)
      return err.kind .. " " .. err.attempts
    end))
    call:answered(assert(transport.send(request)))
    assert.equal("done", (call:next()))
    assert.equal(0, call:result().totalCount)
    assert.equal(1, arrived())
  end)

  it("among tasks, those of both come to their ends; what the child lost, it asks again", function()
    server:misbehave { delay = 0.2, times = "all" }
    local cloud = open()
    local function in_parallel(act)
      local results, errors = jdcloud.parallel({ 1, 2, 3, 4, 5, 6 }, function(i)
        if i == 6 and act then act() end
        return look(cloud) + i
      end)
      return table.concat(results, " ") .. (errors and " with errors" or "")
    end
    local path, is_child = dir .. "/tasks", false
    local text = in_parallel(function() is_child = forks.fork() == 0 end)
    if is_child then
      shell.write(path, text)
      forks.leave()
    end
    assert.equal(0, forks.await())
    assert.equal("1 2 3 4 5 6", text)
    assert.equal("1 2 3 4 5 6", shell.read(path))
    assert.equal("1 2 3 4 5 6", in_parallel())
    cloud:close()
    assert.is_true(arrived() >= 6 * 3)
  end)
end)
