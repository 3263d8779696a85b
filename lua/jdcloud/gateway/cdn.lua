-- The cdn service: domains and whether they are served over HTTPS, with which certificate.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local json = require "jdcloud.json"
local paging = require "jdcloud.gateway.paging"

local M = {}

local HTTP_TYPES = { http = true, https = true }

--- A store of domains.
-- @param settings { ids = function() -> 32 characters }
function M.new(settings)
  return { settings = settings, domains = {} }
end

local function find(store, params)
  for _, domain in ipairs(store.domains) do
    if domain.domain == params.domain then
      return domain
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such domain" }
end

--- Operations by name.
M.operations = {}

function M.operations.createDomain(store, params, now)
  if find(store, params) then
    return nil, { http = 409, status = "ALREADY_EXISTS", message = "the domain exists" }
  end
  store.domains[#store.domains + 1] = {
    domain = params.domain,
    cname = params.domain .. ".s.galileo.example",
    type = params.cdnType or "web",
    status = "online",
    sourceType = params.sourceType,
    httpType = "http",
    created = os.date("!%Y-%m-%d %H:%M:%S", math.floor(now)),
    referList = json.list {},
  }
  return {}
end

function M.operations.getDomainList(store, params)
  local found = {}
  for _, domain in ipairs(store.domains) do
    if not params.keyWord or domain.domain:find(params.keyWord, 1, true) then
      found[#found + 1] = {
        domain = domain.domain,
        cname = domain.cname,
        type = domain.type,
        status = domain.status,
        created = domain.created,
      }
    end
  end
  local page, failure = paging.page(found, params)
  return page and { domains = page, totalCount = #found }, failure
end

function M.operations.getDomainDetail(store, params)
  return find(store, params)
end

function M.operations.setHttpType(store, params)
  local domain, failure = find(store, params)
  if not domain then
    return nil, failure
  end
  local wanted = params.httpType or "http"
  local has_certificate = params.sslCertId or params.certificate and params.rsaKey
  if not HTTP_TYPES[wanted] then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "httpType is http or https" }
  elseif wanted == "https" and not has_certificate then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "https needs a certificate" }
  end
  domain.httpType = wanted
  domain.jumpType = params.jumpType or "default"
  domain.certFrom = params.certFrom or "default"
  domain.certName = params.certName
  domain.certificate = params.certificate
  domain.sslCertId = params.sslCertId
  return { taskId = store.settings.ids() }
end

return M
