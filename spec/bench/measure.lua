-- measure.lua - how the benchmarks measure and judge. Other programs share the machine: what is compared is measured in
-- turns, and the median of the turns counts.

local M = { missed = 0, rounds = 11 }

function M.say(text, ...)
  print(text:format(...))
end

--- The middle one of a list of numbers.
function M.median(list)
  local sorted = {}
  for i, value in ipairs(list) do sorted[i] = value end
  table.sort(sorted)
  return sorted[math.floor((#sorted + 1) / 2)]
end

--- Prints a measured value; beside its limit, if it has one, counting what misses it.
function M.judge(name, value, unit, limit, detail)
  local verdict = "no limit"
  if limit then
    verdict = ("at most %g%s: %s"):format(limit, unit, value <= limit and "reached" or "NOT REACHED")
    if value > limit then M.missed = M.missed + 1 end
  end
  M.say("%-50s %7.2f%s (%s)%s", name, value, unit, verdict, detail and "  " .. detail or "")
end

--- The same with a value that should be no smaller than its limit.
function M.judge_least(name, value, unit, limit, detail)
  if value < limit then M.missed = M.missed + 1 end
  M.say("%-50s %7.2f%s (at least %g%s: %s)%s", name, value, unit, limit, unit,
    value >= limit and "reached" or "NOT REACHED", detail and "  " .. detail or "")
end

-- An answer of describeInstances with one instance: 300 bytes.
local ANSWER = ('{"requestId":"bwvnrhmbv42j8f4ctwkedo0atdkgc35f","result":{"instances":[{"instanceId":"i-9xqcf2xzq1",'
  .. '"instanceName":"web-1","status":"running","az":"cn-north-1a","instanceType":"g.n3.medium",'
  .. '"privateIpAddress":"10.0.0.5","description":"%s"}],"totalCount":1}}')
M.answer = ANSWER:format(("x"):rep(300 - #ANSWER + 2))

--- What a shell command writes to its standard output.
function M.output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- A text as one word of a shell command.
function M.quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Seconds of CPU of this process that f() takes, per call.
function M.cpu(n, f)
  local began = os.clock()
  for _ = 1, n do f() end
  return (os.clock() - began) / n
end

--- Measures several functions in turns.
-- @param n calls of each in a turn
-- @param functions a list
-- @return for each a list with the seconds of CPU per call in every turn
function M.in_turns(n, functions)
  local times = {}
  for i, f in ipairs(functions) do
    times[i] = {}
    M.cpu(math.ceil(n / 10), f)
  end
  for round = 1, M.rounds do
    for i, f in ipairs(functions) do
      collectgarbage() -- nobody pays for what another one left
      times[i][round] = M.cpu(n, f)
    end
  end
  return times
end

--- The median of a[i] / b[i].
function M.ratio(a, b)
  local ratios = {}
  for i = 1, #a do ratios[i] = a[i] / b[i] end
  return M.median(ratios)
end

--- What a program prints that is run by the interpreter that runs this: a list of numbers for each number it prints,
-- one for each round.
-- @param rounds how many; M.rounds by default
function M.fresh(program, rounds)
  local lowest = 0
  while arg[lowest - 1] do lowest = lowest - 1 end
  local command, printed = M.quoted(arg[lowest]) .. " -e " .. M.quoted(program), {}
  for round = 1, rounds or M.rounds do
    local i = 0
    for number in M.output(command):gmatch("%S+") do
      i = i + 1
      printed[i] = printed[i] or {}
      printed[i][round] = tonumber(number)
    end
  end
  return printed
end

return M
