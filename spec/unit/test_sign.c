/* test_sign.c - the signature: all vectors with every intermediate value, and the rules that no vector shows. */
#include "core/sign.h"
#include "test.h"
#include "vectors.h"

#include <stdio.h>

#define DATE  "20240131T235959Z"
#define NONCE "0b6f8a52-4a1e-4c39-9f0d-5a2d1c7e4b11"

static test_heap heap;
static jdc_digest *digest;
static jdc_credential *credential;
static jdc_signer *signer;

static void set_keys(jdc_str access, jdc_str secret, jdc_str token) {
  const char *problem;
  assert_int_equal(jdc_credential_set(credential, access, secret, token, 0, &problem), JDC_OK);
}

static int set_up(void **state) {
  (void)state;
  heap = (test_heap){ 0 };
  jdc_alloc alloc = test_heap_alloc(&heap);
  if (jdc_digest_new(alloc, &digest) != JDC_OK || jdc_credential_new(alloc, &credential) != JDC_OK ||
      jdc_signer_new(alloc, &signer) != JDC_OK)
    return 1;
  set_keys(JDC_STR("AK"), JDC_STR("SK"), JDC_STR(""));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jdc_signer_free(signer);
  jdc_credential_free(credential);
  jdc_digest_free(digest);
  return heap.blocks == 0 ? 0 : 1;
}

/* A GET that every test may change a part of. */
static jdc_sign_request plain_request(void) {
  return (jdc_sign_request){ .version = 2,
                             .method = JDC_STR("GET"),
                             .host = JDC_STR("vm.jdcloud-api.com"),
                             .path = JDC_STR("/v1/regions/cn-north-1/instances"),
                             .service = JDC_STR("vm"),
                             .region = JDC_STR("cn-north-1"),
                             .nonce_len = sizeof NONCE - 1 };
}

static void prepare(const jdc_sign_request *r) {
  const char *problem = "not touched";
  jdc_status status = jdc_sign_prepare(signer, digest, r, &problem);
  if (status != JDC_OK) fail_msg("%s", problem);
  assert_null(problem);
}

static void stamp(void) { assert_int_equal(jdc_sign_stamp(signer, digest, credential, DATE, JDC_STR(NONCE)), JDC_OK); }

static void sign(const jdc_sign_request *r) {
  prepare(r);
  stamp();
}

/* The value of a header to send, or NULL if it isn't sent. */
static const jdc_str *sent(const char *name) {
  const jdc_header *headers;
  size_t n = jdc_sign_headers(signer, &headers);
  for (size_t i = 0; i < n; i++)
    if (headers[i].name.len == strlen(name) && memcmp(headers[i].name.ptr, name, strlen(name)) == 0)
      return &headers[i].value;
  return NULL;
}

static void is_sent(const char *name, const char *value) {
  const jdc_str *is = sent(name);
  if (is == NULL) fail_msg("%s is not sent", name);
  test_same_text(*is, test_str(value));
}

static bool contains(jdc_str text, const char *part) {
  size_t n = strlen(part);
  for (size_t i = 0; i + n <= text.len; i++)
    if (memcmp(text.ptr + i, part, n) == 0) return true;
  return false;
}

/* What stands between `SignedHeaders=` and the next comma. */
static void are_signed(const char *names) {
  char part[512];
  snprintf(part, sizeof part, ", SignedHeaders=%s, Signature=", names);
  if (!contains(jdc_sign_authorization(signer), part)) {
    jdc_str is = jdc_sign_authorization(signer);
    fail_msg("%s not in %.*s", part, (int)is.len, is.ptr);
  }
}

