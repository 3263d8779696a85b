-- A transport that asks a jdcloud.gateway in the same process: for tests without a network, on real or virtual time.

local core = require "jdcloud.core"

local SILENCE = 60 -- seconds without a byte, where the caller sets no limit (design.md, Options)

local function failed(kind, message, final)
  return nil, { kind = kind, phase = "receive", sent = true, message = message, final = final }
end

-- What a server's misbehaviour looks like from the other end of the connection; nil if the answer gets through.
local function disturbed(fault, request, sleep)
  local patience = math.min(request.timeout or SILENCE, request.idle_timeout or SILENCE)
  if (fault.delay or 0) > patience or fault.stall then
    sleep(patience)
    return failed("timeout", ("no answer within %g s"):format(patience))
  end
  sleep(fault.delay or 0)
  if fault.close == "before" or fault.cut == 0 then
    return failed("network", "the connection was closed before the answer")
  elseif fault.garbage then
    return failed("protocol", "the answer is not HTTP")
  elseif fault.cut then
    return failed("protocol", "the answer was cut short")
  end
end

--- Makes a transport (design.md, A transport).
-- @param gateway of jdcloud.gateway.new
-- @param options table, optional:
--   virtual = true: sleeping takes no time but moves the gateway's clock, and the transport has a clock that moves too,
--   sleep = function(seconds) that sleeps for real, instead of core.sleep
-- @return { send = function(request) -> response | nil, failure; sleep = function(seconds); close = function();
--   clock = function() -> monotonic and Unix seconds, if virtual } | nil, what is wrong
return function(gateway, options)
  if type(gateway) ~= "table" or type(gateway.answer) ~= "function" then
    return nil, 'the gateway transport has no name of its own: give require("jdcloud.transport.gateway")(gateway)'
  end
  options = options or {}
  local transport, closing = {}, false

  if options.virtual then
    local passed = 0
    function transport.sleep(seconds)
      passed = passed + seconds
      gateway:advance(seconds)
    end
    function transport.clock()
      return core.now() + passed, gateway:now()
    end
  else
    transport.sleep = options.sleep or core.sleep
  end

  function transport.send(request)
    local arrived = {
      method = request.method,
      target = request.url:match("^%a+://[^/?]*(.*)$"),
      headers = request.headers,
      body = request.body,
    }
    if closing then
      closing = false
      gateway:dropped(arrived)
      return failed("network", "the connection was closed before the answer")
    end
    local answer = gateway:answer(arrived)
    local fault = answer.fault
    if fault then
      local _, failure = disturbed(fault, request, transport.sleep)
      if failure then
        return nil, failure
      end
      closing = fault.close == "next"
    end
    if request.max_size and #answer.body > request.max_size then
      return failed("protocol", ("the answer is larger than %d bytes"):format(request.max_size), true)
    end
    return { status = answer.status, headers = answer.headers, body = answer.body }
  end

  function transport.close() end

  return transport
end
