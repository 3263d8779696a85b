-- given.lua - the option `models`: facts of services that came after this release, or that replace its own for one
-- cloud. They are compiled as the release's were (models/compile.lua says what stands in them), and never run.

local check = require "jdcloud.models.check"
local compiler = require "jdcloud.models.compile"
local errors = require "jdcloud.errors"
local json = require "jdcloud.json"
local lists = require "jdcloud.models.lists"
local models = require "jdcloud.models"

local M = {}

-- The facts of the largest service are 0.4 MB; a file that never ends is none.
local FILE_MAX = 32 * 1024 * 1024

local function refuse(message)
  return nil, errors.new { kind = "config", message = "models: " .. message }
end

-- The decoded facts of a file | nil, message.
local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text
  text, message = file:read(FILE_MAX + 1)
  file:close()
  if not text then return nil, path .. ": " .. (message or "is empty") end
  if #text > FILE_MAX then return nil, ("%s: is larger than %d bytes"):format(path, FILE_MAX) end
  local facts
  facts, message = json.decode(text)
  if facts == nil then return nil, path .. ": " .. message end
  return facts
end

-- One facts table stands for a list of one.
local function is_facts(t)
  return t.service ~= nil or t.operations ~= nil or t.shapes ~= nil
end

-- Service -> { file, facts } | nil, message. A table of a program's own is called by its place.
local function gather(wanted)
  if type(wanted) == "string" or is_facts(wanted) then wanted = { wanted } end
  local given = {}
  for i, item in ipairs(wanted) do
    local file, facts = "models[" .. i .. "]", item
    if type(item) == "string" then
      local message
      file = item
      facts, message = read(item)
      if facts == nil then return nil, message end
    end
    local service = type(facts) == "table" and facts.service
    if type(service) ~= "string" then return nil, file .. ": service is missing, or no name" end
    if given[service] then return nil, ("%s: %s has the service %s too"):format(file, given[service].file, service) end
    given[service] = { file = file, facts = facts }
  end
  return given
end

local function has_shape(given, service, shape)
  local own = given[service]
  if own then return type(own.facts.shapes) == "table" and own.facts.shapes[shape] ~= nil end
  local bundled = models.bundled:model(service)
  return bundled ~= nil and bundled.source.shapes[shape] ~= nil
end

-- Facts without a word on paging take what the release knows of it, for the operations where that still fits.
local function bundled_paging(facts)
  local model, paging = models.bundled:model(facts.service), {}
  for _, name in ipairs(model and model:operations() or {}) do
    local still = type(facts.operations) == "table" and facts.operations[name] ~= nil
    paging[name] = still and model:operation(name).paging or nil
  end
  return paging
end

local function drop_what_does_not_fit(model)
  for _, name in ipairs(model:operations()) do
    local op = model:operation(name)
    if op.paging and check.paging(op) then op.paging = nil end
  end
end

--- Makes the models of a cloud.
-- @param wanted the option: a path of a facts file, a facts table, or a list of these
-- @return a registry of models.lua | nil, error of kind config with file and name
function M.registry(wanted)
  local given, message = gather(wanted)
  if not given then return refuse(message) end
  local sources = {}
  for service, item in pairs(given) do
    sources[service], message = compiler.compile(item.file, item.facts, {
      lists = lists, newer = true, paging = bundled_paging(item.facts),
      resolve = function(other, shape) return has_shape(given, other, shape) end,
    })
    if not sources[service] then return refuse(message) end
  end
  local registry = models.registry(sources)
  for service, item in pairs(given) do
    local model, ok = registry:model(service), true
    if item.facts.paging == nil then
      drop_what_does_not_fit(model)
    else
      ok, message = check.model(item.file, model)
    end
    if not ok then return refuse(message) end
  end
  return registry
end

return M
