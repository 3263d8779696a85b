-- Every operation of every service through the gateway: it takes random valid parameters and answers, and what comes
-- back has the types of the API facts. SEEDS=100 in the environment calls each operation with that many sets of
-- parameters; without it one will do, and where support.thorough says no every third operation.

local house = require "support.house"
local json = require "jdcloud.json"
local random_params = require "support.random_params"
local reference = require "support.reference"
local typed = require "support.typed"

local SEEDS = tonumber(os.getenv "SEEDS")
local EVERY = (SEEDS or require "support.thorough") and 1 or 3

-- Without behaviours every operation answers by its shape: a service with a memory would find no instance of a random
-- id. No limit, and no memory of the requests of other services.
local GATEWAY = { behaviours = false, limit = 1000000000, seed = 7 }

-- Two operations of the same method and path are one to the gateway: the answer may be that of the other.
local function twins_of(service)
  local routes, twins = {}, {}
  for name, op in pairs(reference.facts(service).operations) do
    local route = op.method .. op.version .. op.path
    routes[route] = routes[route] or {}
    table.insert(routes[route], reference.operation(service, name))
    twins[name] = routes[route]
  end
  return twins
end

-- What is wrong with the result as that of any of these operations, or nil.
local function fault(twins, result)
  local found
  for _, op in ipairs(twins) do
    local paging = reference.paging(op.service, op.name)
    if paging.token and not paging.next then result[paging.token] = nil end -- the gateway has to put it somewhere
    found = op.result and typed.fault(op.result, result) or type(result) ~= "table" and "no table" or nil
    if not found then return nil end
  end
  return found
end

local values = 0

local function try(client, op, twins)
  for seed = 1, SEEDS or 1 do
    local result, err = client:call(op.name, random_params.params(op, seed, json.list))
    local found = not result and tostring(err) or fault(twins, result)
    if found then return ("%s, seed %d: %s"):format(op.name, seed, found) end
    values = values + typed.count(result)
  end
end

describe("the gateway's answers to", function()
  local all = 0

  for _, service in ipairs(require "jdcloud.services") do
    it(service .. " have the types of the facts", function()
      local faults, twins = {}, twins_of(service)
      local cloud = house.open({ limits = false, attempts = 1 }, GATEWAY)
      local client = cloud:service(service)
      for _, name in ipairs(reference.sorted(reference.facts(service).operations)) do
        if all % EVERY == 0 then
          faults[#faults + 1] = try(client, reference.operation(service, name), twins[name])
        end
        all = all + 1
      end
      assert.equal("", table.concat(faults, "\n", 1, math.min(#faults, 5)))
    end)
  end

  it("all services were looked at, and there was something to look at", function()
    assert.equal(4836, all)
    assert.is_true(values > 10000 * (SEEDS or 1) / EVERY)
  end)
end)
