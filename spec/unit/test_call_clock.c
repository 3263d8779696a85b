/* test_call_clock.c - date and nonce of an attempt are its own, and the clock's skew is learnt from the service, from
 * it alone and for each host (design.md, The attempt machine; protocol.md 0.3 step 6). */
#define _POSIX_C_SOURCE 200809L

#include "support/call.h"

#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONCES       100000
#define FORKED       10000 /* nonces of parent and of child */
#define OTHER_HOST   "vpc.jdcloud-api.com"
#define SKEW_MS      120000
#define AFTER_2_MIN  "Thu, 01 Feb 2024 00:02:00 GMT"
#define BEFORE_2_MIN "Wed, 31 Jan 2024 23:58:00 GMT"
#define AFTER_60_S   "Thu, 01 Feb 2024 00:01:00 GMT"
#define BEFORE_60_S  "Wed, 31 Jan 2024 23:59:00 GMT"

static void expect_date(test_world *w, const char *date) {
  EXPECT_SEND(w, w->call);
  test_same_text(test_header(w->call, "x-jdcloud-date"), test_str(date));
}

static void expect_scope(test_world *w, const char *start) {
  jdc_str authorization = test_header(w->call, "authorization");
  assert_true(authorization.len > strlen(start));
  test_same_text((jdc_str){ authorization.ptr, strlen(start) }, test_str(start));
}

/* The service answers, with this Date. */
static void answer(test_world *w, int http, const char *status, const char *date) {
  jdc_answer a = test_answer(http, status, NULL);
  a.date = test_str(date);
  test_land(w, w->call, &a);
}

static void refuse(test_world *w, const char *date) { answer(w, 401, "UNAUTHENTICATED", date); }

static void an_attempt_is_dated_when_it_is_sent(void **state) {
  test_world *w = *state;
  w->options.limiter = JDC_LIMITER_NONE;
  w->no_jitter = true;
  BEGIN(w);
  expect_date(w, "20240201T000000Z");
  jdc_answer throttled = test_answer(429, "RATE_LIMIT", NULL);
  throttled.retry_after = JDC_STR("50");
  test_land(w, w->call, &throttled);
  EXPECT_WAIT(w, w->call, 50000, JDC_WAIT_THROTTLED);
  test_pass(w, 50999);
  expect_date(w, "20240201T000050Z");
}

static void the_scope_is_of_the_day_on_which_an_attempt_is_sent(void **state) {
  test_world *w = *state;
  w->options.limiter = JDC_LIMITER_NONE;
  w->no_jitter = true;
  w->t.wall_ms += INT64_C(24) * 60 * 60 * 1000 - 1;
  BEGIN(w);
  expect_date(w, "20240201T235959Z");
  expect_scope(w, "JDCLOUD2-HMAC-SHA256 Credential=AK/20240201/cn-north-1/vm/");
  jdc_answer throttled = test_answer(429, "RATE_LIMIT", NULL);
  throttled.retry_after = JDC_STR("1");
  test_land(w, w->call, &throttled);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_THROTTLED);
  test_pass(w, 1000);
  expect_date(w, "20240202T000000Z");
  expect_scope(w, "JDCLOUD2-HMAC-SHA256 Credential=AK/20240202/cn-north-1/vm/");
}

static void take_nonce(jdc_call *call, char out[JDC_NONCE]) {
  jdc_str nonce = test_header(call, "x-jdcloud-nonce");
  assert_int_equal(nonce.len, JDC_NONCE);
  memcpy(out, nonce.ptr, JDC_NONCE);
}

/* Attempts of one call, with random bytes of the operating system; each is throttled, so that there is another. */
static void take_nonces(test_world *w, char (*out)[JDC_NONCE], size_t n) {
  jdc_answer throttled = test_answer(429, "RATE_LIMIT", NULL);
  w->options.limiter = JDC_LIMITER_NONE;
  w->options.max_wait_ms = w->options.timeout_ms = JDC_FOREVER_MS;
  BEGIN(w);
  for (size_t i = 0; i < n;) {
    unsigned char random[JDC_RANDOM];
    assert_int_equal(getrandom(random, sizeof(random), 0), sizeof(random));
    jdc_step step;
    jdc_call_next(w->call, w->t, random, &step);
    test_pass(w, step.kind == JDC_STEP_WAIT ? step.wait_ms : 0);
    if (step.kind == JDC_STEP_WAIT) continue;
    assert_int_equal(step.kind, JDC_STEP_SEND);
    take_nonce(w->call, out[i++]);
    test_land(w, w->call, &throttled);
  }
}

static int by_text(const void *a, const void *b) { return memcmp(a, b, JDC_NONCE); }

