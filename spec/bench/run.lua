-- run.lua - `make bench`: what signing, limiting, a kept call, many calls at once, a worker of nginx, parameters,
-- results and loading cost. Limits are those that the project set itself; a line that misses one says so, and the exit
-- status is 1 then.
--   run.lua [PART...]    sharing (only if asked for) signing limiting calls many worker parameters results loading

local measure = require "bench.measure"

local BUILD = os.getenv("BUILD") or "build"

print(_VERSION .. (rawget(_G, "jit") and " (LuaJIT)" or ""))
local ALL = { "signing", "limiting", "calls", "many", "worker", "parameters", "results", "loading" }
for _, part in ipairs(arg[1] and arg or ALL) do
  require("bench." .. part)(BUILD)
end
os.exit(measure.missed > 0 and 1 or 0)
