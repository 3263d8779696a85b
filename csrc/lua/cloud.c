/* cloud.c - the userdata of what the calls of one cloud share. */
#include "binding.h"

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
  if (status != JDC_OK) return jdc_lua_fail(L, status, "limit");
  lua_pushboolean(L, 1);
  return 1;
}

/* cloud:quota(service) -> what is left of the service's retry quota */
static int cloud_quota(lua_State *L) {
  lua_pushinteger(L, jdc_quota_left(jdc_cloud_quota(cloud_of(L)), jdc_lua_str(L, 2)));
  return 1;
}

/* cloud:skew(host) -> seconds to add to our clock to get the host's; 0 if it is right or unknown */
static int cloud_skew(lua_State *L) {
  lua_pushnumber(L, jdc_seconds(jdc_cloud_skew(cloud_of(L), jdc_lua_str(L, 2))));
  return 1;
}

void jdc_open_cloud(lua_State *L) {
  static const luaL_Reg methods[] = {
    { "limit", cloud_limit }, { "quota", cloud_quota }, { "skew", cloud_skew }, { NULL, NULL }
  };
  jdc_lua_type(L, JDC_CLOUD_META, methods, cloud_gc);
  lua_pushcfunction(L, cloud_new);
  lua_setfield(L, -2, "cloud");
}
