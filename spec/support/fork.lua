-- fork.lua - fork for specs: compiles forker.c into a folder and loads it.

-- The specs may run under a sanitizer whose runtime is preloaded; a compiler should not.
local COMPILE = "env -u LD_PRELOAD ${CC:-cc} -std=c11 -O1 -shared -fPIC -o '%s/forker.so' spec/support/forker.c"

--- @param dir a folder of the spec's own
-- @return { fork = function() -> 0 in the child, else its process id; leave = function(): ends the child; await =
--   function() -> the wait status of the child that was made last; child = function(act) -> what act() returned in a
--   child, or what it raised, as text }
return function(dir)
  local code = os.execute(COMPILE:format(dir))
  assert(code == 0 or code == true, "forker.c does not compile")
  local M = {}
  for name, symbol in pairs { fork = "fork_process", leave = "leave_process", await = "await_child" } do
    M[name] = assert(package.loadlib(dir .. "/forker.so", symbol))
  end

  function M.child(act)
    local path = dir .. "/child"
    if M.fork() == 0 then
      local _, text = pcall(act)
      local file = io.open(path, "w")
      file:write(tostring(text))
      file:close()
      M.leave()
    end
    assert(M.await() == 0, "the child did not end well")
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
  end

  return M
end
