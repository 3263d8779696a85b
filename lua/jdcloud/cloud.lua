-- cloud.lua - the cloud: options, keys, connections and shared state, and what can be done with them. Everything here
-- returns value | nil, err; the raising interface is the same functions behind errors.check (see jdcloud.lua).

local client = require "jdcloud.client"
local core = require "jdcloud.core"
local credentials = require "jdcloud.credentials"
local errors = require "jdcloud.errors"
local models = require "jdcloud.models"
local options_of = require "jdcloud.options"
local limits_of = require "jdcloud.options.limits"
local raw = require "jdcloud.raw"
local sharing = require "jdcloud.shared"

local M = {}

local function copy(from, into)
  into = into or {}
  for name, value in pairs(from or {}) do into[name] = value end
  return into
end

local IDENTITY = { security_token = "x-jdcloud-security-token", pin = "x-jdcloud-pin", erp = "x-jdcloud-erp" }

-- The base64 headers of protocol.md 1.11 that hold for every call of a view, or nil.
local function identity_headers(options)
  local headers
  for name, header in pairs(IDENTITY) do
    if options[name] then
      headers = headers or {}
      headers[header] = core.base64(options[name])
    end
  end
  return headers
end

-- For the windows of the core and, if it has a function for that, for the limiter outside of it.
local function set_limits(core_cloud, limits, registry, limiter)
  for name, limit in pairs(limits or {}) do
    local unknown = limits_of.unknown(registry, name)
    if unknown then errors.misuse("limits: " .. unknown) end
    local calls, seconds = limit, 60
    if type(limit) == "table" then calls, seconds = limit[1], limit[2] end
    local ok, message = core_cloud:limit("/" .. name, calls, seconds)
    if not ok then errors.misuse(('limits: "%s": %s'):format(name, message)) end
    if limiter and limiter.limit then limiter.limit(name, calls, seconds) end
  end
end

local ROOM = 256 -- entries that a view's tables by service and region may have

-- The models of a view: its own and the bundled ones | nil, error. Compiled once; no view keeps the facts.
local function take_models(options)
  local wanted = options.models
  options.models = nil
  if wanted == nil then return models.bundled end
  return require("jdcloud.models.given").registry(wanted)
end

-- A limiter that has something to tell, and nobody of its own to tell it to, tells the cloud's listener.
local function listen(options)
  local limiter, on_event = options.limiter, options.on_event
  if limiter and on_event and type(limiter.listen) == "function" then limiter.listen(on_event) end
end

-- A view: options over the state that it shares with the other views of its cloud.
local function view_of(shared, connection, keys, options, registry)
  return {
    shared = shared, connection = connection, keys = keys, options = options, headers = identity_headers(options),
    agents = {}, places = {}, raw_models = {}, room = ROOM, models = registry,
    limiter = options.limits == false and "none" or options.limiter and "driver" or "process",
  }
end

-- A program may make a view for every request: connections of views that are gone go with them.
local WEAK = { __mode = "k" }

local function connect(shared, options)
  local connection = { options = {} }
  for _, name in ipairs(options_of.connection) do connection.options[name] = options[name] end
  shared.connections[connection] = true
  return connection
end

local function region_of(options, keys)
  local named = options.profile and keys.region -- a profile that is asked for comes before the environment
  local region = options.region or named or credentials.environment_region() or keys.region
  if region and not core.region_shape(region) then
    return nil, errors.new { kind = "config", message = "the region of environment or profile is no region's code" }
  end
  return region
end

-- Does what the option `shared` says: a limiter of all workers, unless one is given, and a common cache of the keys
-- that a provider gives. nil, error of kind config if there is no such dictionary.
local function share(options, keys)
  if not options.shared then return true end
  local dict, name = sharing.open(options.shared)
  if not dict then return nil, name end
  options.limiter = options.limiter or sharing.limiter(dict)
  if keys.provider and name ~= false then
    name = name or credentials.name_of(keys.provider)
    keys.cache = keys.cache or name and sharing.cache(dict, name) or nil
  end
  return true
end

-- The core has them now; no table that a program may print does.
local function forget_secrets(options)
  options.secret_key, options.session_token = nil, nil
end

--- Makes a cloud's first view.
-- @param given the options of design.md, checked
-- @return view | nil, error
function M.new(given)
  local options = copy(given, copy(options_of.defaults))
  local keys, err = credentials.find(options)
  if not keys then return nil, err end
  options.region, err = region_of(options, keys)
  if err then return nil, err end
  local ok
  ok, err = share(options, keys)
  if not ok then return nil, err end
  options.environment_endpoint = credentials.environment_endpoint()
  forget_secrets(options)
  local registry
  registry, err = take_models(options)
  if not registry then return nil, err end
  local shared = { core = core.cloud(), connections = setmetatable({}, WEAK), idle = {}, closed = false }
  for name, limit in pairs(options_of.operation_limits) do shared.core:limit("/" .. name, limit[1], limit[2]) end
  set_limits(shared.core, options.limits, registry, options.limiter)
  listen(options)
  local view = view_of(shared, connect(shared, options), keys, options, registry)
  view.region_given = given.region ~= nil
  return view
