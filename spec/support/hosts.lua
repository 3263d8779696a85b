-- hosts.lua - busted's helper: what a spec is run in, and what of it is left out there. Tests that support.exceptions
-- names are pending; with LOOP=luv in the environment every other one is a task in luv's loop, which runs until the
-- test has ended (busted itself, and what comes before and after each test, can't be inside).
-- luacheck: globals ngx

local busted = require "busted"
local exceptions = require "support.exceptions"

local in_luv = os.getenv "LOOP" == "luv"
local language = rawget(_G, "jit") and "jit" or _VERSION:match "%d%.%d"
local here = { [language] = true, nginx = rawget(_G, "ngx") ~= nil, luv = in_luv }

-- The file that a test is in, and its name as tap.lua prints it.
local function place_of(element)
  local names, parent = { element.name }, busted.parent(element)
  while parent and parent.descriptor ~= "file" do
    if parent.name then table.insert(names, 1, parent.name) end
    parent = busted.parent(parent)
  end
  return parent and parent.name, table.concat(names, " ")
end

-- A test that is a task, and lets the loop run until it has ended.
local function luv_runner()
  local uv = require "luv"
  local loop = require "jdcloud.loop.luv".attach()
  busted.subscribe({ "suite", "end" }, function()
    loop.detach()
    uv.run "nowait"
    return nil, true
  end)
  return function(body)
    return function()
      local ended, err
      loop.spawn(body, function(...) ended, err = true, ... end)
      while not ended do
        if not uv.loop_alive() then error "luv's loop ended before the test did" end
        uv.run "once"
      end
      if err ~= nil then error(err, 0) end
    end
  end
end

local in_task = in_luv and luv_runner()

busted.subscribe({ "test", "start" }, function(element)
  local why = exceptions.why(here, place_of(element))
  if why then
    element.run = function() element.env.pending(why) end
  elseif in_task then
    element.run = in_task(element.run)
  end
  return nil, true
end)

if here.nginx then
  print(("# inside nginx %d, in a %s"):format(ngx.config.nginx_version, ngx.get_phase()))
elseif in_luv then
  print("# inside luv's loop, libuv " .. require "luv".version_string())
end
