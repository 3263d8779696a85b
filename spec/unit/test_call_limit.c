/* test_call_limit.c - reservations: by the limiter in the process, by one of the driver's that may come late, fail or
 * never come, and none (design.md, Limits; call.h). */
#include "support/call.h"

#define TICKET 77

static void land_ok(test_world *w, jdc_call *call) {
  jdc_answer a = test_answer(200, NULL, NULL);
  test_land(w, call, &a);
  EXPECT_DONE(w, call, JDC_KIND_OK, JDC_GAVE_FINAL);
}

static void land_throttled(test_world *w, jdc_call *call, const char *retry_after) {
  jdc_answer a = test_answer(429, "RATE_LIMIT", NULL);
  a.retry_after = test_str(retry_after);
  test_land(w, call, &a);
}

/* A limiter of the driver's. */

static test_world *driver(void **state) {
  test_world *w = *state;
  w->options.limiter = JDC_LIMITER_DRIVER;
  w->options.max_wait_ms = 10000;
  w->no_jitter = true;
  return w;
}

static void expect_unsettled(jdc_call *call, jdc_ticket ticket, jdc_settle outcome, int64_t retry_after_ms,
                             const char *file, int line) {
  jdc_ticket t = 0;
  jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = 0 };
  _assert_true(jdc_call_unsettled(call, &t, &s), "there is something to settle", file, line);
  _assert_int_equal(t, ticket, file, line);
  _assert_int_equal(s.outcome, outcome, file, line);
  _assert_int_equal((uint64_t)s.retry_after_ms, (uint64_t)retry_after_ms, file, line);
  _assert_true(!jdc_call_unsettled(call, &t, &s), "once", file, line);
}
#define EXPECT_UNSETTLED(call, ticket, outcome, retry_after_ms)                                                        \
  expect_unsettled(call, ticket, outcome, retry_after_ms, __FILE__, __LINE__)

static void expect_settled(jdc_call *call) {
  jdc_ticket t;
  jdc_settlement s;
  assert_false(jdc_call_unsettled(call, &t, &s));
}

static void the_driver_is_told_what_to_reserve(void **state) {
  test_world *w = driver(state);
  w->options.operation = JDC_STR("describeInstances");
  BEGIN(w);
  jdc_step step = EXPECT(w, w->call, JDC_STEP_RESERVE);
  assert_int_equal(step.nkeys, 2);
  test_same_text(step.keys[0], JDC_STR("AK/vm"));
  test_same_text(step.keys[1], JDC_STR("AK/vm.describeInstances"));
  assert_int_equal(step.latest_ms, w->t.now_ms + 10000);
  assert_int_equal(step.ticket, 0);

  w->options.operation = JDC_STR("");
  w->options.max_wait_ms = JDC_FOREVER_MS;
  BEGIN(w);
  step = EXPECT(w, w->call, JDC_STEP_RESERVE);
  assert_int_equal(step.nkeys, 1);
  assert_true(step.latest_ms == JDC_NEVER);
}

static void keys_have_their_maximum_whatever_the_names(void **state) {
  test_world *w = driver(state);
  char access[JDC_CREDENTIAL_TEXT_MAX + 1] = "", operation[128] = "";
  memset(access, 'A', sizeof(access) - 1);
  memset(operation, 'o', 40);
  test_set_keys(w, access, 0);
  w->request.service = test_str("longservicename");
  w->options.operation = test_str(operation);
  BEGIN(w);
  jdc_step step = EXPECT(w, w->call, JDC_STEP_RESERVE);
  assert_int_equal(step.nkeys, 2);
  for (size_t i = 0; i < 2; i++) assert_true(step.keys[i].len <= JDC_LIMIT_KEY_MAX);
  test_same_text((jdc_str){ step.keys[1].ptr + step.keys[1].len - 57, 57 },
                 test_str("/longservicename.oooooooooooooooooooooooooooooooooooooooo"));
  w->options.limiter = JDC_LIMITER_PROCESS;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call_cancel(w->call, w->t.now_ms);
}

static void a_reservation_at_once_is_settled_once(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_SEND(w, w->call);
  expect_settled(w->call);
  land_ok(w, w->call);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_DONE, -1);
}

