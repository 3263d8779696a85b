/* cloud.c - the userdata of what the calls of one cloud share. */
#include "binding.h"
#include <string.h>

typedef struct jdc_lua_cloud_box {
  jdc_held *held;
} jdc_lua_cloud_box;

static void free_cloud(void *object) { jdc_cloud_free(object); }

jdc_held *jdc_lua_cloud(lua_State *L, int arg) {
  jdc_lua_cloud_box *box = luaL_checkudata(L, arg, JDC_CLOUD_META);
  if (box->held == NULL) luaL_argerror(L, arg, "the cloud is closed");
  return box->held;
}

static jdc_cloud *cloud_of(lua_State *L) { return jdc_lua_cloud(L, 1)->object; }

static int cloud_gc(lua_State *L) {
  jdc_lua_cloud_box *box = luaL_checkudata(L, 1, JDC_CLOUD_META);
  jdc_let_go(box->held);
  box->held = NULL;
  return 0;
}

/* cloud() -> the shared state of a new cloud: retry quota, limiter, clock skew */
static int cloud_new(lua_State *L) {
  jdc_lua_cloud_box *box = jdc_lua_new(L, sizeof(*box), JDC_CLOUD_META);
  jdc_alloc alloc = jdc_lua_alloc(L);
  jdc_cloud *cloud;
  jdc_status status = jdc_cloud_new(alloc, &cloud);
  if (status == JDC_OK) {
    box->held = jdc_hold(alloc, cloud, free_cloud);
    if (box->held != NULL) return 1;
    jdc_cloud_free(cloud);
    status = JDC_NOMEM;
  }
  return jdc_lua_fail(L, status, "cloud");
}

/* cloud:limit(suffix, calls, seconds): the allowance of the windows whose key ends so ("/vm"), or of all others for "";
 * calls 0: no limit. -> true | nil, message */
static int cloud_limit(lua_State *L) {
  jdc_cloud *cloud = cloud_of(L);
  jdc_str suffix = jdc_lua_str(L, 2);
  lua_Number calls = luaL_checknumber(L, 3), seconds = luaL_checknumber(L, 4);
  /* A part of a call would be cut to 0, which is no limit. */
  if (!(calls == 0 || (calls >= 1 && calls < 1e9))) return jdc_lua_nil(L, "calls must be 0, or from 1 to 1e9");
  jdc_status status = jdc_limit_set(jdc_cloud_limit(cloud), suffix, (int64_t)calls, jdc_ms(seconds));
  if (status == JDC_INVALID) return jdc_lua_nil(L, "a limit needs a time above 0, 31 days at most, and a short name");
  if (status == JDC_TOO_BIG) return jdc_lua_nil(L, "there are more limits than a cloud keeps");
  if (status != JDC_OK) return jdc_lua_fail(L, status, "limit");
  lua_pushboolean(L, 1);
  return 1;
}

/* cloud:quota(service) -> what is left of the service's retry quota */
static int cloud_quota(lua_State *L) {
  lua_pushinteger(L, jdc_quota_left(jdc_cloud_quota(cloud_of(L)), jdc_lua_str(L, 2)));
  return 1;
}

static void set_count(lua_State *L, const char *field, uint64_t count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, field);
}

/* Pushes { [why] = { count, seconds } } */
static void push_waits(lua_State *L, const jdc_stats *stats) {
  lua_createtable(L, 0, JDC_STATS_WAITS);
  for (int why = 0; why < JDC_STATS_WAITS; why++) {
    lua_createtable(L, 0, 2);
    set_count(L, "count", stats->waits[why]);
    lua_pushnumber(L, jdc_seconds(stats->waited_ms[why]));
    lua_setfield(L, -2, "seconds");
    lua_setfield(L, -2, jdc_wait_why_text((jdc_wait_why)why));
  }
}

/* Pushes a name that is the core's own: Lua 5.1 runs finalisers before it reads the text, and a call that is made in
 * one may move it. */
static void push_copied(lua_State *L, jdc_str name) {
  char copy[JDC_LIMIT_KEY_MAX];
  const size_t len = name.len < sizeof copy ? name.len : sizeof copy;
  if (len > 0) memcpy(copy, name.ptr, len);
  lua_pushlstring(L, copy, len);
}

/* Pushes { [key] = { calls, seconds, told, held, waiting, shut } } of the limiter in the process. A window that comes
 * or goes while tables are made, in a finaliser, is missed or seen twice. */
static void push_windows(lua_State *L, jdc_limit *limit, int64_t now_ms) {
  lua_newtable(L);
  jdc_str key;
  for (size_t i = 0; jdc_limit_at(limit, i, &key); i++) {
    jdc_belief_view view;
    if (!jdc_limit_believes(limit, key, now_ms, &view)) continue;
    push_copied(L, key);
    lua_createtable(L, 0, 6);
    set_count(L, "calls", (uint64_t)view.calls);
    set_count(L, "told", (uint64_t)view.told);
    set_count(L, "held", (uint64_t)view.held);
    set_count(L, "waiting", (uint64_t)view.waiting);
    lua_pushnumber(L, jdc_seconds(view.span_ms));
    lua_setfield(L, -2, "seconds");
    lua_pushnumber(L, jdc_seconds(view.shut_ms));
    lua_setfield(L, -2, "shut");
    lua_rawset(L, -3);
  }
}

/* cloud:stats([now]) -> { calls, failed, attempts, throttled, waits = { [why] = { count, seconds } }, quota = {
 * [service] = left, where it isn't full }, windows = { [access key/service] = { calls, seconds, told, held, waiting,
 * shut } } } */
static int cloud_stats(lua_State *L) {
  jdc_cloud *cloud = cloud_of(L);
  int64_t now_ms = lua_isnoneornil(L, 2) ? jdc_host_time().now_ms : jdc_ms(luaL_checknumber(L, 2));
  const jdc_stats stats = *jdc_cloud_stats(cloud); /* what runs while tables are made can't change it under way */
  lua_createtable(L, 0, 8);
  set_count(L, "calls", stats.calls);
  set_count(L, "failed", stats.failed);
  set_count(L, "attempts", stats.attempts);
  set_count(L, "throttled", stats.throttled);
  push_waits(L, &stats);
  lua_setfield(L, -2, "waits");
  lua_newtable(L);
  jdc_str service;
  int left;
  for (size_t i = 0; jdc_quota_at(jdc_cloud_quota(cloud), i, &service, &left); i++) {
    push_copied(L, service);
    lua_pushinteger(L, left);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "quota");
  push_windows(L, jdc_cloud_limit(cloud), now_ms);
  lua_setfield(L, -2, "windows");
  return 1;
}

/* cloud:skew(host) -> seconds to add to our clock to get the host's; 0 if it is right or unknown */
static int cloud_skew(lua_State *L) {
  lua_pushnumber(L, jdc_seconds(jdc_cloud_skew(cloud_of(L), jdc_lua_str(L, 2))));
  return 1;
}

void jdc_open_cloud(lua_State *L) {
  static const luaL_Reg methods[] = {
    { "limit", cloud_limit }, { "quota", cloud_quota }, { "skew", cloud_skew }, { "stats", cloud_stats }, { NULL, NULL }
  };
  jdc_lua_type(L, JDC_CLOUD_META, methods, cloud_gc);
  lua_pushcfunction(L, cloud_new);
  lua_setfield(L, -2, "cloud");
}
