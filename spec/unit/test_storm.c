/* test_storm.c - what must hold when all fail at once (spec/sim/storm.h; `make sim` shows more of it): how much is
 * sent, that nobody comes back in a wave, how soon all is well again, and in which order throttled calls go.
 *
 * 1,000 clients make a call a second each; the trouble lasts from the 20th second to the 80th. */
#include "test.h"

#include "sim/storm.c"

#define CLIENTS      1000
#define EVERY_MS     1000
#define BEFORE       100          /* calls in a slot, while all is well */
#define NOISE        50           /* five standard deviations of it */
#define WAVE         (5 * BEFORE) /* so many in a slot are one */
#define REPEATS      2            /* of a call at most: 3 attempts */
#define IN_VAIN_MOST (JDC_QUOTA_IN_VAIN * REPEATS)
#define TENTH_MORE   11 / 10

static storm_cell crowd(storm_trouble trouble, bool shared) {
  return (storm_cell){ .clients = CLIENTS,
                       .shared = shared,
                       .every_ms = EVERY_MS,
                       .trouble = trouble,
                       .from_ms = 20000,
                       .until_ms = 80000,
                       .end_ms = 120000,
                       .seed = 1 };
}

#define AT_MOST(value, most) at_most((int64_t)(value), (int64_t)(most), #value, __LINE__)

static void at_most(int64_t value, int64_t most, const char *name, int line) {
  if (value <= most && value >= 0) return;
  print_error("line %d: %s is %lld, not 0 to %lld\n", line, name, (long long)value, (long long)most);
  fail();
}

/* What holds of every trouble. through_ms: until each client has had a success. */
static storm_result ride_out(storm_trouble trouble, bool shared, int64_t most_during, int64_t most_after,
                             int64_t through_ms) {
  storm_cell cell = crowd(trouble, shared);
  storm_result r = storm_run(&cell);
  assert_in_range((uint64_t)(r.before * 100), 99 * BEFORE, 101 * BEFORE);
  AT_MOST(r.most_during, most_during);
  AT_MOST(r.most_after, most_after);
  AT_MOST(r.all_through, through_ms);
  AT_MOST(r.recovered, through_ms);
  assert_int_equal(r.failed_after, 0);
  storm_free(&r);
  return r;
}

/* One cloud: its quota is used up at once, the rest is not repeated. */

static void fails_in_one_cloud(storm_trouble trouble, int64_t through_ms) {
  storm_result r = ride_out(trouble, true, BEFORE + NOISE, BEFORE + NOISE, through_ms);
  AT_MOST(r.sent - r.calls, JDC_QUOTA_FULL / JDC_QUOTA_COST);
  AT_MOST(r.sent, r.calls * TENTH_MORE);
  assert_int_equal(r.quota, JDC_QUOTA_FULL);
}

static void one_cloud_and_connections_that_are_refused(void **state) {
  (void)state;
  fails_in_one_cloud(STORM_REFUSED, 2 * EVERY_MS);
}

static void one_cloud_and_503(void **state) {
  (void)state;
  fails_in_one_cloud(STORM_UNAVAILABLE, 2 * EVERY_MS);
}

static void one_cloud_and_503_with_a_hint(void **state) {
  (void)state;
  fails_in_one_cloud(STORM_TOLD, 15000 + EVERY_MS);
}

/* Processes: each has a quota of its own, and stops after three calls in vain. */

static void fails_apart(storm_trouble trouble) {
  storm_result r = ride_out(trouble, false, (1 + REPEATS) * BEFORE + NOISE, BEFORE + NOISE, 2 * EVERY_MS);
  AT_MOST(r.sent - r.calls, IN_VAIN_MOST * CLIENTS);
  AT_MOST(r.sent, r.calls * TENTH_MORE);
  AT_MOST(CLIENTS * INT64_C(56), r.unrepeated); /* of 60 calls all but three, and one on its way */
}

static void processes_and_connections_that_are_refused(void **state) {
  (void)state;
  fails_apart(STORM_REFUSED);
}

