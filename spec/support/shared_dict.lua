-- shared_dict.lua - a lua_shared_dict for tests outside of nginx: what the limiter uses of it, on a clock that the test
-- moves. Expired values are still there for get_stale until they are swept.

local M = {}

local Dict = {}
Dict.__index = Dict

--- Makes a dictionary.
-- @param clock function() -> seconds
-- @param room entries that it takes, or nil
function M.new(clock, room)
  return setmetatable({ clock = clock, room = room or math.huge, entries = {}, count = 0 }, Dict)
end

local function live(self, key)
  local entry = self.entries[key]
  return entry and (entry.ends > self.clock()) and entry or nil
end

local function store(self, key, value, seconds)
  assert(type(value) == "number" or type(value) == "string" or type(value) == "table")
  if not self.entries[key] then
    if self.count >= self.room then self:sweep() end
    if self.count >= self.room then return nil, "no memory" end
    self.count = self.count + 1
  end
  local ends = (seconds and seconds > 0) and self.clock() + seconds or math.huge
  self.entries[key] = { value = value, ends = ends }
  return true
end

function Dict:sweep()
  for key, entry in pairs(self.entries) do
    if entry.ends <= self.clock() then
      self.entries[key] = nil
      self.count = self.count - 1
    end
  end
end

function Dict:get(key)
  local entry = live(self, key)
  return entry and entry.value
end

function Dict:get_stale(key)
  local entry = self.entries[key]
  if not entry then return nil end
  return entry.value, nil, entry.ends <= self.clock()
end

function Dict:safe_set(key, value, seconds) return store(self, key, value, seconds) end

function Dict:safe_add(key, value, seconds)
  if live(self, key) then return false, "exists" end
  return store(self, key, value, seconds)
end

function Dict:delete(key)
  if self.entries[key] then self.count = self.count - 1 end
  self.entries[key] = nil
end

function Dict:incr(key, by, init)
  local value = (self:get(key) or init) + by
  local ok, message = store(self, key, value)
  if not ok then return nil, message end
  return value
end

local function list_of(self, key)
  local entry = live(self, key)
  return entry and entry.value
end

function Dict:rpush(key, value)
  local list = list_of(self, key)
  if not list then
    list = {}
    local ok, message = store(self, key, list)
    if not ok then return nil, message end
  end
  list[#list + 1] = value
  return #list
end

function Dict:lpop(key)
  local list = list_of(self, key)
  return list and table.remove(list, 1)
end

function Dict:llen(key)
  local list = list_of(self, key)
  return list and #list or 0
end

return M
