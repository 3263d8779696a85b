/* test_call_time.c - what a call may cost: timeout, max_wait, busy_timeout, attempts, the server's hints and the retry
 * quota, each at its exact boundary (design.md, The attempt machine). */
#include "support/call.h"

/* An answer with a Retry-After in seconds, or without one for NULL. */
static jdc_answer hinted(int http, const char *status, const char *seconds) {
  jdc_answer a = test_answer(http, status, NULL);
  a.retry_after = test_str(seconds);
  return a;
}

static void land_hinted(test_world *w, int http, const char *status, const char *seconds) {
  jdc_answer a = hinted(http, status, seconds);
  test_land(w, w->call, &a);
}

static void unavailable(test_world *w, const char *seconds) { land_hinted(w, 503, "UNAVAILABLE", seconds); }
static void throttled(test_world *w, const char *seconds) { land_hinted(w, 429, "RATE_LIMIT", seconds); }
static void busy(test_world *w, const char *seconds) { land_hinted(w, 409, "ABORTED", seconds); }

static void succeed(test_world *w) {
  jdc_answer a = test_answer(200, NULL, NULL);
  test_land(w, w->call, &a);
  EXPECT_DONE(w, w->call, JDC_KIND_OK, JDC_GAVE_FINAL);
}

/* A call that is repeated whatever happens, without jitter. */
static test_world *repeatable(void **state) {
  test_world *w = *state;
  w->no_jitter = true;
  w->options.repeatable = true;
  return w;
}

static void the_transport_gets_what_is_left_of_timeout(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 30000);
  test_pass(w, 4000);
  unavailable(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  test_pass(w, 1000);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 25000);
  succeed(w);
}

static void without_a_timeout_a_call_lasts_for_ever(void **state) {
  test_world *w = repeatable(state);
  w->options.timeout_ms = JDC_FOREVER_MS;
  BEGIN(w);
  assert_int_equal((uint64_t)EXPECT_SEND(w, w->call).wait_ms, (uint64_t)JDC_FOREVER_MS);
  for (int year = 0; year < 3; year++) {
    test_pass(w, INT64_C(365) * 24 * 60 * 60 * 1000);
    assert_int_equal(EXPECT(w, w->call, JDC_STEP_WAIT).why, JDC_WAIT_ANSWER);
  }
  unavailable(w, "60");
  EXPECT_WAIT(w, w->call, 60000, JDC_WAIT_BACKOFF);
  test_pass(w, 60000);
  EXPECT_SEND(w, w->call);
  succeed(w);
}

static void the_deadline_cuts_a_call_on_the_wire(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  EXPECT_WAIT(w, w->call, 30000, JDC_WAIT_ANSWER);
  test_pass(w, 29999);
  EXPECT_WAIT(w, w->call, 1, JDC_WAIT_ANSWER);
  test_pass(w, 1);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
  assert_true(jdc_call_outcome(w->call)->sent);
  assert_true(jdc_call_outcome(w->call)->retryable);
  assert_false(jdc_call_outcome(w->call)->answered);
}

static void an_answer_counts_however_late_it_is_looked_at(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 31000);
  succeed(w);
}

static void a_cut_second_attempt_says_nothing_of_the_first(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  unavailable(w, "20");
  EXPECT_WAIT(w, w->call, 20000, JDC_WAIT_BACKOFF);
  test_pass(w, 20000);
  EXPECT_SEND(w, w->call);
  assert_int_equal(jdc_call_verdict(w->call)->kind, JDC_KIND_OK);
  test_pass(w, 10000);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  assert_int_equal((uint64_t)jdc_call_outcome(w->call)->retry_after_ms, (uint64_t)-1);
  assert_string_equal(jdc_call_outcome(w->call)->hint, "");
  assert_int_equal(jdc_call_outcome(w->call)->phase, JDC_PHASE_NONE);
}

static void a_hint_must_leave_a_quarter_of_the_time(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 28664);
  unavailable(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  test_pass(w, 1000);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 336);

  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 28668);
  unavailable(w, "1");
  EXPECT_DONE(w, w->call, JDC_KIND_SERVER, JDC_GAVE_TIMEOUT);
  assert_true(jdc_call_outcome(w->call)->answered);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 1000);
}