static void processes_and_503(void **state) {
  (void)state;
  fails_apart(STORM_UNAVAILABLE);
}

/* Who is told to wait sends less than before, not more; and not all at once when the wait is over. */

static void processes_and_503_with_a_hint(void **state) {
  (void)state;
  storm_result r = ride_out(STORM_TOLD, false, BEFORE + NOISE, BEFORE + NOISE, 15000 + EVERY_MS);
  AT_MOST(r.sent - r.calls, IN_VAIN_MOST * CLIENTS);
  AT_MOST(r.sent, CLIENTS * 60 / 4);
}

static void processes_that_are_all_told_the_moment_of_the_end(void **state) {
  (void)state;
  storm_result r = ride_out(STORM_ENDING, false, BEFORE + NOISE, 2 * BEFORE, 7500);
  AT_MOST(r.sent, r.calls * TENTH_MORE);
}

static void without_jitter_they_would_be_a_wave(void **state) {
  (void)state;
  storm_cell cell = crowd(STORM_ENDING, false);
  cell.in_step = true;
  storm_result r = storm_run(&cell);
  AT_MOST(WAVE, r.most_after);
  storm_free(&r);
}

/* A call in silence ends by its timeout of 30 s, and isn't sent again. */

static void a_service_that_is_silent(void **state) {
  (void)state;
  storm_result r = ride_out(STORM_SILENT, false, BEFORE + NOISE, 2 * BEFORE + 2 * NOISE, 30000 + EVERY_MS);
  assert_int_equal(r.sent, r.calls);
}

/* Half of the answers are 503. */

static void one_cloud_and_a_half_broken_service(void **state) {
  (void)state;
  storm_result r = ride_out(STORM_HALF, true, BEFORE * TENTH_MORE + NOISE, BEFORE + NOISE, 2 * EVERY_MS);
  AT_MOST(r.sent, r.calls * TENTH_MORE);
  AT_MOST(r.failed, r.calls * 48 / 100); /* what is repeated all the same comes through half of the time */
  assert_int_equal(r.quota, JDC_QUOTA_FULL);
}

static void processes_and_a_half_broken_service(void **state) {
  (void)state;
  storm_result r = ride_out(STORM_HALF, false, 2 * BEFORE + NOISE, BEFORE + 2 * NOISE, 2 * EVERY_MS);
  AT_MOST(r.sent, r.calls * 178 / 100);    /* 1 + 1/2 + 1/4, and chance */
  AT_MOST(r.failed, r.calls * 135 / 1000); /* an eighth: only who fails three times */
  AT_MOST(r.unrepeated, r.calls / 100);    /* three calls in vain one after the other are rare */
}

/* One operation is broken, the others of the service are well: a tenth of the clients call it. */
static void one_broken_operation(void **state) {
  (void)state;
  for (int shared = 0; shared < 2; shared++) {
    storm_result r = ride_out(STORM_PART, shared, BEFORE * 12 / 10 + NOISE, BEFORE + NOISE, 2 * EVERY_MS);
    AT_MOST(r.sent + r.others, (r.calls + r.others) * TENTH_MORE);
    assert_int_equal(r.others_failed, 0);
    assert_int_equal(r.quota, shared ? JDC_QUOTA_FULL : r.quota);
  }
}

/* Throttled: calls at once in one cloud, numbered as they come. From the first 429 on no call is sent while one of a
 * lower number stands waiting that goes later, by a millisecond or more. Which of those that are on the wire together
 * are throttled is up to the service; they stand before all others again. */

static storm_result throttle(int calls, int64_t allowed, int64_t told, bool undated) {
  storm_cell cell = { .clients = calls,
                      .shared = true,
                      .limiter = true,
                      .undated = undated,
                      .trouble = STORM_LIMITED,
                      .until_ms = 60 * STORM_MINUTE,
                      .end_ms = 60 * STORM_MINUTE,
                      .allowed = allowed,
                      .told = told,
                      .seed = 1 };
  storm_result r = storm_run(&cell);
  assert_int_equal(r.ended, calls);
  assert_int_equal(r.failed, 0);
  storm_free(&r);
  return r;
}

