-- signing.lua - what a signature costs, as a multiple of the ten SHA-256 blocks that it must cost (sign.c).

local core = require "jdcloud.core"
local measure = require "bench.measure"

local SIGNATURES = 20000

-- Seconds of a call's beginning with its signature, and of the beginning alone: a call object that is ready to sign
-- over and over. Of a service that is always throttled, so no attempt is the last.
local function signature_from_lua()
  local keys, cloud = core.credential(), core.cloud()
  assert(keys:set("AKEXAMPLE0001", "SKexample/+=0001"))
  local call = core.call(cloud)
  local request = {
    version = 2, method = "GET", host = "vm.jdcloud-api.com", path = "/v1/regions/cn-north-1/instances",
    query = "filters.1.name=status&filters.1.values.1=running&pageNumber=1&pageSize=100", service = "vm",
    region = "cn-north-1", user_agent = "JdcloudSdkLua/0 vm/0", limiter = "none",
  }
  local function whole()
    call:begin(request, keys)
    call:next(nil, nil, nil, true) -- as for libcurl, which borrows the headers
  end
  local function begin() call:begin(request, keys) end
  return measure.cpu(SIGNATURES, whole), measure.cpu(SIGNATURES, begin)
end

--- @param build the folder of what is built
return function(build)
  local wholes, steps, text = {}, {}, nil
  for i = 1, 5 do
    text = measure.output(build .. "/bench/sign")
    local block = tonumber(text:match("SHA%-256 block: ([%d.]+) ns"))
    local whole, begin = signature_from_lua()
    wholes[i], steps[i] = whole * 1e9 / (10 * block), (whole - begin) * 1e9 / (10 * block)
  end
  measure.say("%s", (text:gsub("%s+$", "")))
  measure.judge("core: signature / ten SHA-256 blocks", tonumber(text:match("core signature: %d+ ns = ([%d.]+) x")),
    " x", 2.5)
  measure.judge("Lua: an attempt's date, nonce, signature, headers", measure.median(steps), " x", 4)
  measure.judge("Lua: the same with the call's beginning", measure.median(wholes), " x")
end
