/* credential.c - the userdata of a credential, and where keys are read from: secrets of the environment and of files go
 * to the core without becoming Lua strings, which can't be wiped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"

#define PROFILE_MAX (64 * 1024) /* bytes of a configuration file */

typedef struct jdc_lua_credential_box {
  jdc_held *held;
  jdc_buf scratch; /* a file; wiped after use */
  bool raw_token;  /* the session token is sent as it is, not in base64 */
} jdc_lua_credential_box;

static void free_credential(void *object) { jdc_credential_free(object); }

static jdc_lua_credential_box *box_of(lua_State *L, int arg) {
  jdc_lua_credential_box *box = luaL_checkudata(L, arg, JDC_CREDENTIAL_META);
  if (box->held == NULL) luaL_argerror(L, arg, "the credential is closed");
  return box;
}

jdc_held *jdc_lua_credential(lua_State *L, int arg) { return box_of(L, arg)->held; }

static void forget_scratch(jdc_lua_credential_box *box) {
  jdc_buf_wipe(&box->scratch);
  jdc_buf_free(&box->scratch);
}

static int credential_gc(lua_State *L) {
  jdc_lua_credential_box *box = luaL_checkudata(L, 1, JDC_CREDENTIAL_META);
  if (box->held == NULL) return 0;
  forget_scratch(box);
  jdc_let_go(box->held);
  box->held = NULL;
  return 0;
}

/* credential([raw_token]) -> a place for keys, empty. raw_token: session tokens are sent as they are; else in base64 */
static int credential_new(lua_State *L) {
  bool raw_token = lua_toboolean(L, 1) != 0;
  jdc_lua_credential_box *box = jdc_lua_new(L, sizeof(*box), JDC_CREDENTIAL_META);
  jdc_alloc alloc = jdc_lua_alloc(L);
  jdc_credential *credential;
  jdc_status status = jdc_credential_new(alloc, &credential);
  if (status == JDC_OK) {
    box->raw_token = raw_token;
    jdc_buf_init(&box->scratch, alloc, PROFILE_MAX);
    box->held = jdc_hold(alloc, credential, free_credential);
    if (box->held != NULL) return 1;
    jdc_credential_free(credential);
    status = JDC_NOMEM;
  }
  return jdc_lua_fail(L, status, "credential");
}

/* Sets keys; the token is sent in base64 (protocol.md 1.11) unless told otherwise, so what is wrong with it must be
 * found, and its blanks be cut off, before. Returns what the Lua function returns. */
static int set_keys(lua_State *L, jdc_lua_credential_box *box, jdc_str access, jdc_str secret, jdc_str token,
                    int64_t expires_ms) {
  const char *problem = jdc_credential_flaw(access, secret, token);
  if (problem != NULL) return jdc_lua_nil(L, problem);
  token = jdc_str_trim(token);
  jdc_buf base64;
  jdc_buf_init(&base64, box->held->alloc, 2 * JDC_CREDENTIAL_TEXT_MAX);
  if (token.len > 0 && !box->raw_token) jdc_base64(&base64, token);
  jdc_status status = base64.status;
  if (status == JDC_OK) {
    if (!box->raw_token) token = jdc_buf_view(&base64);
    status = jdc_credential_set(box->held->object, access, secret, token, expires_ms, &problem);
  }
  jdc_buf_wipe(&base64);
  jdc_buf_free(&base64);
  if (status == JDC_INVALID) return jdc_lua_nil(L, problem);
  if (status == JDC_TOO_BIG) return jdc_lua_nil(L, "the session token is too long");
  if (status != JDC_OK) return jdc_lua_fail(L, status, "credential");
  lua_pushboolean(L, 1);
  return 1;
}

/* credential:set(access_key, secret_key, session_token | nil, expires_at | nil) -> true | nil, message. expires_at:
 * Unix seconds. On failure the keys that were there stay. */
static int credential_set(lua_State *L) {
  jdc_lua_credential_box *box = box_of(L, 1);
  jdc_str access = jdc_lua_str(L, 2), secret = jdc_lua_str(L, 3), token = { NULL, 0 };
  if (!lua_isnoneornil(L, 4)) token = jdc_lua_str(L, 4);
  lua_Number expires = luaL_optnumber(L, 5, 0);
  return set_keys(L, box, access, secret, token, expires > 0 ? jdc_ms(expires) : 0);
}

static jdc_str env(const char *name) {
  const char *value = getenv(name);
  if (value == NULL || *value == '\0') return (jdc_str){ NULL, 0 };
  return (jdc_str){ value, strlen(value) };
}

/* The pairs of names that other tools use, in the order in which they are looked for (protocol.md 10). */
static const char *const env_pairs[][2] = { { "JDCLOUD_ACCESS_KEY_ID", "JDCLOUD_SECRET_ACCESS_KEY" },
                                            { "JDCLOUD_ACCESS_KEY_ID", "JDCLOUD_ACCESS_KEY_SECRET" },
                                            { "JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY" } };
#define ENV_PAIRS (sizeof(env_pairs) / sizeof(env_pairs[0]))

