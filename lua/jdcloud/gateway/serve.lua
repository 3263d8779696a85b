-- The local gateway as a command: `lua lua/jdcloud/gateway/serve.lua [--window 3 --limit 20]`. Starts it in nginx,
-- prints where it is and how to use it, and runs until Ctrl-C.

local USAGE = [[
usage: serve.lua [--limit CALLS] [--window SECONDS] [--ready-after SECONDS] [--quota INSTANCES] [--nginx COMMAND]
                 [--cpath TEMPLATE] [--empty]
  --limit        calls per window and access key (1000)
  --window       length of a window (60)
  --ready-after  seconds that an instance takes to change its state (0.5)
  --quota        instances in one region (1000)
  --nginx        the nginx to run
  --cpath        where nginx's LuaJIT finds jdcloud.core, like build/jit/?.so
  --empty        no instances, disks, domain and bill from the start]]

local NUMBERS = { limit = true, window = true, ready_after = true, quota = true }
local TEXTS = { nginx = true, cpath = true }

local DISABLED_KEY = "JDCLOCALDISABLED001"

-- From a checkout the modules lie beside this file; installed ones are found anyway.
local function find_modules()
  local here = arg[0]:match("^(.*)jdcloud/gateway/serve%.lua$")
  if here then
    local build = here .. "../build/" .. (rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d"))
    package.path = here .. "?.lua;" .. package.path
    package.cpath = build .. "/?.so;" .. package.cpath
  end
end

local function read_arguments()
  local options, i = { account = true }, 1
  while arg[i] do
    local name = arg[i]:match("^%-%-([%a-]+)$")
    name = name and name:gsub("-", "_")
    local value, used = arg[i + 1], 2
    if name == "empty" then
      name, value, used = "account", false, 1
    elseif NUMBERS[name] then
      value = tonumber(value)
    elseif not TEXTS[name] then
      value = nil
    end
    if value == nil then
      return nil
    end
    options[name], i = value, i + used
  end
  return options
end

local GREETING = [[
The local gateway answers at

  %s   (HTTP/2 at %s)
  %s

until Ctrl-C. With these variables any script asks it instead of JD Cloud:

  export JDCLOUD_ENDPOINT=%s
  export JDCLOUD_ACCESS_KEY_ID=%s
  export JDCLOUD_SECRET_ACCESS_KEY=%s
  export JDCLOUD_REGION_ID=cn-north-1

Over HTTPS, where its CA must be named:

  jdcloud.new { endpoint = "%s",
    ca_file = "%s" }

%sThe access key %s (same secret) is disabled.]]

-- Says what there is to try a script with.
local function contents(options)
  if not options.account then
    return "There is nothing in it yet.\n\n"
  end
  local lines = require("jdcloud.gateway.account").summary()
  return "From the start there are\n\n  " .. table.concat(lines, "\n  ") .. "\n\n"
end

local function main()
  local options = read_arguments()
  if not options then
    io.stderr:write(USAGE, "\n")
    return 2
  end
  find_modules()
  local example = require("jdcloud.gateway").example
  options.access_keys = {
    [example.access_key] = { secret = example.secret_key },
    [DISABLED_KEY] = { secret = example.secret_key, disabled = true },
  }
  local server, message = require("jdcloud.gateway.nginx").start(options)
  if not server then
    io.stderr:write(message, "\n")
    return 1
  end
  print(GREETING:format(server.https, server.https2, server.http, server.http, example.access_key, example.secret_key,
    server.https, server.ca_file, contents(options), DISABLED_KEY))
  io.stdout:flush()
  -- Ctrl-C raises "interrupted!" between two sleeps; the server must be stopped and its folder removed. Any other end
  -- of this process the server notices by itself, within a second.
  local core = require "jdcloud.core"
  pcall(function()
    while true do core.sleep(0.2) end
  end)
  server:stop()
  return 0
end

os.exit(main())
