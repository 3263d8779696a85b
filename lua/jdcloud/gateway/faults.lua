-- Misbehaviour on demand: which request it hits and what becomes of its answer.

local collection = require "jdcloud.gateway.collection"
local envelope = require "jdcloud.gateway.envelope"
local names = require "jdcloud.gateway.names"

local M = {}

-- Every field of a rule, so that a misspelt one is an error and not a fault that never comes.
local FIELDS = {
  operation = "string", -- only requests of this operation, "describeInstances" or "vm:describeInstances"
  method = "string", -- only requests of this method, "GET"
  nth = "number", -- not before the nth request that matches, 1
  times = "any", -- how many requests, 1; "all" for every one from then on
  metadata = "boolean", -- requests to the metadata service instead of those to services
  front = "boolean", -- before authentication and limit, as a proxy in front would; else only calls that passed both
  executed = "boolean", -- is the operation carried out? true unless the answer is replaced
  status = "number", -- HTTP status
  code = "number", -- error.code, if it shall differ from the HTTP status
  error_status = "string", -- error.status
  message = "string", -- error.message
  details = "table", -- error.details
  html = "boolean", -- a proxy's page instead of the envelope
  body = "string", -- this body instead of the envelope
  body_size = "number", -- bytes; the body is filled up with blanks
  headers = "table", -- { [lower-case name] = value to send, or false to leave it out }
  delay = "number", -- seconds before the answer
  cut = "number", -- the connection is closed after so many bytes of the answer, head included
  stall = "number", -- after so many bytes nothing follows, and the connection stays open
  close = "string", -- "before" the answer, "after" it and unannounced, or when the "next" request comes
  garbage = "boolean", -- bytes that are not HTTP instead of the answer
  paging = "table", -- of a paging operation without behaviour of its own: collection.misbehaviours
}

local WIRE = { "delay", "cut", "stall", "close", "garbage" }
-- What a rule does, one of these at least; the other fields say when, or go along with an error.
local EFFECTS = {
  "status", "code", "error_status", "html", "body", "body_size", "headers", "delay", "cut", "stall", "close", "garbage",
  "paging",
}
local METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true }
local CLOSE = { before = true, after = true, next = true }

local PAGE = "<html>\n<head><title>%d</title></head>\n<body><center><h1>%d</h1></center></body>\n</html>\n"

-- nil, or what is wrong with the field `paging` of a rule.
local function wrong_paging(paging)
  for name, value in pairs(paging or {}) do
    local expected = collection.misbehaviours[name]
    if not expected then return "paging of a fault has no field " .. tostring(name) end
    if type(expected) == "table" and not expected[value] or type(expected) == "string" and type(value) ~= expected then
      return ("paging.%s of a fault can't be that"):format(name)
    end
  end
end

local function is_count(value)
  return type(value) == "number" and value >= 1 and value % 1 == 0
end

-- nil, or why no request would be hit as the rule says.
local function wrong_request(rule, registry)
  if rule.method and not METHODS[rule.method] then
    return 'method of a fault is like "GET"'
  elseif rule.nth and not is_count(rule.nth) then
    return "nth of a fault is a whole number from 1"
  elseif rule.times ~= nil and rule.times ~= "all" and not is_count(rule.times) then
    return 'times of a fault is a whole number from 1, or "all"'
  elseif rule.operation then
    local _, message = names.check_short(registry, rule.operation)
    return message
  end
end

-- nil, or what is wrong with what is done to an answer.
local function wrong_effect(rule)
  if rule.close and not CLOSE[rule.close] then
    return 'close of a fault is "before", "after" or "next"'
  end
  local does = rule.executed == false
  for _, name in ipairs(EFFECTS) do
    does = does or rule[name]
  end
  if not does then
    return "a fault must do something: have a status, a body, a delay, …"
  end
  return wrong_paging(rule.paging)
end

--- Checks a rule.
-- @param rule (table) the fields above
-- @param registry of models, whose operations a rule may be for
-- @return a copy, ready for M.take | nil, message
function M.rule(rule, registry)
  if type(rule) ~= "table" then
    return nil, "a fault is a table"
  end
  local copy = { seen = 0, used = 0 }
  for name, value in pairs(rule) do
    local kind = FIELDS[name]
    if not kind then
      return nil, "a fault has no field " .. tostring(name)
    elseif kind ~= "any" and type(value) ~= kind then
      return nil, name .. " of a fault is a " .. kind
    end
    copy[name] = value
  end
  local wrong = wrong_request(copy, registry) or wrong_effect(copy)
  if wrong then
    return nil, wrong
  end
  copy.replaces = (copy.status or copy.code or copy.error_status or copy.html or copy.body) ~= nil
  if copy.executed == nil then
    copy.executed = not copy.replaces
  end
  return copy
end

local function hits(rule, call)
  return (not rule.operation or rule.operation == call.operation or rule.operation == call.name)
    and (not rule.method or rule.method == call.method)
    and (rule.front or call.admitted)
    and (rule.metadata or false) == (call.metadata or false)
end

--- The first rule that hits a request; it is counted as used.
-- @param rules list of M.rule
-- @param call { operation = "vm:describeInstances" | nil, name = "describeInstances" | nil, method, admitted = bool,
--   metadata = bool | nil }
-- @return rule | nil
function M.take(rules, call)
  for _, rule in ipairs(rules) do
    if hits(rule, call) then
      rule.seen = rule.seen + 1
      local left = rule.times == "all" or rule.used < (rule.times or 1)
      if left and rule.seen >= (rule.nth or 1) then
        rule.used = rule.used + 1
        return rule
      end
    end
  end
  return nil
end

--- The error that a rule asks for instead of a result.
-- @param rule of M.take
-- @return failure { http, code, status, message, details } | nil if the rule leaves the envelope alone
function M.failure(rule)
  if not rule.replaces then
    return nil
  end
  local http = rule.status or 200
  local code = rule.code or http
  return {
    http = http,
    code = code,
    status = rule.error_status or envelope.statuses[code] or "UNKNOWN",
    message = rule.message or "as asked [gw]",
    details = rule.details,
  }
end

--- Does to an answer what a rule asks for; what only a server can do goes into answer.fault.
-- @param rule of M.take
-- @param answer { status, headers, body }, changed in place
function M.apply(rule, answer)
  if rule.html then
    answer.body = PAGE:format(answer.status, answer.status)
    answer.headers["content-type"] = "text/html"
    answer.headers["x-jdcloud-request-id"] = nil
  end
  answer.body = rule.body or answer.body
  if rule.body_size then
    answer.body = answer.body .. (" "):rep(rule.body_size - #answer.body)
  end
  for name, value in pairs(rule.headers or {}) do
    answer.headers[name] = value or nil
  end
  for _, name in ipairs(WIRE) do
    if rule[name] then
      answer.fault = answer.fault or {}
      answer.fault[name] = rule[name]
    end
  end
end

return M
