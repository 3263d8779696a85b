/* test_call_keys.c - keys that come late, fail or never come, refreshes ahead of time, one lease for all who wait, and
 * what a 401 asks of the provider (design.md, The attempt machine; credential.h). */
#include <stdio.h>

#include "support/call.h"

/* A cloud whose keys come from a provider; there are none yet. */
static test_world *renewable(void **state) {
  test_world *w = *state;
  w->options.renewable = true;
  w->options.limiter = JDC_LIMITER_NONE;
  jdc_credential_free(w->keys);
  w->keys = NULL;
  assert_int_equal(jdc_credential_new(test_heap_alloc(&w->heap), &w->keys), JDC_OK);
  return w;
}

/* The same with keys at hand that end in so many seconds. */
static test_world *ending_in(void **state, int64_t seconds) {
  test_world *w = renewable(state);
  test_set_keys(w, "OLD", w->t.wall_ms + seconds * 1000);
  return w;
}

static void provide(test_world *w, jdc_call *call, const char *access_key) {
  test_set_keys(w, access_key, 0);
  jdc_call_provided(call, w->t.now_ms);
}

static void expect_credentials(test_world *w, jdc_call *call, jdc_credential_why why, const char *file, int line) {
  _assert_int_equal(test_expect(w, call, JDC_STEP_CREDENTIALS, file, line).need, why, file, line);
}
#define EXPECT_CREDENTIALS(w, call, why) expect_credentials(w, call, why, __FILE__, __LINE__)

static void expect_sent_with(test_world *w, jdc_call *call, const char *access_key, const char *file, int line) {
  test_expect(w, call, JDC_STEP_SEND, file, line);
  char start[64];
  (void)snprintf(start, sizeof(start), "JDCLOUD2-HMAC-SHA256 Credential=%s/", access_key);
  jdc_str authorization = test_header(call, "authorization");
  _assert_true(authorization.len > strlen(start), "authorization is long enough", file, line);
  test_same_text((jdc_str){ authorization.ptr, strlen(start) }, test_str(start));
}
#define EXPECT_SENT_WITH(w, call, access_key) expect_sent_with(w, call, access_key, __FILE__, __LINE__)

static void refuse(test_world *w, jdc_call *call) {
  jdc_answer a = test_answer(401, "UNAUTHENTICATED", NULL);
  test_land(w, call, &a);
}

static void keys_are_asked_for_and_sign_the_request(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  assert_string_equal(jdc_credential_why_text(JDC_WHY_MISSING), "missing");
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, w->call, "NEW");
}

static void the_provider_takes_its_time_from_timeout(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  test_pass(w, 29999);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  provide(w, w->call, "NEW");
  assert_int_equal(EXPECT_SEND(w, w->call).wait_ms, 1);
}

static void a_provider_that_never_comes_back_ends_at_timeout(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  test_pass(w, 30000);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 0);
  provide(w, w->call, "LATE"); /* too late for this call, not for the next */
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "LATE");
}

static void a_call_that_gave_up_gives_up_its_lease(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  test_pass(w, 30000);
  EXPECT(w, w->call, JDC_STEP_DONE);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
}

static void without_keys_from_the_provider_nothing_is_sent(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 0);
  assert_false(jdc_call_outcome(w->call)->sent);
  assert_false(jdc_call_outcome(w->call)->retryable);
}

