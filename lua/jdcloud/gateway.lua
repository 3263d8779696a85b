-- A gateway that answers as JD Cloud's would, as a pure function from request to answer: for users' own tests inside
-- the process (jdcloud.transport.gateway) and behind a real nginx (jdcloud.gateway.nginx). It reads the bytes that
-- arrived with code of its own, checks signature, date, nonce, access key, operation and parameters, counts calls, and
-- misbehaves when it is told to. It does no I/O; its only clock is the one it is given.

local core = require "jdcloud.core"
local account = require "jdcloud.gateway.account"
local answers = require "jdcloud.gateway.answers"
local canonical = require "jdcloud.gateway.canonical"
local check = require "jdcloud.gateway.check"
local envelope = require "jdcloud.gateway.envelope"
local faults = require "jdcloud.gateway.faults"
local handlers = require "jdcloud.gateway.handlers"
local limit = require "jdcloud.gateway.limit"
local metadata = require "jdcloud.gateway.metadata"
local models = require "jdcloud.models"
local names = require "jdcloud.gateway.names"
local route = require "jdcloud.gateway.route"
local settings = require "jdcloud.gateway.settings"
local verify = require "jdcloud.gateway.verify"

local M = {}

local TARGET_MAX = 8192 -- bytes (protocol.md 2)
local BODY_MAX = 100 * 1024 * 1024 -- bytes (protocol.md 2)
local LOG_MAX = 20000 -- requests; the older half is dropped when it is reached

-- Services with behaviour of their own; all others get answers true to their shapes.
local BEHAVIOURS = {
  billing = require "jdcloud.gateway.billing",
  cdn = require "jdcloud.gateway.cdn",
  disk = require "jdcloud.gateway.disk",
  domainservice = require "jdcloud.gateway.domainservice",
  lb = require "jdcloud.gateway.lb",
  ssl = require "jdcloud.gateway.ssl",
  sts = require "jdcloud.gateway.sts",
  vm = require "jdcloud.gateway.vm",
}

--- The key that a gateway knows unless told otherwise. Not a secret: it opens nothing but a gateway of this module.
M.example = { access_key = "JDCLOCALEXAMPLE0001", secret_key = "example-secret-of-the-local-gateway" }

local Gateway = {}
Gateway.__index = Gateway

local function fresh_seed()
  local a, b, c = core.random(3):byte(1, 3)
  return (a * 256 + b) * 256 + c
end

local function example_keys()
  return { [M.example.access_key] = { secret = M.example.secret_key } }
end

local function models_of(wanted)
  if wanted == nil then
    return models.bundled
  elseif type(wanted) ~= "table" and type(wanted) ~= "string" then
    error("models of a gateway: must be a file's name, facts, or a list of such", 3)
  end
  local registry, err = require("jdcloud.models.given").registry(wanted)
  if not registry then
    error(err.message, 3)
  end
  return registry
end

--- Makes a gateway.
-- @param options table, all optional:
--   access_keys { [access key] = { secret = text, disabled = bool, denied = list of "service:operation" } },
--   by default M.example alone,
--   clock function() -> Unix seconds (core.wall), seed whole number (random; the same one gives the same ids and
--   answers), models (facts of other services, as for jdcloud.new),
--   and the settings of jdcloud/gateway/settings.lua: limit, window, skew, nonce_window, ready_after, quota,
--   operation_limits, behaviours, items, account, session_life, session_zone, session_token, instance_role
-- @return gateway; raises on an option that does not exist or can't be that
function M.new(options)
  options = options == nil and {} or options
  local registry = models_of(type(options) == "table" and options.models or nil)
  local wrong = settings.wrong(options, registry, true)
  if wrong then
    error(wrong, 2)
  end
  local self = setmetatable({ offset = 0, clock = options.clock or core.wall, handlers = {} }, Gateway)
  settings.fill(options, self)
  self.routes = route.new(registry)
  self.keys = options.access_keys or example_keys()
  self.seed = options.seed or fresh_seed()
  self.ids = envelope.ids(self.seed)
  self:reset()
  return self