static void passes(const test_vector *v) {
  jdc_sign_request r = { .version = v->version,
                         .scheme = JDC_STR("https"),
                         .method = v->method,
                         .host = v->host,
                         .path = v->path,
                         .query = v->query,
                         .body = v->body,
                         .service = v->service,
                         .region = v->region,
                         .headers = v->headers,
                         .nheaders = v->nheaders,
                         .nonce_len = v->nonce.len };
  set_keys(v->access_key, v->secret_key, JDC_STR(""));
  prepare(&r);
  assert_int_equal(jdc_sign_stamp(signer, digest, credential, v->date.ptr, v->nonce), JDC_OK);
  test_same_text(jdc_sign_target(signer), v->target);
  test_same_text(jdc_sign_canonical_request(signer), v->canonical_request);
  test_same_text(jdc_sign_string_to_sign(signer), v->string_to_sign);
  jdc_str authorization = jdc_sign_authorization(signer);
  assert_true(authorization.len > v->signature.len);
  test_same_text((jdc_str){ authorization.ptr + authorization.len - v->signature.len, v->signature.len }, v->signature);
  test_same_text(authorization, v->authorization);
  assert_non_null(sent("authorization"));
  test_same_text(*sent("authorization"), v->authorization);
  test_same_text(*sent("host"), jdc_sign_host(signer));

  unsigned char raw[JDC_SHA256];
  char hex[JDC_SHA256_HEX];
  assert_int_equal(jdc_credential_derive(credential, digest, v->version, v->date.ptr, v->region, v->service, raw),
                   JDC_OK);
  jdc_hex(hex, raw, sizeof raw);
  test_same_text((jdc_str){ hex, sizeof hex }, v->signing_key);
}

static void every_vector_passes_with_every_intermediate_value(void **state) {
  (void)state;
  size_t n = sizeof test_vectors / sizeof *test_vectors;
  assert_int_equal(n, 104);
  for (int round = 0; round < 2; round++) /* the second time with everything reused */
    for (size_t i = 0; i < n; i++) passes(&test_vectors[i]);
}

static void a_second_stamp_is_as_if_it_were_the_first(void **state) {
  (void)state;
  static const char other_nonce[] = "ffffffff-4a1e-4c39-9f0d-5a2d1c7e4b11";
  char canonical[1024], authorization[512];
  jdc_sign_request r = plain_request();
  prepare(&r);
  assert_int_equal(jdc_sign_stamp(signer, digest, credential, "20250301T000000Z", test_str(other_nonce)), JDC_OK);
  jdc_str c = jdc_sign_canonical_request(signer), a = jdc_sign_authorization(signer);
  memcpy(canonical, c.ptr, c.len);
  memcpy(authorization, a.ptr, a.len);
  is_sent("x-jdcloud-date", "20250301T000000Z");
  is_sent("x-jdcloud-nonce", other_nonce);

  sign(&r);
  is_sent("x-jdcloud-date", DATE);
  is_sent("x-jdcloud-nonce", NONCE);
  assert_true(contains(jdc_sign_string_to_sign(signer), "\n" DATE "\n20240131/cn-north-1/vm/jdcloud2_request\n"));
  assert_int_equal(jdc_sign_stamp(signer, digest, credential, "20250301T000000Z", test_str(other_nonce)), JDC_OK);
  test_same_text(jdc_sign_canonical_request(signer), (jdc_str){ canonical, c.len });
  test_same_text(jdc_sign_authorization(signer), (jdc_str){ authorization, a.len });
}

static void headers_to_send_are_complete_and_sorted(void **state) {
  (void)state;
  const jdc_header extra[] = { { JDC_STR("User-Agent"), JDC_STR("ua/1") }, { JDC_STR("X-Jdcloud-Pin"), JDC_STR("p") } };
  static const char *const names[] = { "authorization",  "content-type",    "host",         "user-agent",
                                       "x-jdcloud-date", "x-jdcloud-nonce", "x-jdcloud-pin" };
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = 2;
  sign(&r);
  const jdc_header *headers;
  assert_int_equal(jdc_sign_headers(signer, &headers), 7);
  for (size_t i = 0; i < 7; i++) test_same_text(headers[i].name, test_str(names[i]));
  is_sent("content-type", "application/json");
  is_sent("host", "vm.jdcloud-api.com");
  is_sent("user-agent", "ua/1");
}

static void the_default_set_is_host_content_type_and_x_jdcloud(void **state) {
  (void)state;
  const jdc_header extra[] = {
    { JDC_STR("x-jdcloud-request-id"), JDC_STR("1") }, { JDC_STR("X-Jdcloud-Trace-Id"), JDC_STR("2") },
    { JDC_STR("x-jdcloud-pin"), JDC_STR("3") },        { JDC_STR("accept"), JDC_STR("4") },
    { JDC_STR("x-jdcloudy"), JDC_STR("5") },           { JDC_STR("Content-Type"), JDC_STR("text/plain") },
  };
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = sizeof extra / sizeof *extra;
  sign(&r);
  are_signed("content-type;host;x-jdcloud-date;x-jdcloud-nonce;x-jdcloud-pin");
  is_sent("x-jdcloud-request-id", "1");
  is_sent("accept", "4");
  is_sent("content-type", "text/plain");
}

