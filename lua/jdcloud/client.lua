-- client.lua - the client of one service: operations by name, checked by the model before anything is sent.

local call = require "jdcloud.call"
local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local exchange = require "jdcloud.exchange"
local options_of = require "jdcloud.options"
local request_of = require "jdcloud.request"
local result = require "jdcloud.result"

local M = {}

local function client_token()
  return core.hex(core.random(16)) -- 32 hex digits satisfy every service's rule (protocol.md 11.3)
end

-- What request.build is told of a call with these options, which may be nil.
local function manner_of(view, options)
  local validate = view.options.validate
  if options and options.validate ~= nil then validate = options.validate end
  return {
    region = view.options.region, call_region = options and options.region, validate = validate,
    client_token = client_token,
  }
end

--- @return the state of a client: { view, model, manner (of calls without options) }
function M.new(view, model)
  return { view = view, model = model, manner = manner_of(view, nil) }
end

-- A name of another type is a slip in the program.
local function check_name(client, name)
  if type(name) ~= "string" then
    errors.misuse(("%s: the operation must be a name, not a %s"):format(client.model.service, type(name)))
  end
end

-- The model's operation of this name | nil, error.
local function operation_of(client, name)
  if type(name) ~= "string" then check_name(client, name) end
  local op, message = client.model:operation(name)
  if op then return op end
  return nil, errors.new { kind = "invalid", message = message, service = client.model.service, attempts = 0 }
end

local NO_REGION = "there is no region: give the option region, or the parameter regionId"
local NO_REGION_IN_NGINX = NO_REGION .. "; nginx hides JDCLOUD_REGION_ID unless its directive env names it"

-- Parameters that can't be sent. The error's kind is config if all that is wrong is that there is no region.
local function refused(model, name, problems)
  local no_region = #problems == 1 and problems[1].config
  local hint = type(rawget(_G, "ngx")) == "table" and NO_REGION_IN_NGINX or NO_REGION
  return errors.new {
    kind = no_region and "config" or "invalid", problems = problems, service = model.service, operation = name,
    attempts = 0, hint = no_region and hint or nil,
  }
end

-- What a message about its use calls an operation.
local function name_of(client, name)
  check_name(client, name)
  return client.model.service .. "." .. name
end

-- The operation and what is built of its parameters | nil, error.
local function build(client, name, params, options)
  local view, model = client.view, client.model
  if params ~= nil and type(params) ~= "table" then options_of.check_params(params, name_of(client, name)) end
  if options then options_of.check_call(options, model.service) end
  local op, err = operation_of(client, name)
  if not op then return nil, err end
  local built, problems = request_of.build(op, params, options and manner_of(view, options) or client.manner)
  if not built then return nil, refused(model, name, problems) end
  return op, built
end

--- Calls an operation.
-- @param name the operation, as JD Cloud writes it
-- @param params a table of its parameters, or nil
-- @param options of a single call (design.md), or nil
-- @return result, meta = { request_id, http_status, attempts, headers } | nil, error
function M.call(client, name, params, options)
  local op, built = build(client, name, params, options)
  if not op then return nil, built end
  local meta, value, raw = exchange.run(client.view, client.model, op, built, options)
  if not meta then return nil, value end
  return result.shape(value, op, client.view.options.keep_null, raw), meta
end

--- Begins a call of an operation, for a host that brings the bytes itself (machine.lua).
-- @param check what becomes of an error of its result
-- @return call | nil, error
function M.begin(client, name, params, options, check)
  local op, built = build(client, name, params, options)
  if not op then return nil, built end
  return require("jdcloud.machine").begin(client.view, client.model, op, built, options, check)
end

--- The signed request of an operation, unsent.
-- @return { method, url, target, headers = { name = value }, body | nil } | nil, error
function M.prepare(client, name, params, options)
  local op, built = build(client, name, params, options)
  if not op then return nil, built end
  return exchange.prepare(client.view, client.model, op, built, options)
end

-- What pages and waiters call: results only, options checked by whoever took them.
local function caller(client)
  return function(name, params, options)
    return M.call(client, name, params, options)
  end
end

-- One iterator of pages.lua. A failed page ends it once with false and the error.
local function iterate(client, how, name, params, options)
  options_of.check_params(params, name_of(client, name))
  options_of.check_pages(options, name_of(client, name))
  local op, err = operation_of(client, name)
  if not op then
    return function()
      local once = err
      err = nil
      if once then return false, once end
      return nil
    end
  end
  return require("jdcloud.pages")[how](caller(client), op, params, options)
end

--- Iterates over the items of all pages of a list operation (pages.lua).
function M.each(client, name, params, options)
  return iterate(client, "each", name, params, options)
end

--- Iterates over the results of all pages of a list operation (pages.lua).
function M.pages(client, name, params, options)
  return iterate(client, "pages", name, params, options)
end

--- The items of all pages of a list operation | nil, error (pages.lua).
function M.all(client, name, params, options)
  options_of.check_params(params, name_of(client, name))
  options_of.check_pages(options, name_of(client, name))
  local op, err = operation_of(client, name)
  if not op then return nil, err end
  return require("jdcloud.pages").all(caller(client), op, params, options)
end

--- Waits until a resource, or each of a list of them, is in a state (waiters.lua).
function M.wait(client, waiter, params, options)
  options_of.check_params(params, client.model.service .. " wait")
  options_of.check_wait(options, client.model.service .. " wait")
  local clock, err = call.clock(client.view)
  if not clock then return nil, err end
  return require("jdcloud.waiters").wait(client.model.service, waiter, params, options, {
    call = caller(client), sleep = clock.sleep, now = clock.now, model = client.model,
  })
end

--- Calls an operation until a function says that it is done (poll.lua).
function M.poll(client, name, params, until_done, options)
  options_of.check_params(params, name_of(client, name))
  options_of.check_poll(until_done, options, name_of(client, name))
  local clock, err = call.clock(client.view)
  if not clock then return nil, err end
  return require("jdcloud.poll").poll(client.model.service, name, params, until_done, options, {
    call = caller(client), sleep = clock.sleep, now = clock.now,
  })
end

--- The names of the service's waiters, sorted.
function M.waiters(client)
  return require("jdcloud.waiters").names(client.model.service)
end

--- What there is to know of an operation, as a fresh table that prints well (describe.lua) | nil, error.
function M.describe(client, name)
  local op, err = operation_of(client, name)
  if not op then return nil, err end
  return require("jdcloud.describe").operation(op)
end

--- The names of the service's operations, sorted.
function M.operations(client)
  return client.model:operations()
end

return M
