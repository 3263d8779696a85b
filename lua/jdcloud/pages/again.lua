-- again.lua - has this page come before? Many services give the last page again when asked for one beyond it, some
-- begin again at the first (protocol.md 11.1).
--
-- A page is compared with the one before, with the first, and with one further back that is renewed at every power of
-- two, so that a round of any length is found in the end. What is compared is a digest of its items, made before the
-- program is given them: programs change their items.

local core = require "jdcloud.core"
local json = require "jdcloud.json"

local M = {}

-- nil for what has no text; it is then like no other page.
local function digest_of(items)
  local text = json.encode(items)
  return text and core.sha256(text)
end

--- Is this page one that was remembered?
-- @param seen {} at first
-- @param items a list that isn't empty
function M.is(seen, items)
  local digest = digest_of(items)
  seen.asked = digest
  return digest ~= nil and (digest == seen.before or digest == seen.first or digest == seen.anchor)
end

--- Remembers the page that M.is was asked about.
function M.remember(seen)
  local digest = seen.asked
  seen.pages = (seen.pages or 0) + 1
  if seen.pages == 1 then seen.first, seen.anchor_at = digest, 1 end
  seen.before = digest
  if seen.pages == seen.anchor_at then seen.anchor, seen.anchor_at = digest, seen.pages * 2 end
end

return M