static void a_caller_may_name_the_signed_headers(void **state) {
  (void)state;
  const jdc_header extra[] = { { JDC_STR("Accept"), JDC_STR("x") } };
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = 1;
  r.signed_headers = JDC_STR("Host; CONTENT-type;accept");
  sign(&r);
  are_signed("accept;content-type;host");
  is_sent("x-jdcloud-date", DATE); /* sent, but not signed */
  assert_false(contains(jdc_sign_canonical_request(signer), "x-jdcloud-date"));
  assert_true(contains(jdc_sign_string_to_sign(signer), DATE));

  static const char *const wrong[] = { "host;cookie", "host;authorization", "host;", ";host", "host;;accept", "a b" };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *problem = NULL;
    r.signed_headers = test_str(wrong[i]);
    assert_int_equal(jdc_sign_prepare(signer, digest, &r, &problem), JDC_INVALID);
    assert_non_null(problem);
  }
}

static void values_of_one_name_are_joined_in_the_order_given(void **state) {
  (void)state;
  const jdc_header extra[] = {
    { JDC_STR("x-jdcloud-pin"), JDC_STR(" b ") }, { JDC_STR("Accept"), JDC_STR("one") },
    { JDC_STR("X-JDCLOUD-PIN"), JDC_STR("a\t") }, { JDC_STR("accept"), JDC_STR("two") },
    { JDC_STR("x-jdcloud-pin"), JDC_STR("") },    { JDC_STR("x-jdcloud-erp"), JDC_STR("in \t side") },
  };
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = sizeof extra / sizeof *extra;
  sign(&r);
  is_sent("x-jdcloud-pin", "b,a,");
  is_sent("accept", "one,two");
  is_sent("x-jdcloud-erp", "in \t side");
  assert_true(contains(jdc_sign_canonical_request(signer), "\nx-jdcloud-pin:b,a,\n\n"));
  const jdc_header *headers;
  assert_int_equal(jdc_sign_headers(signer, &headers), 8);
}

static void the_session_token_is_signed_and_follows_the_keys(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  sign(&r);
  assert_null(sent("x-jdcloud-security-token"));
  are_signed("content-type;host;x-jdcloud-date;x-jdcloud-nonce");

  set_keys(JDC_STR("AK2"), JDC_STR("SK2"), JDC_STR("token-1"));
  stamp();
  is_sent("x-jdcloud-security-token", "token-1");
  are_signed("content-type;host;x-jdcloud-date;x-jdcloud-nonce;x-jdcloud-security-token");
  assert_true(contains(jdc_sign_canonical_request(signer), "\nx-jdcloud-security-token:token-1\n"));
  assert_true(contains(jdc_sign_authorization(signer), "Credential=AK2/20240131/"));

  set_keys(JDC_STR("AK2"), JDC_STR("SK2"), JDC_STR("token-2 longer than the first"));
  stamp();
  is_sent("x-jdcloud-security-token", "token-2 longer than the first");

  set_keys(JDC_STR("AK"), JDC_STR("SK"), JDC_STR(""));
  stamp();
  assert_null(sent("x-jdcloud-security-token"));
  jdc_str now = jdc_sign_authorization(signer);
  char before[512];
  memcpy(before, now.ptr, now.len);
  sign(&r);
  test_same_text(jdc_sign_authorization(signer), (jdc_str){ before, now.len });
}

static void a_named_token_is_signed_only_when_there_is_one(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  r.signed_headers = JDC_STR("host;x-jdcloud-security-token");
  sign(&r);
  are_signed("host");
  set_keys(JDC_STR("AK"), JDC_STR("SK"), JDC_STR("token"));
  stamp();
  are_signed("host;x-jdcloud-security-token");
}

