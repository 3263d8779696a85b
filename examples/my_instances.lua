-- my_instances.lua - the instances of a region as JSON, served by nginx from memory. examples/nginx.conf has what nginx
-- must be told for it, and how it is run.
--
--   init_worker_by_lua_block { require("my_instances").start { interval = 60 } }    # seconds between two refreshes
--   content_by_lua_block { require("my_instances").serve() }
--
-- No request waits for JD Cloud: a timer of one worker asks it, and leaves the answer to all of them. While it can't be
-- asked the last answer is served. The header Age says how many seconds old an answer is; X-Refresh-Failed is there
-- if the last refresh failed. Without an answer: 503 and {"error":{"kind":…,"request_id":…}}.

local jdcloud = require "jdcloud.safe" -- nil, err: a worker is no place for errors that nobody catches

local M = {}

local STALE_MAX = 3600 -- seconds after which an answer isn't served any more
local LOCK_MAX = 120 -- seconds that a refresh keeps others out if its worker dies before its end

local cache = assert(ngx.shared.instances, "nginx.conf lacks a line: lua_shared_dict instances 10m;")

-- What others get to see of an instance.
local function shown(instance)
  return {
    id = instance.instanceId, name = instance.instanceName, status = instance.status, type = instance.instanceType,
    zone = instance.az, address = instance.privateIpAddress,
  }
end

-- The message is for the log. Others get the kind, and the id by which the request can be found in it.
local function note(kind, request_id, message)
  ngx.log(ngx.ERR, "the instances were not refreshed: ", message)
  cache:set("failure", jdcloud.encode { kind = kind, request_id = request_id })
end

-- All pages, as JSON | nil, error
local function fetch(cloud)
  local instances, err = cloud.vm:all "describeInstances"
  if not instances then return nil, err end
  local rows = jdcloud.list {} -- so that none at all is [], not {}
  for i, instance in ipairs(instances) do rows[i] = shown(instance) end
  return jdcloud.encode(rows)
end

-- Text and time are one entry, so that no reader finds the one without the other. safe_set doesn't make room by
-- throwing out what is still of use.
local function store(text)
  local stored, problem = cache:safe_set("instances", text, STALE_MAX, ngx.time())
  if not stored then return note("config", nil, "lua_shared_dict instances: " .. problem) end
  cache:delete "failure"
end

-- The lock is for a refresh that takes longer than the interval, and for the old worker and the new one at a reload.
local function refresh(cloud)
  if not cache:add("refreshing", true, LOCK_MAX) then return end
  local text, err = fetch(cloud)
  if text then store(text) else note(err.kind, err.request_id, tostring(err)) end
  cache:delete "refreshing"
end

--- Starts the refreshes: to be called in init_worker_by_lua*, where a timer can be made but no call.
-- @param options interval: seconds from one to the next
function M.start(options)
  if ngx.worker.id() ~= 0 then return end -- one for all; if it dies nginx starts another with this number
  local cloud, err = jdcloud.new { timeout = 10 } -- keys and region from the environment; it begins no connection
  if not cloud then return note(err.kind, nil, tostring(err)) end
  local function tick(premature)
    if not premature then refresh(cloud) end -- premature: the worker is about to end
  end
  assert(ngx.timer.at(0, tick))
  assert(ngx.timer.every(options.interval, tick))
end

--- Answers a request: to be called in content_by_lua*.
function M.serve()
  local text, fetched = cache:get "instances"
  local failure = cache:get "failure"
  ngx.header["Content-Type"] = "application/json"
  if not text then
    ngx.status = 503
    ngx.header["Retry-After"] = "5"
    return ngx.say('{"error":', failure or '{"kind":"busy"}', "}") -- busy: the first refresh is under way
  end
  ngx.header["Age"] = math.max(ngx.time() - fetched, 0)
  ngx.header["X-Refresh-Failed"] = failure
  ngx.say(text)
end

return M
