/* test_answer.c - every row of protocol.md 3.5, 4 and 5: what an answer means and what may be done about it. What a
 * person is told is in test_answer_hint.c. */
#include "answer.h"

#include <stdio.h>

/* What may be done about it, in short */
typedef struct meaning {
  jdc_kind kind;
  jdc_repeat repeat;
  bool retryable, transient;
} meaning;

#define THROTTLED                                                                                                      \
  { JDC_KIND_THROTTLED, JDC_REPEAT_THROTTLED, true, false }
#define QUOTA                                                                                                          \
  { JDC_KIND_QUOTA, JDC_REPEAT_NEVER, false, false }
#define AUTH                                                                                                           \
  { JDC_KIND_AUTH, JDC_REPEAT_CHANGED, false, false }
#define DENIED                                                                                                         \
  { JDC_KIND_DENIED, JDC_REPEAT_NEVER, false, false }
#define REPLAYED                                                                                                       \
  { JDC_KIND_DENIED, JDC_REPEAT_UNEXECUTED, true, false }
#define NOT_FOUND                                                                                                      \
  { JDC_KIND_NOT_FOUND, JDC_REPEAT_NEVER, false, false }
#define INVALID                                                                                                        \
  { JDC_KIND_INVALID, JDC_REPEAT_NEVER, false, false }
#define CONFLICT                                                                                                       \
  { JDC_KIND_CONFLICT, JDC_REPEAT_NEVER, false, false }
#define BUSY                                                                                                           \
  { JDC_KIND_BUSY, JDC_REPEAT_BUSY, true, false }
#define SERVER                                                                                                         \
  { JDC_KIND_SERVER, JDC_REPEAT_IDEMPOTENT, true, true }
#define FINAL                                                                                                          \
  { JDC_KIND_SERVER, JDC_REPEAT_NEVER, false, false }
#define CANCELLED                                                                                                      \
  { JDC_KIND_CANCELLED, JDC_REPEAT_NEVER, true, false }
#define TIMEOUT                                                                                                        \
  { JDC_KIND_TIMEOUT, JDC_REPEAT_IDEMPOTENT, true, true }
#define FOREIGN                                                                                                        \
  { JDC_KIND_PROTOCOL, JDC_REPEAT_NEVER, false, false }
#define GARBLED                                                                                                        \
  { JDC_KIND_PROTOCOL, JDC_REPEAT_IDEMPOTENT, true, true }
#define OK                                                                                                             \
  { JDC_KIND_OK, JDC_REPEAT_NEVER, false, false }

static void same_meaning(const jdc_verdict *v, meaning m, const char *row) {
  if (v->kind != m.kind || v->repeat != m.repeat || v->retryable != m.retryable || v->transient != m.transient)
    print_error("%s\n", row);
  assert_int_equal(v->kind, m.kind);
  assert_int_equal(v->repeat, m.repeat);
  assert_int_equal(v->retryable, m.retryable);
  assert_int_equal(v->transient, m.transient);
}

