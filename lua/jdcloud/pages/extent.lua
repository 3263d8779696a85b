-- extent.lua - where a list ends, as far as its pages tell (protocol.md 11.1).
--
-- Services count, cut and end in their own ways: many repeat the last page when asked for one beyond it, totals change
-- while one reads, some give fewer items than asked for on every page. So the end is where the total and the count of
-- pages say, as long as they aren't behind what came already; without them, a page that isn't full; and in any case a
-- page that came before, or a second empty one. A token is believed as long as it is a new one.

local again = require "jdcloud.pages.again"
local json = require "jdcloud.json"

local M = {}

-- Fields beside the list or the total that tell the number of pages.
local COUNTS_OF_PAGES = { "totalPage", "totalPages", "numberPages", "pageCount", "pages" }

-- Sizes that services cut pages to are round. A first page of so many items, though more were asked for, needn't be
-- the only one where nothing says how many there are.
local ROUND = 10

-- Empty pages in a row that a service may give while it says that more come.
local EMPTY_MAX = 100

--- A field of a result: "data.list"; nil where it isn't there. "." is the result itself.
local function field(value, path)
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return value
end
M.field = field

local function container(path)
  return path and (path:match("^(.*)%.[^.]*$") or "")
end

-- A count: a whole number from 0, maybe as text; nil for everything else.
local function count_of(value)
  local n = (type(value) == "number" or type(value) == "string") and tonumber(value)
  return n and n >= 0 and n < math.huge and n % 1 == 0 and n or nil
end

--- Begins to look for the end.
-- @param request of pages/request.lua
-- @return { ended = bool, fault = nil or what is wrong with this end, token = of the next page, … }
function M.begin(request)
  local paging = request.paging
  return {
    request = request, paging = paging, size = request.size or 1, seen = 0, empty = 0, again = {}, used = {},
    ended = false, begun = request.token ~= nil,
    beside_list = container(paging.list), beside_total = container(paging.total),
  }
end

local function pages_in(value)
  if type(value) ~= "table" then return nil end
  for i = 1, #COUNTS_OF_PAGES do
    local n = count_of(value[COUNTS_OF_PAGES[i]])
    if n then return n end
  end
  return nil
end

-- What the service says that there are, the most that it said so far: too many pages end, too few lose items.
local function learn_counts(e, page)
  local total = e.paging.total and count_of(field(page, e.paging.total))
  if total and total > (e.total or -1) then e.total = total end
  local pages = e.beside_total and pages_in(field(page, e.beside_total))
  pages = pages or e.beside_list and pages_in(field(page, e.beside_list))
  if pages and pages > (e.pages or -1) then e.pages = pages end
end

-- Does the service cut pages smaller than asked for? Told by the first page that has items.
local function learn_size(e, count)
  local at = e.seen + count
  local cut = e.total and e.total > at
  if not (e.total and e.total >= at) and not (e.pages and e.pages >= (e.request.number or 1)) then
    cut = count % ROUND == 0
  end
  if not cut then return end
  e.size = count
  if e.request.number then e.seen = (e.request.number - 1) * count end
end

-- Does more come, by the counts? nil if there are none, or none that is true.
local function more_by_counts(e)
  local number, more = e.request.number, nil
  local reached = number and number * e.size or e.seen
  if e.total and e.seen <= e.total then more = e.seen < e.total and reached < e.total end
  if number and e.pages and number <= e.pages then more = more or number < e.pages end
  return more
end

local function learn_place(e, count)
  if not e.placed then
    e.placed, e.seen = true, e.request.offset or (e.request.number - 1) * e.size
  end
  if count > 0 and not e.again.pages and count < e.size then learn_size(e, count) end
  e.seen = e.seen + (count > 0 and count or e.request.offset and e.size or 0)
  local more = more_by_counts(e)
  if more == nil then
    e.ended = count < e.size
  else
    e.ended = not more or e.empty > 1
  end
end

-- Where the model doesn't say which field has the next token: the parameter's name, or that with "next" before it.
local function undeclared_token(page, name)
  if type(page) ~= "table" then return nil end
  local capitalised = name:sub(1, 1):upper() .. name:sub(2)
  for _, candidate in ipairs { "next" .. capitalised, "Next" .. capitalised, name, capitalised } do
    local kind = type(page[candidate])
    if kind == "string" or kind == "number" then return page[candidate] end
  end
  return nil
end

local function next_token(e, page)
  local paging = e.paging
  local token
  if paging.next then token = field(page, paging.next) else token = undeclared_token(page, paging.token) end
  if token == nil and not paging.next and e.beside_list then
    token = undeclared_token(field(page, e.beside_list), paging.token)
  end
  local kind = type(token)
  if kind == "number" then token = json.number(token) elseif kind ~= "string" then token = nil end
  return token
end

local function learn_token(e, page, count)
  local more = e.paging.more and tostring(field(page, e.paging.more))
  local token = next_token(e, page)
  e.seen = e.seen + count
  if e.request.token then e.used[tostring(e.request.token)] = true end
  if more == "false" or not token or token == "" then
    e.ended = true
    if more == "true" or more ~= "false" and not token and not e.begun and e.total and e.total > e.seen then
      e.fault = "the service says that there are more items, and gives no token to ask for them"
    end
  elseif token == tostring(e.request.token) then
    e.ended = count == 0 -- one cursor for all pages, or no end; the next page tells
  elseif e.used[token] then
    e.ended = true
  elseif more == "true" then
    e.ended = e.empty > EMPTY_MAX
    if e.ended then e.fault = "the service says that there are more items, and gives only empty pages" end
  else
    e.ended = e.empty > 1
  end
  e.token = token
end

--- Learns from a page whether it is the last one.
-- @param e of M.begin
-- @param page the result
-- @param items its list; where that isn't known, the lists that it has
-- @param count how many items those are
-- @return true, or false if it is only a page that came before
function M.learn(e, page, items, count)
  if count > 0 and again.is(e.again, items) then
    e.ended = true
    return false
  end
  e.empty = count == 0 and e.empty + 1 or 0
  learn_counts(e, page)
  if e.paging.style == "token" then learn_token(e, page, count) else learn_place(e, count) end
  if count > 0 and not e.ended then again.remember(e.again) end
  return true
end

return M
