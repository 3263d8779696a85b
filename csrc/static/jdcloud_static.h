/* jdcloud_static.h - the library inside a program: libjdcloud.a has its C modules and its Lua files.
 *
 *   lua_pushcfunction(L, jdc_preload);
 *   if (lua_pcall(L, 0, 0, 0) != 0) ...
 *
 * after luaL_openlibs; from then on `require "jdcloud"` finds everything in the program, nothing is read from a file.
 * One module is the host's own: lua-cjson. Where it isn't installed for the Lua that is embedded, link it too and put
 * its luaopen_cjson into package.preload as "cjson".
 *
 * A library is for one Lua. It needs libcrypto, and libcurl unless it was made with CURL=no: then calls are made by
 * client:begin, or with a transport of the program's own. */
#ifndef JDCLOUD_STATIC_H
#define JDCLOUD_STATIC_H

#ifdef __cplusplus
extern "C" {
#endif

struct lua_State;

/* A lua_CFunction: puts the modules of the library into package.preload. It loads and runs none. Raises a Lua error if
 * memory runs out or the library `package` isn't open. */
int jdc_preload(struct lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
