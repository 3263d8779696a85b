/* compat.h - one page that makes Lua 5.1, LuaJIT, 5.2, 5.3 and 5.4 look alike. No logic elsewhere asks for a version.
 */
#ifndef JDC_COMPAT_H
#define JDC_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen(L, i)       lua_objlen(L, i)
#define jdc_setfuncs(L, funcs) luaL_register(L, NULL, funcs)
#define jdc_setuservalue(L, i) ((void)lua_setfenv(L, i)) /* a table is on the top; it is popped */
#else
#define jdc_setfuncs(L, funcs) luaL_setfuncs(L, funcs, 0)
#define jdc_setuservalue(L, i) ((void)lua_setuservalue(L, i))
#endif

#if LUA_VERSION_NUM >= 503
#define JDC_HAS_INTEGERS    true
#define jdc_pushint64(L, n) lua_pushinteger(L, (lua_Integer)(n))
#else
#define JDC_HAS_INTEGERS    false /* all numbers are floats */
#define jdc_pushint64(L, n) lua_pushnumber(L, (lua_Number)(n))
#define lua_isinteger(L, i) false
#endif

#if LUA_VERSION_NUM >= 504
#define jdc_newuserdata(L, size) lua_newuserdatauv(L, size, 1)
#else
#define jdc_newuserdata(L, size) lua_newuserdata(L, size)
#endif

#endif
