-- The transport over nginx's cosockets: HTTP/1.1, connections kept in nginx's pools, no request stops a worker. Taken
-- by itself in nginx.
--
-- A cosocket belongs to one request of nginx: what this file keeps from one call to the next is settings and places,
-- never a connection. A kept connection was verified under the directives of the location that opened it.

local certificate = require "jdcloud.transport.cosocket.certificate"
local connection = require "jdcloud.transport.cosocket.connection"
local core = require "jdcloud.core"
local head_of = require "jdcloud.transport.cosocket.head"
local http1 = require "jdcloud.transport.cosocket.http1"
local phase = require "jdcloud.phase"
local places = require "jdcloud.transport.cosocket.place"
local sleep = require("jdcloud.transport").sleep

local DEFAULTS = { connect_timeout = 5, idle_timeout = 60, max_size = 32 * 1024 * 1024 }
local MAX_WAIT = 1 -- seconds: nobody keeps a request of nginx waiting for a rate limit (design.md, Options)
local PIECE = 64 * 1024 -- bytes that are written at a time, and read at most: time limits are looked at in between
local lightthreads, take_turn -- loaded in nginx only
local PLACES_MAX = 256
local GRACE = 0.02 -- seconds: nginx's own time limit for a connection goes first, since it knows the phase

-- Options of libcurl's that mean nothing here, and what does.
local NOT_HERE = {
  ca_file = "nginx takes the authorities to trust from its directive lua_ssl_trusted_certificate",
  max_connections = "nginx bounds connections by its directive worker_connections",
}
NOT_HERE.max_host_connections = NOT_HERE.max_connections

local function is_seconds(value)
  return value == nil or type(value) == "number" and value >= 0 and value <= 1e6
end

local function is_size(value)
  return value == nil or type(value) == "number" and value >= 1
end

local function is_certificate(value)
  if value == nil or type(value) == "string" then return true end
  return type(value) == "table" and type(value.cert) == "string" and (value.key == nil or type(value.key) == "string")
end

local function is_text(value)
  return value == nil or type(value) == "string"
end

-- Every option: how to know a good value, and what to say of another.
local OPTIONS = {
  connect_timeout = { is_seconds, "a number of seconds" },
  idle_timeout = { is_seconds, "a number of seconds" },
  max_size = { is_size, "a number of bytes" },
  client_cert = { is_certificate, "the path of a PEM file, or { cert = path, key = path }" },
  tls_min = { function(value) return value == "1.2" or value == "1.3" end, '"1.2" or "1.3"' },
  proxy = { function(value) return value == false or is_text(value) end, "a URL, or false for none" },
  no_proxy = { is_text, "a list of hosts with commas between" },
  http_version = { function(value) return value == "1.1" or value == "2" end, '"1.1" or "2"' },
}

local function check(options)
  for name, value in pairs(options) do
    local rule = OPTIONS[name]
    if NOT_HERE[name] then
      return nil, ("%s is not for cosockets: %s; leave the option out"):format(name, NOT_HERE[name])
    end
    if not rule then return nil, "the cosocket transport has no option " .. tostring(name) end
    if not rule[1](value) then return nil, "the cosocket transport's option " .. name .. " must be " .. rule[2] end
  end
  return true
end

-- What all requests of a transport share | nil, message
local function settings_of(options)
  local good, problem = check(options)
  if not good then return nil, problem end
  local settings = { tls_min = options.tls_min or "1.2", no_proxy = options.no_proxy }
  if options.proxy then
    settings.proxy, problem = places.proxy(options.proxy)
    if not settings.proxy then return nil, problem end
  end
  if options.client_cert then settings.certificate = certificate.loader(options.client_cert) end
  settings.identity = settings.tls_min .. certificate.identity(options.client_cert)
  for name, value in pairs(DEFAULTS) do settings[name] = options[name] or value end
  return settings
end

local function failed(x, kind, message)
  return { kind = kind, phase = x.phase, sent = x.sent, message = message }
end

-- Time limits.