static void a_given_security_token_wins_over_the_credentials(void **state) {
  (void)state;
  const jdc_header extra[] = { { JDC_STR("X-Jdcloud-Security-Token"), JDC_STR("mine") } };
  set_keys(JDC_STR("AK"), JDC_STR("SK"), JDC_STR("theirs"));
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = 1;
  sign(&r);
  is_sent("x-jdcloud-security-token", "mine");
  assert_false(contains(jdc_sign_canonical_request(signer), "theirs"));
}

static void a_secret_alone_changes_the_signature(void **state) {
  (void)state;
  char before[512];
  jdc_sign_request r = plain_request();
  sign(&r);
  jdc_str a = jdc_sign_authorization(signer);
  memcpy(before, a.ptr, a.len);
  set_keys(JDC_STR("AK"), JDC_STR("another"), JDC_STR(""));
  stamp();
  a = jdc_sign_authorization(signer);
  assert_memory_not_equal(before, a.ptr, a.len);
}

static void a_given_payload_hash_is_used_and_signed(void **state) {
  (void)state;
  const jdc_header extra[] = { { JDC_STR("x-jdcloud-content-sha256"), JDC_STR(" UNSIGNED-PAYLOAD ") } };
  jdc_sign_request r = plain_request();
  r.headers = extra;
  r.nheaders = 1;
  r.body = JDC_STR("{}");
  sign(&r);
  jdc_str canonical = jdc_sign_canonical_request(signer);
  assert_true(contains(canonical, "\nx-jdcloud-content-sha256:UNSIGNED-PAYLOAD\n"));
  assert_true(contains(canonical, "x-jdcloud-content-sha256;x-jdcloud-date;x-jdcloud-nonce\nUNSIGNED-PAYLOAD"));
}

static void method_host_and_scope_are_normalised(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  r.method = JDC_STR("post");
  r.host = JDC_STR("VM.JDCLOUD-API.COM:443");
  r.region = JDC_STR("");
  r.version = 3;
  sign(&r);
  test_same_text(jdc_sign_method(signer), JDC_STR("POST"));
  test_same_text(jdc_sign_host(signer), JDC_STR("vm.jdcloud-api.com"));
  is_sent("host", "vm.jdcloud-api.com");
  assert_true(contains(jdc_sign_authorization(signer),
                       "JDCLOUD3-HMAC-SHA256 Credential=AK/20240131/jdcloud-api/vm/jdcloud3_request, "));
  r.scheme = JDC_STR("http");
  sign(&r);
  is_sent("host", "vm.jdcloud-api.com:443");
  r.host = JDC_STR("h:80");
  sign(&r);
  is_sent("host", "h");
}

static void a_query_of_separators_is_none(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  r.query = JDC_STR("&&=x&");
  sign(&r);
  test_same_text(jdc_sign_target(signer), JDC_STR("/v1/regions/cn-north-1/instances"));
}

static void refused(const jdc_sign_request *r, const char *named) {
  const char *problem = NULL;
  jdc_status status = jdc_sign_prepare(signer, digest, r, &problem);
  if (status != JDC_INVALID || problem == NULL || strstr(problem, named) == NULL)
    fail_msg("status %d, problem \"%s\", expected one about the %s", (int)status, problem, named);
  if (strstr(problem, "canary") != NULL) fail_msg("a value in \"%s\"", problem);
  /* What was refused can't be signed. */
  assert_int_equal(jdc_sign_stamp(signer, digest, credential, DATE, JDC_STR(NONCE)), JDC_INVALID);
}

static void bad_headers_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    jdc_header header;
    const char *named;
  } rows[] = {
    { { { "x-a", 3 }, { "canary\r\nx-b: c", 14 } }, "x-a" },
    { { { "x-a", 3 }, { "canary\nb", 8 } }, "x-a" },
    { { { "x-a", 3 }, { "canary\rb", 8 } }, "x-a" },
    { { { "x-a", 3 }, { "canary\0b", 8 } }, "x-a" },
    { { { "x-a", 3 }, { "canary\x01", 7 } }, "x-a" },
    { { { "x-a", 3 }, { "canary\x7f", 7 } }, "x-a" },
    { { { "", 0 }, { "canary", 6 } }, "name" },
    { { { "x a", 3 }, { "canary", 6 } }, "name" },
    { { { "x:a", 3 }, { "canary", 6 } }, "name" },
    { { { "x-a\r", 4 }, { "canary", 6 } }, "name" },
    { { { "x\0a", 3 }, { "canary", 6 } }, "name" },
    { { { "x\xe4", 2 }, { "canary", 6 } }, "name" },
    { { { "Host", 4 }, { "canary", 6 } }, "host" },
    { { { "X-Jdcloud-Date", 14 }, { "canary", 6 } }, "x-jdcloud-date" },
    { { { "x-jdcloud-nonce", 15 }, { "canary", 6 } }, "x-jdcloud-nonce" },
    { { { "Authorization", 13 }, { "canary", 6 } }, "authorization" },
  };
  jdc_sign_request r = plain_request();
  r.nheaders = 1;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    r.headers = &rows[i].header;
    refused(&r, rows[i].named);
  }
}

