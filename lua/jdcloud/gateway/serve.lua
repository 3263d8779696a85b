-- The local gateway as a command: `lua lua/jdcloud/gateway/serve.lua [--window 3 --limit 20]`. Starts it in nginx,
-- prints where it is and how to use it, and runs until Ctrl-C, or until its nginx ends.

local USAGE = [[
usage: serve.lua [--limit CALLS] [--window SECONDS] [--ready-after SECONDS] [--quota INSTANCES] [--nginx COMMAND]
                 [--session-life SECONDS] [--cpath TEMPLATE] [--empty]
  --limit        calls per window and access key (1000)
  --window       length of a window (60)
  --ready-after  seconds that an instance takes to change its state (0.5)
  --quota        instances in one region (1000)
  --session-life seconds that the keys of an assumed role and of the instance's role live, whatever is asked for
                 (0: what sts.assumeRole asks for, and 6 hours)
  --nginx        the nginx to run
  --cpath        where nginx's LuaJIT finds jdcloud.core, like build/jit/?.so
  --empty        no instances, disks, domain and bill from the start
  --help         this]]

local NUMBERS = { limit = true, window = true, ready_after = true, quota = true, session_life = true }
local TEXTS = { nginx = true, cpath = true }

local LOOK_EVERY = 5 -- of the pauses below: whether nginx still runs
local PAUSE = 0.2 -- seconds
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

-- Returns when nginx ends, false and what is known of it. Ctrl-C raises "interrupted!" in it.
local function wait_for_end(server)
  local core = require "jdcloud.core"
  local runs, reason = true, nil
  while runs do
    for _ = 1, LOOK_EVERY do
      core.sleep(PAUSE)
    end
    runs, reason = server:runs()
  end
  return runs, reason
end

local function main()
  if arg[1] == "--help" then
    print(USAGE)
    return 0
  end
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
  local asked, server, message = pcall(require("jdcloud.gateway.nginx").start, options)
  if not asked or not server then
    io.stderr:write(tostring(asked and message or server), "\n")
    return 1
  end
  print(GREETING:format(server.https, server.https2, server.http, server.http, example.access_key, example.secret_key,
    server.https, server.ca_file, contents(options), DISABLED_KEY))
  io.stdout:flush()
  -- The server must be stopped and its folder removed. Any other end of this process it notices by itself, within a
  -- second.
  local ended, _, reason = pcall(wait_for_end, server)
  server:stop()
  if ended then
    io.stderr:write("The local gateway has ended, since its nginx has", reason and reason ~= "" and ": " or "",
      reason or "", "\n")
    return 1
  end
  return 0
end

os.exit(main())
