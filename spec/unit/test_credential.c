/* test_credential.c - keys, the rules of refreshing them on virtual time, and the cache of signing keys. */
#include "core/credential.h"
#include "test.h"

#define MINUTE INT64_C(60000)
#define END    (1000 * MINUTE) /* the wall time at which the keys of the tests expire */

static test_heap heap;
static jdc_credential *credential;
static jdc_digest *digest;

static int set_up(void **state) {
  (void)state;
  heap = (test_heap){ 0 };
  if (jdc_digest_new(test_heap_alloc(&heap), &digest) != JDC_OK) return 1;
  return jdc_credential_new(test_heap_alloc(&heap), &credential) == JDC_OK ? 0 : 1;
}

static int tear_down(void **state) {
  (void)state;
  jdc_credential_free(credential);
  jdc_digest_free(digest);
  return heap.blocks == 0 ? 0 : 1;
}

static void set(const char *access, const char *secret, const char *token, int64_t expires_ms) {
  const char *problem = "not touched";
  assert_int_equal(
      jdc_credential_set(credential, test_str(access), test_str(secret), test_str(token), expires_ms, &problem),
      JDC_OK);
  assert_null(problem);
}

/* now and wall go side by side here: what is left is END - at. */
static jdc_credential_need check(int64_t at, jdc_credential_why *why) {
  return jdc_credential_check(credential, (jdc_time){ .now_ms = at + 7, .wall_ms = at }, true, why);
}

static void expect(int64_t at, jdc_credential_need need) {
  jdc_credential_why why;
  assert_int_equal(check(at, &why), need);
}

static void expect_fetch(int64_t at, jdc_credential_why because) {
  jdc_credential_why why;
  assert_int_equal(check(at, &why), JDC_CREDENTIAL_FETCH);
  assert_int_equal(why, because);
}

static void keys_are_kept_trimmed(void **state) {
  (void)state;
  set(" \tAK/with=odd+text\r\n", "\nSK/+= inside \n", " token= \n", 0);
  test_same_text(jdc_credential_access_key(credential), JDC_STR("AK/with=odd+text"));
  test_same_text(jdc_credential_session_token(credential), JDC_STR("token="));
  set("AK", "SK", NULL, 0);
  test_same_text(jdc_credential_session_token(credential), JDC_STR(""));
}