static void a_long_header_name_is_cut_in_the_problem(void **state) {
  (void)state;
  char name[300];
  memset(name, 'n', sizeof name);
  const jdc_header extra = { { name, sizeof name }, JDC_STR("a\nb") };
  jdc_sign_request r = plain_request();
  r.headers = &extra;
  r.nheaders = 1;
  refused(&r, "control character");
}

static void bad_parts_are_refused(void **state) {
  (void)state;
  static const char *const scopes[] = { "a/b", "a,b", "a b", "a\nb", "\xe4", "a\x7f" };
  static const char *const methods[] = { "", "GET /", "GE\nT", "GET:", "\xe4", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG" };
  static const char *const hosts[] = { "", "a/b", "a b", "a\r\nb", "u@h", "h?q", "h#f", "h:0" };
  jdc_sign_request r;
  for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
    r = plain_request();
    r.region = test_str(scopes[i]);
    refused(&r, "region");
    r = plain_request();
    r.service = test_str(scopes[i]);
    refused(&r, "service");
  }
  r.service = JDC_STR("");
  refused(&r, "service");
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    r = plain_request();
    r.method = test_str(methods[i]);
    refused(&r, "method");
  }
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    r = plain_request();
    r.host = test_str(hosts[i]);
    refused(&r, "host");
  }
  r = plain_request();
  r.version = 4;
  refused(&r, "version");
  r = plain_request();
  r.scheme = JDC_STR("ftp");
  refused(&r, "scheme");
  r = plain_request();
  r.nonce_len = 0;
  refused(&r, "nonce");
  r.nonce_len = JDC_NONCE_MAX + 1;
  refused(&r, "nonce");
}

static void too_much_is_refused(void **state) {
  (void)state;
  size_t size = JDC_TARGET_MAX;
  char *text = malloc(size);
  const char *problem = NULL;
  assert_non_null(text);
  memset(text, 'a', size);
  jdc_sign_request r = plain_request();
  r.path = (jdc_str){ text, size - 1 }; /* and a slash in front */
  sign(&r);
  r.path.len = size;
  assert_int_equal(jdc_sign_prepare(signer, digest, &r, &problem), JDC_TOO_BIG);
  assert_non_null(problem);

  r = plain_request();
  r.query = (jdc_str){ text, size };
  assert_int_equal(jdc_sign_prepare(signer, digest, &r, &problem), JDC_TOO_BIG);

  r = plain_request();
  jdc_header header = { JDC_STR("x-jdcloud-a"), { text, JDC_HEADER_BYTES_MAX - 100 } };
  r.headers = &header;
  r.nheaders = 1;
  sign(&r);
  header.value.len = JDC_HEADER_BYTES_MAX;
  assert_int_equal(jdc_sign_prepare(signer, digest, &r, &problem), JDC_TOO_BIG);

  jdc_header many[JDC_HEADERS_MAX + 1];
  char names[JDC_HEADERS_MAX + 1][8];
  for (size_t i = 0; i <= JDC_HEADERS_MAX; i++)
    many[i] = (jdc_header){ { names[i], (size_t)sprintf(names[i], "x-%03zu", i % 1000) }, JDC_STR("v") };
  r.headers = many;
  r.nheaders = JDC_HEADERS_MAX;
  sign(&r);
  const jdc_header *headers;
  assert_int_equal(jdc_sign_headers(signer, &headers), JDC_HEADERS_MAX + 5);
  r.nheaders = JDC_HEADERS_MAX + 1;
  assert_int_equal(jdc_sign_prepare(signer, digest, &r, &problem), JDC_TOO_BIG);
  free(text);
}

