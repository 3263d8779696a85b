-- inventory.lua - a table of the instances and disks of all regions, or of those that are named.
--
--   lua examples/inventory.lua [REGION…]
--
-- Keys come from the environment or ~/.jdc/config. What can't be listed in a region is reported at the end, and the
-- exit code is 1; the table has the rest.

local jdcloud = require "jdcloud"

-- What is listed and what is shown of it; another kind of resource is another entry.
local KINDS = {
  {
    service = "vm", operation = "describeInstances", columns = function(instance)
      return instance.instanceId, instance.instanceType, instance.status, instance.az, instance.privateIpAddress,
        instance.instanceName
    end,
  },
  {
    service = "disk", operation = "describeDisks", columns = function(disk)
      local attachment = disk.attachments and disk.attachments[1]
      return disk.diskId, (disk.diskType or "-") .. " " .. (disk.diskSizeGB or "-") .. " GB", disk.status, disk.az,
        attachment and attachment.instanceId, disk.name
    end,
  },
}

local USAGE = "usage: inventory.lua [REGION…]"

local function usage(message)
  io.stderr:write("inventory: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

-- The regions that are named, each once, or all.
local function regions()
  local codes, seen = {}, {}
  for _, word in ipairs(arg) do
    if word == "-h" or word == "--help" then
      print(USAGE)
      os.exit(0)
    elseif not word:find "^%l+%-%l+%-%d+$" then
      usage(('"%s" is no region'):format(word))
    elseif not seen[word] then
      codes[#codes + 1], seen[word] = word, true
    end
  end
  if codes[1] then return codes end
  for i, region in ipairs(jdcloud.regions) do codes[i] = region.code end
  return codes
end

-- Views of one cloud, which share its connections, keys and rate limit.
local function views_of(cloud, codes)
  local views = {}
  for i, code in ipairs(codes) do views[i] = { region = code, cloud = cloud:with { region = code } } end
  return views
end

-- A line of the table; what a resource doesn't have is a dash.
local function row_of(...)
  local cells = { ... }
  for i = 1, select("#", ...) do cells[i] = tostring(cells[i] or "-") end
  return cells
end

-- Safe, since a region that fails must not cost the others: an error comes once, in the place of an item.
local function add(rows, failures, view, kind)
  for item, err in view.cloud.safe:service(kind.service):each(kind.operation) do
    if item then
      rows[#rows + 1] = row_of(view.region, kind.service, kind.columns(item))
    else
      failures[#failures + 1] = view.region .. ": " .. tostring(err)
    end
  end
end

local function print_table(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i = 1, #row - 1 do widths[i] = math.max(widths[i] or 0, #row[i]) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell .. (" "):rep((widths[i] or 0) - #cell) end
    print(table.concat(cells, "  "))
  end
end

jdcloud.main(function()
  local codes = regions()
  local cloud = jdcloud.new()
  local rows, failures = { { "REGION", "SERVICE", "ID", "TYPE", "STATUS", "ZONE", "WHERE", "NAME" } }, {}
  for _, view in ipairs(views_of(cloud, codes)) do
    for _, kind in ipairs(KINDS) do add(rows, failures, view, kind) end
  end
  print_table(rows)
  cloud:close()
  for _, failure in ipairs(failures) do io.stderr:write("not listed: ", failure, "\n") end
  if failures[1] then os.exit(1) end
end)
