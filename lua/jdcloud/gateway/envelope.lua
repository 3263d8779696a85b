-- What every answer of the gateway has around its result: ids, headers, the error object (protocol.md 4) and the HTTP
-- status line.

local json = require "jdcloud.json"

local M = {}

local ID_LENGTH = 32 -- protocol.md 4: 32 characters, lower case, like base 36
local DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

--- The gateway's name for an HTTP status when it speaks itself (protocol.md 5.2).
M.statuses = {
  [400] = "HTTP_BAD_REQUEST",
  [401] = "ACCESS_ERROR",
  [403] = "HTTP_FORBIDDEN",
  [404] = "NOT_FOUND",
  [409] = "ABORTED",
  [413] = "HTTP_REQUEST_ENTITY_TOO_LARGE",
  [414] = "HTTP_URI_TOO_LONG",
  [429] = "HTTP_RATE_LIMIT_EXCEEDED",
  [500] = "HTTP_INTERNAL_SERVER_ERROR",
  [502] = "HTTP_BAD_GATEWAY",
  [503] = "HTTP_SERVICE_UNAVAILABLE",
  [504] = "HTTP_SERVER_TIMING_OUT",
}

--- A generator of request ids; the same seed gives the same ids.
-- @param seed (number) a whole number
-- @return function() -> 32 characters
function M.ids(seed)
  local state = seed % 2147483646 + 1 -- Lehmer's generator: never 0, and its products fit a double exactly
  return function()
    local id = {}
    for i = 1, ID_LENGTH do
      state = state * 16807 % 2147483647
      local at = state % #DIGITS + 1
      id[i] = DIGITS:sub(at, at)
    end
    return table.concat(id)
  end
end

--- An HTTP date (RFC 9110, 5.6.7), whatever the locale.
-- @param now (number) Unix seconds
function M.http_date(now)
  local t = os.date("!*t", math.floor(now))
  local form = "%s, %02d %s %04d %02d:%02d:%02d GMT"
  return form:format(DAYS[t.wday], t.day, MONTHS[t.month], t.year, t.hour, t.min, t.sec)
end

-- Integers that this Lua can't hold come as texts with a mark (values.lua).
local function unmarked(body)
  if body:find('"\\u0000i', 1, true) then
    body = body:gsub('"\\u0000i(%-?%d+)"', "%1")
  end
  return body
end

local function body_of(id, result, failure)
  local envelope = { requestId = id }
  if failure then
    envelope.error = {
      code = failure.code or failure.http,
      status = failure.status,
      message = failure.message,
      details = failure.details and json.list(failure.details),
    }
  else
    envelope.result = result or {}
  end
  return unmarked(assert(json.encode(envelope))) .. "\n" -- live answers end in a newline
end

--- Builds an answer.
-- @param facts { id = request id, now = Unix seconds, head = bool, result = table | nil,
--   failure = { http, code, status, message, details } | nil, allowance = { limit, remaining, minute = are they of a
--   minute? Others have no header } | nil }
-- @return { status = HTTP status, headers = { [name] = value }, body = text }
function M.answer(facts)
  local headers = {
    ["content-type"] = "application/json; charset=utf-8",
    ["date"] = M.http_date(facts.now),
    ["via"] = "jd-gateway/1.0.1",
    ["x-jdcloud-request-id"] = facts.id,
  }
  if facts.allowance and facts.allowance.minute then
    headers["x-jdcloud-limit-minute"] = ("%d"):format(facts.allowance.limit)
    headers["x-jdcloud-remaining-minute"] = ("%d"):format(facts.allowance.remaining)
  end
  return {
    status = facts.failure and facts.failure.http or 200,
    headers = headers,
    body = facts.head and "" or body_of(facts.id, facts.result, facts.failure),
  }
end

return M
