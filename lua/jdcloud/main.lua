-- main.lua - jdcloud.main(fn): runs a script so that an error is one readable line and an exit code that says what
-- kind of error it was.

local errors = require "jdcloud.errors"

-- Exit codes by kind of error; anything else, an ordinary Lua error too, is 1.
local EXIT = {
  config = 2, invalid = 2,                         -- the script or its settings
  auth = 3, denied = 3,                            -- keys and rights
  not_found = 4, conflict = 4, busy = 4,           -- the resource
  throttled = 5, quota = 5,                        -- limits
  server = 6,                                      -- the service
  network = 7, timeout = 7, protocol = 7,          -- the way there
  cancelled = 130,                                 -- as a shell says of Ctrl-C
}

-- What Ctrl-C raises in the standalone interpreters.
local INTERRUPTED = "interrupted!$"

local unpack_args = table.unpack or unpack

-- An error object stays; anything else gets the traceback that the standalone interpreter would print.
local function handler(err)
  if errors.is(err) or type(err) == "string" and err:find(INTERRUPTED) then return err end
  if type(err) == "table" and getmetatable(err) and getmetatable(err).__tostring then err = tostring(err) end
  if type(err) ~= "string" then err = ("(error object is a %s value)"):format(type(err)) end
  local traceback = debug.traceback(err, 2) -- not as a tail call, which would take this level away on LuaJIT
  return traceback
end

local function finish(ok, ...)
  if ok then return ... end
  local err = ...
  local ngx = rawget(_G, "ngx")
  if type(ngx) == "table" and ngx.log then
    ngx.log(ngx.ERR, tostring(err))
    return ngx.exit(500)
  end
  io.stdout:flush()
  if errors.is(err) then
    io.stderr:write(tostring(err), "\n")
    os.exit(EXIT[err.kind] or 1)
  end
  if err:find(INTERRUPTED) then
    io.stderr:write("interrupted\n")
    os.exit(EXIT.cancelled)
  end
  io.stderr:write("lua: ", err, "\n")
  os.exit(1)
end

--- Runs fn(...) and returns what it returns.
-- If it raises an error object, its one line goes to standard error and the process exits: 2 for config and invalid,
-- 3 auth and denied, 4 not_found, conflict and busy, 5 throttled and quota, 6 server, 7 network, timeout and
-- protocol, 130 cancelled and Ctrl-C, 1 everything else. Any other error prints a traceback and exits with 1. In
-- nginx the line goes to the error log and the request ends with 500. For scripts: on Lua 5.1 fn can't yield through
-- it.
return function(fn, ...)
  local n, args = select("#", ...), { ... }
  return finish(xpcall(function() return fn(unpack_args(args, 1, n)) end, handler))
end
