-- Keys that end, over nginx: a hundred calls at once while temporary keys that live for a few seconds are renewed, from
-- sts and from the metadata service of the gateway.

local jdcloud = require "jdcloud"
local safe = require "jdcloud.safe"
local server_of = require "jdcloud.gateway.nginx"

local LIFE, ROUNDS, TASKS = 3, 3, 100 -- seconds of keys, lives that a run lasts, calls at once

describe("keys that end, over nginx", function()
  local server

  setup(function()
    server = assert(server_of.start { limit = 1000000, session_life = LIFE })
  end)

  teardown(function()
    server:stop()
  end)

  local function count(operation)
    local n, refused = 0, 0
    for _, entry in ipairs(server:log()) do
      if entry.operation == operation then
        n = n + 1
        if entry.status ~= 200 then refused = refused + 1 end
      end
    end
    return n, refused
  end

  for kind, case in pairs {
    assume_role = { asked = "sts:assumeRole", make = function()
      return jdcloud.credentials.assume_role {
        role = "jrn:iam::1:role/r", access_key = server.access_key, secret_key = server.secret_key,
      }
    end },
    instance_role = { asked = "metadata:iam/instance-role-security-credentials", make = function()
      return jdcloud.credentials.instance_role { endpoint = server.http }
    end },
  } do
    it("rotate under load: " .. kind, function()
      server:reset()
      local renewals, failed = 0, {}
      local cloud = safe.new {
        region = "cn-north-1", endpoint = server.https, ca_file = server.ca_file, credentials = case.make(),
        limits = false, on_event = function(event)
          if event.event == "credentials" then
            renewals = renewals + 1
            if event.kind ~= "ok" then failed[#failed + 1] = event.kind end
          end
        end,
      }
      local list, calls, lives, last = {}, 0, 0, nil
      for i = 1, TASKS do list[i] = i end
      local results, errors = safe.parallel(list, function()
        -- Until so many lives have passed, however slow the machine is.
        while lives <= ROUNDS do
          local result, err = cloud.vm:describeInstances({}, { timeout = 60 })
          if not result then return nil, err end
          calls = calls + 1
          local key = cloud._view.keys.credential:access_key()
          if key ~= last then last, lives = key, lives + 1 end
          safe.sleep(0.05)
        end
        return true
      end, { limit = TASKS })
      local _, err = next(errors or {})
      assert.is_nil(err)
      assert.are.equal(TASKS, #results)
      assert.are.same({}, failed)
      local asked = count(case.asked)
      local sent = count("vm:describeInstances")
      assert.are.equal(renewals, asked)
      assert.are.equal(calls, sent) -- none was repeated: no key was used after its end
      -- One request a rotation. The metadata service may be asked a moment before it has other keys.
      assert.is_true(asked >= lives and asked <= 2 * lives, asked .. " requests for " .. lives .. " lives")
      cloud:close()
    end)
  end
end)
