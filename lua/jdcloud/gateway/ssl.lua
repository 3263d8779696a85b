-- The ssl service: certificates that were uploaded. Their keys are not kept: nothing here gives one back.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local core = require "jdcloud.core"
local json = require "jdcloud.json"
local paging = require "jdcloud.gateway.paging"

local M = {}

--- A store of certificates.
-- @param settings { ids = function() -> 32 characters }
function M.new(settings)
  return { settings = settings, certificates = {} }
end

local function find(store, params)
  for i, certificate in ipairs(store.certificates) do
    if certificate.certId == params.certId then
      return i, certificate
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such certificate" }
end

local function is_pem(text, what)
  return text:find("-----BEGIN [%u ]*" .. what .. "-----.+-----END [%u ]*" .. what .. "-----") ~= nil
end

--- Operations by name.
M.operations = {}

function M.operations.uploadCert(store, params)
  if not is_pem(params.certFile, "CERTIFICATE") then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "certFile is not a certificate in PEM" }
  elseif not is_pem(params.keyFile, "PRIVATE KEY") then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "keyFile is not a private key in PEM" }
  end
  local certificate = {
    certId = "cert-" .. store.settings.ids():sub(1, 10),
    certName = params.certName,
    aliasName = params.aliasName,
    certType = "upload",
    digest = core.hex(core.sha256(params.keyFile)), -- of the key file, as the service documents it
    dnsNames = json.list {},
    deletable = 1,
  }
  store.certificates[#store.certificates + 1] = certificate
  return { certId = certificate.certId, digest = certificate.digest }
end

function M.operations.describeCerts(store, params)
  local page, failure = paging.page(store.certificates, params)
  return page and { certListDetails = page, totalCount = #store.certificates }, failure
end

function M.operations.describeCert(store, params)
  local i, found = find(store, params)
  if not i then
    return nil, found
  end
  return {
    certId = found.certId,
    certName = found.certName,
    certType = found.certType,
    digest = found.digest,
    dnsNames = found.dnsNames,
    usedBy = json.list {},
    totalCount = 0,
  }
end

function M.operations.deleteCerts(store, params)
  local i, failure = find(store, params)
  if not i then
    return nil, failure
  end
  table.remove(store.certificates, i)
  return {}
end

return M
