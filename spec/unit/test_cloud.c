/* test_cloud.c - what the calls of a cloud share: the parts are there, and the skew of each host is learnt, corrected,
 * forgotten and bounded (cloud.h). */
#include "support/test.h"

#include <stdio.h>

#include "core/cloud.h"

#define WALL_S  INT64_C(1706745600)
#define WALL_MS (WALL_S * 1000)
#define HOST    JDC_STR("vm.jdcloud-api.com")

static test_heap heap_of_the_test;

static int open_cloud(void **state) {
  jdc_cloud *cloud;
  heap_of_the_test = (test_heap){ 0 };
  assert_int_equal(jdc_cloud_new(test_heap_alloc(&heap_of_the_test), &cloud), JDC_OK);
  *state = cloud;
  return 0;
}

static int close_cloud(void **state) {
  jdc_cloud_free(*state);
  assert_int_equal(heap_of_the_test.blocks, 0);
  return 0;
}

static void a_clock_is_right_until_told_otherwise(void **state) {
  assert_int_equal(jdc_cloud_skew(*state, HOST), 0);
  assert_int_equal(jdc_cloud_skew(*state, JDC_STR("")), 0);
}

static void skew_is_what_to_add_to_the_wall_time(void **state) {
  static const struct {
    int64_t date_s, wall_ms, skew_ms;
  } cases[] = {
    { WALL_S + 3600, WALL_MS, 3600000 },   { WALL_S - 3600, WALL_MS, -3600000 },
    { WALL_S + 61, WALL_MS + 250, 60750 }, { WALL_S + 60, WALL_MS, 0 }, /* not over a minute: right */
    { WALL_S + 60, WALL_MS - 1, 60001 },   { WALL_S - 60, WALL_MS, 0 },
    { WALL_S - 60, WALL_MS + 1, -60001 },  { WALL_S, WALL_MS, 0 },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    jdc_cloud_learn_date(*state, HOST, cases[i].date_s, cases[i].wall_ms);
    assert_true(jdc_cloud_skew(*state, HOST) == cases[i].skew_ms);
  }
}

static void the_last_date_counts(void **state) {
  jdc_cloud_learn_date(*state, HOST, WALL_S + 3600, WALL_MS);
  jdc_cloud_learn_date(*state, HOST, WALL_S + 7200, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, HOST), 7200000);
  jdc_cloud_learn_date(*state, HOST, WALL_S + 1, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, HOST), 0);
}

static void a_host_is_a_whole_name(void **state) {
  jdc_cloud_learn_date(*state, JDC_STR("vm.example:8443"), WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, JDC_STR("vm.example")), 0);
  assert_int_equal(jdc_cloud_skew(*state, JDC_STR("vm.example:8444")), 0);
  assert_int_equal(jdc_cloud_skew(*state, JDC_STR("vm.example:8443")), 3600000);
}

static void a_name_has_a_maximum(void **state) {
  char name[JDC_HOST_MAX + 2];
  memset(name, 'h', sizeof(name));
  jdc_str longest = { name, JDC_HOST_MAX }, longer = { name, JDC_HOST_MAX + 1 };
  jdc_cloud_learn_date(*state, longer, WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, longer), 0);
  assert_int_equal(jdc_cloud_skew(*state, longest), 0);
  jdc_cloud_learn_date(*state, longest, WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, longest), 3600000);
  assert_int_equal(jdc_cloud_skew(*state, longer), 0);
}

static int64_t skew_of(jdc_cloud *cloud, int n) {
  char name[32];
  int len = snprintf(name, sizeof(name), "host-%d", n);
  return jdc_cloud_skew(cloud, (jdc_str){ name, (size_t)len });
}

static void learn(jdc_cloud *cloud, int n) {
  char name[32];
  int len = snprintf(name, sizeof(name), "host-%d", n);
  jdc_cloud_learn_date(cloud, (jdc_str){ name, (size_t)len }, WALL_S + 3600 + n, WALL_MS);
}

