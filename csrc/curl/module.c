/* module.c - jdcloud.curl, a Lua module: an engine that makes HTTP requests through libcurl without blocking longer
 * than it is told. It takes and gives plain Lua values.
 *
 *   curl.engine(options) -> engine | nil, message     the options are those of lua/jdcloud/transport/curl.lua
 *   curl.now() -> seconds of a clock that never goes back
 *   curl.version -> the text of libcurl's version
 *   engine:start(request, tag) -> transfer | nil, failure  see exchange.c
 *   engine:ended() -> the tag of a transfer that has ended, each once; nil if there is none
 *   engine:step(seconds) -> how many are still running
 *   engine:connections() -> how many were made, how many transfers went over one that was there
 *   curl.wait({ engine, ... }, seconds)                    steps several engines with one poll; returns when a
 *                                                          transfer of any has ended
 *
 * For a loop of the program's own, which asks anew after each of the above:
 *
 *   engine:descriptors() -> { fd, readable, writable, watch, fd, ... }  what to watch, and for what. If `watch` is
 *     another number than it was for that fd, libcurl has closed it meanwhile, or let it go, and it is a new one
 *   engine:timeout() -> seconds until the engine wants to act even if no descriptor is ready, 0 if engine:ended() has
 *     something to tell; nil: never
 *   engine:act(fd, readable, writable) -> how many are still running    acts on what became of a descriptor, or, with
 *     fd nil, only on what its time has come for; doesn't wait
 *   engine:close()                                         fails what is running, closes the connections */
#define _GNU_SOURCE /* dladdr */
#include "module.h"

#include "fork.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#define ENGINE         "jdcloud.curl.engine"
#define OLDEST_LIBCURL 0x075000 /* 7.80, the first with CURLOPT_PREREQFUNCTION */
#define MAX_STEP       1e6      /* seconds */
#define MAX_ENGINES    65536    /* of one wait */

typedef struct engine_box {
  jdc_engine *engine; /* NULL until made, and once collected */
} engine_box;

void jdc_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finish) {
  (void)luaL_newmetatable(L, name);
  jdc_setfuncs(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, finish);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, finish);
  lua_setfield(L, -2, "__close");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

static int new_engine(lua_State *L) {
  jdc_curl_options options;
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (!jdc_options_read(L, 1, &options)) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (curl_version_info(CURLVERSION_NOW)->version_num < OLDEST_LIBCURL) {
    lua_pushnil(L);
    (void)lua_pushfstring(L, "libcurl 7.80 or newer is needed; this is %s", curl_version());
    return 2;
  }
  engine_box *box = jdc_newuserdata(L, sizeof *box);
  box->engine = NULL;
  luaL_getmetatable(L, ENGINE);
  (void)lua_setmetatable(L, -2);
  jdc_alloc alloc;
  alloc.fn = lua_getallocf(L, &alloc.ud);
  const char *problem = jdc_engine_new(alloc, &options, &box->engine);
  if (problem == NULL) return 1;
  lua_pushnil(L);
  (void)lua_pushfstring(L, "libcurl can't be set up: %s", problem);
  return 2;
}

static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)jdc_engine_now() / 1000);
  return 1;
}

static jdc_engine *check_engine(lua_State *L) {
  const engine_box *box = luaL_checkudata(L, 1, ENGINE);
  luaL_argcheck(L, box->engine != NULL, 1, "the engine is gone");
  return box->engine;
}

static int connections(lua_State *L) {
  uint64_t made, reused;
  jdc_engine_connections(check_engine(L), &made, &reused);
  lua_pushinteger(L, (lua_Integer)made);
  lua_pushinteger(L, (lua_Integer)reused);
  return 2;
}

static int start(lua_State *L) { return jdc_transfer_start(L, check_engine(L)); }

/* The second argument in milliseconds, rounded up: to wake before the time means to wait once more. */
static int check_wait(lua_State *L) {
  const double seconds = (double)luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds <= MAX_STEP, 2, "seconds, 0 or more");
  const double ms = seconds * 1000;
  return (int)ms + (ms > (int)ms);
}

static int step(lua_State *L) {
  jdc_engine *engine = check_engine(L);
  lua_pushinteger(L, jdc_engine_step(engine, check_wait(L)));
  return 1;
}

