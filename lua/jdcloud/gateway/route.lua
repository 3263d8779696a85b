-- Which operation a request means: the service from the host or from the Credential, the operation from method and
-- path through the models. Nothing here knows a service by name.

local canonical = require "jdcloud.gateway.canonical"

local M = {}

-- The segments of a path; a slash at its end leaves an empty one.
local function split(path)
  local segments, from = {}, 2
  while true do
    local slash = path:find("/", from, true)
    segments[#segments + 1] = path:sub(from, (slash or 0) - 1)
    if not slash then
      return segments
    end
    from = slash + 1
  end
end

-- A service's operations as a tree of path segments. A node has the nodes that follow
--   literal   [canonical segment],
--   verb      [what is behind the placeholder, "%3AstopInstance"],
--   any       a placeholder alone,
-- and ends[method] = { operation, names of its placeholders }, if a path may end there.
local function new_node()
  return { literal = {}, verb = {}, ends = {} }
end

local function follow(nodes, key)
  nodes[key] = nodes[key] or new_node()
  return nodes[key]
end

local function insert(root, operation)
  local node, names = root, {}
  for _, segment in ipairs(split("/" .. operation.version .. operation.path)) do
    local name, rest = segment:match("^{(.-)}(.*)$")
    if not name then
      node = follow(node.literal, canonical.encode(segment))
    else
      names[#names + 1] = name
      node = rest == "" and follow(node, "any") or follow(node.verb, canonical.encode(rest))
    end
  end
  -- Three pairs share method and path: the first by name has it.
  node.ends[operation.method] = node.ends[operation.method] or { operation = operation, names = names }
end

local trees = setmetatable({}, { __mode = "k" }) -- of models, which don't change

local function tree_of(model)
  local tree = trees[model]
  if not tree then
    tree = new_node()
    for _, name in ipairs(model:operations()) do
      insert(tree, model:operation(name))
    end
    trees[model] = tree
  end
  return tree
end

-- The most literal way through the tree; `values` gets what stands for the placeholders.
local function walk(node, segments, i, method, values)
  local segment = segments[i]
  if not segment then
    return node.ends[method]
  end
  local following = node.literal[segment]
  local found = following and walk(following, segments, i + 1, method, values)
  if found or segment == "" then
    return found
  end
  local at = #values + 1
  local value, verb = segment:match("^(.+)(%%3A[^%%]*)$")
  following = verb and node.verb[verb]
  if following then
    values[at] = value
    found = walk(following, segments, i + 1, method, values)
  end
  if not found and node.any then
    for j = #values, at, -1 do
      values[j] = nil
    end
    values[at] = segment
    found = walk(node.any, segments, i + 1, method, values)
  end
  return found
end

-- The model of a service; a name of none is remembered, since looking for one that is near takes time.
local function model_of(routes, name)
  if not name or not name:find("^%l%w*$") then
    return nil
  end
  local known = routes.models
  if known[name] == nil then
    known[name] = routes.registry:service(name) or false
  end
  return known[name] or nil
end

local function find(model, method, path)
  local values = {}
  local found = model and walk(tree_of(model), split(path), 1, method, values)
  if not found then
    return nil
  end
  local named = {}
  for i, name in ipairs(found.names) do
    named[name] = canonical.decode(values[i])
  end
  return found.operation, named
end

--- The routes of all services.
-- @param registry of models (models.lua)
function M.new(registry)
  return { registry = registry, models = {} }
end

--- Finds the operation of a request. The host's first label decides the service if there is one of that name which has
-- such a path, else the Credential's service (protocol.md 1.9).
-- @param routes of M.new
-- @param request { method, target } as it arrived
-- @param host (string | nil) the Host header
-- @param service (string | nil) the Credential's service
-- @return operation of the model, { [placeholder] = decoded value } | nil
function M.find(routes, request, host, service)
  local method, path = request.method:upper(), canonical.path(request.target)
  local operation, values = find(model_of(routes, host and host:match("^[^.:]+")), method, path)
  if operation then
    return operation, values
  end
  return find(model_of(routes, service), method, path)
end

return M