static void errors_mean_what_their_status_says(void **state) {
  (void)state;
  static const struct {
    int64_t code;
    const char *status, *message;
    meaning m;
  } rows[] = {
    /* protocol.md 5.1 */
    { 400, "INVALID_ARGUMENT", "x", INVALID },
    { 400, "FAILED_PRECONDITION", "x", BUSY },
    { 400, "OUT_OF_RANGE", "x", INVALID },
    { 401, "UNAUTHENTICATED", "x", AUTH },
    { 403, "HTTP_FORBIDDEN", "x", DENIED },
    { 404, "NOT_FOUND", "x", NOT_FOUND },
    { 409, "ABORTED", "x", BUSY },
    { 409, "ALREADY_EXISTS", "x", CONFLICT },
    { 429, "QUOTA_EXCEEDED", "x", QUOTA },
    { 429, "RATE_LIMIT", "x", THROTTLED },
    { 499, "CANCELLED", "x", CANCELLED },
    { 500, "UNKNOWN", "x", SERVER },
    { 500, "INTERNAL", "x", SERVER },
    { 501, "NOT_IMPLEMENTED", "x", FINAL },
    { 502, "SOURCE_UNAVAILABLE", "x", SERVER },
    { 503, "UNAVAILABLE", "x", SERVER },
    /* 5.2 */
    { 400, "HTTP_BAD_REQUEST", "blocked by web firewall [gw]", INVALID },
    { 401, "ACCESS_ERROR", "Invalid authentication credentials [gw]", AUTH },
    { 401, "ACCESS_ERROR", "Invalid accessKey [gw]", AUTH },
    { 401, "ACCESS_ERROR", "lack of header authorization [gw]", AUTH },
    { 401, "ACCESS_ERROR", "lack of credential in the header authorization [gw]", AUTH },
    { 401, "ACCESS_ERROR", "lack of header x-jdcloud-date [gw]", AUTH },
    { 401, "ACCESS_ERROR", "lack of header signedHeaders [gw]", AUTH },
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", AUTH },
    { 403, "HTTP_FORBIDDEN", "Your IP address is not allowed [gw]", DENIED },
    { 403, "HTTP_FORBIDDEN", "api is disabled [gw]", DENIED },
    { 404, "NOT_FOUND", "no route and no API found with those values [gw]", NOT_FOUND },
    { 413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "Payload too large [gw]", INVALID },
    { 414, "HTTP_URI_TOO_LONG", "URI too long [gw]", INVALID },
    { 429, "HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:ak [gw]", THROTTLED },
    { 429, "HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:api [gw]", THROTTLED },
    { 500, "HTTP_INTERNAL_SERVER_ERROR", "x", SERVER },
    { 502, "HTTP_BAD_GATEWAY", "x", SERVER },
    { 503, "HTTP_SERVICE_UNAVAILABLE", "x", SERVER },
    { 504, "HTTP_SERVER_TIMING_OUT", "x", SERVER },
    /* 5.3 */
    { 401, "ACCESS_ERROR", "lack of header authorization[gw]", AUTH },
    { 401, "", "secret key is null", AUTH },
    { 403, "HTTP_FORBIDDEN", "please use different noncestr [gw]", REPLAYED },
    { 403, "HTTP_FORBIDDEN", "You are not authorized to perform (vm:x) on resource (*) [IAM] [gw]", DENIED },
    { 403, "PERMISSION_DENIED", "x", DENIED },
    { 400, "", "disk is already attached", INVALID },
    { 500, "", "Unknown server error", SERVER },
    /* 5.4, where nothing above says it already */
    { 429, "", "Minute Rate Limit exceeded", THROTTLED },
    { 429, "", "", THROTTLED },
    { 429, "SOMETHING_NEW", "too many requests", THROTTLED },
    { 429, "UNKNOWN", "minute rate limit exceeded", THROTTLED },
    { 429, "", "Quota exceeded", QUOTA },
    { 429, "QUOTA_EXCEEDED", "quota of rate limit rules exceeded", QUOTA },
    { 403, "", "please use different NonceStr", REPLAYED },
    { 403, "", "x", DENIED },
    { 403, "PERMISSION_DENIED", "noncestr", REPLAYED },
    { 404, "NOT_FOUND", "noncestr", NOT_FOUND },
    { 401, "", "x", AUTH },
    { 409, "", "x", CONFLICT },
    { 499, "", "x", CANCELLED },
    { 500, "", "x", SERVER },
    { 501, "", "x", FINAL },
    { 502, "", "x", SERVER },
    { 503, "", "x", SERVER },
    { 504, "", "x", SERVER },
    { 418, "", "x", INVALID },
    { 599, "", "x", SERVER },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(0, rows[i].code, rows[i].status, rows[i].message);
    jdc_verdict v = judge(&a);
    same_meaning(&v, rows[i].m, rows[i].message);
    assert_true(v.enveloped);
    assert_true(v.has_date);
    assert_int_equal(v.date_s, DATE_S);
    assert_int_equal(v.retry_after_ms, -1);
  }
}