static void expect_all_different(char (*nonces)[JDC_NONCE], size_t n) {
  qsort(nonces, n, JDC_NONCE, by_text);
  for (size_t i = 1; i < n; i++) assert_memory_not_equal(nonces[i - 1], nonces[i], JDC_NONCE);
}

static void no_nonce_comes_twice(void **state) {
  char(*nonces)[JDC_NONCE] = malloc(NONCES * sizeof(*nonces));
  assert_non_null(nonces);
  take_nonces(*state, nonces, NONCES);
  expect_all_different(nonces, NONCES);
  free(nonces);
}

static void read_all(int from, char *to, size_t n) {
  while (n > 0) {
    ssize_t got = read(from, to, n);
    assert_true(got > 0);
    to += got;
    n -= (size_t)got;
  }
}

static void no_nonce_of_a_parent_comes_in_its_child(void **state) {
  test_world *w = *state;
  char(*nonces)[JDC_NONCE] = malloc(2 * FORKED * sizeof(*nonces));
  assert_non_null(nonces);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  take_nonces(w, nonces, 1); /* whatever is made at the first use is made before the fork */
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    take_nonces(w, nonces, FORKED);
    const char *p = nonces[0], *end = nonces[FORKED];
    for (ssize_t put = 1; p < end && put > 0; p += put) put = write(ends[1], p, (size_t)(end - p));
    int code = p == end ? 0 : 1;
    free(nonces); /* for the leak checkers, which look at the child too */
    (void)test_world_close(state);
    _exit(code);
  }
  close(ends[1]);
  take_nonces(w, nonces, FORKED);
  read_all(ends[0], nonces[FORKED], FORKED * sizeof(*nonces));
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  expect_all_different(nonces, 2 * FORKED);
  free(nonces);
}

