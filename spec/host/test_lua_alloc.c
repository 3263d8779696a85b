/* test_lua_alloc.c - the modules in a Lua whose allocator fails: each allocation in turn, once and from there on. The
 * script ends in an error or a result, the state closes, and every byte is given back. */
#include "test.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

typedef struct heap {
  size_t bytes;   /* held now */
  size_t calls;   /* allocations since it was armed */
  size_t fail_at; /* 0: not armed */
  bool for_good;  /* fail_at and all after it, not fail_at alone */
  bool failed;
} heap;

/* Lua relies on it that a block can always be made smaller. */
static void *heap_realloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  heap *h = ud;
  size_t before = ptr == NULL ? 0 : osize; /* for a new block Lua passes its kind here */
  if (nsize == 0) {
    free(ptr);
    h->bytes -= before;
    return NULL;
  }
  if (nsize > before && h->fail_at != 0) {
    h->calls++;
    if (h->calls == h->fail_at || (h->for_good && h->calls > h->fail_at)) {
      h->failed = true;
      return NULL;
    }
  }
  void *fresh = realloc(ptr, nsize);
  assert_non_null(fresh);
  h->bytes += nsize - before;
  return fresh;
}

static int traceless(lua_State *L) {
  (void)L;
  return 1;
}

typedef struct scenario {
  const char *name;
  const char *before; /* runs while nothing fails, returns what the script gets */
  const char *script;
} scenario;

/* Runs the script with the n-th allocation failing. Returns whether one failed. */
static bool run(const scenario *s, size_t n, bool for_good) {
  heap h = { 0 };
  lua_State *L = lua_newstate(heap_realloc, &h);
  assert_non_null(L);
  luaL_openlibs(L);
  lua_pushcfunction(L, traceless);
  if (luaL_dostring(L, s->before) != LUA_OK || luaL_loadstring(L, s->script) != LUA_OK) {
    print_error("%s: %s\n", s->name, lua_tostring(L, -1));
    fail();
  }
  lua_pushvalue(L, -2);
  h.fail_at = n;
  h.for_good = for_good;
  int status = lua_pcall(L, 1, 1, 1);
  bool failed = h.failed;
  h.fail_at = 0;
  /* One failure may be made good by an emergency collection; an error may also have been returned by the script. */
  if (status != LUA_OK && !failed) {
    print_error("%s: %s\n", s->name, lua_tostring(L, -1));
    fail();
  }
  if (status != LUA_OK && status != LUA_ERRMEM) {
    const char *text = luaL_tolstring(L, -1, NULL);
    if (strstr(text, "memory") == NULL) print_error("%s, allocation %zu: %s\n", s->name, n, text);
    assert_non_null(strstr(text, "memory"));
  }
  lua_close(L);
  assert_int_equal(h.bytes, 0);
  return failed;
}

static void every_allocation(void **state) {
  const scenario *s = *state;
  for (int for_good = 0; for_good < 2; for_good++) {
    size_t n = 1;
    while (run(s, n, for_good != 0)) n++;
    assert_true(n > 3); /* else nothing was tested */
  }
}

#define CORE "local core = require 'jdcloud.core' "
#define KEYS CORE "local keys = core.credential() assert(keys:set('AK', 'SK-CANARY-alloc', 'token')) "
#define REQUEST                                                                                                        \
  "local request = { version = 2, method = 'GET', host = 'vm.jdcloud-api.com', path = '/v1/a', query = 'b=1&a=2', "    \
  "service = 'vm', region = 'cn-north-1', user_agent = 'x', headers = { ['x-jdcloud-pin'] = 'cGlu' } } "
