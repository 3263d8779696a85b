-- redis_adapters.lua - `eval` for the limiter in Redis, over two clients. Any other client needs such a function:
-- eval(script, keys, args) -> reply, a list | nil, what went wrong. It has a time limit of its own, since the limiter
-- waits for it.

local M = {}

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
function M.resty_redis(module, where)
  where = where or {}
  local sha

  local function open()
    local client = module:new()
    client:set_timeout((where.timeout or 1) * 1000)
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

--- Over redis-lua, for programs that may block.
-- @param connect function() -> a connected client, logged in, its timeout set: client.network.socket:settimeout(1); it
--   is called again after a failure
function M.redis_lua(connect)
  local client, sha

  local function run(script, list)
    if not client then client, sha = connect(), nil end
    if not sha then sha = client:script("load", script) end
    return client:evalsha(sha, unpack(list))
  end

  return function(script, keys, args)
    local ok, reply = pcall(run, script, flat(keys, args)) -- it raises, and never yields
    if ok then return reply end
    if client then pcall(client.quit, client) end
    client = nil
    return nil, tostring(reply)
  end
end

return M