end

--- Forgets everything that happened: log, faults, counted calls, nonces, resources. Settings, keys and handlers stay;
-- with `account` its resources are there anew.
function Gateway:reset()
  self.entries, self.rules, self.counters, self.nonces = {}, {}, {}, {}
  self.stores, self.sessions, self.role, self.caller = {}, {}, nil, nil
  for service, behaviour in pairs(BEHAVIOURS) do
    self.stores[service] = behaviour.new(self)
  end
  if self.account then
    account.fill(BEHAVIOURS, self.stores, self:now(), self.ready_after)
  end
end

--- Changes settings while it runs.
-- @param changed table with any of these settings (account from the next reset on); raises where M.new would
function Gateway:set(changed)
  local wrong = settings.wrong(changed, self.routes.registry, false)
  if wrong then
    error(wrong, 2)
  end
  for name, value in pairs(changed) do
    self[name] = value
  end
end

--- Adds or changes an access key.
-- @param access_key (string)
-- @param fields table with any of secret, disabled, denied, as for M.new
function Gateway:key(access_key, fields)
  local wrong = settings.wrong_key(fields, self.routes.registry)
  if wrong then
    error(wrong, 2)
  end
  local key = self.keys[access_key] or {}
  self.keys[access_key] = key
  for name, value in pairs(fields) do
    key[name] = value
  end
end

--- The gateway's time, in Unix seconds.
function Gateway:now()
  return self.clock() + self.offset
end

--- Moves the gateway's clock against the one it was given.
-- @param seconds (number)
function Gateway:advance(seconds)
  self.offset = self.offset + seconds
end

--- Makes the gateway misbehave. Rules are tried in the order in which they were given; the first that hits is taken.
-- @param rule table with any of the fields that jdcloud/gateway/faults.lua explains: operation, method, nth, times and
--   front say which requests; status, code, error_status, message, details, html, body, body_size and headers change
--   the answer; delay, cut, stall, close and garbage disturb the connection; paging makes pages lie; executed: is the
--   operation carried out
function Gateway:misbehave(rule)
  local checked, message = faults.rule(rule, self.routes.registry)
  if not checked then
    error(message, 2)
  end
  self.rules[#self.rules + 1] = checked
end

--- Says what an operation answers, instead of what it would answer by itself. Only in the process: a function can't be
-- sent to a gateway in nginx.
-- @param operation (string) "disk:createSnapshots"; raises, with the nearest names, if there is none of that name
-- @param handler function(params, now) -> result (table; nothing means an empty one) | nil, failure { http, status,
--   message, details }; params are those of the request, checked and of the model's types, now is the gateway's time.
--   It can't yield. One that raises is answered with 500 and where it did. nil puts the operation back.
function Gateway:on(operation, handler)
  local known, message = names.check(self.routes.registry, operation)
  if not known then
    error(message, 2)
  elseif handler ~= nil and type(handler) ~= "function" then
    error("the handler of an operation is a function, or nil", 2)
  end
  self.handlers[operation] = handler
end

--- The requests that arrived, oldest first. No secret, signature, token or parameter is in it.
-- @return list of { operation = "vm:describeInstances" (nil if the request means none), method, nonce, time = Unix
--   seconds by the gateway's clock, date = its x-jdcloud-date, status = HTTP status of the answer (0: none, the
--   connection was closed), executed = bool }
function Gateway:log()
  return self.entries
end

