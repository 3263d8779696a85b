-- sleepers.lua - who is to be woken when: a heap of entries, the earliest first, and of those at one time the one that
-- came first. An entry that is taken back stays until it is on top, or until such entries are most of the heap.

local M = {}
M.__index = M

local FEW = 32 -- entries taken back that are not worth a thought

local function earlier(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.order < b.order
end

--- Makes an empty one.
function M.new()
  return setmetatable({ count = 0, dead = 0, order = 0 }, M)
end

--- Adds a task.
-- @param at seconds of the monotonic clock
-- @return its entry; entry.task is nil once it was woken or taken back
function M:add(at, task)
  self.order = self.order + 1
  local entry = { at = at, order = self.order, task = task }
  local i = self.count + 1
  self.count = i
  while i > 1 do
    local parent = (i - i % 2) / 2
    if not earlier(entry, self[parent]) then break end
    self[i], i = self[parent], parent
  end
  self[i] = entry
  return entry
end

local function pop(self)
  local top, entry = self[1], self[self.count]
  self[self.count] = nil
  self.count = self.count - 1
  if self.count == 0 then return top end
  local i = 1
  while true do
    local child = 2 * i
    if child > self.count then break end
    if child < self.count and earlier(self[child + 1], self[child]) then child = child + 1 end
    if not earlier(self[child], entry) then break end
    self[i], i = self[child], child
  end
  self[i] = entry
  return top
end

-- A sorted list is a heap.
local function compact(self)
  local kept = {}
  for i = 1, self.count do
    local entry = self[i]
    self[i] = nil
    if entry.task then kept[#kept + 1] = entry end
  end
  table.sort(kept, earlier)
  for i = 1, #kept do self[i] = kept[i] end
  self.count, self.dead = #kept, 0
end

--- Takes an entry back that has not been woken.
function M:remove(entry)
  entry.task = nil
  self.dead = self.dead + 1
  if self.dead > FEW and self.dead * 2 > self.count then compact(self) end
end

--- When the first one is to be woken; nil if there is none.
function M:first()
  while self.count > 0 and not self[1].task do
    pop(self)
    self.dead = self.dead - 1
  end
  return self.count > 0 and self[1].at or nil
end

--- The next task whose time has come; nil if there is none.
function M:due(now)
  local at = self:first()
  if not at or at > now then return nil end
  local entry = pop(self)
  local task = entry.task
  entry.task = nil
  return task
end

return M
