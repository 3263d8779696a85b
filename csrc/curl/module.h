/* module.h - what the two kinds of Lua object of jdcloud.curl know of each other. */
#ifndef JDC_CURL_MODULE_H
#define JDC_CURL_MODULE_H

#include "../lua/compat.h"
#include "engine.h"

JDC_BEGIN

/* engine:start(request, tag) -> transfer | nil, failure. `engine` is that of the first argument. */
int jdc_transfer_start(lua_State *L, jdc_engine *engine);

/* Registers the metatable of transfers. */
void jdc_transfer_register(lua_State *L);

/* Makes a metatable of that name with `methods`, reachable as fields of the objects, which end by `finish`: as
 * :close() or whatever the methods call it, when collected, and (Lua 5.4) when a variable marked <close> goes. */
void jdc_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finish);

JDC_END
#endif