local function write_log(self, entry)
  if #self.entries >= LOG_MAX then
    local kept = {}
    for i = LOG_MAX / 2 + 1, LOG_MAX do
      kept[#kept + 1] = self.entries[i]
    end
    self.entries = kept
  end
  self.entries[#self.entries + 1] = entry
end

-- Authentication, limit, route and permission, in the gateway's order.
local function admit(self, request, headers, call, now)
  if #request.target > TARGET_MAX then
    return { http = 414, status = "HTTP_URI_TOO_LONG", message = "URI too long [gw]" }
  elseif #(request.body or "") > BODY_MAX then
    return { http = 413, status = "HTTP_REQUEST_ENTITY_TOO_LARGE", message = "Payload too large [gw]" }
  end
  local caller, failure = verify.check(self, request, headers, now)
  if not caller then
    return failure
  end
  call.allowance, failure = limit.count(self, caller.access_key, call.operation, now)
  if failure then
    return failure
  elseif not call.found then
    return { http = 404, status = "NOT_FOUND", message = "no route and no API found with those values [gw]" }
  end
  self.caller = caller
  local _, denial = verify.authorize(caller.key, call.operation)
  return denial
end

local function perform(self, request, call, now, rule)
  local operation = call.found
  local params, failure = check.parameters(operation, request, call.path_values)
  if not params then
    return nil, failure
  end
  local handler = self.handlers[call.operation]
  if handler then
    return handlers.call(call.operation, handler, params, now)
  end
  local behaviour = self.behaviours and BEHAVIOURS[operation.service]
  local act = behaviour and behaviour.operations[operation.name]
  if act then
    return act(self.stores[operation.service], params, now)
  end
  return answers.result(operation, params, {
    seed = self.seed,
    items = self.items,
    paging = rule and rule.paging,
  })
end

local function identify(self, request, headers)
  local credential = verify.parse(headers.authorization)
  local found, path_values = route.find(self.routes, request, headers.host, credential and credential.service)
  local name = found and found.name
  return {
    found = found,
    path_values = path_values,
    name = name,
    operation = name and found.service .. ":" .. name,
    method = request.method:upper(),
  }
end

-- A request to the metadata service. In the log its operation is "metadata:…".
local function answer_metadata(self, request, item)
  local call = { method = request.method:upper(), admitted = true, metadata = true }
  local answer = metadata.answer(self, item, self:now())
  local rule = faults.take(self.rules, call)
  if rule then
    answer.status = rule.status or answer.status
    answer.body = rule.replaces and "" or answer.body
    faults.apply(rule, answer)
  end
  write_log(self, {
    operation = "metadata:" .. item, method = call.method, status = answer.status, executed = not rule or rule.executed,
  })
  return answer
end

--- Answers a request.
-- @param request { method, target = path and query, headers = list of { name, value }, body = text | nil }, all as it
--   arrived
-- @return { status = HTTP status, headers = { [lower-case name] = value }, body = text, fault = nil or what only a
--   server can do: { delay = seconds, cut = bytes, stall = bytes, close = text, garbage = true } }
function Gateway:answer(request)
  local item = metadata.item(request)
  if item then
    return answer_metadata(self, request, item)
  end
  local now, headers = self:now(), canonical.headers(request.headers)
  local call = identify(self, request, headers)
  local failure, result = admit(self, request, headers, call, now), nil
  call.admitted = failure == nil
  local rule = faults.take(self.rules, call)
  if call.admitted and (not rule or rule.executed) then
    result, failure = perform(self, request, call, now, rule)
  end
  local answer = envelope.answer {
    id = self.ids(),
    now = now,
    head = call.method == "HEAD",
    result = result,
    failure = rule and faults.failure(rule) or failure,
    allowance = call.allowance,
  }
  if rule then
    faults.apply(rule, answer)
  end
  write_log(self, {
    operation = call.operation,
    method = call.method,
    time = now,
    nonce = headers["x-jdcloud-nonce"],
    date = headers["x-jdcloud-date"],
    status = answer.status,
    executed = result ~= nil,
  })
  return answer
end

--- Notes a request that arrived and was not read, because its connection was closed under it.
-- @param request { method }
function Gateway:dropped(request)
  write_log(self, { method = request.method, status = 0, executed = false })
end

return M
