-- stop_by_tag.lua - stops the running instances that have a tag, and waits until they are stopped. For cron:
--
--   0 20 * * 1-5  lua examples/stop_by_tag.lua night=off
--   lua examples/stop_by_tag.lua [--dry-run] KEY=VALUE
--
-- Keys and region come from the environment or ~/.jdc/config. Run twice, it stops nothing more. Exits with 1 if an
-- instance could not be stopped; the others are stopped all the same.

local jdcloud = require "jdcloud"

local WAIT = 600 -- seconds until all must be stopped

local USAGE = "usage: stop_by_tag.lua [--dry-run] KEY=VALUE"

local function usage(message)
  io.stderr:write("stop_by_tag: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

-- The arguments that are no options, and whether it is a dry run. A dash begins an option, wherever it stands.
local function words()
  local list, dry_run = {}, false
  for _, word in ipairs(arg) do
    if word == "-h" or word == "--help" then
      print(USAGE)
      os.exit(0)
    elseif word == "--dry-run" then
      dry_run = true
    elseif word:find "^%-" then
      usage("no option " .. word)
    else
      list[#list + 1] = word
    end
  end
  return list, dry_run
end

local function arguments()
  local given, dry_run = words()
  local key, value = (given[1] or ""):match "^([^=]+)=(.+)$"
  if not key then usage "which tag?" end
  if given[2] then usage "too many arguments" end
  return { key = key, values = { value } }, dry_run
end

local function label(instance)
  return ("%s (%s)"):format(instance.instanceId, tostring(instance.instanceName))
end

-- Asks for the stop of each; one that can't be stopped keeps no other from it.
local function stop_all(cloud, instances, failures)
  local stopping = {}
  for _, instance in ipairs(instances) do
    local ok, err = cloud.safe.vm:stopInstance({ instanceId = instance.instanceId }, { busy_timeout = 60 })
    if ok then
      stopping[#stopping + 1] = instance.instanceId
    else
      failures[#failures + 1] = label(instance) .. ": " .. tostring(err)
    end
  end
  return stopping
end

-- One wait for all of them. It ends at the first that can't get there: the error says which, and in which state, and
-- the others are waited for again.
local function wait_all(cloud, ids, failures)
  while ids[1] do
    local stopped, err = cloud.safe.vm:wait("instance_stopped", { instanceId = ids }, { timeout = WAIT })
    if stopped then return end
    if not err.laggards then jdcloud.check(nil, err) end
    local lagging, rest = {}, {}
    for _, laggard in ipairs(err.laggards) do
      lagging[laggard.id] = true
      failures[#failures + 1] = ("%s: is %s"):format(laggard.id, laggard.state)
    end
    for _, id in ipairs(ids) do
      if not lagging[id] then rest[#rest + 1] = id end
    end
    ids = rest
  end
end

jdcloud.main(function()
  local tag, dry_run = arguments()
  local cloud = jdcloud.new()
  -- The whole list first: the pages of a list that shrinks while one stops what is in it would leave some out.
  local instances = cloud.vm:all("describeInstances", {
    tags = { tag }, filters = jdcloud.filters { status = "running" },
  })
  for _, instance in ipairs(instances) do
    print((dry_run and "would stop " or "stopping ") .. label(instance))
  end
  local found = ("%d running with %s=%s"):format(#instances, tag.key, tag.values[1])
  if dry_run then return print(found .. " would be stopped") end
  local failures = {}
  wait_all(cloud, stop_all(cloud, instances, failures), failures)
  print(("%s, %d not stopped"):format(found, #failures))
  cloud:close()
  for _, failure in ipairs(failures) do io.stderr:write("failed: ", failure, "\n") end
  if failures[1] then os.exit(1) end
end)
