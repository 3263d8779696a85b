-- options.lua - the closed lists of options: of a cloud, and of a single call. A wrong name or type raises at the
-- caller's line; nothing is guessed.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local limits = require "jdcloud.options.limits"
local nearest = require "jdcloud.nearest"

local M = {}

local function text(value)
  if type(value) == "string" and value ~= "" then return true end
  return false, "a string that isn't empty"
end

local function flag(value)
  return type(value) == "boolean", "true or false"
end

local function seconds(value)
  return type(value) == "number" and value > 0, "a number of seconds above 0"
end

-- Of one exchange: what a transport can take.
local function short_seconds(value)
  return type(value) == "number" and value > 0 and value <= 1e6, "a number of seconds above 0, up to 1000000"
end

local function wait_seconds(value)
  return type(value) == "number" and value >= 0, "a number of seconds, 0 or more"
end

local function func(value)
  return type(value) == "function", "a function"
end

local function is_whole(value, least, most)
  return type(value) == "number" and value % 1 == 0 and value >= least and value <= most
end

local function whole(least, most)
  return function(value)
    return is_whole(value, least, most), ("a whole number from %d to %d"):format(least, most)
  end
end

local function region(value)
  return type(value) == "string" and core.region_shape(value), "a region's code, like cn-north-1"
end

local function header_map(value)
  local expected = "a table of header names and values, both strings"
  if type(value) ~= "table" then return false, expected end
  for name, content in pairs(value) do
    if type(name) ~= "string" or type(content) ~= "string" then return false, expected end
  end
  return true, expected
end

-- A host or URL without a path; {service} and {region} are filled in later.
local function endpoint(value)
  local expected = "a host, or https:// or http:// with a host, without a path"
  if type(value) ~= "string" then return false, expected end
  local scheme, rest = value:match("^(%a+)://(.*)$")
  local known = scheme == nil or scheme:lower() == "https" or scheme:lower() == "http"
  return known and (rest or value):find("^[^/%s?#@]+/?$") ~= nil, expected
end

local function transport(value)
  return type(value) == "string" or type(value) == "table" and type(value.send) == "function",
    "a transport's name, or a table with a function send"
end

local function limiter(value)
  local expected = "a table with the functions reserve and settle"
  if type(value) ~= "table" then
    local meant = type(value) == "function" and ": what limiter.redis { eval = … } returns, for one, not the function"
    return false, expected .. (meant or "")
  end
  for _, name in ipairs { "reserve", "settle" } do
    if type(value[name]) ~= "function" then return false, ("%s: it has no %s"):format(expected, name) end
  end
  return true
end

-- A function that gives keys. One of our own that makes such functions gives none.
local function credentials(value)
  for _, name in ipairs { "jdcloud", "jdcloud.safe" } do
    local module = package.loaded[name]
    for maker, fn in pairs(type(module) == "table" and module.credentials or {}) do
      if value == fn then
        return false, ("what jdcloud.credentials.%s returns: call it with its options, %s { … }"):format(maker, maker)
      end
    end
  end
  return type(value) == "function", "a function"
end

-- Of which only shared.lua knows whether nginx has it.
local function shared(value)
  local expected = "the name of a lua_shared_dict, or { dict = its name, credentials = a name for the keys, or false }"
  if type(value) ~= "table" then return text(value), expected end
  for name in pairs(value) do
    if name ~= "dict" and name ~= "credentials" then
      local suggestion = nearest.suggest(name, { "dict", "credentials" })
      return false, ("%s: it has no %s%s"):format(expected, tostring(name), suggestion)
    end
  end
  local keys = value.credentials
  return text(value.dict) and (keys == nil or keys == false or text(keys)), expected
end

local function proxy(value)
  return value == false or text(value), "a URL like http://proxy:3128, or false for none at all"
end

local function client_cert(value)
  return text(value) or type(value) == "table" and type(value.cert) == "string",
    "the path of a PEM file, or a table { cert = path, key = path, password = text }"