-- Sets the time of the next wait. Returns nil if there is none left.
local function set_time(x)
  local left = x.deadline and x.deadline - core.now()
  if left and left <= 0 then return nil end
  local idle = x.idle
  x.by_deadline = left ~= nil and (not idle or left <= idle)
  local ms = connection.ms(x.by_deadline and left or idle)
  x.sock:settimeouts(ms, ms, ms)
  return true
end

local function too_slow(x)
  return failed(x, "timeout", x.by_deadline and "no whole answer within timeout"
    or "nothing was sent or received for idle_timeout")
end

-- What comes from the server, for http1's reader.
local function more_of(x)
  return function()
    if not set_time(x) then
      x.by_deadline = true
      return nil, too_slow(x)
    end
    local bytes, err = x.sock:receiveany(PIECE)
    if bytes then
      take_turn()
      return bytes
    end
    if err == "timeout" then return nil, too_slow(x) end
    return nil, { ended = true, message = err }
  end
end

-- The exchange itself.

-- true | nil, "timeout" or another error of the cosocket
local function write(x, head, body)
  body = body or ""
  local sock = x.sock
  if not set_time(x) then
    x.by_deadline = true
    return nil, "timeout"
  end
  x.sent = true
  local sent, err = sock:send({ head, body:sub(1, PIECE) })
  local at = PIECE + 1
  while sent and at <= #body do
    if not set_time(x) then
      x.by_deadline = true
      return nil, "timeout"
    end
    sent, err = sock:send(body:sub(at, at + PIECE - 1))
    at = at + PIECE
  end
  return sent, err
end

local KEPT = "the server closed the kept connection before it answered; the request may have reached it, so it is not "
  .. "sent again"

-- The request could not be written to its end. The answer to it may be there all the same: "too large", for one.
local function answer_early(x, method, err)
  local failure = err == "timeout" and too_slow(x) or failed(x, "network", err)
  local function more()
    x.sock:settimeouts(1, 1, 1)
    local bytes = x.sock:receiveany(PIECE)
    if bytes then return bytes end
    return nil, failure
  end
  local status, headers, body = http1.reader(more):answer(method, x.max_size)
  x.sock:close()
  if status then return { status = status, headers = headers, body = body } end
  if x.reused and failure.kind == "network" then failure.phase, failure.message = "receive", KEPT end
  return nil, failure
end

local function transact(x, method, head, body)
  x.phase = "send"
  local written, err = write(x, head, body)
  if not written then return answer_early(x, method, err) end
  x.phase = "receive"
  local status, headers, content, keep = http1.reader(more_of(x)):answer(method, x.max_size)
  if not status then
    x.sock:close()
    local failure = headers
    if failure.unanswered then
      failure.message = x.reused and KEPT or "the connection ended before the answer: " .. failure.message
    end
    return nil, failure
  end
  if keep then connection.keep(x) else x.sock:close() end
  return { status = status, headers = headers, body = content }
end

-- The outcome of lightthreads.guard.
local function guarded(x, ran, ...)
  if ran then return ... end
  if ran == nil then return nil, failed(x, "cancelled", "the request was cancelled") end
  return nil, connection.too_slow(x)
end

-- In an inner light thread: of a task, so that it can be cancelled; with a name to look up, since nginx bounds that by
-- resolver_timeout alone.
local function open(x, task)
  local ok, failure
  if task or x.place.named and not connection.is_likely(x.place) then
    local seconds = x.connect_by - core.now() + GRACE
    ok, failure = guarded(x, lightthreads.guard(task, seconds, function() return connection.open(x) end))
  else
    ok, failure = connection.open(x)
  end
  if not ok and x.sock then x.sock:close() end
  if ok then
    local counted = x.reused and "reused" or "made"
    x.settings[counted] = x.settings[counted] + 1
  end
  return ok, failure
end

local function exchange(x, method, head, body)
  local task = lightthreads.here()
  local ok, failure = open(x, task)
  if not ok then return nil, failure end
  if not task then return transact(x, method, head, body) end
  return guarded(x, lightthreads.guard(task, nil, function() return transact(x, method, head, body) end))
