/* test_call_turns.c - what a driver may do to a call: poll too often, answer out of turn, cancel or free it at any
 * step, begin it again, and run out of memory (call.h). */
#include <stdio.h>

#include "support/call.h"

#define TICKET 77

/* Each leads a call of a driver's limiter and of a provider whose keys have ended to one place. */

static void to_reserve(test_world *w) {
  BEGIN(w);
  EXPECT(w, w->call, JDC_STEP_RESERVE);
}

static void to_queue(test_world *w) {
  to_reserve(w);
  jdc_call_reserved(w->call, w->t.now_ms, 1000, TICKET);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_LIMIT);
}

static void to_credentials(test_world *w) {
  to_reserve(w);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT(w, w->call, JDC_STEP_CREDENTIALS);
}

static void to_lease(test_world *w) { /* another call asks the provider; it is freed with the world's call: w->other */
  w->other = test_another(w);
  EXPECT(w, w->other, JDC_STEP_RESERVE);
  jdc_call_reserved(w->other, w->t.now_ms, 0, 0);
  EXPECT(w, w->other, JDC_STEP_CREDENTIALS);
  to_reserve(w);
  jdc_call_reserved(w->call, w->t.now_ms, 0, TICKET);
  EXPECT_WAIT(w, w->call, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
}

static void to_flight(test_world *w) {
  to_credentials(w);
  test_set_keys(w, "AK", 0);
  jdc_call_provided(w->call, w->t.now_ms);
  EXPECT_SEND(w, w->call);
}

static void land(test_world *w, int http, const char *status, const char *retry_after) {
  jdc_answer a = test_answer(http, status, NULL);
  a.retry_after = test_str(retry_after);
  test_land(w, w->call, &a);
}

/* The driver settles what has landed. */
static void settle(test_world *w) {
  jdc_ticket t;
  jdc_settlement s;
  assert_true(jdc_call_unsettled(w->call, &t, &s));
}

static void to_landed(test_world *w) {
  to_flight(w);
  land(w, 503, "UNAVAILABLE", "1");
  settle(w);
}

static void to_backoff(test_world *w) {
  to_landed(w);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
}

static void to_throttled(test_world *w) {
  to_flight(w);
  land(w, 429, "RATE_LIMIT", "1");
  settle(w);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_THROTTLED);
}

static void to_busy(test_world *w) {
  to_flight(w);
  land(w, 409, "ABORTED", "1");
  settle(w);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BUSY);
}

static void to_recheck(test_world *w) {
  to_flight(w);
  land(w, 401, "UNAUTHENTICATED", NULL);
  settle(w);
  EXPECT(w, w->call, JDC_STEP_CREDENTIALS);
}

typedef struct place {
  const char *name;
  void (*go)(test_world *w);
  bool ticket, sent; /* a ticket is held; the request has perhaps been executed */
  int attempts;
  jdc_step_kind step;
  jdc_wait_why why;
} place;

static const place places[] = {
  { "asking the limiter", to_reserve, false, false, 0, JDC_STEP_RESERVE, 0 },
  { "in line", to_queue, true, false, 0, JDC_STEP_WAIT, JDC_WAIT_LIMIT },
  { "asking the provider", to_credentials, true, false, 0, JDC_STEP_CREDENTIALS, 0 },
  { "waiting for keys", to_lease, true, false, 0, JDC_STEP_WAIT, JDC_WAIT_CREDENTIALS },
  { "on the wire", to_flight, true, true, 1, JDC_STEP_WAIT, JDC_WAIT_ANSWER },
  { "with an answer", to_landed, false, true, 1, JDC_STEP_WAIT, JDC_WAIT_BACKOFF },
  { "backing off", to_backoff, false, true, 1, JDC_STEP_WAIT, JDC_WAIT_BACKOFF },
  { "throttled", to_throttled, false, true, 1, JDC_STEP_WAIT, JDC_WAIT_THROTTLED },
  { "waiting for a busy resource", to_busy, false, true, 1, JDC_STEP_WAIT, JDC_WAIT_BUSY },
  { "asking the provider after a 401", to_recheck, false, true, 1, JDC_STEP_CREDENTIALS, 0 },
};

