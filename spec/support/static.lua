-- static.lua - writes the Lua files of the static library as C: static.lua OUT CURL [SERVICE...]
--
-- OUT: the file to write; it is left alone if it is right already, so that make compiles only what has changed. CURL:
-- "no" leaves the module jdcloud.curl out, and what needs it. SERVICE: one whose model goes in, with the shapes that it
-- uses of others; all services if none is given. Prints what the library has.

local OUT, CURL = arg[1], arg[2]
local LUA = "lua/"
local SERVICES = "jdcloud.services"

-- The local gateway is for trying things out; it needs nginx and this checkout's layout. The rest is nginx's workers'.
local LEFT_OUT = {
  "^jdcloud%.gateway", "^jdcloud%.transport%.gateway$", "^jdcloud%.transport%.cosocket", "^jdcloud%.tasks%.nginx$",
  "^jdcloud%.lightthreads$",
}
if CURL == "no" then LEFT_OUT[#LEFT_OUT + 1] = "^jdcloud%.transport%.curl$" end

local function die(...)
  io.stderr:write("static: ", ...)
  io.stderr:write("\n")
  os.exit(1)
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function is_left_out(module)
  for _, pattern in ipairs(LEFT_OUT) do
    if module:find(pattern) then return true end
  end
  return false
end

-- The services whose shapes a model names: "[@common:Filter", or as a result "common:Filter".
local function neighbours(model)
  local found = {}
  for _, texts in ipairs { model.operations, model.shapes } do
    for _, text in pairs(texts) do
      for service in text:gmatch("@([%w_]+):") do found[service] = true end
      local result = text:match("^~?%u+ v%d+%S+ ([%w_]+):")
      if result then found[result] = true end
    end
  end
  return found
end

-- wanted: the services in order; all that they need | nil, message
local function choose(names)
  local index = require(SERVICES)
  local known, chosen, wanted = {}, {}, {}
  for _, name in ipairs(index) do known[name] = true end
  local function add(name)
    if chosen[name] then return end
    chosen[name] = true
    for service in pairs(neighbours(require(SERVICES .. "." .. name))) do add(service) end
  end
  for _, name in ipairs(names) do
    if not known[name] then
      return nil, ("there is no service %s. There are: %s"):format(name, table.concat(index, " "))
    end
    add(name)
  end
  for _, name in ipairs(index) do
    for _, name_wanted in ipairs(names) do
      if name == name_wanted and wanted[#wanted] ~= name then wanted[#wanted + 1] = name end
    end
  end
  return wanted, chosen
end

-- The index of services, with those alone that the library has.
local function index_text(wanted, chosen)
  local is_wanted, rest = {}, {}
  for _, name in ipairs(wanted) do is_wanted[name] = true end
  for name in pairs(chosen) do
    if not is_wanted[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  local function quoted(list)
    local texts = {}
    for i, name in ipairs(list) do texts[i] = ("%q"):format(name) end
    return table.concat(texts, ", ")
  end
  return ("return { %s%sshapes_only = { %s } }\n"):format(quoted(wanted), wanted[1] and ", " or "", quoted(rest))
end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\", ["?"] = "\\?" }

-- A text as C, a literal for each of its lines.
local function literal(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then
      lines[#lines + 1] = '  "' .. line:gsub('[%c"\\?\127-\255]', function(c)
        return ESCAPES[c] or ("\\%03o"):format(c:byte())
      end) .. '"'
    end
  end
  return table.concat(lines, "\n")
end

local wanted, chosen = {}, nil
for i = 3, #arg do wanted[#wanted + 1] = arg[i] end
if wanted[1] then
  wanted, chosen = choose(wanted)
  if not wanted then die(chosen) end
end

local names, paths = {}, {}
local pipe = assert(io.popen("find " .. LUA .. " -name '*.lua' | LC_ALL=C sort"))
for path in pipe:lines() do
  local module = path:sub(#LUA + 1):gsub("%.lua$", ""):gsub("/", ".")
  local service = module:match("^jdcloud%.services%.(.+)$")
  if not is_left_out(module) and not (chosen and service and not chosen[service]) then
    names[#names + 1], paths[module] = module, path
  end
end
pipe:close()

local arrays, entries, size = {}, {}, 0
for i, module in ipairs(names) do
  local text = assert(read(paths[module]))
  if chosen and module == SERVICES then text = index_text(wanted, chosen) end
  size = size + #text
  arrays[i] = ("static const char text_%d[] =\n%s;\n"):format(i, literal(text))
  entries[i] = ('  { "%s", "@%s", text_%d, sizeof(text_%d) - 1 },'):format(module, paths[module]:sub(#LUA + 1), i, i)
end

local curl = CURL ~= "no"
local made = table.concat({
  "/* Made by spec/support/static.lua, never edited. */",
  '#include "static/modules.h"\n',
  "int luaopen_jdcloud_core(lua_State *L);",
  curl and "int luaopen_jdcloud_curl(lua_State *L);\n" or "",
  table.concat(arrays, "\n"),
  "const jdc_lua_module jdc_lua_modules[] = {\n" .. table.concat(entries, "\n") .. "\n  { NULL, NULL, NULL, 0 }\n};\n",
  'const jdc_c_module jdc_c_modules[] = {\n  { "jdcloud.core", luaopen_jdcloud_core },',
  curl and '  { "jdcloud.curl", luaopen_jdcloud_curl },' or "",
  "  { NULL, NULL }\n};\n",
}, "\n")

if read(OUT) ~= made then
  local file = assert(io.open(OUT, "wb"))
  file:write(made)
  assert(file:close())
end
print(("%s models, %d Lua files, %d KB of text, %s libcurl"):format(chosen and table.concat(wanted, " ") or "all",
  #names, math.floor(size / 1000), curl and "with" or "without"))
