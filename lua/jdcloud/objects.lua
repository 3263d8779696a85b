-- objects.lua - the objects that users hold, clouds and clients, made twice from the same functions: the raising ones
-- pass every result through errors.check, the safe ones (value | nil, err) do not. Loaded by the first jdcloud.new.

local client = require "jdcloud.client"
local cloud = require "jdcloud.cloud"
local errors = require "jdcloud.errors"
local options_of = require "jdcloud.options"

-- What a method works on; called with a dot, it has none.
local function of(object, field, method)
  local state = type(object) == "table" and rawget(object, field)
  if not state then errors.misuse(("%s: call it with a colon, object:%s(…)"):format(method, method)) end
  return state
end

local function as_is(...)
  return ...
end

-- The methods of a service's client; its operations come beside them by name.
local function client_methods(check, raising)
  local Client = {}

  -- Raising, an iterator raises in the loop; safe, it yields false and the error once and ends.
  local function iterator(next_value)
    if not raising then return next_value end
    return function()
      local value, err = next_value()
      if value == false then errors.raise(err) end
      return value
    end
  end

  --- client:call(operation, params, options) -> result, meta: an operation by its name.
  function Client:call(operation, params, options)
    return check(client.call(of(self, "_client", "call"), operation, params, options))
  end

  --- client:begin(operation, params, options) -> a call whose host does what it says (see machine.lua).
  function Client:begin(operation, params, options)
    return check(client.begin(of(self, "_client", "begin"), operation, params, options, check))
  end

  --- client:prepare(operation, params, options) -> { method, url, target, headers, body }: signed, unsent.
  function Client:prepare(operation, params, options)
    return check(client.prepare(of(self, "_client", "prepare"), operation, params, options))
  end

  --- client:operations() -> the names of the service's operations, sorted.
  function Client:operations()
    return client.operations(of(self, "_client", "operations"))
  end

  --- client:describe(operation) -> what there is to know of an operation, printable (see describe.lua).
  function Client:describe(operation)
    return check(client.describe(of(self, "_client", "describe"), operation))
  end

  --- client:each(operation, params, options) -> an iterator over the items of all pages.
  function Client:each(operation, params, options)
    return iterator(client.each(of(self, "_client", "each"), operation, params, options))
  end

  --- client:pages(operation, params, options) -> an iterator over the results of all pages.
  function Client:pages(operation, params, options)
    return iterator(client.pages(of(self, "_client", "pages"), operation, params, options))
  end

  --- client:all(operation, params, options) -> a list of the items of all pages, complete before you change anything.
  function Client:all(operation, params, options)
    return check(client.all(of(self, "_client", "all"), operation, params, options))
  end

  --- client:wait(waiter, params, options) -> the resource, or a list of them, once it is in the waiter's state.
  function Client:wait(waiter, params, options)
    return check(client.wait(of(self, "_client", "wait"), waiter, params, options))
  end

  --- client:poll(operation, params, function(result, err) return done end, options) -> result, done: calls the
  -- operation until the function returns a true value.
  function Client:poll(operation, params, until_done, options)
    return check(client.poll(of(self, "_client", "poll"), operation, params, until_done, options))
  end

  --- client:waiters() -> the names of the service's waiters, sorted.
  function Client:waiters()
    return client.waiters(of(self, "_client", "waiters"))
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
      if self._client.model:has(name) then rawset(self, name, operation) end -- a wrong name would stay for ever
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
    local view, err = cloud.with(of(self, "_view", "with"), options or {})
    return check(view and wrap(view), err)
  end

  --- cloud:service(name) -> the client of a service.
  function Cloud:service(name)
    local state, err = cloud.service(of(self, "_view", "service"), name)
    return check(state and wrap_client(state), err)
  end

  --- cloud:services() -> the names of the services that have a model, sorted.
  function Cloud:services()
    return cloud.services(of(self, "_view", "services"))
  end

  --- cloud:request{ service, method, path, … } -> result, meta: any call (see raw.lua).
  function Cloud:request(request)
    options_of.check_request(request, "request")
    return check(cloud.request(of(self, "_view", "request"), request))
  end

  --- cloud:sign{ service, method, host, path, … } -> as jdcloud.sign, with the cloud's own keys.
  function Cloud:sign(request)
    options_of.check_sign(request, "sign", false)
    return check(cloud.sign(of(self, "_view", "sign"), request))
  end

  --- cloud:stats() -> what its calls have done so far: counts, waits, connections (see cloud.lua).
  function Cloud:stats()
    return cloud.stats(of(self, "_view", "stats"))
  end

  --- cloud:close(): closes the connections of this cloud and of all that came from it by `with`. Idempotent.
  function Cloud:close()
    return cloud.close(of(self, "_view", "close"))
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

-- wrap(view) -> cloud object, of each kind.
return { raising = cloud_type(errors.check, true, safe_wrap), safe = safe_wrap }
