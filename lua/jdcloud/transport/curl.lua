-- The transport over libcurl, for any plain Lua program: in a task a call lets the other tasks go on, elsewhere it
-- blocks.
--
-- A call is one transfer of an engine. Where it blocks, this file steps the engine, a tenth of a second at a time, so
-- that the interpreter gets its turn in between: Ctrl-C ends a call that hangs.

local scheduler = require "jdcloud.scheduler"
local sleep = require("jdcloud.transport").sleep

local STEP = 0.1 -- seconds

local function is_seconds(value)
  return type(value) == "number" and value >= 0 and value <= 1e6
end

local function is_count(value)
  return type(value) == "number" and value >= 1
end

local function is_text(value)
  return type(value) == "string"
end

local function is_certificate(value)
  if is_text(value) then return true end
  if type(value) ~= "table" or not is_text(value.cert) then return false end
  for name, part in pairs(value) do
    if name ~= "cert" and name ~= "key" and name ~= "password" or not is_text(part) then return false end
  end
  return true
end

-- Every option: how to know a good value, and what to say of another.
local OPTIONS = {
  connect_timeout = { is_seconds, "a number of seconds" },
  idle_timeout = { is_seconds, "a number of seconds" },
  max_size = { is_count, "a number of bytes" },
  ca_file = { is_text, "the path of a PEM file" },
  client_cert = { is_certificate, "the path of a PEM file, or { cert = path, key = path, password = text }" },
  tls_min = { function(value) return value == "1.2" or value == "1.3" end, '"1.2" or "1.3"' },
  http_version = { function(value) return value == "1.1" or value == "2" end, '"1.1" or "2"' },
  proxy = { function(value) return value == false or is_text(value) end, "a URL, or false for none" },
  no_proxy = { is_text, "a list of hosts with commas between" },
  max_host_connections = { is_count, "a positive number" },
  max_connections = { is_count, "a positive number" },
}

-- A copy, so that what the caller does with his table later changes nothing.
local function check(options)
  local copy = {}
  for name, value in pairs(options or {}) do
    local rule = OPTIONS[name]
    if not rule then return nil, "the curl transport has no option " .. tostring(name) end
    if not rule[1](value) then return nil, "the curl transport's option " .. name .. " must be " .. rule[2] end
    copy[name] = value
  end
  return copy
end

local MISSING = "the curl transport needs the module jdcloud.curl, built against libcurl 7.80 or newer "
  .. "(Debian, Ubuntu: libcurl4; Alpine: libcurl): "

-- The module, the first time that it is needed.
local function load_module()
  local found, curl = pcall(require, "jdcloud.curl")
  if found then return curl end
  -- The searchers list every path they tried, a line each; the first lines say what matters.
  local reason = tostring(curl):gsub("%s*\n.*", "", 1)
  return nil, MISSING .. reason
end

--- Makes a transport.
-- @param options table or nil:
--   connect_timeout (seconds for name, TCP, proxy and TLS together; default 5), idle_timeout (seconds without a byte
--   either way once the request has begun; default 60; 0: none), max_size (bytes of an answer's body; default 32 MiB):
--   a request's fields of the same names go before them.
--   ca_file: PEM file with the only authorities to trust; default: the system's.
--   client_cert: PEM file with certificate and key, or { cert =, key =, password = }.
--   tls_min: "1.2" (default) or "1.3". http_version: "2" (default: HTTP/2 where the server offers it) or "1.1".
--   proxy: URL; false: none; default: what http_proxy, https_proxy, all_proxy and no_proxy of the environment say.
--   no_proxy: hosts to reach directly, "a.example,.b.example" or "*".
--   max_host_connections (default 8), max_connections (default 64).
-- @return transport = { send, sleep, close } of plain functions (design.md, "A transport"), or nil and what is wrong.
--   The TLS connections are kept between calls. `jdcloud.curl` is loaded by the first call.
return function(options)
  local checked, problem = check(options)
  if not checked then return nil, problem end
  local curl, engine, closed

  local function open()
    if engine then return engine end
    if closed then return nil, { kind = "closed", sent = false, message = "the transport was closed" } end
    local message
    if not curl then curl, message = load_module() end
    if curl then engine, message = curl.engine(checked) end
    if engine then return engine end
    return nil, { kind = "config", sent = false, message = message }
  end

  local function outcome(status, headers, body, sent, message, final)
    if status then return { status = status, headers = headers, body = body } end
    return nil, { kind = headers, phase = body, sent = sent, message = message, final = final }
  end

  local transport = { direct = true } -- see jdcloud/transport.lua

  --- Makes one HTTP request and waits for its answer. Sends URL and headers byte for byte, and content-length.
  function transport.send(request)
    local ready, failure = open()
    if not ready then return nil, failure end
    local task = scheduler.here()
    local transfer
    if task then
      transfer, failure = scheduler.transfer(ready, request, task)
    else
      transfer, failure = ready:start(request)
    end
    if not transfer then return nil, failure end
    if not transfer:done() then
      repeat ready:step(STEP) until transfer:done()
      scheduler.changed()
    end
    return outcome(transfer:result())
  end

  --- Waits, and moves along what else the engine has to do.
  function transport.sleep(seconds)
    if scheduler.here() or scheduler.is_cancelled() then return sleep(seconds) end
    local ready, failure = open()
    if not ready then return nil, failure end
    local deadline = curl.now() + seconds
    local left = seconds
    while left > 0 do
      ready:step(math.min(left, STEP))
      left = deadline - curl.now()
    end
    scheduler.changed()
    return true
  end

  --- How many connections were made, and how many requests went over one that was there.
  function transport.connections()
    if not engine then return 0, 0 end
    return engine:connections()
  end

  --- Closes the connections. Later calls fail as closed.
  function transport.close()
    closed = true
    if engine then engine:close() end
    engine = nil
    scheduler.changed()
    return true
  end

  return transport
end
