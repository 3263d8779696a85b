-- errors.lua - the one place that makes error objects, turns them into a line of text, and raises them so that a
-- person can read them on every Lua (design.md, Errors).

local M = {}

-- The longest piece of each kind in the one line, bytes; a service may send anything as its message.
local MESSAGE_MAX, HINT_MAX, WORD_MAX = 500, 300, 120
-- How many problems of an `invalid` error its line names; `problems` has them all.
local PROBLEMS_SHOWN = 5
-- Stack levels looked at for the caller's place or for a pcall.
local LEVELS_MAX = 200

local builtin_pcall, builtin_xpcall = pcall, xpcall
local getinfo = debug.getinfo

-- "@/usr/share/lua/5.4/jdcloud/": the sources of this package begin with it, or are that folder's jdcloud.lua.
local folder = getinfo(1, "S").source:match("^(@.*[/\\])errors%.lua$")
local entry = folder and folder:sub(1, -2) .. ".lua"

local function is_ours(source)
  return source == entry or source:sub(1, #folder) == folder
end

--- The place in the caller's program that this call of the package came from: "file:line" of the first Lua function
-- on the stack that is not the package's own; nil where there is none (a coroutine of the package, stripped code).
function M.where()
  if not folder then return nil end
  for level = 2, LEVELS_MAX do
    local info = getinfo(level, "Sl")
    if not info then return nil end
    if info.currentline > 0 and not is_ours(info.source) then
      return info.short_src .. ":" .. info.currentline
    end
  end
  return nil
end

-- One line without control characters (C0, DEL, C1), at most max bytes, cut between UTF-8 characters.
local function clean(text, max)
  text = tostring(text):gsub("[%z\1-\31\127]+", " "):gsub("\194[\128-\159]", " ")
  if #text > max then
    local cut = max - 3
    while cut > 0 and text:find("^[\128-\191]", cut + 1) do cut = cut - 1 end
    text = text:sub(1, cut) .. "..."
  end
  return text
end

local function subject(err)
  if err.service and err.operation then
    return clean(err.service, WORD_MAX) .. "." .. clean(err.operation, WORD_MAX)
  end
  local name = err.operation or err.service
  return name and clean(name, WORD_MAX)
end

-- "NOT_FOUND (404)", "server (HTTP 502)", "ABORTED (409, HTTP 200)", "timeout"
local function verdict(err)
  local name = clean(err.status or err.kind or "error", WORD_MAX)
  local code, http = tonumber(err.code), tonumber(err.http_status)
  if code == 0 then code = nil end
  if not code and not http then return name end
  if not code then return ("%s (HTTP %.0f)"):format(name, http) end
  if not http or http == code then return ("%s (%.0f)"):format(name, code) end
  return ("%s (%.0f, HTTP %.0f)"):format(name, code, http)
end

local function circumstances(err)
  local parts = {}
  if err.region then parts[#parts + 1] = clean(err.region, WORD_MAX) end
  if err.request_id then parts[#parts + 1] = "request " .. clean(err.request_id, WORD_MAX) end
  local attempts = tonumber(err.attempts)
  if attempts == 0 then parts[#parts + 1] = "not sent" end
  if attempts and attempts > 1 then parts[#parts + 1] = ("%.0f attempts"):format(attempts) end
  return parts[1] and " [" .. table.concat(parts, ", ") .. "]" or ""
end

local function problems_text(problems)
  local parts = {}
  for i = 1, math.min(#problems, PROBLEMS_SHOWN) do
    local problem = problems[i]
    parts[i] = (problem.path and problem.path ~= "" and problem.path .. ": " or "") .. problem.message
  end
  local rest = #problems - #parts
  if rest > 0 then parts[#parts + 1] = ("and %d more"):format(rest) end
  return table.concat(parts, "; ")
end

local metatable = { __name = "jdcloud.error", jdcloud_error = true }

--- One line: `script.lua:12: vm.stopInstance: NOT_FOUND (404): no such instance [cn-east-2, request b…] (hint: …)`.
function metatable.__tostring(err)
  local parts = {}
  if err.where then parts[#parts + 1] = clean(err.where, WORD_MAX) end
  parts[#parts + 1] = subject(err)
  parts[#parts + 1] = verdict(err)
  if err.message and err.message ~= "" then parts[#parts + 1] = clean(err.message, MESSAGE_MAX) end
  local hint = err.hint and err.hint ~= "" and " (hint: " .. clean(err.hint, HINT_MAX) .. ")" or ""
  return table.concat(parts, ": ") .. circumstances(err) .. hint
end

function metatable.__concat(left, right)
  return tostring(left) .. tostring(right)
end

--- Makes an error object of `fields`, which it takes over.
-- @param fields kind (one of core.kinds), and what is known of: status, code, message, details, request_id,
--   http_status, service, operation, region, attempts (0: never sent), retryable, retry_after (seconds), hint, problems
--   ({ { path, message }, … }), phase and sent (of a transport's failure), gave_up (why it was not repeated), where.
-- @return the object. `where` is filled in unless given; `message` too, if there are problems and no message.
function M.new(fields)
  if fields.where == nil then fields.where = M.where() end
  if fields.problems and not fields.message then fields.message = problems_text(fields.problems) end
  return setmetatable(fields, metatable)
end

--- Is x an error object, of this load of the package or of another one?
function M.is(x)
  if type(x) ~= "table" then return false end
  local mt = getmetatable(x)
  return type(mt) == "table" and rawget(mt, "jdcloud_error") == true
end

-- Does a pcall or xpcall stand on this coroutine's stack?
local function is_protected()
  for level = 2, LEVELS_MAX do
    local info = getinfo(level, "f")
    if not info then return false end
    if info.func == builtin_pcall or info.func == builtin_xpcall then return true end
  end
  return true -- too deep to tell: the object can't do harm
end

-- PUC 5.1 shows an uncaught object as "(error object is not a string)"; every later one, and LuaJIT, asks __tostring.
local shows_strings_only = _VERSION == "Lua 5.1" and rawget(_G, "jit") == nil

-- Was this 404 somebody else's: a proxy's or a wrong host's, without anything of the service's envelope, or the API
-- gateway's for want of a route (protocol.md 5.2)? It says nothing of the resource.
local function is_foreign(err)
  if err.http_status and not (err.code or err.status or err.request_id) then return true end
  return type(err.message) == "string" and err.message:lower():find("no route and no api found", 1, true) ~= nil
end

--- Does this error say that the resource isn't there? Only the service's answer can: not a call that wasn't sent, nor
-- one that ended for want of keys, whatever those who were asked for keys didn't find, nor a 404 of somebody else.
function M.is_absence(err)
  return err.kind == "not_found" and err.attempts ~= 0 and err.gave_up ~= "credentials" and err.phase ~= "credentials"
    and not is_foreign(err)
end

--- Raises an error object so that a person can read it even if nobody catches it.
-- Where the host would not show the object's text (measured), and no pcall on this coroutine's stack will catch it: PUC
-- Lua 5.1's main program gets the line instead of the object; in nginx ("unknown reason") the line goes to the error
-- log first. Anything but an error object is raised as it is.
function M.raise(err)
  if M.is(err) then
    local ngx = rawget(_G, "ngx")
    if type(ngx) == "table" and ngx.log then
      if not is_protected() then ngx.log(ngx.ERR, tostring(err)) end
    elseif shows_strings_only and not coroutine.running() and not is_protected() then
      err = tostring(err)
    end
  end
  error(err, 0)
end

--- Returns all its arguments if the first is neither nil nor false, else raises the second: `assert` for results of the
-- safe interface (PUC 5.1's and 5.2's own assert takes strings only).
function M.check(...)
  if (...) then return ... end
  local _, err = ...
  if err == nil then err = "check failed" end
  return M.raise(err)
end

--- What is to be read of a reason that is no error object: a text, or another library's table.
function M.words(reason)
  if type(reason) ~= "table" then return tostring(reason) end
  if type(reason.message) == "string" then return reason.message end
  local mt = getmetatable(reason)
  return type(mt) == "table" and mt.__tostring and tostring(reason) or "a table without a message"
end

--- Raises a programming mistake (an unknown option, a wrong argument type) as a string with the caller's file and line.
function M.misuse(message)
  local where = M.where()
  error(where and where .. ": " .. message or message, 0)
end

return M