static const place *go(void **state) {
  const place *p = *state;
  test_world_open(state);
  test_world *w = *state;
  w->options.limiter = JDC_LIMITER_DRIVER;
  w->options.renewable = w->options.repeatable = true;
  w->options.busy_timeout_ms = 10000;
  w->no_jitter = true;
  jdc_credential_free(w->keys);
  assert_int_equal(jdc_credential_new(test_heap_alloc(&w->heap), &w->keys), JDC_OK);
  test_set_keys(w, "AK", 1);
  p->go(w);
  return p;
}

static int leave(void **state) {
  test_world *w = *state;
  jdc_call_free(w->other);
  return test_world_close(state);
}

/* The next call finds no lease that nobody holds. */
static void expect_no_lease(test_world *w) {
  if (w->other != NULL) jdc_call_cancel(w->other, w->t.now_ms);
  w->options.limiter = JDC_LIMITER_NONE;
  BEGIN(w);
  jdc_step step = test_poll(w, w->call);
  assert_true(step.kind == JDC_STEP_SEND || step.kind == JDC_STEP_CREDENTIALS);
}

static void expect_given_up(const place *p, jdc_call *call) {
  jdc_ticket t;
  jdc_settlement s;
  assert_int_equal(jdc_call_unsettled(call, &t, &s), p->ticket);
  if (!p->ticket) return;
  assert_int_equal(t, TICKET);
  assert_int_equal(s.outcome, p->sent ? JDC_SETTLE_DONE : JDC_SETTLE_NOT_SENT);
  assert_false(jdc_call_unsettled(call, &t, &s));
}

static void cancel(void **state) {
  const place *p = go(state);
  test_world *w = *state;
  jdc_call_cancel(w->call, w->t.now_ms);
  for (int i = 0; i < 2; i++) {
    EXPECT_DONE(w, w->call, JDC_KIND_CANCELLED, JDC_GAVE_CANCELLED);
    const jdc_outcome *o = jdc_call_outcome(w->call);
    assert_int_equal(o->sent, p->sent);
    assert_int_equal(o->attempts, p->attempts);
    assert_false(o->answered);
    assert_false(o->retryable);
    jdc_call_cancel(w->call, w->t.now_ms);
  }
  expect_given_up(p, w->call);
  expect_no_lease(w);
}

static void begin_again(void **state) {
  const place *p = go(state);
  test_world *w = *state;
  BEGIN(w);
  expect_given_up(p, w->call);
  assert_int_equal(EXPECT(w, w->call, JDC_STEP_RESERVE).ticket, 0);
  const jdc_outcome *o = jdc_call_outcome(w->call);
  assert_int_equal(o->attempts, 0);
  assert_false(o->sent);
  assert_string_equal(o->hint, "");
  jdc_call_cancel(w->call, w->t.now_ms);
  expect_no_lease(w);
}

static void free_it(void **state) {
  (void)go(state);
  test_world *w = *state;
  jdc_call_free(w->call);
  assert_int_equal(jdc_call_new(test_heap_alloc(&w->heap), w->cloud, &w->call), JDC_OK);
  expect_no_lease(w);
}

static void poll_again(void **state) {
  const place *p = go(state);
  test_world *w = *state;
  jdc_step first = EXPECT(w, w->call, p->step), again;
  assert_int_equal(first.why, p->why);
  for (int i = 0; i < 3; i++) {
    again = EXPECT(w, w->call, p->step);
    assert_int_equal(again.wait_ms, first.wait_ms);
    assert_int_equal(again.why, first.why);
    assert_int_equal(again.need, first.need);
    assert_int_equal(again.ticket, first.ticket);
    assert_int_equal(again.latest_ms, first.latest_ms);
    assert_int_equal(jdc_call_attempt(w->call), p->attempts);
  }
  test_pass(w, 1); /* too early */
  again = EXPECT(w, w->call, p->step);
  bool poll = first.kind == JDC_STEP_WAIT && first.why != JDC_WAIT_CREDENTIALS;
  assert_int_equal(again.wait_ms, poll ? first.wait_ms - 1 : first.wait_ms);
}

/* Everything that this place doesn't wait for. */
static void bring_out_of_turn(test_world *w, const place *p) {
  jdc_answer a = test_answer(200, NULL, NULL);
  if (p->step != JDC_STEP_RESERVE) {
    jdc_call_reserved(w->call, w->t.now_ms, 3, TICKET + 1);
    jdc_call_unreserved(w->call, w->t.now_ms, JDC_NEVER);
  }
  if (p->step != JDC_STEP_CREDENTIALS) {
    jdc_call_provided(w->call, w->t.now_ms);
    jdc_call_unprovided(w->call, w->t.now_ms);
  }
  if (p->go != to_flight) {
    test_land(w, w->call, &a);
    test_fail(w, w->call, JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false);
  }
}

