-- demo.lua - `make demo`: what the SDK does, against the local gateway over HTTPS. With keys and JDCLOUD_DEMO=live the
-- listing part runs against the real service.

local jdcloud = require "jdcloud"

local live = os.getenv("JDCLOUD_DEMO") == "live"
local terminal = os.getenv("TERM") ~= nil and os.execute("test -t 1") -- true, or 0 on Lua 5.1
terminal = terminal == true or terminal == 0

local function heading(text)
  print("\n== " .. text)
end

local function say(text, ...)
  print("   " .. text:format(...))
end

-- A line that the next one overwrites, where somebody is looking.
local function progress(text)
  if terminal then io.write("\r   ", text, "\27[K") io.flush() end
end

local function progress_end()
  if terminal then io.write("\r\27[K") end
end

local function regions()
  heading "Regions and zones"
  for _, region in ipairs(jdcloud.regions) do
    local zones = {}
    for i, zone in ipairs(region.zones) do zones[i] = zone.code end
    say("%-11s %-22s %s", region.code, region.name, table.concat(zones, ", "))
  end
end

local function create(cloud)
  heading "Create an instance, paid for one month in advance"
  local created = cloud.vm:createInstances {
    maxCount = 1,
    instanceSpec = {
      az = jdcloud.zone.CN_NORTH_1A, name = "demo-web", instanceType = "g.n3.medium", imageId = "img-demo",
      primaryNetworkInterface = { networkInterface = { subnetId = "subnet-demo" } },
      charge = jdcloud.charge.prepaid { unit = jdcloud.charge_unit.MONTH, duration = 1 },
    },
  }
  local id = created.instanceIds[1]
  say("created %s", id)
  local instance = cloud.vm:wait("instance_running", { instanceId = id }, {
    timeout = 60,
    on_progress = function(now)
      progress(("waiting for it to run: %s after %.1f s"):format(next(now.states) or "nothing yet", now.elapsed))
    end,
  })
  progress_end()
  say("%s is %s, charged %s until %s", instance.instanceId, instance.status, instance.charge.chargeMode,
    instance.charge.chargeExpiredTime)
  say("a ChargeSpec without chargeMode never leaves the house:")
  local _, err = cloud.safe.vm:createInstances {
    instanceSpec = { az = jdcloud.zone.CN_NORTH_1A, name = "demo-oops", charge = { chargeDuration = 1 } },
  }
  say("  %s", err.problems[1].path .. ": " .. err.problems[1].message)
end

local function list(cloud, most)
  heading "List instances, page by page"
  local count = 0
  for instance in cloud.vm:each("describeInstances", { pageSize = 10 }) do
    count = count + 1
    if count <= most then
      say("%-14s %-12s %-10s %s", instance.instanceId, instance.instanceName or "", instance.status or "",
        instance.privateIpAddress or "")
    end
  end
  if count > most then say("… and %d more", count - most) end
  say("%d instance%s", count, count == 1 and "" or "s")
end

local function rate_limit(cloud, gateway, limit, window)
  local wanted = limit * 2 + 10
  heading(("The rate limit: %d calls in %d seconds, and a script that makes %d"):format(limit, window, wanted))
  gateway:set { limit = limit, window = window }
  local waits, waited, calls, refused = 0, 0, 0, 0
  local busy = cloud:with {
    limits = { vm = { 1000, window } }, -- it doesn't know how few it may make
    on_event = function(event)
      if event.event == "wait" then -- why: throttled (the service said so), then limit (the window is shut for a while)
        waits, waited = waits + 1, waited + event.seconds
        progress(("%d calls made, %s: waiting %.1f s"):format(calls, event.why, event.seconds))
      elseif event.event == "attempt_end" and event.code == 429 then
        refused = refused + 1
      end
    end,
  }
  for _ = 1, wanted do
    busy.vm:describeInstances { pageSize = 10 }
    calls = calls + 1
  end
  progress_end()
  say("%d calls came through, none failed; %d were refused at first, and %.1f s were spent in %d waits", calls, refused,
    waited, waits)
  gateway:set { limit = 1000, window = 60 }
  cloud:with { limits = { vm = 1000 } }
end

local function disabled_key(cloud, gateway)
  heading "A disabled access key"
  gateway:key("JDCDEMODISABLED", { secret = "demo-of-a-disabled-key", disabled = true })
  local other = cloud:with { access_key = "JDCDEMODISABLED", secret_key = "demo-of-a-disabled-key" }
  local _, err = other.safe.vm:describeInstances()
  say("%s", tostring(err))
  say("kind %s, status %s, code %d, request %s, retryable: %s", err.kind, err.status, err.code, err.request_id,
    tostring(err.retryable))
end

local function against_the_gateway()
  local gateway = assert(require("jdcloud.gateway.nginx").start { ready_after = 1 })
  local cloud = jdcloud.new {
    region = jdcloud.region.CN_NORTH_1, endpoint = gateway.https, ca_file = gateway.ca_file,
    access_key = gateway.access_key, secret_key = gateway.secret_key,
  }
  say("jdcloud %s with %s, against a local gateway at %s", jdcloud._VERSION, _VERSION, gateway.https)
  regions()
  create(cloud)
  cloud.vm:createInstances {
    maxCount = 24,
    instanceSpec = { az = jdcloud.zone.CN_NORTH_1B, name = "demo-worker", instanceType = "g.n3.medium",
      charge = jdcloud.charge.postpaid_by_usage() },
  }
  list(cloud, 4)
  rate_limit(cloud, gateway, 20, 3)
  disabled_key(cloud, gateway)
  cloud:close()
  gateway:stop()
end

jdcloud.main(function()
  if not live then return against_the_gateway() end
  local cloud = jdcloud.new { region = os.getenv("JDCLOUD_REGION_ID") or jdcloud.region.CN_NORTH_1 }
  regions()
  list(cloud, 20)
  cloud:close()
end)