/* credential:from_environment() -> true | false (nothing is set) | nil, message (half a pair, or bad keys) */
static int credential_from_environment(lua_State *L) {
  jdc_lua_credential_box *box = box_of(L, 1);
  const char *half = NULL, *other = NULL;
  for (size_t i = 0; i < ENV_PAIRS; i++) {
    jdc_str access = env(env_pairs[i][0]), secret = env(env_pairs[i][1]);
    if (access.ptr != NULL && secret.ptr != NULL)
      return set_keys(L, box, access, secret, env("JDCLOUD_SESSION_TOKEN"), 0);
    if (access.ptr != NULL && half == NULL) half = env_pairs[i][0], other = env_pairs[i][1];
    if (secret.ptr != NULL && half == NULL) half = env_pairs[i][1], other = env_pairs[i][0];
  }
  if (half == NULL) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushnil(L);
  lua_pushfstring(L, "the environment has %s, but not %s", half, other);
  return 2;
}

/* Reads a whole small file into the scratch. NULL, or what went wrong. */
static const char *read_file(jdc_buf *out, const char *path) {
  jdc_buf_clear(out);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return strerror(errno);
  (void)setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret in a buffer that isn't wiped */
  size_t n = 1;
  while (n > 0 && out->status == JDC_OK) {
    char *room = jdc_buf_room(out, 4096);
    if (room == NULL) break;
    n = fread(room, 1, 4096, file);
    out->len += n;
  }
  bool failed = ferror(file) != 0;
  (void)fclose(file);
  if (failed) return "it can't be read";
  if (out->status == JDC_TOO_BIG) return "it is too large";
  return out->status == JDC_OK ? NULL : "not enough memory";
}

/* credential:from_profile(path, section) -> region | true (no region there) | false (no such file) | nil, message.
 * Takes keys and region only: the file's endpoint would redirect everything. */
static int credential_from_profile(lua_State *L) {
  jdc_lua_credential_box *box = box_of(L, 1);
  const char *path = luaL_checkstring(L, 2);
  jdc_str section = jdc_lua_str(L, 3);
  errno = 0;
  const char *problem = read_file(&box->scratch, path);
  if (problem != NULL) {
    bool absent = errno == ENOENT;
    forget_scratch(box);
    if (absent) {
      lua_pushboolean(L, 0);
      return 1;
    }
    return jdc_lua_nil(L, problem);
  }
  jdc_str text = jdc_buf_view(&box->scratch);
  if (!jdc_profile_has(text, section)) {
    forget_scratch(box);
    return jdc_lua_nil(L, "there is no such section");
  }
  jdc_str access = jdc_profile_get(text, section, "access_key");
  jdc_str secret = jdc_profile_get(text, section, "secret_key");
  jdc_str region = jdc_profile_get(text, section, "region_id");
  if (access.len == 0 || secret.len == 0) {
    forget_scratch(box);
    return jdc_lua_nil(L, access.len == 0 ? "it has no access_key" : "it has no secret_key");
  }
  if (region.len > 0)
    lua_pushlstring(L, region.ptr, region.len);
  else
    lua_pushboolean(L, 1);
  int results = set_keys(L, box, access, secret, (jdc_str){ NULL, 0 }, 0);
  forget_scratch(box);
  if (results != 1) return results;
  lua_pop(L, 1); /* true; the region is below it */
  return 1;
}

/* credential:access_key() -> the access key, which is no secret | nil */
static int credential_access_key(lua_State *L) {
  jdc_credential *credential = jdc_lua_credential(L, 1)->object;
  if (!jdc_credential_has_keys(credential)) return 0;
  jdc_str key = jdc_credential_access_key(credential);
  lua_pushlstring(L, key.ptr, key.len);
  return 1;
}

/* credential:check(renewable [, now, wall]) -> "ready" | "fetch", why (the caller holds the lease and asks the
 * provider) | "wait", seconds (another caller is asking). For signing outside of a call. */
static int credential_check(lua_State *L) {
  jdc_credential *credential = jdc_lua_credential(L, 1)->object;
  bool renewable = lua_toboolean(L, 2) != 0;
  jdc_credential_why why;
  switch (jdc_credential_check(credential, jdc_lua_time(L, 3), renewable, &why)) {
  case JDC_CREDENTIAL_READY: lua_pushliteral(L, "ready"); return 1;
  case JDC_CREDENTIAL_FETCH:
    lua_pushliteral(L, "fetch");
    lua_pushstring(L, jdc_credential_why_text(why));
    return 2;
  case JDC_CREDENTIAL_WAIT: break;
  }
  lua_pushliteral(L, "wait");
  lua_pushnumber(L, jdc_seconds(JDC_LEASE_POLL_MS));
  return 2;
}

/* credential:failed(): the provider failed; ends the lease. */
static int credential_failed(lua_State *L) {
  jdc_credential_failed(jdc_lua_credential(L, 1)->object, jdc_host_time().now_ms);
  return 0;
}

void jdc_open_credential(lua_State *L) {
  static const luaL_Reg methods[] = { { "set", credential_set },
                                      { "from_environment", credential_from_environment },
                                      { "from_profile", credential_from_profile },
                                      { "access_key", credential_access_key },
                                      { "check", credential_check },
                                      { "failed", credential_failed },
                                      { NULL, NULL } };
  jdc_lua_type(L, JDC_CREDENTIAL_META, methods, credential_gc);
  lua_pushcfunction(L, credential_new);
  lua_setfield(L, -2, "credential");
}
