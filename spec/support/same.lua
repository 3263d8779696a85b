-- same.lua - did every test run in every place? same.lua OUT SUITE... reads what the suites of specs (unit:5.1,
-- unit:nginx) left in OUT, prints how many tests of a folder ran in each, and is a test of the Test Anything Protocol:
-- the same ones, but for what support.exceptions names, all of which must be there.

local exceptions = require "support.exceptions"

local SHOWN_MAX = 20 -- differences that are printed

local function say(format, ...) io.write(format:format(...), "\n") end

-- "unit:luv-5.1" -> "unit", { luv = true, ["5.1"] = true }
local function read_name(suite)
  local folder, place = suite:match "^(.-):(.+)$"
  local here = {}
  for host in place:gmatch "[^-]+" do here[host] = true end
  if here.nginx then here.jit = true end
  return folder, here
end

-- What ran: { file, name } by its key; two tests of one name have two keys. -> set, number
local function read_log(path)
  local ran, count, times, file = {}, 0, {}, nil
  for line in assert(io.lines(path)) do
    file = line:match "^# (spec/%S+_spec%.lua)$" or file
    local name = line:match "^ok %d+ %- (.*)$" or line:match "^not ok %d+ %- (.*)$"
    if name and not name:find(" # SKIP", 1, true) then
      local key = file .. "\n" .. name
      times[key] = (times[key] or 0) + 1
      ran[key .. "\n" .. times[key]] = { file = file, name = name }
      count = count + 1
    end
  end
  return ran, count
end

-- folder -> list of { suite, here, ran, count }, and the list of folders
local function read_suites(out, names)
  local folders, order = {}, {}
  for _, suite in ipairs(names) do
    local folder, here = read_name(suite)
    local ran, count = read_log(out .. "/" .. suite:gsub(":", "-") .. ".log")
    if not folders[folder] then
      folders[folder] = {}
      order[#order + 1] = folder
    end
    table.insert(folders[folder], { suite = suite, here = here, ran = ran, count = count })
  end
  return folders, order
end

local function union(suites)
  local all, count = {}, 0
  for _, suite in ipairs(suites) do
    for key, test in pairs(suite.ran) do
      if not all[key] then count = count + 1 end
      all[key] = test
    end
  end
  return all, count
end

-- Adds what is wrong with a suite to `wrong`. -> how many tests were left out by the list; `used` gets its entries
local function compare(suite, all, used, wrong)
  local left_out = 0
  for key, test in pairs(all) do
    local why, entry = exceptions.why(suite.here, test.file, test.name)
    if entry then used[entry] = true end
    if not suite.ran[key] then
      if why then
        left_out = left_out + 1
      else
        wrong[#wrong + 1] = ("%s: %s did not run in %s"):format(test.file, test.name, suite.suite)
      end
    end
  end
  return left_out
end

-- Entries for places where tests ran that match no test any more.
local function find_unused(folder, suites, used, wrong)
  local here = {}
  for _, suite in ipairs(suites) do
    for host in pairs(suite.here) do here[host] = true end
  end
  for _, entry in ipairs(exceptions.list) do
    local meant = false
    for _, host in ipairs(entry.on) do meant = meant or here[host] end
    if meant and not used[entry] and entry.file:find("spec/" .. folder .. "/", 1, true) == 1 and #suites > 1 then
      local what = entry.name or entry.part or "all of it"
      wrong[#wrong + 1] = ("no test is meant by the exception %s: %s"):format(entry.file, what)
    end
  end
end

-- Those that follow each other for one reason are below it.
local function print_exceptions(used)
  local last
  for _, entry in ipairs(exceptions.list) do
    if used[entry] then
      local head = ("not on %s: %s"):format(table.concat(entry.on, ", "), entry.why)
      if head ~= last then say("# %s", head) end
      last = head
      say("#   %s: %s", entry.file:match "[^/]+$", entry.name or entry.part and "*" .. entry.part .. "*" or "all of it")
    end
  end
end

local function check_folder(number, folder, suites)
  local all, total = union(suites)
  local used, wrong = {}, {}
  say("#")
  say("# %-16s %8s %9s   of %d tests", "spec/" .. folder, "ran", "excepted", total)
  for _, suite in ipairs(suites) do
    say("# %-16s %8d %9d", suite.suite, suite.count, compare(suite, all, used, wrong))
  end
  print_exceptions(used)
  find_unused(folder, suites, used, wrong)
  table.sort(wrong)
  say("%s %d - the same tests of spec/%s ran everywhere", wrong[1] and "not ok" or "ok", number, folder)
  for i = 1, math.min(#wrong, SHOWN_MAX) do say("# %s", wrong[i]) end
  if #wrong > SHOWN_MAX then say("# and %d more", #wrong - SHOWN_MAX) end
end

local names = {}
for i = 2, #arg do names[#names + 1] = arg[i] end
local folders, order = read_suites(arg[1], names)
for i, folder in ipairs(order) do check_folder(i, folder, folders[folder]) end
say("1..%d", #order)
