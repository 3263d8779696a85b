-- stack.lua - clouds over the whole stack: attempt machine, libcurl, TLS, and the gateway in a real nginx. Remembers
-- what errors and events said and what arrived at the server. Every secret has the marker that they are searched for.

local assert = require "luassert"
local curl = require "jdcloud.curl"
local nginx = require "jdcloud.gateway.nginx"
local shell = require "jdcloud.gateway.shell"

local M = { access_key = "AKSTACK", secret_key = "SK-CANARY-stack", password = "PASSWORD-CANARY" }

-- What nobody may find in an error, an event or a log: secrets, and what could be replayed.
local FORBIDDEN = { "CANARY", "Signature=", "HMAC-SHA256" }

local Stack = {}
Stack.__index = Stack

--- How the calls of a spec may travel: its name, and whether HTTP/2 is among what it can. Cosockets are in an nginx of
-- their own, whose Lua is LuaJIT whatever runs the test: they are left to one of them, 5.4.
M.carriers = { { name = "libcurl", http2 = true } }
if _VERSION == "Lua 5.4" then M.carriers[2] = { name = "cosockets", http2 = false } end

--- Starts the server. Instances change their state at once.
-- @param carrier one of those above, or nil
function M.start(carrier)
  local stack = setmetatable({ server = assert(nginx.start { ready_after = 0 }) }, Stack)
  if carrier and carrier.name == "cosockets" then
    stack.remote = require("support.remote").start { stack.server.ca_file }
  end
  return stack
end

--- To be called before each test: everything is as it was at the start.
function Stack:begin()
  self.server:reset()
  self.server:set { limit = 1000, window = 60, ready_after = 0, quota = 1000 }
  self.server:key(M.access_key, { secret = M.secret_key, disabled = false, denied = {} })
  self.clouds, self.events, self.outcomes, self.mark = {}, {}, {}, 0
end

--- Opens a cloud for this test.
-- @param options of jdcloud.new, over the ones here: the endpoint is the server's https
-- @param without the name of an option to leave out
-- @return cloud (safe)
function Stack:open(options, without)
  local wanted = {
    region = "cn-north-1", access_key = M.access_key, secret_key = M.secret_key, endpoint = self.server.https,
    ca_file = self.server.ca_file, proxy = false,
    limits = { vm = { 1000, 1 } }, -- a throttled window opens when its time turns: here each second
    on_event = function(event) self.events[#self.events + 1] = event end,
  }
  for name, value in pairs(options or {}) do wanted[name] = value end
  if without then wanted[without] = nil end
  if self.remote and not wanted.transport then
    wanted.transport = self.remote:transport({}, wanted.ca_file and "/run" or "/untrusting")
  end
  local cloud = assert(require("jdcloud.safe").new(wanted))
  self.clouds[#self.clouds + 1] = cloud
  return cloud
end

--- A running instance, whose making is not among what `arrived` tells.
-- @return its id
function Stack:instance(cloud)
  local created = assert(cloud.vm:createInstances { instanceSpec = M.spec() })
  self.mark = #self.server:log()
  return created.instanceIds[1]
end

--- What an instance is made of; a secret is among it.
function M.spec()
  return { az = "cn-north-1a", name = "x", password = M.password, charge = { chargeMode = "postpaid_by_usage" } }
end

--- The requests that arrived, oldest first: "POST 503", "POST 200 executed"; "POST 0" is one whose connection was
-- closed in the middle of it. Those that could be read had a nonce each of their own.
function Stack:arrived()
  local log, list, seen = self.server:log(), {}, {}
  for i = self.mark + 1, #log do
    local entry = log[i]
    list[#list + 1] = ("%s %d%s"):format(entry.method, entry.status, entry.executed and " executed" or "")
    if entry.nonce then
      assert.is_nil(seen[entry.nonce], "a nonce came twice")
      seen[entry.nonce] = true
    end
  end
  return list
end

--- n times the same, for what `arrived` should say.
function M.times(n, text)
  local list = {}
  for i = 1, n do list[i] = text end
  return list
end

local function fields_of(object, names)
  local found = {}
  for name in pairs(names) do found[name] = object[name] == nil and "none" or object[name] end
  return found
end

--- A call that was to fail, did.
-- @param expected fields of its error; "none" for one that it shall not have
-- @return the error
function Stack:failed(expected, result, err)
  assert.is_nil(result)
  self.outcomes[#self.outcomes + 1] = err
  assert.are.same(expected, fields_of(err, expected), tostring(err))
  return err
end

--- A call that was to be served, was.
-- @param expected fields of its meta
-- @return result, meta
function Stack:served(expected, result, meta)
  assert.is_truthy(result, tostring(meta))
  self.outcomes[#self.outcomes + 1] = meta
  assert.are.same(expected, fields_of(meta, expected))
  return result, meta
end

--- The events of one kind.
function Stack:told(name)
  local found = {}
  for _, event in ipairs(self.events) do
    if event.event == name then found[#found + 1] = event end
  end
  return found
end

local function collect(value, texts)
  if type(value) ~= "table" then
    texts[#texts + 1] = tostring(value)
    return texts
  end
  if getmetatable(value) then texts[#texts + 1] = tostring(value) end
  for key, item in pairs(value) do
    collect(key, texts)
    collect(item, texts)
  end
  return texts
end

--- Everything that errors, metas, events, the gateway's log and nginx's said in this test.
function Stack:said()
  local texts = collect({ self.events, self.outcomes, self.server:log() }, {})
  if self.remote then texts[#texts + 1] = self.remote.server:log() end
  texts[#texts + 1] = assert(shell.read(self.server.dir .. "/error.log"))
  return table.concat(texts, "\n")
end

--- To be called after each test: closes its clouds and searches what was said for secrets.
function Stack:finish()
  for _, cloud in ipairs(self.clouds) do cloud:close() end
  local said = self:said()
  for _, text in ipairs(FORBIDDEN) do assert.is_nil(said:find(text, 1, true), "a secret got out: " .. text) end
end

function Stack:stop()
  self.server:stop()
  if self.remote then self.remote:stop() end
end

--- A transport over libcurl's engine whose calls give way to each other, as in a host with a loop of its own.
-- @return transport, together = function(n, act): runs act(1) … act(n) at the same time, each in a coroutine
function M.concurrent(options)
  local engine, running = assert(curl.engine(options)), 0
  local transport = {}

  function transport.send(request)
    local transfer, failure = engine:start(request)
    if not transfer then return nil, failure end
    while not transfer:done() do
      if running > 0 then coroutine.yield() else engine:step(0.1) end
    end
    local status, headers, body, sent, message = transfer:result()
    if status then return { status = status, headers = headers, body = body } end
    return nil, { kind = headers, phase = body, sent = sent, message = message }
  end

  function transport.close() engine:close() end

  local function together(n, act)
    local tasks = {}
    for i = 1, n do tasks[i] = coroutine.create(function() act(i) end) end
    running = n
    while running > 0 do
      for _, task in ipairs(tasks) do
        if coroutine.status(task) == "suspended" then
          assert(coroutine.resume(task))
          if coroutine.status(task) == "dead" then running = running - 1 end
        end
      end
      engine:step(0.05)
    end
  end

  return transport, together
end

return M