static void out_of_turn(void **state) {
  const place *p = go(state);
  test_world *w = *state;
  bring_out_of_turn(w, p);
  jdc_ticket t;
  jdc_settlement s;
  assert_false(jdc_call_unsettled(w->call, &t, &s));
  jdc_step step = EXPECT(w, w->call, p->step);
  assert_int_equal(step.why, p->why);
  assert_int_equal(jdc_call_attempt(w->call), p->attempts);
  jdc_call_cancel(w->call, w->t.now_ms);
  expect_given_up(p, w->call);
}

static void an_answer_comes_once(void **state) {
  test_world *w = *state;
  w->options.repeatable = true;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  land(w, 200, NULL, NULL);
  land(w, 503, "UNAVAILABLE", NULL);
  test_fail(w, w->call, JDC_KIND_NETWORK, JDC_PHASE_RECEIVE, true);
  jdc_call_cancel(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_OK, JDC_GAVE_FINAL);
  assert_true(jdc_call_outcome(w->call)->answered);
}

static void an_object_serves_call_after_call(void **state) {
  test_world *w = *state;
  EXPECT(w, w->call, JDC_STEP_DONE); /* before the first */
  jdc_call_cancel(w->call, w->t.now_ms);
  w->options.repeatable = true;
  w->no_jitter = true;
  assert_int_equal(jdc_limit_set(jdc_cloud_limit(w->cloud), JDC_STR(""), 0, 1000), JDC_OK); /* it remembers calls */
  size_t warm = 0;
  for (int i = 0; i < 20; i++) {
    BEGIN(w);
    EXPECT_SEND(w, w->call);
    land(w, 503, "UNAVAILABLE", "0");
    EXPECT_SEND(w, w->call);
    land(w, 200, NULL, NULL);
    EXPECT_DONE(w, w->call, JDC_KIND_OK, JDC_GAVE_FINAL);
    assert_int_equal(jdc_call_outcome(w->call)->attempts, 2);
    if (i == 0) warm = w->heap.calls;
  }
  assert_int_equal(w->heap.calls, warm); /* all memory is that of the first */
}

static void a_wrong_request_leaves_the_object_usable(void **state) {
  test_world *w = *state;
  BEGIN(w);
  EXPECT_SEND(w, w->call);
  const char *problem;
  jdc_sign_request wrong = w->request;
  wrong.host = JDC_STR("");
  assert_int_equal(jdc_call_begin(w->call, &wrong, w->keys, &w->options, w->t, &problem), JDC_INVALID);
  assert_non_null(problem);
  EXPECT(w, w->call, JDC_STEP_DONE);
  BEGIN(w);
  EXPECT_SEND(w, w->call);
}