static void a_place_in_line_is_waited_for_and_asked_again_with_its_ticket(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  int64_t latest = EXPECT(w, w->call, JDC_STEP_RESERVE).latest_ms;
  jdc_call_reserved(w->call, w->t.now_ms, 3000, TICKET);
  EXPECT_WAIT(w, w->call, 3000, JDC_WAIT_LIMIT);
  test_pass(w, 1000);
  EXPECT_WAIT(w, w->call, 2000, JDC_WAIT_LIMIT);
  test_pass(w, 2000);
  jdc_step step = EXPECT(w, w->call, JDC_STEP_RESERVE);
  assert_int_equal(step.ticket, TICKET);
  assert_int_equal(step.latest_ms, latest);
  jdc_call_reserved(w->call, w->t.now_ms, 2000, TICKET); /* another call's 429 has shut the window */
  EXPECT_WAIT(w, w->call, 2000, JDC_WAIT_LIMIT);
  test_pass(w, 2000);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 30000); /* the queue costs nothing of timeout */
  land_ok(w, w->call);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_DONE, -1);
}

static void a_place_beyond_max_wait_is_given_back(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 10000, TICKET);
  EXPECT_WAIT(w, w->call, 10000, JDC_WAIT_LIMIT);

  BEGIN(w);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_NOT_SENT, -1);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 10001, TICKET + 1);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 0);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 10001);
  assert_true(jdc_call_outcome(w->call)->retryable);
  EXPECT_UNSETTLED(w->call, TICKET + 1, JDC_SETTLE_NOT_SENT, -1);
}

static void a_refusal_tells_when_it_would_have_gone(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_unreserved(w->call, w->t.now_ms, w->t.now_ms + 42000);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 42000);
  expect_settled(w->call);

  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_unreserved(w->call, w->t.now_ms, JDC_NEVER);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal((uint64_t)jdc_call_outcome(w->call)->retry_after_ms, (uint64_t)-1);
  assert_true(jdc_call_outcome(w->call)->retryable);

  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_unreserved(w->call, w->t.now_ms, 0); /* a moment that has passed */
  EXPECT(w, w->call, JDC_STEP_DONE);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 0);
}

static void a_refused_repetition_ends_as_the_attempt_did(void **state) {
  test_world *w = driver(state);
  w->options.repeatable = true;
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_SEND(w, w->call);
  jdc_answer a = test_answer(503, "UNAVAILABLE", NULL);
  test_land(w, w->call, &a);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_DONE, -1);
  assert_int_equal(EXPECT(w, w->call, JDC_STEP_RESERVE).ticket, 0);
  jdc_call_unreserved(w->call, w->t.now_ms, w->t.now_ms + 42000);
  EXPECT_DONE(w, w->call, JDC_KIND_SERVER, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->retry_after_ms, 42000);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
}

static void a_limiter_that_never_comes_back_ends_after_max_wait(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  test_pass(w, 10000);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  test_pass(w, 1);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 0);
}

static void a_limiter_that_comes_late_is_listened_to(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  test_pass(w, 10500);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 30000);

  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  test_pass(w, 10500);
  jdc_call_reserved(w->call, w->t.now_ms, 1, TICKET);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
}

static void a_wait_without_an_end_is_a_refusal(void **state) {
  test_world *w = driver(state);
  w->options.max_wait_ms = JDC_FOREVER_MS;
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, JDC_NEVER, TICKET);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal((uint64_t)jdc_call_outcome(w->call)->retry_after_ms, (uint64_t)-1);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_NOT_SENT, -1);
}

static void a_reservation_for_a_call_that_is_over_is_given_back(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_cancel(w->call, w->t.now_ms);
  expect_settled(w->call);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_DONE(w, w->call, JDC_KIND_CANCELLED, JDC_GAVE_CANCELLED);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_NOT_SENT, -1);
}

static void a_driver_may_oversleep_in_the_queue_and_ask_twice(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 10000, TICKET);
  test_pass(w, 10007);
  for (int i = 0; i < 3; i++) {
    jdc_step step = EXPECT(w, w->call, JDC_STEP_RESERVE);
    assert_int_equal(step.ticket, TICKET);
    assert_int_equal(step.latest_ms, w->t.now_ms);
  }
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_SEND(w, w->call);
}

static void each_end_of_an_attempt_has_its_settlement(void **state) {
  test_world *w = driver(state);
  static const struct {
    jdc_failure failure;
    jdc_settle outcome;
  } cases[] = {
    { { JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false, false }, JDC_SETTLE_NOT_SENT },
    { { JDC_KIND_NETWORK, JDC_PHASE_RECEIVE, true, false }, JDC_SETTLE_DONE },
    { { JDC_KIND_CANCELLED, JDC_PHASE_RECEIVE, true, false }, JDC_SETTLE_DONE },
  };
  for (size_t i = 0; i < TEST_ENTRIES(cases); i++) {
    BEGIN(w);
    EXPECT(w, w->call, JDC_STEP_RESERVE);
    jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET + i);
    EXPECT_SEND(w, w->call);
    jdc_call_failed(w->call, w->t, &cases[i].failure);
    EXPECT_UNSETTLED(w->call, TICKET + i, cases[i].outcome, -1);
  }
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_SEND(w, w->call);
  land_throttled(w, w->call, "7");
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_THROTTLED, 7000);
  EXPECT_WAIT(w, w->call, 7000, JDC_WAIT_THROTTLED);
  test_pass(w, 7000);
  assert_int_equal(EXPECT(w, w->call, JDC_STEP_RESERVE).latest_ms, w->t.now_ms + 3000);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET + 1);
  EXPECT_SEND(w, w->call);
  test_pass(w, 30000);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  EXPECT_UNSETTLED(w->call, TICKET + 1, JDC_SETTLE_DONE, -1);
}

