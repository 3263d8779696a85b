-- answer.lua - an HTTP answer as facts for the core and as fields for an error object: decodes the body, once, and
-- finds the envelope of protocol.md 4. What it means, the core decides.

local json = require "jdcloud.json"
local models = require "jdcloud.models"
local result = require "jdcloud.result"

local M = {}

local match = string.match
local tointeger = math.tointeger

-- Without a fraction, where that prints differently: a code is 404, not 404.0.
local function integer_of(n)
  return tointeger and tointeger(n) or n
end

local TITLE_MAX = 80 -- bytes of a proxy's page that get into a message

local function text_or_nil(value)
  if type(value) == "string" then return value end
  return nil
end

-- The operation that IAM refused: { { param0 = resource, param1 = "service:operation" } } (protocol.md 4,
-- error.details).
local function denied_operation(details)
  if type(details) ~= "table" then return nil end
  for _, detail in ipairs(details) do
    if type(detail) == "table" and type(detail.param1) == "string" then return detail.param1 end
  end
  return nil
end

-- The title of an HTML page: what a proxy says of itself.
local function title(body)
  local found = body:sub(1, 4096):match("<[Tt][Ii][Tt][Ll][Ee][^>]*>%s*(.-)%s*</")
  return found and found ~= "" and found:sub(1, TITLE_MAX) or nil
end

-- "empty", "envelope", "json" or "other"; the decoded value, and whether it is raw (json.read).
local function decode(body)
  local first = body and match(body, "^%s*(.)")
  if not first then return "empty" end
  if first ~= "{" and first ~= "[" then return "other" end
  local value, raw = json.read(body)
  if type(value) ~= "table" then return "other" end
  if value.requestId ~= nil or value.result ~= nil or value.error ~= nil then return "envelope", value, raw end
  return "json"
end

--- Reads an answer.
-- @param response { status, headers, body } of a transport
-- @param facts a table to use again, or nil
-- @return facts: kind of body (`body`), http_status, code | nil, status, message, request_id, details, denied, date,
--   retry_after, limit, remaining (headers as they came), headers, result and raw (as result.shape takes them)
function M.read(response, facts)
  local headers = response.headers or {}
  local body, value, raw = decode(response.body)
  facts = facts or {}
  facts.body, facts.http_status, facts.headers = body, integer_of(response.status), headers
  facts.date, facts.retry_after = headers.date, headers["retry-after"]
  facts.limit, facts.remaining = headers["x-jdcloud-limit-minute"], headers["x-jdcloud-remaining-minute"]
  facts.request_id, facts.result = text_or_nil(headers["x-jdcloud-request-id"]), nil
  facts.code, facts.status, facts.message, facts.details, facts.denied = nil, nil, nil, nil, nil
  if body == "other" then facts.message = title(response.body) end
  if body ~= "envelope" then return facts end
  facts.result, facts.raw, value.result = value.result, raw, nil
  if raw then json.finish(value, true) end
  facts.request_id = text_or_nil(value.requestId) or facts.request_id
  local err = value.error
  if type(err) == "table" then
    facts.code = integer_of(tonumber(err.code) or 0)
    facts.status = text_or_nil(err.status)
    facts.message = text_or_nil(err.message)
    if type(err.details) == "table" then facts.details = result.shape(err.details, models.any) end
    facts.denied = denied_operation(facts.details)
  end
  return facts
end

return M
