-- interface.lua - the module's table, made twice from the same functions: the raising one passes every result through
-- errors.check, the safe one (value | nil, err) does not. What a program doesn't use isn't loaded: `require` stays
-- quick.

local core = require "jdcloud.core"
local version = require "jdcloud.version"

-- Field of the module -> where its value comes from, at its first use: a module, and a field of it.
local LAZY = {
  region = { "enums", "region" }, zone = { "enums", "zone" }, charge_mode = { "enums", "charge_mode" },
  charge_unit = { "enums", "charge_unit" }, charge_status = { "enums", "charge_status" },
  regions = { "enums", "regions" }, charge = { "charge" }, filters = { "filters" }, null = { "json", "null" },
  list = { "json", "list" }, main = { "main" }, is_error = { "errors", "is" }, check = { "errors", "check" },
  services = { "models", "services" },
}

local function load_lazily(M, name)
  local from = LAZY[name]
  if not from then return nil end
  local value = require("jdcloud." .. from[1])
  if from[2] then value = value[from[2]] end
  rawset(M, name, value)
  return value
end

-- A message as an error object.
local function or_invalid(value, message)
  if value then return value end
  return nil, require("jdcloud.errors").new { kind = "invalid", message = message }
end

--- Makes the module's table.
-- @param raising does it raise?
return function(raising)
  local M = { _VERSION = version, _NAME = raising and "jdcloud" or "jdcloud.safe" }

  local function check(...)
    if (...) or not raising then return ... end
    return M.check(...)
  end

  -- Any values may follow a true; an error follows a false.
  local function ran(ok, ...)
    if ok then return ... end
    if raising then require("jdcloud.errors").raise((...)) end
    return nil, ...
  end

  --- jdcloud.new(options) -> a cloud. The options are in the README; keys are found at once, connections made later.
  function M.new(options)
    if options == M then require("jdcloud.errors").misuse("new: call it with a dot, jdcloud.new{…}") end
    require("jdcloud.options").check_cloud(options, "new")
    local view, err = require("jdcloud.cloud").new(options or {})
    local objects = require "jdcloud.objects"
    return check(view and objects[raising and "raising" or "safe"](view), err)
  end

  --- jdcloud.sign{ version, method, host, path, query, headers, body, service, region, access_key, secret_key, date,
  -- nonce, signed_headers } -> { target, authorization, headers = { name = value }, canonical_request,
  -- string_to_sign, method, host, date, nonce }. Everything is taken as bytes; content-type is application/json, date
  -- and nonce are new, unless given.
  function M.sign(request)
    require("jdcloud.options").check_sign(request, "sign", true)
    return check(or_invalid(core.sign(request)))
  end

  --- jdcloud.encode(value) -> a result as JSON text, with its lists and exact integers.
  function M.encode(value)
    return check(or_invalid(require("jdcloud.json").encode(value)))
  end

  --- jdcloud.parallel(list or iterator, function(item, i) … end, options) -> results, errors (see tasks.lua).
  function M.parallel(list, fn, options)
    return check(require("jdcloud.tasks").parallel(list, fn, options))
  end

  --- jdcloud.run(function(spawn) … end) -> what the function returned (see tasks.lua).
  function M.run(fn)
    return ran(require("jdcloud.tasks").run(ran, fn))
  end

  --- jdcloud.sleep(seconds): in a task the others go on.
  function M.sleep(seconds)
    return check(require("jdcloud.tasks").sleep(seconds))
  end

  --- jdcloud.credentials.assume_role{ role, … } and .instance_role{ … } -> a function for the option credentials (see
  -- providers.lua).
  M.credentials = {
    assume_role = function(options)
      require("jdcloud.options").check_assume_role(options, "assume_role")
      return check(require("jdcloud.providers").assume_role(options))
    end,
    instance_role = function(options)
      require("jdcloud.options").check_instance_role(options, "instance_role")
      return check(require("jdcloud.providers").instance_role(options or {}))
    end,
  }

  return setmetatable(M, { __index = load_lazily })
end
