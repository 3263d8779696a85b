/* test_answer_hint.c - what a person is told about an answer that failed, and what not. */
#include "answer.h"

static void hints_say_what_to_do(void **state) {
  (void)state;
  static const struct {
    int http;
    const char *status, *message, *hint;
  } rows[] = {
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", "belongs to another platform of JD" },
    { 401, "ACCESS_ERROR", "Invalid accessKey [gw]", "access key is unknown or disabled" },
    { 401, "", "secret key is null", "access key is unknown or disabled" },
    { 401, "ACCESS_ERROR", "lack of header authorization[gw]", "proxy" },
    { 401, "ACCESS_ERROR", "lack of header x-jdcloud-date [gw]", "proxy" },
    { 401, "ACCESS_ERROR", "lack of credential in the header authorization [gw]", "blank" },
    { 401, "ACCESS_ERROR", "Invalid authentication credentials [gw]", "check access key and secret key" },
    { 403, "HTTP_FORBIDDEN", "Your IP address is not allowed [gw]", "allow-list" },
    { 403, "HTTP_FORBIDDEN", "api is disabled [gw]", "switched this operation off" },
    { 403, "HTTP_FORBIDDEN", "please use different noncestr [gw]", "fresh" },
    { 403, "HTTP_FORBIDDEN", "You are not authorized to perform (vm:getX) on resource (*) [IAM] [gw]",
      "lacks the IAM permission vm:getX" },
    { 403, "HTTP_FORBIDDEN", "You are not authorized to perform (vm: x) on resource (*)", "lacks an IAM permission" },
    { 403, "HTTP_FORBIDDEN", "You are not authorized to perform (vm:x", "lacks an IAM permission" },
    { 403, "PERMISSION_DENIED", "x", "charging" },
    { 403, "HTTP_FORBIDDEN", "x", "" },
    { 400, "HTTP_BAD_REQUEST", "blocked by web firewall [gw]", "web firewall" },
    { 400, "INVALID_ARGUMENT", "x", "" },
    { 400, "FAILED_PRECONDITION", "x", "busy_timeout" },
    { 404, "NOT_FOUND", "no route and no API found with those values [gw]", "version" },
    { 404, "NOT_FOUND", "instance not found", "" },
    { 413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "Payload too large [gw]", "100 MiB" },
    { 414, "HTTP_URI_TOO_LONG", "URI too long [gw]", "8 KiB" },
    { 429, "QUOTA_EXCEEDED", "x", "higher quota" },
    { 429, "HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:ak [gw]", "access key" },
    { 429, "HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:api [gw]", "operation" },
    { 500, "INTERNAL", "x", "" },
    { 501, "NOT_IMPLEMENTED", "x", "does not offer" },
    { 504, "HTTP_SERVER_TIMING_OUT", "x", "may have been executed" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(rows[i].http, rows[i].http, rows[i].status, rows[i].message);
    jdc_verdict v = judge(&a);
    has_hint(&v, rows[i].hint);
  }
}

static void hints_about_answers_of_others_name_them(void **state) {
  (void)state;
  static const struct {
    int http;
    jdc_body body;
    const char *hint;
  } rows[] = {
    { 301, JDC_BODY_OTHER, "redirects are not followed" },
    { 200, JDC_BODY_OTHER, "a proxy or load balancer answered, not the service" },
    { 200, JDC_BODY_JSON, "not the service's envelope" },
    { 401, JDC_BODY_OTHER, "a proxy or load balancer answered, not the service" },
    { 403, JDC_BODY_EMPTY, "a proxy or load balancer answered, not the service" },
    { 407, JDC_BODY_OTHER, "proxy option" },
    { 413, JDC_BODY_OTHER, "the body is larger" },
    { 429, JDC_BODY_OTHER, "a proxy or load balancer answered, not the service" },
    { 500, JDC_BODY_JSON, "a proxy or load balancer answered, not the service" },
    { 502, JDC_BODY_OTHER, "a proxy or load balancer answered, not the service" },
    { 504, JDC_BODY_OTHER, "may have been executed" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = { .http_status = rows[i].http, .body = rows[i].body, .date = JDC_STR(DATE_TEXT) };
    jdc_verdict v;
    jdc_answer_classify(&a, 0, &v); /* decades wrong: a page teaches nothing about the clock */
    has_hint(&v, rows[i].hint);
  }
}

static void a_denial_names_the_operation_only_if_it_is_one(void **state) {
  (void)state;
  char long_one[JDC_HINT_MAX + 64];
  memset(long_one, 'a', sizeof(long_one) - 1);
  long_one[2] = ':';
  long_one[sizeof(long_one) - 1] = '\0';
  const struct {
    const char *denied, *hint;
  } rows[] = {
    { "clouddnsservice:getDomains", "the key's user lacks the IAM permission clouddnsservice:getDomains" },
    { "a9.z_-:AZ09", "the key's user lacks the IAM permission a9.z_-:AZ09" },
    { "vm:*", "the key's user lacks the IAM permission vm:*" },
    { "", "" },
    { "getDomains", "" },
    { ":x", "" },
    { "vm:", "" },
    { "vm:a:b", "" },
    { "vm:a b", "" },
    { "vm:a\nb", "" },
    { "vm:\x1b[31m", "" },
    { "jrn:vm:*:*:instance/i-1", "" },
    { long_one, "" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(0, 403, "HTTP_FORBIDDEN", "x");
    a.denied = test_str(rows[i].denied);
    assert_string_equal(judge(&a).hint, rows[i].hint);
    a = error(0, 500, "INTERNAL", "x");
    a.denied = test_str(rows[i].denied);
    assert_string_equal(judge(&a).hint, "");
  }
}

static void a_wrong_clock_is_told_by_how_much_and_in_which_direction(void **state) {
  (void)state;
  static const struct {
    int64_t code;
    const char *status, *message;
    int64_t ahead_s;
    const char *hint;
  } rows[] = {
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", 61, "clock is 61 seconds ahead of the service's" },
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", -61, "clock is 61 seconds behind the service's" },
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", 60, "another platform" },
    { 401, "ACCESS_ERROR", "sign result is not same [gw]", -60, "another platform" },
    { 401, "UNAUTHENTICATED", "x", -930, "clock is 15 minutes behind the service's" },
    { 401, "UNAUTHENTICATED", "x", 119, "clock is 119 seconds ahead of the service's" },
    { 401, "UNAUTHENTICATED", "x", 120, "clock is 2 minutes ahead of the service's" },
    { 401, "UNAUTHENTICATED", "x", 7199, "clock is 119 minutes ahead of the service's" },
    { 401, "UNAUTHENTICATED", "x", 7200, "clock is 2 hours ahead of the service's" },
    { 401, "UNAUTHENTICATED", "x", 8 * 3600, "clock is 8 hours ahead of the service's" },
    { 403, "HTTP_FORBIDDEN", "x", 300, "clock is 5 minutes ahead of the service's" },
    /* these say themselves what is wrong */
    { 401, "ACCESS_ERROR", "Invalid accessKey [gw]", 300, "unknown or disabled" },
    { 403, "HTTP_FORBIDDEN", "Your IP address is not allowed [gw]", 300, "allow-list" },
    { 403, "HTTP_FORBIDDEN", "You are not authorized to perform (vm:x) on resource (*)", 300, "vm:x" },
    /* no signature was refused */
    { 404, "NOT_FOUND", "x", 300, "" },
    { 500, "INTERNAL", "x", 300, "" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_answer a = error(0, rows[i].code, rows[i].status, rows[i].message);
    jdc_verdict v;
    jdc_answer_classify(&a, (DATE_S + rows[i].ahead_s) * 1000, &v);
    has_hint(&v, rows[i].hint);
  }
}

static void without_a_date_nothing_is_said_about_the_clock(void **state) {
  (void)state;
  jdc_answer a = error(0, 401, "ACCESS_ERROR", "sign result is not same [gw]");
  a.date = test_str(NULL);
  jdc_verdict v;
  jdc_answer_classify(&a, 0, &v);
  has_hint(&v, "another platform");
}

static void hints_repeat_nothing_that_the_answer_said(void **state) {
  (void)state;
  static const int64_t codes[] = { 400, 401, 403, 404, 409, 413, 414, 429, 499, 500, 501, 503, 504 };
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    jdc_answer a = error(0, codes[i], "canary-status", "canary-message (canary-parameter)");
    a.request_id = JDC_STR("canary-id");
    a.denied = JDC_STR("canary operation");
    assert_null(strstr(judge(&a).hint, "canary"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hints_say_what_to_do),
    cmocka_unit_test(hints_about_answers_of_others_name_them),
    cmocka_unit_test(a_denial_names_the_operation_only_if_it_is_one),
    cmocka_unit_test(a_wrong_clock_is_told_by_how_much_and_in_which_direction),
    cmocka_unit_test(without_a_date_nothing_is_said_about_the_clock),
    cmocka_unit_test(hints_repeat_nothing_that_the_answer_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