end

--- A view of the same cloud with other options: the same connections and keys, unless the options are about them; the
-- same limiter and retry quota, so that limits given here hold for all views. A region that was found, not given, is
-- looked for again with other keys: a profile brings its own.
-- @return view | nil, error
function M.with(view, given)
  local options = copy(given, copy(view.options))
  local keys, connection = view.keys, view.connection
  local region_given = view.region_given or given.region ~= nil
  if given.token_encoding and not options_of.any(given, options_of.keys) then
    errors.misuse("with: token_encoding goes with the option that says which keys")
  end
  if options_of.any(given, options_of.keys) then
    for _, name in ipairs(options_of.keys) do options[name] = given[name] end
    local err -- token_encoding goes on
    keys, err = credentials.find(options)
    if not keys then return nil, err end
    if not region_given then
      local region
      region, err = region_of({}, keys)
      if err then return nil, err end
      options.region = region or options.region
    end
    forget_secrets(options)
  end
  if given.shared then
    options.limiter = given.limiter
  end
  if given.shared or keys ~= view.keys then
    local ok, err = share(options, keys)
    if not ok then return nil, err end
  end
  local registry = view.models
  if given.models ~= nil then
    local err
    registry, err = take_models(options)
    if not registry then return nil, err end
  end
  if options_of.any(given, options_of.connection) then connection = connect(view.shared, options) end
  local limits = (given.shared or given.limiter) and options.limits or given.limits
  set_limits(view.shared.core, limits, registry, options.limiter)
  listen(options)
  local other = view_of(view.shared, connection, keys, options, registry)
  other.region_given = region_given
  return other
end

--- Closes the connections of a cloud and all its views. Calls made afterwards, and those under way at their next
-- step, fail with kind closed. Idempotent.
function M.close(view)
  local shared = view.shared
  shared.closed = true
  shared.idle = {}
  for connection in pairs(shared.connections) do
    local transport = connection.transport
    connection.transport = nil
    if transport and transport.close then transport.close() end
  end
  return true
end

--- What the calls of a cloud and all its views have done so far. Cheap: counters of the core and of the transports
-- that are open.
-- @return { calls = begun, failed = ended without a result, attempts = sent, throttled = answers that said so,
--   waits = { [backoff limit throttled busy credentials] = { count (in line: one for each attempt), seconds } },
--   connections = { made, reused = requests that went over one that was there },
--   quota = { [service] = what is left of 500 for repetitions, where it isn't full },
--   windows = { ["access key/service"] = what the limiter believes: { calls allowed in seconds (0: no limit), told =
--   those that were set or announced, held = slots taken, waiting = callers in line, shut = for so many seconds } } }
--   Of the option `shared` that is what all workers believe and hold, but this one's callers (it takes some 0.3 ms for
--   a window of 1000 calls); of a limiter in Redis what this process heard last, and holds itself; of another limiter
--   nothing, unless it has a function windows(now) that returns such a table. With a limiter in Redis there is also
--   limiter = { state = "ok" or "gone": then calls run at its fallback; message = why, fallback, share }: what state()
--   of the limiter returns, if it has that function.
function M.stats(view)
  local shared = view.shared
  local clock = view.connection.transport and view.connection.transport.clock
  local now = clock and clock() or nil
  local stats, made, reused = shared.core:stats(now), 0, 0
  for connection in pairs(shared.connections) do
    local transport = connection.transport
    if transport and transport.connections then
      local m, r = transport.connections()
      made, reused = made + m, reused + r
    end
  end
  stats.connections = { made = made, reused = reused }
  local limiter = view.options.limiter
  if limiter and type(limiter.windows) == "function" then
    for key, window in pairs(limiter.windows(now or core.now())) do stats.windows[key] = window end
  end
  if limiter and type(limiter.state) == "function" then stats.limiter = limiter.state() end
  return stats
end

--- A client of a service.
-- @return client state { view, model, service } | nil, error of kind config
function M.service(view, name)
  local model, message = view.models:service(name)
  if not model then return nil, errors.new { kind = "config", message = message, service = name } end
  return client.new(view, model)
end

--- The names of the services that have a model, sorted: the bundled ones and the view's own.
function M.services(view)
  return view.models:services()
end

--- Makes any call, known to a model or not (see raw.lua).
function M.request(view, request)
  return raw.request(view, request)
end

--- Signs a request with the cloud's own keys, sends nothing (see raw.lua).
function M.sign(view, request)
  return raw.sign(view, request)
end

return M