static void the_oldest_host_is_forgotten_for_one_too_many(void **state) {
  for (int i = 0; i < JDC_SKEW_HOSTS; i++) learn(*state, i);
  for (int i = 0; i < JDC_SKEW_HOSTS; i++) assert_int_equal(skew_of(*state, i), (3600 + i) * 1000);
  learn(*state, JDC_SKEW_HOSTS);
  assert_int_equal(skew_of(*state, 0), 0);
  for (int i = 1; i <= JDC_SKEW_HOSTS; i++) assert_int_equal(skew_of(*state, i), (3600 + i) * 1000);
}

static void the_parts_are_there_and_one_cloud_knows_nothing_of_another(void **state) {
  jdc_cloud *other;
  test_heap heap = { 0 };
  assert_int_equal(jdc_cloud_new(test_heap_alloc(&heap), &other), JDC_OK);
  assert_non_null(jdc_cloud_digest(other));
  assert_non_null(jdc_cloud_limit(other));
  assert_true(jdc_quota_draw(jdc_cloud_quota(other), JDC_STR("vm")));
  assert_int_equal(jdc_quota_left(jdc_cloud_quota(*state), JDC_STR("vm")), JDC_QUOTA_FULL);
  jdc_cloud_learn_date(other, HOST, WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(*state, HOST), 0);
  jdc_cloud_free(other);
  assert_int_equal(heap.blocks, 0);
}

static void the_limiter_begins_with_the_contracts_rate(void **state) {
  jdc_limit *limit = jdc_cloud_limit(*state);
  const jdc_str key = JDC_STR("AK/vm");
  jdc_grant grant;
  for (int i = 0; i < JDC_LIMIT_DEFAULT_CALLS; i++) {
    assert_int_equal(jdc_limit_reserve(limit, &key, 1, 1000, 1000, 0, &grant), JDC_OK);
    assert_true(grant.granted);
  }
  assert_int_equal(jdc_limit_reserve(limit, &key, 1, 1000, 1000, 0, &grant), JDC_OK);
  assert_false(grant.granted);
  assert_int_equal(grant.when_ms, 61000);
}

static void without_memory_no_skew_is_learnt(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_cloud *cloud;
  assert_int_equal(jdc_cloud_new(test_heap_alloc(&heap), &cloud), JDC_OK);
  heap.fail_at = heap.calls + 1;
  jdc_cloud_learn_date(cloud, HOST, WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(cloud, HOST), 0);
  heap.fail_at = 0;
  jdc_cloud_learn_date(cloud, HOST, WALL_S + 3600, WALL_MS);
  assert_int_equal(jdc_cloud_skew(cloud, HOST), 3600000);
  jdc_cloud_free(cloud);
  assert_int_equal(heap.blocks, 0);
}

static jdc_status make(jdc_alloc alloc) {
  jdc_cloud *cloud;
  jdc_status status = jdc_cloud_new(alloc, &cloud);
  assert_true((status == JDC_OK) == (cloud != NULL));
  jdc_cloud_free(cloud);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_every_allocation(make);
}

#define WITH_CLOUD(f) cmocka_unit_test_setup_teardown(f, open_cloud, close_cloud)

int main(void) {
  const struct CMUnitTest tests[] = {
    WITH_CLOUD(a_clock_is_right_until_told_otherwise),
    WITH_CLOUD(skew_is_what_to_add_to_the_wall_time),
    WITH_CLOUD(the_last_date_counts),
    WITH_CLOUD(a_host_is_a_whole_name),
    WITH_CLOUD(a_name_has_a_maximum),
    WITH_CLOUD(the_oldest_host_is_forgotten_for_one_too_many),
    WITH_CLOUD(the_parts_are_there_and_one_cloud_knows_nothing_of_another),
    WITH_CLOUD(the_limiter_begins_with_the_contracts_rate),
    cmocka_unit_test(without_memory_no_skew_is_learnt),
    cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
