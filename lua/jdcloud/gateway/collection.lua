-- collection.lua - what the gateway answers for a paging operation that has no behaviour of its own: a page of a
-- collection that is the same every time, cut by whatever parameters the operation pages with (protocol.md 11.1).
--
-- Where the model doesn't know the result, the answer is { list = …, totalCount = … }, also inside a field of the
-- result that has no known type. Of several lists the first one has the items. An operation whose next token isn't
-- declared gives it under the parameter's name; "" is no token.

local json = require "jdcloud.json"
local models = require "jdcloud.models"

local M = {}

local PAGE_SIZE = 20 -- where the request names none; the default of many services
local NUMBER_MAX = 1000000000 -- more is as good as this, and products of two such don't overflow
local LARGE = 1000 -- a total that is too large is so by this many
local SHRINKS = 7 -- items that a shrinking total loses from page to page

--- The misbehaviours, and what they may be; a table of some of them is the field `paging` of a fault:
--   repeats   true: beyond the last page comes the last one again
--   empty     the number of a page that comes without items
--   size_max  no page has more items than this
--   total     "none", "zero", "large" (on all pages), "grows" (always beyond what there is), "shrinks" from page to
--             page, "sinks" (from page 2 on it is what was given so far)
--   token     the last page has a token too: "same", the one that it was asked with; "cycle", an earlier one
M.misbehaviours = {
  repeats = "boolean", empty = "number", size_max = "number",
  total = { none = true, zero = true, large = true, grows = true, shrinks = true, sinks = true },
  token = { same = true, cycle = true },
}

-- Fields beside the list or the count that tell the number of pages, or repeat the request.
local COUNTS_OF_PAGES = { "totalPage", "totalPages", "numberPages", "pageCount", "pages" }
local NUMBERS = { "pageNumber", "pageNum", "pageNo", "pageIndex", "currentPage", "nowPage", "currPageNo", "page" }

local function container(path)
  return path and path:match("^(.*)%.[^.]+$") or ""
end

-- The type of a result's field, "data.list"; nil where the shape doesn't have it. "" is the result itself.
local function type_at(t, path)
  for name in path:gmatch("[^.]+") do
    if not t or t.kind ~= "struct" then return nil end
    local field = models.shape(t).fields[name]
    t = field and field.type
  end
  return t
end

-- Puts a value where a path says.
local function put(result, path, value)
  for name, rest in path:gmatch("([^.]+)(%.?)") do
    if rest == "" then
      result[name] = value
    else
      if type(result[name]) ~= "table" then result[name] = {} end
      result = result[name]
    end
  end
end

local function positive(value, default)
  value = tonumber(value)
  return value and value >= 1 and value % 1 == 0 and math.floor(math.min(value, NUMBER_MAX)) or default
end

-- Which page is asked for: { number, size, before = items before its first one }.
local function asked(paging, params, lies)
  local p = params
  if paging.inside then p = type(params[paging.inside]) == "table" and params[paging.inside] or {} end
  local size = math.min(positive(p[paging.size], PAGE_SIZE), lies.size_max or math.huge)
  local before
  if paging.style == "offset" then
    before = positive(p[paging.offset], 0)
  elseif paging.style == "token" then
    before = tonumber(tostring(p[paging.token]):match("^after%-(%d+)$")) or 0
  else
    before = (positive(p[paging.number], 1) - 1) * size
  end
  return { number = math.floor(before / size) + 1, size = size, before = before }
end

