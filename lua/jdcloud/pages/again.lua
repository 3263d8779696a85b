-- again.lua - has this page come before? Many services give the last page again when asked for one beyond it, some
-- begin again at the first (protocol.md 11.1).
--
-- A page is compared with the one before, with the first, and with one further back that is renewed at every power of
-- two, so that a round of any length is found in the end. Programs change the items that they are given: of every page
-- a few items are kept as text too, and count if the items have been changed since.

local json = require "jdcloud.json"

local M = {}

local SAMPLES = 3 -- items of a page that are kept as text

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

-- The items that are kept as text: the first, the last, and between them.
local function sample_of(items, count)
  local texts = {}
  for i = 0, math.min(count, SAMPLES) - 1 do
    local at = 1 + math.floor(i * (count - 1) / (SAMPLES - 1))
    texts[i + 1] = json.encode(items[at]) or "?"
  end
  return table.concat(texts, "\n")
end

local function equal(mark, items, sample)
  if mark.count ~= #items then return false end
  if same(mark.items, items) then return true end
  return mark.sample == sample and sample_of(mark.items, mark.count) ~= sample
end

--- Is this page one that was remembered?
-- @param seen {} at first
-- @param items a list that isn't empty
function M.is(seen, items)
  if not seen.first then return false end
  local sample = sample_of(items, #items)
  seen.sample = sample
  return equal(seen.before, items, sample) or equal(seen.first, items, sample) or equal(seen.anchor, items, sample)
end

--- Remembers the page that M.is was asked about.
function M.remember(seen, items)
  local mark = { items = items, count = #items, sample = seen.sample or sample_of(items, #items) }
  seen.pages, seen.sample = (seen.pages or 0) + 1, nil
  seen.first, seen.before = seen.first or mark, mark
  if not seen.anchor or seen.pages == seen.anchor_at then
    seen.anchor, seen.anchor_at = mark, seen.pages * 2
  end
end

return M
