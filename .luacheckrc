-- .luacheckrc - what luacheck takes the Lua files of this project to be.
-- One source for 5.1 to 5.4 and LuaJIT: only what all of them have, and what is asked for before it is used.
std = "min"
max_line_length = 120
cache = false
read_globals = {
  "jit",
  "unpack",
  "loadstring",
  "setfenv",
  math = { fields = { "type", "tointeger", "mininteger", "maxinteger" } },
  table = { fields = { "unpack", "pack" } },
  coroutine = { fields = { "close", "isyieldable" } },
}

files["spec/**/*_spec.lua"] = { std = "min+busted" }
files["spec/support/tap.lua"] = { std = "min+busted" }
files["lua/jdcloud/gateway/**/*.lua"] = { read_globals = { "ngx" } }
for _, name in ipairs { "phase", "lightthreads", "tasks/nginx", "transport/cosocket", "transport/cosocket/*" } do
  files["lua/jdcloud/" .. name .. ".lua"] = { read_globals = { "ngx" } }
end
files["examples/metrics.lua"] = { globals = { "ngx" } }
files["examples/my_instances.lua"] = { globals = { "ngx" } }
files["rockspec/*.rockspec"] = { std = "rockspec" }
-- Generated: a line for each operation.
files["lua/jdcloud/services/*.lua"] = { max_line_length = false }
