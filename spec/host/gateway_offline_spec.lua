-- gateway_offline_spec.lua - scripts that know nothing of the local gateway, run against the one of `make gateway` with
-- the lines that it prints; and what a gateway in nginx has of all services.

local child = require "support.child"
local core = require "jdcloud.core"
local expiry = require "jdcloud.providers.expiry"
local jdcloud = require "jdcloud.safe"
local nginx = require "jdcloud.gateway.nginx"
local shell = require "jdcloud.gateway.shell"

local function interpreter()
  local lowest = -1
  while arg[lowest - 1] do lowest = lowest - 1 end
  return shell.quote(arg[lowest])
end

-- As a user would: one terminal with the gateway, another with the pasted lines and the script.
local SESSION = [[
%s %s >"$out" 2>&1 &
pid=$!
i=0
while ! grep -q 'is disabled' "$out" && [ $i -lt 500 ]; do sleep 0.02; i=$((i+1)); done
eval "$(sed -n 's/^ *\(export .*\)/\1/p' "$out")"
%s "$script" "$out"
kill -INT $pid
wait $pid]]

local function session(script)
  local out, path = os.tmpname(), os.tmpname()
  assert(shell.write(path, script))
  local serve = shell.template(package.path, "jdcloud/gateway/serve"):gsub("%?", "jdcloud/gateway/serve")
  local command = ("export LUA_PATH=%s LUA_CPATH=%s out=%s script=%s\n"):format(shell.quote(package.path),
    shell.quote(package.cpath), out, path) .. SESSION:format(interpreter(), shell.quote(serve), interpreter())
  local ran, output = shell.run(command)
  os.remove(out)
  os.remove(path)
  assert(ran, output)
  return output
end

