-- child.lua - runs a script on the same Lua as the test, in a process of its own: what a person at a terminal sees.

local M = {}

local function interpreter()
  local lowest = 0
  while arg[lowest - 1] do lowest = lowest - 1 end
  return arg[lowest]
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- Makes a folder of the test's own, readable by nobody else, and returns its path.
function M.folder()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -m 700 " .. quoted(folder)))
  return folder
end

-- The command line of a script, its output to files of a folder.
local function command_of(folder, path, arguments, variables)
  local words = {}
  for name, value in pairs(variables or {}) do words[#words + 1] = name .. "=" .. quoted(value) end
  words[#words + 1] = "LUA_PATH=" .. quoted(package.path) .. " LUA_CPATH=" .. quoted(package.cpath)
  words[#words + 1] = quoted(interpreter())
  words[#words + 1] = quoted(path)
  for _, argument in ipairs(arguments or {}) do words[#words + 1] = quoted(argument) end
  return ("%s >%s 2>%s"):format(table.concat(words, " "), quoted(folder .. "/out"), quoted(folder .. "/err"))
end

-- What the script left in the folder, which goes.
local function result_of(folder)
  local result = {
    out = read(folder .. "/out"), err = read(folder .. "/err"), code = tonumber(read(folder .. "/code")),
  }
  os.execute("rm -r " .. quoted(folder))
  return result
end

--- Runs a script.
-- @param path of its file
-- @param arguments list of texts, or nil
-- @param variables of the environment to set, or nil
-- @return { code = exit code, out = standard output, err = standard error }
function M.file(path, arguments, variables)
  local folder = M.folder()
  os.execute(("%s; echo $? >%s"):format(command_of(folder, path, arguments, variables), quoted(folder .. "/code")))
  return result_of(folder)
end

local Process = {}
Process.__index = Process

--- What it has written to standard output so far.
function Process:said()
  return read(self.folder .. "/out")
end

--- Waits for its end, a minute at most.
-- @return as M.file
function Process:finish()
  local folder = quoted(self.folder)
  os.execute(("i=0; while [ ! -s %s/code ] && [ $i -lt 3000 ]; do sleep 0.02; i=$((i+1)); done"):format(folder))
  return result_of(self.folder)
end

--- Sends it what Ctrl-C sends, and waits for its end, ten seconds at most.
-- @return as M.file
function Process:interrupt()
  local folder = quoted(self.folder)
  os.execute(("kill -INT $(cat %s/pid); i=0; while [ ! -s %s/code ] && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done")
    :format(folder, folder))
  return result_of(self.folder)
end

--- Runs a script, as M.file, and doesn't wait for its end.
-- @return process { said, interrupt, finish }
function M.start(path, arguments, variables)
  local folder = M.folder()
  local command = command_of(folder, path, arguments, variables)
  local place = quoted(folder)
  os.execute((": >%s/out; { %s & echo $! >%s/pid; wait $!; echo $? >%s/code; } >/dev/null 2>&1 &"
    .. " while [ ! -s %s/pid ]; do sleep 0.01; done"):format(place, command, place, place, place))
  return setmetatable({ folder = folder }, Process)
end

--- Runs the text of a script, as a file named script.lua in a folder of its own; otherwise as M.file.
function M.run(script, variables)
  local folder = M.folder()
  local path = folder .. "/script.lua"
  local file = assert(io.open(path, "wb"))
  file:write(script)
  file:close()
  local result = M.file(path, nil, variables)
  os.remove(path)
  os.execute("rmdir " .. quoted(folder))
  return result
end

return M
