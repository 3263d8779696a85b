-- settings.lua - what a gateway can be told about itself, with defaults, and what each may be: a value of another type
-- would end in an error far from where it was given, or in none.

local names = require "jdcloud.gateway.names"
local nearest = require "jdcloud.nearest"

local M = {}

-- Each is function(value, registry) -> nil | what is wrong with the value: never the value itself.
local function kind(name)
  local article = name:find("^[aeiou]") and "an " or "a "
  return function(value)
    return type(value) ~= name and "must be " .. article .. name or nil
  end
end

local function number(low, text)
  return function(value)
    local good = type(value) == "number" and value >= low and value < math.huge
    return not good and text or nil
  end
end

local function whole(low, text)
  return function(value)
    return (type(value) ~= "number" or value % 1 ~= 0 or value < low) and text or nil
  end
end

local seconds, count = number(0, "must be seconds, from 0"), whole(0, "must be a whole number from 0")

local function window(value)
  return (seconds(value) or value == 0) and "must be seconds, more than 0" or nil
end

local zone = number(-86400, "must be seconds, east of Greenwich above 0")

local function token(value)
  return value ~= "base64" and value ~= "raw" and 'must be "base64" or "raw"' or nil
end

local function limits(value, registry)
  if type(value) ~= "table" then
    return 'must be a table like { ["vm:describeInstances"] = 20 }'
  end
  for name, limit in pairs(value) do
    local known, message = names.check(registry, name)
    local wrong = not known and message or count(limit)
    if wrong then
      return wrong
    end
  end
end

local FIELDS = { secret = kind "string", disabled = kind "boolean", denied = kind "table" }

--- What is wrong with the fields of an access key; nil if nothing is.
-- @param fields { secret, disabled, denied }
-- @param registry of models
-- @return message | nil
function M.wrong_key(fields, registry)
  if type(fields) ~= "table" then
    return "an access key has a table of secret, disabled and denied"
  end
  for name, value in pairs(fields) do
    local wrong = not FIELDS[name] and "is no field of an access key" or FIELDS[name] and FIELDS[name](value)
    if wrong then
      return tostring(name) .. " " .. wrong
    end
  end
  for _, operation in ipairs(fields.denied or {}) do
    local known, message = names.check(registry, operation)
    if not known then
      return "denied: " .. message
    end
  end
end

local function keys(value, registry)
  if type(value) ~= "table" then
    return "must be a table like { [access key] = { secret = text } }"
  end
  for _, fields in pairs(value) do
    local wrong = M.wrong_key(fields, registry) or fields.secret == nil and "a secret is missing"
    if wrong then
      return wrong
    end
  end
end

-- What can be changed while it runs: { default, check }.
local SETTINGS = {
  limit = { 1000, count }, -- calls per window and access key (protocol.md 6)
  window = { 60, window }, -- seconds
  skew = { 900, seconds }, -- that x-jdcloud-date may be off (protocol.md 1.13)
  nonce_window = { 1800, seconds }, -- that a nonce is remembered at least: twice the skew, so that no date outlives it
  ready_after = { 0.5, seconds }, -- that pending, stopping and the like take
  quota = { 1000, count }, -- instances in one region
  operation_limits = { {}, limits }, -- { ["vm:describeInstances"] = calls per window }
  behaviours = { true, kind "boolean" }, -- have those services a memory? else all answers are only true to their shapes
  items = { 3, count }, -- items of a list operation without behaviour of its own, on all its pages
  session_life = { 0, seconds }, -- of temporary keys, whatever is asked for; 0: as asked for, an instance's 6 hours
  session_zone = { 8 * 3600, zone }, -- of the expiration of temporary keys, seconds east of Greenwich (protocol.md 10)
  session_token = { "base64", token }, -- how the header with the session token must be: protocol 10 leaves it open
  instance_role = { true, kind "boolean" }, -- has the metadata service keys to give?
  account = { false, kind "boolean" }, -- does it have something from the start: instances, disks, … (account.lua)?
}

-- What can only be said when it is made.
local OTHERS = {
  access_keys = keys,
  clock = kind "function",
  seed = whole(-math.huge, "must be a whole number"),
}

local function known_names(with_others)
  local known = with_others and { "models" } or {}
  for name in pairs(SETTINGS) do
    known[#known + 1] = name
  end
  for name in pairs(with_others and OTHERS or {}) do
    known[#known + 1] = name
  end
  table.sort(known)
  return known
end

--- What is wrong with the options of a new gateway, without `models`; or with settings that are changed.
-- @param options (table)
-- @param registry of models
-- @param is_new (bool) options, not only settings
-- @return message | nil
function M.wrong(options, registry, is_new)
  local what = is_new and "option" or "setting"
  if type(options) ~= "table" then
    return ("the %ss of a gateway must be a table"):format(what)
  end
  for name, value in pairs(options) do
    local setting = SETTINGS[name]
    local check = setting and setting[2] or is_new and OTHERS[name]
    if not check and not (is_new and name == "models") then
      return ("a gateway has no %s %s%s"):format(what, tostring(name), nearest.suggest(name, known_names(is_new)))
    end
    local wrong = check and check(value, registry)
    if wrong then
      return ("%s of a gateway: %s"):format(name, wrong)
    end
  end
end

--- The settings of a new gateway.
-- @param options table that was found right
-- @param gateway gets them
function M.fill(options, gateway)
  for name, setting in pairs(SETTINGS) do
    local value = options[name]
    if value == nil then
      value = setting[1]
    end
    gateway[name] = value
  end
end

return M
