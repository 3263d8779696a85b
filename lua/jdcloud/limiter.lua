-- limiter.lua - limiters that several machines share, for the option `limiter`. For the workers of one nginx there is
-- the option `shared`.

local M = {}

--- A limiter in Redis: see limiter/redis.lua for what `given` has.
-- @return { reserve, settle, limit, flush }
function M.redis(given)
  return require("jdcloud.limiter.redis").new(given)
end

--- The `eval` of M.redis over lua-resty-redis; over redis-lua: see limiter/redis_adapters.lua.
function M.resty_redis(module, where)
  return require("jdcloud.limiter.redis_adapters").resty_redis(module, where)
end

function M.redis_lua(connect, options)
  return require("jdcloud.limiter.redis_adapters").redis_lua(connect, options)
end

return M
