/* credential.c - the keys of one user: kept, wiped, refreshed by one caller at a time, and turned into signing keys
 * that are cached (credential.h, protocol.md 1.1 and 10). */
#include "credential.h"

#include "buf.h"

#define PREFIX 8 /* of the secret in the first HMAC key: JDCLOUD2 or JDCLOUD3 */

typedef struct slot {
  uint64_t used; /* the tick of its last use; 0: empty */
  int version;
  char day[JDC_DAY];
  size_t region_len, service_len;
  char scope[2 * JDC_SCOPE_MAX]; /* region, service */
  jdc_hmac_key key;
} slot;

struct jdc_credential {
  jdc_alloc alloc;
  uint64_t generation; /* 0: no keys */
  /* One block: access key, token, prefix, secret. The first HMAC key is its end, ready but for the version's digit. */
  char *text;
  size_t access_len, token_len, secret_len;
  int64_t expires_ms; /* wall; 0: never */

  bool leased, refused;
  bool expired;                                /* as the last check found */
  bool fresh;                                  /* a provider has just given these keys and no check has seen them yet */
  bool best;                                   /* until quiet_until_ms they serve whatever their expiry says */
  int64_t leased_ms;                           /* when the lease was taken */
  int64_t leased_wall_ms;                      /* the same by the wall's clock: the life of keys counts from there */
  int64_t quiet_until_ms;                      /* no refresh ahead of time before */
  int64_t advisory_ms, mandatory_ms, retry_ms; /* of these keys */
  uint64_t failures;

  uint64_t tick;
  slot slots[JDC_SIGNING_KEYS];
};

/* The times before the end, for keys that live for this long; 0 or less: nobody knows. */
static void set_windows(jdc_credential *c, int64_t life_ms) {
  c->advisory_ms = JDC_REFRESH_ADVISORY_MS;
  c->mandatory_ms = JDC_REFRESH_MANDATORY_MS;
  c->retry_ms = JDC_REFRESH_RETRY_MS;
  if (life_ms <= 0) return;
  if (life_ms / 2 < c->advisory_ms) c->advisory_ms = life_ms / 2;
  if (life_ms / 10 < c->mandatory_ms) c->mandatory_ms = life_ms / 10;
  if (life_ms / 10 < c->retry_ms)
    c->retry_ms = life_ms / 10 > JDC_REFRESH_RETRY_MIN_MS ? life_ms / 10 : JDC_REFRESH_RETRY_MIN_MS;
}

jdc_status jdc_credential_new(jdc_alloc alloc, jdc_credential **out) {
  jdc_credential *c = jdc_new(alloc, sizeof *c);
  *out = c;
  if (c == NULL) return JDC_NOMEM;
  memset(c, 0, sizeof *c);
  c->alloc = alloc;
  c->quiet_until_ms = INT64_MIN;
  set_windows(c, 0);
  return JDC_OK;
}

static size_t text_size(const jdc_credential *c) { return c->access_len + c->token_len + PREFIX + c->secret_len; }

static void wipe_slots(jdc_credential *c) {
  for (size_t i = 0; i < JDC_SIGNING_KEYS; i++) {
    jdc_hmac_key_free(&c->slots[i].key);
    c->slots[i].used = 0;
  }
}

static void wipe_keys(jdc_credential *c) {
  if (c->text == NULL) return;
  wipe_slots(c);
  jdc_wipe(c->text, text_size(c));
  jdc_delete(c->alloc, c->text, text_size(c));
  c->text = NULL;
}

void jdc_credential_free(jdc_credential *c) {
  if (c == NULL) return;
  wipe_keys(c);
  jdc_delete(c->alloc, c, sizeof *c);
}

/* Printable ASCII without the characters of `except`, and not too long. */
static bool proper(jdc_str s, const char *except) {
  if (s.len > JDC_CREDENTIAL_TEXT_MAX) return false;
  for (size_t i = 0; i < s.len; i++)
    if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e || strchr(except, s.ptr[i]) != NULL) return false;
  return true;
}

