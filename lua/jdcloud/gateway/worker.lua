-- The gateway inside an nginx worker: hands requests to the pure function, puts its answers on the wire, and does to
-- the connection what only a server can do. Runs in ngx_lua alone; jdcloud.gateway.nginx writes the configuration.
-- luacheck: globals ngx

local ffi = require "ffi"
local gateway = require "jdcloud.gateway"
local json = require "jdcloud.json"
local process = require "ngx.process"
local shell = require "jdcloud.gateway.shell"

local M = {}

local STALL_MAX = 120 -- seconds for which a stalled answer keeps its connection
local WATCH_EVERY = 1 -- seconds
local TERM = 15 -- the signal

ffi.cdef "int kill(int pid, int sig);"

local served -- the one gateway of this worker
local closing = {} -- [serial number of a connection] = true: closed when its next request comes

-- Without the process that started it a server has nobody who could stop it.
local function watch(premature, settings)
  if not premature and ffi.C.kill(settings.parent, 0) ~= 0 then
    os.execute("rm -rf -- " .. shell.quote(settings.dir))
    ffi.C.kill(process.get_master_pid(), TERM)
  end
end

--- Starts the worker (init_worker_by_lua).
-- @param dir (string) the server's folder, with settings.json { options, parent = process id, dir }
function M.start(dir)
  local settings = assert(json.decode(assert(shell.read(dir .. "/settings.json"))))
  served = gateway.new(settings.options)
  assert(ngx.timer.every(WATCH_EVERY, watch, settings))
  assert(shell.write(dir .. "/ready", ""))
end

local function body_of_request()
  ngx.req.read_body()
  local body, file = ngx.req.get_body_data(), ngx.req.get_body_file()
  return body or file and assert(shell.read(file)) or nil
end

local function headers_of_request()
  local list = {}
  for name, value in pairs(ngx.req.get_headers(0, true)) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      list[#list + 1] = { name, one }
    end
  end
  return list
end

local function text_of(answer)
  local lines = { ("HTTP/1.1 %d "):format(answer.status) }
  for name, value in pairs(answer.headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  lines[#lines + 1] = "content-length: " .. #answer.body
  lines[#lines + 1] = "\r\n"
  return table.concat(lines, "\r\n") .. answer.body
end

-- Writes past nginx, which would announce the end of the connection and never end an answer early. HTTP/2 has no raw
-- socket: there the stream is silent or broken off.
local function write_raw(text, fault)
  if ngx.req.http_version() == 2 then
    if fault.stall then
      ngx.sleep(STALL_MAX)
    end
    return ngx.exit(ngx.HTTP_CLOSE)
  end
  local socket = assert(ngx.req.socket(true))
  socket:send(text:sub(1, fault.cut or fault.stall or #text))
  if fault.stall then
    socket:settimeout(STALL_MAX * 1000)
    socket:receive(1) -- until the client goes
  end
  return ngx.exit(ngx.HTTP_CLOSE)
end

local function write(answer)
  ngx.status = answer.status
  for name, value in pairs(answer.headers) do
    ngx.header[name] = value
  end
  ngx.header["content-length"] = #answer.body
  ngx.print(answer.body)
end

--- Serves a request (content_by_lua).
function M.content()
  local connection = ngx.var.connection
  if closing[connection] then
    closing[connection] = nil
    served:dropped { method = ngx.req.get_method() }
    return ngx.exit(ngx.HTTP_CLOSE)
  end
  local answer = served:answer {
    method = ngx.req.get_method(),
    target = ngx.var.request_uri,
    headers = headers_of_request(),
    body = body_of_request(),
  }
  local fault = answer.fault or {}
  if fault.delay then
    ngx.sleep(fault.delay)
  end
  if fault.close == "before" then
    return ngx.exit(ngx.HTTP_CLOSE)
  elseif fault.garbage then
    return write_raw("\0garbage\255 instead of an answer\r\n\r\n", fault)
  elseif fault.cut or fault.stall or fault.close == "after" then
    return write_raw(text_of(answer), fault)
  end
  closing[connection] = fault.close == "next" or nil
  return write(answer)
end

-- Methods of the gateway that its host may call.
local COMMANDS = { misbehave = true, log = true, reset = true, set = true, key = true, advance = true }

--- Serves a command of the host: POST …/name with the list of its arguments as JSON (content_by_lua).
function M.admin()
  local name = ngx.var.uri:match("[^/]+$")
  local done, result = false, "no such command"
  if COMMANDS[name] then
    done, result = pcall(served[name], served, unpack(json.decode(body_of_request())))
  end
  ngx.status = done and 200 or 400
  ngx.print(assert(json.encode(result == nil and json.null or result)))
end

return M
