-- indoors.lua - runs a file of specs inside nginx, or wherever busted can't be: describe and it, no more.

local M = {}

--- Runs the specs of a file one after the other, each in this coroutine.
-- @param path of the file
-- @param skipped set of names, or of parts of names, that are not run
-- @return number that passed, list of "name: error"
function M.run(path, skipped)
  local assert = require "luassert"
  local passed, failed, names = 0, {}, {}

  local function skip(name)
    for part in pairs(skipped) do
      if name:find(part, 1, true) then return true end
    end
    return false
  end

  local env = setmetatable({ assert = assert }, { __index = _G })
  function env.describe(name, block)
    names[#names + 1] = name
    block()
    names[#names] = nil
  end
  function env.it(name, body)
    name = table.concat(names, " ") .. " " .. name
    if skip(name) then return end
    local ok, err = pcall(body)
    if ok then
      passed = passed + 1
    else
      failed[#failed + 1] = name .. ": " .. tostring(err)
    end
  end

  local chunk = assert(loadfile(path))
  setfenv(chunk, env)
  chunk()
  return passed, failed
end

return M
