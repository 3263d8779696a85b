-- credentials.lua - where a cloud's keys come from: given, a provider, the environment, the CLI's file. The secrets
-- of the environment and of files are read in C and never become Lua strings. Region and endpoint of the environment
-- are read here too.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local sharing = require "jdcloud.shared"

local M = {}

--- The providers of this package (providers.lua): [function] = { ask = function(view | nil, reason) -> as the function
-- itself, name = what tells it from others in every process, keys = { [token_encoding] = keys } }. They are asked with
-- the view that needs keys, whose connections they use; and clouds with the same one have the same keys.
M.own = setmetatable({}, { __mode = "k" })

local function config_error(message, hint)
  return errors.new { kind = "config", message = message, hint = hint }
end

local function read_line(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local line = file:read("*l")
  file:close()
  return line and line:match("^%s*(.-)%s*$")
end

local function env(name)
  local value = (os.getenv(name) or ""):match("^%s*(.-)%s*$")
  return value ~= "" and value or nil
end

-- The CLI's folder, and the section of its file that is current.
local function profile_place(options)
  local home = env("HOME") or env("USERPROFILE")
  if not home then return nil end
  local name = options.profile or env("JDCLOUD_PROFILE")
  if not name then
    local current = read_line(home .. "/.jdc/current")
    name = current ~= "" and current or "default"
  end
  return home .. "/.jdc/config", name
end

-- true and the profile's region, false if there is no such file, nil and an error if it is broken.
local function from_profile(credential, options)
  local path, section = profile_place(options)
  if not path then return false end
  local found, message = credential:from_profile(path, section)
  if found == nil then
    return nil, config_error(("the section [%s] of %s: %s"):format(section, path, message))
  end
  return found ~= false, type(found) == "string" and found or nil
end

local function not_found(options)
  local path = profile_place(options) or "~/.jdc/config (but HOME is not set)"
  if options.profile then return config_error(('no access key: the profile "%s" needs the file %s'):format(
    options.profile, path)) end
  local hint = "nginx takes variables out of its environment unless nginx.conf names them, outside of all blocks, with "
    .. "the directive env: env JDCLOUD_ACCESS_KEY_ID; env JDCLOUD_SECRET_ACCESS_KEY;"
  return config_error("no access key: looked at the options access_key, secret_key and credentials, at the "
    .. "environment (JDCLOUD_ACCESS_KEY_ID with JDCLOUD_SECRET_ACCESS_KEY or JDCLOUD_ACCESS_KEY_SECRET, "
    .. "JDCLOUD_ACCESS_KEY with JDCLOUD_SECRET_KEY) and at " .. path,
    type(rawget(_G, "ngx")) == "table" and hint or nil)
end

-- The keys of a provider; those of one of our own are one for all clouds.
local function from_provider(provider, encoding)
  local own = M.own[provider]
  local known = own and own.keys[encoding]
  if known then return known end
  local keys = { credential = core.credential(encoding == "raw"), provider = provider }
  if own then own.keys[encoding] = keys end
  return keys
end

--- Finds the keys. Options that are given come first, then (unless `profile` is given) the environment, then the
-- file.
-- @param options of jdcloud.new
-- @return keys = { credential = userdata of the core, provider = function | nil, region = the profile's region | nil,
--   failures = how often the provider failed | nil, failure = its last error, if that came last | nil } | nil, error of
--   kind config
function M.find(options)
  local encoding = options.token_encoding or "base64"
  if options.credentials and not options.access_key then return from_provider(options.credentials, encoding) end
  local credential = core.credential(encoding == "raw")
  local keys = { credential = credential }
  if options.access_key then
    local ok, message = credential:set(options.access_key, options.secret_key, options.session_token)
    if not ok then return nil, config_error(message) end
    return keys
  end
  if not options.profile then
    local found, message = credential:from_environment()
    if found then return keys end
    if found == nil then return nil, config_error(message) end
  end
  local found, region = from_profile(credential, options)
  if found then
    keys.region = region
    return keys
  end
  if found == nil then return nil, region end
  return nil, not_found(options)
end

--- The region that the environment names, or nil.
function M.environment_region()
  return env("JDCLOUD_REGION_ID")
end

--- The endpoint that the environment names for all services, or nil.
function M.environment_endpoint()
  return env("JDCLOUD_ENDPOINT")
end

--- What tells a provider from others, in every process that has it (shared.lua); nil if nothing does.
function M.name_of(provider)
  local own = M.own[provider]
  if own then return own.name end
  return sharing.name_of(provider)
end

-- The one place where a provider is asked. With a cache between processes it is asked by one of them.
local function ask(keys, reason, view)
  local own = M.own[keys.provider]
  local function direct(why)
    if own then return own.ask(view, why) end
    return keys.provider(why)
  end
  if keys.cache then return keys.cache(reason, direct) end
  return direct(reason)
end

-- The provider's error as one of the call that needs keys. not_found is for the resource that this call is about: what
-- the provider didn't find is another, and without it nobody may sign.
local function own_failure(err)
  if err.kind ~= "not_found" then return err end
  local fields = {}
  for name, value in pairs(err) do fields[name] = value end
  fields.kind = "auth"
  return errors.new(fields)
end

-- What the provider gave, handed to the credential.
-- @return true | nil, error
local function take(keys, given, err)
  if type(given) ~= "table" then
    if errors.is(err) then return nil, own_failure(err) end
    return nil, config_error("the credentials function gave no keys" .. (err and ": " .. errors.words(err) or ""))
  end
  for _, name in ipairs { "access_key", "secret_key" } do
    if type(given[name]) ~= "string" then
      return nil, config_error(("the credentials function gave no %s"):format(name))
    end
  end
  local expires, token = given.expires_at, given.session_token
  if expires ~= nil and type(expires) ~= "number" or token ~= nil and type(token) ~= "string" then
    return nil, config_error("the credentials function must give expires_at as Unix seconds, session_token as text")
  end
  local ok, message = keys.credential:set(given.access_key, given.secret_key, token, expires)
  if not ok then return nil, config_error("the credentials function: " .. message) end
  return true
end

--- Asks the provider and hands its keys to the credential. The provider may yield.
-- @param reason "missing", "expiring" or "refused"
-- @param view whose call needs them
-- @return true | nil, error
function M.renew(keys, reason, view)
  if not keys.provider then return nil, config_error("no access key") end
  local ok, err = take(keys, ask(keys, reason, view))
  keys.failure = err
  if not ok then keys.failures = (keys.failures or 0) + 1 end
  return ok, err
end

return M
