-- resp.lua - a Redis client for tests: requests as lists of words, over LuaSocket; and a redis-server of the test's
-- own.

local shell = require "jdcloud.gateway.shell"
local socket = require "socket"

local M = {}

local TIMEOUT = 1 -- seconds

local function read(connection)
  local line, err = connection:receive("*l")
  if not line then return nil, err end
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == "-" then return nil, rest end
  if kind == ":" then return tonumber(rest) end
  if kind == "$" then
    local size = tonumber(rest)
    if size < 0 then return false end
    local text
    text, err = connection:receive(size + 2)
    return text and text:sub(1, size), err
  end
  local list = {}
  for i = 1, tonumber(rest) do
    list[i], err = read(connection)
    if list[i] == nil then return nil, err end
  end
  return list
end

--- Sends one command over a connection. reply | nil, message
function M.command(connection, words)
  local parts = { ("*%d\r\n"):format(#words) }
  for _, word in ipairs(words) do
    word = tostring(word)
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word)
  end
  local sent, err = connection:send(table.concat(parts))
  if not sent then return nil, err end
  return read(connection)
end

--- The `eval` of a limiter: one connection, opened again after a failure.
function M.eval(port)
  local connection, sha
  return function(script, keys, args)
    if not connection then
      connection = socket.tcp()
      connection:settimeout(TIMEOUT)
      connection:setoption("tcp-nodelay", true)
      local ok, err = connection:connect("127.0.0.1", port)
      if not ok then
        connection:close()
        connection = nil
        return nil, err
      end
      sha = M.command(connection, { "SCRIPT", "LOAD", script })
    end
    local words = { "EVALSHA", sha or "", #keys }
    for _, word in ipairs(keys) do words[#words + 1] = word end
    for _, word in ipairs(args) do words[#words + 1] = word end
    local reply, err = M.command(connection, words)
    if reply == nil then
      connection:close()
      connection = nil
      return nil, err
    end
    return reply
  end
end

local Server = {}
Server.__index = Server

local function start(self)
  local ok, said = shell.run(("redis-server --port %d --bind 127.0.0.1 --save '' --appendonly no --daemonize yes"
    .. " --dir %s --pidfile %s/redis.pid --logfile %s/redis.log"):format(self.port, self.dir, self.dir, self.dir))
  assert(ok, said)
  for _ = 1, 500 do
    local connection = socket.connect("127.0.0.1", self.port)
    if connection then
      local pong = M.command(connection, { "PING" })
      connection:close()
      if pong == "PONG" then return self end
    end
    socket.sleep(0.01)
  end
  error("redis-server doesn't answer: " .. tostring(shell.read(self.dir .. "/redis.log")))
end

--- Kills it; its data is lost.
function Server:kill()
  shell.run(("kill -KILL $(cat %s/redis.pid)"):format(self.dir))
end

--- Starts it again after it was killed.
function Server:restart() return start(self) end

function Server:stop()
  self:kill()
  shell.run("rm -rf " .. self.dir)
end

--- Starts a redis-server on a port of its own, without anything on disk.
-- @return server { port; kill, restart, stop }
function M.start()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  local _, dir = shell.run("mktemp -d")
  return start(setmetatable({ port = math.floor(tonumber(port)), dir = dir }, Server))
end

return M
