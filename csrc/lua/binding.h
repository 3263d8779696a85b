/* binding.h - what the files of the binding share. The binding converts between Lua and the core; it decides nothing.
 *
 * Rules: a userdata is made first, zeroed and with its metatable, and only then takes what must be freed; nothing
 * keeps a lua_State; memory that must outlive something that may throw is a userdata on the stack. */
#ifndef JDC_BINDING_H
#define JDC_BINDING_H

#include "compat.h"

#include "../core/call.h"
#include "../core/enum.h"

JDC_BEGIN

#define JDC_CLOUD_META      "jdcloud.core.cloud"
#define JDC_CREDENTIAL_META "jdcloud.core.credential"
#define JDC_CALL_META       "jdcloud.core.call"

/* An object of the core with a count of its holders. Lua finalises in any order, so what a call uses must not
 * hang on whose finaliser ran first. */
typedef struct jdc_held {
  jdc_alloc alloc;
  void *object;
  void (*free)(void *object);
  size_t holders;
} jdc_held;

/* The allocator of the state. */
jdc_alloc jdc_lua_alloc(lua_State *L);

/* Raises the memory error that Lua itself would raise, or an error that names what failed. */
int jdc_lua_fail(lua_State *L, jdc_status status, const char *what);

/* Pushes a zeroed userdata with a metatable of this name (made by jdc_lua_type). */
void *jdc_lua_new(lua_State *L, size_t size, const char *meta);

/* Makes the metatable of a type: methods, __gc and __close, __tostring (its name, never a content), __metatable. */
void jdc_lua_type(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction gc);

/* Wraps an object; NULL if there is no memory (the object is then still the caller's). One holder. */
jdc_held *jdc_hold(jdc_alloc alloc, void *object, void (*free)(void *object));
jdc_held *jdc_hold_too(jdc_held *held);
void jdc_let_go(jdc_held *held); /* NULL is fine; the last one frees */

/* Pushes nil and a message: how everything inside reports a failure. Returns 2. */
int jdc_lua_nil(lua_State *L, const char *message);

/* A view of the string argument; raises if it is none. */
jdc_str jdc_lua_str(lua_State *L, int arg);
/* Pushes a field of the table at the absolute index t without asking metamethods: what those gave would be anchored
 * nowhere, and what they ran could free the strings that were read before. All that read fields go through it. */
void jdc_lua_get(lua_State *L, int t, const char *name);
/* A view of the string field of the table at index t, which stays anchored there; empty if absent. Raises for any other
 * type. ptr is NULL if absent. */
jdc_str jdc_lua_field(lua_State *L, int t, const char *name);
/* A boolean field; false if absent. */
bool jdc_lua_flag(lua_State *L, int t, const char *name);
/* A number field; `otherwise` if absent. */
lua_Number jdc_lua_number(lua_State *L, int t, const char *name, lua_Number otherwise);

/* Seconds to ms and back; what is too large or not a number is JDC_FOREVER_MS. */
int64_t jdc_ms(lua_Number seconds);
lua_Number jdc_seconds(int64_t ms);

/* Reads the headers field of the table at index t, a map of name to string value, into out, at most JDC_HEADERS_MAX;
 * returns how many. Raises for other types. The strings stay anchored in the map. */
size_t jdc_lua_headers(lua_State *L, int t, jdc_header out[JDC_HEADERS_MAX]);

/* Reads the fields version, scheme, method, host, path, query, body, service, region, signed_headers of the table. */
void jdc_lua_request(lua_State *L, int t, jdc_sign_request *out);

/* host.c */
jdc_time jdc_host_time(void);
/* The time: the arguments now and wall (seconds) of a virtual clock, or the host's. */
jdc_time jdc_lua_time(lua_State *L, int arg);
/* random.c: the store of random bytes of this state, which lives as long as the state; and fresh bytes from it. Raises
 * if the operating system gives none. */
typedef struct jdc_store_box jdc_store_box;
jdc_store_box *jdc_random_store(lua_State *L);
void jdc_random_take(lua_State *L, jdc_store_box *box, void *out, size_t n);

/* text.c: base64 with padding, no line breaks (protocol.md 1.11). */
void jdc_base64(jdc_buf *out, jdc_str s);

/* credential.c */
jdc_held *jdc_lua_credential(lua_State *L, int arg);
/* profile.c: the text of a section's key in an INI file, trimmed, as a view into `text`; ptr NULL if absent. */
jdc_str jdc_profile_get(jdc_str text, jdc_str section, const char *key);
bool jdc_profile_has(jdc_str text, jdc_str section);

/* cloud.c */
jdc_held *jdc_lua_cloud(lua_State *L, int arg);

/* One function a file: adds its functions to the module's table, which is on the top, and makes its types. */
void jdc_open_call(lua_State *L);
void jdc_open_cloud(lua_State *L);
void jdc_open_credential(lua_State *L);
void jdc_open_enums(lua_State *L);
void jdc_open_host(lua_State *L);
void jdc_open_random(lua_State *L);
void jdc_open_sign(lua_State *L);
void jdc_open_text(lua_State *L);

JDC_END
#endif