static void a_driver_that_oversleeps_a_back_off_meets_the_deadline(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  unavailable(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  test_pass(w, 30000);
  EXPECT_DONE(w, w->call, JDC_KIND_SERVER, JDC_GAVE_TIMEOUT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
}

static void nothing_is_sent_in_no_time(void **state) {
  test_world *w = repeatable(state);
  w->options.timeout_ms = 0;
  BEGIN(w);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 0);
  assert_false(jdc_call_outcome(w->call)->sent);
  assert_true(jdc_call_outcome(w->call)->retryable);
}

/* 401 with a skew just learnt goes straight on, and throttling has an account of its own: both end at the deadline. */
static void an_answer_after_the_deadline_leads_to_no_other_attempt(void **state) {
  test_world *w = repeatable(state);
  w->options.busy_timeout_ms = TEST_LONG_MS;
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 30000);
  jdc_answer skewed = test_answer(401, "UNAUTHENTICATED", NULL);
  skewed.date = JDC_STR("Thu, 01 Feb 2024 01:00:00 GMT");
  test_land(w, w->call, &skewed);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_TIMEOUT);

  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 30000);
  throttled(w, "1");
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_TIMEOUT);

  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 30000);
  busy(w, "1");
  EXPECT_DONE(w, w->call, JDC_KIND_BUSY, JDC_GAVE_TIMEOUT);
}

static void throttling_waits_as_long_as_max_wait_allows(void **state) {
  test_world *w = repeatable(state);
  test_unpaced(w);
  w->options.max_wait_ms = 1500;
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  throttled(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_THROTTLED);
  test_pass(w, 1000);
  EXPECT_SEND(w, w->call);
  throttled(w, "0.5");
  EXPECT_WAIT(w, w->call, 500, JDC_WAIT_THROTTLED);
  test_pass(w, 500);
  EXPECT_SEND(w, w->call);
  throttled(w, "0.001");
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 3);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 1);
  assert_true(jdc_call_outcome(w->call)->retryable);
}

static void a_throttled_minute_beyond_max_wait_is_not_waited_for(void **state) {
  test_world *w = repeatable(state);
  w->options.max_wait_ms = 1000;
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  throttled(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_THROTTLED);

  w->options.max_wait_ms = 999;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  throttled(w, "1");
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 1000);
}

static void throttling_and_timeout_have_accounts_of_their_own(void **state) {
  test_world *w = repeatable(state);
  w->options.timeout_ms = 3000;
  w->options.max_wait_ms = 50000;
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_pass(w, 500);
  throttled(w, "50"); /* all of max_wait, nothing of timeout */
  EXPECT_WAIT(w, w->call, 50000, JDC_WAIT_THROTTLED);
  test_pass(w, 50000);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 2500);
  unavailable(w, "1"); /* of timeout, nothing of max_wait, which is used up */
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  test_pass(w, 1000);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 1500);
}

static void without_max_wait_throttling_is_waited_out(void **state) {
  test_world *w = repeatable(state);
  w->options.max_wait_ms = JDC_FOREVER_MS;
  w->options.limiter = JDC_LIMITER_NONE;
  w->options.attempts = 1;
  BEGIN(w);
  for (int i = 0; i < 1000; i++) {
    EXPECT_SEND(w, w->call);
    throttled(w, "60");
    EXPECT_WAIT(w, w->call, 60000, JDC_WAIT_THROTTLED);
    test_pass(w, 60000);
  }
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 30000);
  succeed(w);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1001);
}

static void a_hint_is_believed_up_to_a_minute(void **state) {
  test_world *w = repeatable(state);
  w->options.timeout_ms = JDC_FOREVER_MS;
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  unavailable(w, "61");
  EXPECT_WAIT(w, w->call, 60000, JDC_WAIT_BACKOFF);
  test_pass(w, 60000);
  EXPECT_SEND(w, w->call);
  throttled(w, "600");
  EXPECT_WAIT(w, w->call, 60000, JDC_WAIT_THROTTLED);
  test_pass(w, 60000);
  EXPECT_SEND(w, w->call);
  jdc_answer a = hinted(503, "UNAVAILABLE", "Thu, 01 Feb 2024 00:02:07 GMT");
  test_land(w, w->call, &a);
  EXPECT_WAIT(w, w->call, 7000, JDC_WAIT_BACKOFF);
}