-- The items of a page.
local function items_of(page, count, of, path, lies, make)
  local items, before = json.list {}, page.before
  if lies.repeats and before >= count then
    before = math.max(0, math.ceil(count / page.size) - 1) * page.size
  end
  if lies.empty == page.number then return items end
  local name = path:match("[^.]+$")
  for i = before + 1, math.min(count, before + page.size) do
    local item = make(of, name .. "-" .. i)
    if type(item) == "table" and next(item) == nil then item.id = name .. "-" .. i end -- a shape without fields
    items[#items + 1] = item
  end
  return items
end

-- What the service says that there are; nil if it doesn't.
local function total_of(page, count, lie)
  local number = page.number
  if lie == "none" then return nil end
  if lie == "zero" then return 0 end
  if lie == "large" then return count + LARGE end
  if lie == "grows" then return count + number * page.size end
  if lie == "shrinks" then return math.max(0, count - SHRINKS * (number - 1)) end
  if lie == "sinks" and number > 1 then return math.min(count, number * page.size) end
  return count
end

-- Writes the count of pages and what a result repeats of the request, wherever the shape has such fields.
local function put_numbers(op, result, path, page, items, total)
  local t = type_at(op.result, path)
  if not t or t.kind ~= "struct" then return end
  local fields, prefix = models.shape(t).fields, path == "" and "" or path .. "."
  local function put_number(name, value)
    local field = fields[name]
    if field and field.type.kind == "integer" then put(result, prefix .. name, value) end
  end
  for _, name in ipairs(COUNTS_OF_PAGES) do put_number(name, total and math.ceil(total / page.size)) end
  for _, name in ipairs(NUMBERS) do put_number(name, page.number) end
  put_number("pageSize", page.size)
  put_number("currentCount", #items)
  if fields.hasNextPage and fields.isLastPage then
    local more = total ~= nil and page.number * page.size < total
    put(result, prefix .. "hasNextPage", more)
    put(result, prefix .. "isLastPage", not more)
  end
end

-- Writes the token of the next page, and whether there is one.
local function put_token(paging, result, page, count, lies)
  local next_before = page.before + page.size
  local more = next_before < count or lies.repeats == true and count > 0
  if not more and lies.token then
    more = true
    next_before = page.before
    if lies.token == "cycle" then next_before = page.before > page.size and page.size or 0 end
  end
  put(result, paging.next or paging.token, more and "after-" .. next_before or "")
  if paging.more then put(result, paging.more, more) end
end

-- Where the items go, and their type: the declared list, the first of several, or one in what has no known type.
local function place_of(op)
  local path = op.paging.list or op.paging.lists and op.paging.lists:match("^[^,]+")
  if path then
    local t = type_at(op.result, path)
    return path, t and t.of or models.any, op.paging.total
  elseif op.result.kind == "any" then
    return "list", models.any, "totalCount"
  end
  for _, field in ipairs(models.shape(op.result).list) do
    if field.type.kind == "any" then return field.name .. ".list", models.any, field.name .. ".totalCount" end
  end
  return nil, nil, op.paging.total
end

--- The parameters that don't say which page it is: all that an item may depend on.
function M.other_parameters(op, params)
  local others, paging = {}, op.paging
  for name, value in pairs(params) do
    if name ~= paging.number and name ~= paging.size and name ~= paging.offset and name ~= paging.token then
      others[name] = value
    end
  end
  return others
end

--- Answers a paging operation.
-- @param op the operation of the model
-- @param params of the request, checked
-- @param context { items = how many items there are in all, paging = nil or M.misbehaviours of this request }
-- @param make function(type, key) -> a value of that type, another one for another key
-- @param result what else is in the result, changed in place
-- @return the result
function M.answer(op, params, context, make, result)
  if not op.result then return {} end
  local lies, count = context.paging or {}, context.items
  local page = asked(op.paging, params, lies)
  local list, of, total_path = place_of(op)
  local items = list and items_of(page, count, of, list, lies, make) or {}
  if list then put(result, list, items) end
  local total = total_of(page, count, lies.total)
  if total_path then
    local t = type_at(op.result, total_path)
    put(result, total_path, total and t and t.kind == "string" and ("%d"):format(total) or total)
  end
  put_numbers(op, result, container(list), page, items, total)
  if container(total_path) ~= container(list) then
    put_numbers(op, result, container(total_path), page, items, total)
  end
  if op.paging.style == "token" then put_token(op.paging, result, page, count, lies) end
  return result
end

return M
