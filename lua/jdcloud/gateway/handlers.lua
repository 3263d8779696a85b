-- handlers.lua - what a user's tests put in the place of an operation (gateway:on), and how such a function is called.

local envelope = require "jdcloud.gateway.envelope"
local json = require "jdcloud.json"

local M = {}

local function broken(name, what)
  return nil, {
    http = 500,
    status = envelope.statuses[500],
    message = ("the handler of %s %s [gw]"):format(name, what),
  }
end

-- Where an error came from, without its text, which may have values in it.
local function place_of(raised)
  local place = type(raised) == "string" and raised:match("^([^\n]-:%d+):")
  return place and " at " .. place or ""
end

local function failure_of(name, failure)
  local http = type(failure) == "table" and failure.http
  if type(http) ~= "number" or http % 1 ~= 0 or http < 100 or http > 599 then
    return broken(name, "returned nil without a failure { http = status code, status, message }")
  end
  for _, field in ipairs { "status", "message" } do
    if failure[field] ~= nil and type(failure[field]) ~= "string" then
      return broken(name, "returned a failure whose " .. field .. " is no text")
    end
  end
  local has_code = failure.code == nil or type(failure.code) == "number" and failure.code % 1 == 0
  local has_details = failure.details == nil or type(failure.details) == "table" and json.encode(failure.details)
  if not has_code or not has_details then
    return broken(name, "returned a failure whose code is no whole number, or whose details JSON can't hold")
  end
  return nil, {
    http = failure.http,
    code = failure.code,
    status = failure.status or envelope.statuses[failure.http] or "UNKNOWN",
    message = failure.message or "as the handler said",
    details = failure.details,
  }
end

--- Calls a handler. It can't yield.
-- @param name (string) of the operation, for messages
-- @param handler function(params, now) -> result | nothing | nil, failure
-- @param params (table) the parameters, checked
-- @param now (number) Unix seconds of the gateway
-- @return result (table) | nil, failure { http, code, status, message, details }; a handler that breaks fails with 500
function M.call(name, handler, params, now)
  local done, result, failure = pcall(handler, params, now)
  if not done then
    return broken(name, "raised an error" .. place_of(result))
  elseif result == nil and failure == nil then
    return {}
  elseif result == nil then
    return failure_of(name, failure)
  elseif type(result) ~= "table" then
    return broken(name, "returned no table")
  end
  local written, message = json.encode(result)
  if not written then
    return broken(name, "returned what JSON can't hold: " .. message)
  end
  return result
end

return M
