-- models.lua - `make models`: compiles the API facts into the modules that the library loads.
--   lua spec/support/models.lua [facts folder] [output folder]
-- The facts folder has services/NAME.json and paging.json; the output folder gets services/NAME.lua and services.lua.

local cjson = require "cjson"
local check = require "jdcloud.models.check"
local compiler = require "jdcloud.models.compile"
local lists = require "jdcloud.models.lists"
local models = require "jdcloud.models"
local writer = require "jdcloud.models.write"

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

-- The names of a folder's files of one kind, without it, sorted.
local function names_in(folder, kind)
  local names = {}
  local listing = io.popen("ls '" .. folder:gsub("'", "'\\''") .. "'")
  for line in listing:lines() do names[#names + 1] = line:match("^([%w_]+)%." .. kind .. "$") end
  listing:close()
  table.sort(names)
  return names
end

local facts_folder, output = arg[1] or "spec/facts", arg[2] or "lua/jdcloud"
local names = names_in(facts_folder .. "/services", "json")
if #names == 0 then fail("no facts in " .. facts_folder .. "/services") end

local paging, facts = read_json(facts_folder .. "/paging.json"), {}
for _, name in ipairs(names) do
  facts[name] = read_json(facts_folder .. "/services/" .. name .. ".json")
  if facts[name].service ~= name then fail(name .. ".json is of the service " .. tostring(facts[name].service)) end
end

local function resolve(service, shape)
  return facts[service] ~= nil and facts[service].shapes[shape] ~= nil
end

local function path_of(name) return facts_folder .. "/services/" .. name .. ".json" end

local sources = {}
for _, name in ipairs(names) do
  local source, message = compiler.compile(path_of(name), facts[name], {
    lists = lists, paging = paging[name], resolve = resolve,
  })
  if not source then fail(message) end
  sources[name] = source
end
local registry = models.registry(sources)
for _, name in ipairs(names) do
  local ok, message = check.model(path_of(name), registry:model(name))
  if not ok then fail(message) end
end

local total, index, shapes_only = 0, {}, {}
for _, name in ipairs(names) do
  local text = writer.module(sources[name])
  write(output .. "/services/" .. name .. ".lua", text)
  total = total + #text
  local list = next(sources[name].operations) and index or shapes_only
  list[#list + 1] = '"' .. name .. '",'
end
write(output .. "/services.lua",
  "-- services.lua - the services that have a model, in alphabetical order, and those that have shapes only. Made by\n"
  .. "-- `make models`, never edited.\n"
  .. "return {\n  " .. table.concat(index, "\n  ") .. "\n  shapes_only = { "
  .. table.concat(shapes_only, " "):gsub(",$", "") .. " },\n}\n")
for _, name in ipairs(names_in(output .. "/services", "lua")) do
  if not sources[name] then io.write(("models: %s/services/%s.lua has no facts any more\n"):format(output, name)) end
end
io.write(("models: %d files, %d services with operations, %d bytes\n"):format(#names, #index, total))