#define CLOUD                                                                                                          \
  "local answer = { status = 200, headers = { date = 'Tue, 24 Nov 2026 00:00:00 GMT' }, body = "                       \
  "'{\"requestId\":\"r\",\"result\":{\"instances\":[{\"instanceId\":\"i-1\",\"tags\":null,\"keyNames\":[]}],'.. "      \
  "'\"totalCount\":9007199254740993,\"new\":{}}}' } "                                                                  \
  "local cloud = require('jdcloud.safe').new { region = 'cn-north-1', access_key = 'AK', "                             \
  "secret_key = 'SK-CANARY-alloc', transport = { send = function() return answer end } } "

static const scenario scenarios[] = {
  { "loading the core", "return 0", CORE },
  { "signing", CORE "return core",
    "return (...).sign { method = 'PUT', host = 'h', path = '/a b', query = 'b=1&a', "
    "body = 'x', service = 's', access_key = 'AK', secret_key = 'SK-CANARY-alloc', "
    "headers = { ['x-jdcloud-pin'] = 'cGlu' } }" },
  { "texts", CORE "return core",
    "local core = ... core.base64(('x'):rep(500)) core.hex(core.sha256('a')) core.hmac('k', 'd') core.encode('a b')" },
  { "a call", KEYS REQUEST "return { core, keys, request }",
    "local core, keys, request = table.unpack(...) local cloud = core.cloud() cloud:limit('/vm', 10, 1) "
    "local call = core.call(cloud) assert(call:begin(request, keys)) call:next() "
    "call:answered(503, 'other') call:next() call:cancel() call:next() return call:outcome()" },
  { "keys", CORE "return core",
    "local keys = (...).credential() keys:set('AK', 'SK-CANARY-alloc', ('t'):rep(300)) "
    "keys:from_environment() keys:from_profile('/nonexistent', 'x')" },
  { "an operation", CLOUD "assert(cloud.vm:describeInstances()) return cloud",
    "local result, err = (...).vm:describeInstances { pageSize = 10 } if not result then error(err, 0) end" },
  { "an operation of a new client", CLOUD "return cloud",
    "local result, err = (...).vm:prepare('createInstances', { instanceSpec = { name = 'a', az = 'cn-north-1a', "
    "charge = { chargeMode = 'postpaid_by_usage' } } }) if not result then error(err, 0) end" },
  { "a call in its host's hands", CLOUD "assert(cloud.vm:describeInstances()) return { cloud, answer }",
    "local cloud, answer = table.unpack(...) local call, err = cloud.vm:begin('describeInstances', { pageSize = 10 }) "
    "if not call then error(err, 0) end if call:next() == 'send' then call:answered(answer) call:next() end "
    "local result, err = call:result() if not result then error(err, 0) end" },
  { "loading libcurl's engine", "return 0", "local curl = require 'jdcloud.curl' curl.engine {}" },
  { "a transfer that is refused", "return assert(require('jdcloud.transport.curl') { proxy = false })",
    "local response, failure = (...).send { method = 'POST', url = 'http://127.0.0.1:1/', headers = { { 'a', 'b' } }, "
    "body = 'x', timeout = 5, max_size = 1000 } assert(not response) "
    "assert(failure.phase == 'connect' or failure.message:find('memory'), failure.message)" },
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* Libraries stay loaded when a state closes, so that a leak can be told by the function it is from. */
static void keep_loaded(const char *module) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return;
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchpath");
  lua_pushstring(L, module);
  lua_getfield(L, -3, "cpath");
  lua_call(L, 2, 1);
  if (lua_isstring(L, -1)) (void)dlopen(lua_tostring(L, -1), RTLD_LAZY | RTLD_NODELETE);
  lua_close(L);
}

int main(void) {
  keep_loaded("cjson");
  keep_loaded("jdcloud.core");
  keep_loaded("jdcloud.curl");
  struct CMUnitTest tests[SCENARIOS] = { { 0 } };
  for (size_t i = 0; i < SCENARIOS; i++) {
    tests[i].name = scenarios[i].name;
    tests[i].test_func = every_allocation;
    tests[i].initial_state = (void *)&scenarios[i];
  }
  return _cmocka_run_group_tests("lua_alloc", tests, SCENARIOS, NULL, NULL);
}
