-- worker.lua - a worker of nginx that makes many calls at once: how long it lets an unrelated request wait, beside one
-- that sends the same bytes over bare cosockets; and what it holds after many calls.

local cjson = require "cjson"
local measure = require "bench.measure"
local nginx = require "support.nginx"
local remotes = require "support.remote"

local AT_ONCE, DELAY = 200, 0.05 -- calls in flight, seconds that the server takes for each
local ROUNDS = 5
local RATE, WARM, SECONDS = 500, 0.7, 2.5 -- probes a second, from when on, for how long
local GOAL_RATIO, GOAL_MS = 1.5, 5
local MANY, PORTION = 100000, 5000 -- calls that a worker makes, and of them those of one request
local LOOK = { [10000] = true, [50000] = true, [100000] = true } -- after how many to look at it

local QUICK = "location / { default_type application/json; return 200 '%s'; }"
local SLOW = [[
location / { default_type application/json; content_by_lua_block {
  ngx.sleep(%g) ngx.header["Content-Length"] = %d ngx.print('%s')
} }
]]

local CLIENT = [[
location = /probe { content_by_lua_block { ngx.header["Content-Length"] = 3 ngx.print("ok\n") } }
location = /load {
  resolver 127.0.0.1:$dns ipv6=off; lua_ssl_trusted_certificate $ca;
  content_by_lua_block { require("bench.load").content() }
}
location = /held { content_by_lua_block { require("bench.load").held() } }
]]

local function ask(client, path)
  local response = assert(client.server.transport.send {
    method = "GET", url = client.server.http .. path, headers = { { "host", "inside" } }, timeout = 120,
    max_size = 1024 * 1024,
  })
  assert(response.status == 200, response.body)
  return cjson.decode(response.body)
end

local function endpoint_of(server)
  return (server.https:gsub("127%.0%.0%.1", "localhost"))
end

-- Returns { p50, p99, longest in milliseconds; rate = calls a second, cpu = microseconds of a call }
local function probe(build, client, server, kind)
  local port = client.server.http:match("%d+$")
  local pipe = assert(io.popen(("%s/bench/probe %s /probe %d %g %g"):format(build, port, RATE, WARM, SECONDS)))
  local load = kind and ask(client, ("/load?kind=%s&endpoint=%s&at_once=%d&seconds=%g&warm=%g&spread=%g"):format(kind,
    endpoint_of(server), AT_ONCE, WARM + SECONDS + 0.1, WARM, DELAY))
  local count, p50, p99, longest = pipe:read("*a"):match("(%S+) (%S+) (%S+) (%S+)")
  pipe:close()
  assert(count, "the probe failed")
  return {
    p50 = tonumber(p50), p99 = tonumber(p99), longest = tonumber(longest),
    rate = load and load.calls / load.seconds, cpu = load and load.cpu / load.calls * 1e6,
  }
end

local function middle(list, field)
  local values = {}
  for i, one in ipairs(list) do values[i] = one[field] end
  return measure.median(values)
end

local NAMES = { sdk = "through the SDK", tasks = "in the SDK's tasks", bare = "over bare cosockets" }

local function compare(build, client, server)
  local seen, kinds = {}, { "bare", "sdk", "tasks" }
  for _, kind in ipairs(kinds) do seen[kind] = {} end
  for round = 1, ROUNDS do
    for _, kind in ipairs(kinds) do seen[kind][round] = probe(build, client, server, kind) end
  end
  measure.say("p99 of an unrelated request of a worker with nothing else to do: %.2f ms",
    probe(build, client, server).p99)
  for _, kind in ipairs(kinds) do
    local list = seen[kind]
    local detail = ("median %.2f ms, longest %.1f ms; %.0f calls/s, %.0f us CPU"):format(middle(list, "p50"),
      middle(list, "longest"), middle(list, "rate"), middle(list, "cpu"))
    measure.judge(("p99 beside %d calls %s"):format(AT_ONCE, NAMES[kind]), middle(list, "p99"), " ms",
      kind ~= "bare" and GOAL_MS or nil, detail)
    if kind ~= "bare" then
      local ratios = {}
      for i, one in ipairs(list) do ratios[i] = one.p99 / seen.bare[i].p99 end
      measure.judge("  in proportion to bare cosockets", measure.median(ratios), " x", GOAL_RATIO)
    end
  end
end

-- The calls come from many requests to the worker, as they would: nginx keeps some bytes for each light thread until
-- the request that started it ends.
local function weigh(client, server)
  local path = ("/load?kind=tasks&endpoint=%s&at_once=64&count=%d"):format(endpoint_of(server), PORTION)
  for made = PORTION, MANY, PORTION do
    local load = ask(client, path)
    if LOOK[made] then
      local held = ask(client, "/held")
      measure.say("after %6d calls: %.1f MB resident, %.0f KB of Lua, %d descriptors (%.0f calls/s, %.0f us CPU)", made,
        held.resident / 1024, held.lua, held.descriptors, load.calls / load.seconds, load.cpu / load.calls * 1e6)
    end
  end
end

--- @param build the folder of what is built
return function(build)
  local slow = nginx.start(SLOW:format(DELAY, #measure.answer, measure.answer))
  local quick = nginx.start(QUICK:format(measure.answer))
  local client = remotes.start({ slow.ca_file, quick.ca_file }, CLIENT)
  compare(build, client, slow)
  weigh(client, quick)
  for _, one in ipairs { client, slow, quick } do one:stop() end
end
