-- redis_adapters.lua - `eval` for the limiter in Redis, over two clients. Any other client needs such a function:
-- eval(script, keys, args) -> reply, a list | nil, what went wrong. It has a time limit of its own, since the limiter
-- waits for it.

local errors = require "jdcloud.errors"
local options_of = require "jdcloud.options"

local M = {}

local TIMEOUT = 1 -- seconds that a client waits for Redis

local unpack = table.unpack or unpack

-- Numbers of keys, keys and arguments as a client takes them.
local function flat(keys, args)
  local list = { #keys }
  for i = 1, #keys do list[i + 1] = keys[i] end
  local n = #list
  for i = 1, #args do list[n + i] = args[i] end
  return list
end

--- Over lua-resty-redis, whose connections nginx keeps.
-- @param module require "resty.redis"
-- @param where { host ("127.0.0.1"), port (6379), unix = path | nil, username, password, database | nil,
--   timeout = seconds (1), idle = seconds that a connection is kept (60), connections = how many (8),
--   options = of its connect (ssl, …) }
-- @return eval; raises at the caller's line if the arguments can't be meant
function M.resty_redis(module, where)
  where = where or {}
  if type(module) ~= "table" or type(module.new) ~= "function" then
    errors.misuse 'limiter.resty_redis: the first argument must be the module, require "resty.redis": a table with new'
  end
  options_of.check_resty_redis(where, "limiter.resty_redis")
  local sha

  local function open()
    local client = module:new()
    client:set_timeout((where.timeout or TIMEOUT) * 1000)
    local ok, err
    if where.unix then
      ok, err = client:connect("unix:" .. where.unix, where.options)
    else
      ok, err = client:connect(where.host or "127.0.0.1", where.port or 6379, where.options)
    end
    if ok and (client:get_reused_times() or 0) == 0 then
      if where.username then
        ok, err = client:auth(where.username, where.password)
      elseif where.password then
        ok, err = client:auth(where.password)
      end
      if ok and where.database then ok, err = client:select(where.database) end
    end
    if not ok then return nil, err end
    return client
  end

  local function run(client, script, list)
    local reply, err
    if sha then reply, err = client:evalsha(sha, unpack(list)) end
    if not sha or not reply and tostring(err):find("NOSCRIPT", 1, true) then
      sha, err = client:script("load", script)
      if not sha then return nil, err end
      reply, err = client:evalsha(sha, unpack(list))
    end
    return reply, err
  end

  return function(script, keys, args)
    local client, err = open()
    if not client then return nil, err end
    local reply
    reply, err = run(client, script, flat(keys, args))
    if not reply then
      client:close()
      return nil, err
    end
    client:set_keepalive((where.idle or 60) * 1000, where.connections or 8)
    return reply
  end
end

local function socket_of(client)
  return type(client.network) == "table" and client.network.socket or nil
end

-- A client of redis-lua waits for ever, unless its socket is told how long: "t", so that a shorter wait for each piece,
-- which the user may have set, goes on.
local function bound(client, timeout)
  local socket = socket_of(client)
  if socket and socket.settimeout then socket:settimeout(timeout, "t") end
end

-- Without QUIT, if there is another way: a server that is stalled wouldn't answer that either.
local function close(client)
  local socket = socket_of(client)
  if socket and socket.close then
    socket:close()
  else
    client:quit()
  end
end

--- Over redis-lua, for programs that may block.
-- @param connect function() -> a connected client, logged in; it is called again after a failure. How long it may take
--   is its own affair: redis.connect { host = …, port = …, timeout = 1 }
-- @param options { timeout = seconds that a command may take (1): set on the client's socket } or nil
-- @return eval; raises at the caller's line if the arguments can't be meant
function M.redis_lua(connect, options)
  if type(connect) ~= "function" then
    errors.misuse(("limiter.redis_lua: the first argument must be a function that connects and returns the client, "
      .. "not a %s"):format(type(connect)))
  end
  options_of.check_redis_lua(options, "limiter.redis_lua")
  local timeout = options and options.timeout or TIMEOUT
  local client, sha

  local function open()
    local made, why = connect()
    if type(made) ~= "table" then
      error("the function that connects returned no client" .. (why and ": " .. tostring(why) or ""), 0)
    end
    bound(made, timeout)
    client, sha = made, nil
  end

  local function run(script, list)
    if not client then open() end
    if not sha then sha = client:script("load", script) end
    return client:evalsha(sha, unpack(list))
  end

  return function(script, keys, args)
    local ok, reply = pcall(run, script, flat(keys, args)) -- it raises, and never yields
    if ok then return reply end
    if client then pcall(close, client) end
    client = nil
    return nil, tostring(reply)
  end
end

return M
