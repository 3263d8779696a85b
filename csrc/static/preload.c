/* preload.c - package.preload filled with what the static library has. */
#include "jdcloud_static.h"

#include <lauxlib.h>

#include "modules.h"

/* The loader of one Lua file, which its upvalue points to: (name, ...) -> what the file returns */
static int load_text(lua_State *L) {
  const jdc_lua_module *module = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadbuffer(L, module->text, module->size, module->chunk) != 0) return lua_error(L);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

int jdc_preload(lua_State *L) {
  lua_getglobal(L, "package");
  if (lua_type(L, -1) != LUA_TTABLE) return luaL_error(L, "jdc_preload: open Lua's libraries first");
  lua_getfield(L, -1, "preload");
  luaL_checktype(L, -1, LUA_TTABLE);
  for (const jdc_lua_module *module = jdc_lua_modules; module->name != NULL; module++) {
    lua_pushlightuserdata(L, (void *)module); /* only read */
    lua_pushcclosure(L, load_text, 1);
    lua_setfield(L, -2, module->name);
  }
  for (const jdc_c_module *module = jdc_c_modules; module->name != NULL; module++) {
    lua_pushcfunction(L, module->open);
    lua_setfield(L, -2, module->name);
  }
  lua_pop(L, 2);
  return 0;
}
