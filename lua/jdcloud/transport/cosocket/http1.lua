-- http1.lua - the reading of an answer in HTTP/1.1 (RFC 9112). Knows no socket.
--
-- A reader is given more() -> bytes | nil, failure. A failure with `ended` is the end of the connection, whose meaning
-- depends on how far the answer has come; any other is handed on.

local M = {}

local HEAD_MAX = 256 * 1024 -- bytes of an answer's headers, with those of interim ones and trailers
local LINE_MAX = 16 * 1024 -- bytes of the line before a chunk
local HEX_MAX = 13 -- digits of a chunk's size: 2^52

local Reader = {}
Reader.__index = Reader

--- Makes a reader of one answer.
function M.reader(more)
  return setmetatable({ more = more, buf = "", pos = 1, head_left = HEAD_MAX, begun = false }, Reader)
end

local function failed(message, final)
  return { kind = "protocol", phase = "receive", sent = true, message = message, final = final }
end

local function head_too_large()
  return failed(("the answer's headers are larger than %d bytes"):format(HEAD_MAX), true)
end

local function body_too_large(max_size)
  return failed(("the answer is larger than max_size (%.0f bytes)"):format(max_size), true)
end

-- Appends what comes next. true | nil, failure
local function fill(r)
  local bytes, failure = r.more()
  if bytes then
    r.buf, r.pos = r.pos > #r.buf and bytes or r.buf:sub(r.pos) .. bytes, 1
    return true
  end
  if not failure.ended then return nil, failure end
  if r.begun or r.buf:find("\n", r.pos, true) then
    local cut = failed("the connection ended before the answer was complete")
    cut.ended = failure.message
    return nil, cut
  end
  return nil, { kind = "network", phase = "receive", sent = true, message = failure.message, unanswered = true }
end

