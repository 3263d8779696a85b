/* modules.h - what spec/support/static.lua makes for the static library: its Lua files, and which C modules it has. */
#ifndef JDC_STATIC_MODULES_H
#define JDC_STATIC_MODULES_H

#include <lua.h>
#include <stddef.h>

typedef struct jdc_lua_module {
  const char *name;  /* "jdcloud.call" */
  const char *chunk; /* "@jdcloud/call.lua": as if it were a file, so that errors name the place */
  const char *text;
  size_t size;
} jdc_lua_module;

typedef struct jdc_c_module {
  const char *name;
  lua_CFunction open;
} jdc_c_module;

/* Both end with a name that is NULL. */
extern const jdc_lua_module jdc_lua_modules[];
extern const jdc_c_module jdc_c_modules[];

#endif
