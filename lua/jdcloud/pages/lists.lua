-- lists.lua - the items of a page: in the field that is known or named, or, for whoever takes whole results only, in
-- whatever lists the result has.

local field = require("jdcloud.pages.extent").field
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local nearest = require "jdcloud.nearest"

local M = {}

local DEPTH_MAX = 6 -- objects in objects in which lists are looked for
local SHOWN = 5 -- lists that a message names
local NAME_MAX = 100 -- bytes of a name that a message has

local function sorted_keys(t)
  local keys = {}
  for key in next, t do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

local function collect(found, value, path, depth)
  if #value > 0 then
    found[#found + 1] = { path = path == "" and "." or path, list = value }
  elseif depth > 0 then
    for _, key in ipairs(sorted_keys(value)) do
      if type(value[key]) == "table" then
        collect(found, value[key], path == "" and key or path .. "." .. key, depth - 1)
      end
    end
  end
  return found
end

--- All lists of a result that aren't empty, but for those inside of lists.
-- @return a list of them in the order of their names, how many items the longest has
function M.all(page)
  local lists, longest = {}, 0
  for i, found in ipairs(type(page) == "table" and collect({}, page, "", DEPTH_MAX) or {}) do
    lists[i] = found.list
    longest = math.max(longest, #found.list)
  end
  return lists, longest
end

-- The lists that a result has, for a message. Only what looks like a name: a key may be a value of the user's.
local function names(page)
  local shown = {}
  for _, found in ipairs(collect({}, page, "", DEPTH_MAX)) do
    local path = found.path
    if #shown < SHOWN and #path <= NAME_MAX and path:find("^[%a_.][%w_.]*$") then
      shown[#shown + 1] = ('"%s"'):format(path)
    end
  end
  return table.concat(shown, ", ")
end

--- What is wrong with a path that a caller names, as far as the model knows; nil if nothing is.
function M.unknown(op, path)
  local t = op.result
  for name in path:gmatch("[^.]+") do
    if not t or t.kind ~= "struct" then return nil end
    local shape = models.shape(t)
    if #shape.list == 0 then return nil end
    local known = shape.fields[name]
    if not known then
      local suggestion = nearest.suggest(name, shape.names)
      return ("the result has no field %q for items%s"):format(path:sub(1, NAME_MAX), suggestion)
    end
    t = known.type
  end
  if t and t.kind ~= "list" and t.kind ~= "any" and path ~= "." then
    return ("%q of the result is no list"):format(path:sub(1, NAME_MAX))
  end
  return nil
end

--- The items of a page.
-- @param page the result
-- @param path of its list, "data.list"; "." is the result itself
-- @param guessed did the caller name it, and no page had it yet? Then a result without it, but with another list, is
--   not taken for an empty one
-- @return list, or nil and what is wrong
function M.at(page, path, guessed)
  local items = field(page, path)
  if items == nil or items == json.null then
    local others = guessed and type(page) == "table" and names(page) or ""
    if others == "" then return {} end
    return nil, ("the result has no list %q; it has %s"):format(path, others)
  end
  if type(items) ~= "table" or #items == 0 and next(items) ~= nil then
    return nil, ("the result has no list %q"):format(path)
  end
  return items
end

return M