static void status_counts_before_code_and_code_before_http(void **state) {
  (void)state;
  static const struct {
    int http;
    int64_t code;
    const char *status;
    meaning m;
  } rows[] = {
    { 500, 400, "NOT_FOUND", NOT_FOUND },
    { 200, 500, "RATE_LIMIT", THROTTLED },
    { 403, 401, "QUOTA_EXCEEDED", QUOTA },
    { 500, 404, "NOBODY_KNOWS_THIS", NOT_FOUND },
    { 503, 400, "", INVALID },
    { 400, 503, "", SERVER },
    { 200, 429, "", THROTTLED },
    { 200, 401, "", AUTH },
    { 404, 0, "", NOT_FOUND },
    { 404, 0, "NOBODY_KNOWS_THIS", NOT_FOUND },
    { 404, 1001, "", NOT_FOUND },
    { 404, 200, "", NOT_FOUND },
    { 404, INT64_MAX, "", NOT_FOUND },
    { 404, -1, "", NOT_FOUND },
    { 200, 1001, "", FINAL },
    { 200, -1, "", FINAL },
    { 200, 0, "NOBODY_KNOWS_THIS", FINAL },
    { 200, 0, "UNAVAILABLE", SERVER },
    { 302, 0, "NOT_FOUND", NOT_FOUND },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(rows[i].http, rows[i].code, rows[i].status, "x");
    jdc_verdict v = judge(&a);
    char row[32];
    (void)snprintf(row, sizeof(row), "row %zu", i);
    same_meaning(&v, rows[i].m, row);
  }
}

static void answers_without_an_error_object_are_told_by_http_and_body(void **state) {
  (void)state;
  static const struct {
    int http;
    bool head;
    jdc_body body;
    const char *request_id;
    meaning m;
    bool enveloped;
  } rows[] = {
    { 200, false, JDC_BODY_ENVELOPE, ID, OK, true },
    { 200, false, JDC_BODY_ENVELOPE, NULL, OK, true },
    { 201, false, JDC_BODY_ENVELOPE, ID, OK, true },
    { 299, false, JDC_BODY_ENVELOPE, ID, OK, true },
    /* 3.5: no body belongs to it */
    { 200, true, JDC_BODY_EMPTY, ID, OK, true },
    { 200, true, JDC_BODY_EMPTY, NULL, OK, false },
    { 204, false, JDC_BODY_EMPTY, ID, OK, true },
    { 204, false, JDC_BODY_EMPTY, NULL, OK, false },
    { 200, false, JDC_BODY_EMPTY, ID, OK, true },
    { 404, true, JDC_BODY_EMPTY, ID, NOT_FOUND, true },
    { 403, true, JDC_BODY_EMPTY, NULL, DENIED, false },
    { 503, false, JDC_BODY_EMPTY, NULL, SERVER, false },
    /* a success that nobody can read */
    { 200, false, JDC_BODY_OTHER, NULL, GARBLED, false },
    { 200, false, JDC_BODY_OTHER, ID, GARBLED, false },
    { 200, false, JDC_BODY_JSON, NULL, FOREIGN, false },
    { 200, false, JDC_BODY_JSON, ID, FOREIGN, false },
    /* redirects and what HTTP doesn't have */
    { 301, false, JDC_BODY_OTHER, NULL, FOREIGN, false },
    { 302, false, JDC_BODY_EMPTY, NULL, FOREIGN, false },
    { 304, false, JDC_BODY_EMPTY, ID, FOREIGN, true },
    { 307, false, JDC_BODY_ENVELOPE, ID, FOREIGN, true },
    { 308, true, JDC_BODY_EMPTY, NULL, FOREIGN, false },
    { 101, false, JDC_BODY_EMPTY, NULL, FOREIGN, false },
    { 0, false, JDC_BODY_EMPTY, NULL, FOREIGN, false },
    { -1, false, JDC_BODY_OTHER, NULL, FOREIGN, false },
    { 600, false, JDC_BODY_OTHER, NULL, FOREIGN, false },
    { 999, false, JDC_BODY_EMPTY, NULL, FOREIGN, false },
    /* pages of proxies and load balancers */
    { 400, false, JDC_BODY_OTHER, NULL, INVALID, false },
    { 401, false, JDC_BODY_OTHER, NULL, AUTH, false },
    { 403, false, JDC_BODY_OTHER, NULL, DENIED, false },
    { 404, false, JDC_BODY_OTHER, NULL, NOT_FOUND, false },
    { 407, false, JDC_BODY_OTHER, NULL, DENIED, false },
    { 408, false, JDC_BODY_OTHER, NULL, TIMEOUT, false },
    { 410, false, JDC_BODY_OTHER, NULL, NOT_FOUND, false },
    { 413, false, JDC_BODY_OTHER, NULL, INVALID, false },
    { 429, false, JDC_BODY_OTHER, NULL, THROTTLED, false },
    { 502, false, JDC_BODY_OTHER, NULL, SERVER, false },
    { 502, false, JDC_BODY_OTHER, ID, SERVER, false },
    { 503, false, JDC_BODY_JSON, NULL, SERVER, false },
    { 504, false, JDC_BODY_OTHER, NULL, SERVER, false },
    { 505, false, JDC_BODY_OTHER, NULL, SERVER, false },
    /* an envelope with an error's status and no error; {"error": "text"} of something else */
    { 500, false, JDC_BODY_ENVELOPE, ID, SERVER, true },
    { 401, false, JDC_BODY_ENVELOPE, NULL, AUTH, false },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = { .http_status = rows[i].http,
                     .head = rows[i].head,
                     .body = rows[i].body,
                     .request_id = test_str(rows[i].request_id),
                     .date = test_str(DATE_TEXT) };
    jdc_verdict v = judge(&a);
    char row[32];
    (void)snprintf(row, sizeof(row), "row %zu, HTTP %d", i, rows[i].http);
    same_meaning(&v, rows[i].m, row);
    if (v.enveloped != rows[i].enveloped) print_error("%s\n", row);
    assert_int_equal(v.enveloped, rows[i].enveloped);
    assert_true(v.has_date);
  }
}

