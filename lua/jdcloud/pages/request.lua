-- request.lua - the parameters that ask for one page after the other, whichever way an operation pages: by number, by
-- offset or by token, at the top or inside a struct. What the caller gave is copied, not changed.

local models = require "jdcloud.models"

local M = {}

-- Asked for unless the caller names a size: the most that all services take (protocol.md 11.1, "commonly [10,100]").
local PAGE_SIZE = 100

local EXACT = 2 ^ 53 -- a double holds every integer up to here

local function copied(t)
  local copy = {}
  for name, value in next, t do copy[name] = value end
  return copy
end

-- A whole number of at least `least`, also from its digits; else nil.
local function whole(value, least)
  local kind = type(value)
  local n = (kind == "number" or kind == "string") and tonumber(value)
  return n and n >= least and n <= EXACT and n % 1 == 0 and n or nil
end

-- Must this parameter be sent as text? If its type is string; or if it is any, and the caller gave text.
local function is_text(op, name, given)
  local fields = op.params
  local holder = op.paging.inside and fields[op.paging.inside]
  if holder then fields = holder.type.kind == "struct" and models.shape(holder.type).fields or {} end
  local kind = fields[name] and fields[name].type.kind or "any"
  return kind == "string" or kind == "any" and type(given) == "string"
end

local function put(r, name, value, as_text)
  r.holder[name] = as_text and ("%.0f"):format(value) or value
end

-- Reads a number that the caller may have given, and puts it, or the default, among the parameters.
local function take(r, op, name, default, least)
  local given = r.holder[name]
  if given == nil then given = default end
  local n = whole(given, least)
  if not n then return nil, ("%s must be a whole number from %d"):format(name, least) end
  put(r, name, n, is_text(op, name, r.holder[name]))
  return n
end

--- Begins to ask.
-- @param op an operation that pages
-- @param params of the caller, or nil
-- @param size the size of a page, if the parameters don't have it, or nil
-- @return { params = what to send for the first page, number = of that page | nil, offset = of its first item | nil,
--   token = the caller's | nil, size = items that were asked for | nil, … } | nil, what is wrong
function M.begin(op, params, size)
  local paging = op.paging
  local r = { params = copied(params or {}), op = op, paging = paging }
  r.holder = r.params
  if paging.inside then
    local inner = r.params[paging.inside]
    if inner ~= nil and type(inner) ~= "table" then return nil, paging.inside .. " must be a table" end
    r.holder = copied(inner or {})
    r.params[paging.inside] = r.holder
  end
  local message
  if paging.size then
    r.size, message = take(r, op, paging.size, size or PAGE_SIZE, 1)
    if not r.size then return nil, message end
  end
  if paging.style == "page" then
    r.number, message = take(r, op, paging.number, 1, 1)
  elseif paging.style == "offset" then
    r.offset, message = take(r, op, paging.offset, 0, 0)
  else
    r.token = r.holder[paging.token]
  end
  if message then return nil, message end
  return r
end

--- Asks for the next page.
-- @param r of M.begin; its params are what to send afterwards
-- @param count items that the page before had; 0 if it is not known
-- @param token for the next page, where tokens are
function M.advance(r, count, token)
  local paging = r.paging
  if paging.style == "page" then
    r.number = r.number + 1
    put(r, paging.number, r.number, is_text(r.op, paging.number, r.holder[paging.number]))
  elseif paging.style == "offset" then
    r.offset = r.offset + (count > 0 and count or r.size)
    put(r, paging.offset, r.offset, is_text(r.op, paging.offset, r.holder[paging.offset]))
  else
    r.token, r.holder[paging.token] = token, token
  end
end

return M
