-- inventory_parallel.lua - how much of everything is in every region: many lists at once, as a table of counts.
--
--   lua examples/inventory_parallel.lua [--limit N] [REGION…]
--
-- N lists at a time, 32 unless it is given. Keys come from the environment or ~/.jdc/config. What couldn't be listed is
-- a question mark in the table and named at the end, and the exit code is 1.

local jdcloud = require "jdcloud"
local now = require("jdcloud.core").now -- seconds, of a clock that nobody sets; os.time knows whole ones only

-- A column of the table, and the operation that lists it; another kind of resource is another line.
local KINDS = {
  { heading = "VM", service = "vm", operation = "describeInstances" },
  { heading = "DISK", service = "disk", operation = "describeDisks" },
  { heading = "VPC", service = "vpc", operation = "describeVpcs" },
  { heading = "SUBNET", service = "vpc", operation = "describeSubnets" },
  { heading = "IP", service = "vpc", operation = "describeElasticIps" },
  { heading = "LB", service = "lb", operation = "describeLoadBalancers" },
  { heading = "RDS", service = "rds", operation = "describeInstances" },
  { heading = "REDIS", service = "redis", operation = "describeCacheInstances" },
  { heading = "MONGODB", service = "mongodb", operation = "describeInstances" },
}

local USAGE = "usage: inventory_parallel.lua [--limit N] [REGION…]"

local function usage(message)
  io.stderr:write("inventory_parallel: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

-- How many lists at a time (nil: as many as parallel does by itself), and the regions: those that are named, each once,
-- or all.
local function arguments()
  local limit, codes, seen, i = nil, {}, {}, 1
  while arg[i] do
    local word = arg[i]
    if word == "-h" or word == "--help" then
      print(USAGE)
      os.exit(0)
    elseif word == "--limit" then
      i = i + 1
      limit = tonumber((arg[i] or ""):match "^[1-9]%d?%d?$")
      if not limit then usage "--limit takes a number from 1 to 999" end
    elseif not word:find "^%l+%-%l+%-%d+$" then
      usage(('"%s" is no region'):format(word))
    elseif not seen[word] then
      codes[#codes + 1], seen[word] = word, true
    end
    i = i + 1
  end
  if codes[1] then return limit, codes end
  for r, region in ipairs(jdcloud.regions) do codes[r] = region.code end
  return limit, codes
end

-- Every list of every region. The views share the cloud's connections, keys and rate limit.
local function lists_of(cloud, regions)
  local lists = {}
  for _, region in ipairs(regions) do
    local view = cloud:with { region = region }
    for _, kind in ipairs(KINDS) do lists[#lists + 1] = { region = region, kind = kind, view = view } end
  end
  return lists
end

-- Blocks nothing but its own task: meanwhile the others go on.
local function count(list)
  return #list.view:service(list.kind.service):all(list.kind.operation)
end

local function print_row(first, cells)
  local row = { ("%-12s"):format(first) }
  for i, kind in ipairs(KINDS) do row[i + 1] = ("%7s"):format(cells[i] or kind.heading) end
  print(table.concat(row, " "))
end

-- counts are in the order of lists_of: region by region, and in each kind by kind.
local function print_table(regions, counts)
  print_row("REGION", {})
  local totals = {}
  for r, region in ipairs(regions) do
    local cells = {}
    for k in ipairs(KINDS) do
      local n = counts[(r - 1) * #KINDS + k]
      cells[k] = n or "?"
      totals[k] = (totals[k] or 0) + (n or 0)
    end
    print_row(region, cells)
  end
  print_row("total", totals)
end

-- Returns how many failed.
local function report(lists, errors)
  local failed = 0
  for i, list in ipairs(lists) do
    if errors[i] then
      failed = failed + 1
      io.stderr:write(("not listed: %s %s: %s\n"):format(list.region, list.kind.heading, tostring(errors[i])))
    end
  end
  return failed
end

jdcloud.main(function()
  local limit, regions = arguments()
  local calls, spent = 0, 0
  local cloud = jdcloud.new {
    on_event = function(event)
      if event.event == "attempt_end" then calls, spent = calls + 1, spent + event.seconds end
    end,
  }
  local lists, started = lists_of(cloud, regions), now()
  local counts, errors = jdcloud.parallel(lists, count, { limit = limit })
  local seconds = now() - started
  cloud:close()
  print_table(regions, counts)
  print(("\n%d lists in %.2f s; their %d calls took %.2f s in sum"):format(#lists, seconds, calls, spent))
  if report(lists, errors or {}) > 0 then os.exit(1) end
end)