static void bad_keys_are_refused_and_the_old_ones_stay(void **state) {
  (void)state;
  static char long_text[JDC_CREDENTIAL_TEXT_MAX + 1];
  memset(long_text, 'x', sizeof long_text);
  const struct {
    jdc_str access, secret, token;
    const char *named;
  } rows[] = {
    { JDC_STR(""), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR(" \n"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a"), JDC_STR(""), JDC_STR(""), "secret key" },
    { JDC_STR("a"), JDC_STR("\t"), JDC_STR(""), "secret key" },
    { JDC_STR("a b"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a,b"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a\0b"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a\nb"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a\x7f"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("\xc3\xa4"), JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a"), JDC_STR("hush\0hush"), JDC_STR(""), "secret key" },
    { JDC_STR("a"), JDC_STR("hush\rhush"), JDC_STR(""), "secret key" },
    { JDC_STR("a"), JDC_STR("hush\xff"), JDC_STR(""), "secret key" },
    { JDC_STR("a"), JDC_STR("s"), JDC_STR("hush\r\nx: y"), "session token" },
    { JDC_STR("a"), JDC_STR("s"), JDC_STR("hush\x80"), "session token" },
    { { long_text, sizeof long_text }, JDC_STR("s"), JDC_STR(""), "access key" },
    { JDC_STR("a"), { long_text, sizeof long_text }, JDC_STR(""), "secret key" },
    { JDC_STR("a"), JDC_STR("s"), { long_text, sizeof long_text }, "session token" },
  };
  set("old", "SK", "T", 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *problem = NULL;
    assert_int_equal(jdc_credential_set(credential, rows[i].access, rows[i].secret, rows[i].token, 0, &problem),
                     JDC_INVALID);
    assert_non_null(problem);
    assert_non_null(strstr(problem, rows[i].named));
    assert_null(strstr(problem, "hush"));
  }
  test_same_text(jdc_credential_access_key(credential), JDC_STR("old"));
  assert_int_equal(jdc_credential_generation(credential), 1);
}

static void the_generation_changes_when_the_keys_do(void **state) {
  (void)state;
  assert_int_equal(jdc_credential_generation(credential), 0);
  assert_false(jdc_credential_has_keys(credential));
  set("a", "s", "t", 0);
  uint64_t first = jdc_credential_generation(credential);
  assert_true(first != 0);
  assert_true(jdc_credential_has_keys(credential));
  set("a", "s", "t", END);
  set(" a ", "s\n", "t", END + 1);
  assert_true(jdc_credential_generation(credential) == first);
  uint64_t last = first;
  static const char *const others[][3] = { { "b", "s", "t" }, { "b", "s2", "t" }, { "b", "s2", NULL } };
  for (size_t i = 0; i < 3; i++) {
    set(others[i][0], others[i][1], others[i][2], 0);
    assert_true(jdc_credential_generation(credential) != last);
    last = jdc_credential_generation(credential);
  }
}

static void without_a_provider_keys_serve_whatever_their_age(void **state) {
  (void)state;
  jdc_credential_why why;
  jdc_time late = { .now_ms = 2 * END, .wall_ms = 2 * END };
  for (int i = 0; i < 2; i++) { /* no lease is taken */
    assert_int_equal(jdc_credential_check(credential, late, false, &why), JDC_CREDENTIAL_FETCH);
    assert_int_equal(why, JDC_WHY_MISSING);
  }
  set("a", "s", NULL, END);
  assert_int_equal(jdc_credential_check(credential, late, false, &why), JDC_CREDENTIAL_READY);
  assert_true(jdc_credential_has_keys(credential));
}

static void one_caller_fetches_the_first_keys_and_the_rest_wait(void **state) {
  (void)state;
  expect_fetch(0, JDC_WHY_MISSING);
  expect(0, JDC_CREDENTIAL_WAIT);
  expect(JDC_LEASE_MS - 1, JDC_CREDENTIAL_WAIT);
  set("a", "s", NULL, 0);
  expect(1, JDC_CREDENTIAL_READY);
  expect(INT64_MAX / 4, JDC_CREDENTIAL_READY);
}

static void a_lease_ends_by_time_release_or_failure(void **state) {
  (void)state;
  expect_fetch(0, JDC_WHY_MISSING);
  expect_fetch(JDC_LEASE_MS, JDC_WHY_MISSING);
  expect(JDC_LEASE_MS + 1, JDC_CREDENTIAL_WAIT);
  jdc_credential_release(credential);
  expect_fetch(JDC_LEASE_MS + 1, JDC_WHY_MISSING);
  jdc_credential_failed(credential, JDC_LEASE_MS + 2);
  expect_fetch(JDC_LEASE_MS + 2, JDC_WHY_MISSING);
}

/* What one check finds, by the time that is left, and what a second one finds while the first one's lease runs. */
static void windows_before_the_end(void **state) {
  (void)state;
  static const struct {
    int64_t left;
    jdc_credential_need first, second;
  } rows[] = {
    { 100 * MINUTE, JDC_CREDENTIAL_READY, JDC_CREDENTIAL_READY },
    { JDC_REFRESH_ADVISORY_MS + 1, JDC_CREDENTIAL_READY, JDC_CREDENTIAL_READY },
    { JDC_REFRESH_ADVISORY_MS, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_READY },
    { JDC_REFRESH_MANDATORY_MS + 1, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_READY },
    { JDC_REFRESH_MANDATORY_MS, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_WAIT },
    { 1, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_WAIT },
    { 0, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_WAIT },
    { -MINUTE, JDC_CREDENTIAL_FETCH, JDC_CREDENTIAL_WAIT },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    set("a", "s", NULL, END);
    int64_t at = END - rows[i].left;
    jdc_credential_why why;
    assert_int_equal(check(at, &why), rows[i].first);
    if (rows[i].first == JDC_CREDENTIAL_FETCH) assert_int_equal(why, JDC_WHY_EXPIRING);
    assert_int_equal(check(at, &why), rows[i].second);
    assert_true(jdc_credential_has_keys(credential) == (rows[i].left > 0));
    jdc_credential_release(credential);
  }
}

static void after_a_failed_refresh_old_keys_serve_a_while(void **state) {
  (void)state;
  set("a", "s", NULL, END);
  int64_t at = END - JDC_REFRESH_ADVISORY_MS;
  expect_fetch(at, JDC_WHY_EXPIRING);
  jdc_credential_failed(credential, at + 7);
  expect(at, JDC_CREDENTIAL_READY);
  expect(at + JDC_REFRESH_RETRY_MS - 1, JDC_CREDENTIAL_READY);
  expect_fetch(at + JDC_REFRESH_RETRY_MS, JDC_WHY_EXPIRING);
}

static void after_a_failed_late_refresh_keys_serve_until_they_expire(void **state) {
  (void)state;
  set("a", "s", NULL, END);
  int64_t at = END - 10000;
  expect_fetch(at, JDC_WHY_EXPIRING);
  jdc_credential_failed(credential, at + 7);
  expect(END - 1, JDC_CREDENTIAL_READY);
  assert_true(jdc_credential_has_keys(credential));
  expect_fetch(END, JDC_WHY_EXPIRING);
  assert_false(jdc_credential_has_keys(credential));
  jdc_credential_failed(credential, END + 7);
  assert_false(jdc_credential_has_keys(credential));
  expect_fetch(END + 1, JDC_WHY_EXPIRING);
  set("b", "s", NULL, 2 * END);
  assert_true(jdc_credential_has_keys(credential));
}

static void refused_keys_are_fetched_once(void **state) {
  (void)state;
  set("a", "s", NULL, 0);
  jdc_credential_refuse(credential, jdc_credential_generation(credential));
  expect_fetch(0, JDC_WHY_REFUSED);
  expect(0, JDC_CREDENTIAL_WAIT);
  uint64_t before = jdc_credential_generation(credential);
  set("a", "s", NULL, 0); /* the provider has no others */
  expect(1, JDC_CREDENTIAL_READY);
  assert_true(jdc_credential_generation(credential) == before);
}

static void refused_keys_serve_on_if_the_provider_fails(void **state) {
  (void)state;
  set("a", "s", NULL, 0);
  jdc_credential_refuse(credential, jdc_credential_generation(credential));
  expect_fetch(0, JDC_WHY_REFUSED);
  jdc_credential_failed(credential, 8);
  expect(1, JDC_CREDENTIAL_READY);
}

static void a_refusal_outlives_a_released_lease_but_not_its_keys(void **state) {
  (void)state;
  set("a", "s", NULL, 0);
  uint64_t old = jdc_credential_generation(credential);
  jdc_credential_refuse(credential, old);
  expect_fetch(0, JDC_WHY_REFUSED);
  jdc_credential_release(credential);
  expect_fetch(1, JDC_WHY_REFUSED);
  set("b", "s", NULL, 0);
  jdc_credential_refuse(credential, old); /* an answer to an older attempt */
  expect(2, JDC_CREDENTIAL_READY);
  jdc_credential_refuse(credential, 0);
  expect(2, JDC_CREDENTIAL_READY);
}

static void keys_that_end_a_lease_serve_even_if_about_to_expire(void **state) {
  (void)state;
  /* what is left when they come, and how long they serve before they are asked for again */
  static const struct {
    int64_t left, serve;
  } rows[] = {
    { 11 * MINUTE, 6 * MINUTE },
    { JDC_REFRESH_ADVISORY_MS, JDC_REFRESH_ADVISORY_MS / 2 },
    { MINUTE, MINUTE / 2 },
    { 3000, 1500 },
    { 1000, JDC_REFRESH_RETRY_MIN_MS },
    { 0, JDC_REFRESH_RETRY_MS },
    { -MINUTE, JDC_REFRESH_RETRY_MS },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t at = END - rows[i].left;
    set("a", "s", NULL, 1);
    expect_fetch(at, JDC_WHY_EXPIRING);
    set("b", "s", NULL, END);
    expect(at, JDC_CREDENTIAL_READY);
    assert_true(jdc_credential_has_keys(credential));
    expect(at + rows[i].serve - 1, JDC_CREDENTIAL_READY);
    expect_fetch(at + rows[i].serve, JDC_WHY_EXPIRING);
    jdc_credential_release(credential);
  }
}

static void keys_that_live_shortly_have_short_windows(void **state) {
  (void)state;
  expect_fetch(0, JDC_WHY_MISSING);
  set("a", "s", NULL, 100000);
  expect(0, JDC_CREDENTIAL_READY);
  expect(49999, JDC_CREDENTIAL_READY);
  expect_fetch(50000, JDC_WHY_EXPIRING);
  jdc_credential_release(credential);
  expect_fetch(89999, JDC_WHY_EXPIRING);
  expect(89999, JDC_CREDENTIAL_READY);
  expect(90000, JDC_CREDENTIAL_WAIT);
  jdc_credential_failed(credential, 88000 + 7);
  expect(97999, JDC_CREDENTIAL_READY);
  expect_fetch(98000, JDC_WHY_EXPIRING);
}

/* The MAC of one byte: tells signing keys apart. */
static void mac_of(int version, const char *day, jdc_str region, jdc_str service, unsigned char out[JDC_SHA256]) {
  const jdc_hmac_key *key;
  assert_int_equal(jdc_credential_signing_key(credential, digest, version, day, region, service, &key), JDC_OK);
  assert_int_equal(jdc_hmac(digest, key, "x", 1, out), JDC_OK);
}

static void the_cached_key_is_the_derived_one(void **state) {
  (void)state;
  static const struct {
    int version;
    const char *day, *region, *service;
  } rows[] = {
    { 2, "20240131", "cn-north-1", "vm" },  { 3, "20240131", "cn-north-1", "vm" },
    { 2, "20240201", "cn-north-1", "vm" },  { 2, "20240131", "cn-east-2", "vm" },
    { 2, "20240131", "cn-north-1", "vpc" }, { 2, "20240131", "cn-north-1v", "m" },
  };
  enum { ROWS = sizeof rows / sizeof *rows };
  unsigned char macs[ROWS][JDC_SHA256], raw[JDC_SHA256], mac[JDC_SHA256];
  set("a", "s", NULL, 0);
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < ROWS; i++) {
      jdc_str region = test_str(rows[i].region), service = test_str(rows[i].service);
      mac_of(rows[i].version, rows[i].day, region, service, macs[i]);
      assert_int_equal(jdc_credential_derive(credential, digest, rows[i].version, rows[i].day, region, service, raw),
                       JDC_OK);
      jdc_hmac_key key = { NULL, NULL };
      assert_int_equal(jdc_hmac_key_set(digest, &key, raw, sizeof raw), JDC_OK);
      assert_int_equal(jdc_hmac(digest, &key, "x", 1, mac), JDC_OK);
      jdc_hmac_key_free(&key);
      assert_memory_equal(mac, macs[i], JDC_SHA256);
    }
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < i; j++) assert_memory_not_equal(macs[i], macs[j], JDC_SHA256);
}

static void other_keys_leave_no_cached_signing_key(void **state) {
  (void)state;
  unsigned char before[JDC_SHA256], after[JDC_SHA256];
  set("a", "s", NULL, 0);
  mac_of(2, "20240131", JDC_STR("cn-north-1"), JDC_STR("vm"), before);
  set("a", "t", NULL, 0);
  mac_of(2, "20240131", JDC_STR("cn-north-1"), JDC_STR("vm"), after);
  assert_memory_not_equal(before, after, JDC_SHA256);
}

static const jdc_hmac_key *key_of(int service) {
  const jdc_hmac_key *key;
  char name[] = "service-00";
  name[8] = (char)('0' + service / 10);
  name[9] = (char)('0' + service % 10);
  assert_int_equal(
      jdc_credential_signing_key(credential, digest, 2, "20240131", JDC_STR("cn-north-1"), test_str(name), &key),
      JDC_OK);
  return key;
}

static void the_key_unused_for_longest_is_forgotten_first(void **state) {
  (void)state;
  const jdc_hmac_key *keys[JDC_SIGNING_KEYS];
  set("a", "s", NULL, 0);
  for (int i = 0; i < JDC_SIGNING_KEYS; i++) {
    keys[i] = key_of(i);
    for (int j = 0; j < i; j++) assert_ptr_not_equal(keys[i], keys[j]);
  }
  for (int i = 0; i < JDC_SIGNING_KEYS; i++) assert_ptr_equal(key_of(i), keys[i]);
  key_of(0);
  assert_ptr_equal(key_of(JDC_SIGNING_KEYS), keys[1]); /* took the place of the second */
  assert_ptr_equal(key_of(0), keys[0]);
  assert_ptr_equal(key_of(2), keys[2]);
}

static void a_warm_signing_key_allocates_nothing(void **state) {
  (void)state;
  set("a", "s", NULL, 0);
  key_of(1);
  size_t calls = heap.calls;
  key_of(1);
  key_of(2); /* a new one neither: the cache is part of the credential */
  assert_int_equal(heap.calls, calls);
}

static void no_keys_or_no_version_give_no_signing_key(void **state) {
  (void)state;
  const jdc_hmac_key *key;
  unsigned char raw[JDC_SHA256];
  jdc_str region = JDC_STR("cn-north-1"), service = JDC_STR("vm");
  assert_int_equal(jdc_credential_signing_key(credential, digest, 2, "20240131", region, service, &key), JDC_INVALID);
  assert_int_equal(jdc_credential_derive(credential, digest, 2, "20240131", region, service, raw), JDC_INVALID);
  set("a", "s", NULL, 0);
  assert_int_equal(jdc_credential_signing_key(credential, digest, 4, "20240131", region, service, &key), JDC_INVALID);
  static const char name[JDC_SCOPE_MAX + 1] = "x";
  jdc_str longest = { name, JDC_SCOPE_MAX }, longer = { name, JDC_SCOPE_MAX + 1 };
  assert_int_equal(jdc_credential_signing_key(credential, digest, 2, "20240131", longest, longest, &key), JDC_OK);
  assert_int_equal(jdc_credential_signing_key(credential, digest, 2, "20240131", longer, service, &key), JDC_TOO_BIG);
  assert_int_equal(jdc_credential_signing_key(credential, digest, 2, "20240131", region, longer, &key), JDC_TOO_BIG);
}

/* Keeps what is freed, to look for secrets in it. */
typedef struct attic {
  char freed[1 << 16];
  size_t used;
} attic;

static void *attic_realloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  attic *a = ud;
  if (ptr != NULL && a->used + osize <= sizeof a->freed) {
    memcpy(a->freed + a->used, ptr, osize);
    a->used += osize;
  }
  if (nsize != 0) return realloc(ptr, nsize);
  free(ptr);
  return NULL;
}

static bool attic_has(const attic *a, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i + n <= a->used; i++)
    if (memcmp(a->freed + i, text, n) == 0) return true;
  return false;
}

