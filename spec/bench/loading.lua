-- loading.lua - what it costs to load the library and the model of a service, in a process of its own; and how large
-- the models are.

local measure = require "bench.measure"
local models = require "jdcloud.models"

local SERVICES = "lua/jdcloud/services/"

local LOAD = [[
for _, name in ipairs { "libcrypto.so.3", "libcrypto.so" } do
  if package.loadlib(name, "*") then break end
end
collectgarbage() collectgarbage()
local before, began = collectgarbage("count"), os.clock()
local jdcloud = require "jdcloud"
local spent = os.clock() - began
print(spent * 1000, collectgarbage("count") - before)
]]

-- All that a program meets at its first call of a service, but for what jdcloud.new has loaded.
local FIRST = [[
local cloud = require("jdcloud").new {
  region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SKexample/+=0001",
}
collectgarbage() collectgarbage()
local before, began = collectgarbage("count"), os.clock()
cloud.%s:prepare("%s", { %s })
local spent = os.clock() - began
collectgarbage() collectgarbage()
print(spent * 1000, collectgarbage("count") - before)
]]

local function size_of(path)
  local file = assert(io.open(path, "rb"))
  local size = file:seek("end")
  file:close()
  return size
end

-- The service with the largest model, the size of that, and of all models together, in bytes.
local function sizes()
  local largest, most, total = nil, 0, 0
  for path in measure.output("ls " .. SERVICES .. "*.lua"):gmatch("%S+") do
    local size = size_of(path)
    total = total + size
    if size > most then largest, most = path:match("([%w_]+)%.lua$"), size end
  end
  return largest, most, total
end

-- The first operation of a model that asks for nothing but texts, and such parameters.
local function simple_operation(service)
  local model = assert(models.service(service))
  for _, name in ipairs(model:operations()) do
    local parameters, simple = {}, true
    for _, p in ipairs(model:operation(name).list) do
      if p.required and p.name ~= "regionId" then
        parameters[#parameters + 1] = p.name .. ' = "x"'
        simple = simple and p.type.kind == "string"
      end
    end
    if simple then return name, table.concat(parameters, ", ") end
  end
  error("no operation of " .. service .. " is simple enough")
end

return function()
  local printed = measure.fresh(LOAD)
  measure.judge('require "jdcloud", libcrypto already there', measure.median(printed[1]), " ms", 1)
  measure.judge('require "jdcloud", memory of Lua', measure.median(printed[2]), " KB", 200)
  local service, size, total = sizes()
  local operation, parameters = simple_operation(service)
  printed = measure.fresh(FIRST:format(service, operation, parameters))
  measure.say("the largest model: %s, %d bytes; its first call: prepare %s", service, size, operation)
  measure.judge("its first call", measure.median(printed[1]), " ms", 10)
  measure.judge("its first call, memory of Lua that stays", measure.median(printed[2]), " KB", 500)
  measure.judge("all models", total / 1000, " KB", 1500)
end
