-- snapshots.lua - nightly snapshots of the disks that have a tag; of its own snapshots the newest KEEP of each disk
-- stay (7 unless another number is given), older ones are deleted. For cron:
--
--   30 2 * * *  lua examples/snapshots.lua backup=nightly 7
--   lua examples/snapshots.lua [--dry-run] KEY=VALUE [KEEP]
--
-- Keys and region come from the environment or ~/.jdc/config. Run again on the same day, it makes no second snapshot.
-- A snapshot whose name isn't of its making is never touched; a disk whose new snapshot failed keeps its old ones.
-- Exits with 1 if something failed.

local jdcloud = require "jdcloud"

local PREFIX, OWN = "nightly-", "^nightly%-%d%d%d%d%d%d%d%d$" -- and the day, by which they are sorted
local WAIT = 3600 -- seconds until all must be there

local USAGE = "usage: snapshots.lua [--dry-run] KEY=VALUE [KEEP]"

local function usage(message)
  io.stderr:write("snapshots: ", message, "\n", USAGE, "\n")
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
  local keep = (given[2] or "7"):match "^[1-9]%d*$"
  if not keep then usage "KEEP is a number from 1" end
  if given[3] then usage "too many arguments" end
  return { key = key, values = { value } }, tonumber(keep), dry_run
end

local function label(disk)
  return ("%s (%s)"):format(disk.diskId, tostring(disk.name))
end

-- The recipe's own snapshots of a disk that came to be, newest first; those that did not are left to a human.
local function own_snapshots(cloud, disk)
  local all, err = cloud.safe.disk:all("describeSnapshots", { filters = jdcloud.filters { diskId = disk.diskId } })
  if not all then return nil, err end
  local own = {}
  for _, snapshot in ipairs(all) do
    if (snapshot.name or ""):find(OWN) and not (snapshot.status or ""):find "^error" then own[#own + 1] = snapshot end
  end
  table.sort(own, function(a, b) return a.name > b.name end)
  return own
end

-- What is over the newest `keep` good ones. One that isn't ready yet counts for nothing; one in use stays.
local function outdated(own, keep)
  local good, old = 0, {}
  for _, snapshot in ipairs(own) do
    local status = snapshot.status
    if status == "available" or status == "in-use" then good = good + 1 end
    if good > keep and status == "available" then old[#old + 1] = snapshot end
  end
  return old
end

local function preview(cloud, disks, name, keep)
  local new, deleted = 0, 0
  for _, disk in ipairs(disks) do
    local own = jdcloud.check(own_snapshots(cloud, disk))
    local is_new = not own[1] or own[1].name ~= name
    if is_new then
      print(("%s: would make %s"):format(label(disk), name))
      new = new + 1
    end
    for _, snapshot in ipairs(outdated(own, is_new and keep - 1 or keep)) do
      print(("%s: would delete %s"):format(label(disk), snapshot.name))
      deleted = deleted + 1
    end
  end
  print(("%s: would be made of %d of %d disks, %d older ones deleted"):format(name, new, #disks, deleted))
end

-- Today's snapshot of a disk, the one that is there or a new one: its id, is it new | nil, error. The client gives
-- every create a token of its own, so that one whose answer was lost is repeated without making two.
local function make(cloud, disk, name)
  local own, err = own_snapshots(cloud, disk)
  if not own then return nil, err end
  if own[1] and own[1].name == name then return own[1].snapshotId, false end
  local created
  created, err = cloud.safe.disk:createSnapshot { snapshotSpec = { diskId = disk.diskId, name = name } }
  if not created then return nil, err end
  return created.snapshotId, true
end

local function make_all(cloud, disks, name, failures)
  local made = { new = 0 }
  for _, disk in ipairs(disks) do
    local id, answer = make(cloud, disk, name)
    if id then
      made[#made + 1] = { disk = disk, id = id }
      if answer then made.new = made.new + 1 end
    else
      failures[#failures + 1] = label(disk) .. ": " .. tostring(answer)
    end
  end
  return made
end

-- Waits for all of them at once; returns the disks whose snapshot is there. A wait ends at the first that fails: the
-- error says which, and the others are waited for again.
local function wait_all(cloud, made, failures)
  local ids, by_id, disks = {}, {}, {}
  for i, one in ipairs(made) do ids[i], by_id[one.id] = one.id, one.disk end
  while ids[1] do
    local ready, err = cloud.safe.disk:wait("snapshot_available", { snapshotId = ids }, { timeout = WAIT })
    if ready then break end
    if not err.laggards then jdcloud.check(nil, err) end
    for _, laggard in ipairs(err.laggards) do
      failures[#failures + 1] = ("%s: %s is %s"):format(label(by_id[laggard.id]), laggard.id, laggard.state)
      by_id[laggard.id] = nil
    end
    local rest = {}
    for _, id in ipairs(ids) do
      if by_id[id] then rest[#rest + 1] = id end
    end
    ids = rest
  end
  for i, id in ipairs(ids) do disks[i] = by_id[id] end
  return disks
end

local function rotate(cloud, disk, keep, failures)
  local own, err = own_snapshots(cloud, disk)
  if not own then failures[#failures + 1] = label(disk) .. ": nothing deleted: " .. tostring(err) end
  for _, snapshot in ipairs(outdated(own or {}, keep)) do
    local ok
    ok, err = cloud.safe.disk:deleteSnapshot { snapshotId = snapshot.snapshotId }
    if ok then
      print(("%s: deleted %s"):format(label(disk), snapshot.name))
    else
      failures[#failures + 1] = ("%s: %s stays: %s"):format(label(disk), snapshot.name, tostring(err))
    end
  end
end

jdcloud.main(function()
  local tag, keep, dry_run = arguments()
  local cloud = jdcloud.new()
  local name = PREFIX .. os.date "%Y%m%d"
  local disks = cloud.disk:all("describeDisks", { tags = { tag } })
  if dry_run then return preview(cloud, disks, name, keep) end
  local failures = {}
  local made = make_all(cloud, disks, name, failures)
  local safe = wait_all(cloud, made, failures)
  for _, disk in ipairs(safe) do rotate(cloud, disk, keep, failures) end
  cloud:close()
  print(("%s: %d of %d disks have it, %d made now"):format(name, #safe, #disks, made.new))
  for _, failure in ipairs(failures) do io.stderr:write("failed: ", failure, "\n") end
  if failures[1] then os.exit(1) end
end)