end

-- What stands in a file or a table of facts is for models/given.lua to judge.
local function models(value)
  local expected = "the path of a facts file, a table of facts, or a list of these"
  if type(value) ~= "table" then return text(value), expected end
  local is_facts = value.service ~= nil or value.operations ~= nil or value.shapes ~= nil
  for key, item in pairs(value) do
    if type(key) ~= "number" and not is_facts then return false, expected end
    if type(key) == "number" and type(item) ~= "table" and not text(item) then return false, expected end
  end
  return true
end

local function one_of(...)
  local list = { ... }
  local names = {}
  for i, value in ipairs(list) do names[i] = type(value) == "string" and '"' .. value .. '"' or tostring(value) end
  local expected = table.concat(names, " or ")
  return function(value)
    for _, allowed in ipairs(list) do
      if value == allowed then return true end
    end
    return false, expected
  end
end

-- Of jdcloud.new and cloud:with.
local CLOUD = {
  region = region, profile = text, credentials = credentials, access_key = text, secret_key = text,
  session_token = text, endpoint = endpoint, internal = flag, transport = transport, timeout = seconds,
  max_wait = wait_seconds, connect_timeout = short_seconds, idle_timeout = short_seconds,
  max_size = whole(1024, 2 ^ 31), attempts = whole(1, 100), limits = limits.rule, limiter = limiter, shared = shared,
  proxy = proxy, no_proxy = text, ca_file = text, client_cert = client_cert, tls_min = one_of("1.2", "1.3"),
  http_version = one_of("1.1", "2"), max_host_connections = whole(1, 65536), max_connections = whole(1, 65536),
  signature_version = one_of(2, 3), user_agent = text, models = models, on_event = func, keep_null = flag,
  validate = flag, security_token = text, pin = text, erp = text, token_encoding = one_of("base64", "raw"),
}

-- Of a single call.
local CALL = {
  timeout = seconds, max_wait = wait_seconds, attempts = whole(1, 100), idempotent = flag,
  busy_timeout = wait_seconds, region = region, headers = header_map, validate = flag, security_token = text,
}

-- What goes through pages, or waits, has these too.
local PAGES = { page_size = whole(1, 100000), max_items = whole(1, 2 ^ 53), items = text }
local WAIT, POLL = { interval = seconds, on_progress = func }, { interval = seconds }
for name, rule in pairs(CALL) do
  PAGES[name], WAIT[name], POLL[name] = rule, rule, rule
end

-- Those of a cloud that decide which connections it uses; times and sizes go with each request.
M.connection = {
  "transport", "proxy", "no_proxy", "ca_file", "client_cert", "tls_min", "http_version", "max_host_connections",
  "max_connections",
}

-- Those that decide which keys it uses.
M.keys = { "profile", "credentials", "access_key", "secret_key", "session_token" }

--- Operations that are known to have limits of their own: { calls, seconds } (protocol.md 6: below 20 in 10 s).
M.operation_limits = {
  ["censor.textResultsV2"] = { 19, 10 }, ["censor.audioResultsV2"] = { 19, 10 },
  ["censor.videoResultsV2"] = { 19, 10 }, ["censor.audioCallbackV2"] = { 19, 10 },
  ["censor.videoCallbackV2"] = { 19, 10 },
}

--- What holds where nothing is said. max_wait: a script has no bound. Seconds and bytes.
M.defaults = {
  timeout = 30, connect_timeout = 5, idle_timeout = 60, max_size = 32 * 1024 * 1024, attempts = 3,
  signature_version = 2, tls_min = "1.2", validate = true,
}

local function names_of(spec)
  local names = {}
  for name in pairs(spec) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- The fields of cloud:request: a request's, and a call's options.
