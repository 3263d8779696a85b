/* test_retry.c - the bounds and the spread of delays, and the retry quota of services. */
#include "test.h"

#include <stdio.h>

#include "core/retry.h"

#define NONE INT64_MAX /* no bound on the time */

static void a_delay_doubles_up_to_twenty_seconds(void **state) {
  (void)state;
  static const struct {
    unsigned repeats;
    int64_t most;
  } rows[] = {
    { 0, 50 },
    { 1, 100 },
    { 2, 200 },
    { 3, 400 },
    { 4, 800 },
    { 5, 1600 },
    { 6, 3200 },
    { 7, 6400 },
    { 8, 12800 },
    { 9, 20000 },
    { 10, 20000 },
    { 31, 20000 },
    { 32, 20000 },
    { 63, 20000 },
    { 64, 20000 },
    { 1000, 20000 },
    { UINT32_MAX, 20000 },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t most = (uint64_t)rows[i].most;
    assert_int_equal(jdc_retry_delay(rows[i].repeats, 0, -1, NONE), 0);
    assert_int_equal(jdc_retry_delay(rows[i].repeats, most, -1, NONE), rows[i].most);
    assert_int_equal(jdc_retry_delay(rows[i].repeats, most + 1, -1, NONE), 0);
    assert_in_range(jdc_retry_delay(rows[i].repeats, UINT64_MAX, -1, NONE), 0, most);
  }
}

/* xorshift64: the same numbers in every run */
static uint64_t next_random(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  *x ^= *x << 17;
  return *x;
}

static void delays_are_spread_evenly(void **state) {
  (void)state;
  enum { DRAWS = 200000, PARTS = 20 };
  uint64_t x = 88172645463325252u;
  for (unsigned repeats = 0; repeats < 12; repeats++) {
    int64_t most = repeats < 9 ? (int64_t)50 << repeats : 20000;
    size_t parts[PARTS] = { 0 };
    for (size_t i = 0; i < DRAWS; i++) {
      int64_t delay = jdc_retry_delay(repeats, next_random(&x), -1, NONE);
      assert_in_range(delay, 0, most);
      parts[delay * PARTS / (most + 1)]++;
    }
    /* 51 values don't divide by 20: a part has two or three of them. From 400 on the parts differ by chance alone:
     * 10,000 expected, a standard deviation of 97, and less than 2.5 % from rounding. */
    for (size_t i = 0; i < PARTS && most >= 400; i++) assert_in_range(parts[i], 9000, 11000);
    for (size_t i = 0; i < PARTS; i++) assert_true(parts[i] > DRAWS / PARTS / 2);
  }
}

/* The jitter comes on top of the hint, and is half of it at least, as far as there is room. */
static void a_hint_is_a_lower_bound_up_to_a_minute(void **state) {
  (void)state;
  static const struct {
    unsigned repeats;
    int64_t hint, room, least, most;
  } rows[] = {
    { 0, -1, NONE, 0, 50 },
    { 0, 0, NONE, 0, 50 },
    { 0, INT64_MIN, NONE, 0, 50 },
    { 0, 29, NONE, 29, 79 },
    { 0, 100, NONE, 100, 150 },
    { 0, 5000, NONE, 5000, 7500 },
    { 7, 5000, NONE, 5000, 11400 },
    { 0, 60000, NONE, 60000, 90000 },
    { 0, 60001, NONE, 60000, 90000 },
    { 9, INT64_MAX, NONE, 60000, 90000 },
    { 0, 20000, 30000, 20000, 25000 },
    { 0, 10000, 20000, 10000, 15000 },
    { 0, 10000, 19998, 10000, 14999 },
    { 5, 10000, 10002, 10000, 10001 },
    { 5, 10000, 10001, 10000, 10000 },
    { 5, 10000, 10000, 10000, 10000 },
    { 5, 10000, 0, 10000, 10000 },
    { 5, 10000, -7, 10000, 10000 },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint64_t spread = (uint64_t)(rows[i].most - rows[i].least);
    assert_int_equal(jdc_retry_delay(rows[i].repeats, 0, rows[i].hint, rows[i].room), rows[i].least);
    assert_int_equal(jdc_retry_delay(rows[i].repeats, spread, rows[i].hint, rows[i].room), rows[i].most);
    assert_int_equal(jdc_retry_delay(rows[i].repeats, spread + 1, rows[i].hint, rows[i].room), rows[i].least);
  }
}

