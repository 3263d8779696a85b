/* test_limit_learn.c - what windows learn (limit_learn.h): when they open again, how shares fall and grow, headers. */
#include "limit.h"

#define WALL INT64_C(1706745600000) /* a minute begins */

static jdc_belief_view view(jdc_limit *l, int64_t now) {
  jdc_belief_view v;
  assert_true(jdc_limit_believes(l, JDC_STR("k"), now, &v));
  return v;
}

/* n calls at once, answered 20 ms later. */
static void pass(jdc_limit *l, int n, int64_t now) {
  for (int i = 0; i < n; i++) {
    jdc_grant g = ask(l, "k", NULL, now, 0);
    assert_int_equal(g.wait_ms, 0);
    settle(l, g.ticket, now + 20, &done);
  }
}

static void refuse_one(jdc_limit *l, int64_t now, int64_t date_ms) {
  jdc_grant g = ask(l, "k", NULL, now, 0);
  assert_int_equal(g.wait_ms, 0);
  jdc_settlement s = { .outcome = JDC_SETTLE_THROTTLED, .retry_after_ms = -1, .date_ms = date_ms };
  settle(l, g.ticket, now, &s);
}

static void a_throttled_window_opens_when_the_services_minute_turns(void **state) {
  (void)state;
  static const struct {
    int64_t window_ms, into_ms, shut;
  } rows[] = { { MINUTE, 0, 60001 },      { MINUTE, 15000, 45001 }, { MINUTE, 59000, 1001 },
               { 3600000, 15000, 45001 }, { 10000, 13000, 7001 },   { 3000, 1000, 2001 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(10, rows[i].window_ms);
    refuse_one(l, START, WALL + rows[i].into_ms);
    assert_int_equal(view(l, START).shut_ms, (rows[i].shut - 1) % rows[i].window_ms + 1);
    end_limit(l);
  }
}

/* The Date is cut to seconds: the latest of many answers tells best. A clock that is set back is believed. */
static void the_services_clock_is_as_late_as_its_dates_show(void **state) {
  (void)state;
  jdc_limit *l = new_limit(100, MINUTE);
  static const struct { int64_t at, date; } rows[] = { { 900, 0 }, { 1100, 1000 }, { 1500, 1000 }, { 60000, 30000 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = -1, .date_ms = WALL + rows[i].date };
    settle(l, ask(l, "k", NULL, START + rows[i].at, 0).ticket, START + rows[i].at, &s);
  }
  refuse_one(l, START + 60100, 0);
  assert_int_equal(view(l, START + 60100).shut_ms, 29901); /* it was 30 s into its minute at 60000, less that cut */
  end_limit(l);
}

static void a_share_falls_to_what_went_through(void **state) {
  (void)state;
  static const struct {
    int passed;
    int64_t share;
  } rows[] = { { 600, 581 }, { 200, 193 }, { 20, 125 }, { 0, 125 }, { 999, 967 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(1000, MINUTE);
    pass(l, rows[i].passed, START);
    refuse_one(l, START + 30, WALL);
    assert_int_equal(view(l, START + 30).calls, rows[i].share);
    assert_int_equal(view(l, START + 30).told, 1000);
    end_limit(l);
  }
}

static void calls_that_were_sent_before_tell_nothing_new(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1000, MINUTE);
  jdc_grant g[20];
  pass(l, 300, START);
  for (int i = 0; i < 20; i++) g[i] = ask(l, "k", NULL, START + 20, 0);
  refuse_one(l, START + 30, WALL);
  assert_int_equal(view(l, START + 30).calls, 290);
  for (int i = 0; i < 10; i++) throttle(l, g[i].ticket, START + 40, -1);
  assert_int_equal(view(l, START + 40).calls, 290);
  for (int i = 10; i < 20; i++) settle(l, g[i].ticket, START + 40, &done); /* but how many went through */
  assert_int_equal(view(l, START + 40).calls, 300);
  end_limit(l);
}

static void a_share_grows_slowly_then_fast_up_to_what_is_allowed(void **state) {
  (void)state;
  static const int64_t shares[] = { 581, 581, 590, 608, 684, 1000, 1000 };
  jdc_limit *l = new_limit(1000, MINUTE);
  pass(l, 600, START);
  refuse_one(l, START + 30, WALL);
  for (int64_t i = 0; i < (int64_t)(sizeof(shares) / sizeof(shares[0])); i++)
    assert_int_equal(view(l, START + 30 + i * MINUTE).calls, shares[i]);
  end_limit(l);
}

static void tell(jdc_limit *l, int64_t now, int64_t limit, int64_t left) {
  jdc_grant g = ask(l, "k", NULL, now, 0);
  jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = -1, .limit = limit, .left = left };
  settle(l, g.ticket, now, &s);
}