static void the_largest_keys_and_headers_fit(void **state) {
  (void)state;
  size_t size = JDC_HEADER_BYTES_MAX;
  char *text = malloc(size);
  assert_non_null(text);
  memset(text, 'a', size);
  jdc_str key = { text, JDC_CREDENTIAL_TEXT_MAX };
  set_keys(key, key, key);
  jdc_header header = { { text, size - 100 }, JDC_STR("v") };
  jdc_sign_request r = plain_request();
  r.path = (jdc_str){ text, JDC_TARGET_MAX - 1 };
  r.region = r.service = (jdc_str){ text, JDC_SCOPE_MAX };
  r.headers = &header;
  r.nheaders = 1;
  sign(&r);
  r.signed_headers = (jdc_str){ text, (size - 100) / 2 };
  header.name = r.signed_headers;
  sign(&r);
  assert_true(jdc_sign_authorization(signer).len > size / 2);
  free(text);
}

static void a_stamp_refuses_what_was_not_announced(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  r.nonce_len = 4;
  prepare(&r);
  static const struct {
    const char *date;
    jdc_str nonce;
    jdc_status status;
  } rows[] = {
    { DATE, { "abcd", 4 }, JDC_OK },
    { DATE, { "abc", 3 }, JDC_INVALID },
    { DATE, { "abcde", 5 }, JDC_INVALID },
    { DATE, { "ab d", 4 }, JDC_INVALID },
    { DATE, { "abc\n", 4 }, JDC_INVALID },
    { DATE, { "abc\x80", 4 }, JDC_INVALID },
    { "20240131T23595\nZ", { "abcd", 4 }, JDC_INVALID },
    { "20240131 235959Z", { "abcd", 4 }, JDC_INVALID },
    { "20240131T235959z", { "abcd", 4 }, JDC_INVALID },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(jdc_sign_stamp(signer, digest, credential, rows[i].date, rows[i].nonce), rows[i].status);
}

static void nothing_is_signed_without_a_request_or_keys(void **state) {
  (void)state;
  assert_int_equal(jdc_sign_stamp(signer, digest, credential, DATE, JDC_STR(NONCE)), JDC_INVALID);
  jdc_credential *empty;
  assert_int_equal(jdc_credential_new(test_heap_alloc(&heap), &empty), JDC_OK);
  jdc_sign_request r = plain_request();
  prepare(&r);
  assert_int_equal(jdc_sign_stamp(signer, digest, empty, DATE, JDC_STR(NONCE)), JDC_INVALID);
  jdc_credential_free(empty);
  stamp();
}

static void a_warm_signature_allocates_nothing(void **state) {
  (void)state;
  const jdc_header extra[] = { { JDC_STR("x-jdcloud-pin"), JDC_STR("p") } };
  jdc_sign_request r = plain_request();
  r.query = JDC_STR("b=2&a=1");
  r.body = JDC_STR("{}");
  r.headers = extra;
  r.nheaders = 1;
  set_keys(JDC_STR("AK"), JDC_STR("SK"), JDC_STR("token"));
  sign(&r);
  size_t calls = heap.calls;
  for (int i = 0; i < 3; i++) sign(&r);
  assert_int_equal(heap.calls, calls);
}

static void the_callers_request_may_go_after_preparing(void **state) {
  (void)state;
  char authorization[512];
  jdc_sign_request r = plain_request();
  r.query = JDC_STR("a=1");
  r.body = JDC_STR("body");
  sign(&r);
  jdc_str a = jdc_sign_authorization(signer);
  memcpy(authorization, a.ptr, a.len);

  char method[] = "get", host[] = "VM.jdcloud-api.com", path[] = "/v1/regions/cn-north-1/instances", query[] = "a=1";
  char body[] = "body", service[] = "vm", region[] = "cn-north-1";
  jdc_sign_request gone = { .version = 2,
                            .method = test_str(method),
                            .host = test_str(host),
                            .path = test_str(path),
                            .query = test_str(query),
                            .body = test_str(body),
                            .service = test_str(service),
                            .region = test_str(region),
                            .nonce_len = sizeof NONCE - 1 };
  prepare(&gone);
  char *const texts[] = { method, host, path, query, body, service, region };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) memset(texts[i], 'x', strlen(texts[i]));
  stamp();
  test_same_text(jdc_sign_authorization(signer), (jdc_str){ authorization, a.len });
}