const char *jdc_credential_flaw(jdc_str access_key, jdc_str secret_key, jdc_str session_token) {
  jdc_str access = jdc_str_trim(access_key), secret = jdc_str_trim(secret_key), token = jdc_str_trim(session_token);
  if (access.len == 0) return "the access key is empty";
  if (secret.len == 0) return "the secret key is empty";
  /* Those would break the Authorization header. */
  if (!proper(access, " ,")) return "the access key is too long or has a blank, a comma or a character outside ASCII";
  if (!proper(secret, "")) return "the secret key is too long or has a control character or one outside ASCII";
  if (!proper(token, "")) return "the session token is too long or has a control character or one outside ASCII";
  return NULL;
}

static jdc_str secret_of(const jdc_credential *c) {
  return (jdc_str){ c->text + c->access_len + c->token_len + PREFIX, c->secret_len };
}

static bool same_keys(const jdc_credential *c, jdc_str access, jdc_str secret, jdc_str token) {
  return c->generation != 0 && jdc_str_same(jdc_credential_access_key(c), access) &&
         jdc_str_same(secret_of(c), secret) && jdc_str_same(jdc_credential_session_token(c), token);
}

static jdc_status replace_keys(jdc_credential *c, jdc_str access, jdc_str secret, jdc_str token) {
  char *text = jdc_new(c->alloc, access.len + token.len + PREFIX + secret.len);
  if (text == NULL) return JDC_NOMEM;
  memcpy(text, access.ptr, access.len);
  if (token.len > 0) memcpy(text + access.len, token.ptr, token.len);
  memcpy(text + access.len + token.len, "JDCLOUD2", PREFIX);
  memcpy(text + access.len + token.len + PREFIX, secret.ptr, secret.len);
  wipe_keys(c);
  c->text = text;
  c->access_len = access.len;
  c->token_len = token.len;
  c->secret_len = secret.len;
  c->generation++;
  return JDC_OK;
}

jdc_status jdc_credential_set(jdc_credential *c, jdc_str access_key, jdc_str secret_key, jdc_str session_token,
                              int64_t expires_ms, const char **problem) {
  jdc_str access = jdc_str_trim(access_key), secret = jdc_str_trim(secret_key), token = jdc_str_trim(session_token);
  *problem = jdc_credential_flaw(access, secret, token);
  if (*problem != NULL) return JDC_INVALID;
  if (!same_keys(c, access, secret, token)) {
    jdc_status status = replace_keys(c, access, secret, token);
    if (status != JDC_OK) return status;
  }
  c->expires_ms = expires_ms;
  c->fresh = c->leased;
  set_windows(c, c->leased && expires_ms != 0 ? expires_ms - c->leased_wall_ms : 0);
  c->leased = c->refused = c->expired = c->best = false;
  c->quiet_until_ms = INT64_MIN;
  return JDC_OK;
}

void jdc_credential_given(jdc_credential *c, int64_t now_ms) {
  if (!c->fresh) return;
  c->fresh = false;
  c->best = true;
  c->quiet_until_ms = now_ms + c->retry_ms;
}

bool jdc_credential_has_keys(const jdc_credential *c) { return c->generation != 0 && !c->expired; }

uint64_t jdc_credential_generation(const jdc_credential *c) { return c->generation; }

jdc_str jdc_credential_access_key(const jdc_credential *c) { return (jdc_str){ c->text, c->access_len }; }

jdc_str jdc_credential_session_token(const jdc_credential *c) {
  return c->token_len == 0 ? (jdc_str){ NULL, 0 } : (jdc_str){ c->text + c->access_len, c->token_len };
}

void jdc_credential_failed(jdc_credential *c, int64_t now_ms) {
  c->leased = c->refused = c->best = false;
  c->quiet_until_ms = now_ms + c->retry_ms;
  c->failures++;
}

uint64_t jdc_credential_failures(const jdc_credential *c) { return c->failures; }

void jdc_credential_refuse(jdc_credential *c, uint64_t generation) {
  if (generation != 0 && generation == c->generation) c->refused = true;
}

void jdc_credential_release(jdc_credential *c) { c->leased = false; }

static jdc_credential_need ask(jdc_credential *c, jdc_time t) {
  if (c->leased && t.now_ms - c->leased_ms < JDC_LEASE_MS) return JDC_CREDENTIAL_WAIT;
  c->leased = true;
  c->leased_ms = t.now_ms;
  c->leased_wall_ms = t.wall_ms;
  return JDC_CREDENTIAL_FETCH;
}

