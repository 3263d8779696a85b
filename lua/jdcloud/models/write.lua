-- write.lua - what the models compiler makes of the facts of a service, as the text of a Lua module: one line an
-- operation or shape, so that a diff of two releases reads well.

local M = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do
  KEYWORDS[word] = true
end

local function write_section(out, title, texts)
  out[#out + 1] = title .. " = {"
  local names = {}
  for name in pairs(texts) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local key = KEYWORDS[name] and '["' .. name .. '"]' or name
    out[#out + 1] = ('%s="%s",'):format(key, texts[name])
  end
  out[#out + 1] = "},"
end

--- The text of the module for what compile.lua made: the same for the same facts.
function M.module(source)
  local out = {
    ("-- %s: made by `make models` in the notation of models/compile.lua, never edited"):format(source.service),
    "return {",
  }
  for _, key in ipairs { "service", "revision", "endpoint", "default_region" } do
    if source[key] then out[#out + 1] = ('%s = "%s",'):format(key, source[key]) end
  end
  write_section(out, "operations", source.operations)
  write_section(out, "shapes", source.shapes)
  out[#out + 1] = "}\n"
  return table.concat(out, "\n")
end

return M