describe("a script with the lines of make gateway", function()
  it("asks the gateway, whatever the service", function()
    local output = session [[
      local cloud = require("jdcloud").new()
      for _, name in ipairs { "vpc", "redis", "iam", "starshield", "function" } do
        local client = cloud:service(name)
        print(name, #client:operations() > 0)
      end
      print(#cloud.vpc:describeVpcs().vpcs, #cloud.vm:describeInstances().instances > 0)
      print(cloud.redis:describeCacheInstance({ cacheInstanceId = "redis-1" }).cacheInstance.cacheInstanceId)
    ]]
    assert.equal("vpc\ttrue\nredis\ttrue\niam\ttrue\nstarshield\ttrue\nfunction\ttrue\n3\ttrue\nredis-1", output)
  end)
end)

describe("make gateway", function()
  it("says what there is to try the recipes with", function()
    local output = session [[
      local file = assert(io.open(arg[1]))
      local said = file:read "*a"
      file:close()
      local cloud = require("jdcloud").new()
      for line in said:gmatch "[^\n]+" do
        for key, value in line:gmatch "(%w+)=(%w+)" do
          local region, what = line:match "^ *([%w-]+) +(%w+)"
          if what and (what:find "^instance" or what == "disk") then
            local view = cloud:with { region = region }
            local tags = { { key = key, values = { value } } }
            local found = what == "disk" and view.disk:all("describeDisks", { tags = tags })
              or view.vm:all("describeInstances", { tags = tags })
            print(region, what, key .. "=" .. value, #found > 0)
          end
        end
      end
      print(cloud.lb:describeListener({ listenerId = said:match "listener +(%S+)" }).listener.listenerName)
      print(cloud.cdn:getDomainDetail({ domain = said:match "CDN domain +(%S+)" }).domain)
      print(cloud.domainservice:all("describeDomains", { domainName = said:match " domain +(%S+)" })[1].domainName)
    ]]
    for _, part in ipairs {
      "cn-north-1\tinstances\tenv=production\ttrue\n", "cn-north-1\tinstance\tnight=off\ttrue\n",
      "cn-north-1\tdisk\tbackup=nightly\ttrue\n", "https\nstatic.example.com\nexample.com",
    } do
      assert.is_truthy(output:find(part, 1, true), output)
    end
    assert.is_nil(output:find("false", 1, true), output)
  end)
end)

describe("the command of the gateway", function()
  local serve = shell.template(package.path, "jdcloud/gateway/serve"):gsub("%?", "jdcloud/gateway/serve")

  it("lists its options, and says which value is none", function()
    local help = child.file(serve, { "--help" })
    assert.equal(0, help.code)
    for option in ("limit window ready-after quota session-life nginx cpath empty"):gmatch "%S+" do
      assert.truthy(help.out:find("\n  --" .. option .. " ", 1, true), option)
    end
    local wrong = child.file(serve, { "--session-life", "-1" })
    assert.equal(1, wrong.code)
    assert.matches("^session_life of a gateway: must be seconds, from 0\n$", wrong.err)
    assert.equal(2, child.file(serve, { "--session-lif", "1" }).code)
  end)

  it("has roles whose keys live as long as it is told, and ends when its nginx does", function()
    local process = child.start(serve, { "--session-life", "60" })
    local endpoint, ca_file
    for _ = 1, 1500 do
      endpoint, ca_file = process:said():match 'JDCLOUD_ENDPOINT=(%S+).*ca_file = "([^"]+)"'
      if ca_file then break end
      os.execute "sleep 0.02"
    end
    assert.truthy(ca_file, "it prints where it is")
    local example = require("jdcloud.gateway").example
    local own = assert(jdcloud.new {
      region = "cn-north-1", endpoint = endpoint, access_key = example.access_key, secret_key = example.secret_key,
    })
    local role = { roleJrn = "jrn:iam::1:role/r", roleSessionName = "s", durationSeconds = 3600 }
    local before = core.wall()
    local keys = assert(own.sts:assumeRole { assumeRoleInfo = role }).credentials
    local ending = expiry.parse(keys.expiration) - expiry.BEIJING
    assert.is_true(before + 59 <= ending and ending <= core.wall() + 60, keys.expiration)
    own:close()
    local folder = ca_file:match "^(.*)/"
    assert(os.execute(("kill -TERM $(cat %s/nginx.pid)"):format(shell.quote(folder))))
    local result = process:finish()
    assert.equal(1, result.code)
    assert.matches("^The local gateway has ended, since its nginx has", result.err)
    assert.is_false(shell.exists(folder))
  end)
end)

describe("a gateway in nginx", function()
  local server, cloud

  setup(function()
    server = assert(nginx.start { behaviours = false, seed = 7 })
    cloud = assert(jdcloud.new {
      region = "cn-east-2", endpoint = server.http, access_key = server.access_key, secret_key = server.secret_key,
    })
  end)

  teardown(function()
    if cloud then cloud:close() end
    if server then server:stop() end
  end)

  it("has as many items as it is told", function()
    for _, items in ipairs { 0, 1, 250 } do
      server:set { items = items }
      local count = 0
      for item, err in cloud.rds:each("describeInstances", {}, { page_size = 100 }) do
        assert(item, tostring(err))
        count = count + 1
      end
      assert.equal(items, count)
    end
  end)

  it("answers the same as one in the process for the same seed", function()
    local here = require("jdcloud.gateway").new { seed = 7, behaviours = false }
    local inside = assert(jdcloud.new {
      region = "cn-east-2", transport = require "jdcloud.transport.gateway"(here), access_key = server.access_key,
      secret_key = server.secret_key,
    })
    local calls = { describeDisk = { diskId = "d" }, describeSnapshot = { snapshotId = "s" }, describeSoldout = {} }
    for name, params in pairs(calls) do
      local a, b = assert(cloud.disk:call(name, params)), assert(inside.disk:call(name, params))
      assert.equal(jdcloud.encode(a), jdcloud.encode(b))
    end
  end)

  it("takes no handlers, and says so", function()
    assert.has_error(function() server:on("vm:describeInstances", function() end) end)
  end)
end)
