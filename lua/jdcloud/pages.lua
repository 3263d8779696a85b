-- pages.lua - list operations page by page, item by item, or as one list (protocol.md 11.1). How pages are asked for is
-- in pages/request.lua, where they end in pages/extent.lua, which items they have in pages/lists.lua.

local errors = require "jdcloud.errors"
local extent = require "jdcloud.pages.extent"
local lists = require "jdcloud.pages.lists"
local request_of = require "jdcloud.pages.request"

local M = {}

--- The options that are of paging; others are those of a single call.
M.options = { page_size = true, max_items = true, items = true }

-- What an operation must have to page in each style.
local NEEDED = { page = "number", offset = "offset", token = "token" }

local function failure(op, kind, message)
  local attempts = kind == "invalid" and 0 or nil
  return errors.new {
    kind = kind, message = message, service = op.service, operation = op.name, attempts = attempts,
  }
end

-- "data.a,data.b" -> which of them the caller may mean.
local function unknown_list(candidates)
  if not candidates then return 'which field has the items isn\'t known; say it with items = "data.list"' end
  return 'which list has the items? Say it with items = "' .. candidates:gsub(",", '" or "') .. '"'
end

-- Everything that one listing remembers, or nil and an error object.
local function begin(call, op, params, options, whole_pages)
  options = options or {}
  local paging = op.paging
  if not paging or not paging[NEEDED[paging.style] or ""] then
    return nil, failure(op, "invalid",
      "this operation is not known to page; if it does, ask for page after page with client:call")
  end
  local list = options.items or paging.list
  if not list and not whole_pages then return nil, failure(op, "invalid", unknown_list(paging.lists)) end
  if options.items and options.validate ~= false then
    local problem = lists.unknown(op, options.items)
    if problem then return nil, failure(op, "invalid", problem) end
  end
  local request, message = request_of.begin(op, params, options.page_size)
  if not request then return nil, failure(op, "invalid", message) end
  local rest = {}
  for name, value in next, options do
    if not M.options[name] then rest[name] = value end
  end
  return {
    call = call, op = op, options = rest, list = list, guessed = options.items ~= nil, request = request,
    extent = extent.begin(request),
  }
end

-- The items of a page, and how many they are; nil and an error if it has no list where one must be.
local function items_of(s, page)
  if not s.list then return lists.all(page) end
  local items, message = lists.at(page, s.list, s.guessed)
  if not items then return nil, failure(s.op, s.guessed and "invalid" or "protocol", message) end
  if #items > 0 then s.guessed = false end
  return items, #items
end

-- The end of a listing: nil, or once, if something is wrong with it, false and an error.
local function finish(s, err)
  local fault = s.extent.fault
  s.extent.ended, s.extent.fault = true, nil
  if err then return false, err end
  if fault then return false, failure(s.op, "protocol", fault .. "; ask for them with client:call") end
  return nil
end

-- The next page, its items and how many they are; nil at the end; false and an error once, which is the end too.
local function next_page(s)
  local e = s.extent
  if e.ended then return finish(s) end
  if s.asked then request_of.advance(s.request, s.count, e.token) end
  s.asked = true
  local page, err = s.call(s.op.name, s.request.params, s.options)
  if not page then return finish(s, err) end
  local items, count = items_of(s, page)
  if not items then return finish(s, count) end
  s.count = s.list and count or 0
  if not extent.learn(e, page, items, count) then return finish(s) end
  return page, items, count
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
-- @param params its parameters; where to begin and the size of a page may be among them
-- @param options page_size (100), max_items, items ("data.list", where the list isn't known; "." is the result itself);
--   those of a single call are passed on
-- @return a function for a `for` loop: a result each time; false and an error object once, if a page failed
function M.pages(call, op, params, options)
  local s, err = begin(call, op, params, options, true)
  if not s then return failing(err) end
  local left = options and options.max_items or math.huge
  return function()
    if left <= 0 then return nil end
    local page, items, count = next_page(s)
    if page then
      left = left - count
      return page
    end
    return page, items
  end
end

--- Iterates over the items of all pages; at most max_items of them. Otherwise as M.pages.
function M.each(call, op, params, options)
  local s, err = begin(call, op, params, options)
  if not s then return failing(err) end
  local left = options and options.max_items or math.huge
  local items, at, count = {}, 0, 0
  return function()
    while left > 0 do
      at = at + 1
      if at <= count then
        left = left - 1
        if items[at] == false then return finish(s, failure(op, "protocol", "one of the items is false")) end
        return items[at]
      end
      local page
      page, items, count = next_page(s)
      at = 0
      if not page then
        left = 0
        return page, items
      end
    end
    return nil
  end
end

--- All items as one list, complete before anything is changed: what a loop over pages does to the pages. Not by `for`,
-- out of which Lua 5.1 can't suspend a task.
-- @return a list | nil, error
function M.all(call, op, params, options)
  local list, next_item = {}, M.each(call, op, params, options)
  local item, err = next_item()
  while item do
    list[#list + 1] = item
    item, err = next_item()
  end
  if item == false then return nil, err end
  return list
end

return M
