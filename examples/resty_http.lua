-- Use lua-resty-http instead of the SDK's own cosockets: a transport of your own in fifty lines, for OpenResty.
--
--   local jdcloud = require "jdcloud.safe"
--   local cloud = jdcloud.new { region = "cn-north-1", transport = require "resty_http" { proxy_opts = … } }
--
-- What a transport gets and gives is in the README. What matters most is `sent`: false only if surely no byte of the
-- request has left. The SDK repeats by it.

local http = require "resty.http"

local PIECE = 65536 -- bytes of an answer that are read at a time

-- resty.http keeps the names as they came, and makes a list of repeated ones.
local function plain(headers)
  local copy = {}
  for name, value in pairs(headers) do
    copy[name:lower()] = type(value) == "table" and table.concat(value, ", ") or value
  end
  return copy
end

local function read_body(answer, max_size)
  local pieces, size = {}, 0
  if not answer.has_body then return "" end
  repeat
    local piece, err = answer.body_reader(PIECE)
    size = size + (piece and #piece or 0)
    if size > max_size then return nil, "the answer is larger than max_size", true end
    pieces[#pieces + 1] = piece
    -- Without a length, the end of the connection is the end of the answer.
    if err and not (err == "closed" and not answer.headers["Content-Length"]) then return nil, err end
  until not piece
  return table.concat(pieces)
end

local function failure(phase, sent, message, final)
  local kind = message == "timeout" and "timeout" or phase == "receive" and "protocol" or "network"
  return nil, { kind = kind, phase = phase, sent = sent, message = message, final = final }
end

-- Bodies that must have a length even if there are none.
local SIZED = { POST = true, PUT = true, PATCH = true }

--- Makes the transport.
-- @param connection options of httpc:connect that every connection shall have, or nil
return function(connection)
  local function send(request)
    local scheme, host, port, target = request.url:match("^(https?)://([^/:]+):?(%d*)(.*)$")
    local headers = {}
    for _, header in ipairs(request.headers) do headers[header[1]] = header[2] end
    -- Without ssl_server_name the certificate would be any that is trusted, not this server's.
    local options = { scheme = scheme, host = host, port = tonumber(port), ssl_verify = true, ssl_server_name = host }
    for name, value in pairs(connection or {}) do options[name] = value end
    local wait = math.min(request.idle_timeout, request.timeout or math.huge) * 1000
    local httpc = http.new()
    httpc:set_timeouts(request.connect_timeout * 1000, wait, wait)
    local connected, err = httpc:connect(options)
    if not connected then return failure("connect", false, err) end

    local answer, body, final
    answer, err = httpc:request {
      method = request.method, path = target, headers = headers,
      body = request.body or SIZED[request.method] and "" or nil,
    }
    if not answer then
      httpc:close()
      return failure(err == "timeout" and "receive" or "send", true, err)
    end
    body, err, final = read_body(answer, request.max_size)
    if not body or answer.headers["Trailer"] then httpc:close() else httpc:set_keepalive(30000, 64) end
    if not body then return failure("receive", true, err, final) end
    return { status = answer.status, headers = plain(answer.headers), body = body }
  end

  return { send = send, max_wait = 1 } -- seconds: no request of nginx waits longer for a rate limit
end