static void an_error_object_with_code_0_and_no_status_is_none(void **state) {
  (void)state;
  jdc_answer a = error(200, 0, "", "");
  jdc_verdict v = judge(&a);
  same_meaning(&v, (meaning)OK, "code 0");
  assert_true(v.enveloped);
  assert_string_equal(v.hint, "");
}

static void dates_that_cannot_be_read_are_none(void **state) {
  (void)state;
  static const char *const dates[] = { NULL, "", "yesterday", "1706702400" };
  for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
    jdc_answer a = error(0, 401, "ACCESS_ERROR", "sign result is not same [gw]");
    a.date = test_str(dates[i]);
    assert_false(judge(&a).has_date);
  }
}

static void retry_after_is_seconds_or_a_date(void **state) {
  (void)state;
  static const struct {
    const char *text, *date;
    int64_t ms;
  } rows[] = {
    { NULL, DATE_TEXT, -1 },
    { "", DATE_TEXT, -1 },
    { "0", DATE_TEXT, 0 },
    { "1", DATE_TEXT, 1000 },
    { " 120 ", DATE_TEXT, 120000 },
    { "1.5", DATE_TEXT, 1500 },
    { "0.0019", DATE_TEXT, 1 },
    { "2.", DATE_TEXT, 2000 },
    { "86400", DATE_TEXT, 86400000 },
    { "86401", DATE_TEXT, 86400000 },
    { "99999999999999999999999999999999999999", DATE_TEXT, 86400000 },
    { "-1", DATE_TEXT, -1 },
    { "+1", DATE_TEXT, -1 },
    { ".5", DATE_TEXT, -1 },
    { "1e3", DATE_TEXT, -1 },
    { "10 s", DATE_TEXT, -1 },
    { "soon", DATE_TEXT, -1 },
    { "Wed, 31 Jan 2024 12:00:30 GMT", DATE_TEXT, 30000 },
    { "Wed, 31 Jan 2024 11:59:00 GMT", DATE_TEXT, 0 },
    { "Sat, 31 Jan 2026 12:00:00 GMT", DATE_TEXT, 86400000 },
    /* from the answer's own Date, from ours only without one */
    { "Wed, 31 Jan 2024 13:00:30 GMT", "Wed, 31 Jan 2024 13:00:00 GMT", 30000 },
    { "Wed, 31 Jan 2024 12:00:20 GMT", NULL, 20000 },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(0, 429, "RATE_LIMIT", "x");
    a.retry_after = test_str(rows[i].text);
    a.date = test_str(rows[i].date);
    jdc_verdict v = judge(&a);
    if (v.retry_after_ms != rows[i].ms) print_error("row %zu\n", i);
    assert_int_equal(v.retry_after_ms, rows[i].ms);
  }
}