static jdc_status run_once(jdc_alloc alloc) {
  const char *problem;
  const jdc_header extra[] = { { JDC_STR("x-jdcloud-pin"), JDC_STR("a") }, { JDC_STR("x-jdcloud-pin"), JDC_STR("b") } };
  jdc_digest *d = NULL;
  jdc_credential *c = NULL;
  jdc_signer *s = NULL;
  jdc_sign_request r = plain_request();
  r.query = JDC_STR("b=2&a=1&filters.1.name=status&filters.1.values.1=running");
  r.headers = extra;
  r.nheaders = 2;
  jdc_status status = jdc_digest_new(alloc, &d);
  if (status == JDC_OK) status = jdc_credential_new(alloc, &c);
  if (status == JDC_OK) status = jdc_signer_new(alloc, &s);
  if (status == JDC_OK) status = jdc_credential_set(c, JDC_STR("a"), JDC_STR("s"), JDC_STR("t"), 0, &problem);
  if (status == JDC_OK) status = jdc_sign_prepare(s, d, &r, &problem);
  if (status == JDC_OK) status = jdc_sign_stamp(s, d, c, DATE, JDC_STR(NONCE));
  if (status == JDC_OK) {
    /* Another token makes the texts longer. */
    static char token[2000];
    memset(token, 't', sizeof token);
    status = jdc_credential_set(c, JDC_STR("a"), JDC_STR("s"), (jdc_str){ token, sizeof token }, 0, &problem);
  }
  if (status == JDC_OK) status = jdc_sign_stamp(s, d, c, DATE, JDC_STR(NONCE));
  jdc_signer_free(s);
  jdc_credential_free(c);
  jdc_digest_free(d);
  return status;
}

static void every_failing_allocation_is_reported(void **state) {
  (void)state;
  test_every_allocation(run_once);
}

static void a_signer_recovers_from_a_failed_allocation(void **state) {
  (void)state;
  jdc_sign_request r = plain_request();
  r.query = JDC_STR("a=1");
  jdc_status status = JDC_NOMEM;
  for (size_t n = 1; status != JDC_OK; n++) {
    const char *problem;
    jdc_signer_free(signer);
    assert_int_equal(jdc_signer_new(test_heap_alloc(&heap), &signer), JDC_OK);
    heap.calls = 0;
    heap.fail_at = n;
    status = jdc_sign_prepare(signer, digest, &r, &problem);
    if (status == JDC_OK) status = jdc_sign_stamp(signer, digest, credential, DATE, JDC_STR(NONCE));
    heap.fail_at = 0;
    sign(&r);
    is_sent("x-jdcloud-date", DATE);
    assert_true(contains(jdc_sign_canonical_request(signer), "\na=1\n"));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(every_vector_passes_with_every_intermediate_value),
    TEST(a_second_stamp_is_as_if_it_were_the_first),
    TEST(headers_to_send_are_complete_and_sorted),
    TEST(the_default_set_is_host_content_type_and_x_jdcloud),
    TEST(a_caller_may_name_the_signed_headers),
    TEST(values_of_one_name_are_joined_in_the_order_given),
    TEST(the_session_token_is_signed_and_follows_the_keys),
    TEST(a_named_token_is_signed_only_when_there_is_one),
    TEST(a_given_security_token_wins_over_the_credentials),
    TEST(a_secret_alone_changes_the_signature),
    TEST(a_given_payload_hash_is_used_and_signed),
    TEST(method_host_and_scope_are_normalised),
    TEST(a_query_of_separators_is_none),
    TEST(bad_headers_are_refused_by_name),
    TEST(a_long_header_name_is_cut_in_the_problem),
    TEST(bad_parts_are_refused),
    TEST(too_much_is_refused),
    TEST(the_largest_keys_and_headers_fit),
    TEST(a_stamp_refuses_what_was_not_announced),
    TEST(nothing_is_signed_without_a_request_or_keys),
    TEST(a_warm_signature_allocates_nothing),
    TEST(the_callers_request_may_go_after_preparing),
    TEST(every_failing_allocation_is_reported),
    TEST(a_signer_recovers_from_a_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
