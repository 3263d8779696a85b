-- pages.lua - list operations page by page, item by item, or as one list (protocol.md 11.1).
--
-- Services count, cut and end in their own ways: many repeat the last page when asked for one beyond it, totals change
-- while one reads, some give fewer items than asked for on every page. So the end is where the total says, or the
-- pages that the total makes are through; without a total, or with one that is behind what was already seen, a page
-- that isn't full; and in any case a page that is the same as the one before, or a second empty one.

local errors = require "jdcloud.errors"

local M = {}

-- Asked for unless the caller names a size: the most that all services take (protocol.md 11.1, "commonly [10,100]").
local PAGE_SIZE = 100

--- The options that are of paging; others are those of a single call.
M.options = { page_size = true, max_items = true, items = true }

-- "data.list" of a result; nil where it isn't there.
local function field(value, path)
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return value
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in next, a do
    if not same(value, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

-- Everything that one listing remembers, or nil and an error object.
local function begin(call, op, params, options)
  options = options or {}
  local paging = op.paging
  local function refuse(message)
    return nil, errors.new {
      kind = "invalid", message = message, service = op.service, operation = op.name, attempts = 0,
    }
  end
  if not paging or paging.style ~= "page" then return refuse("is not an operation that pages") end
  local list = options.items or paging.list
  if not list then return refuse('which field has the items isn\'t known; say it with items = "data.list"') end
  local p, rest = {}, {}
  for name, value in next, params or {} do p[name] = value end
  for name, value in next, options do
    if not M.options[name] then rest[name] = value end
  end
  p[paging.size] = p[paging.size] or options.page_size or PAGE_SIZE
  p[paging.number] = p[paging.number] or 1
  local number, size = tonumber(p[paging.number]), tonumber(p[paging.size])
  if not number or not size or number < 1 or size < 1 then
    return refuse(("%s and %s must be numbers from 1"):format(paging.number, paging.size))
  end
  return {
    call = call, op = op, params = p, options = rest, list = list, total_field = paging.total, number = number,
    size = size, seen = (number - 1) * size, total = 0, empty = 0, ended = false,
  }
end

-- Learns from a page whether it was the last one; false if it is only the one before again.
local function learn(s, items, total)
  local count = #items
  if count > 0 and s.before and same(items, s.before) then
    s.ended = true
    return false
  end
  if count > 0 and not s.before and count < s.size and total and total > s.seen + count then
    s.seen, s.size = (s.number - 1) * count, count -- the service cuts pages smaller than asked for
  end
  s.before = items
  s.seen, s.empty = s.seen + count, count == 0 and s.empty + 1 or 0
  if total and total > s.total then s.total = total end -- the largest seen: too many pages end, too few lose items
  if total and s.seen <= s.total then
    s.ended = s.seen == s.total or s.number * s.size >= s.total or s.empty > 1
  else
    s.ended = count < s.size
  end
  return true
end

-- The next page and its items; nil at the end; false and an error once, which is the end too.
local function next_page(s)
  if s.ended then return nil end
  s.params[s.op.paging.number] = s.number
  local page, err = s.call(s.op.name, s.params, s.options)
  if not page then
    s.ended = true
    return false, err
  end
  local items = field(page, s.list)
  if items == nil then items = {} end
  if type(items) ~= "table" then
    s.ended = true
    return false, errors.new {
      kind = "protocol", message = ("the result has no list %q"):format(s.list), service = s.op.service,
      operation = s.op.name,
    }
  end
  local is_new = learn(s, items, s.total_field and tonumber(field(page, s.total_field)))
  s.number = s.number + 1
  if not is_new then return nil end
  return page, items
end

-- An iterator that gives the error once.
local function failing(err)
  return function()
    if not err then return nil end
    local once = err
    err = nil
    return false, once
  end
end

--- Iterates over the results of a list operation.
-- @param call function(name, params, options) -> result | nil, error
-- @param op the operation
-- @param params its parameters; the page's number and size may be among them (a start and a size)
-- @param options page_size (100), max_items, items ("data.list", for results whose list isn't known); those of a single
--   call are passed on
-- @return a function for a `for` loop: a result each time; false and an error object once, if a page failed
function M.pages(call, op, params, options)
  local s, err = begin(call, op, params, options)
  if not s then return failing(err) end
  local left = options and options.max_items or math.huge
  return function()
    if left <= 0 then return nil end
    local page, items = next_page(s)
    if page then left = left - #items end
    return page, not page and items or nil
  end
end

--- Iterates over the items of all pages; at most max_items of them. Otherwise as M.pages.
function M.each(call, op, params, options)
  local s, err = begin(call, op, params, options)
  if not s then return failing(err) end
  local left = options and options.max_items or math.huge
  local items, at = {}, 0
  return function()
    while left > 0 do
      at = at + 1
      if items[at] ~= nil then
        left = left - 1
        return items[at]
      end
      local page
      page, items = next_page(s)
      at = 0
      if not page then
        left = 0
        return page, page == false and items or nil
      end
    end
    return nil
  end
end

--- All items as one list, complete before anything is changed: what a loop over pages does to the pages.
-- @return a list | nil, error
function M.all(call, op, params, options)
  local list = {}
  for item, err in M.each(call, op, params, options) do
    if item == false then return nil, err end
    list[#list + 1] = item
  end
  return list
end

return M
