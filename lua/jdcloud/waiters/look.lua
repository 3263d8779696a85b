-- waiters/look.lua - one look at resources: one by one, or a hundred ids in a call of the list operation. It trusts no
-- list: one that ignores its filter, comes in small pages or ends too early is read on, or not believed.

local errors = require "jdcloud.errors"
local json = require "jdcloud.json"

local M = {}

local CHUNK = 100      -- ids in one list call, and the size of its page
local FILTER_MAX = 7000 -- bytes of ids in a query; a URL may have 8 KiB (protocol.md 2)
local ID_OVERHEAD = 24 -- bytes of "&filters.1.values.100=" and the like

-- Calls an operation with the caller's parameters and these.
local function call(w, operation, specific)
  local params = {}
  for name, value in pairs(w.params) do params[name] = value end
  for name, value in pairs(specific) do params[name] = value end
  return w.call(operation, params, w.pace:call_options())
end

local function passes(w, err)
  if not err.retryable then return false end
  w.failure = err
  return true
end

-- Some answer with a structure that has nothing in it instead of a 404.
local function is_there(resource, found)
  local id, state = found[resource.id], found[resource.state]
  return id ~= nil and id ~= json.null or state ~= nil and state ~= json.null
end

-- An answer that says nothing, neither of a resource nor that there is none, may pass: a proxy's empty page. Said twice
-- in a row it is how this service says that there is none.
local function is_silence(w, operation, key)
  if w.silent == key then return false end
  w.silent = key
  w.failure = errors.new {
    kind = "protocol", retryable = true, service = w.service, operation = operation,
    message = "the answer has not what it is asked for",
  }
  return true
end

local function look_at_one(w, id, seen)
  local resource = w.resource
  local result, err = call(w, resource.one.operation, { [resource.id] = id })
  if result then
    local found = result[resource.one.field]
    if type(found) ~= "table" then
      if is_silence(w, resource.one.operation, id) then return true end
      found = {}
    end
    w.silent = nil
    seen[id] = is_there(resource, found) and found or false
  elseif errors.is_absence(err) then
    seen[id] = false
  elseif not passes(w, err) then
    return nil, err
  end
  return true
end

local function look_at_each(w, ids, seen)
  for _, id in ipairs(ids) do
    if w.pace:left() <= 0 then return true end
    local ok, err = look_at_one(w, id, seen)
    if not ok then return nil, err end
  end
  return true
end

local function question(w, ids, page)
  local many = w.resource.many
  local params = { pageNumber = page, pageSize = CHUNK }
  if many.parameter then params[many.parameter] = ids end
  if many.filter then
    params.filters = { { name = many.filter, values = ids } }
    for _, filter in ipairs(many.with or {}) do params.filters[#params.filters + 1] = filter end
  end
  return params
end

-- Takes the items of a page that are asked for and not yet found. Returns how many items were new, asked for or not.
local function take(w, items, wanted, known, seen)
  local new = 0
  for _, item in ipairs(items) do
    local id = type(item) == "table" and item[w.resource.id]
    if id ~= nil and not known[id] then
      known[id], new = true, new + 1
      if wanted[id] then
        seen[id], wanted[id] = item, nil
      end
    end
  end
  return new
end

-- Those of the ids that are still wanted.
local function rest(ids, wanted)
  local left = {}
  for _, id in ipairs(ids) do
    if wanted[id] then left[#left + 1] = id end
  end
  return left
end

-- Reads the list until all that are wanted are found. What isn't in it is absent if the list was complete: as many
-- items as it said, or, where it said nothing or too little, until a page brought no more. From a list that ended too
-- early nothing follows: those that weren't in it are asked for by themselves, and so are all if it says 404, for one
-- of them may be what it doesn't find.
local function look_at_list(w, ids, seen)
  local many, wanted, known = w.resource.many, {}, {}
  for _, id in ipairs(ids) do wanted[id] = true end
  local page, read, total = 1, 0, nil
  while true do
    local result, err = call(w, many.operation, question(w, ids, page))
    if not result then
      if errors.is_absence(err) then return look_at_each(w, rest(ids, wanted), seen) end
      if passes(w, err) then return true end
      return nil, err
    end
    local items, said = result[many.field], tonumber(result.totalCount)
    if type(items) ~= "table" then
      if not said and is_silence(w, many.operation, ids[1] .. "…") then return true end
      items = {}
    end
    w.silent = nil
    local new = take(w, items, wanted, known, seen)
    read, total = read + new, said and math.max(said, total or 0) or total
    if next(wanted) == nil then return true end
    if read == total or new == 0 and read > (total or -1) then
      for id in pairs(wanted) do seen[id] = false end
      return true
    end
    if new == 0 then return look_at_each(w, rest(ids, wanted), seen) end
    if w.pace:left() <= 0 then return true end
    page = page + 1
  end
end

-- The ids from `from` on that fit into one call.
local function chunk(ids, from)
  local some, bytes = {}, 0
  for i = from, math.min(from + CHUNK - 1, #ids) do
    bytes = bytes + #ids[i] + ID_OVERHEAD
    if bytes > FILTER_MAX and some[1] then break end
    some[#some + 1] = ids[i]
  end
  return some
end

--- Looks at resources once.
-- @param w the wait: resource (waiters/table.lua), many, params, call(operation, params, options), pace; failure gets
--   the error of a call that failed and may come through later
-- @param ids those to look at
-- @return { [id] = the resource, or false if it isn't there }, without those of whom nothing is known | nil, error
function M.at(w, ids)
  local seen = {}
  w.failure = nil
  if not w.many then
    local ok, err = look_at_each(w, ids, seen)
    return ok and seen, err
  end
  local many, from = w.resource.many, 1
  while ids[from] do
    if from > 1 and w.pace:left() <= 0 then break end
    local some = (many.filter or many.parameter) and chunk(ids, from) or ids
    local ok, err = look_at_list(w, some, seen)
    if not ok then return nil, err end
    from = from + #some
  end
  return seen
end

--- The parameters that a look sets itself, so that nobody else may.
function M.reserved(resource)
  return { "pageNumber", "pageSize", "filters", resource.many.parameter }
end

return M