static void a_hint_is_a_lower_bound(void **state) {
  test_world *w = *state;
  w->options.repeatable = true;
  bool longer = false, shorter = false;
  for (int i = 0; i < 300; i++) {
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    unavailable(w, i % 2 == 0 ? "0.020" : NULL);
    jdc_step step = test_poll(w, w->call);
    int64_t delay = step.kind == JDC_STEP_WAIT ? step.wait_ms : 0;
    assert_true(delay <= JDC_BACKOFF_BASE_MS + (i % 2 == 0 ? 20 : 0));
    if (i % 2 == 0) assert_true(delay >= 20);
    if (i % 2 == 0 && delay > 20) longer = true;
    if (i % 2 == 1 && delay < 20) shorter = true;
    test_pass(w, delay);
    if (step.kind == JDC_STEP_WAIT) EXPECT_SEND(w, w->call);
    succeed(w);
  }
  assert_true(longer);
  assert_true(shorter);
}

/* How long the repetitions of one call may be held back, seen over many calls: base, doubled, at most 20 s. */
static void back_off_doubles_up_to_its_maximum(void **state) {
  test_world *w = *state;
  w->options.repeatable = true;
  w->options.timeout_ms = JDC_FOREVER_MS;
  w->options.attempts = 12;
  w->options.limiter = JDC_LIMITER_NONE;
  int64_t longest[11] = { 0 };
  for (int n = 0; n < 400; n++) {
    while (jdc_quota_left(jdc_cloud_quota(w->cloud), w->request.service) < JDC_QUOTA_FULL)
      jdc_quota_refill(jdc_cloud_quota(w->cloud), w->request.service, JDC_QUOTA_FULL);
    BEGIN(w);
    jdc_step step = EXPECT_SEND(w, w->call);
    for (size_t i = 0; i < TEST_ENTRIES(longest); i++) {
      unavailable(w, NULL);
      step = test_poll(w, w->call);
      if (step.kind != JDC_STEP_WAIT) continue;
      if (step.wait_ms > longest[i]) longest[i] = step.wait_ms;
      test_pass(w, step.wait_ms);
      EXPECT_SEND(w, w->call);
    }
  }
  int64_t most = JDC_BACKOFF_BASE_MS;
  for (size_t i = 0; i < TEST_ENTRIES(longest); i++, most *= 2) {
    int64_t bound = most < JDC_BACKOFF_MAX_MS ? most : JDC_BACKOFF_MAX_MS;
    assert_true(longest[i] <= bound);
    assert_true(longest[i] >= bound * 9 / 10);
  }
}

static void busy_is_repeated_until_busy_timeout(void **state) {
  test_world *w = *state;
  w->options.busy_timeout_ms = 10000;
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  int64_t waited = 0;
  for (;;) {
    busy(w, NULL);
    jdc_step step = test_poll(w, w->call);
    if (step.kind == JDC_STEP_SEND) continue;
    if (step.kind == JDC_STEP_DONE) break;
    assert_int_equal(step.why, JDC_WAIT_BUSY);
    waited += step.wait_ms;
    test_pass(w, step.wait_ms);
    EXPECT_SEND(w, w->call);
  }
  EXPECT_DONE(w, w->call, JDC_KIND_BUSY, JDC_GAVE_TIMEOUT);
  assert_int_equal(waited, 10000); /* the last attempt stands at the very end */
  assert_true(jdc_call_outcome(w->call)->attempts > 3);
}

static void busy_waits_are_on_an_account_of_their_own(void **state) {
  test_world *w = repeatable(state);
  w->options.busy_timeout_ms = 50000;
  w->options.max_wait_ms = 0;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  busy(w, "40");
  EXPECT_WAIT(w, w->call, 40000, JDC_WAIT_BUSY);
  test_pass(w, 40000);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 30000);
  busy(w, "10");
  EXPECT_WAIT(w, w->call, 10000, JDC_WAIT_BUSY);
  test_pass(w, 10000);
  EXPECT_SEND(w, w->call);
  busy(w, NULL);
  EXPECT_DONE(w, w->call, JDC_KIND_BUSY, JDC_GAVE_TIMEOUT);
}

static void a_busy_resource_is_not_asked_before_the_hint(void **state) {
  test_world *w = repeatable(state);
  w->options.busy_timeout_ms = 5000;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  busy(w, "5.001");
  EXPECT_DONE(w, w->call, JDC_KIND_BUSY, JDC_GAVE_TIMEOUT);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 5001);
}

