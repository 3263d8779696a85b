-- request.lua - the parameters of a call -> path, query and body, checked against the model (protocol.md 3.1 to 3.4).
-- All problems of a call are found at once; their messages name types and fields, never a value.

local core = require "jdcloud.core"
local json = require "jdcloud.json"
local body = require "jdcloud.request.body"
local query = require "jdcloud.request.query"
local scalar = require "jdcloud.request.scalar"
local walk = require "jdcloud.request.walk"

local M = {}

local null = json.null

local NO_CODE = "must be a region's code, like cn-north-1"

-- One segment of the path (protocol.md 3.2: a slash in a value has no agreed meaning).
local function segment_of(op, name, kind, value)
  if value == nil or value == null then return nil, "is required" end
  local text, message = scalar[kind](value)
  if not text then return nil, message end
  if text == "" then return nil, "must not be empty: it is part of the path" end
  if text == "." or text == ".." then return nil, "must not be . or ..: it is part of the path" end
  if text:find("/", 1, true) then return nil, "must not contain a slash: it is one segment of the path" end
  if not json.is_utf8(text) then return nil, "is not valid UTF-8" end
  if name == "regionId" and not core.region_shape(text) then
    return nil, NO_CODE
  end
  local verb = text:match(":([%w_%-]+)$")
  if verb and op.model and op.model:verbs()[verb] then
    return nil, ('must not end in ":%s": that would be another operation'):format(verb)
  end
  return core.encode(text)
end

local function write_path(problems, op, params, region)
  local parts, pieces = {}, op.pieces
  for i = 1, #pieces do
    local piece = pieces[i]
    if type(piece) == "string" then
      parts[i] = piece
    else
      local value = params[piece.name]
      if value == nil and piece.name == "regionId" then value = region end
      local segment, message = segment_of(op, piece.name, piece.type.kind, value)
      if not segment then
        local missing_region = piece.name == "regionId" and value == nil or nil
        problems[#problems + 1] = { path = piece.name, message = message, config = missing_region }
      end
      parts[i] = segment or ""
    end
  end
  return table.concat(parts)
end

-- Does nothing but the region vary in the path?
local function has_region_alone(op)
  for _, piece in ipairs(op.pieces) do
    if type(piece) == "table" and piece.name ~= "regionId" then return false end
  end
  return true
end

local REGIONS_MAX = 32 -- paths that an operation remembers

-- The path; where nothing but the region stands in it, the one made for that region before.
local function path_of(problems, op, params, region)
  local paths = op.paths
  if paths == nil then
    paths = has_region_alone(op) and {}
    op.paths, op.paths_count = paths, 0
  end
  if not paths or type(region) ~= "string" then return write_path(problems, op, params, region) end
  local path = paths[region]
  if path then return path end
  path = write_path(problems, op, params, region)
  if not problems[1] and op.paths_count < REGIONS_MAX then
    paths[region], op.paths_count = path, op.paths_count + 1
  end
  return path
end

-- The region of the call, if the operation has one.
local function region_of(op, params, options)
  if not op.region then return nil end
  if params.regionId ~= nil then return params.regionId end
  return options.call_region or op.default_region or options.region
end

-- What the SDK fills in: a region that doesn't stand in the path, and the client token. The caller's table is not
-- touched.
local function complete(op, params, options, region)
  local token
  if op.client_token and params.clientToken == nil and options.client_token then token = options.client_token() end
  local missing_region = region and params.regionId == nil and op.params.regionId.place ~= "path"
  if not missing_region and not token then return params end
  local completed = {}
  for key, value in next, params do completed[key] = value end
  local inherited = getmetatable(params)
  if type(inherited) == "table" then setmetatable(completed, inherited) end
  completed.regionId = missing_region and region or params.regionId
  completed.clientToken = token or params.clientToken
  return completed
end

-- A region that isn't part of the path must be there too, and look like one; null leaves it out where it may be.
local function check_region(problems, op, region)
  if op.params.regionId.place == "path" or region == null then return end
  if region ~= nil then
    local text = scalar.string(region)
    if text and not core.region_shape(text) then problems[#problems + 1] = { path = "regionId", message = NO_CODE } end
    return
  end
  for _, problem in ipairs(problems) do
    if problem.path == "regionId" then
      problem.config = true
      return
    end
  end
  problems[#problems + 1] = { path = "regionId", message = "is required", config = true }
end

--- Builds the request of an operation.
-- @param op an operation of a model
-- @param params the caller's table; not changed. jdcloud.null is null in a body and left out of a query
-- @param options region (the cloud's; used where the operation has regionId and the call names none, but not for
--   products without regions, which get op.default_region), call_region (a region named for this call: wins over both),
--   validate (false: parameters and fields that the model doesn't have pass, untyped; all else is checked as ever),
--   client_token (function() -> a fresh token; asked if the operation has a clientToken and the caller gave none)
-- @return { path ("/v1/…", values percent-encoded), query (encoded text or nil), body (JSON text, nil for GET, HEAD and
--   DELETE), region (the regionId sent, or nil), client_token (boolean: carries one) }
--   or nil and the problems { { path = "instanceSpec.dataDisks[2].cloudDiskSpec.diskSizeGB", message }, … }; the one of
--   a missing region has config = true
function M.build(op, params, options)
  options = options or {}
  if params == nil then params = {} end
  if type(params) ~= "table" then
    return nil, { { path = "", message = "the parameters must be a table, not a " .. type(params) } }
  end
  local region = region_of(op, params, options)
  params = complete(op, params, options, region)
  local state = walk.new(options.validate ~= false)
  local request = {
    path = path_of(state.problems, op, params, region),
    query = not op.in_body and query.write(state, op, params) or nil,
    body = op.in_body and body.write(state, op, params) or nil,
    client_token = op.client_token and params.clientToken ~= nil and params.clientToken ~= null,
  }
  if op.region then check_region(state.problems, op, region) end
  if state.problems[1] then return nil, state.problems end
  request.region = region and scalar.string(region) or nil
  return request
end

return M
