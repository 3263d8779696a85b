-- shared.lua - the option `shared`: a lua_shared_dict of nginx in which the workers have one limiter and one cache of a
-- provider's keys. One worker asks the provider, the others take what it got.
--
-- The keys lie in the dictionary as they are, secret key included: in memory of nginx that all its Lua code can read,
-- until they expire or are replaced. Keys that are given, or from the environment or a file, are never there.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local json = require "jdcloud.json"

local M = {}

local LEASE = 35 -- seconds after which a provider that hasn't answered is taken to be dead, as in the core
local LOOK = 0.02 -- seconds between looks of those who wait for another worker's refresh
local PATIENCE = 30 -- seconds that they wait
local SPENT = 1 -- seconds before their end from which on keys are not worth taking over
local DEPTH = 3 -- tables in what a provider closes over
local SECRET = { secret_key = true, session_token = true, password = true }

--- The dictionary of the option `shared`.
-- @param option its name, or { dict = its name, credentials = a name for the keys | false: don't share them }
-- @return dict, name for the keys | false | nil | nil, error of kind config
function M.open(option)
  local name, keys = option, nil
  if type(option) == "table" then name, keys = option.dict, option.credentials end
  local ngx = rawget(_G, "ngx")
  if type(ngx) ~= "table" or type(ngx.shared) ~= "table" then
    return nil, errors.new {
      kind = "config", message = 'the option "shared" needs nginx with Lua: it names a lua_shared_dict',
      hint = "for programs outside of nginx there is jdcloud.limiter.redis",
    }
  end
  local dict = ngx.shared[name]
  if not dict then
    return nil, errors.new {
      kind = "config", message = ('there is no shared dictionary "%s"'):format(name),
      hint = ("nginx.conf declares it in its http block: lua_shared_dict %s 1m;"):format(name),
    }
  end
  return dict, keys
end

--- A limiter in the dictionary (limiter/dict.lua).
function M.limiter(dict)
  return require("jdcloud.limiter.dict").new(dict, { refresh = rawget(_G, "ngx").update_time })
end

-- Adds to a list what makes two values different: texts, numbers and booleans, in tables too.
local function describe(value, parts, depth)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then
    value = tostring(value)
    parts[#parts + 1] = ("%s %d %s"):format(kind, #value, value)
  elseif kind == "table" and depth > 0 then
    local names = {}
    for name in next, value do
      if (type(name) == "string" or type(name) == "number") and not SECRET[name] then names[#names + 1] = name end
    end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
    for _, name in ipairs(names) do
      describe(name, parts, 0)
      describe(value[name], parts, depth - 1)
    end
  end
end

local function name_of_parts(parts)
  return core.hex(core.sha256(table.concat(parts, "\n")))
end

--- What is the same in every worker for providers of one kind that were made with the same options.
function M.name_of_options(kind, options)
  local parts = { kind }
  describe(options, parts, DEPTH)
  return name_of_parts(parts)
end

--- What is the same in every worker for one provider, and different for another: where it is written, and the texts
-- and numbers that it closes over. nil if that can't be known.
function M.name_of(provider)
  local info = debug.getinfo(provider, "Su")
  if info.what == "C" or info.linedefined <= 0 then return nil end
  local parts = { info.source, tostring(info.linedefined) }
  for i = 1, info.nups do
    local name, value = debug.getupvalue(provider, i)
    if name == "" then return nil end
    if name ~= "_ENV" and value ~= _G then describe(value, parts, DEPTH) end
  end
  return name_of_parts(parts)
end

-- The keys in the cache: { access_key, secret_key, session_token, expires_at } | nil
local function cached(cache)
  local text = cache.dict:get(cache.name)
  return text and json.decode(text) or nil
end

-- Are these worth taking over for this reason by a worker that had the keys `own` (nil: none)?
local function better(keys, own, reason)
  if not keys then return false end
  if keys.expires_at and keys.expires_at - core.wall() < SPENT then return false end
  if not own or reason == "missing" then return true end
  if reason == "expiring" then return (keys.expires_at or math.huge) > (own.expires_at or math.huge) end
  return keys.access_key ~= own.access_key or keys.secret_key ~= own.secret_key
    or keys.session_token ~= own.session_token
end

local function keep(cache, keys)
  local left = keys.expires_at and keys.expires_at - core.wall() or 0
  if left < 0 or keys.expires_at and left < 0.001 then return end
  local text = json.encode {
    access_key = keys.access_key, secret_key = keys.secret_key, session_token = keys.session_token,
    expires_at = keys.expires_at,
  }
  if text then cache.dict:safe_set(cache.name, text, left) end
end

local function well_formed(keys)
  return type(keys) == "table" and type(keys.access_key) == "string" and type(keys.secret_key) == "string"
    and (keys.session_token == nil or type(keys.session_token) == "string")
    and (keys.expires_at == nil or type(keys.expires_at) == "number")
end

-- Asks the provider, holding the lease. It may yield: here that goes through pcall, since nginx has LuaJIT. If it
-- raises, the next one may ask at once, in whichever worker; if its thread is killed, the lease ends by time.
local function ask_with_lease(cache, reason, ask, lease, mine)
  local good, keys, err = pcall(ask, reason)
  if good and well_formed(keys) then
    cache.own = keys
    keep(cache, keys)
  end
  if cache.dict:get(lease) == mine then cache.dict:delete(lease) end
  if not good then error(keys, 0) end
  return keys, err
end

--- A cache of a provider's keys that all workers share, each with one of these.
-- @param dict the shared dictionary
-- @param name of the keys
-- @return function(reason, ask): the keys that another worker got meanwhile or, of one worker at a time, what
--   ask(reason) returns
function M.cache(dict, name)
  local sleep = rawget(_G, "ngx").sleep
  local cache, lease = { dict = dict, name = "keys:" .. name }, "lease:" .. name
  return function(reason, ask)
    local began = core.now()
    while true do
      local mine = core.hex(core.random(8))
      local keys = cached(cache)
      local leased = not better(keys, cache.own, reason) and dict:safe_add(lease, mine, LEASE)
      if leased then keys = cached(cache) end -- another may have come between the look and the lease
      if better(keys, cache.own, reason) then
        if leased then dict:delete(lease) end
        cache.own = keys
        return keys
      end
      if leased then return ask_with_lease(cache, reason, ask, lease, mine) end
      if core.now() - began > PATIENCE then return nil, "another worker asks for keys and doesn't get them" end
      sleep(LOOK)
    end
  end
end

return M
