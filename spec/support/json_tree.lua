-- json_tree.lua - a small strict JSON reader for specs, which keeps what lua-cjson loses: a list is { list = { … } },
-- an object { object = { … } }, an integer { digits = "…" }, another number a Lua number, null cjson.null.

local cjson = require "cjson"

local M = {}

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local value

local function fail(text, at, what)
  error(("JSON: %s at byte %d of %d"):format(what, at, #text), 0)
end

-- The writer escapes control characters only, so that no escape here is beyond ASCII.
local function escape(text, at)
  local c = text:sub(at + 1, at + 1)
  if ESCAPES[c] then return ESCAPES[c], at + 2 end
  local code = text:match("^u00(%x%x)", at + 1)
  if not code or tonumber(code, 16) > 127 then fail(text, at, "unexpected escape") end
  return string.char(tonumber(code, 16)), at + 6
end

local function string_at(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, after = text:match('^([^%c"\\]*)()', at)
    parts[#parts + 1], at = plain, after
    local c = text:sub(at, at)
    if c == '"' then return table.concat(parts), at + 1 end
    if c ~= "\\" then fail(text, at, "bad string") end
    parts[#parts + 1], at = escape(text, at)
  end
end

local function list_at(text, at)
  local items = {}
  at = at + 1
  if text:sub(at, at) == "]" then return { list = items }, at + 1 end
  while true do
    items[#items + 1], at = value(text, at)
    local c = text:sub(at, at)
    if c == "]" then return { list = items }, at + 1 end
    if c ~= "," then fail(text, at, "bad list") end
    at = at + 1
  end
end

local function object_at(text, at)
  local members = {}
  at = at + 1
  if text:sub(at, at) == "}" then return { object = members }, at + 1 end
  while true do
    if text:sub(at, at) ~= '"' then fail(text, at, "no name") end
    local name
    name, at = string_at(text, at)
    if members[name] ~= nil or text:sub(at, at) ~= ":" then fail(text, at, "a name twice, or no colon") end
    members[name], at = value(text, at + 1)
    local c = text:sub(at, at)
    if c == "}" then return { object = members }, at + 1 end
    if c ~= "," then fail(text, at, "bad object") end
    at = at + 1
  end
end

local function number_at(text, at)
  local literal, after = text:match("^(%-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  if not literal or literal:find("^%-?0%d") then fail(text, at, "bad number") end
  if literal:find("^%-?%d+$") then return { digits = literal }, after end
  return tonumber(literal) or fail(text, at, "bad number"), after
end

local WORDS = { ["true"] = true, ["false"] = false, null = cjson.null }

function value(text, at)
  local c = text:sub(at, at)
  if c == '"' then return string_at(text, at) end
  if c == "{" then return object_at(text, at) end
  if c == "[" then return list_at(text, at) end
  local word, after = text:match("^(%l+)()", at)
  if word and WORDS[word] ~= nil then return WORDS[word], after end
  return number_at(text, at)
end

--- Reads JSON text without blanks, as the library writes it; raises where it is anything else.
function M.read(text)
  local tree, after = value(text, 1)
  if after ~= #text + 1 then fail(text, after, "something after the end") end
  return tree
end

--- Where two trees differ: nil if nowhere, else the path of the first difference found.
function M.difference(a, b, path)
  path = path or "body"
  if type(a) ~= "table" or type(b) ~= "table" then return a ~= b and path or nil end
  if a.digits or b.digits then return a.digits ~= b.digits and path or nil end
  local form = a.list and "list" or "object"
  if not b[form] then return path end
  for key, item in pairs(a[form]) do
    local found = M.difference(item, b[form][key], path .. "." .. tostring(key))
    if found then return found end
  end
  for key in pairs(b[form]) do
    if a[form][key] == nil then return path .. "." .. tostring(key) end
  end
  return nil
end

return M
