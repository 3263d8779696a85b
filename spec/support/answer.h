/* answer.h - what the tests of answers share: an error in the service's envelope, and what its hint must contain. */
#ifndef TEST_ANSWER_H
#define TEST_ANSWER_H

#include "test.h"

#include "core/answer.h"

/* 2024-01-31 12:00:00 UTC */
#define DATE_TEXT "Wed, 31 Jan 2024 12:00:00 GMT"
#define DATE_S    INT64_C(1706702400)
#define ID        "bwvnrhmbv42j8f4ctwkedo0atdkgc35f"

/* An error in the service's envelope. code 0: none; http 0: as the code. */
static inline jdc_answer error(int http, int64_t code, const char *status, const char *message) {
  return (jdc_answer){ .http_status = http != 0 ? http : (int)code,
                       .body = JDC_BODY_ENVELOPE,
                       .has_error = true,
                       .code = code,
                       .status = test_str(status),
                       .message = test_str(message),
                       .request_id = test_str(ID),
                       .date = test_str(DATE_TEXT) };
}

static inline jdc_verdict judge(const jdc_answer *a) {
  jdc_verdict v;
  memset(&v, 0xff, sizeof(v));
  jdc_answer_classify(a, DATE_S * 1000, &v);
  assert_non_null(memchr(v.hint, '\0', sizeof(v.hint)));
  assert_null(strchr(v.hint, '\n'));
  return v;
}

static inline void has_hint(const jdc_verdict *v, const char *part) {
  bool found = part[0] == '\0' ? v->hint[0] == '\0' : strstr(v->hint, part) != NULL;
  if (!found) print_error("\"%s\" is not in \"%s\"\n", part, v->hint);
  assert_true(found);
}

#endif
