-- json.lua - JSON both ways. Reading is lua-cjson's, with what version 2.1.0 loses put back; writing is ours, since
-- that version writes 5 as 5.0, cuts numbers after 14 digits and makes an empty list an object (design.md, JSON).

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"

local M = {}

-- Deeper nesting than any answer of the API has; bounds the recursion here.
local DEPTH_MAX = 128

local NO_MEMORY = "not enough memory" -- what Lua itself raises

local cjson = require("cjson").new()
cjson.decode_max_depth(DEPTH_MAX)
cjson.decode_invalid_numbers(false)

local floor, huge, mathtype = math.floor, math.huge, math.type
local format, gsub = string.format, string.gsub
local finish, json_string = core.json_finish, core.json_string
local sort, concat = table.sort, table.concat

--- JSON's null inside Lua tables: the same value as cjson.null and ngx.null.
M.null = cjson.null

local list_metatable = { __name = "jdcloud.list" }

--- Marks a table as a list, so that it is written as one even if it is empty and its place in a request has no known
-- type. Without an argument it makes an empty list.
function M.list(t)
  if t ~= nil and type(t) ~= "table" then errors.misuse("list takes a table, not a " .. type(t)) end
  return setmetatable(t or {}, list_metatable)
end

--- Is t marked as a list?
function M.is_list(t)
  return getmetatable(t) == list_metatable
end

-- Reading.

--- Reads JSON text as far as lua-cjson does.
-- @return the value, raw: is it to go through M.finish before it is what the text says? Only tables are ever raw. Or
--   nil and a message without any of the text.
function M.read(text)
  local marked, raw = core.json_mark(text)
  local ok, value = pcall(cjson.decode, marked)
  if not ok then
    if value == NO_MEMORY then error(value, 0) end -- the text may well be JSON
    return nil, tostring(value)
  end
  if raw and type(value) ~= "table" then return finish(value, list_metatable, true), false end
  return value, raw
end

--- Finishes what M.read returned, or a part of it, in place.
-- @param plan, resolve, keep_null the types that it gets (csrc/lua/json.h), or nil
function M.finish(value, raw, plan, resolve, keep_null)
  return finish(value, list_metatable, raw, plan, resolve, keep_null)
end

--- Decodes JSON text.
-- @return the value: null is json.null; an integer from 2^53 on is an integer, or a string of its digits where the Lua
--   has no such integers; an empty list is a json.list{}; other numbers are what lua-cjson makes of them (floats). Or
--   nil and a message without any of the text.
function M.decode(text)
  local value, raw = M.read(text)
  if value == nil then return nil, raw end
  if raw then return finish(value, list_metatable, true) end
  return value
end

-- Writing.

--- Is a string UTF-8?
M.is_utf8 = core.is_utf8

--- A string as a JSON string, UTF-8 as it is; nil and a message if it is not UTF-8.
function M.string(s)
  local text = json_string(s)
  if text then return text end
  return nil, "is not valid UTF-8"
end

--- A number as JSON: integers as their digits (also 5.0, and 1e6 as 1000000), others with as few digits as read back to
-- the same number. nil and a message for NaN and infinities.
function M.number(n)
  if mathtype and mathtype(n) == "integer" then return format("%d", n) end
  if n ~= n or n == huge or n == -huge then return nil, "is not a finite number" end
  if n == floor(n) and n < 1e21 and n > -1e21 then return n == 0 and "0" or format("%.0f", n) end
  local text
  for digits = 14, 17 do
    text = format("%." .. digits .. "g", n)
    if tonumber(text) == n then break end
  end
  return (gsub(text, ",", ".")) -- a locale may have put a comma there
end

--- What a table is in JSON: "list", "map" or "mixed", and the number of elements of a list. An empty table is a map
-- unless it is marked as a list.
function M.shape(t)
  local length, keys, strings = #t, 0, 0
  for key in next, t do
    keys = keys + 1
    if type(key) == "string" then strings = strings + 1 end
  end
  if keys == strings then
    if keys == 0 and getmetatable(t) == list_metatable then return "list", 0 end
    return getmetatable(t) == list_metatable and "mixed" or "map", 0
  end
  if strings > 0 or keys ~= length then return "mixed", 0 end
  for i = 1, length do
    if t[i] == nil then return "mixed", 0 end
  end
  return "list", length
end

local TOO_DEEP = "is nested too deeply, or contains itself" -- said of the value as a whole: its place is a long path

local write

local function write_list(out, t, length, depth)
  out[#out + 1] = "["
  for i = 1, length do
    if i > 1 then out[#out + 1] = "," end
    local ok, message, path = write(out, t[i], depth)
    if not ok then return nil, message, "[" .. i .. "]" .. (path or "") end
  end
  out[#out + 1] = "]"
  return true
end

local function write_map(out, t, depth)
  local keys = {}
  for key in next, t do keys[#keys + 1] = key end
  sort(keys)
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    local name = M.string(key)
    if not name then return nil, "has a name that is not valid UTF-8" end
    out[#out + 1] = (i > 1 and "," or "") .. name .. ":"
    local ok, message, path = write(out, t[key], depth)
    if not ok then return nil, message, "." .. key .. (path or "") end
  end
  out[#out + 1] = "}"
  return true
end

-- Appends the JSON of value to out, or returns nil, a message and where below it the fault is.
function write(out, value, depth)
  local kind = type(value)
  local text, message
  if kind == "string" then
    text, message = M.string(value)
  elseif kind == "number" then
    text, message = M.number(value)
  elseif kind == "boolean" then
    text = value and "true" or "false"
  elseif value == M.null then
    text = "null"
  elseif kind == "table" then
    if depth >= DEPTH_MAX then return nil, TOO_DEEP end
    local shape, length = M.shape(value)
    if shape == "list" then return write_list(out, value, length, depth + 1) end
    if shape == "map" then return write_map(out, value, depth + 1) end
    return nil, "is neither clearly a list nor a map"
  else
    return nil, "can't be a " .. kind
  end
  if not text then return nil, message end
  out[#out + 1] = text
  return true
end

--- Appends the JSON of any value to the list of strings `out`.
-- @return true, or nil, what is wrong ("can't be a function"), and where below the value ("[2].name", nil if it is the
--   value itself). Cycles, functions, NaN, invalid UTF-8 and tables that are both list and map are refused.
function M.write(out, value)
  local ok, message, path = write(out, value, 0)
  return ok, message, message ~= TOO_DEEP and path or nil
end

--- The JSON of any value, the names of a map in alphabetical order. For results: their lists stay lists.
-- @return text, or nil and a message with the path and without values
function M.encode(value)
  local out = {}
  local ok, message, path = M.write(out, value)
  if not ok then return nil, (path and gsub(path, "^%.", "") or "value") .. ": " .. message end
  return concat(out)
end

return M
