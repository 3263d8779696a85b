-- enums.lua - the fixed values of the API, as the C core lists them: regions, zones, billing. Tables of constants whose
-- unknown names raise, so that a slip is found where it was made.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local nearest = require "jdcloud.nearest"

local M = {}

-- A read-only table { CN_NORTH_1 = "cn-north-1", ... } of one list of core.enums.
local function constants(which)
  local values, names = {}, {}
  for i, value in ipairs(core.enums[which]) do
    values[value.constant] = value.text
    names[i] = value.constant
  end
  return setmetatable({}, {
    __index = function(_, name)
      local text = values[name]
      if text == nil then
        errors.misuse(('jdcloud.%s has no "%s"%s'):format(which, tostring(name), nearest.suggest(name, names)))
      end
      return text
    end,
    __newindex = function() errors.misuse(("jdcloud.%s is read-only"):format(which)) end,
    __pairs = function() return next, values, nil end,
  })
end

--- Region codes: region.CN_NORTH_1 is "cn-north-1". An unknown name raises with the nearest ones. On Lua 5.1 and LuaJIT
-- `pairs` sees nothing here; `regions` is the list.
M.region = constants("region")
--- Codes of availability zones: zone.CN_NORTH_1A is "cn-north-1a".
M.zone = constants("zone")
--- charge_mode.PREPAID_BY_DURATION, POSTPAID_BY_USAGE, POSTPAID_BY_DURATION.
M.charge_mode = constants("charge_mode")
--- charge_unit.MONTH, YEAR.
M.charge_unit = constants("charge_unit")
--- charge_status.NORMAL, OVERDUE, ARREAR.
M.charge_status = constants("charge_status")

--- The regions of the contract: { { code, name, zones = { { code, name }, … } }, … }.
M.regions = {}
for i, region in ipairs(core.enums.region) do
  M.regions[i] = { code = region.text, name = region.name, zones = {} }
end
for _, zone in ipairs(core.enums.zone) do
  local zones = M.regions[zone.parent].zones
  zones[#zones + 1] = { code = zone.text, name = zone.name }
end

return M
