-- bulk.lua - gives all instances that have a tag a description: a change of hundreds of resources, with a dry run and a
-- list of failures.
--
--   lua examples/bulk.lua [--dry-run] KEY=VALUE DESCRIPTION
--
-- Keys and region come from the environment or ~/.jdc/config. Instances that have the description already are left
-- alone, so the same command again does what failed before. Exits with 1 if something failed.

local jdcloud = require "jdcloud"

local USAGE = "usage: bulk.lua [--dry-run] KEY=VALUE DESCRIPTION"

local function usage(message)
  io.stderr:write("bulk: ", message, "\n", USAGE, "\n")
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
  if not (given[2] or ""):find "%S" then usage "which description?" end
  if given[3] then usage "too many arguments (quote the description)" end
  return { key = key, values = { value } }, given[2], dry_run
end

-- The client keeps to the rate limit by itself; whoever looks on should know why nothing moves.
local function tell(event)
  if event.event == "wait" and event.seconds >= 1 then
    io.stderr:write(("waiting %.0f s (%s)\n"):format(event.seconds, event.why))
  end
end

-- The whole list before the first change.
local function to_change(cloud, tag, description)
  local list = {}
  local instances = cloud.vm:all("describeInstances", { tags = { tag } })
  for _, instance in ipairs(instances) do
    if instance.description ~= description then list[#list + 1] = instance end
  end
  return list, #instances
end

-- idempotent: the same description given twice does no harm, so a lost answer may be asked for again. busy_timeout: an
-- instance that another task works on is tried again for a while. What fails nevertheless is noted, and the next one
-- tried; but if the keys are refused, they are for all.
local function change_all(cloud, instances, description)
  local failures = {}
  for _, instance in ipairs(instances) do
    local ok, err = cloud.safe.vm:modifyInstanceAttribute(
      { instanceId = instance.instanceId, description = description }, { idempotent = true, busy_timeout = 10 })
    if not ok then
      if err.kind == "auth" then jdcloud.check(nil, err) end
      failures[#failures + 1] = { instance = instance, err = err }
    end
  end
  return failures
end

local function report(failures)
  for _, failure in ipairs(failures) do
    local instance, err = failure.instance, failure.err
    io.stderr:write(("%-14s %-20s %-10s %s (request %s)\n"):format(instance.instanceId, tostring(instance.instanceName),
      err.kind, err.message or err.status or "", err.request_id or "-"))
  end
end

jdcloud.main(function()
  local tag, description, dry_run = arguments()
  local cloud = jdcloud.new { on_event = tell }
  local instances, all = to_change(cloud, tag, description)
  if dry_run then
    for _, instance in ipairs(instances) do
      print(("would change %s (%s)"):format(instance.instanceId, tostring(instance.instanceName)))
    end
    return print(("%d of %d instances would be changed"):format(#instances, all))
  end
  local failures = change_all(cloud, instances, description)
  cloud:close()
  print(("%d instances: %d changed, %d had it already, %d failed"):format(all, #instances - #failures,
    all - #instances, #failures))
  report(failures)
  if failures[1] then os.exit(1) end
end)