static void one_attempt_is_one_attempt(void **state) {
  test_world *w = repeatable(state);
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  unavailable(w, NULL);
  EXPECT_DONE(w, w->call, JDC_KIND_SERVER, JDC_GAVE_ATTEMPTS);
  assert_int_equal(jdc_quota_left(jdc_cloud_quota(w->cloud), w->request.service), JDC_QUOTA_FULL);
}

static void attempts_are_from_1_to_100(void **state) {
  test_world *w = repeatable(state);
  const int wrong[] = { 0, -1, JDC_ATTEMPTS_MAX + 1 };
  for (size_t i = 0; i < TEST_ENTRIES(wrong); i++) {
    const char *problem;
    w->options.attempts = wrong[i];
    assert_int_equal(jdc_call_begin(w->call, &w->request, w->keys, &w->options, w->t, &problem), JDC_INVALID);
    assert_non_null(strstr(problem, "attempts"));
    EXPECT(w, w->call, JDC_STEP_DONE);
  }
  w->options.attempts = JDC_ATTEMPTS_MAX;
  w->options.timeout_ms = JDC_FOREVER_MS;
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  for (int i = 1; i < JDC_ATTEMPTS_MAX; i++) {
    EXPECT_SEND(w, w->call);
    jdc_answer replayed = test_answer(403, "HTTP_FORBIDDEN", "please use different noncestr [gw]");
    test_land(w, w->call, &replayed);
  }
  EXPECT_SEND(w, w->call);
  unavailable(w, NULL);
  EXPECT_DONE(w, w->call, JDC_KIND_SERVER, JDC_GAVE_ATTEMPTS);
}

/* Two failures in a row on `service`: one repetition, if the quota allows it. */
static jdc_gave_up fail_twice(test_world *w, const char *service) {
  w->request.service = test_str(service);
  w->options.attempts = 2;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  unavailable(w, "0");
  if (test_poll(w, w->call).kind == JDC_STEP_SEND) {
    unavailable(w, "0");
    EXPECT(w, w->call, JDC_STEP_DONE);
  }
  return jdc_call_outcome(w->call)->why;
}

/* An answer that costs and brings no quota, but shows that the service is there. */
static void not_found(test_world *w, const char *service) {
  w->request.service = test_str(service);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_answer a = test_answer(404, "NOT_FOUND", NULL);
  test_land(w, w->call, &a);
  EXPECT_DONE(w, w->call, JDC_KIND_NOT_FOUND, JDC_GAVE_FINAL);
}

static void after_three_calls_in_vain_none_is_repeated_until_the_service_answers(void **state) {
  test_world *w = repeatable(state);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < JDC_QUOTA_IN_VAIN; i++) assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_ATTEMPTS);
    for (int i = 0; i < 100; i++) {
      assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_QUOTA);
      assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
    }
    assert_int_equal(fail_twice(w, "disk"), JDC_GAVE_ATTEMPTS);
    not_found(w, "disk"); /* of another service: nothing to this one */
    assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_QUOTA);
    not_found(w, "vm");
  }
}

static void a_repeated_call_that_is_out_of_time_was_repeated_in_vain(void **state) {
  test_world *w = repeatable(state);
  for (int i = 0; i < JDC_QUOTA_IN_VAIN; i++) {
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    unavailable(w, "0");
    EXPECT_SEND(w, w->call);
    test_pass(w, 30000);
    EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  }
  assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_QUOTA);
}

static void a_service_that_is_down_uses_up_its_own_quota_only(void **state) {
  test_world *w = repeatable(state);
  for (int i = 0; i < JDC_QUOTA_FULL / JDC_QUOTA_COST; i++) {
    assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_ATTEMPTS);
    not_found(w, "vm");
  }
  assert_int_equal(fail_twice(w, "vm"), JDC_GAVE_QUOTA);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
  assert_int_equal(jdc_call_outcome(w->call)->kind, JDC_KIND_SERVER);
  assert_true(jdc_call_outcome(w->call)->retryable);
  assert_int_equal(fail_twice(w, "disk"), JDC_GAVE_ATTEMPTS);

  w->request.service = JDC_STR("vm"); /* throttling needs none */
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  throttled(w, "1");
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_THROTTLED);
}

