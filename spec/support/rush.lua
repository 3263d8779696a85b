-- rush.lua - callers that call as often as their limiter lets them, for a while, and what came of it: in the light
-- threads of a worker of nginx, or in a process of their own. The gateway that they call counts.
-- luacheck: globals ngx

local M = {}

--- Runs callers against a gateway.
-- @param cloud safe
-- @param callers how many at once
-- @param over function() -> is it time to end?
-- @return { calls = answered, failed = count, error = text of the last one }
function M.run(cloud, callers, over)
  local seen, list = { calls = 0, failed = 0 }, {}
  for i = 1, callers do list[i] = i end
  require("jdcloud.safe").parallel(list, function()
    while not over() do
      local result, err = cloud.vm:describeInstances()
      if result then
        seen.calls = seen.calls + 1
      else
        seen.failed, seen.error = seen.failed + 1, tostring(err)
      end
    end
    return true
  end, { limit = callers })
  return seen
end

--- In each worker of an nginx with the dictionaries `cloud` and `said` (init_worker_by_lua): runs callers, and leaves
-- in `said` what came of it. The first worker says when they all end.
-- @param given { callers, seconds, options = of the cloud }
function M.in_worker(given)
  assert(ngx.timer.at(0, function()
    local core, said = require "jdcloud.core", ngx.shared.said
    said:safe_add("end", core.now() + given.seconds)
    local cloud = assert(require("jdcloud.safe").new(given.options))
    local seen = M.run(cloud, given.callers, function() return core.now() >= said:get "end" or ngx.worker.exiting() end)
    said:set("worker " .. ngx.worker.pid(), require("cjson").encode(seen))
  end))
end

--- What the workers left (content_by_lua): a list, as JSON.
function M.content()
  local cjson, said, list = require "cjson", ngx.shared.said, {}
  for _, name in ipairs(said:get_keys()) do
    if name:find "^worker" then list[#list + 1] = cjson.decode(said:get(name)) end
  end
  ngx.print(cjson.encode { list = list, over = said:get "end" and require("jdcloud.core").now() > said:get "end" })
end

--- What a gateway's log says about its windows.
-- @param log of the gateway
-- @param seconds of a window
-- @param count of windows that are looked at, or nil: callers that end one by one leave the last ones half empty
-- @return { calls, throttled, windows = those between the first and the last, most = calls in one of them, mean }
function M.windows(log, seconds)
  local counts, throttled, first, last = {}, 0, math.huge, -math.huge
  for _, entry in ipairs(log) do
    if entry.status == 429 then throttled = throttled + 1 end
    local w = math.floor(entry.time / seconds)
    counts[w] = (counts[w] or 0) + 1
    first, last = math.min(first, w), math.max(last, w)
  end
  local most, total = 0, 0
  for w = first + 1, last - 1 do
    most, total = math.max(most, counts[w] or 0), total + (counts[w] or 0)
  end
  local windows = last - first - 1
  return { calls = #log, throttled = throttled, windows = windows, most = most, mean = total / math.max(1, windows) }
end

--- The least time in which so many windows' calls may go, as a part of the time that they took: bursts that are counted
-- by the gateway's windows are one more or less, as they fall before or after the last one's end.
-- @param log of the gateway
-- @param calls allowed in a window of so many seconds
-- @param seconds
-- @param count of windows, at most
-- @return part, windows that were looked at
function M.use(log, calls, seconds, count)
  local times = {}
  for _, entry in ipairs(log) do
    if entry.status ~= 429 then times[#times + 1] = entry.time end
  end
  table.sort(times)
  local n = math.min(count, math.floor((#times - 1) / calls))
  return n * seconds / (times[n * calls + 1] - times[1]), n
end

return M