static void secrets_are_wiped_when_replaced_and_when_freed(void **state) {
  (void)state;
  static attic a;
  const char *problem;
  jdc_credential *c;
  a.used = 0;
  assert_int_equal(jdc_credential_new((jdc_alloc){ attic_realloc, &a }, &c), JDC_OK);
  assert_int_equal(jdc_credential_set(c, JDC_STR("a"), JDC_STR("canary-one"), JDC_STR("canary-two"), 0, &problem),
                   JDC_OK);
  assert_int_equal(jdc_credential_set(c, JDC_STR("a"), JDC_STR("canary-three"), JDC_STR("t"), 0, &problem), JDC_OK);
  jdc_credential_free(c);
  assert_true(a.used > 0);
  assert_false(attic_has(&a, "canary"));
}

static jdc_status run_once(jdc_alloc alloc) {
  jdc_credential *c = NULL;
  jdc_digest *d = NULL;
  const char *problem;
  const jdc_hmac_key *key;
  jdc_status status = jdc_digest_new(alloc, &d);
  if (status == JDC_OK) status = jdc_credential_new(alloc, &c);
  if (status == JDC_OK) status = jdc_credential_set(c, JDC_STR("a"), JDC_STR("s"), JDC_STR("t"), 0, &problem);
  if (status == JDC_OK) {
    status = jdc_credential_set(c, JDC_STR("b"), JDC_STR("s"), JDC_STR("t"), 0, &problem);
    if (status != JDC_OK) test_same_text(jdc_credential_access_key(c), JDC_STR("a"));
  }
  if (status == JDC_OK)
    status = jdc_credential_signing_key(c, d, 2, "20240131", JDC_STR("cn-north-1"), JDC_STR("vm"), &key);
  jdc_credential_free(c);
  jdc_digest_free(d);
  return status;
}

