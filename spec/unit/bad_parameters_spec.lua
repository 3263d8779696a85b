-- Every kind of bad input, at places of operations of all services that the API facts give: one error with the path of
-- what is wrong and without a value, and nothing is sent.

local jdcloud = require "jdcloud.safe"
local places = require "support.places"
local random_params = require "support.random_params"
local reference = require "support.reference"

-- Operations of one service that a kind is tried on.
local EACH = require "support.thorough" and 2 or 1

local sent = 0
local cloud = assert(jdcloud.new {
  region = "cn-north-1", access_key = "AKBAD", secret_key = "SK-CANARY-bad",
  transport = { send = function()
    sent = sent + 1
    return { status = 200, headers = {}, body = "{}" }
  end },
})

local NAN, HUGE = 0 / 0, math.huge

local function kind_is(...)
  local wanted = {}
  for _, kind in ipairs { ... } do wanted[kind] = true end
  return function(node) return wanted[node.type.kind] end
end

local function in_path(node)
  return node.place == "path" and node.keys[1] ~= "regionId" and node.type.kind ~= "integer"
end
local function outside(kind) return function(node) return node.place ~= "path" and node.type.kind == kind end end
local function always(value) return function() return value end end

local CHARGES = { charge = "ChargeSpec", dbs = "ChargeSpec", hpc = "InstanceChargeSpec" } -- protocol.md 8
local function is_charge(t) return t and t.shape ~= nil and CHARGES[t.service] == t.shape end

local function has_fields(node)
  return node.type.kind == "struct" and #reference.fields(node.type).names > 0
end

local function cycle()
  local t = { text = "CANARY" }
  t.again = { t }
  return t
end

local function mistyped(node)
  node.name = reference.fields(node.type).names[1] .. "x"
  local value = random_params.smallest(node.type, node.place, 1)
  value[node.name] = "CANARY"
  return value
end

-- A kind: where it is tried, what is put there, how the message begins, and what follows the place in the path.
local KINDS = {
  { "a required parameter that is missing", function(node)
    return node.required and not node.owner and node.keys[1] ~= "regionId" and node.keys[1] ~= "clientToken"
  end, always(nil), "is required" },
  { "a required field that is missing", function(node)
    return node.required and node.owner and not is_charge(node.owner)
  end, always(nil), "is required" },
  { "a null for what is required", function(node)
    return node.required and not node.owner and node.keys[1] ~= "regionId" and node.type.kind ~= "any"
  end, always(reference.null), "is required" },
  { "an unknown field", has_fields, mistyped, "is not a known field; did you mean ", function(node)
    return "." .. node.name
  end },
  { "a table for a string", outside "string", always { "CANARY" }, "must be a string, not a table" },
  { "a boolean for a string", outside "string", always(true), "must be a string, not a boolean" },
  { "a fraction for a string", outside "string", always(1.5), "must be a string, not a number" },
  { "text for an integer", kind_is "integer", always "CANARY", "must be an integer, not a string that isn't digits" },
  { "a boolean for an integer", kind_is "integer", always(false), "must be an integer, not a boolean" },
  { "a fraction for an integer", kind_is "integer", always(0.5), "must be an integer, not a number with a fraction" },
  { "an integer beyond 64 bits", kind_is("integer", "number"), always "-9223372036854775809", "is beyond 64 bits" },
  { "an integer that isn't exact", kind_is "integer", always(2 ^ 53), "is too large to be exact here" },
  { "text for a number", kind_is "number", always "CANARY", "must be a number, not a string that isn't digits",
    each = 2 }, -- few services have such parameters
  { "text for a boolean", kind_is "boolean", always "CANARY", "must be true or false, not a string" },
  { "a number for a boolean", kind_is "boolean", always(1), "must be true or false, not a number" },
  { "text for a list", kind_is "list", always "CANARY", "must be a list, not a string" },
  { "text for a struct", kind_is "struct", always "CANARY", "must be a table, not a string" },
  { "a list for a struct", kind_is "struct", always(jdcloud.list()), "must be a table with names, not a list" },
  { "NaN", kind_is("integer", "number"), always(NAN), "is not a finite number" },
  { "infinity", kind_is("integer", "number"), always(-HUGE), "is not a finite number" },
  { "NaN where the type is any", outside "any", always(NAN), "is not a finite number" },
  { "a function", kind_is("integer", "number"), always(print), "must be a" },
  { "a function where the type is any", function(node)
    return node.type.kind == "any" and node.place == "body"
  end, always { a = { print } }, "can't be a function", always ".a[1]" },
  { "a coroutine", outside "string", always(coroutine.create(function() end)), "must be a string, not a thread" },
  { "a table that contains itself", outside "any", cycle, "is nested too deeply, or contains itself" },
  { "a table that is list and map", outside "any", always { "CANARY", x = 1 }, "is neither clearly a list nor a map" },
  { "a list with names", kind_is "list", always { "CANARY", x = 1 }, "must be a list, not a table with names" },
  { "a list with holes", kind_is "list", always { [1] = "CANARY", [3] = "x" }, "must be a list from 1 without holes" },
  { "text that is not UTF-8", outside "string", always "CANARY\255", "is not valid UTF-8" },
  { "an empty path value", in_path, always "", "must not be empty: it is part of the path" },
  { "a dot as a path value", in_path, always ".", "must not be . or ..: it is part of the path" },
  { "two dots as a path value", in_path, always "..", "must not be . or ..: it is part of the path" },
  { "a path value with a slash", in_path, always "CANARY/x", "must not contain a slash: it is one" },
  { "a path value that is not UTF-8", in_path, always "CANARY\192", "is not valid UTF-8" },
}

