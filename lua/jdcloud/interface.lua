-- interface.lua - what users see, made twice from the same functions: the raising interface passes every result
-- through errors.check, the safe one (value | nil, err) does not.

local charge = require "jdcloud.charge"
local client = require "jdcloud.client"
local cloud = require "jdcloud.cloud"
local core = require "jdcloud.core"
local enums = require "jdcloud.enums"
local errors = require "jdcloud.errors"
local filters = require "jdcloud.filters"
local json = require "jdcloud.json"
local main = require "jdcloud.main"
local options_of = require "jdcloud.options"
local version = require "jdcloud.version"

local function as_is(...)
  return ...
end

-- The methods of a service's client; its operations come beside them by name.
local function client_methods(check, raising)
  local Client = {}

  --- client:call(operation, params, options) -> result, meta: an operation by its name.
  function Client:call(operation, params, options)
    return check(client.call(self._client, operation, params, options))
  end

  --- client:prepare(operation, params, options) -> { method, url, target, headers, body }: signed, unsent.
  function Client:prepare(operation, params, options)
    return check(client.prepare(self._client, operation, params, options))
  end

  --- client:operations() -> the names of the service's operations, sorted.
  function Client:operations()
    return client.operations(self._client)
  end

  --- client:each(operation, params, options) -> an iterator over the items of all pages.
  function Client:each(operation, params, options)
    return client.each(self._client, operation, params, options, raising)
  end

  --- client:pages(operation, params, options) -> an iterator over the results of all pages.
  function Client:pages(operation, params, options)
    return client.pages(self._client, operation, params, options, raising)
  end

  --- client:all(operation, params, options) -> a list of the items of all pages, complete before you change anything.
  function Client:all(operation, params, options)
    return check(client.all(self._client, operation, params, options))
  end

  --- client:wait(waiter, params, options) -> the resource, or a list of them, once it is in the waiter's state.
  function Client:wait(waiter, params, options)
    return check(client.wait(self._client, waiter, params, options))
  end

  --- client:waiters() -> the names of the service's waiters, sorted.
  function Client:waiters()
    return client.waiters(self._client)
  end

  return Client
end

-- The metatable of a client: methods, then operations, each made once and kept.
local function client_type(check, raising)
  local methods = client_methods(check, raising)
  return {
    __name = "jdcloud.client",
    __tostring = function(self) return "jdcloud.client (" .. self._client.model.service .. ")" end,
    __index = function(self, name)
      local method = methods[name]
      if method then return method end
      if type(name) ~= "string" then return nil end
      local function operation(this, params, options)
        if this ~= self then
          errors.misuse(("%s.%s: call it with a colon, client:%s{…}"):format(self._client.model.service, name, name))
        end
        return check(client.call(this._client, name, params, options))
      end
      rawset(self, name, operation)
      return operation
    end,
  }
end

-- The methods of a cloud; services come beside them by name.
local function cloud_methods(check, wrap, wrap_client)
  local Cloud = {}

  --- cloud:with(options) -> the same cloud with other options (see cloud.lua).
  function Cloud:with(options)
    options_of.check_cloud(options, "with")
    local view, err = cloud.with(self._view, options or {})
    return check(view and wrap(view), err)
  end

  --- cloud:service(name) -> the client of a service.
  function Cloud:service(name)
    local state, err = cloud.service(self._view, name)
    return check(state and wrap_client(state), err)
  end

  --- cloud:request{ service, method, path, … } -> result, meta: any call (see raw.lua).
  function Cloud:request(request)
    options_of.check_request(request, "request")
    return check(cloud.request(self._view, request))
  end

  --- cloud:sign{ service, method, host, path, … } -> as jdcloud.sign, with the cloud's own keys.
  function Cloud:sign(request)
    options_of.check_sign(request, "sign", false)
    return check(cloud.sign(self._view, request))
  end

  --- cloud:close(): closes the connections of this cloud and of all that came from it by `with`. Idempotent.
  function Cloud:close()
    return cloud.close(self._view)
  end

  return Cloud
end

-- Makes the types of one interface. Returns wrap(view) -> cloud object.
local function cloud_type(check, raising, safe_wrap)
  local client_meta = client_type(check, raising)
  local function wrap_client(state) return setmetatable({ _client = state }, client_meta) end
  local meta = { __name = "jdcloud.cloud" }
  local function wrap(view) return setmetatable({ _view = view }, meta) end
  local methods = cloud_methods(check, wrap, wrap_client)
  function meta:__index(name)
    local value = methods[name]
    if value then return value end
    if type(name) ~= "string" then return nil end
    if name == "safe" then
      value = safe_wrap and safe_wrap(self._view) or self
    else
      local state, err = cloud.service(self._view, name)
      if not state then errors.raise(err) end -- a name in the program's text: both interfaces raise
      value = wrap_client(state)
    end
    rawset(self, name, value)
    return value
  end
  function meta:__tostring()
    return "jdcloud.cloud (" .. (self._view.options.region or "no region") .. ")"
  end
  meta.__close = methods.close
  return wrap
end

local safe_wrap = cloud_type(as_is, false)
local raising_wrap = cloud_type(errors.check, true, safe_wrap)

--- Makes the module's table.
-- @param raising does it raise?
return function(raising)
  local check = raising and errors.check or as_is
  local wrap = raising and raising_wrap or safe_wrap
  local M = {
    _VERSION = version, _NAME = raising and "jdcloud" or "jdcloud.safe",
    region = enums.region, zone = enums.zone, charge_mode = enums.charge_mode, charge_unit = enums.charge_unit,
    charge_status = enums.charge_status, regions = enums.regions, charge = charge, filters = filters,
    null = json.null, list = json.list, main = main, is_error = errors.is, check = errors.check,
  }

  --- jdcloud.new(options) -> a cloud. The options are in the README; keys are found at once, connections made later.
  function M.new(options)
    options_of.check_cloud(options, "new")
    local view, err = cloud.new(options or {})
    return check(view and wrap(view), err)
  end

  --- jdcloud.sign{ version, method, host, path, query, headers, body, service, region, access_key, secret_key, date,
  -- nonce, signed_headers } -> { target, authorization, headers = { name = value }, canonical_request,
  -- string_to_sign, method, host, date, nonce }. Everything is taken as bytes; content-type is application/json, date
  -- and nonce are new, unless given.
  function M.sign(request)
    options_of.check_sign(request, "sign", true)
    local signed, message = core.sign(request)
    return check(signed, message and errors.new { kind = "invalid", message = message })
  end

  --- jdcloud.encode(value) -> a result as JSON text, with its lists and exact integers.
  function M.encode(value)
    local text, message = json.encode(value)
    return check(text, message and errors.new { kind = "invalid", message = message })
  end

  return M
end