static void a_provider_that_fails_fails_all_who_wait_for_it(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call *second = test_another(w), *third = test_another(w);
  EXPECT_WAIT(w, second, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  EXPECT_WAIT(w, third, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  EXPECT_DONE(w, second, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  BEGIN(w); /* who comes later asks again, and keeps the lease whatever those before do */
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  EXPECT_DONE(w, third, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  assert_int_equal(test_begin_call(w, third), JDC_OK);
  EXPECT_WAIT(w, third, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, third, "NEW");
  jdc_call_free(second);
  jdc_call_free(third);
}

static void who_waits_for_a_call_that_is_cancelled_asks_itself(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call *second = test_another(w);
  EXPECT_WAIT(w, second, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  jdc_call_cancel(w->call, w->t.now_ms);
  EXPECT_CREDENTIALS(w, second, JDC_WHY_MISSING);
  jdc_call_free(second);
}

static void without_keys_and_provider_nobody_is_asked(void **state) {
  test_world *w = renewable(state);
  w->options.renewable = false;
  BEGIN(w);
  EXPECT_DONE(w, w->call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
}

static void a_provider_that_fails_between_attempts_leaves_no_answer_to_read(void **state) {
  test_world *w = ending_in(state, 40);
  w->options.repeatable = true;
  w->no_jitter = true;
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_EXPIRING);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  jdc_answer a = test_answer(503, "UNAVAILABLE", NULL);
  a.retry_after = JDC_STR("1");
  test_land(w, w->call, &a);
  EXPECT_WAIT(w, w->call, 1000, JDC_WAIT_BACKOFF);
  test_pass(w, 1000);
  w->t.wall_ms += TEST_LONG_MS; /* the keys end; the provider has failed in this call already */
  EXPECT_DONE(w, w->call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
  assert_false(jdc_call_outcome(w->call)->answered);
  assert_true(jdc_call_outcome(w->call)->sent);
}

static void keys_are_renewed_ahead_of_time_by_one_while_the_others_go_on(void **state) {
  test_world *w = ending_in(state, 5 * 60);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_EXPIRING);
  jdc_call *other = test_another(w);
  EXPECT_SENT_WITH(w, other, "OLD");
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, w->call, "NEW");
  jdc_call_free(other);
}

static void keys_with_more_than_five_minutes_are_not_renewed(void **state) {
  test_world *w = ending_in(state, 5 * 60 + 1);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
}

static void a_renewal_ahead_of_time_may_fail(void **state) {
  test_world *w = ending_in(state, 4 * 60);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_EXPIRING);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  jdc_call *other = test_another(w); /* nor is the provider asked again at once */
  EXPECT_SENT_WITH(w, other, "OLD");
  jdc_call_free(other);
}

static void in_the_last_minute_everybody_waits(void **state) {
  test_world *w = ending_in(state, 60);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_EXPIRING);
  jdc_call *other = test_another(w);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, other, "NEW");
  jdc_call_free(other);
}

#define WAITERS 5

static void one_asks_the_provider_for_all_who_wait(void **state) {
  test_world *w = renewable(state);
  jdc_call *others[WAITERS];
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  for (int i = 0; i < WAITERS; i++) others[i] = test_another(w);
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < WAITERS; i++) EXPECT_WAIT(w, others[i], JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
    test_pass(w, JDC_LEASE_POLL_MS);
  }
  provide(w, w->call, "NEW");
  for (int i = 0; i < WAITERS; i++) {
    EXPECT_SENT_WITH(w, others[i], "NEW");
    jdc_call_free(others[i]);
  }
  EXPECT_SENT_WITH(w, w->call, "NEW");
}

static void waiting_for_another_calls_keys_ends_at_timeout(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call *other = test_another(w);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  test_pass(w, 29999);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  test_pass(w, 1);
  EXPECT_DONE(w, other, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  jdc_call_free(other);
  EXPECT_DONE(w, w->call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
}

static void a_lease_of_a_dead_call_ends_by_time(void **state) {
  test_world *w = renewable(state);
  w->options.timeout_ms = JDC_FOREVER_MS;
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call *other = test_another(w);
  test_pass(w, JDC_LEASE_MS - 1);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  test_pass(w, 1);
  EXPECT_CREDENTIALS(w, other, JDC_WHY_MISSING);
  jdc_call_free(other);
}

static void freeing_the_call_that_asks_lets_another_ask(void **state) {
  test_world *w = renewable(state);
  jdc_call *doomed = test_another(w);
  EXPECT_CREDENTIALS(w, doomed, JDC_WHY_MISSING);
  BEGIN(w);
  EXPECT_WAIT(w, w->call, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  jdc_call_free(doomed);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
}

static void freeing_a_call_that_waits_leaves_the_lease_alone(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  jdc_call *doomed = test_another(w), *other = test_another(w);
  EXPECT_WAIT(w, doomed, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  jdc_call_free(doomed);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  jdc_call_free(other);
}

static void a_401_is_repeated_once_with_other_keys(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  w->request.method = JDC_STR("POST");
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, w->call, "NEW");
  refuse(w, w->call);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 2);
  assert_true(jdc_call_outcome(w->call)->answered);
}

static void a_401_stands_if_the_provider_has_the_same_keys(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
  provide(w, w->call, "OLD");
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  assert_int_equal(jdc_call_outcome(w->call)->attempts, 1);
  BEGIN(w); /* and the next call may use them */
  EXPECT_SENT_WITH(w, w->call, "OLD");
}

static void a_401_stands_if_the_provider_fails(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  assert_true(jdc_call_outcome(w->call)->answered);
}

static void a_401_stands_if_the_provider_has_failed_before(void **state) {
  test_world *w = ending_in(state, 4 * 60);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_EXPIRING);
  jdc_call_unprovided(w->call, w->t.now_ms);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
  BEGIN(w); /* the lease is free for the next call, which does ask */
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
}

static void a_401_stands_if_the_provider_never_comes_back(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
  test_pass(w, 30000);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_TIMEOUT);
}

static void keys_that_another_call_has_fetched_meanwhile_are_other_keys(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  test_set_keys(w, "NEW", 0);
  refuse(w, w->call);
  EXPECT_SENT_WITH(w, w->call, "NEW");
}

