-- disorder_nginx.lua - light threads in every disorder (support.disorder), in a worker of nginx: nginx_torture_spec has
-- it run inside.
-- luacheck: globals ngx

local core = require "jdcloud.core"
local disorders = require "support.disorder"
local lightthreads = require "jdcloud.lightthreads"

local M = {}

local ROUND = 150 -- steps between two looks at what is left
local PATIENCE = 10 -- seconds that a round may take

--- Makes random steps.
-- @param seed, count of steps
-- @param urls of the servers to call
-- @return nil, KB of Lua's memory at the end | what is wrong
function M.run(seed, count, urls)
  local last_step, deadline, killed
  local disorder
  disorder = disorders.new {
    seed = seed, server = {}, here = lightthreads.here,
    endpoint = function(self) return urls[self.random(#urls)] end,
    over = function() return disorder.steps >= last_step or core.now() > deadline end,
  }

  -- A user's thread that is killed: what it had begun ends by itself.
  function disorder.actions.kill_a_thread()
    local thread = ngx.thread.spawn(disorder.in_place)
    if disorder.chance(50) then return ngx.thread.wait(thread) end
    killed = true
    return ngx.thread.kill(thread)
  end

  local function a_round()
    deadline, last_step, disorder.handles, killed = core.now() + PATIENCE, disorder.steps + ROUND, {}, false
    for i = 1, 3 do disorder.clouds[i] = disorder.new_cloud() end
    disorder.many_tasks(0.001)
    while killed and disorder.live > 0 and core.now() < deadline do ngx.sleep(0.001) end
    if core.now() > deadline then return "something hangs" end
    if disorder.live > 0 then return ("%d tasks have not ended"):format(disorder.live) end
  end

  local wrong
  local spawn = lightthreads.spawn
  lightthreads.spawn = disorder.watched(spawn)
  repeat
    wrong = a_round()
    for i = 1, 3 do
      if disorder.chance(50) then disorder.clouds[i]:close() end
    end
  until wrong or disorder.steps >= count
  lightthreads.spawn = spawn
  if wrong then return ("step %d: %s"):format(disorder.steps, wrong) end
  disorder = nil
  return nil, disorders.memory_used()
end

return M
