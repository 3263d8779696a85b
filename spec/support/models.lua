-- models.lua - `make models`: compiles the API facts into the modules that the library loads.
--   lua spec/support/models.lua [facts folder] [output folder]
-- The facts folder has services/NAME.json and paging.json; the output folder gets services/NAME.lua and services.lua.

local cjson = require "cjson"
local compiler = require "jdcloud.models.compile"
local lists = require "jdcloud.models.lists"

local function fail(message)
  io.stderr:write("models: ", message, "\n")
  os.exit(1)
end

local function read_json(path)
  local file, message = io.open(path, "rb")
  if not file then fail(message) end
  local ok, value = pcall(cjson.decode, file:read("*a"))
  file:close()
  if not ok then fail(path .. ": " .. tostring(value)) end
  return value
end

local function write(path, text)
  local file, message = io.open(path, "wb")
  if not file then fail(message) end
  file:write(text)
  file:close()
end

local function service_files(folder)
  local names = {}
  local listing = io.popen("ls '" .. folder .. "'")
  for line in listing:lines() do names[#names + 1] = line:match("^([%w_]+)%.json$") end
  listing:close()
  table.sort(names)
  return names
end

local facts_folder, output = arg[1] or "spec/facts", arg[2] or "lua/jdcloud"
local names = service_files(facts_folder .. "/services")
if #names == 0 then fail("no facts in " .. facts_folder .. "/services") end

local paging, facts = read_json(facts_folder .. "/paging.json"), {}
for _, name in ipairs(names) do
  facts[name] = read_json(facts_folder .. "/services/" .. name .. ".json")
  if facts[name].service ~= name then fail(name .. ".json is of the service " .. tostring(facts[name].service)) end
end

local function resolve(service, shape)
  return facts[service] ~= nil and facts[service].shapes[shape] ~= nil
end

local total, index = 0, {}
for _, name in ipairs(names) do
  local path = facts_folder .. "/services/" .. name .. ".json"
  local text, message = compiler.compile(path, facts[name], { lists = lists, paging = paging[name], resolve = resolve })
  if not text then fail(message) end
  write(output .. "/services/" .. name .. ".lua", text)
  total = total + #text
  if next(facts[name].operations) then index[#index + 1] = '  "' .. name .. '",' end
end
write(output .. "/services.lua",
  "-- services.lua - the services that have a model, in alphabetical order. Made by `make models`, never edited.\n"
  .. "return {\n" .. table.concat(index, "\n") .. "\n}\n")
io.write(("models: %d files, %d services with operations, %d bytes\n"):format(#names, #index, total))