static void calls_that_are_refused_together_ask_once(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  BEGIN(w);
  jdc_call *other = test_another(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  EXPECT_SENT_WITH(w, other, "OLD");
  refuse(w, w->call);
  refuse(w, other);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_REFUSED);
  EXPECT_WAIT(w, other, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
  provide(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, w->call, "NEW");
  EXPECT_SENT_WITH(w, other, "NEW");
  jdc_call_free(other);
}

static void the_only_attempt_asks_for_no_other_keys(void **state) {
  test_world *w = ending_in(state, TEST_LONG_MS);
  w->options.attempts = 1;
  BEGIN(w);
  EXPECT_SENT_WITH(w, w->call, "OLD");
  refuse(w, w->call);
  EXPECT_DONE(w, w->call, JDC_KIND_AUTH, JDC_GAVE_FINAL);
}

static void keys_that_come_short_lived_sign_at_once(void **state) {
  test_world *w = renewable(state);
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  test_set_keys(w, "SHORT", w->t.wall_ms + 1000);
  jdc_call_provided(w->call, w->t.now_ms);
  EXPECT_SENT_WITH(w, w->call, "SHORT");
}

static void the_first_keys_come_before_the_windows_that_they_name(void **state) {
  test_world *w = renewable(state);
  w->options.limiter = JDC_LIMITER_DRIVER;
  w->options.operation = JDC_STR("describeInstances");
  BEGIN(w);
  EXPECT_CREDENTIALS(w, w->call, JDC_WHY_MISSING);
  provide(w, w->call, "NEW");
  jdc_step step = test_expect(w, w->call, JDC_STEP_RESERVE, __FILE__, __LINE__);
  assert_int_equal(step.nkeys, 2);
  test_same_text(step.keys[0], JDC_STR("NEW/vm"));
  test_same_text(step.keys[1], JDC_STR("NEW/vm.describeInstances"));
  jdc_call_reserved(w->call, w->t.now_ms, 0, 7);
  EXPECT_SENT_WITH(w, w->call, "NEW");
  jdc_answer a = test_answer(200, NULL, NULL);
  test_land(w, w->call, &a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST_IN_WORLD(keys_are_asked_for_and_sign_the_request),
    TEST_IN_WORLD(the_provider_takes_its_time_from_timeout),
    TEST_IN_WORLD(a_provider_that_never_comes_back_ends_at_timeout),
    TEST_IN_WORLD(a_call_that_gave_up_gives_up_its_lease),
    TEST_IN_WORLD(without_keys_from_the_provider_nothing_is_sent),
    TEST_IN_WORLD(without_keys_and_provider_nobody_is_asked),
    TEST_IN_WORLD(a_provider_that_fails_between_attempts_leaves_no_answer_to_read),
    TEST_IN_WORLD(keys_are_renewed_ahead_of_time_by_one_while_the_others_go_on),
    TEST_IN_WORLD(keys_with_more_than_five_minutes_are_not_renewed),
    TEST_IN_WORLD(a_renewal_ahead_of_time_may_fail),
    TEST_IN_WORLD(in_the_last_minute_everybody_waits),
    TEST_IN_WORLD(one_asks_the_provider_for_all_who_wait),
    TEST_IN_WORLD(waiting_for_another_calls_keys_ends_at_timeout),
    TEST_IN_WORLD(a_provider_that_fails_fails_all_who_wait_for_it),
    TEST_IN_WORLD(who_waits_for_a_call_that_is_cancelled_asks_itself),
    TEST_IN_WORLD(a_lease_of_a_dead_call_ends_by_time),
    TEST_IN_WORLD(freeing_the_call_that_asks_lets_another_ask),
    TEST_IN_WORLD(freeing_a_call_that_waits_leaves_the_lease_alone),
    TEST_IN_WORLD(a_401_is_repeated_once_with_other_keys),
    TEST_IN_WORLD(a_401_stands_if_the_provider_has_the_same_keys),
    TEST_IN_WORLD(a_401_stands_if_the_provider_fails),
    TEST_IN_WORLD(a_401_stands_if_the_provider_has_failed_before),
    TEST_IN_WORLD(a_401_stands_if_the_provider_never_comes_back),
    TEST_IN_WORLD(keys_that_another_call_has_fetched_meanwhile_are_other_keys),
    TEST_IN_WORLD(calls_that_are_refused_together_ask_once),
    TEST_IN_WORLD(the_only_attempt_asks_for_no_other_keys),
    TEST_IN_WORLD(keys_that_come_short_lived_sign_at_once),
    TEST_IN_WORLD(the_first_keys_come_before_the_windows_that_they_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