static void success_refills_the_quota(void **state) {
  test_world *w = repeatable(state);
  jdc_quota *q = jdc_cloud_quota(w->cloud);
  jdc_str vm = w->request.service;
  while (fail_twice(w, "vm") != JDC_GAVE_QUOTA) {
    test_pass(w, 1);
    not_found(w, "vm");
  }
  int left = jdc_quota_left(q, vm);
  assert_true(left < JDC_QUOTA_COST);
  for (; left < JDC_QUOTA_COST; left++) { /* a first attempt puts back one */
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    succeed(w);
    assert_int_equal(jdc_quota_left(q, vm), left + JDC_QUOTA_REFILL);
  }
  BEGIN(w); /* a repeated one what it drew */
  EXPECT_SEND(w, w->call);
  unavailable(w, "0");
  EXPECT_SEND(w, w->call);
  assert_int_equal(jdc_quota_left(q, vm), 0);
  succeed(w);
  assert_int_equal(jdc_quota_left(q, vm), JDC_QUOTA_COST);
}

static void a_clock_that_goes_back_costs_nothing(void **state) {
  test_world *w = repeatable(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  w->t.now_ms -= 1000;
  EXPECT_WAIT(w, w->call, 30000, JDC_WAIT_ANSWER);
  w->t.now_ms += 3000;
  EXPECT_WAIT(w, w->call, 28000, JDC_WAIT_ANSWER);
}

/* Full jitter may be no wait at all: the driver isn't told of one, and none is counted. */
static void a_wait_that_takes_no_time_is_not_counted(void **state) {
  test_world *w = repeatable(state);
  w->no_jitter = true;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_answer a = test_answer(503, "UNAVAILABLE", NULL);
  test_land(w, w->call, &a);
  EXPECT_SEND(w, w->call);
  assert_int_equal(jdc_cloud_stats(w->cloud)->waits[JDC_WAIT_BACKOFF], 0);
  a.retry_after = JDC_STR("1");
  test_land(w, w->call, &a);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  assert_int_equal(jdc_cloud_stats(w->cloud)->waits[JDC_WAIT_BACKOFF], 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST_IN_WORLD(a_wait_that_takes_no_time_is_not_counted),
    TEST_IN_WORLD(the_transport_gets_what_is_left_of_timeout),
    TEST_IN_WORLD(without_a_timeout_a_call_lasts_for_ever),
    TEST_IN_WORLD(the_deadline_cuts_a_call_on_the_wire),
    TEST_IN_WORLD(an_answer_counts_however_late_it_is_looked_at),
    TEST_IN_WORLD(a_cut_second_attempt_says_nothing_of_the_first),
    TEST_IN_WORLD(a_hint_must_leave_a_quarter_of_the_time),
    TEST_IN_WORLD(a_driver_that_oversleeps_a_back_off_meets_the_deadline),
    TEST_IN_WORLD(nothing_is_sent_in_no_time),
    TEST_IN_WORLD(an_answer_after_the_deadline_leads_to_no_other_attempt),
    TEST_IN_WORLD(throttling_waits_as_long_as_max_wait_allows),
    TEST_IN_WORLD(a_throttled_minute_beyond_max_wait_is_not_waited_for),
    TEST_IN_WORLD(throttling_and_timeout_have_accounts_of_their_own),
    TEST_IN_WORLD(without_max_wait_throttling_is_waited_out),
    TEST_IN_WORLD(a_hint_is_believed_up_to_a_minute),
    TEST_IN_WORLD(a_hint_is_a_lower_bound),
    TEST_IN_WORLD(back_off_doubles_up_to_its_maximum),
    TEST_IN_WORLD(busy_is_repeated_until_busy_timeout),
    TEST_IN_WORLD(busy_waits_are_on_an_account_of_their_own),
    TEST_IN_WORLD(a_busy_resource_is_not_asked_before_the_hint),
    TEST_IN_WORLD(one_attempt_is_one_attempt),
    TEST_IN_WORLD(attempts_are_from_1_to_100),
    TEST_IN_WORLD(after_three_calls_in_vain_none_is_repeated_until_the_service_answers),
    TEST_IN_WORLD(a_repeated_call_that_is_out_of_time_was_repeated_in_vain),
    TEST_IN_WORLD(a_service_that_is_down_uses_up_its_own_quota_only),
    TEST_IN_WORLD(success_refills_the_quota),
    TEST_IN_WORLD(a_clock_that_goes_back_costs_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