-- Is this, as far as it goes, how an answer begins?
local function is_http(r)
  local start = r.buf:sub(r.pos, r.pos + 6)
  return start == ("HTTP/1."):sub(1, #start)
end

-- The lines of a head, without the empty one | nil, failure
local function read_head(r)
  local seen = 0
  while true do
    if r.pos <= #r.buf and not is_http(r) then return nil, failed("what came back is not HTTP") end
    local last, stop = r.buf:find("\n\r?\n", r.pos + seen)
    local size = (stop or #r.buf) - r.pos + 1
    if size > r.head_left then return nil, head_too_large() end
    if last then
      local head = r.buf:sub(r.pos, last)
      r.pos, r.head_left, r.begun = stop + 1, r.head_left - size, true
      return head
    end
    seen = size > 2 and size - 2 or 0
    local ok, failure = fill(r)
    if not ok then return nil, failure end
  end
end

-- Lower-case name -> value, repeated ones joined (RFC 9110, 5.3). A continued line, obsolete, is passed over.
local function parse_headers(head)
  local headers, repeated = {}, nil
  for name, value in head:gmatch("\n([^%s:]+):[ \t]*([^\n]*)") do
    name, value = name:lower(), value:match("^.*[^ \t\r]") or ""
    if headers[name] then
      repeated = repeated or {}
      local values = repeated[name] or { headers[name] } -- joined at the end: there may be thousands
      values[#values + 1], repeated[name] = value, values
    else
      headers[name] = value
    end
  end
  for name, values in pairs(repeated or {}) do headers[name] = table.concat(values, ", ") end
  return headers
end

-- status, headers, minor version | nil, failure
local function read_one(r)
  local head, failure = read_head(r)
  if not head then return nil, failure end
  local minor, status = head:match("^HTTP/1%.(%d) +(%d%d%d)[ \r\n]")
  if not status or status < "100" or head:find("%z") then return nil, failed("what came back is not HTTP") end
  return tonumber(status), parse_headers(head), minor
end

-- Appends n bytes to parts. true | nil, failure
local function take(r, n, parts)
  while n > 0 do
    local have = #r.buf - r.pos + 1
    if have <= 0 then
      local ok, failure = fill(r)
      if not ok then return nil, failure end
    elseif have <= n then
      parts[#parts + 1] = r.pos == 1 and r.buf or r.buf:sub(r.pos)
      r.buf, r.pos, n = "", 1, n - have
    else
      parts[#parts + 1] = r.buf:sub(r.pos, r.pos + n - 1)
      r.pos, n = r.pos + n, 0
    end
  end
  return true
end

local function take_line(r, max)
  while true do
    local stop = r.buf:find("\n", r.pos, true)
    if (stop or #r.buf + 1) - r.pos > max then return nil, failed("a line of the answer is too long") end
    if stop then
      local line = r.buf:sub(r.pos, stop - 1)
      r.pos = stop + 1
      if line:sub(-1) == "\r" then line = line:sub(1, -2) end
      return line
    end
    local ok, failure = fill(r)
    if not ok then return nil, failure end
  end
end

-- What follows the chunks is no part of the headers (RFC 9110, 6.5.1).
local function drop_trailers(r)
  while true do
    local line, failure = take_line(r, r.head_left)
    if not line then return nil, failure end
    if line == "" then return true end
    r.head_left = r.head_left - #line
  end
end

local function read_chunks(r, max_size)
  local parts, size = {}, 0
  while true do
    local line, failure = take_line(r, LINE_MAX)
    if not line then return nil, failure end
    local digits = line:match("^(%x+)[ \t]*$") or line:match("^(%x+)[ \t]*;")
    if not digits or #digits > HEX_MAX then return nil, failed("a chunk of the answer has no size") end
    local n = tonumber(digits, 16)
    if n == 0 then break end
    size = size + n
    if size > max_size then return nil, body_too_large(max_size) end
    local ok
    ok, failure = take(r, n, parts)
    if ok then line, failure = take_line(r, LINE_MAX) end
    if failure then return nil, failure end
    if line ~= "" then return nil, failed("a chunk of the answer is longer than its size") end
  end
  local ok, failure = drop_trailers(r)
  if not ok then return nil, failure end
  return table.concat(parts)
end

local function read_sized(r, n, max_size)
  if n > max_size then return nil, body_too_large(max_size) end
  local parts = {}
  local ok, failure = take(r, n, parts)
  if not ok then return nil, failure end
  return table.concat(parts)
end

local function read_to_end(r, max_size)
  local parts, size = {}, 0
  while true do
    local have = #r.buf - r.pos + 1
    size = size + have
    if size > max_size then return nil, body_too_large(max_size) end
    if have > 0 then parts[#parts + 1] = r.buf:sub(r.pos) end
    r.buf, r.pos = "", 1
    local ok, failure = fill(r)
    if not ok then
      if failure.ended == "closed" then return table.concat(parts) end
      return nil, failure
    end
  end
end

-- The number that content-length gives, also if it comes several times; nil if it is none.
local function length_of(text)
  local length
  for one in (text .. ","):gmatch("[ \t]*([^,]-)[ \t]*,") do
    if not one:find("^%d+$") or #one > 15 or length and tonumber(one) ~= length then return nil end
    length = tonumber(one)
  end
  return length
end

-- body, does its end end the connection? | nil, failure
local function read_body(r, method, status, headers, max_size)
  if method == "HEAD" or status == 204 or status == 304 then return "", false end
  local encoding = headers["transfer-encoding"]
  if encoding and encoding:lower() ~= "identity" then
    if encoding:lower() ~= "chunked" then return nil, failed("the answer's transfer-encoding is not chunked") end
    return read_chunks(r, max_size)
  end
  local given = headers["content-length"]
  if not given then
    local body, failure = read_to_end(r, max_size)
    if body then return body, true end
    return nil, failure
  end
  local length = length_of(given)
  if not length then return nil, failed("the answer's content-length is no number") end
  return read_sized(r, length, max_size)
end

local function is_kept(headers, minor)
  local connection = headers.connection and "," .. headers.connection:lower():gsub("[ \t]", "") .. "," or ""
  if minor == "0" then return connection:find(",keep-alive,", 1, true) ~= nil end
  return not connection:find(",close,", 1, true)
end

--- Reads an answer, passing over interim ones.
-- @param method of the request
-- @param max_size of the body, bytes
-- @return status, headers, body, may the connection be used again? | nil, failure
function Reader:answer(method, max_size)
  local status, headers, minor
  repeat
    status, headers, minor = read_one(self)
    if not status then return nil, headers end
    if status == 101 then return nil, failed("the server switched to a protocol that nobody asked for") end
  until status >= 200
  local body, ends = read_body(self, method, status, headers, max_size)
  if not body then return nil, ends end
  return status, headers, body, not ends and self.pos > #self.buf and is_kept(headers, minor)
end

--- Reads the head alone of an answer, to a CONNECT.
-- @return status | nil, failure; a byte too many is a failure too
function Reader:head()
  local status, headers
  repeat
    status, headers = read_one(self)
    if not status then return nil, headers end
  until status >= 200
  if status < 300 and self.pos <= #self.buf then return nil, failed("something came before it was asked for") end
  return status
end

return M