-- An error has the marker in no field, however deep.
local function tells(value)
  if type(value) == "string" then return value:find("CANARY", 1, true) ~= nil end
  if type(value) ~= "table" then return false end
  for key, item in pairs(value) do
    if tells(key) or tells(item) then return true end
  end
  return false
end

-- What is wrong with the error of a call whose problems should be these, { [path] = how its message begins }; or nil.
local function fault(result, err, expected)
  if result then return "it was taken" end
  if err.kind ~= "invalid" or err.attempts ~= 0 then return "kind " .. err.kind end
  if tells(err) or tells(tostring(err)) then return "a value is in it" end
  local left = {}
  for path, message in pairs(expected) do left[path] = message end
  for _, problem in ipairs(err.problems) do
    local message = left[problem.path]
    if not message or problem.message:sub(1, #message) ~= message then
      return problem.path .. ": " .. problem.message .. ", expected " .. tostring(message)
    end
    left[problem.path] = nil
  end
  return next(left) and "nothing is said of " .. next(left)
end

local function smallest_params(op) return random_params.params(op, 1, jdcloud.list, true) end

-- Calls `try(op, number)` for operations of all services until it has said "no such place" (nil) or found no fault
-- (false) for `each` of a service; returns the faults, and of how many operations and services.
local function sweep(try, each)
  local faults, operations, services = {}, 0, 0
  for number, service in ipairs(require "jdcloud.services") do
    local names, found = reference.sorted(reference.facts(service).operations), 0
    for i = 1, #names do
      local op = reference.operation(service, names[(i + number * 7) % #names + 1])
      local wrong = try(op, i + number)
      if wrong ~= nil then found = found + 1 end
      if wrong then faults[#faults + 1] = service .. "." .. op.name .. ": " .. wrong end
      if found == each then break end
    end
    operations, services = operations + found, services + (found > 0 and 1 or 0)
  end
  return table.concat(faults, "\n", 1, math.min(#faults, 5)), operations, services
end

local cached = {}
local function places_of(op)
  local list = cached[op] or places.of(op)
  cached[op] = list
  return list
end

-- One place of the operation that the kind is for, another one for another number.
local function find_place(op, suits, number)
  local found = {}
  for _, node in ipairs(places_of(op)) do
    if suits(node) then found[#found + 1] = node end
  end
  return found[number % math.max(#found, 1) + 1]
end

local function check_all(try, each)
  sent = 0
  local faults, operations, services = sweep(try, each or EACH)
  assert.equal("", faults)
  assert.equal(0, sent)
  assert.is_true(operations >= 20 and services >= 10, operations .. " operations of " .. services .. " services")
end

describe("the one error names", function()
  for _, kind in ipairs(KINDS) do
    local what, suits, make, message, below = kind[1], kind[2], kind[3], kind[4], kind[5]
    it(what, function()
      check_all(function(op, number)
        local node = find_place(op, suits, number)
        if not node then return nil end
        local params, client = smallest_params(op), cloud:service(op.service)
        assert(client:prepare(op.name, params))
        places.plant(op, params, node, make(node))
        local path = places.path(node.keys) .. (below and below(node) or "")
        local result, err = client:call(op.name, params)
        return fault(result, err, { [path] = message }) or false
      end, kind.each)
    end)
  end

  it("an unknown parameter, with the one that was meant", function()
    check_all(function(op)
      local name = op.params.names[#op.params.names]
      if not name then return nil end
      local params = smallest_params(op)
      params[name .. "x"] = "CANARY"
      local result, err = cloud:service(op.service):call(op.name, params)
      local wrong = fault(result, err, { [name .. "x"] = "is not a known parameter; did you mean " })
      return wrong or not err.problems[1].message:find('"' .. name .. '"', 1, true) and err.problems[1].message
    end)
  end)

  it("an unknown operation, with the one that was meant", function()
    check_all(function(op)
      local result, err = cloud:service(op.service):call(op.name .. "x", { a = "CANARY" })
      return result and "it was taken" or err.kind ~= "invalid" and err.kind
        or not err.message:find('"' .. op.name .. '"', 1, true) and err.message
        or tells(err) and "a value is in it"
    end)
  end)

  it("every problem of a call", function()
    check_all(function(op)
      local params, expected, count = smallest_params(op), { none = "is not a known parameter" }, 1
      params.none = "CANARY"
      for _, node in ipairs(places_of(op)) do
        local kind = node.type.kind
        local apart = not node.owner or kind == "boolean" and #node.keys == 2 and not is_charge(node.owner)
        if apart and node.place ~= "path" and (kind == "integer" or kind == "boolean" or kind == "list") then
          if not expected[node.keys[1]] then
            places.plant(op, params, node, "CANARY")
            expected[places.path(node.keys)], count = "must be ", count + 1
          end
        end
      end
      if count < 4 then return nil end
      local result, err = cloud:service(op.service):call(op.name, params)
      return fault(result, err, expected) or false
    end)
  end)
end)
