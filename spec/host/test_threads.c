/* test_threads.c - several Lua states in several threads, each with a cloud of its own. The library is linked into the
 * program, so that all of them run the same copy of its C. */
#include "test.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>

#include "jdcloud_static.h"

#define THREADS 4

static lua_State *main_state; /* has the server */

/* Every thread makes 50 calls: half of them in tasks, half one after the other, some of them to errors; and an instance
 * of its own, which alone it finds. */
static const char script[] =
    "local http, https, ca_file, access_key, secret_key, me = ...\n"
    "local jdcloud = require 'jdcloud'\n"
    "local cloud = jdcloud.new { region = 'cn-north-1', endpoint = me % 2 == 0 and http or https, ca_file = ca_file,\n"
    "  access_key = access_key, secret_key = secret_key, proxy = false }\n"
    "local name = 'of-thread-' .. me\n"
    "local id = cloud.vm:createInstances { instanceSpec = { az = 'cn-north-1a', name = name,\n"
    "  charge = jdcloud.charge.postpaid_by_usage() } }.instanceIds[1]\n"
    "local function look()\n"
    "  local found = cloud.vm:describeInstances { filters = jdcloud.filters { name = { name } } }\n"
    "  assert(found.totalCount == 1 and found.instances[1].instanceId == id)\n"
    "  return true\n"
    "end\n"
    "local items = {}\n"
    "for i = 1, 24 do items[i] = i end\n"
    "local results, errors = jdcloud.parallel(items, look, { limit = 8 })\n"
    "assert(errors == nil and results.n == 24)\n"
    "for i = 1, 20 do look() end\n"
    "for i = 1, 5 do\n"
    "  local ok, err = cloud.safe.vm:describeInstance { instanceId = 'i-none' }\n"
    "  assert(not ok and err.kind == 'not_found')\n"
    "end\n"
    "if me % 3 == 0 then cloud:close() end\n";

typedef struct worker {
  pthread_t thread;
  int me;
  const char *arguments[5];
  char problem[300];
} worker;

static void *work(void *data) {
  worker *w = data;
  lua_State *L = luaL_newstate();
  if (L == NULL) return NULL;
  luaL_openlibs(L);
  lua_pushcfunction(L, jdc_preload);
  bool good = lua_pcall(L, 0, 0, 0) == LUA_OK && luaL_loadstring(L, script) == LUA_OK;
  if (good) {
    for (int i = 0; i < 5; i++) lua_pushstring(L, w->arguments[i]);
    lua_pushinteger(L, w->me);
    good = lua_pcall(L, 6, 0, 0) == LUA_OK;
  }
  snprintf(w->problem, sizeof(w->problem), "%s", good ? "" : luaL_tolstring(L, -1, NULL));
  lua_close(L);
  return NULL;
}

static const char *of_server(const char *name) {
  lua_getglobal(main_state, "server");
  lua_getfield(main_state, -1, name);
  lua_remove(main_state, -2); /* the text stays: the state keeps it as long as it runs */
  return lua_tostring(main_state, -1);
}

/* The server is another program: if this one is watched by a sanitizer, its modules are those that aren't. */
static const char server_script[] =
    "local build = (os.getenv('BUILD') or 'build'):gsub('/asan$', '')\n"
    "server = assert(require('jdcloud.gateway.nginx').start { ready_after = 0, cpath = build .. '/jit/?.so' })\n";

static int start_server(void **state) {
  (void)state;
  main_state = luaL_newstate();
  luaL_openlibs(main_state);
  if (luaL_dostring(main_state, server_script) == LUA_OK) return 0;
  print_error("%s\n", lua_tostring(main_state, -1));
  return 1;
}

static int stop_server(void **state) {
  (void)state;
  int status = luaL_dostring(main_state, "server:stop()");
  lua_close(main_state);
  return status;
}

static void each_with_its_own_cloud(void **state) {
  (void)state;
  static worker workers[THREADS];
  static const char *const names[] = { "http", "https", "ca_file", "access_key", "secret_key" };
  const char *arguments[5];
  for (int n = 0; n < 5; n++) arguments[n] = of_server(names[n]);
  for (int i = 0; i < THREADS; i++) {
    workers[i].me = i;
    memcpy(workers[i].arguments, arguments, sizeof(arguments));
    strcpy(workers[i].problem, "it did not run");
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
  for (int i = 0; i < THREADS; i++) assert_string_equal(workers[i].problem, "");
}

/* The requests of all threads arrived, each once. */
static void all_calls_arrived(void **state) {
  (void)state;
  static const char count[] = "local n, seen = 0, {}\n"
                              "for _, entry in ipairs(server:log()) do\n"
                              "  n = n + 1\n"
                              "  assert(not seen[entry.nonce])\n"
                              "  seen[entry.nonce] = true\n"
                              "end\n"
                              "return n";
  if (luaL_dostring(main_state, count) != LUA_OK) print_error("%s\n", lua_tostring(main_state, -1));
  assert_int_equal(lua_tointeger(main_state, -1), THREADS * 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_with_its_own_cloud),
    cmocka_unit_test(all_calls_arrived),
  };
  return cmocka_run_group_tests_name("threads", tests, start_server, stop_server);
}