jdc_credential_need jdc_credential_check(jdc_credential *c, jdc_time t, bool renewable, jdc_credential_why *why) {
  *why = JDC_WHY_MISSING;
  if (!renewable) return c->generation != 0 ? JDC_CREDENTIAL_READY : JDC_CREDENTIAL_FETCH;
  jdc_credential_given(c, t.now_ms);
  bool quiet = t.now_ms < c->quiet_until_ms;
  int64_t left = c->generation == 0 || c->expires_ms == 0 ? INT64_MAX : c->expires_ms - t.wall_ms;
  c->expired = left <= 0 && !(quiet && c->best);

  if (c->generation == 0) return ask(c, t);
  *why = JDC_WHY_REFUSED;
  if (c->refused) return ask(c, t);
  *why = JDC_WHY_EXPIRING;
  if (left > c->advisory_ms || (quiet && !c->expired)) return JDC_CREDENTIAL_READY;
  jdc_credential_need need = ask(c, t);
  return need == JDC_CREDENTIAL_WAIT && left > c->mandatory_ms ? JDC_CREDENTIAL_READY : need;
}

/* Derives the key of a scope into `out` and as a prepared key into *key: a chain of four HMACs over raw bytes. */
static jdc_status derive(jdc_credential *c, jdc_digest *d, int version, const char *day, jdc_str region,
                         jdc_str service, jdc_hmac_key *key, unsigned char out[JDC_SHA256]) {
  if (c->generation == 0 || (version != 2 && version != 3)) return JDC_INVALID;
  char terminator[] = "jdcloud2_request";
  char *first = c->text + c->access_len + c->token_len;
  first[PREFIX - 1] = terminator[7] = version == 2 ? '2' : '3';
  const jdc_str steps[] = { { day, JDC_DAY }, region, service, { terminator, sizeof terminator - 1 } };
  jdc_status status = jdc_hmac_key_set(d, key, first, PREFIX + c->secret_len);
  for (size_t i = 0; i < sizeof steps / sizeof *steps && status == JDC_OK; i++) {
    status = jdc_hmac(d, key, steps[i].ptr, steps[i].len, out);
    if (status == JDC_OK) status = jdc_hmac_key_set(d, key, out, JDC_SHA256);
  }
  if (status != JDC_OK) jdc_hmac_key_free(key);
  return status;
}

static bool holds(const slot *s, int version, const char *day, jdc_str region, jdc_str service) {
  return s->used != 0 && s->version == version && memcmp(s->day, day, JDC_DAY) == 0 &&
         jdc_str_same((jdc_str){ s->scope, s->region_len }, region) &&
         jdc_str_same((jdc_str){ s->scope + s->region_len, s->service_len }, service);
}

jdc_status jdc_credential_signing_key(jdc_credential *c, jdc_digest *d, int version, const char day[JDC_DAY],
                                      jdc_str region, jdc_str service, const jdc_hmac_key **out) {
  if (region.len > JDC_SCOPE_MAX || service.len > JDC_SCOPE_MAX) return JDC_TOO_BIG;
  slot *oldest = &c->slots[0];
  for (slot *s = c->slots; s < c->slots + JDC_SIGNING_KEYS; s++) {
    if (holds(s, version, day, region, service)) {
      s->used = ++c->tick;
      *out = &s->key;
      return JDC_OK;
    }
    if (s->used < oldest->used) oldest = s;
  }
  unsigned char raw[JDC_SHA256];
  oldest->used = 0;
  jdc_status status = derive(c, d, version, day, region, service, &oldest->key, raw);
  jdc_wipe(raw, sizeof raw);
  if (status != JDC_OK) return status;
  oldest->used = ++c->tick;
  oldest->version = version;
  memcpy(oldest->day, day, JDC_DAY);
  oldest->region_len = region.len;
  oldest->service_len = service.len;
  if (region.len > 0) memcpy(oldest->scope, region.ptr, region.len);
  if (service.len > 0) memcpy(oldest->scope + region.len, service.ptr, service.len);
  *out = &oldest->key;
  return JDC_OK;
}

jdc_status jdc_credential_derive(jdc_credential *c, jdc_digest *d, int version, const char day[JDC_DAY], jdc_str region,
                                 jdc_str service, unsigned char out[JDC_SHA256]) {
  jdc_hmac_key key = { NULL, NULL };
  jdc_status status = derive(c, d, version, day, region, service, &key, out);
  jdc_hmac_key_free(&key);
  return status;
}
