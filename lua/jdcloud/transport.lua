-- transport.lua - finds the transport that an option names, at the first call: require and jdcloud.new load none.

local core = require "jdcloud.core"
local errors = require "jdcloud.errors"

local M = {}

-- What a table of the user's may leave out.
local function complete(transport)
  local sleep = transport.sleep or function(seconds)
    local till = core.now() + seconds
    while core.now() < till do core.sleep(math.min(till - core.now(), 0.1)) end -- short, so that Ctrl-C gets its turn
  end
  return {
    send = transport.send, sleep = sleep, close = transport.close, clock = transport.clock, direct = transport.direct,
  }
end

--- Resolves the option `transport`.
-- @param options those of the cloud that are about connections
-- @return transport = { send, sleep, close | nil, clock | nil, direct | nil } | nil, error of kind config. direct: it
-- keeps nothing of a request once send has returned, and takes the headers as one text, `name: value` a line
function M.resolve(options)
  local wanted = options.transport
  if type(wanted) == "table" then return complete(wanted) end
  if wanted == nil and type(rawget(_G, "ngx")) == "table" then
    return nil, errors.new { kind = "config", message = "in nginx a call needs the option transport: libcurl would "
      .. "stop the whole worker", hint = "give a table whose send does not block" }
  end
  local name = wanted or "curl"
  if not name:match("^[%w_]+$") then
    return nil, errors.new { kind = "config", message = "no such transport: the name has letters, digits and _ only" }
  end
  local found, make = pcall(require, "jdcloud.transport." .. name)
  if not found then
    return nil, errors.new { kind = "config", message = ('the transport "%s" can\'t be loaded: %s'):format(name, make) }
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