static void told_calls_go_in_order_and_none_is_throttled(void **state) {
  (void)state;
  storm_result r = throttle(3000, 1000, 1000, false);
  assert_int_equal(r.throttled + r.overtaken, 0);
  AT_MOST(r.most_later, 1000);
  AT_MOST(r.last_ms, 2 * STORM_MINUTE + 1000);
  r = throttle(3000, 600, 600, false);
  assert_int_equal(r.throttled + r.overtaken, 0);
  AT_MOST(r.most_later, 600);
  AT_MOST(r.last_ms, 4 * STORM_MINUTE + 1000);
}

static void throttled_calls_come_through_in_order_of_arrival(void **state) {
  (void)state;
  for (int undated = 0; undated < 2; undated++) {
    storm_result r = throttle(1000, 600, 0, undated);
    assert_int_equal(r.throttled, 400); /* of the first minute */
    AT_MOST(r.most_later, 600);
    assert_int_equal(r.overtaken, 0);
    AT_MOST(r.last_ms, STORM_MINUTE + 1000);
  }
}

static void the_minutes_turn_brings_no_wave_over_the_limit(void **state) {
  (void)state;
  for (int undated = 0; undated < 2; undated++) {
    storm_result r = throttle(3000, 600, 0, undated);
    AT_MOST(r.throttled, 400 + 3000 / 100); /* to find out whether there is more costs a few */
    AT_MOST(r.most_later, 600 + 600 / 50);
    assert_int_equal(r.overtaken, 0);
    AT_MOST(r.last_ms, 5 * STORM_MINUTE + 1000);
  }
}

/* A tenth, and a fiftieth, of what was believed: it is found out at a small price, and there is no disorder. */
static void a_limit_far_below_what_was_believed(void **state) {
  (void)state;
  for (int undated = 0; undated < 2; undated++) {
    storm_result r = throttle(2000, 100, 0, undated);
    AT_MOST(r.throttled, 900 + 100 / 2);
    AT_MOST(r.most_later, 100 * 5 / 4);
    assert_int_equal(r.overtaken, 0);
    AT_MOST(r.last_ms, 23 * STORM_MINUTE); /* 20, had it been told */
    r = throttle(500, 20, 0, undated);
    assert_int_equal(r.overtaken, 0);
    AT_MOST(r.last_ms, 30 * STORM_MINUTE);
  }
}

static void a_quota_that_is_exceeded_is_final(void **state) {
  (void)state;
  storm_cell cell = crowd(STORM_QUOTA, true);
  cell.until_ms = cell.end_ms;
  storm_result r = storm_run(&cell);
  AT_MOST(CLIENTS * INT64_C(99), r.calls);
  assert_int_equal(r.failed, r.calls);
  assert_int_equal(r.sent, r.calls);
  storm_free(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_cloud_and_connections_that_are_refused),
    cmocka_unit_test(one_cloud_and_503),
    cmocka_unit_test(one_cloud_and_503_with_a_hint),
    cmocka_unit_test(processes_and_connections_that_are_refused),
    cmocka_unit_test(processes_and_503),
    cmocka_unit_test(processes_and_503_with_a_hint),
    cmocka_unit_test(processes_that_are_all_told_the_moment_of_the_end),
    cmocka_unit_test(without_jitter_they_would_be_a_wave),
    cmocka_unit_test(a_service_that_is_silent),
    cmocka_unit_test(one_cloud_and_a_half_broken_service),
    cmocka_unit_test(processes_and_a_half_broken_service),
    cmocka_unit_test(one_broken_operation),
    cmocka_unit_test(told_calls_go_in_order_and_none_is_throttled),
    cmocka_unit_test(throttled_calls_come_through_in_order_of_arrival),
    cmocka_unit_test(the_minutes_turn_brings_no_wave_over_the_limit),
    cmocka_unit_test(a_limit_far_below_what_was_believed),
    cmocka_unit_test(a_quota_that_is_exceeded_is_final),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
