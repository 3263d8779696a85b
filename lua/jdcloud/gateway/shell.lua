-- Files and commands of the system with what plain Lua has: the server's host needs no filesystem library.

local M = {}

--- A text as one word of a POSIX shell.
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Runs a shell command.
-- @param command (string)
-- @return (bool) it succeeded, (string) what it printed on both outputs, without the last newline
function M.run(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"=$?\"")) -- 5.1 has no status of a pipe
  local text = pipe:read("*a")
  pipe:close()
  local output, status = text:match("^(.-)\n?=(%d+)\n$")
  return status == "0", output or text
end

--- Does a file exist, and can it be read?
function M.exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- A whole file.
-- @return (string) its bytes | nil, message
function M.read(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes a whole file.
-- @return true | nil, message
function M.write(path, text)
  local file, message = io.open(path, "wb")
  if not file then
    return nil, message
  end
  file:write(text)
  return file:close()
end

--- The template of a package path by which a module is found.
-- @param path (string) package.path or package.cpath
-- @param name (string) the module's file without extension, "jdcloud/core"
-- @return (string) for instance "lua/?.lua" | nil
function M.template(path, name)
  for template in path:gmatch("[^;]+") do
    if template:find("?", 1, true) and M.exists((template:gsub("%?", name))) then
      return template
    end
  end
  return nil
end

return M