static void wall_clocks_from_another_age_do_no_harm(void **state) {
  (void)state;
  static const int64_t walls[] = { INT64_MIN, INT64_MAX, 0 };
  for (size_t i = 0; i < 3; i++) {
    jdc_answer a = error(0, 401, "ACCESS_ERROR", "sign result is not same [gw]");
    a.retry_after = JDC_STR("Wed, 31 Jan 2024 12:00:30 GMT");
    jdc_verdict v;
    jdc_answer_classify(&a, walls[i], &v);
    assert_int_equal(v.retry_after_ms, 30000);
    a.date = test_str(NULL);
    jdc_answer_classify(&a, walls[i], &v);
    assert_int_equal(v.retry_after_ms, walls[i] > 0 ? 0 : 86400000);
  }
}

static void failures_are_repeated_by_what_was_sent(void **state) {
  (void)state;
  static const struct {
    jdc_failure f;
    meaning m;
    const char *hint;
  } rows[] = {
#define NETWORK(repeat) { JDC_KIND_NETWORK, repeat, true, true }
#define SLOW(repeat)                                                                                                   \
  { JDC_KIND_TIMEOUT, repeat, true, true }
    { { JDC_KIND_NETWORK, JDC_PHASE_RESOLVE, false, false }, NETWORK(JDC_REPEAT_UNEXECUTED), "DNS" },
    { { JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false, false }, NETWORK(JDC_REPEAT_UNEXECUTED), "port" },
    { { JDC_KIND_NETWORK, JDC_PHASE_TLS, false, false }, NETWORK(JDC_REPEAT_UNEXECUTED), "ca_file" },
    { { JDC_KIND_NETWORK, JDC_PHASE_SEND, false, false },
      NETWORK(JDC_REPEAT_UNEXECUTED),
      "while the request was sent" },
    { { JDC_KIND_NETWORK, JDC_PHASE_SEND, true, false }, NETWORK(JDC_REPEAT_IDEMPOTENT), "while the request was sent" },
    { { JDC_KIND_NETWORK, JDC_PHASE_RECEIVE, true, false }, NETWORK(JDC_REPEAT_IDEMPOTENT), "may have been executed" },
    { { JDC_KIND_NETWORK, JDC_PHASE_NONE, true, false }, NETWORK(JDC_REPEAT_IDEMPOTENT), "" },
    { { JDC_KIND_TIMEOUT, JDC_PHASE_RESOLVE, false, false }, SLOW(JDC_REPEAT_UNEXECUTED), "DNS" },
    { { JDC_KIND_TIMEOUT, JDC_PHASE_CONNECT, false, false }, SLOW(JDC_REPEAT_UNEXECUTED), "connect_timeout" },
    { { JDC_KIND_TIMEOUT, JDC_PHASE_TLS, false, false }, SLOW(JDC_REPEAT_UNEXECUTED), "TLS" },
    { { JDC_KIND_TIMEOUT, JDC_PHASE_SEND, true, false }, SLOW(JDC_REPEAT_IDEMPOTENT), "idle_timeout" },
    { { JDC_KIND_TIMEOUT, JDC_PHASE_RECEIVE, true, false }, SLOW(JDC_REPEAT_IDEMPOTENT), "may have been executed" },
    { { JDC_KIND_PROTOCOL, JDC_PHASE_RECEIVE, true, false }, GARBLED, "max_size" },
    { { JDC_KIND_PROTOCOL, JDC_PHASE_RECEIVE, true, true },
      { JDC_KIND_PROTOCOL, JDC_REPEAT_NEVER, false, false },
      "max_size" },
    { { JDC_KIND_PROTOCOL, JDC_PHASE_CONNECT, false, false },
      { JDC_KIND_PROTOCOL, JDC_REPEAT_UNEXECUTED, true, true },
      "" },
    { { JDC_KIND_CANCELLED, JDC_PHASE_RECEIVE, true, false },
      { JDC_KIND_CANCELLED, JDC_REPEAT_NEVER, false, false },
      "" },
    { { JDC_KIND_CLOSED, JDC_PHASE_NONE, false, false }, { JDC_KIND_CLOSED, JDC_REPEAT_NEVER, false, false }, "" },
    { { JDC_KIND_PHASE, JDC_PHASE_CONNECT, false, false }, { JDC_KIND_PHASE, JDC_REPEAT_NEVER, false, false }, "" },
    { { JDC_KIND_CONFIG, JDC_PHASE_TLS, false, false },
      { JDC_KIND_CONFIG, JDC_REPEAT_NEVER, false, false },
      "ca_file" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_verdict v;
    memset(&v, 0xff, sizeof(v));
    jdc_failure_classify(&rows[i].f, &v);
    same_meaning(&v, rows[i].m, rows[i].hint);
    has_hint(&v, rows[i].hint);
    assert_false(v.enveloped);
    assert_false(v.has_date);
    assert_int_equal(v.retry_after_ms, -1);
  }
}

static void kinds_and_phases_have_names(void **state) {
  (void)state;
  static const char *const kinds[JDC_KIND_COUNT] = { "ok",        "throttled", "quota",    "auth",      "denied",
                                                     "not_found", "invalid",   "conflict", "busy",      "server",
                                                     "network",   "timeout",   "protocol", "cancelled", "closed",
                                                     "phase",     "config" };
  for (int i = 0; i < JDC_KIND_COUNT; i++) {
    assert_string_equal(jdc_kind_text((jdc_kind)i), kinds[i]);
    assert_int_equal(jdc_kind_find(test_str(kinds[i])), i);
  }
  assert_int_equal(jdc_kind_find(JDC_STR("")), -1);
  assert_int_equal(jdc_kind_find(JDC_STR("net")), -1);
  static const char *const phases[] = { NULL, "resolve", "connect", "tls", "send", "receive" };
  assert_null(jdc_phase_text(JDC_PHASE_NONE));
  for (int i = JDC_PHASE_RESOLVE; i <= JDC_PHASE_RECEIVE; i++) {
    assert_string_equal(jdc_phase_text((jdc_phase)i), phases[i]);
    assert_int_equal(jdc_phase_find(test_str(phases[i])), i);
  }
  assert_int_equal(jdc_phase_find(JDC_STR("")), -1);
  assert_int_equal(jdc_phase_find(JDC_STR("dns")), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(errors_mean_what_their_status_says),
    cmocka_unit_test(status_counts_before_code_and_code_before_http),
    cmocka_unit_test(answers_without_an_error_object_are_told_by_http_and_body),
    cmocka_unit_test(an_error_object_with_code_0_and_no_status_is_none),
    cmocka_unit_test(dates_that_cannot_be_read_are_none),
    cmocka_unit_test(retry_after_is_seconds_or_a_date),
    cmocka_unit_test(wall_clocks_from_another_age_do_no_harm),
    cmocka_unit_test(failures_are_repeated_by_what_was_sent),
    cmocka_unit_test(kinds_and_phases_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
