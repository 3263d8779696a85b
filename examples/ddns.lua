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

local USAGE = "usage: ddns.lua [--dry-run] DOMAIN HOST IP"

local function usage(message)
  io.stderr:write("ddns: ", message, "\n", USAGE, "\n")
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

-- The four numbers of an IPv4 address, or nil.
local function quads_of(ip)
  local quads = { ip:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
  for i, text in ipairs(quads) do
    if #text > 3 or tonumber(text) > 255 or text:find "^0%d" then return nil end
    quads[i] = tonumber(text)
  end
  return quads[1] and quads
end

-- The groups of a part of an IPv6 address, without leading zeros; nil if it is none. No part has no groups.
local function groups_of(part)
  local groups = {}
  for text in (part == "" and "" or part .. ":"):gmatch "([^:]*):" do
    if not text:find "^%x%x?%x?%x?$" then return nil end
    groups[#groups + 1] = ("%x"):format(tonumber(text, 16))
  end
  return groups
end

-- An IPv6 address written out, so that equal ones are equal: 2001:DB8::1 is 2001:db8:0:0:0:0:0:1. nil if it is none.
local function written_out(ip)
  local before, tail = ip:match "^(.*:)([%d.]+)$"
  local quads = tail and quads_of(tail)
  if quads then
    ip = before .. ("%x:%x"):format(quads[1] * 256 + quads[2], quads[3] * 256 + quads[4])
  end
  local left, right = ip:match "^(.-)::(.*)$"
  local groups, rest = groups_of(left or ip), groups_of(right or "")
  local missing = groups and rest and 8 - #groups - #rest
  if not missing or (left and missing < 1) or (not left and missing ~= 0) then return nil end
  for _ = 1, missing do groups[#groups + 1] = "0" end
  for _, group in ipairs(rest) do groups[#groups + 1] = group end
  return table.concat(groups, ":")
end

-- The type of record that an address belongs into, or nil.
local function type_of(ip)
  return quads_of(ip) and "A" or written_out(ip) and "AAAA" or nil
end

local function same_address(a, b)
  return a == b or (written_out(a) ~= nil and written_out(a) == written_out(b))
end

-- Labels with dots between them, in whatever script.
local function is_name(text)
  for label in (text .. "."):gmatch "([^.]*)%." do
    if not label:find "^[%w_\128-\255][%w_\128-\255-]*$" then return false end
  end
  return true
end

-- Names are the same in upper and lower case.
local function arguments()
  local given, dry_run = words()
  if #given ~= 3 then usage(#given < 3 and "an argument is missing" or "too many arguments") end
  local domain, host, ip = given[1]:lower(), given[2]:lower(), given[3]
  if not is_name(domain) or not domain:find(".", 1, true) then usage "DOMAIN is not a domain" end
  if ("." .. host):sub(-#domain - 1) == "." .. domain then usage "HOST is without the domain: home, or @" end
  if host ~= "@" and host ~= "*" and not is_name((host:gsub("^%*%.", ""))) then usage "HOST is not a name" end
  if not type_of(ip) then usage "IP is not an address" end
  return { domain = domain, host = host, ip = ip, type = type_of(ip), dry_run = dry_run }
end

-- The service finds by parts of names; what is asked for is the whole one.
local function find_domain(cloud, name)
  for domain in cloud.domainservice:each("describeDomains", { domainName = name }) do
    if domain.domainName:lower() == name then return domain end
  end
  io.stderr:write("ddns: this account has no domain ", name, "\n")
  os.exit(1)
end

local function find_record(cloud, domain, wanted)
  local found
  local params = { domainId = domain.id, search = wanted.host ~= "@" and wanted.host or nil }
  for record in cloud.domainservice:each("describeResourceRecord", params) do
    local view = record.viewValue and record.viewValue[1] or DEFAULT_VIEW
    if record.hostRecord:lower() == wanted.host and record.type == wanted.type and view == DEFAULT_VIEW then
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
  if record and same_address(record.hostValue, wanted.ip) then
    print(name .. " is " .. record.hostValue .. " already")
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
