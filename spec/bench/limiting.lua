-- limiting.lua - what a reservation costs in the core (limit.c).

local measure = require "bench.measure"

--- @param build the folder of what is built
return function(build)
  local text = measure.output(build .. "/bench/limit")
  measure.say("%s", (text:gsub("%s+$", "")))
  local one, two = text:match("core limit: (%d+) ns to reserve with one window, (%d+) ns with two")
  measure.judge("core: a reservation, one window", tonumber(one), " ns", 100)
  measure.judge("core: a reservation, two windows", tonumber(two), " ns", 100)
end
