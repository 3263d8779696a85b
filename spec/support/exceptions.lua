-- exceptions.lua - the tests that don't run on every Lua and in every host, and why: all there is. A test that is named
-- here is left out there (support.hosts); one that isn't must run everywhere (support.same looks after each whole run).
--
-- file: of the spec. name: the test's whole name; or part: what its name contains; or neither, for all tests of the
-- file. on: where it doesn't run: on the Luas 5.1, 5.2, 5.3, 5.4 and jit, or in nginx and luv.

local M = {}

local OWN_THREADS = "nginx has tasks of its own, and where Lua can't give way nothing waits there: it is an error"
local NO_CLOSE = "variables marked <close> are Lua 5.4's"
local ONE_LUA = "what runs is nginx's LuaJIT, or C alone, whichever Lua drives it"
local ONE_IS_ENOUGH = "it is slow, and Redis decides; spec/unit/redis_limiter_spec.lua runs everywhere"
local BEFORE_54 = { "5.1", "5.2", "5.3", "jit" }

local NO_PCALL = "in a task of Lua 5.1 what the limiter of the user's raises passes through: pcall can't give way there"

M.list = {
  { file = "spec/host/cosocket_spec.lua", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/nginx_spec.lua", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/nginx_lifecycle_spec.lua", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/nginx_torture_spec.lua", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/shared_spec.lua", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/redis_spec.lua", on = BEFORE_54, why = ONE_IS_ENOUGH },
  { file = "spec/host/call_spec.lua", part = ", over cosockets", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/connection_spec.lua", part = ", over cosockets", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/examples_spec.lua", part = "the example metrics ", on = BEFORE_54, why = ONE_LUA },
  { file = "spec/host/examples_spec.lua", part = "the example my_instances ", on = BEFORE_54, why = ONE_LUA },
  {
    file = "spec/host/curl_spec.lua", part = "takes an answer that goes wrong at any of its bytes", on = BEFORE_54,
    why = ONE_LUA,
  },
  { file = "spec/host/tasks_spec.lua", part = "variables marked <close> in a task", on = BEFORE_54, why = NO_CLOSE },
  {
    file = "spec/unit/machine_spec.lua", name = "a call in the hands of its host is cancelled by <close>",
    on = BEFORE_54, why = NO_CLOSE,
  },
  {
    file = "spec/unit/cloud_spec.lua", on = { "luv" }, why = NO_PCALL,
    name = "a cloud makes what is wrong with a limiter of the user's an error of the call",
  },
  {
    file = "spec/unit/cloud_spec.lua", on = { "luv" }, why = NO_PCALL,
    name = "a cloud keeps the result of a call over whose end the limiter of the user's fails",
  },
  {
    file = "spec/unit/shared_spec.lua", on = { "nginx" },
    why = "it makes the parts of nginx that it needs; in a real one: spec/host/shared_spec.lua",
  },
  {
    file = "spec/unit/tasks_spec.lua", on = { "nginx" }, why = OWN_THREADS,
    name = "a task that somebody else resumes goes on waiting for what it waits for",
  },
  {
    file = "spec/unit/tasks_spec.lua", on = { "nginx" }, why = OWN_THREADS,
    name = "where Lua can't give way waits may be nested, but not without end",
  },
  {
    file = "spec/unit/tasks_spec.lua", on = { "nginx" }, why = OWN_THREADS,
    name = "where Lua can't give way a cancelled task sleeps no more",
  },
  {
    file = "spec/unit/tasks_spec.lua", on = { "nginx" }, why = OWN_THREADS,
    name = "where Lua can't give way a run ends when its task is cancelled, below others that wait so too",
  },
  {
    file = "spec/unit/tasks_spec.lua", name = "where Lua can't give way a task waits in place", on = { "nginx" },
    why = OWN_THREADS,
  },
  {
    file = "spec/unit/tasks_spec.lua", name = "run says so when every task waits for another", on = { "luv" },
    why = "nobody can tell: something else in the loop might yet cancel one of them",
  },
}

local function means(entry, name)
  if entry.part then return name:find(entry.part, 1, true) ~= nil end
  return entry.name == nil or entry.name == name
end

local function holds(entry, here)
  for _, host in ipairs(entry.on) do
    if here[host] then return true end
  end
  return false
end

--- Why a test is left out.
-- @param here set of what it would run on and in
-- @param file, name of the test
-- @return text | nil, if it isn't left out; the entry
function M.why(here, file, name)
  for _, entry in ipairs(M.list) do
    if entry.file == file and means(entry, name) and holds(entry, here) then
      return entry.why, entry
    end
  end
  return nil
end

return M