static jdc_quota *new_quota(test_heap *heap) {
  *heap = (test_heap){ 0 };
  jdc_quota *q;
  assert_int_equal(jdc_quota_new(test_heap_alloc(heap), &q), JDC_OK);
  return q;
}

static void end_quota(jdc_quota *q, const test_heap *heap) {
  assert_int_equal(heap->calls, 1); /* the table is all there is */
  jdc_quota_free(q);
  assert_int_equal(heap->blocks, 0);
}

static int draw_all(jdc_quota *q, const char *service) {
  int n = 0;
  while (jdc_quota_draw(q, test_str(service))) n++;
  return n;
}

static void a_service_has_its_own_quota(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  assert_int_equal(jdc_quota_left(q, test_str("vm")), JDC_QUOTA_FULL);
  assert_int_equal(draw_all(q, "vm"), JDC_QUOTA_FULL / JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("vm")), JDC_QUOTA_FULL % JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("vpc")), JDC_QUOTA_FULL);
  assert_int_equal(jdc_quota_left(q, test_str("v")), JDC_QUOTA_FULL);
  assert_true(jdc_quota_draw(q, test_str("")));
  assert_int_equal(jdc_quota_left(q, test_str("")), JDC_QUOTA_FULL - JDC_QUOTA_COST);
  end_quota(q, &heap);
}

static void what_is_put_back_can_be_drawn_and_is_never_above_full(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  (void)draw_all(q, "vm"); /* leaves 10 */
  for (int i = 0; i < 3; i++) jdc_quota_refill(q, test_str("vm"), JDC_QUOTA_REFILL);
  assert_false(jdc_quota_draw(q, test_str("vm")));
  assert_int_equal(jdc_quota_left(q, test_str("vm")), 13);
  jdc_quota_refill(q, test_str("vm"), JDC_QUOTA_REFILL);
  assert_true(jdc_quota_draw(q, test_str("vm")));
  assert_int_equal(jdc_quota_left(q, test_str("vm")), 0);
  jdc_quota_refill(q, test_str("vm"), -5);
  jdc_quota_refill(q, test_str("vm"), 0);
  assert_int_equal(jdc_quota_left(q, test_str("vm")), 0);
  jdc_quota_refill(q, test_str("vm"), INT32_MAX);
  assert_int_equal(jdc_quota_left(q, test_str("vm")), JDC_QUOTA_FULL);
  jdc_quota_refill(q, test_str("never seen"), JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("never seen")), JDC_QUOTA_FULL);
  end_quota(q, &heap);
}

static void a_service_that_is_full_again_leaves_others_alone(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  static const char *const names[] = { "a", "b", "c" };
  for (size_t i = 0; i < 3; i++)
    for (size_t n = 0; n <= i; n++) assert_true(jdc_quota_draw(q, test_str(names[i])));
  jdc_quota_refill(q, test_str("a"), JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("a")), JDC_QUOTA_FULL);
  assert_int_equal(jdc_quota_left(q, test_str("b")), JDC_QUOTA_FULL - 2 * JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("c")), JDC_QUOTA_FULL - 3 * JDC_QUOTA_COST);
  end_quota(q, &heap);
}