static void without_keys_the_slot_is_given_back(void **state) {
  test_world *w = driver(state);
  w->options.renewable = true;
  jdc_credential_free(w->keys);
  assert_int_equal(jdc_credential_new(test_heap_alloc(&w->heap), &w->keys), JDC_OK);
  test_set_keys(w, "OLD", 1); /* they have ended */
  BEGIN(w);
  test_same_text(EXPECT(w, w->call, JDC_STEP_RESERVE).keys[0], JDC_STR("OLD/vm"));
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT(w, w->call, JDC_STEP_CREDENTIALS);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  EXPECT_UNSETTLED(w->call, TICKET, JDC_SETTLE_NOT_SENT, -1);
}

static void a_limiter_may_have_no_tickets(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 5, 0);
  EXPECT_WAIT(w, w->call, 5, JDC_WAIT_LIMIT);
  test_pass(w, 5);
  assert_int_equal(EXPECT(w, w->call, JDC_STEP_RESERVE).ticket, 0);
  jdc_call_reserved(w->call, w->t.now_ms, 0, 0);
  EXPECT_SEND(w, w->call);
  land_ok(w, w->call);
  expect_settled(w->call);
}

static void a_limiter_may_fail(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  jdc_call_limiter_failed(w->call, w->t.now_ms); /* out of turn */
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_limiter_failed(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_NETWORK, JDC_GAVE_LIMITER);
  expect_settled(w->call);
}

static void looks_from_one_place_in_line_are_one_wait(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  for (int i = 0; i < 10; i++) {
    EXPECT(w, w->call, JDC_STEP_RESERVE);
    jdc_call_reserved(w->call, w->t.now_ms, 5, TICKET);
    EXPECT_WAIT(w, w->call, 5, JDC_WAIT_LIMIT);
    test_pass(w, 5);
  }
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_SEND(w, w->call);
  const jdc_stats *stats = jdc_cloud_stats(w->cloud);
  assert_int_equal(stats->waits[JDC_WAIT_LIMIT], 1);
  assert_int_equal(stats->waited_ms[JDC_WAIT_LIMIT], 50);
  land_ok(w, w->call);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, 5, TICKET);
  assert_int_equal(stats->waits[JDC_WAIT_LIMIT], 2);
}

static void absurd_waits_do_no_harm(void **state) {
  test_world *w = driver(state);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, INT64_MAX, TICKET);
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
  jdc_call_reserved(w->call, w->t.now_ms, INT64_MIN, TICKET);
  EXPECT_SEND(w, w->call);
}

/* The limiter in the process: one call a second. */

static test_world *slow(void **state) {
  test_world *w = *state;
  w->no_jitter = true;
  w->options.max_wait_ms = 5000;
  assert_int_equal(jdc_limit_set(jdc_cloud_limit(w->cloud), JDC_STR(""), 1, 1000), JDC_OK);
  return w;
}

static void calls_stand_in_line_in_the_process(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call *second = test_another(w), *third = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  EXPECT_WAIT(w, third, 2000, JDC_WAIT_LIMIT);
  test_pass(w, 20);
  land_ok(w, w->call);
  test_pass(w, 979);
  EXPECT_WAIT(w, second, 1, JDC_WAIT_LIMIT);
  test_pass(w, 1);
  EXPECT_WAIT(w, second, 21, JDC_WAIT_LIMIT); /* a window after the first one's answer, which was within that ms */
  test_pass(w, 21);
  assert_int_equal(EXPECT_SEND(w, second).wait_ms, 30000);
  land_ok(w, second);
  EXPECT_WAIT(w, third, 979, JDC_WAIT_LIMIT);
  test_pass(w, 1001);
  EXPECT_SEND(w, third);
  jdc_call_free(second);
  jdc_call_free(third);
}

