-- charge.lua - how a new resource is paid for: builders of the API's ChargeSpec (protocol.md 8), one for each mode,
-- since the contract and the API disagree on the default.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local nearest = require "jdcloud.nearest"

local M = {}

-- Our option -> JD Cloud's field.
local FIELDS = {
  unit = "chargeUnit",
  duration = "chargeDuration",
  auto_renew = "autoRenew",
  auto_change_date = "autoChangeChargeModeDate",
  buy_scenario = "buyScenario",
}
local OPTIONS = {} -- JD Cloud's field -> our option
for option, field in pairs(FIELDS) do OPTIONS[field] = option end

local function text(value) return type(value) == "string", "a string" end
local function flag(value) return type(value) == "boolean", "true or false" end
local function whole(value) return type(value) == "number" and value % 1 == 0, "a whole number" end

local CHECKS = { unit = text, duration = whole, auto_renew = flag, auto_change_date = text, buy_scenario = text }

local PREPAID = { "unit", "duration", "auto_renew", "buy_scenario" }
local POSTPAID = { "auto_change_date", "unit", "duration", "buy_scenario" }

local function contains(list, name)
  for _, known in ipairs(list) do
    if known == name then return true end
  end
  return false
end

local function build(builder, mode, options, allowed)
  local name = "charge." .. builder
  if options == nil then options = {} end
  if type(options) ~= "table" then errors.misuse(name .. " takes a table, not a " .. type(options)) end
  local spec = { chargeMode = mode }
  for option, value in pairs(options) do
    if not contains(allowed, option) then
      errors.misuse(('%s has no option "%s"%s'):format(name, tostring(option), nearest.suggest(option, allowed)))
    end
    local ok, expected = CHECKS[option](value)
    if not ok then errors.misuse(("%s: %s must be %s"):format(name, option, expected)) end
    spec[FIELDS[option]] = value
  end
  if spec.autoChangeChargeModeDate ~= nil then spec.autoChangeChargeMode = true end
  local problems = core.charge_check(spec)
  if problems then
    local problem = problems[1]
    errors.misuse(("%s: %s: %s"):format(name, OPTIONS[problem.field] or problem.field, problem.message))
  end
  return spec
end

--- Paid in advance for a time.
-- @param options unit ("month" or "year"; jdcloud.charge_unit), duration (1 to 9 months, 1 to 3 years), auto_renew
--   (boolean), buy_scenario (text). Wrong ones raise at the caller's line.
-- @return a table with JD Cloud's own field names, for any parameter of the type ChargeSpec
function M.prepaid(options)
  return build("prepaid", "prepaid_by_duration", options, PREPAID)
end

--- Paid afterwards by what was used.
-- @param options (optional) auto_change_date ("yyyy-MM-dd": on that day it becomes prepaid), with unit and duration of
--   what follows; buy_scenario
function M.postpaid_by_usage(options)
  return build("postpaid_by_usage", "postpaid_by_usage", options, POSTPAID)
end

--- Paid afterwards by how long the resource existed as configured. Options as for postpaid_by_usage.
function M.postpaid_by_duration(options)
  return build("postpaid_by_duration", "postpaid_by_duration", options, POSTPAID)
end

return setmetatable(M, { __index = function(_, name)
  if type(name) ~= "string" then return nil end
  local names = { "postpaid_by_duration", "postpaid_by_usage", "prepaid" }
  return errors.misuse(('jdcloud.charge has no "%s"; there are %s'):format(name, table.concat(names, ", ")))
end })
