-- inside.lua - what support.remote has run in a worker of nginx: a chunk of Lua with arguments, whose results go back
-- as JSON; and requests over the cosocket transport.
-- luacheck: globals ngx

local cjson = require "cjson"

local M = {}

local transports = {} -- options as JSON -> transport

--- Sends a request over a transport with these options, made at its first use.
-- @return response | nil, failure
function M.send(options, request)
  local key = cjson.encode(options)
  if not transports[key] then
    local transport, message = require "jdcloud.transport.cosocket"(options)
    if not transport then return nil, { kind = "config", sent = false, message = message } end
    transports[key] = transport
  end
  return transports[key].send(request)
end

--- Serves POST { chunk, arguments } (content_by_lua): answers with what the chunk returned, or raised.
function M.content()
  ngx.req.read_body()
  local asked = cjson.decode(ngx.req.get_body_data())
  local chunk = assert(loadstring(asked.chunk, "=chunk"))
  local function pack(...) return { n = select("#", ...), ... } end
  local outcome = pack(pcall(chunk, unpack(asked.arguments, 1, asked.n)))
  if not outcome[1] then
    ngx.print(cjson.encode { raised = tostring(outcome[2]) })
    return
  end
  local values = {}
  for i = 2, outcome.n do values[i - 1] = outcome[i] == nil and cjson.null or outcome[i] end
  ngx.print(cjson.encode { n = outcome.n - 1, values = values })
end

return M