static void a_line_longer_than_max_wait_is_refused_at_once(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  w->options.max_wait_ms = 1000;
  jdc_call *second = test_another(w), *third = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  EXPECT_DONE(w, third, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(third)->retry_after_ms, 2000);
  assert_true(jdc_call_outcome(third)->retryable);
  jdc_call_free(second);
  jdc_call_free(third);
}

static void a_window_that_another_calls_429_shuts_holds_those_in_line(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call *second = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  test_pass(w, 500);
  land_throttled(w, w->call, "2");
  EXPECT_WAIT(w, w->call, 2000, JDC_WAIT_THROTTLED);
  test_pass(w, 500);
  EXPECT_WAIT(w, second, 1500, JDC_WAIT_LIMIT); /* at least: behind the one that was throttled, which came before it */
  test_pass(w, 1500);
  EXPECT_SEND(w, w->call);
  land_ok(w, w->call);
  EXPECT_WAIT(w, second, 1001, JDC_WAIT_LIMIT);
  test_pass(w, 1001);
  EXPECT_SEND(w, second);
  jdc_call_free(second);
}

static void a_throttled_call_that_gives_up_leaves_its_place(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call *second = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  land_throttled(w, w->call, "2");
  EXPECT_WAIT(w, w->call, 2000, JDC_WAIT_THROTTLED);
  jdc_call_cancel(w->call, w->t.now_ms);
  test_pass(w, 2000);
  EXPECT_SEND(w, second);
  land_throttled(w, second, "60");
  EXPECT_DONE(w, second, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT); /* it may wait for 5 s in all */
  test_pass(w, 60000);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call_free(second);
}

/* What the answer says about limits gets to the windows: their belief, the server's clock, whose limit it was. */
static void the_limiter_learns_from_answers(void **state) {
  test_world *w = *state;
  w->no_jitter = true;
  w->options.operation = JDC_STR("op");
  jdc_limit *limit = jdc_cloud_limit(w->cloud);
  assert_int_equal(jdc_limit_set(limit, JDC_STR("/vm.op"), 60, 60000), JDC_OK);
  jdc_belief_view believes;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_answer a = test_answer(200, NULL, NULL);
  a.limit = JDC_STR("700");
  a.left = JDC_STR("699");
  test_land(w, w->call, &a);
  assert_true(jdc_limit_believes(limit, JDC_STR("AK/vm"), w->t.now_ms, &believes));
  assert_int_equal(believes.calls, 700);
  assert_int_equal(believes.told, 700);
  assert_int_equal(believes.held, 1);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  a = test_answer(429, "RATE_LIMIT", "minute rate limit exceeded, role:api [gw]");
  a.date = JDC_STR("Thu, 01 Feb 2024 00:00:50 GMT");
  test_land(w, w->call, &a);
  assert_true(jdc_limit_believes(limit, JDC_STR("AK/vm"), w->t.now_ms, &believes));
  assert_int_equal(believes.shut_ms, 0);
  assert_true(jdc_limit_believes(limit, JDC_STR("AK/vm.op"), w->t.now_ms, &believes));
  assert_int_equal(believes.shut_ms, 10001);
  EXPECT_WAIT(w, w->call, 10001, JDC_WAIT_LIMIT);
  jdc_call_cancel(w->call, w->t.now_ms);
  assert_false(jdc_limit_believes(limit, JDC_STR("AK/vpc"), w->t.now_ms, &believes));
}

