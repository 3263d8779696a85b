-- transport.lua - finds the transport that an option names, at the first call: require and jdcloud.new load none.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"
local scheduler = require "jdcloud.scheduler"

local M = {}

local SLICE = 0.1 -- seconds that a sleep blocks at most, so that Ctrl-C gets its turn
local NGX_SLEEP_MAX = 3600 -- it counts milliseconds in whole numbers, and a sleep may be endless
local NGX_SLEEP_MIN = 0.001 -- Debian's nginx must not be asked for 0 (design.md, OpenResty)

-- In nginx: true | nil, as M.sleep; false where nothing can wait, but for blocking the worker.
local function sleep_in_nginx(ngx, seconds)
  if not ngx.sleep or not require("jdcloud.phase").check() then return false end
  local lightthreads = require "jdcloud.lightthreads"
  local task = lightthreads.here()
  seconds = math.max(seconds, NGX_SLEEP_MIN)
  if task then return lightthreads.sleep(task, seconds) end
  while seconds > NGX_SLEEP_MAX do
    ngx.sleep(NGX_SLEEP_MAX)
    seconds = seconds - NGX_SLEEP_MAX
  end
  ngx.sleep(seconds)
  return true
end

--- Waits as this host does: in nginx other requests go on, in a task other tasks.
-- @return true; nil if the task was cancelled
function M.sleep(seconds)
  local ngx = rawget(_G, "ngx")
  if type(ngx) == "table" then
    local slept = sleep_in_nginx(ngx, seconds)
    if slept ~= false then return slept end
  end
  local task = scheduler.here()
  if task then return scheduler.sleep(task, seconds) end
  if scheduler.is_cancelled() then return nil end
  local till = core.now() + seconds
  local left = seconds
  while left > 0 do
    core.sleep(math.min(left, SLICE))
    left = till - core.now()
  end
  return true
end

-- What a table of the user's may leave out.
local function complete(transport)
  return {
    send = transport.send, sleep = transport.sleep or M.sleep, close = transport.close, clock = transport.clock,
    direct = transport.direct, ready = transport.ready, max_wait = transport.max_wait,
    connections = transport.connections,
  }
end

--- Resolves the option `transport`; without it: in nginx "cosocket", elsewhere "curl".
-- @param options those of the cloud that are about connections
-- @return transport = { send, sleep, close | nil, clock | nil, direct | nil, ready | nil, max_wait | nil, connections |
--   nil } | nil, error of kind config. direct: it keeps nothing of a request once send has returned, and takes the
--   headers as one text, `name: value` a line. ready() -> true | nil, failure: can a call be made here and now?
--   max_wait: the default of the option, seconds. connections() -> how many were made, how many requests went over one
--   that was there
function M.resolve(options)
  local wanted = options.transport
  if type(wanted) == "table" then return complete(wanted) end
  local name = wanted or (type(rawget(_G, "ngx")) == "table" and "cosocket" or "curl")
  if not name:match("^[%w_]+$") then
    return nil, errors.new { kind = "config", message = "no such transport: the name has letters, digits and _ only" }
  end
  local found, make = pcall(require, "jdcloud.transport." .. name)
  if not found then
    local reason = tostring(make):gsub("%s*\n.*", "", 1) -- without the list of all places that have no such file
    local message = ('the transport "%s" can\'t be loaded: %s'):format(name, reason)
    local hint = 'those of this release are "curl" and "cosocket"'
    return nil, errors.new { kind = "config", message = message, hint = hint }
  end
  local given = {}
  for key, value in pairs(options) do
    if key ~= "transport" then given[key] = value end
  end
  local transport, message = make(given)
  if not transport then return nil, errors.new { kind = "config", message = message } end
  return complete(transport)
end

return M
