-- expiry.lua - when temporary keys end. JD Cloud writes `yyyy-MM-dd HH:mm:ss` and doesn't say in which zone
-- (protocol.md 10); and the moment is one of its clock, not of ours.

local core = require "jdcloud.core"

local M = {}

M.BEIJING = 8 * 3600 -- seconds east of Greenwich

-- Seconds east of Greenwich that a text names at its end; nil: none.
local function zone_of(text)
  if text == "Z" then return 0 end
  local sign, hours, minutes = text:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  return (sign == "-" and -1 or 1) * (hours * 3600 + minutes * 60)
end

--- A moment as text, `yyyy-MM-dd HH:mm:ss` or RFC 3339.
-- @return seconds since 1970 of its digits, its zone in seconds east of Greenwich (nil: it names none) | nil
function M.parse(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, rest =
    text:match("^%s*(%d%d%d%d)%-(%d%d)%-(%d%d)[T ](%d%d):(%d%d):(%d%d)(.-)%s*$")
  if not year then return nil end
  local zone = rest:gsub("^%.%d+", ""):gsub("^%s+", "")
  local seconds = core.parse_date(("%s%s%sT%s%s%sZ"):format(year, month, day, hour, minute, second))
  if not seconds or zone ~= "" and not zone_of(zone) then return nil end
  return seconds, zone_of(zone)
end

--- For how long keys live from now on.
-- @param text the expiration, as it came
-- @param date the server's clock: the value of its header Date | nil
-- @param wall our clock, Unix seconds, when the request was made: where there is no Date
-- @param zones list of what the zone may be, seconds east of Greenwich, if the text names none
-- @param longest seconds for which such keys can live at most: of the zones, the one that gives most within that counts
-- @return seconds, 0 or less if they have ended | nil: the text is none
function M.life(text, date, wall, zones, longest)
  local moment, zone = M.parse(text)
  if not moment then return nil end
  local now = date and core.parse_http_date(date) or wall
  local best
  for _, offset in ipairs(zone and { zone } or zones) do
    local life = moment - offset - now
    local better = not best or life <= longest and (best > longest or life > best) or life > longest and life < best
    if better then best = life end
  end
  return best
end

return M
