-- Filters, tags and pages of the list operations, as vm has them (protocol.md 3.3, 11.1).

local json = require "jdcloud.json"

local M = {}

local PAGE_SIZE = 20 -- the default of vm
local PAGE_SIZE_MAX = 100

local function refuse(message)
  return nil, { http = 400, status = "INVALID_ARGUMENT", message = message }
end

local function contains(text, part)
  return text:find(part, 1, true) ~= nil
end

local function any(values, test)
  for _, value in ipairs(values) do
    if test(value) then
      return true
    end
  end
  return false
end

local function matches(text, filter)
  local operator = filter.operator or "eq"
  local hit = any(filter.values, function(value)
    return operator == "like" and contains(text, value) or text == value
  end)
  return hit == (operator ~= "ne")
end

local OPERATORS = { eq = true, ne = true, like = true, ["in"] = true }

--- Keeps the items that meet every filter; one of a filter's values is enough.
-- @param items list
-- @param filters list of { name, values, operator = "eq" | "in" | "ne" | "like" } | nil
-- @param getters { [filter name] = function(item) -> text, … (any of the texts may match) }
-- @return list | nil, failure { http, status, message }
function M.filter(items, filters, getters)
  for i, filter in ipairs(filters or {}) do
    if not getters[filter.name] then
      return refuse("filters." .. i .. ".name is not a filter of this operation")
    elseif not OPERATORS[filter.operator or "eq"] then
      return refuse("filters." .. i .. ".operator is not an operator of this operation")
    end
    local kept = {}
    for _, item in ipairs(items) do
      if matches(getters[filter.name](item) or "", filter) then
        kept[#kept + 1] = item
      end
    end
    items = kept
  end
  return items
end

--- Keeps the items that have every tag; one of a tag's values is enough.
-- @param items list of { tags = list of { key, value } }
-- @param tags list of { key, values } | nil
-- @return list
function M.tagged(items, tags)
  for _, wanted in ipairs(tags or {}) do
    local kept = {}
    for _, item in ipairs(items) do
      local has = any(item.tags or {}, function(tag)
        return tag.key == wanted.key and any(wanted.values or { tag.value }, function(value)
          return value == tag.value
        end)
      end)
      if has then
        kept[#kept + 1] = item
      end
    end
    items = kept
  end
  return items
end

--- Is a whole number of a request in a range? Where this Lua can't hold it, it comes as its digits (check.lua).
-- @param value number or digits
function M.within(value, low, high)
  value = tonumber(value)
  return value >= low and value <= high
end

--- One page of a list. A page past the end is empty, as vm does it.
-- @param items list
-- @param params { pageNumber = from 1, pageSize = 1 … 100 }, both optional
-- @return list | nil, failure { http, status, message }
function M.page(items, params)
  local number, size = params.pageNumber or 1, params.pageSize or PAGE_SIZE
  if not M.within(number, 1, math.huge) then
    return refuse("pageNumber starts at 1")
  elseif not M.within(size, 1, PAGE_SIZE_MAX) then
    return refuse("pageSize is 1 to " .. PAGE_SIZE_MAX)
  end
  local page = json.list {}
  if not M.within(number, 1, #items) then -- nor is it multiplied: the product of a large one has no room in an integer
    return page
  end
  for i = (number - 1) * size + 1, math.min(number * size, #items) do
    page[#page + 1] = items[i]
  end
  return page
end

return M
