-- The billing service: what resources cost in a month. There is a bill where an account put one (account.lua).
-- Each operation is function(store, params, now) -> result | nil, failure { http, status, message }.

local paging = require "jdcloud.gateway.paging"

local M = {}

local PAGE_SIZE = 10
local FORM = "^(%d%d%d%d%-%d%d)%-%d%d %d%d:%d%d:%d%d$" -- times of a bill; the month is caught

--- A store of bills.
function M.new()
  return { rows = {} } -- list of BillSummary, the same for every month
end

local function refuse(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

local function selected(store, params)
  local rows = {}
  for _, row in ipairs(store.rows) do
    if not params.serviceCode or row.serviceCode == params.serviceCode then
      local copy = { startTime = params.startTime, endTime = params.endTime }
      for name, value in pairs(row) do
        copy[name] = value
      end
      rows[#rows + 1] = copy
    end
  end
  return rows
end

local function summaries(store, params)
  local from, to = params.startTime:match(FORM), params.endTime:match(FORM)
  if not from or not to then
    return refuse("startTime and endTime are like 2026-08-01 00:00:00")
  elseif from ~= to then
    return refuse("startTime and endTime are of one month")
  end
  local rows = selected(store, params)
  local number, size = params.pageIndex or 1, params.pageSize or PAGE_SIZE
  local page, failure = paging.page(rows, { pageNumber = number, pageSize = size })
  return page and {
    result = page,
    pagination = {
      currPageNo = tonumber(number),
      pageSize = size,
      numberRecords = #rows,
      numberPages = math.ceil(#rows / size),
      startIndex = (number - 1) * size,
    },
  }, failure
end

--- Operations by name.
M.operations = { queryBillSummary = summaries, describeBillSummarys = summaries }

return M