local REQUEST = {
  service = text, operation = text, method = text, path = text, version = text, endpoint = endpoint,
  query = function(value)
    return type(value) == "string" or type(value) == "table", "a string as it stands in a URL, or a table"
  end,
  body = function(value) return type(value) == "string" or type(value) == "table", "a string of bytes, or a table" end,
}
for name, rule in pairs(CALL) do REQUEST[name] = rule end
local REQUEST_NEEDS = { "service", "method", "path" }

local whose -- function(name) -> where else an option of this name belongs, or nil

local function check(options, spec, what)
  if options == nil then return end
  if type(options) ~= "table" then
    errors.misuse(("%s: the options must be a table, not a %s"):format(what, type(options)))
  end
  for name, value in next, options do
    local rule = spec[name]
    if not rule then
      errors.misuse(('%s: no option "%s"%s'):format(what, tostring(name),
        whose(name) or nearest.suggest(tostring(name), names_of(spec))))
    end
    local ok, expected, part = rule(value)
    if not ok then
      errors.misuse(('%s: the option "%s"%s must be %s'):format(what, name, part and ": " .. part or "", expected))
    end
  end
end

function whose(name)
  if CALL[name] and CLOUD[name] then return "; it is one of jdcloud.new, cloud:with and a call" end
  if CALL[name] then return "; it is one of a call: the last argument" end
  if CLOUD[name] then return "; it is one of jdcloud.new and cloud:with" end
  return nil
end

local function check_keys(options, what)
  if options.access_key and not options.secret_key or options.secret_key and not options.access_key then
    errors.misuse(what .. ": access_key and secret_key go together")
  end
  if options.credentials and options.access_key then
    errors.misuse(what .. ": either credentials or access_key and secret_key, not both; keys that "
      .. "assume_role signs with go into assume_role { access_key = ..., secret_key = ... }")
  end
  if options.session_token and not options.access_key then
    errors.misuse(what .. ": session_token goes with access_key and secret_key")
  end
end

--- Raises at the caller's line unless `options` (a table or nil) has known names and fitting values.
function M.check_cloud(options, what)
  check(options, CLOUD, what)
  if options then check_keys(options, what) end
end

local POLICY_MAX = 2048 -- bytes (protocol.md 10)
local DURATION_MIN, DURATION_MAX = 3600, 31 * 86400 -- seconds; the first is protocol.md's

local function utc_offset(value)
  local near = type(value) == "number" and value >= -86400 and value <= 86400
  return near, "a number of seconds, east of Greenwich above 0"
end

-- Of jdcloud.credentials.assume_role: its own, and those of a cloud.
local ASSUME_ROLE = {
  role = text, session_name = text, utc_offset = utc_offset, duration = whole(DURATION_MIN, DURATION_MAX),
  policy = function(value) return text(value) and #value <= POLICY_MAX, "JSON text of up to 2048 bytes" end,
}
for name, rule in pairs(CLOUD) do ASSUME_ROLE[name] = rule end

-- Of jdcloud.credentials.instance_role.
local INSTANCE_ROLE = {
  endpoint = endpoint, headers = header_map, transport = transport, timeout = short_seconds, attempts = whole(1, 100),
  utc_offset = utc_offset,
  path = function(value) return type(value) == "string" and value:find("^/[!-~]*$") ~= nil, "a path from its slash" end,
}

--- The same for the options of credentials.assume_role.
function M.check_assume_role(options, what)
  if type(options) ~= "table" then errors.misuse(what .. ": it needs a table of options, with the role") end
  check(options, ASSUME_ROLE, what)
  check_keys(options, what)
  if not options.role then errors.misuse(what .. ': it needs the option "role", a JRN') end
end

--- The same for the options of credentials.instance_role.
function M.check_instance_role(options, what)
  check(options, INSTANCE_ROLE, what)
end

--- Raises at the caller's line unless the parameters of an operation are a table or nil.
function M.check_params(params, what)
  if params ~= nil and type(params) ~= "table" then
    errors.misuse(("%s: the parameters must be a table, not a %s"):format(what, type(params)))
  end
