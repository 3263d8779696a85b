-- values.lua - plausible values by the name and the type of a field, drawn from a stream of numbers: times look like
-- times, ids like ids. The same stream gives the same values, on every Lua.

local core = require "jdcloud.core"

local M = {}

local format = string.format
local tointeger = math.tointeger

--- A stream of numbers.
-- @param text (string) what it depends on: one text, one stream
-- @return { state = whole number }, for M.draw
function M.stream(text)
  local state = 5381
  for i = 1, #text do
    state = (state * 33 + text:byte(i)) % 2147483646
  end
  local stream = { state = state + 1 } -- Lehmer's generator: never 0, and its products fit a double exactly
  M.draw(stream, 2)
  return stream
end

--- The next whole number, 0 to n - 1.
function M.draw(stream, n)
  local state = stream.state * 16807 % 2147483647
  stream.state = state
  return state % n
end

local draw = M.draw

local function pick(list)
  return function(s)
    return list[draw(s, #list) + 1]
  end
end

local function always(value)
  return function()
    return value
  end
end

--- An integer of the digits of a text, for a result: where this Lua has none that large, a mark that the envelope
-- turns into digits.
function M.integer(digits)
  local n = tonumber(digits)
  if tointeger then
    return tointeger(n) or n
  end
  return n < 2 ^ 53 and n > -2 ^ 53 and n or "\0i" .. digits
end

-- Texts.

local function code(s)
  return format("%06x%04x", draw(s, 16777216), draw(s, 65536))
end

local function long_code(s)
  return code(s) .. code(s) .. code(s):sub(1, 2) .. code(s)
end

-- "2024-05-06T07:08:09Z": things are created in 2024, changed in 2025, and end from 2031 on.
local function time_from(year, years)
  return function(s)
    local y, month, day = year + draw(s, years), 1 + draw(s, 12), 1 + draw(s, 28)
    return format("%04d-%02d-%02dT%02d:%02d:%02dZ", y, month, day, draw(s, 24), draw(s, 60), draw(s, 60))
  end
end

local function time_of(name)
  local lower = name:lower()
  if lower:find "expire" or lower:find "^end" or lower:find "retire" then
    return time_from(2031, 4)
  end
  return time_from((lower:find "update" or lower:find "modif" or lower:find "last") and 2025 or 2024, 1)
end

local function date(s)
  return format("2024-%02d-%02d", 1 + draw(s, 12), 1 + draw(s, 28))
end

local function ip(s)
  return format("10.%d.%d.%d", draw(s, 256), draw(s, 256), 1 + draw(s, 254))
end

local function zone(s, context)
  return context.region .. (draw(s, 2) == 0 and "a" or "b")
end

local function region(_, context)
  return context.region
end

-- What JD Cloud's ids begin with, where it isn't the name itself.
local PREFIXES = {
  instance = "i", disk = "vol", image = "img", networkSecurityGroup = "sg", networkInterface = "port",
  elasticIp = "fip", routeTable = "rtb", networkAcl = "acl", loadBalancer = "alb", backend = "backend",
}

local function id_of(name)
  local stem = name:gsub("I[dD]s?$", ""):gsub("[^%a]", "")
  local prefix = PREFIXES[stem] or stem:gsub("(%l)(%u)", "%1-%2"):lower()
  prefix = prefix == "" and "" or prefix .. "-"
  return function(s)
    return prefix .. code(s)
  end
end

local WORDS = { "web", "api", "db", "cache", "batch", "test", "shop", "mail", "log", "edge", "data", "auth" }
local PLACES = { "east", "west", "red", "blue", "new", "main", "spare", "night", "green", "core" }

local function name(s)
  return format("%s-%s-%d", WORDS[draw(s, #WORDS) + 1], PLACES[draw(s, #PLACES) + 1], 1 + draw(s, 999))
end

local function domain(s)
  return WORDS[draw(s, #WORDS) + 1] .. draw(s, 1000) .. ".example.com"
end

local TEXTS = { "made by hand", "for the night's jobs", "示例 – 说明", "keep until \"summer\"", "über alles geprüft", "" }

local function digits(s)
  return format("%d", 1 + draw(s, 9999))
end

-- Lists of { pattern, how }: the first pattern that the name matches decides; how is a generator, function(stream,
-- context), or, where `made` is set, function(name) that makes one.
local STRINGS = {
  { "^requestId$", long_code },
  { "^[rR]egion", region },
  { "[rR]egionI[dD]$", region },
  { "[rR]egionCode$", region },
  { "^azs?$", zone }, { "^az[A-Z]", zone }, { "Azs?$", zone }, { "^zone$", zone }, { "AzName$", zone },
  { "^chargeMode$", pick { "prepaid_by_duration", "postpaid_by_usage", "postpaid_by_duration" } },
  { "^chargeStatus$", pick { "normal", "overdue", "arrear" } },
  { "^chargeUnit$", pick { "month", "year" } },
  { "[cC]ode$", always "200" },
  { "^message$", always "success" }, { "^msg$", always "success" }, { "^result$", always "success" },
  { "^error", always "" }, { "^subCode$", always "" },
  { "Time$", time_of, made = true }, { "^time", time_of, made = true }, { "[a-z]At$", time_of, made = true },
  { "Time[A-Z]%l+$", time_of, made = true }, { "_on$", time_of, made = true }, { "imestamp$", time_of, made = true },
  { "[dD]ate$", date }, { "^day$", date },
  { "[cC]idr", function(s) return format("10.%d.0.0/16", draw(s, 256)) end },
  { "[iI][pP][vV]6", function(s) return format("fd00::%x:%x", draw(s, 65536), 1 + draw(s, 65535)) end },
  { "[mM]ac[A-Z]", function(s) return format("fa:16:3e:%02x:%02x:%02x", draw(s, 256), draw(s, 256), draw(s, 256)) end },
  { "^[iI][pP]s?$", ip }, { "I[pP]s?$", ip }, { "I[pP]Addr", ip }, { "^ipA", ip }, { "^address$", ip },
  { "^uuid$", function(s) return format("%08x-%04x-4%03x-a%03x-%08x%04x", draw(s, 2147483647), draw(s, 65536),
    draw(s, 4096), draw(s, 4096), draw(s, 2147483647), draw(s, 65536)) end },
  { "^[iI][dD]s?$", id_of, made = true }, { "I[dD]s?$", id_of, made = true },
  { "[eE]mail", function(s) return WORDS[draw(s, #WORDS) + 1] .. draw(s, 100) .. "@example.com" end },
  { "[pP]hone", function(s) return format("1380000%04d", draw(s, 10000)) end },
  { "[mM]obile", function(s) return format("1380000%04d", draw(s, 10000)) end },
  { "[uU]r[li]$", function(s) return "https://" .. domain(s) .. "/" .. code(s) end },
  { "[dD]omain", domain }, { "^host", domain }, { "^cname$", domain }, { "ndpoint", domain },
  { "[pP]ath$", function(s) return "/" .. WORDS[draw(s, #WORDS) + 1] .. "/" .. code(s) end },
  { "[sS]tatus$", pick { "running", "available", "normal", "stopped" } },
  { "[sS]tate$", pick { "running", "available", "normal", "stopped" } },
  { "[pP]rotocol$", pick { "tcp", "udp", "http", "https" } },
  { "^osType$", pick { "linux", "windows" } },
  { "^instanceType$", pick { "g.n2.medium", "g.n3.large", "c.n3.xlarge", "m.n2.large" } },
  { "^diskType$", pick { "ssd.gp1", "ssd.io1", "hdd.std1" } },
  { "[vV]ersion$", function(s) return format("%d.%d.%d", 1 + draw(s, 9), draw(s, 10), draw(s, 30)) end },
  { "^desc", pick(TEXTS) }, { "Desc", pick(TEXTS) }, { "^remark$", pick(TEXTS) }, { "^comment", pick(TEXTS) },
  { "[cC]ount$", digits }, { "[pP]ort$", digits }, { "[sS]ize$", digits }, { "[nN]umber$", digits }, { "Fee$", digits },
  { "[nN]ames?$", name }, { "^title$", name },
  { "[uU]ser$", name }, { "^pin$", name }, { "Pin$", name }, { "^erp$", name }, { "^owner", name },
}

-- A name of which nothing is known: it, and something that tells two apart.
local function plain(field)
  return function(s)
    return field .. "-" .. format("%04x", draw(s, 65536))
  end
end

-- Whole numbers.

local function from_to(least, most)
  return function(s)
    return least + draw(s, most - least + 1)
  end
end

local function milliseconds(s)
  return 1704067200000 + draw(s, 31536000) * 1000
end

-- One of three is beyond 2^53, where a double has no exact integers.
local function large(s)
  if draw(s, 3) > 0 then
    return 1 + draw(s, 1000000)
  end
  return M.integer(format("%d%09d%08d", 1 + draw(s, 9), draw(s, 1000000000), draw(s, 100000000)))
end

local INTEGERS = {
  { "^pageSize$", always(20) }, { "^pageN", always(1) }, { "[pP]ageIndex$", always(1) }, { "^currentPage$", always(1) },
  { "^totalPages?$", always(1) }, { "^numberPages$", always(1) },
  { "Time$", milliseconds }, { "^time", milliseconds }, { "imestamp$", milliseconds }, { "[a-z]At$", milliseconds },
  { "[dD]ate$", milliseconds },
  { "^code$", always(200) }, { "[cC]ode$", from_to(0, 9) }, { "^success$", always(1) },
  { "^[iI][dD]s?$", large }, { "I[dD]s?$", large }, { "[bB]ytes?$", large }, { "[fF]low$", large },
  { "[tT]raffic$", large }, { "[cC]apacity$", large },
  { "[sS]tat[ue]s?$", from_to(0, 3) }, { "[tT]ype$", from_to(1, 3) }, { "^yn$", from_to(0, 1) },
  { "^enable", from_to(0, 1) }, { "^disable", from_to(0, 1) }, { "[pP]ort$", from_to(1, 65535) },
  { "GB$", function(s) return 20 * (1 + draw(s, 50)) end }, { "MB$", function(s) return 1024 * (1 + draw(s, 64)) end },
  { "[cC]pu$", pick { 1, 2, 4, 8, 16, 32 } }, { "[tT]tl$", pick { 60, 120, 600, 3600 } },
  { "[mM]emory", pick { 1024, 2048, 4096, 8192, 16384 } },
}

local BOOLEANS = {
  { "^[iI]?s?[sS]uccess", always(true) }, { "^result$", always(true) },
  { "[nN]ext$", always(false) }, { "[mM]ore$", always(false) }, { "runcated$", always(false) },
  { "^isLast", always(true) }, { "^lastPage$", always(true) },
}

-- Of what nobody knows the type: a number where the name says so, else a text.
local NUMBERS_OF_ANY = { "^page", "^total", "[cC]ount$", "[sS]ize$", "[nN]um$", "Number$", "^limit$", "^offset$" }

local function number(s)
  return draw(s, 100000) / 100
end

local function boolean(s)
  return draw(s, 2) == 1
end

local function find(rules, field)
  for _, rule in ipairs(rules) do
    if field:find(rule[1]) then
      return rule.made and rule[2](field) or rule[2]
    end
  end
  return nil
end

local CHOOSE = {
  string = function(field)
    return find(STRINGS, field) or plain(field)
  end,
  integer = function(field)
    return find(INTEGERS, field) or from_to(1, 100)
  end,
  number = function()
    return number
  end,
  boolean = function(field)
    return find(BOOLEANS, field) or boolean
  end,
  any = function(field)
    for _, pattern in ipairs(NUMBERS_OF_ANY) do
      if field:find(pattern) then
        return find(INTEGERS, field) or from_to(1, 100)
      end
    end
    return find(STRINGS, field) or plain(field)
  end,
}

local chosen = { string = {}, integer = {}, number = {}, boolean = {}, any = {} } -- what follows from names alone

--- A value.
-- @param stream of M.stream
-- @param kind (string) "string", "integer", "number", "boolean" or "any"
-- @param field (string) its name; for an element of a list, the list's
-- @param context { region = text }
function M.value(stream, kind, field, context)
  local known = chosen[kind]
  local make = known[field]
  if not make then
    make = CHOOSE[kind](field)
    known[field] = make
  end
  return make(stream, context)
end

--- A Charge as services show it (protocol.md 8).
function M.charge(stream)
  local modes = core.enums.charge_mode
  local mode = modes[draw(stream, #modes) + 1].text
  local expired = mode:find "^prepaid" and time_from(2031, 4)(stream) or ""
  return {
    chargeMode = mode,
    chargeStatus = "normal",
    chargeStartTime = time_from(2024, 1)(stream),
    chargeExpiredTime = expired,
    chargeRetireTime = expired,
  }
end

return M
