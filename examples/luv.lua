-- luv.lua - calls in a program that has a loop of its own, luv's: a small HTTP server that looks things up in JD Cloud
-- for whoever asks, while a clock goes on ticking.
--
--   lua examples/luv.lua [PORT]
--   curl http://127.0.0.1:8080/cn-north-1          # the instances of a region, one a line
--
-- Keys come from the environment or ~/.jdc/config. Every request is a task of its own: many are under way at once, and
-- the loop waits for none of them. Ctrl-C ends it, and tells how long the clock ever stood still.

local jdcloud = require "jdcloud"
local uv = require "luv"

local TICK = 10 -- milliseconds
local HEAD_MAX = 8192 -- bytes
local USAGE = "usage: luv.lua [PORT]"
local HEAD = "HTTP/1.1 %d %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
local REASONS = { [200] = "OK", [404] = "Not Found", [502] = "Bad Gateway" }

-- -> function() -> ticks so far, the longest time between two of them in milliseconds
local function start_clock()
  local ticks, longest, last = 0, 0, uv.hrtime()
  uv.new_timer():start(TICK, TICK, function()
    local now = uv.hrtime()
    ticks, longest, last = ticks + 1, math.max(longest, (now - last) / 1e6), now
  end)
  return function() return ticks, longest end
end

-- What a task does: written as in any script, though each call suspends it. Errors are raised, and come to the
-- callback of the task.
local function instances_of(cloud, region)
  local lines = {}
  for i, instance in ipairs(cloud:with({ region = region }).vm:all "describeInstances") do
    lines[i] = ("%s %s %s\n"):format(instance.instanceId, instance.status or "-", instance.instanceName or "-")
  end
  return table.concat(lines)
end

local function close(client)
  if not client:is_closing() then client:close() end
end

local function answer(client, status, text)
  if client:is_closing() then return end
  client:write(HEAD:format(status, REASONS[status], #text) .. text, function() close(client) end)
end

-- To whoever asked, the kind and the id of the request; the whole line to who runs the server.
local function answer_failure(client, err)
  io.stderr:write(tostring(err), "\n")
  local text = jdcloud.is_error(err) and ("%s (request %s)\n"):format(err.kind, err.request_id or "-") or "error\n"
  answer(client, 502, text)
end

-- Reads a request, one a connection. Who hangs up before the answer ends the call.
local function serve(client, cloud, loop, on_request)
  local head, task = "", nil
  client:read_start(function(failure, bytes)
    if failure or not bytes then
      if task then task.cancel() end
      return close(client)
    end
    head = task and "" or head .. bytes
    if #head > HEAD_MAX then return close(client) end
    if task or not head:find("\r\n\r\n", 1, true) then return end
    on_request()
    local region = head:match "^GET /(%l+%-%l+%-%d+) HTTP/1"
    if not region then
      client:read_stop()
      return answer(client, 404, "GET /cn-north-1, for example\n")
    end
    task = loop.spawn(function() return instances_of(cloud, region) end, function(err, text)
      if client:is_closing() then return end
      if err then answer_failure(client, err) else answer(client, 200, text) end
    end)
  end)
end

local function listen(port, on_connection)
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", port))
  assert(server:listen(128, function()
    local client = uv.new_tcp()
    server:accept(client)
    on_connection(client)
  end))
  return server:getsockname().port
end

local function port_of(words)
  local word = words[1] or "8080"
  if word == "-h" or word == "--help" then
    print(USAGE)
    os.exit(0)
  end
  local port = tonumber(word:match "^%d+$")
  if port and port <= 65535 and not words[2] then return port end
  io.stderr:write("luv: which port?\n", USAGE, "\n")
  os.exit(2)
end

jdcloud.main(function()
  local port = port_of(arg)
  local cloud = jdcloud.new()
  local loop = require("jdcloud.loop.luv").attach() -- from here on tasks are run by luv's loop
  local clock, requests = start_clock(), 0
  local listening = listen(port, function(client)
    serve(client, cloud, loop, function() requests = requests + 1 end)
  end)
  uv.new_signal():start("sigint", function() uv.stop() end)
  print("http://127.0.0.1:" .. listening)
  io.stdout:flush()
  uv.run()
  cloud:close() -- ends the calls that are under way
  print(("%d requests; the clock ticked %d times, and never stood still for longer than %.0f ms"):format(requests,
    clock()))
end)
