-- certificate.lua - puts a certificate on a domain of the CDN or on a listener of a load balancer, as the deploy hook
-- of whatever renews it.
--
--   lua examples/certificate.lua [--dry-run] fullchain.pem privkey.pem cdn static.example.com
--   lua examples/certificate.lua [--dry-run] fullchain.pem privkey.pem lb listener-…
--
-- Keys and region come from the environment or ~/.jdc/config. A certificate that is uploaded already isn't uploaded
-- again, and one that is shown already is left alone. The private key is in no output and no error.

local jdcloud = require "jdcloud"

-- Which certificate a place shows, as function(cloud, name) -> its id | nil, and how it comes to show another. The
-- same one set twice does no harm: idempotent lets a lost answer be asked for again.
local PLACES = {
  cdn = {
    shown = function(cloud, domain)
      local detail = cloud.cdn:getDomainDetail { domain = domain }
      return detail.httpType == "https" and detail.sslCertId or nil, detail
    end,
    show = function(cloud, domain, id, name, detail)
      cloud.cdn:setHttpType({
        domain = domain, httpType = "https", certFrom = "ssl", sslCertId = id, certName = name,
        jumpType = detail.jumpType,
      }, { idempotent = true })
    end,
  },
  lb = {
    shown = function(cloud, listener)
      local specs = cloud.lb:describeListener({ listenerId = listener }).listener.certificateSpecs
      return specs and specs[1] and specs[1].certificateId
    end,
    show = function(cloud, listener, id)
      cloud.lb:updateListener({ listenerId = listener, certificateSpecs = { { certificateId = id } } },
        { idempotent = true })
    end,
  },
}

local USAGE = [[
usage: certificate.lua [--dry-run] CERTIFICATE.pem KEY.pem cdn DOMAIN
       certificate.lua [--dry-run] CERTIFICATE.pem KEY.pem lb LISTENER]]

local function usage(message)
  io.stderr:write("certificate: ", message, "\n", USAGE, "\n")
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

-- Looked into before it is sent: the two files taken for each other would hand out the key as a certificate.
local function read_pem(path, what)
  local file, message = io.open(path, "rb")
  if not file then usage(message) end
  local text = file:read "*a" or ""
  file:close()
  if not text:find("^%s*%-%-%-%-%-BEGIN [%u ]*" .. what .. "%-%-%-%-%-") then
    usage(path .. " does not begin with a " .. what:lower() .. " in PEM")
  end
  return text
end

local function arguments()
  local given, dry_run = words()
  if #given ~= 4 then usage(#given < 4 and "an argument is missing" or "too many arguments") end
  if not PLACES[given[3]] then usage "a certificate goes to cdn or lb" end
  return {
    certificate = read_pem(given[1], "CERTIFICATE"), key = read_pem(given[2], "PRIVATE KEY"),
    place = PLACES[given[3]], target = given[4], dry_run = dry_run,
  }
end

-- A name that tells certificates apart, by which one is found again: the first one's last characters are of its
-- signature, so each renewal has others.
local function name_of(wanted)
  local first = wanted.certificate:match "BEGIN.-%-%-%-%-%-(.-)%-%-%-%-%-END"
  return wanted.target:gsub("[^%w-]", "-") .. "-" .. first:gsub("%W", ""):sub(-8)
end

local function find(cloud, name)
  for certificate in cloud.ssl:each "describeCerts" do
    if certificate.certName == name then return certificate.certId end
  end
end

jdcloud.main(function()
  local wanted = arguments()
  local name = name_of(wanted)
  local cloud = jdcloud.new()
  local id = find(cloud, name)
  local shown, detail = wanted.place.shown(cloud, wanted.target) -- before the upload, which a wrong name would waste
  if id and id == shown then
    print(("%s shows %s already"):format(wanted.target, name))
  elseif wanted.dry_run then
    print(("would %sshow %s on %s"):format(id and "" or "upload and ", name, wanted.target))
  else
    id = id or cloud.ssl:uploadCert { certName = name, certFile = wanted.certificate, keyFile = wanted.key }.certId
    wanted.place.show(cloud, wanted.target, id, name, detail)
    print(("%s shows %s (%s)"):format(wanted.target, name, id))
  end
  cloud:close()
end)