end

--- The same for the options of one call.
function M.check_call(options, what)
  check(options, CALL, what)
end

--- The same for the options of each, pages and all.
function M.check_pages(options, what)
  check(options, PAGES, what)
end

-- Of limiter.redis.
local REDIS = {
  eval = func, fallback = one_of("local", "fail"), slow = seconds, batch = whole(1, 2 ^ 31), on_event = func,
  clock = func, prefix = text, limits = limits.rule,
  share = function(value) return type(value) == "number" and value >= 0 and value <= 1, "a number from 0 to 1" end,
}

--- The same for the options of limiter.redis.
function M.check_redis(options, what)
  if type(options) ~= "table" then errors.misuse(what .. ": it needs a table of options, with eval") end
  check(options, REDIS, what)
  if not options.eval then errors.misuse(what .. ': it needs the option "eval", a function(script, keys, args)') end
end

-- Of its adapters.
local REDIS_LUA = { timeout = seconds }
local function table_of(value) return type(value) == "table", "a table" end
local RESTY_REDIS = {
  host = text, port = whole(1, 65535), unix = text, username = text, password = text, database = whole(0, 2 ^ 31),
  timeout = seconds, idle = seconds, connections = whole(1, 100000), options = table_of,
}

--- The same for the options of limiter.redis_lua.
function M.check_redis_lua(options, what)
  check(options, REDIS_LUA, what)
end

--- The same for where limiter.resty_redis connects to.
function M.check_resty_redis(options, what)
  check(options, RESTY_REDIS, what)
end

-- Of jdcloud.parallel.
local PARALLEL = { limit = whole(1, 100000), stop_on_error = flag, on_progress = func }

--- The same for the options of parallel.
function M.check_parallel(options, what)
  check(options, PARALLEL, what)
end

--- The same for the options of wait.
function M.check_wait(options, what)
  check(options, WAIT, what)
end

--- The same for the function and the options of poll.
function M.check_poll(until_done, options, what)
  if type(until_done) ~= "function" then
    errors.misuse(("%s: poll needs a function(result, err), not a %s"):format(what, type(until_done)))
  end
  check(options, POLL, what)
end

--- The same for the fields of cloud:request.
function M.check_request(request, what)
  if type(request) ~= "table" then errors.misuse(what .. ": the request must be a table") end
  check(request, REQUEST, what)
  for i = 1, #REQUEST_NEEDS do
    local name = REQUEST_NEEDS[i]
    if request[name] == nil then errors.misuse(('%s: the request needs "%s"'):format(what, name)) end
  end
end

-- Of jdcloud.sign and cloud:sign; the latter has no keys.
local SIGN = {
  version = one_of(2, 3), scheme = one_of("https", "http"), method = text, host = text,
  path = function(value) return type(value) == "string", "a string" end, query = function(value)
    return type(value) == "string", "a string, as it stands in a URL"
  end, headers = header_map, body = function(value) return type(value) == "string", "a string of bytes" end,
  service = text, region = text, date = text, nonce = text, signed_headers = text,
}
local SIGN_WITH_KEYS = { access_key = text, secret_key = text }
for name, rule in pairs(SIGN) do SIGN_WITH_KEYS[name] = rule end

--- The same for the fields of a request to be signed.
function M.check_sign(request, what, with_keys)
  if type(request) ~= "table" then errors.misuse(what .. ": the request must be a table") end
  check(request, with_keys and SIGN_WITH_KEYS or SIGN, what)
  local needed = { "method", "host", "service" }
  if with_keys then needed[4], needed[5] = "access_key", "secret_key" end
  for _, name in ipairs(needed) do
    if request[name] == nil then errors.misuse(('%s: the request needs "%s"'):format(what, name)) end
  end
end

--- Is one of these options among those given?
function M.any(options, names)
  for _, name in ipairs(names) do
    if options[name] ~= nil then return true end
  end
  return false
end

return M
