-- calls.lua - what a call over kept HTTPS costs this process, as a multiple of what it costs a program that uses
-- libcurl alone (curl_bare.c).

local measure = require "bench.measure"
local nginx = require "support.nginx"

local CALLS = 1500

--- @param build the folder of what is built
return function(build)
  local here = nginx.start("location / { default_type application/json; return 200 '" .. measure.answer .. "'; }")
  local cloud = require("jdcloud").new {
    region = "cn-north-1", access_key = "AKEXAMPLE0001", secret_key = "SKexample/+=0001", endpoint = here.https,
    ca_file = here.ca_file, limits = false,
  }
  local vm = cloud.vm
  local prepared = vm:prepare("describeInstances", { pageSize = 10 })
  local headers = {}
  for name, value in pairs(prepared.headers) do headers[#headers + 1] = name .. ": " .. value end
  local quoted = measure.quoted
  local bare = ("printf '%%s\\n' %s | %s/bench/curl_bare %s %s %d"):format(
    quoted(table.concat(headers, "\n")), build, quoted(prepared.url), quoted(here.ca_file), CALLS)
  local function request()
    cloud:request { service = "vm", method = "GET", path = "/v1/regions/cn-north-1/instances", query = "pageSize=10" }
  end
  local function describe()
    vm:describeInstances { pageSize = 10 }
  end
  measure.cpu(100, request)
  measure.cpu(100, describe)
  local yardstick, of_request, of_describe = {}, {}, {}
  for i = 1, measure.rounds do
    yardstick[i] = tonumber(measure.output(bare)) / 1e6
    of_request[i] = measure.cpu(CALLS, request)
    of_describe[i] = measure.cpu(CALLS, describe)
  end
  cloud:close()
  here:stop()
  local ratio_of_request = measure.ratio(of_request, yardstick)
  local ratio_of_describe = measure.ratio(of_describe, yardstick)
  measure.say("a bare libcurl loop: %.1f us of client CPU a call, HTTPS kept, answer of %d bytes",
    measure.median(yardstick) * 1e6, #measure.answer)
  measure.judge("cloud:request / bare libcurl, CPU", ratio_of_request, " x", 1.2)
  measure.judge("cloud.vm:describeInstances / bare libcurl, CPU", ratio_of_describe, " x", 1.3)
end