end

local function refused(message)
  return nil, { kind = "config", sent = false, message = message }
end

-- The exchange of a request, unsent | nil, message
local function begin(request, place, settings)
  for _, name in ipairs { "timeout", "connect_timeout", "idle_timeout" } do
    if not is_seconds(request[name]) then return nil, name .. " must be a number of seconds, 0 or more" end
  end
  if not is_size(request.max_size) then return nil, "max_size must be a positive number within reason" end
  local now = core.now()
  local timeout, idle = request.timeout or 0, request.idle_timeout or settings.idle_timeout
  local x = {
    place = place, settings = settings, sent = false, phase = "resolve", idle = idle > 0 and idle or nil,
    deadline = timeout > 0 and now + timeout or nil, max_size = request.max_size or settings.max_size,
  }
  local connect = request.connect_timeout or settings.connect_timeout
  x.connect_by = now + (connect > 0 and connect or 1e6)
  if x.deadline and x.deadline < x.connect_by then x.connect_by = x.deadline end
  return x
end

--- Makes a transport.
-- @param options table or nil: connect_timeout (seconds for name, TCP, proxy and TLS together; default 5), idle_timeout
--   (seconds without a byte either way; default 60; 0: none), max_size (bytes of an answer's body; default 32 MiB); a
--   request's fields of the same names go before them.
--   client_cert: PEM file with certificate and key, or { cert =, key = }; keys without a password.
--   tls_min: "1.2" (default) or "1.3"; what is offered says nginx's lua_ssl_protocols.
--   proxy: URL of an HTTP proxy; false or nil: none (a worker has no http_proxy in its environment). no_proxy: hosts to
--   reach directly. http_version: "2" means where it can be had, which is never here.
-- @return transport { send, sleep, close, ready, max_wait, direct } (jdcloud/transport.lua), or nil and what is wrong
return function(options)
  if type(rawget(_G, "ngx")) ~= "table" or not ngx.socket then
    return nil, "the cosocket transport works in nginx only"
  end
  local settings, problem = settings_of(options or {})
  if not settings then return nil, problem end
  lightthreads = lightthreads or require "jdcloud.lightthreads"
  take_turn = take_turn or require "jdcloud.transport.cosocket.turn"
  local known, count, closed = {}, 0, false
  settings.made, settings.reused = 0, 0

  local function place_of(origin)
    local place = known[origin]
    if place then return place end
    local message
    place, message = places.of(origin, settings)
    if place and count < PLACES_MAX then known[origin], count = place, count + 1 end
    return place, message
  end

  local transport = { direct = true, ready = phase.check, max_wait = MAX_WAIT, sleep = sleep }

  --- Makes one HTTP request and waits for its answer. Sends URL and headers byte for byte, and content-length.
  function transport.send(request)
    if closed then return nil, { kind = "closed", sent = false, message = "the transport was closed" } end
    local able, failure = phase.check()
    if not able then return nil, failure end
    local url, method = request.url, request.method
    if type(url) ~= "string" then return refused("url must be a string") end
    if url:find("[^!-~]") or url:find("#", 1, true) then
      return refused("a URL has a character that must be percent-encoded")
    end
    local origin, path = url:match("^(https?://[^/?]*)(.*)$")
    if not origin then return refused("a URL must begin with https:// or http://") end
    local place, message = place_of(origin)
    if not place then return refused(message) end
    take_turn()
    local x, head
    x, message = begin(request, place, settings)
    if not x then return refused(message) end
    if path:sub(1, 1) ~= "/" then path = "/" .. path end
    head, message = head_of(method, place.absolute .. path, request.headers, request.body, place.authority)
    if not head then return refused(message) end
    return exchange(x, method, head, request.body)
  end

  --- How many connections were made, and how many requests went over one from a pool, in this worker.
  function transport.connections()
    return settings.made, settings.reused
  end

  --- Later calls fail as closed. Idle connections are nginx's: it closes them after half a minute.
  function transport.close()
    closed = true
    return true
  end

  return transport
end
