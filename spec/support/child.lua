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

--- Runs a script.
-- @param path of its file
-- @param arguments list of texts, or nil
-- @param variables of the environment to set, or nil
-- @return { code = exit code, out = standard output, err = standard error }
function M.file(path, arguments, variables)
  local folder = M.folder()
  local words = {}
  for name, value in pairs(variables or {}) do words[#words + 1] = name .. "=" .. quoted(value) end
  words[#words + 1] = "LUA_PATH=" .. quoted(package.path) .. " LUA_CPATH=" .. quoted(package.cpath)
  words[#words + 1] = quoted(interpreter())
  words[#words + 1] = quoted(path)
  for _, argument in ipairs(arguments or {}) do words[#words + 1] = quoted(argument) end
  os.execute(("%s >%s 2>%s; echo $? >%s"):format(table.concat(words, " "), quoted(folder .. "/out"),
    quoted(folder .. "/err"), quoted(folder .. "/code")))
  local result = {
    out = read(folder .. "/out"), err = read(folder .. "/err"), code = tonumber(read(folder .. "/code")),
  }
  for _, name in ipairs { "out", "err", "code" } do os.remove(folder .. "/" .. name) end
  os.execute("rmdir " .. quoted(folder))
  return result
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
