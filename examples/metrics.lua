-- metrics.lua - what the SDK does in an nginx, as metrics for Prometheus. examples/metrics.conf has what nginx must be
-- told for it, and how it is run.
--
--   jdcloud.new { on_event = require("metrics").count }         -- counts for all workers, in a shared dictionary
--   content_by_lua_block { require("metrics").serve() }         -- the text that Prometheus reads
--
-- A counter's name with its labels is its key in the dictionary. Labels are names and kinds alone, of which there are
-- few: never an id, a message or a parameter.

local jdcloud = require "jdcloud.safe"

local M = {}

local counters = assert(ngx.shared.metrics, "metrics.conf lacks a line: lua_shared_dict metrics 1m;")

local HELP = {
  jdcloud_calls_total = "Calls that ended, by how (ok, or the kind of the error).",
  jdcloud_attempts_total = "Requests sent, by the HTTP status of the answer (none: there was no whole one).",
  jdcloud_attempt_seconds = "Seconds from a request to its answer.",
  jdcloud_waits_total = "Waits before a request, by reason.",
  jdcloud_wait_seconds_total = "Seconds of those waits.",
  jdcloud_renewals_total = "Requests for keys to whoever provides them, by how they ended.",
}
local BUCKETS = { 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 } -- seconds

local function escaped(value)
  return (tostring(value):gsub('[\\"]', "\\%0"):gsub("\n", "\\n"))
end

-- add("jdcloud_waits_total", 1, "service", "vm", "why", "limit")
local function add(name, amount, ...)
  local labels, given = {}, { ... }
  for i = 1, #given, 2 do labels[#labels + 1] = ('%s="%s"'):format(given[i], escaped(given[i + 1])) end
  local _, problem, forced = counters:incr(name .. "{" .. table.concat(labels, ",") .. "}", amount, 0)
  if problem or forced then ngx.log(ngx.WARN, "lua_shared_dict metrics is too small") end
end

local function observe(name, seconds, service)
  for _, bound in ipairs(BUCKETS) do
    if seconds <= bound then add(name .. "_bucket", 1, "service", service, "le", bound) end
  end
  add(name .. "_bucket", 1, "service", service, "le", "+Inf")
  add(name .. "_sum", seconds, "service", service)
  add(name .. "_count", 1, "service", service)
end

local ON = {
  done = function(event)
    add("jdcloud_calls_total", 1, "service", event.service, "operation", event.operation or "-", "kind", event.kind)
  end,
  attempt_end = function(event)
    add("jdcloud_attempts_total", 1, "service", event.service, "status", event.http_status or "none")
    observe("jdcloud_attempt_seconds", event.seconds, event.service)
  end,
  wait = function(event)
    if not event.again then add("jdcloud_waits_total", 1, "service", event.service, "why", event.why) end
    add("jdcloud_wait_seconds_total", event.seconds, "service", event.service, "why", event.why)
  end,
  credentials = function(event) add("jdcloud_renewals_total", 1, "why", event.why, "kind", event.kind) end,
}

--- Counts an event: for the option on_event. It does no I/O and doesn't yield.
function M.count(event)
  local act = ON[event.event]
  if act then act(event) end
end

-- "jdcloud_attempt_seconds_bucket{…}" belongs to the histogram jdcloud_attempt_seconds.
local function family_of(key)
  local name = key:match("^[%w_]+")
  local histogram = name:match("^(.*)_bucket$") or name:match("^(.*)_sum$") or name:match("^(.*)_count$")
  return histogram and HELP[histogram] and histogram or name
end

-- Whole numbers of any size without an exponent.
local function number(value)
  return value % 1 == 0 and ("%.0f"):format(value) or ("%.6f"):format(value)
end

-- Within a family as they were counted first to last bucket: "le" sorts as a number.
local function order(a, b)
  local le_a, le_b = a:match('le="(.-)"'), b:match('le="(.-)"')
  local rest_a, rest_b = a:gsub('le=".-"', ""), b:gsub('le=".-"', "")
  if rest_a ~= rest_b or not le_a or not le_b then return rest_a < rest_b end
  return (tonumber(le_a) or math.huge) < (tonumber(le_b) or math.huge)
end

--- Answers a scrape: to be called in content_by_lua*. While it lists the keys the dictionary is locked: some hundreds
-- are nothing, many thousands would be felt.
function M.serve()
  local families = {}
  for _, key in ipairs(counters:get_keys(0)) do
    local family = family_of(key)
    families[family] = families[family] or {}
    table.insert(families[family], key)
  end
  local lines = {}
  for family, help in pairs(HELP) do
    if families[family] then
      lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s %s"):format(family, help, family,
        family:find("_total$") and "counter" or "histogram")
      table.sort(families[family], order)
      for _, key in ipairs(families[family]) do
        lines[#lines + 1] = key .. " " .. number(counters:get(key) or 0)
      end
    end
  end
  ngx.header["Content-Type"] = "text/plain; version=0.0.4"
  ngx.say(table.concat(lines, "\n"))
end

local cloud -- one of a worker: connections are kept between requests

--- Something to count: how many instances there are, asked anew for each request.
function M.demo()
  local err
  if not cloud then cloud, err = jdcloud.new { on_event = M.count, timeout = 10 } end
  local result
  if cloud then result, err = cloud.vm:describeInstances { pageSize = 10 } end
  if not result then
    ngx.log(ngx.ERR, tostring(err))
    ngx.status = 502
    return ngx.say(err.kind)
  end
  ngx.say(("%d"):format(result.totalCount))
end

return M
