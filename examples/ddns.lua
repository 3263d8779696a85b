-- ddns.lua - dynamic DNS: lets HOST.DOMAIN be IP, by changing the record that is there or adding one.
--
--   lua examples/ddns.lua [--dry-run] DOMAIN HOST IP
--   */5 * * * *  ip=$(curl -sf https://…) && lua examples/ddns.lua example.com home "$ip"
--
-- HOST is @ for the domain itself. IP, v4 or v6, is what your router, `ip -6 addr`, or one of the services that say
-- who asks them, told you; nothing else than an address gets into a record. Keys come from the environment or
-- ~/.jdc/config. If the record is right, nothing is changed.

local jdcloud = require "jdcloud"

local TTL = 60 -- seconds, of a new record; one that is there keeps its own
local DEFAULT_VIEW = -1 -- the line that answers whoever no other line is for

local function usage(message)
  io.stderr:write("ddns: ", message, "\nusage: ddns.lua [--dry-run] DOMAIN HOST IP\n")
  os.exit(2)
end

-- The type of record that an address belongs into, or nil.
local function type_of(ip)
  local parts, good = { ip:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }, true
  for _, part in ipairs(parts) do good = good and tonumber(part) <= 255 end
  if parts[1] then return good and "A" or nil end
  return ip:find "^%x*:[%x:.]*:[%x.]*$" and #ip <= 45 and "AAAA" or nil
end

local function arguments()
  local dry_run = arg[1] == "--dry-run"
  if dry_run then table.remove(arg, 1) end
  if #arg ~= 3 then usage(#arg < 3 and "an argument is missing" or "too many arguments") end
  if not type_of(arg[3]) then usage "IP is not an address" end
  return { domain = arg[1], host = arg[2], ip = arg[3], type = type_of(arg[3]), dry_run = dry_run }
end

-- The service finds by parts of names; what is asked for is the whole one.
local function find_domain(cloud, name)
  for domain in cloud.domainservice:each("describeDomains", { domainName = name }) do
    if domain.domainName == name then return domain end
  end
  io.stderr:write("ddns: this account has no domain ", name, "\n")
  os.exit(1)
end

local function find_record(cloud, domain, wanted)
  local found
  local params = { domainId = domain.id, search = wanted.host ~= "@" and wanted.host or nil }
  for record in cloud.domainservice:each("describeResourceRecord", params) do
    local view = record.viewValue and record.viewValue[1] or DEFAULT_VIEW
    if record.hostRecord == wanted.host and record.type == wanted.type and view == DEFAULT_VIEW then
      if found then -- a balanced name: which of its addresses would be ours?
        io.stderr:write("ddns: ", wanted.host, " has more than one ", wanted.type, " record\n")
        os.exit(1)
      end
      found = record
    end
  end
  return found
end

-- The same change made twice does no harm, so it may be repeated if its answer is lost.
local function modify(cloud, domain, record, wanted)
  cloud.domainservice:modifyResourceRecord({
    domainId = domain.id, resourceRecordId = record.id,
    req = {
      domainName = domain.domainName, hostRecord = record.hostRecord, hostValue = wanted.ip, type = record.type,
      ttl = record.ttl, viewValue = DEFAULT_VIEW, weight = record.weight, jcloudRes = false,
    },
  }, { idempotent = true })
end

local function create(cloud, domain, wanted)
  cloud.domainservice:createResourceRecord {
    domainId = domain.id,
    req = { hostRecord = wanted.host, hostValue = wanted.ip, type = wanted.type, ttl = TTL, viewValue = DEFAULT_VIEW },
  }
end

jdcloud.main(function()
  local wanted = arguments()
  local cloud = jdcloud.new()
  local domain = find_domain(cloud, wanted.domain)
  local record = find_record(cloud, domain, wanted)
  local name = (wanted.host == "@" and "" or wanted.host .. ".") .. wanted.domain
  if record and record.hostValue == wanted.ip then
    print(name .. " is " .. wanted.ip .. " already")
  else
    if wanted.dry_run then
      io.write "would: "
    elseif record then
      modify(cloud, domain, record, wanted)
    else
      create(cloud, domain, wanted)
    end
    print(("%s %s: %s -> %s"):format(name, wanted.type, record and record.hostValue or "nothing", wanted.ip))
  end
  cloud:close()
end)
