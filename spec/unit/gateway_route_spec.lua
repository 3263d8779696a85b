-- gateway_route_spec.lua - every operation is reached by the request that a client prepares for it.

local house = require "support.house"
local models = require "jdcloud.models"
local route = require "jdcloud.gateway.route"

-- Something that the model takes, for a required parameter of any type.
local function sample(t, depth)
  local kind = t.kind
  if kind == "integer" or kind == "number" then return 7 end
  if kind == "boolean" then return true end
  if kind == "list" then return { sample(t.of, depth + 1) } end
  if kind ~= "struct" then return "a" end
  if t.shape and t.shape:find("ChargeSpec") and t.service ~= "instancevoucher" then -- its has no mode
    return { chargeMode = "prepaid_by_duration", chargeUnit = "month", chargeDuration = 1 }
  end
  local value = {}
  for i, field in ipairs(models.shape(t).list) do
    if (field.required or i == 1) and depth < 10 then value[field.name] = sample(field.type, depth + 1) end
  end
  return value
end

local function params_of(op, path_value)
  local params = {}
  for _, p in ipairs(op.list) do
    if p.place == "path" and p.type.kind ~= "integer" and p.name ~= "regionId" then
      params[p.name] = path_value(p.name)
    elseif p.required and p.name ~= "regionId" then
      params[p.name] = sample(p.type, 0)
    end
  end
  return params
end

local function each_operation(f)
  for _, service in ipairs(models.services()) do
    local model = models.service(service)
    for _, name in ipairs(model:operations()) do f(model:operation(name)) end
  end
end

-- How many operations are reached, with these values in their paths, and those that are not.
local function reach(path_value)
  local cloud = house.open()
  local routes, lost, count = route.new(models.bundled), {}, 0
  each_operation(function(op)
    local params = params_of(op, path_value)
    local request = assert(cloud:service(op.service):prepare(op.name, params))
    local found, values = route.find(routes, request, request.headers.host, op.service)
    local same = found == op or found and found.method == op.method and found.version == op.version
      and found.path == op.path and found.service == op.service
    for name in pairs(values or {}) do
      local sent = name == "regionId" and values[name] or tostring(params[name])
      same = same and values[name] == sent
    end
    if same then count = count + 1 else lost[#lost + 1] = op.service .. ":" .. op.name end
  end)
  return count, table.concat(lost, " ")
end

describe("the route", function()
  it("leads to every operation", function()
    local count, lost = reach(function(name) return name .. "-1" end)
    assert.equal("", lost)
    assert.equal(4836, count)
  end)

  it("leads there whatever a path's value has in it", function()
    local count, lost = reach(function() return "a:b%3Ac +$?#&=%2\226\130\172~." end)
    assert.equal("", lost)
    assert.equal(4836, count)
  end)

  local function names(service, method, target)
    local request, host = { method = method, target = target }, service .. ".jdcloud-api.com"
    local found, values = route.find(route.new(models.bundled), request, host, nil)
    return found and found.name, values
  end

  it("prefers what is literal, and takes a verb for a verb", function()
    assert.equal("describeDisk", (names("disk", "GET", "/v1/regions/cn-north-1/disks/vol-1")))
    assert.equal("extendDisk", (names("disk", "POST", "/v1/regions/cn-north-1/disks/vol-1%3Aextend")))
    local name, values = names("disk", "POST", "/v1/regions/cn-north-1/disks/a:b:extend")
    assert.same({ "extendDisk", "a:b" }, { name, values.diskId })
    assert.is_nil((names("disk", "POST", "/v1/regions/cn-north-1/disks/vol-1:nosuch")))
    assert.is_nil((names("disk", "POST", "/v1/regions/cn-north-1/disks/:extend")))
  end)

  it("tells a path with a slash at its end from one without", function()
    assert.equal("describeVpcs", (names("vpc", "GET", "/v1/regions/cn-north-1/vpcs/")))
    assert.is_nil((names("vpc", "GET", "/v1/regions/cn-north-1/vpcs")))
  end)

  it("turns to the credential's service where the host's has no such path", function()
    local request = { method = "GET", target = "/v1/regions/cn-north-1/disks" }
    assert.equal("disk", (route.find(route.new(models.bundled), request, "vm.jdcloud-api.com", "disk")).service)
    assert.is_nil((route.find(route.new(models.bundled), request, "vm.jdcloud-api.com", "vpc")))
  end)

  it("gives a method and path that two operations share to the first by name", function()
    local by_route, pairs_found = {}, 0
    each_operation(function(op)
      local key = table.concat({ op.service, op.method, op.version, (op.path:gsub("{.-}", "{}")) }, " ")
      if by_route[key] then
        pairs_found = pairs_found + 1
        local target = "/" .. op.version .. op.path:gsub("{.-}", "x")
        assert.equal(by_route[key], (names(op.service, op.method, target)))
      end
      by_route[key] = by_route[key] or op.name
    end)
    assert.is_true(pairs_found > 0)
  end)
end)