static void an_announced_limit_is_believed_up_to_what_was_set_for_the_key(void **state) {
  (void)state;
  static const struct {
    int64_t set, window_ms, limit, left, calls;
  } rows[] = { { 0, MINUTE, 600, 599, 600 },   { 0, MINUTE, 2000, 1999, 2000 }, { 500, MINUTE, 600, 599, 500 },
               { 500, MINUTE, 300, 299, 300 }, { 0, MINUTE, 600, 601, 1000 },   { 0, MINUTE, 600, -1, 1000 },
               { 500, 30000, 600, 599, 500 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(1000, MINUTE);
    if (rows[i].set > 0) assert_int_equal(jdc_limit_set(l, JDC_STR("k"), rows[i].set, rows[i].window_ms), JDC_OK);
    tell(l, START, rows[i].limit, rows[i].left);
    assert_int_equal(view(l, START).calls, rows[i].calls);
    end_limit(l);
  }
}

/* Alone, all of it goes at once; beside others a call goes at a beat, and none when nearly nothing is left. */
static void who_shares_an_announced_limit_keeps_a_pace_and_stops_in_time(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1000, MINUTE);
  for (int i = 1; i < 100; i++) tell(l, START, 600, 600 - i);
  assert_int_equal(wait_of(l, "k", START), 0);
  tell(l, START + 100, 600, 300); /* 300 used, about 100 of them ours */
  jdc_belief_view v = view(l, START + 100);
  assert_in_range(v.calls, 190, 210);
  assert_in_range(wait_of(l, "k", START + 100), 280, 320);
  jdc_grant g = ask(l, "k", NULL, START + 2000, 0);
  jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .limit = 600, .left = 6, .date_ms = WALL + 40000 };
  settle(l, g.ticket, START + 2000, &s);
  assert_int_equal(view(l, START + 2000).shut_ms, 20001);
  end_limit(l);
}

static void a_throttled_call_that_comes_again_keeps_its_place(void **state) {
  (void)state;
  static const jdc_settlement again = { .outcome = JDC_SETTLE_THROTTLED, .retry_after_ms = 500, .again = true };
  jdc_limit *l = new_limit(1, 100);
  jdc_grant first = ask(l, "k", NULL, START, 0), second = ask(l, "k", NULL, START, 0);
  settle(l, first.ticket, START + 10, &again);
  assert_true(ask(l, "k", NULL, START + 510, second.ticket).wait_ms > 0);
  jdc_grant g = ask(l, "k", NULL, START + 520, first.ticket);
  assert_true(g.ticket == first.ticket);
  assert_int_equal(g.wait_ms, 0);
  settle(l, first.ticket, START + 530, &done);
  assert_int_equal(ask(l, "k", NULL, START + 630, second.ticket).wait_ms, 0);
  end_limit(l);
}

static void the_role_says_whose_window_is_full(void **state) {
  (void)state;
  static const struct {
    jdc_role role;
    int64_t a, b;
  } rows[] = { { JDC_ROLE_UNKNOWN, 5000, 5000 }, { JDC_ROLE_AK, 5000, 0 }, { JDC_ROLE_API, 0, 5000 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(10, MINUTE);
    jdc_settlement s = { .outcome = JDC_SETTLE_THROTTLED, .retry_after_ms = 5000, .role = rows[i].role };
    settle(l, ask(l, "a", "b", START, 0).ticket, START, &s);
    assert_int_equal(wait_of(l, "a", START), rows[i].a);
    assert_int_equal(wait_of(l, "b", START), rows[i].b);
    end_limit(l);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_throttled_window_opens_when_the_services_minute_turns),
    cmocka_unit_test(the_services_clock_is_as_late_as_its_dates_show),
    cmocka_unit_test(a_share_falls_to_what_went_through),
    cmocka_unit_test(calls_that_were_sent_before_tell_nothing_new),
    cmocka_unit_test(a_share_grows_slowly_then_fast_up_to_what_is_allowed),
    cmocka_unit_test(an_announced_limit_is_believed_up_to_what_was_set_for_the_key),
    cmocka_unit_test(who_shares_an_announced_limit_keeps_a_pace_and_stops_in_time),
    cmocka_unit_test(a_throttled_call_that_comes_again_keeps_its_place),
    cmocka_unit_test(the_role_says_whose_window_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
