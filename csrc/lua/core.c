/* core.c - the module jdcloud.core: the core for Lua. It needs libcrypto, and neither libssl nor libcurl. */
#include "binding.h"
#include "json.h"

JDC_EXPORT int luaopen_jdcloud_core(lua_State *L);

int luaopen_jdcloud_core(lua_State *L) {
  lua_newtable(L);
  jdc_open_host(L);
  jdc_open_random(L);
  jdc_open_text(L);
  jdc_open_enums(L);
  jdc_open_sign(L);
  jdc_open_credential(L);
  jdc_open_cloud(L);
  jdc_open_call(L);
  lua_pushcfunction(L, jdc_json_mark);
  lua_setfield(L, -2, "json_mark");
  lua_pushcfunction(L, jdc_json_finish);
  lua_setfield(L, -2, "json_finish");
  lua_pushcfunction(L, jdc_json_string);
  lua_setfield(L, -2, "json_string");
  lua_pushcfunction(L, jdc_is_utf8);
  lua_setfield(L, -2, "is_utf8");
  return 1;
}
