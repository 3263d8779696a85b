-- Every operation of every service: the request that `prepare` makes of random valid parameters is the one that the
-- reference builds from the API facts. SEEDS=100 in the environment tries each operation with that many sets of
-- parameters; `make test` with one.

local jdcloud = require "jdcloud.safe"
local json_tree = require "support.json_tree"
local random_params = require "support.random_params"
local reference = require "support.reference"

local SEEDS = tonumber(os.getenv "SEEDS") or 1
local REGION = "cn-south-1"

local cloud = assert(jdcloud.new {
  region = REGION, access_key = "AKEVERY", secret_key = "SK-CANARY-every", transport = { send = function() end },
})

-- What is wrong with a request, or nil.
local function fault(request, expected)
  if request.method ~= expected.method then return "method " .. request.method end
  if request.target ~= expected.target then return "target " .. request.target .. " instead of " .. expected.target end
  if not request.url:find(request.target, 1, true) then return "url " .. request.url end
  local scope = request.headers.authorization:match("Credential=AKEVERY/%d+/([^/]+)/")
  if scope ~= expected.region then return "scope " .. tostring(scope) end
  if not request.body or not expected.body then
    return request.body ~= expected.body and "body " .. tostring(request.body) or nil
  end
  local ok, tree = pcall(json_tree.read, request.body)
  local where = not ok and tree or json_tree.difference(expected.body, tree)
  return where and where .. " differs in " .. request.body
end

-- The client token that was filled in, which is new for each call.
local function token_of(request)
  return (request.body or request.target):match('clientToken["=:]+(' .. ("%x"):rep(32) .. ")")
end

local function try(service, client, name)
  local op = reference.operation(service, name)
  for seed = 1, SEEDS do
    local params = random_params.params(op, seed, jdcloud.list)
    local request, err = client:prepare(name, params)
    local found = err and tostring(err)
    if request then found = fault(request, reference.build(op, params, REGION, token_of(request))) end
    if found then return ("%s, seed %d: %s"):format(name, seed, found) end
  end
end

describe("the requests of", function()
  local all = 0

  for _, service in ipairs(jdcloud.services and jdcloud.services() or require("jdcloud.services")) do
    it(service .. " are what the facts say", function()
      local faults, client = {}, cloud:service(service)
      for _, name in ipairs(reference.sorted(reference.facts(service).operations)) do
        faults[#faults + 1], all = try(service, client, name), all + 1
      end
      assert.equal("", table.concat(faults, "\n", 1, math.min(#faults, 5)))
    end)
  end

  it("all services were tried", function() assert.equal(4836, all) end)
end)