static void a_nonce_is_a_uuid_of_version_4_made_of_all_the_random_bytes(void **state) {
  test_world *w = *state;
  static const struct {
    unsigned char byte;
    const char *nonce;
  } cases[] = {
    { 0x00, "00000000-0000-4000-8000-000000000000" },
    { 0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff" },
    { 0xa5, "a5a5a5a5-a5a5-45a5-a5a5-a5a5a5a5a5a5" },
  };
  for (size_t i = 0; i < TEST_ENTRIES(cases); i++) {
    unsigned char random[JDC_RANDOM];
    memset(random, cases[i].byte, sizeof(random));
    BEGIN(w);
    jdc_step step;
    jdc_call_next(w->call, w->t, random, &step);
    assert_int_equal(step.kind, JDC_STEP_SEND);
    test_same_text(test_header(w->call, "x-jdcloud-nonce"), test_str(cases[i].nonce));
  }
}

static void each_byte_of_a_nonce_has_its_place(void **state) {
  test_world *w = *state;
  unsigned char random[JDC_RANDOM];
  for (size_t i = 0; i < sizeof(random); i++) random[i] = (unsigned char)(0x11 * (i % 15 + 1));
  BEGIN(w);
  jdc_step step;
  jdc_call_next(w->call, w->t, random, &step);
  test_same_text(test_header(w->call, "x-jdcloud-nonce"), JDC_STR("11223344-5566-4788-99aa-bbccddeeff11"));
}

static void a_401_of_a_service_with_another_clock_is_repeated_with_its_date(void **state) {
  test_world *w = *state;
  BEGIN(w);
  expect_date(w, "20240201T000000Z");
  refuse(w, AFTER_2_MIN);
  expect_date(w, "20240201T000200Z"); /* without a wait */
  assert_int_equal(jdc_call_attempt(w->call), 2);
  answer(w, 200, NULL, AFTER_2_MIN);
  EXPECT_DONE(w, w->call, JDC_KIND_OK, JDC_GAVE_FINAL);
  BEGIN(w); /* and it is remembered */
  expect_date(w, "20240201T000200Z");
}

static void a_clock_that_is_ahead_is_learnt_as_well(void **state) {
  test_world *w = *state;
  w->request.method = JDC_STR("POST");
  BEGIN(w);
  expect_date(w, "20240201T000000Z");
  refuse(w, BEFORE_2_MIN);
  expect_date(w, "20240131T235800Z");
}

static void skew_is_learnt_from_any_answer_of_the_service(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  answer(w, 404, "NOT_FOUND", AFTER_2_MIN);
  BEGIN(w);
  expect_date(w, "20240201T000200Z");
}

static void sixty_seconds_are_no_skew(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  refuse(w, AFTER_60_S);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  refuse(w, BEFORE_60_S);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  assert_int_equal(jdc_cloud_skew(w->cloud, JDC_STR(TEST_HOST)), 0);

  w->t.wall_ms -= 1; /* a millisecond more are one */
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  refuse(w, AFTER_60_S);
  expect_date(w, "20240201T000100Z");
}

/* Both are 401s with a Date that differs by far, and neither is spoken by the service. */
static void a_proxy_does_not_move_the_clock(void **state) {
  test_world *w = *state;
  const jdc_answer pages[] = {
    { .http_status = 401, .body = JDC_BODY_OTHER, .date = JDC_STR(AFTER_2_MIN) },
    { .http_status = 401, .body = JDC_BODY_JSON, .date = JDC_STR(AFTER_2_MIN) },
    { .http_status = 401, .body = JDC_BODY_EMPTY, .date = JDC_STR(AFTER_2_MIN) },
  };
  for (size_t i = 0; i < TEST_ENTRIES(pages); i++) {
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    test_land(w, w->call, &pages[i]);
    EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
    assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
    BEGIN(w);
    expect_date(w, "20240201T000000Z");
  }
}

static void skew_belongs_to_a_host(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  answer(w, 200, NULL, AFTER_2_MIN);
  w->request.host = JDC_STR(OTHER_HOST);
  BEGIN(w);
  expect_date(w, "20240201T000000Z");
  w->request.host = JDC_STR("VM.JDCLOUD-API.COM:443");
  BEGIN(w);
  expect_date(w, "20240201T000200Z");
}

static void a_401_with_the_skew_that_was_known_is_final(void **state) {
  test_world *w = *state;
  jdc_cloud_learn_date(w->cloud, JDC_STR(TEST_HOST), TEST_WALL_S + SKEW_MS / 1000, w->t.wall_ms);
  BEGIN(w);
  expect_date(w, "20240201T000200Z");
  refuse(w, AFTER_2_MIN);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
}

static void a_clock_that_was_set_right_is_believed_again(void **state) {
  test_world *w = *state;
  jdc_cloud_learn_date(w->cloud, JDC_STR(TEST_HOST), TEST_WALL_S + SKEW_MS / 1000, w->t.wall_ms);
  w->t.wall_ms += SKEW_MS;
  BEGIN(w);
  expect_date(w, "20240201T000400Z");
  refuse(w, AFTER_2_MIN);
  expect_date(w, "20240201T000200Z");
}

static void what_another_call_has_learnt_since_counts(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_cloud_learn_date(w->cloud, JDC_STR(TEST_HOST), TEST_WALL_S + SKEW_MS / 1000, w->t.wall_ms);
  refuse(w, NULL);
  expect_date(w, "20240201T000200Z");
}

static void a_second_401_is_final_whatever_the_clock(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  refuse(w, AFTER_2_MIN);
  EXPECT_SEND(w, w->call);
  refuse(w, BEFORE_2_MIN);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 2);
}

static void the_only_attempt_is_not_repeated_but_its_date_is_learnt(void **state) {
  test_world *w = *state;
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  refuse(w, AFTER_2_MIN);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  BEGIN(w);
  expect_date(w, "20240201T000200Z");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST_IN_WORLD(an_attempt_is_dated_when_it_is_sent),
    TEST_IN_WORLD(the_scope_is_of_the_day_on_which_an_attempt_is_sent),
    TEST_IN_WORLD(no_nonce_comes_twice),
    TEST_IN_WORLD(no_nonce_of_a_parent_comes_in_its_child),
    TEST_IN_WORLD(a_nonce_is_a_uuid_of_version_4_made_of_all_the_random_bytes),
    TEST_IN_WORLD(each_byte_of_a_nonce_has_its_place),
    TEST_IN_WORLD(a_401_of_a_service_with_another_clock_is_repeated_with_its_date),
    TEST_IN_WORLD(a_clock_that_is_ahead_is_learnt_as_well),
    TEST_IN_WORLD(skew_is_learnt_from_any_answer_of_the_service),
    TEST_IN_WORLD(sixty_seconds_are_no_skew),
    TEST_IN_WORLD(a_proxy_does_not_move_the_clock),
    TEST_IN_WORLD(skew_belongs_to_a_host),
    TEST_IN_WORLD(a_401_with_the_skew_that_was_known_is_final),
    TEST_IN_WORLD(a_clock_that_was_set_right_is_believed_again),
    TEST_IN_WORLD(what_another_call_has_learnt_since_counts),
    TEST_IN_WORLD(a_second_401_is_final_whatever_the_clock),
    TEST_IN_WORLD(the_only_attempt_is_not_repeated_but_its_date_is_learnt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
