/* random.c - random bytes of the operating system, fetched many at a time: a system call for each nonce would cost more
 * than its signature. Every byte is given out once. The store lies in memory that the kernel empties in a child after
 * fork, so that parent and child never share bytes; where the kernel can't do that, each request is a system call. */
#define _DEFAULT_SOURCE /* getentropy, getrandom, madvise */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__) || defined(__APPLE__)
#include <sys/random.h>
#endif

#include "binding.h"

#define STORE_META  "jdcloud.core.random"
#define ENTROPY_MAX 256 /* getentropy gives no more at once */
#define STORE_BYTES 2048

/* At the start of a page of its own; all zero (and so empty) when new and in a child. */
typedef struct jdc_store {
  size_t left;
  unsigned char bytes[STORE_BYTES];
} jdc_store;

struct jdc_store_box {
  jdc_store *store; /* NULL: not to be had here */
};

static const char store_key = 0; /* its address is the place of the box in the registry */

static int store_gc(lua_State *L) {
  jdc_store_box *box = luaL_checkudata(L, 1, STORE_META);
  if (box->store == NULL) return 0;
  jdc_wipe(box->store, sizeof(*box->store));
  munmap(box->store, sizeof(*box->store));
  box->store = NULL;
  return 0;
}

static jdc_store *map_store(void) {
#if defined(MADV_WIPEONFORK) && defined(MAP_ANONYMOUS)
  void *page = mmap(NULL, sizeof(jdc_store), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, sizeof(jdc_store), MADV_WIPEONFORK) == 0) return page;
  munmap(page, sizeof(jdc_store));
#endif
  return NULL;
}

static void fetch(lua_State *L, void *out, size_t n) {
  unsigned char *p = out;
  while (n > 0) {
    size_t part = n < ENTROPY_MAX ? n : ENTROPY_MAX;
#if defined(__linux__)
    ssize_t got = getrandom(p, n, 0); /* more at once; fewer than asked for if a signal comes */
    if (got > 0) part = (size_t)got;
    bool ok = got > 0 || getentropy(p, part) == 0;
#else
    bool ok = getentropy(p, part) == 0;
#endif
    if (!ok) luaL_error(L, "the operating system gives no random bytes");
    p += part;
    n -= part;
  }
}

jdc_store_box *jdc_random_store(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&store_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  jdc_store_box *box = lua_touserdata(L, -1);
  lua_pop(L, 1); /* the registry holds it */
  return box;
}

void jdc_random_take(lua_State *L, jdc_store_box *box, void *out, size_t n) {
  jdc_store *store = box == NULL ? NULL : box->store;
  if (store == NULL || n > ENTROPY_MAX) {
    fetch(L, out, n);
    return;
  }
  if (store->left < n) {
    store->left = 0;
    fetch(L, store->bytes, STORE_BYTES);
    store->left = STORE_BYTES;
  }
  store->left -= n;
  memcpy(out, store->bytes + store->left, n);
  jdc_wipe(store->bytes + store->left, n);
}

/* random(n) -> n bytes of the operating system's generator, 1 to 256. */
static int host_random(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1 && n <= ENTROPY_MAX, 1, "from 1 to 256");
  unsigned char bytes[ENTROPY_MAX];
  jdc_random_take(L, jdc_random_store(L), bytes, (size_t)n);
  lua_pushlstring(L, (const char *)bytes, (size_t)n);
  return 1;
}

void jdc_open_random(lua_State *L) {
  jdc_lua_type(L, STORE_META, NULL, store_gc);
  if (jdc_random_store(L) == NULL) { /* loaded a second time, the module's calls of the first still point there */
    lua_pushlightuserdata(L, (void *)&store_key);
    jdc_store_box *box = jdc_lua_new(L, sizeof(*box), STORE_META);
    box->store = map_store();
    lua_rawset(L, LUA_REGISTRYINDEX);
  }
  lua_pushcfunction(L, host_random);
  lua_setfield(L, -2, "random");
}
