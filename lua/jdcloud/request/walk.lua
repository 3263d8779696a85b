-- walk.lua - what body.lua and query.lua share: the state of one walk over the parameters of a call, and its problems.
--
--   state   out, n        the pieces written so far and their number
--           keys, depth   where the walk is: { "instanceSpec", "dataDisks", 2 }
--           problems      { { path, message }, … }
--           strict        names that the model doesn't have are problems
--           endless       a table was found to be nested too deeply

local core = require "jdcloud.core"
local json = require "jdcloud.json"
local models = require "jdcloud.models"
local nearest = require "jdcloud.nearest"
local scalar = require "jdcloud.request.scalar"

local M = {}

-- Deeper nesting than any parameter of the API has; catches a table that contains itself.
local DEPTH_MAX = 64

local null = json.null
local format = string.format

function M.new(strict)
  return { out = {}, n = 0, keys = {}, depth = 0, problems = {}, strict = strict, endless = false }
end

function M.put(state, text)
  local n = state.n + 1
  state.n = n
  state.out[n] = text
end

local function path_of(state)
  local text = ""
  for i = 1, state.depth do
    local key = state.keys[i]
    if type(key) == "number" then
      text = text .. format("[%d]", key)
    else
      text = text == "" and key or text .. "." .. key
    end
  end
  return text
end

--- Notes a problem with the value that the walk is at, or at `suffix` below it.
function M.problem(state, message, suffix)
  local problems = state.problems
  problems[#problems + 1] = { path = path_of(state) .. (suffix or ""), message = message }
end

local problem = M.problem

local function is_table(state, value, expected)
  if type(value) == "table" then return true end
  local _, message = scalar.wrong(expected, value)
  problem(state, message)
  return false
end

--- May the value be a struct? A problem if not.
function M.is_struct(state, value)
  if not is_table(state, value, "a table") then return false end
  if value[1] == nil and not json.is_list(value) then return true end
  problem(state, "must be a table with names, not a list")
  return false
end

--- The length of a list without holes; nil after a problem.
function M.list_length(state, value)
  if not is_table(state, value, "a list") then return nil end
  local length, count = #value, 0
  for key in next, value do
    count = count + 1
    if type(key) ~= "number" then return problem(state, "must be a list, not a table with names") end
    if key > length then length = -1 end -- a border, not the end
  end
  if count ~= length then return problem(state, "must be a list from 1 without holes") end
  return length
end

--- Is the walk too deep to go on? One problem is enough: a table that contains itself twice has 2^depth places.
function M.is_too_deep(state)
  if state.depth < DEPTH_MAX then return state.endless end
  if not state.endless then
    state.depth = 1
    problem(state, "is nested too deeply, or contains itself")
    state.depth = DEPTH_MAX
  end
  state.endless = true
  return true
end

local function name_of_key(key)
  return type(key) == "string" and key or format("[%s]", type(key) == "number" and tostring(key) or type(key))
end

--- Has the table names that the model doesn't have?
function M.has_strangers(given, known)
  for key in next, given do
    if known[key] == nil then return true end
  end
  return false
end

--- Deals with the names in `given` that the model doesn't have: each is a problem, or, where the walk isn't strict,
-- handed to pass(state, name, value).
-- @param known, names what the model has, by name and as a sorted list
-- @param what "parameter" or "field", for the message
function M.strangers(state, given, known, names, what, pass)
  local strangers = {}
  for key in next, given do
    if not known[key] then strangers[#strangers + 1] = key end
  end
  table.sort(strangers, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(strangers) do
    state.depth = state.depth + 1
    state.keys[state.depth] = name_of_key(key)
    if type(key) ~= "string" then
      problem(state, "is not a name; names are strings")
    elseif state.strict then
      problem(state, ("is not a known %s%s"):format(what, nearest.suggest(key, names)))
    else
      pass(state, key, given[key])
    end
    state.depth = state.depth - 1
  end
end

--- The rules of a ChargeSpec (protocol.md 8).
-- @param noted how many problems there were before its fields were looked at: a field that is wrong already, or a rule
--   that its value would decide, isn't judged again
function M.check_charge(state, t, value, noted)
  local spec, wrong, base = {}, {}, #state.problems > noted and path_of(state) .. "."
  for i = noted + 1, #state.problems do wrong[state.problems[i].path:sub(#base + 1)] = true end
  for _, field in ipairs(models.shape(t).list) do
    local item = value[field.name]
    if item ~= nil and item ~= null and not wrong[field.name] then
      if field.type.kind == "string" then item = scalar.string(item) end
      spec[field.name] = item
    end
  end
  spec.chargeDuration = tonumber(spec.chargeDuration)
  if wrong.autoChangeChargeMode then
    spec.autoChangeChargeMode = true
    wrong.autoChangeChargeModeDate = wrong.autoChangeChargeModeDate or spec.autoChangeChargeModeDate == nil
  end
  for _, fault in ipairs(core.charge_check(spec) or {}) do
    if not wrong[fault.field] then problem(state, fault.message, "." .. fault.field) end
  end
end

-- How something is paid for: charge's, and the variants of protocol.md 8 that have a chargeMode.
local CHARGES = { charge = "ChargeSpec", dbs = "ChargeSpec", hpc = "InstanceChargeSpec" }

--- Is this the type of a ChargeSpec?
function M.is_charge(t)
  return CHARGES[t.service] == t.shape and t.shape ~= nil
end

return M
