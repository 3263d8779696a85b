-- bill.lua - the bill of a month by service, the dearest first, and its sum.
--
--   lua examples/bill.lua [YYYY-MM]
--
-- Last month unless another is named. Keys come from the environment or ~/.jdc/config. Nothing is rounded.

local jdcloud = require "jdcloud"

local COLUMNS = { "totalFee", "discountFee", "realTotalFee", "cashCouponPayFee", "arrearFee" }
local HEADINGS = { "LIST PRICE", "DISCOUNT", "TO PAY", "BY COUPON", "OWED" }

local USAGE = "usage: bill.lua [YYYY-MM]"

local function usage(message)
  io.stderr:write("bill: ", message, "\n", USAGE, "\n")
  os.exit(2)
end

-- The arguments that are no options. A dash begins an option, wherever it stands.
local function words()
  local list = {}
  for _, word in ipairs(arg) do
    if word == "-h" or word == "--help" then
      print(USAGE)
      os.exit(0)
    elseif word:find "^%-" then
      usage("no option " .. word)
    else
      list[#list + 1] = word
    end
  end
  return list
end

-- The first and the last second of the month; a bill is asked for within one month.
local function period()
  local now = os.date "*t"
  local before = os.date("%Y-%m", os.time { year = now.year, month = now.month, day = 0, hour = 12 })
  local given = words()
  local year, month = (given[1] or before):match "^(%d%d%d%d)%-(%d%d)$"
  if given[2] then usage "too many arguments" end
  if not year or tonumber(month) < 1 or tonumber(month) > 12 then usage "a month is like 2026-07" end
  local last_day = os.date("%d", os.time { year = tonumber(year), month = tonumber(month) + 1, day = 0, hour = 12 })
  local text = year .. "-" .. month
  return text, text .. "-01 00:00:00", text .. "-" .. last_day .. " 23:59:59"
end

-- Fees are decimals that JSON brings as floats, and sums of floats drift: 0.1 + 0.2 isn't 0.3. So they are summed as
-- whole millionths of a yuan, which are exact up to nine thousand million.
local function millionths(fee)
  return math.floor((fee or 0) * 1e6 + 0.5)
end

-- 35000000 -> "35.00    ": at least two decimals, blanks for the zeros after them, so that points stand in line.
local function yuan(amount)
  local whole, rest = math.floor(math.abs(amount) / 1e6), math.abs(amount) % 1e6
  local text = ("%s%.0f.%06.0f"):format(amount < 0 and "-" or "", whole, rest)
  return (text:gsub("(%.%d%d%d-)(0*)$", function(kept, zeros) return kept .. (" "):rep(#zeros) end))
end

local function add(sums, row)
  sums.resources = sums.resources + 1
  for _, column in ipairs(COLUMNS) do sums[column] = sums[column] + millionths(row[column]) end
end

local function new_sums(name)
  local sums = { name = name, resources = 0 }
  for _, column in ipairs(COLUMNS) do sums[column] = 0 end
  return sums
end

local function print_line(name, resources, cells)
  local line = { ("%-20s %9s"):format(name, resources) }
  for _, cell in ipairs(cells) do line[#line + 1] = ("%17s"):format(cell) end
  print((table.concat(line):gsub("%s+$", "")))
end

local function print_sums(sums)
  local cells = {}
  for i, column in ipairs(COLUMNS) do cells[i] = yuan(sums[column]) end
  print_line(sums.name, sums.resources, cells)
end

jdcloud.main(function()
  local month, from, to = period()
  local cloud = jdcloud.new()
  local total, by_service, services = new_sums "total", {}, {}
  for row in cloud.billing:each("queryBillSummary", { startTime = from, endTime = to }) do
    local name = row.serviceCode or "other"
    if not by_service[name] then
      by_service[name] = new_sums(name)
      services[#services + 1] = by_service[name]
    end
    add(by_service[name], row)
    add(total, row)
  end
  cloud:close()
  table.sort(services, function(a, b)
    if a.realTotalFee ~= b.realTotalFee then return a.realTotalFee > b.realTotalFee end
    return a.name < b.name
  end)
  print_line(month, "RESOURCES", HEADINGS)
  for _, sums in ipairs(services) do print_sums(sums) end
  print_sums(total)
end)