static void one_service_too_many_forgets_the_fullest(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  char name[16];
  for (int i = 0; i < JDC_QUOTA_SERVICES; i++) {
    (void)snprintf(name, sizeof(name), "s%d", i);
    assert_true(jdc_quota_draw(q, test_str(name)));
    if (i != 77) assert_true(jdc_quota_draw(q, test_str(name)));
  }
  assert_true(jdc_quota_draw(q, test_str("one more")));
  assert_int_equal(jdc_quota_left(q, test_str("s77")), JDC_QUOTA_FULL);
  assert_int_equal(jdc_quota_left(q, test_str("s76")), JDC_QUOTA_FULL - 2 * JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("s255")), JDC_QUOTA_FULL - 2 * JDC_QUOTA_COST);
  assert_int_equal(jdc_quota_left(q, test_str("one more")), JDC_QUOTA_FULL - JDC_QUOTA_COST);
  end_quota(q, &heap);
}

static void names_are_told_apart_by_their_first_64_bytes(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  char a[80], b[80];
  memset(a, 'x', sizeof(a));
  memset(b, 'x', sizeof(b));
  a[64] = 'a';
  b[64] = 'b';
  assert_true(jdc_quota_draw(q, (jdc_str){ a, sizeof(a) }));
  assert_int_equal(jdc_quota_left(q, (jdc_str){ b, sizeof(b) }), JDC_QUOTA_FULL - JDC_QUOTA_COST);
  b[63] = 'b';
  assert_int_equal(jdc_quota_left(q, (jdc_str){ b, sizeof(b) }), JDC_QUOTA_FULL);
  assert_int_equal(jdc_quota_left(q, (jdc_str){ a, 63 }), JDC_QUOTA_FULL);
  end_quota(q, &heap);
}

static void calls_repeated_in_vain_end_repetitions_until_the_service_answers(void **state) {
  (void)state;
  test_heap heap;
  jdc_quota *q = new_quota(&heap);
  jdc_quota_in_vain(q, test_str("vm")); /* nothing was drawn: not possible, and nothing to it */
  assert_int_equal(jdc_quota_left(q, test_str("vm")), JDC_QUOTA_FULL);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < JDC_QUOTA_IN_VAIN; i++) {
      assert_true(jdc_quota_draw(q, test_str("vm")));
      jdc_quota_in_vain(q, test_str("vm"));
    }
    int left = jdc_quota_left(q, test_str("vm"));
    assert_false(jdc_quota_draw(q, test_str("vm")));
    assert_int_equal(jdc_quota_left(q, test_str("vm")), left);
    assert_true(jdc_quota_draw(q, test_str("vpc")));
    jdc_quota_refill(q, test_str("vm"), -1);
    assert_false(jdc_quota_draw(q, test_str("vm")));
    jdc_quota_refill(q, test_str("vm"), 0); /* it answered */
    assert_int_equal(jdc_quota_left(q, test_str("vm")), left);
  }
  assert_true(jdc_quota_draw(q, test_str("vm")));
  end_quota(q, &heap);
}

static jdc_status make_quota(jdc_alloc alloc) {
  jdc_quota *q;
  jdc_status status = jdc_quota_new(alloc, &q);
  jdc_quota_free(q);
  return status;
}

static void a_quota_without_memory_is_refused(void **state) {
  (void)state;
  test_every_allocation(make_quota);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_delay_doubles_up_to_twenty_seconds),
    cmocka_unit_test(delays_are_spread_evenly),
    cmocka_unit_test(a_hint_is_a_lower_bound_up_to_a_minute),
    cmocka_unit_test(a_service_has_its_own_quota),
    cmocka_unit_test(what_is_put_back_can_be_drawn_and_is_never_above_full),
    cmocka_unit_test(a_service_that_is_full_again_leaves_others_alone),
    cmocka_unit_test(one_service_too_many_forgets_the_fullest),
    cmocka_unit_test(names_are_told_apart_by_their_first_64_bytes),
    cmocka_unit_test(calls_repeated_in_vain_end_repetitions_until_the_service_answers),
    cmocka_unit_test(a_quota_without_memory_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