static void every_failing_allocation_is_reported(void **state) {
  (void)state;
  test_every_allocation(run_once);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(keys_are_kept_trimmed),
    TEST(bad_keys_are_refused_and_the_old_ones_stay),
    TEST(the_generation_changes_when_the_keys_do),
    TEST(without_a_provider_keys_serve_whatever_their_age),
    TEST(one_caller_fetches_the_first_keys_and_the_rest_wait),
    TEST(a_lease_ends_by_time_release_or_failure),
    TEST(windows_before_the_end),
    TEST(after_a_failed_refresh_old_keys_serve_a_while),
    TEST(after_a_failed_late_refresh_keys_serve_until_they_expire),
    TEST(refused_keys_are_fetched_once),
    TEST(refused_keys_serve_on_if_the_provider_fails),
    TEST(a_refusal_outlives_a_released_lease_but_not_its_keys),
    TEST(keys_that_end_a_lease_serve_even_if_about_to_expire),
    TEST(keys_that_live_shortly_have_short_windows),
    TEST(the_cached_key_is_the_derived_one),
    TEST(other_keys_leave_no_cached_signing_key),
    TEST(the_key_unused_for_longest_is_forgotten_first),
    TEST(a_warm_signing_key_allocates_nothing),
    TEST(no_keys_or_no_version_give_no_signing_key),
    TEST(secrets_are_wiped_when_replaced_and_when_freed),
    TEST(every_failing_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
