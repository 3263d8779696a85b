-- rockspec.lua - checks that the rockspec lists every Lua file and C source of this checkout, once and in order.
local path = "rockspec/jdcloud-scm-1.rockspec"

local function lines(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local rockspec = {}
assert(loadfile(path, "t", rockspec))()
local modules = rockspec.build.modules
local problems = {}
local function problem(...) problems[#problems + 1] = table.concat({ ... }) end

local function same(name, listed, files)
  if table.concat(listed, "\n") ~= table.concat(files, "\n") then
    problem(name, " should be:\n  \"", table.concat(files, "\",\n  \""), "\"")
  end
end

for _, file in ipairs(lines("find lua -name '*.lua' | LC_ALL=C sort")) do
  local module = file:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", ".")
  if modules[module] == nil then
    problem("missing: [\"", module, "\"] = \"", file, "\",")
  elseif modules[module] ~= file then
    problem(module, " should be ", file)
  end
end
for module, file in pairs(modules) do
  if type(file) == "string" then
    local handle = io.open(file)
    if handle then handle:close() else problem(module, ": there is no ", file) end
  end
end
same("the sources of jdcloud.core", modules["jdcloud.core"].sources, lines("ls csrc/core/*.c csrc/lua/*.c"))
same("the sources of jdcloud.curl", modules["jdcloud.curl"].sources, lines("ls csrc/core/buf.c csrc/curl/*.c"))

local order, text = {}, assert(io.open(path)):read("a")
for module in text:gmatch("\n%s+%[\"(jdcloud[%w_.]*)\"%] = \"") do order[#order + 1] = module end
local sorted = { table.unpack(order) }
table.sort(sorted)
same("the order of the Lua modules", order, sorted)

if #problems > 0 then
  table.sort(problems)
  io.stderr:write(path, "\n", table.concat(problems, "\n"), "\n")
  os.exit(1)
end
