-- The domainservice: domains and their resource records, which belong to no region.
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local json = require "jdcloud.json"
local paging = require "jdcloud.gateway.paging"

local M = {}

local YEAR = 365 * 86400 -- seconds
local PAGE_SIZE = 10 -- the default of describeResourceRecord
local DEFAULT_VIEW = -1 -- the line that answers whoever no other line is for
local NORMAL = "2" -- resolvingStatus of a record that is answered; 4 is suspended

--- A store of domains.
function M.new()
  return { domains = {}, last_id = 1000 }
end

local function next_id(store)
  store.last_id = store.last_id + 1
  return store.last_id
end

local function at(list, id, what)
  for i, item in ipairs(list) do
    if tostring(item.id) == tostring(id) then
      return i
    end
  end
  return nil, { http = 404, status = "NOT_FOUND", message = "no such " .. what }
end

local function domain_of(store, params)
  local i, failure = at(store.domains, params.domainId, "domain")
  return i and store.domains[i], failure
end

-- What the service shows of a domain.
local function view_of(domain)
  local view = {}
  for name, value in pairs(domain) do
    view[name] = name ~= "records" and value or nil
  end
  return view
end

-- A page of the items whose text contains a word; names are the same in upper and lower case.
local function listed(items, field, word, params)
  local found = {}
  for _, item in ipairs(items) do
    if not word or item[field]:lower():find(word:lower(), 1, true) then
      found[#found + 1] = item
    end
  end
  local size = params.pageSize or PAGE_SIZE
  local page, failure = paging.page(found, { pageNumber = params.pageNumber, pageSize = size })
  return page and {
    dataList = page,
    currentCount = #page,
    totalCount = #found,
    totalPage = math.ceil(#found / size),
  }, failure
end

--- Operations by name.
M.operations = {}

function M.operations.createDomain(store, params, now)
  local created = math.floor(now)
  local domain = {
    id = next_id(store),
    domainName = params.domainName,
    packId = params.packId,
    createTime = created * 1000,
    expirationDate = (created + YEAR) * 1000,
    records = {},
  }
  store.domains[#store.domains + 1] = domain
  return { data = view_of(domain) }
end

function M.operations.describeDomains(store, params)
  local views = {}
  for i, domain in ipairs(store.domains) do
    views[i] = view_of(domain)
  end
  return listed(views, "domainName", params.domainName, params)
end

function M.operations.deleteDomain(store, params)
  local i, failure = at(store.domains, params.domainId, "domain")
  if not i then
    return nil, failure
  end
  table.remove(store.domains, i)
  return {}
end

-- An address where its type says one is meant; of other types any text passes.
local function checked(req)
  local value, good = req.hostValue, true
  if req.type == "A" then
    good = value:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
  elseif req.type == "AAAA" then
    good = value:find("^[%x:.]+$") ~= nil and value:find(":", 1, true) ~= nil
  end
  if not good then
    return nil, { http = 400, status = "INVALID_ARGUMENT", message = "req.hostValue does not fit req.type" }
  end
  return true
end

local function assign(record, req, now)
  for _, name in ipairs { "hostRecord", "hostValue", "jcloudRes", "mxPriority", "port", "ttl", "type", "weight" } do
    record[name] = req[name]
  end
  record.viewValue = json.list { req.viewValue }
  record.viewName = req.viewValue == DEFAULT_VIEW and "default" or "line " .. req.viewValue
  record.updateTime = math.floor(now) * 1000
  return record
end

function M.operations.describeResourceRecord(store, params)
  local domain, failure = domain_of(store, params)
  if not domain then
    return nil, failure
  end
  return listed(domain.records, "hostRecord", params.search, params)
end

function M.operations.createResourceRecord(store, params, now)
  local domain, failure = domain_of(store, params)
  local good
  if domain then
    good, failure = checked(params.req)
  end
  if not good then
    return nil, failure
  end
  local record = assign({ id = next_id(store), resolvingStatus = NORMAL }, params.req, now)
  domain.records[#domain.records + 1] = record
  return { dataList = record }
end

function M.operations.modifyResourceRecord(store, params, now)
  local domain, failure = domain_of(store, params)
  local i, good
  if domain then
    i, failure = at(domain.records, params.resourceRecordId, "resource record")
  end
  if i then
    good, failure = checked(params.req)
  end
  if not good then
    return nil, failure
  end
  assign(domain.records[i], params.req, now)
  return {}
end

function M.operations.deleteResourceRecord(store, params)
  local domain, failure = domain_of(store, params)
  local i
  if domain then
    i, failure = at(domain.records, params.resourceRecordId, "resource record")
  end
  if not i then
    return nil, failure
  end
  table.remove(domain.records, i)
  return {}
end

return M
