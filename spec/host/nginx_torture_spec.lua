-- nginx_torture_spec.lua - all disorder of tasks in an nginx worker (support.disorder_nginx). Nothing hangs, nothing
-- is written of an error of ours, the worker lives, no connection and no memory is left.
--
-- STEPS (6000) and SEED (1) are environment variables. What runs in nginx is LuaJIT whatever Lua runs the test, so one
-- of them is enough: 5.4.

if _VERSION ~= "Lua 5.4" then return end

local busy = require "support.busy"
local remotes = require "support.remote"
local shell = require "jdcloud.gateway.shell"

local STEPS = tonumber(os.getenv("STEPS")) or 6000
local SEED = tonumber(os.getenv("SEED")) or 1
local AT_ONCE = 1000 -- steps of one request to the worker
local PATIENCE = 90 -- seconds
local SOCKETS = 200 -- that a worker may have open: tasks and servers are few, whatever its pools could hold

describe("light threads in every disorder", function()
  local server, remote

  setup(function()
    server = busy.start()
    remote = remotes.start { server.ca_file }
  end)

  teardown(function()
    remote:stop()
    server:stop()
  end)

  it(("leave nothing behind after %d steps of seed %d"):format(STEPS, SEED), function()
    local worker = remote:run("return ngx.worker.pid()")
    local urls = { server.http, (server.https:gsub("127%.0%.0%.1", "localhost")) }
    local first, last
    for i = 1, math.ceil(STEPS / AT_ONCE) do
      local wrong, memory = remote:run('return require("support.disorder_nginx").run(...)', SEED + i, AT_ONCE, urls)
      assert.is_nil(wrong)
      first, last = first or memory, memory
    end
    assert.is_true(last < first + 300, ("%.0f KB, at first %.0f KB"):format(last, first))
    assert.equal(worker, remote:run("return ngx.worker.pid()"))
    local sockets
    for _ = 1, PATIENCE * 10 do -- those that nobody uses are closed after a while
      sockets = tonumber((select(2, shell.run(("ls -l /proc/%d/fd | grep -c socket"):format(worker)))))
      if sockets < SOCKETS then break end
      remote:run("ngx.sleep(0.1)")
    end
    assert.is_true(sockets < SOCKETS, tostring(sockets))
    local log = shell.read(remote.server.dir .. "/error.log")
    assert.is_nil(log:match("[^\n]*aborted[^\n]*"))
    assert.is_nil(log:match("[^\n]*%[alert%][^\n]*"))
  end)
end)
