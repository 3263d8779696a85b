-- yieldable.lua - can the running coroutine give way here? Lua 5.3 and later, and LuaJIT, say so. 5.1 and 5.2 don't:
-- there the stack of the coroutine is read. Where in doubt the answer is no, which costs time; but a tail call hides
-- what is above it, and is so common (`return cloud.vm:startInstance{…}`) that it passes.

local isyieldable = coroutine.isyieldable
if isyieldable then return function() return isyieldable() end end

local getinfo = debug.getinfo
local is_51 = _VERSION == "Lua 5.1"

-- Functions in C through which 5.2 can yield; of 5.1's none.
local PASSABLE = {}
if not is_51 then
  PASSABLE[pcall], PASSABLE[xpcall] = true, true
  if dofile then PASSABLE[dofile] = true end
end

local LEVELS_MAX = 200

-- 5.1 can't yield through a for-in or a metamethod either. A function that a `for` called is named for the loop's
-- hidden variable, and one that a metamethod called has no name; nor has a tail call or what a tail call called.
local function is_plain_call(info, caller)
  if info.name == "(for generator)" then return false end
  return info.name ~= nil or info.what == "main" or info.what == "tail" or caller == nil or caller.what == "tail"
end

return function()
  local info = getinfo(2, "Snf")
  local level = 2
  while info do
    local caller = getinfo(level + 1, "Snf")
    if info.what == "C" then
      if not PASSABLE[info.func] then return false end
    elseif is_51 and not is_plain_call(info, caller) then
      return false
    end
    info, level = caller, level + 1
    if level > LEVELS_MAX then return false end
  end
  return true
end