/* A whole call: queue, skew learnt at a 401, repetition, success. Every failure to get memory must come out as such. */
static jdc_status whole_call(jdc_alloc alloc) {
  jdc_cloud *cloud = NULL;
  jdc_credential *keys = NULL;
  jdc_call *call = NULL;
  const char *problem;
  const jdc_call_options options = { .timeout_ms = 30000, .max_wait_ms = 30000, .attempts = 3, .repeatable = true };
  const jdc_sign_request request = { .version = 2,
                                     .method = JDC_STR("GET"),
                                     .host = JDC_STR(TEST_HOST),
                                     .path = JDC_STR("/v1/regions/cn-north-1/instances"),
                                     .query = JDC_STR("pageSize=10&pageNumber=1"),
                                     .service = JDC_STR("vm"),
                                     .region = JDC_STR("cn-north-1") };
  jdc_time t = { 1000, TEST_WALL_S * 1000 };
  jdc_status status = jdc_cloud_new(alloc, &cloud);
  if (status == JDC_OK) status = jdc_credential_new(alloc, &keys);
  if (status == JDC_OK)
    status = jdc_credential_set(keys, JDC_STR("AK"), JDC_STR("SK"), (jdc_str){ NULL, 0 }, 0, &problem);
  if (status == JDC_OK) status = jdc_call_new(alloc, cloud, &call);
  if (status == JDC_OK) status = jdc_call_begin(call, &request, keys, &options, t, &problem);
  jdc_step step = { .kind = JDC_STEP_DONE };
  unsigned char random[JDC_RANDOM] = { 0 };
  while (status == JDC_OK) {
    jdc_call_next(call, t, random, &step);
    if (step.kind == JDC_STEP_DONE) break;
    jdc_answer a = test_answer(jdc_call_attempt(call) == 1 ? 401 : 200, NULL, NULL);
    a.date = JDC_STR("Thu, 01 Feb 2024 00:02:00 GMT");
    if (step.kind == JDC_STEP_SEND) jdc_call_answered(call, t, &a);
  }
  if (status == JDC_OK && jdc_call_outcome(call)->why == JDC_GAVE_INTERNAL) {
    status = jdc_call_outcome(call)->status;
    assert_int_equal(jdc_call_outcome(call)->kind, JDC_KIND_CONFIG);
    assert_false(jdc_call_outcome(call)->retryable);
  } else if (status == JDC_OK && jdc_call_outcome(call)->kind == JDC_KIND_AUTH) {
    assert_int_equal(jdc_cloud_skew(cloud, JDC_STR(TEST_HOST)), 0);
    status = JDC_NOMEM; /* no memory for the skew: then it is not learnt, and the 401 stands */
  } else if (status == JDC_OK) {
    assert_int_equal(jdc_call_outcome(call)->kind, JDC_KIND_OK);
    assert_int_equal(jdc_call_outcome(call)->attempts, 2);
  }
  jdc_call_free(call);
  jdc_credential_free(keys);
  jdc_cloud_free(cloud);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_every_allocation(whole_call);
}

static void reasons_have_names(void **state) {
  (void)state;
  assert_string_equal(jdc_wait_why_text(JDC_WAIT_BACKOFF), "backoff");
  assert_string_equal(jdc_wait_why_text(JDC_WAIT_BUSY), "busy");
  assert_string_equal(jdc_wait_why_text(JDC_WAIT_ANSWER), "answer");
  assert_string_equal(jdc_credential_why_text(JDC_WHY_REFUSED), "refused");
  assert_string_equal(jdc_gave_up_text(JDC_GAVE_FINAL), "final");
  assert_string_equal(jdc_gave_up_text(JDC_GAVE_QUOTA), "retry_quota");
  assert_string_equal(jdc_gave_up_text(JDC_GAVE_INTERNAL), "internal");
  assert_string_equal(jdc_gave_up_text(JDC_GAVE_LIMITER), "limiter");
  assert_string_equal(jdc_gave_up_text((jdc_gave_up)99), "unknown");
}

static void freeing_nothing_is_fine(void **state) {
  (void)state;
  jdc_call_free(NULL);
}

/* One test of `run` for each place; names are kept in `names`. */
static struct CMUnitTest *at_each_place(struct CMUnitTest *tests, char (*names)[80], const char *what,
                                        CMUnitTestFunction run) {
  for (size_t i = 0; i < TEST_ENTRIES(places); i++) {
    (void)snprintf(names[i], sizeof(names[i]), "%s: %s", what, places[i].name);
    *tests++ = (struct CMUnitTest){ names[i], run, NULL, leave, (void *)(uintptr_t)&places[i] };
  }
  return tests;
}

#define PLACES TEST_ENTRIES(places)

int main(void) {
  const struct CMUnitTest others[] = {
    TEST_IN_WORLD(an_answer_comes_once),
    TEST_IN_WORLD(an_object_serves_call_after_call),
    TEST_IN_WORLD(a_wrong_request_leaves_the_object_usable),
    cmocka_unit_test(every_allocation_may_fail),
    cmocka_unit_test(reasons_have_names),
    cmocka_unit_test(freeing_nothing_is_fine),
  };
  static struct CMUnitTest tests[5 * PLACES + TEST_ENTRIES(others)];
  static char names[5 * PLACES][80];
  struct CMUnitTest *t = tests;
  t = at_each_place(t, names, "cancelled", cancel);
  t = at_each_place(t, names + PLACES, "begun again", begin_again);
  t = at_each_place(t, names + 2 * PLACES, "freed", free_it);
  t = at_each_place(t, names + 3 * PLACES, "polled again", poll_again);
  t = at_each_place(t, names + 4 * PLACES, "answered out of turn", out_of_turn);
  memcpy(t, others, sizeof(others));
  return cmocka_run_group_tests(tests, NULL, NULL);
}
