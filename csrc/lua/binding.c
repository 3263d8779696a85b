/* binding.c - what the files of the binding share. See binding.h. */
#include "binding.h"

#include <string.h>

jdc_alloc jdc_lua_alloc(lua_State *L) {
  jdc_alloc alloc;
  alloc.fn = lua_getallocf(L, &alloc.ud);
  return alloc;
}

int jdc_lua_fail(lua_State *L, jdc_status status, const char *what) {
  switch (status) {
  case JDC_NOMEM: return luaL_error(L, "not enough memory");
  case JDC_TOO_BIG: return luaL_error(L, "%s: too large", what);
  case JDC_CRYPTO: return luaL_error(L, "%s: libcrypto failed (is SHA-256 switched off?)", what);
  default: return luaL_error(L, "%s: invalid input", what);
  }
}

void *jdc_lua_new(lua_State *L, size_t size, const char *meta) {
  void *ud = jdc_newuserdata(L, size);
  memset(ud, 0, size);
  luaL_getmetatable(L, meta);
  lua_setmetatable(L, -2);
  return ud;
}

static int type_tostring(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  return 1;
}

void jdc_lua_type(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, meta);
  lua_pushcfunction(L, gc);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__gc");
  lua_setfield(L, -2, "__close");
  lua_pushstring(L, meta);
  lua_pushcclosure(L, type_tostring, 1);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "protected");
  lua_setfield(L, -2, "__metatable");
  lua_newtable(L);
  if (methods != NULL) jdc_setfuncs(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

jdc_held *jdc_hold(jdc_alloc alloc, void *object, void (*free)(void *object)) {
  jdc_held *held = jdc_new(alloc, sizeof(*held));
  if (held == NULL) return NULL;
  *held = (jdc_held){ alloc, object, free, 1 };
  return held;
}

jdc_held *jdc_hold_too(jdc_held *held) {
  held->holders++;
  return held;
}

void jdc_let_go(jdc_held *held) {
  if (held == NULL || --held->holders > 0) return;
  held->free(held->object);
  jdc_delete(held->alloc, held, sizeof(*held));
}

int jdc_lua_nil(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

jdc_str jdc_lua_str(lua_State *L, int arg) {
  jdc_str s;
  s.ptr = luaL_checklstring(L, arg, &s.len);
  return s;
}

void jdc_lua_get(lua_State *L, int t, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, t);
}

jdc_str jdc_lua_field(lua_State *L, int t, const char *name) {
  jdc_str s = { NULL, 0 };
  jdc_lua_get(L, t, name);
  int type = lua_type(L, -1);
  if (type == LUA_TSTRING)
    s.ptr = lua_tolstring(L, -1, &s.len);
  else if (type != LUA_TNIL)
    luaL_error(L, "%s must be a string, not a %s", name, lua_typename(L, type));
  lua_pop(L, 1); /* the table holds it */
  return s;
}

bool jdc_lua_flag(lua_State *L, int t, const char *name) {
  jdc_lua_get(L, t, name);
  bool flag = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return flag;
}

lua_Number jdc_lua_number(lua_State *L, int t, const char *name, lua_Number otherwise) {
  jdc_lua_get(L, t, name);
  lua_Number n = otherwise;
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_error(L, "%s must be a number, not a %s", name, luaL_typename(L, -1));
    n = lua_tonumber(L, -1);
  }
  lua_pop(L, 1);
  return n;
}

int64_t jdc_ms(lua_Number seconds) {
  if (!(seconds < (lua_Number)1e12)) return JDC_FOREVER_MS; /* infinity and not-a-number too */
  if (seconds < (lua_Number)-1e12) return 0;
  return (int64_t)(seconds * 1000 + (seconds < 0 ? (lua_Number)-0.5 : (lua_Number)0.5));
}

lua_Number jdc_seconds(int64_t ms) { return (lua_Number)ms / 1000; }

size_t jdc_lua_headers(lua_State *L, int t, jdc_header out[JDC_HEADERS_MAX]) {
  size_t n = 0;
  jdc_lua_get(L, t, "headers");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  if (!lua_istable(L, -1)) luaL_error(L, "headers must be a table of names and values");
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "headers must be a table of names and values, both strings");
    if (n == JDC_HEADERS_MAX) luaL_error(L, "more than %d headers", JDC_HEADERS_MAX);
    out[n].name.ptr = lua_tolstring(L, -2, &out[n].name.len);
    out[n].value.ptr = lua_tolstring(L, -1, &out[n].value.len);
    n++;
  }
  lua_pop(L, 1);
  return n;
}

void jdc_lua_request(lua_State *L, int t, jdc_sign_request *out) {
  memset(out, 0, sizeof(*out));
  lua_Number version = jdc_lua_number(L, t, "version", 2);
  out->version = version == 3 ? 3 : version == 2 ? 2 : 0;
  out->scheme = jdc_lua_field(L, t, "scheme");
  out->method = jdc_lua_field(L, t, "method");
  out->host = jdc_lua_field(L, t, "host");
  out->path = jdc_lua_field(L, t, "path");
  out->query = jdc_lua_field(L, t, "query");
  out->body = jdc_lua_field(L, t, "body");
  out->service = jdc_lua_field(L, t, "service");
  out->region = jdc_lua_field(L, t, "region");
  out->signed_headers = jdc_lua_field(L, t, "signed_headers");
}
