-- tap.lua - an output handler for busted: the Test Anything Protocol, one line as each test ends, so that a crash shows
-- where it was. busted's own TAP handler leaves out what fails outside of a test (before_each, a file that won't load).
local busted = require "busted"
local new_handler = require "busted.outputHandlers.base"

local function say(format, ...)
  io.write(format:format(...), "\n")
  io.flush()
end

local function text(message)
  if message == nil then return "no message" end
  if type(message) == "string" then return message end
  return require "pl.pretty".write(message)
end

local function comment(message) say("%s", (("\n" .. message):gsub("\n", "\n# "):sub(2))) end

return function()
  local handler = new_handler()
  local count = 0

  local function ended(ok, name, suffix)
    count = count + 1
    say("%s %d - %s%s", ok and "ok" or "not ok", count, (name:gsub("%s+", " "):gsub("#", "no. ")), suffix or "")
  end

  local function failed(report)
    ended(false, report.name)
    local where = report.element.trace
    if where and where.currentline then comment(where.short_src .. ":" .. where.currentline) end
    comment(text(report.message))
    if report.trace and report.trace.traceback then comment((report.trace.traceback:gsub("^\n", ""))) end
  end

  local function test_ended(element, _, status)
    if status == "success" then
      ended(true, handler.getFullName(element))
    elseif status == "pending" then
      ended(true, handler.getFullName(element), " # SKIP " .. text(handler.pendings[#handler.pendings].message))
    else
      local reports = status == "failure" and handler.failures or handler.errors
      failed(reports[#reports])
    end
    return nil, true
  end

  local function failed_outside(element)
    if element.descriptor ~= "it" then failed(handler.errors[#handler.errors]) end
    return nil, true
  end

  busted.subscribe({ "file", "start" }, function(file)
    comment(file.name)
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, test_ended)
  busted.subscribe({ "failure" }, failed_outside)
  busted.subscribe({ "error" }, failed_outside)
  busted.subscribe({ "suite", "end" }, function()
    say("1..%d", count)
    return nil, true
  end)

  return handler
end
