/* sign.c - signing one request for Lua, apart from any call: for proxies, customer gateways and tests. */
#include "binding.h"

/* What signing needs, made at the first use: one a state, the upvalue of the functions below. */
typedef struct jdc_sign_kit {
  jdc_digest *digest;
  jdc_signer *signer;
  jdc_credential *credential; /* for keys that are given with the request */
} jdc_sign_kit;

#define SIGN_KIT_META "jdcloud.core.signer"

static int kit_gc(lua_State *L) {
  jdc_sign_kit *kit = luaL_checkudata(L, 1, SIGN_KIT_META);
  jdc_signer_free(kit->signer);
  jdc_credential_free(kit->credential);
  jdc_digest_free(kit->digest);
  *kit = (jdc_sign_kit){ NULL, NULL, NULL };
  return 0;
}

static jdc_sign_kit *kit_of(lua_State *L) {
  jdc_sign_kit *kit = lua_touserdata(L, lua_upvalueindex(1));
  jdc_status status = JDC_OK;
  if (kit->digest == NULL) status = jdc_digest_new(jdc_lua_alloc(L), &kit->digest);
  if (status == JDC_OK && kit->signer == NULL) status = jdc_signer_new(jdc_lua_alloc(L), &kit->signer);
  if (status == JDC_OK && kit->credential == NULL) status = jdc_credential_new(jdc_lua_alloc(L), &kit->credential);
  if (status != JDC_OK) jdc_lua_fail(L, status, "sign");
  return kit;
}

static void push_str(lua_State *L, jdc_str s, const char *field) {
  lua_pushlstring(L, s.len > 0 ? s.ptr : "", s.len);
  lua_setfield(L, -2, field);
}

/* Pushes what a signature consists of. Returns 1. */
static int push_signed(lua_State *L, const jdc_signer *signer, jdc_str date, jdc_str nonce) {
  lua_createtable(L, 0, 8);
  push_str(L, jdc_sign_method(signer), "method");
  push_str(L, jdc_sign_host(signer), "host");
  push_str(L, jdc_sign_target(signer), "target");
  push_str(L, jdc_sign_authorization(signer), "authorization");
  push_str(L, jdc_sign_canonical_request(signer), "canonical_request");
  push_str(L, jdc_sign_string_to_sign(signer), "string_to_sign");
  push_str(L, date, "date");
  push_str(L, nonce, "nonce");
  const jdc_header *headers;
  size_t n = jdc_sign_headers(signer, &headers);
  lua_createtable(L, 0, (int)n);
  for (size_t i = 0; i < n; i++) {
    lua_pushlstring(L, headers[i].name.ptr, headers[i].name.len);
    lua_pushlstring(L, headers[i].value.len > 0 ? headers[i].value.ptr : "", headers[i].value.len);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "headers");
  return 1;
}

/* What goes wrong in a signature, as nil and a message; memory and libcrypto are raised. */
static int refused(lua_State *L, jdc_status status, const char *problem) {
  if (problem != NULL && (status == JDC_INVALID || status == JDC_TOO_BIG)) return jdc_lua_nil(L, problem);
  return jdc_lua_fail(L, status, "sign");
}

/* What was wrong when a stamp was JDC_INVALID, which has no words for it: of the request all else has been checked. */
static const char *stamp_problem(const jdc_credential *credential) {
  return jdc_credential_generation(credential) == 0 ? "there are no keys to sign with"
                                                    : "the nonce has a blank, a control character or one outside ASCII";
}

/* sign(request [, credential]) -> { method, host, target, authorization, headers = { name = value }, canonical_request,
 * string_to_sign, date, nonce } | nil, message. request: version (2), scheme, method, host, path, query, headers, body,
 * service, region, signed_headers, date, nonce; access_key and secret_key where no credential is given. */
static int sign_sign(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  jdc_sign_kit *kit = kit_of(L);
  jdc_credential *credential = kit->credential;
  const char *problem = NULL;
  jdc_status status;
  if (lua_isnil(L, 2)) {
    status = jdc_credential_set(credential, jdc_lua_field(L, 1, "access_key"), jdc_lua_field(L, 1, "secret_key"),
                                (jdc_str){ NULL, 0 }, 0, &problem);
    if (status != JDC_OK) return refused(L, status, problem);
  } else {
    credential = jdc_lua_credential(L, 2)->object;
  }

  char date_text[JDC_DATE], nonce_text[2 * 16];
  jdc_str date = jdc_lua_field(L, 1, "date"), nonce = jdc_lua_field(L, 1, "nonce");
  int64_t seconds;
  if (date.ptr == NULL) {
    jdc_date_format(jdc_host_time().wall_ms / 1000, date_text);
    date = (jdc_str){ date_text, sizeof(date_text) };
  } else if (!jdc_date_parse(date, &seconds)) {
    return jdc_lua_nil(L, "date must be like 20240131T235959Z");
  }
  if (nonce.ptr == NULL) {
    unsigned char bytes[16];
    jdc_random_take(L, jdc_random_store(L), bytes, sizeof(bytes));
    jdc_hex(nonce_text, bytes, sizeof(bytes));
    nonce = (jdc_str){ nonce_text, sizeof(nonce_text) };
  }

  jdc_sign_request request;
  jdc_header headers[JDC_HEADERS_MAX];
  jdc_lua_request(L, 1, &request);
  request.nheaders = jdc_lua_headers(L, 1, headers);
  request.headers = headers;
  request.nonce_len = nonce.len;
  status = jdc_sign_prepare(kit->signer, kit->digest, &request, &problem);
  if (status != JDC_OK) return refused(L, status, problem);
  status = jdc_sign_stamp(kit->signer, kit->digest, credential, date.ptr, nonce);
  if (status != JDC_OK) return refused(L, status, stamp_problem(credential));
  return push_signed(L, kit->signer, date, nonce);
}

void jdc_open_sign(lua_State *L) {
  jdc_lua_type(L, SIGN_KIT_META, NULL, kit_gc);
  (void)jdc_lua_new(L, sizeof(jdc_sign_kit), SIGN_KIT_META);
  lua_pushcclosure(L, sign_sign, 1);
  lua_setfield(L, -2, "sign");
}