static int wait_for_engines(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const int wait_ms = check_wait(L);
  const size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count <= MAX_ENGINES, 1, "too many engines");
  jdc_engine **engines = lua_newuserdata(L, (count + 1) * sizeof *engines);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    const engine_box *box = luaL_checkudata(L, -1, ENGINE);
    luaL_argcheck(L, box->engine != NULL, 1, "an engine is gone");
    engines[i] = box->engine;
    lua_pop(L, 1); /* the table holds it */
  }
  jdc_engines_wait(engines, count, wait_ms);
  return 0;
}

static int descriptors(lua_State *L) {
  size_t count = 0;
  jdc_engine *engine = check_engine(L);
  (void)jdc_engine_descriptors(engine, &count);
  lua_createtable(L, (int)(4 * count), 0);
  const struct pollfd *fds = jdc_engine_descriptors(engine, &count); /* again: to make a table may collect a transfer */
  for (size_t i = 0; i < count; i++) {
    const int at = (int)(4 * i);
    lua_pushinteger(L, fds[i].fd);
    lua_rawseti(L, -2, at + 1);
    lua_pushboolean(L, (fds[i].events & POLLIN) != 0);
    lua_rawseti(L, -2, at + 2);
    lua_pushboolean(L, (fds[i].events & POLLOUT) != 0);
    lua_rawseti(L, -2, at + 3);
    lua_pushinteger(L, fds[i].revents);
    lua_rawseti(L, -2, at + 4);
  }
  return 1;
}

static int timeout(lua_State *L) {
  const int64_t ms = jdc_engine_timeout(check_engine(L));
  if (ms < 0) return 0;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

static int act(lua_State *L) {
  jdc_engine *engine = check_engine(L);
  const lua_Integer fd = luaL_optinteger(L, 2, -1);
  luaL_argcheck(L, fd >= -1 && fd <= INT_MAX, 2, "a descriptor, or nil");
  lua_pushinteger(L, jdc_engine_act(engine, (int)fd, lua_toboolean(L, 3), lua_toboolean(L, 4)));
  return 1;
}

static int ended(lua_State *L) {
  const int64_t tag = jdc_engine_ended(check_engine(L));
  if (tag == 0) return 0;
  lua_pushnumber(L, (lua_Number)tag);
  return 1;
}

static int close_engine(lua_State *L) {
  const engine_box *box = luaL_checkudata(L, 1, ENGINE);
  if (box->engine != NULL) jdc_engine_close(box->engine);
  return 0;
}

static int finish(lua_State *L) {
  engine_box *box = luaL_checkudata(L, 1, ENGINE);
  if (box->engine != NULL) jdc_engine_release(box->engine);
  box->engine = NULL;
  return 0;
}

JDC_EXPORT int luaopen_jdcloud_curl(lua_State *L);

/* Closing a Lua state unloads its modules. This one, and libcurl with it, stays until the process ends: a thread of
 * libcurl that waits for a name server may outlive the state, and fork calls into fork.c. */
static void keep_loaded(void) {
  Dl_info info;
  int (*const inside)(lua_State *) = luaopen_jdcloud_curl;
  const void *address = NULL;
  memcpy(&address, &inside, sizeof address);
  if (dladdr(address, &info) != 0 && info.dli_fname != NULL)
    (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/* Before 7.84 libcurl's initialisation is not for several threads at a time, each of which may load this module into a
 * Lua state of its own. */
static CURLcode initialised = CURLE_FAILED_INIT;

static void initialise(void) { initialised = curl_global_init(CURL_GLOBAL_DEFAULT); }

JDC_EXPORT int luaopen_jdcloud_curl(lua_State *L) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static const luaL_Reg FUNCTIONS[] = {
    { "engine", new_engine }, { "wait", wait_for_engines }, { "now", now }, { NULL, NULL }
  };
  static const luaL_Reg METHODS[] = {
    { "start", start },     { "step", step }, { "ended", ended },        { "descriptors", descriptors },
    { "timeout", timeout }, { "act", act },   { "close", close_engine }, { "connections", connections },
    { NULL, NULL }
  };
  (void)pthread_once(&once, initialise);
  if (initialised != CURLE_OK) return luaL_error(L, "libcurl can't be initialised");
  keep_loaded();
  jdc_fork_watch();
  jdc_class(L, ENGINE, METHODS, finish);
  jdc_transfer_register(L);
  lua_newtable(L);
  jdc_setfuncs(L, FUNCTIONS);
  lua_pushstring(L, curl_version());
  lua_setfield(L, -2, "version");
  return 1;
}