static void a_window_that_is_shut_beyond_max_wait_ends_those_in_line(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call *second = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  land_throttled(w, w->call, "30");
  test_pass(w, 1000);
  EXPECT_DONE(w, second, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  assert_int_equal(jdc_call_outcome(second)->retry_after_ms, 29000);
  assert_int_equal(jdc_call_outcome(second)->attempts, 0);
  jdc_call_free(second);
}

static void a_place_that_is_given_up_goes_to_the_next(void **state) {
  test_world *w = slow(state);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  jdc_call *second = test_another(w);
  EXPECT_WAIT(w, second, 1000, JDC_WAIT_LIMIT);
  jdc_call_free(second);
  jdc_call *third = test_another(w);
  EXPECT_WAIT(w, third, 1000, JDC_WAIT_LIMIT);
  jdc_call_free(third);
}

static void what_was_not_sent_takes_no_slot_and_what_was_perhaps_sent_does(void **state) {
  test_world *w = slow(state);
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_fail(w, w->call, JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false);
  EXPECT_DONE(w, w->call, JDC_KIND_NETWORK, JDC_GAVE_ATTEMPTS);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  test_fail(w, w->call, JDC_KIND_NETWORK, JDC_PHASE_RECEIVE, true);
  EXPECT_DONE(w, w->call, JDC_KIND_NETWORK, JDC_GAVE_UNSAFE);
  BEGIN(w);
  EXPECT_WAIT(w, w->call, 1001, JDC_WAIT_LIMIT);
}

static void a_call_that_is_freed_on_the_wire_keeps_its_slot_taken(void **state) {
  test_world *w = slow(state);
  jdc_call *doomed = test_another(w);
  EXPECT_SEND(w, doomed);
  jdc_call_free(doomed);
  BEGIN(w);
  EXPECT_WAIT(w, w->call, 1001, JDC_WAIT_LIMIT);
}

static void the_queue_and_throttling_share_max_wait(void **state) {
  test_world *w = slow(state);
  w->options.max_wait_ms = 2500;
  jdc_call *first = test_another(w);
  EXPECT_SEND(w, first);
  land_ok(w, first);
  BEGIN(w);
  EXPECT_WAIT(w, w->call, 1001, JDC_WAIT_LIMIT);
  test_pass(w, 1001);
  EXPECT_SEND(w, w->call);
  land_throttled(w, w->call, "1.5");
  EXPECT_DONE(w, w->call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  jdc_call_free(first);
}

static void an_operation_has_a_window_of_its_own(void **state) {
  test_world *w = *state;
  assert_int_equal(jdc_limit_set(jdc_cloud_limit(w->cloud), JDC_STR("/vm.slow"), 1, 1000), JDC_OK);
  w->options.operation = JDC_STR("slow");
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  land_ok(w, w->call);
  BEGIN(w);
  EXPECT_WAIT(w, w->call, 1001, JDC_WAIT_LIMIT);
  w->options.operation = JDC_STR("fast");
  BEGIN(w);
  EXPECT_SEND(w, w->call);
}

static void without_a_limiter_nothing_waits(void **state) {
  test_world *w = slow(state);
  w->options.limiter = JDC_LIMITER_NONE;
  for (int i = 0; i < 10; i++) {
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    land_ok(w, w->call);
    expect_settled(w->call);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST_IN_WORLD(the_driver_is_told_what_to_reserve),
    TEST_IN_WORLD(keys_have_their_maximum_whatever_the_names),
    TEST_IN_WORLD(a_reservation_at_once_is_settled_once),
    TEST_IN_WORLD(a_place_in_line_is_waited_for_and_asked_again_with_its_ticket),
    TEST_IN_WORLD(a_place_beyond_max_wait_is_given_back),
    TEST_IN_WORLD(a_refusal_tells_when_it_would_have_gone),
    TEST_IN_WORLD(a_refused_repetition_ends_as_the_attempt_did),
    TEST_IN_WORLD(a_limiter_that_never_comes_back_ends_after_max_wait),
    TEST_IN_WORLD(a_limiter_that_comes_late_is_listened_to),
    TEST_IN_WORLD(a_wait_without_an_end_is_a_refusal),
    TEST_IN_WORLD(a_reservation_for_a_call_that_is_over_is_given_back),
    TEST_IN_WORLD(a_driver_may_oversleep_in_the_queue_and_ask_twice),
    TEST_IN_WORLD(each_end_of_an_attempt_has_its_settlement),
    TEST_IN_WORLD(without_keys_the_slot_is_given_back),
    TEST_IN_WORLD(a_limiter_may_have_no_tickets),
    TEST_IN_WORLD(a_limiter_may_fail),
    TEST_IN_WORLD(looks_from_one_place_in_line_are_one_wait),
    TEST_IN_WORLD(absurd_waits_do_no_harm),
    TEST_IN_WORLD(calls_stand_in_line_in_the_process),
    TEST_IN_WORLD(a_line_longer_than_max_wait_is_refused_at_once),
    TEST_IN_WORLD(a_window_that_another_calls_429_shuts_holds_those_in_line),
    TEST_IN_WORLD(a_throttled_call_that_gives_up_leaves_its_place),
    TEST_IN_WORLD(the_limiter_learns_from_answers),
    TEST_IN_WORLD(a_window_that_is_shut_beyond_max_wait_ends_those_in_line),
    TEST_IN_WORLD(a_place_that_is_given_up_goes_to_the_next),
    TEST_IN_WORLD(what_was_not_sent_takes_no_slot_and_what_was_perhaps_sent_does),
    TEST_IN_WORLD(a_call_that_is_freed_on_the_wire_keeps_its_slot_taken),
    TEST_IN_WORLD(the_queue_and_throttling_share_max_wait),
    TEST_IN_WORLD(an_operation_has_a_window_of_its_own),
    TEST_IN_WORLD(without_a_limiter_nothing_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
