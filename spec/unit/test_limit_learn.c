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

/* Sends a call as soon as it may go; when that is. */
static int64_t settled(jdc_limit *l, int64_t now, const jdc_settlement *s) {
  jdc_grant g = ask(l, "k", NULL, now, 0);
  for (; g.wait_ms > 0; g = ask(l, "k", NULL, now, g.ticket)) now += g.wait_ms;
  settle(l, g.ticket, now, s);
  return now;
}

static int64_t refused(jdc_limit *l, int64_t now) {
  static const jdc_settlement throttled = { .outcome = JDC_SETTLE_THROTTLED, .retry_after_ms = -1 };
  return settled(l, now, &throttled);
}

static int64_t passed(jdc_limit *l, int64_t now) { return settled(l, now, &done); }

static void a_throttled_window_opens_when_the_services_minute_turns(void **state) {
  (void)state;
  static const struct {
    int64_t window_ms, into_ms, shut;
  } rows[] = { { MINUTE, 0, 60001 },      { MINUTE, 15000, 45001 }, { MINUTE, 59000, 1001 },
               { 3600000, 15000, 45001 }, { 10000, 13000, 7001 },   { 3000, 1000, 2001 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(10, rows[i].window_ms);
    refuse_one(l, START, WALL + rows[i].into_ms);
    assert_int_equal(view(l, START).shut_ms, rows[i].shut);
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

static void tell_at(jdc_limit *l, int64_t sent, int64_t now, int64_t left, int64_t into) {
  jdc_grant g = ask(l, "k", NULL, sent, 0);
  assert_int_equal(g.wait_ms, 0);
  jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .limit = 600, .left = left, .date_ms = WALL + into };
  settle(l, g.ticket, now, &s);
}

#define BEGUN (START + 1001) /* a second into a minute, WALL + 1000 */

/* 100 calls of ours and 200 of others, a second into a minute. */
static jdc_limit *crowd(void) {
  jdc_limit *l = new_limit(1000, MINUTE);
  for (int i = 1; i < 100; i++) tell_at(l, BEGUN, BEGUN, 600 - i, 1001);
  assert_int_equal(wait_of(l, "k", BEGUN), 0);
  tell_at(l, BEGUN, BEGUN, 300, 1001);
  return l;
}

static int at_once(jdc_limit *l, int64_t now) {
  int n = 0;
  while (wait_of(l, "k", now) == 0) n++;
  return n;
}

/* Alone, all of it goes at once; beside others a call goes at a beat, which follows what is left. */
static void who_shares_an_announced_limit_keeps_a_pace(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  assert_in_range(view(l, BEGUN).calls, 195, 205);
  assert_in_range(wait_of(l, "k", BEGUN), 580, 610); /* at half the speed: half of what there should be is left */
  tell_at(l, START + 30000, START + 30001, 300, 30000);
  int64_t calls = view(l, START + 30001).calls;
  assert_in_range(calls, 100, 190);                                                         /* it fell meanwhile */
  at_once(l, START + 30001);                                                                /* and one that waits */
  assert_in_range(wait_of(l, "k", START + 30001), MINUTE / calls, 2 * MINUTE / calls + 40); /* now as there should be */
  end_limit(l);
}

/* What it left unused in an 8th of the minute it makes up for, and no more. */
static void who_keeps_a_pace_makes_up_for_a_little(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  tell_at(l, START + 20000, START + 20001, 400, 20000);
  assert_in_range(at_once(l, START + 20001), 15, 25); /* of about 170 a minute */
  end_limit(l);
}

static void who_shares_an_announced_limit_stops_in_time(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  tell_at(l, START + 40000, START + 40001, 7, 40000);
  assert_int_equal(view(l, START + 40001).shut_ms, 0);
  tell_at(l, START + 45000, START + 45001, 6, 45000);
  assert_int_equal(view(l, START + 45001).shut_ms, 15001 - 1);
  end_limit(l);
}

/* A proxy may cut the headers off, after what was throttled had shrunk the share. */
static void a_crowd_that_is_told_nothing_any_more_grows_again(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  int64_t calls = view(l, BEGUN).calls, now = BEGUN;
  for (int i = 0; i < 20; i++) now = refused(l, now);
  assert_true(view(l, now).calls < calls / 2);
  for (int64_t end = now + 600 * MINUTE; now < end;) now = passed(l, now);
  assert_int_equal(view(l, now).calls, view(l, now).told);
  end_limit(l);
}

/* 1000 calls in 100 ms, of which 125 or so are believed: a pace of less than a millisecond is none. */
static void a_share_of_a_fast_window_is_kept_to(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1000, 100);
  pass(l, 20, START);
  refuse_one(l, START + 30, WALL);
  int64_t now = START + 30 + view(l, START + 30).shut_ms + 100;
  assert_int_equal(view(l, now).calls, at_once(l, now));
  end_limit(l);
}

/* Who was told a part of the limit keeps to that, in bursts, whatever others use. */
static void who_was_told_a_part_is_in_no_crowd(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1000, MINUTE);
  assert_int_equal(jdc_limit_set(l, JDC_STR("k"), 300, MINUTE), JDC_OK);
  tell_at(l, BEGUN, BEGUN, 200, 1001);
  assert_int_equal(at_once(l, BEGUN), 299);
  end_limit(l);
}

/* An answer that was on its way as the minute turned may be of the one before. */
static void headers_of_the_minute_before_dont_stop_this_one(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  tell_at(l, START + 59990, START + 60020, 2, 59000);
  assert_int_equal(view(l, START + 60020).shut_ms, 0);
  tell_at(l, START + 60400, START + 60420, 2, 60000);
  assert_true(view(l, START + 60420).shut_ms > 59000);
  end_limit(l);
}

/* What was left doesn't come back as the minute turns: then it is rested for a second, not until it turns again. */
static void a_rolling_limit_that_is_used_up_is_left_alone_for_a_second(void **state) {
  (void)state;
  jdc_limit *l = crowd();
  tell_at(l, START + 50000, START + 50001, 20, 50000);
  tell_at(l, START + 62000, START + 62001, 20, 62000);
  tell_at(l, START + 64000, START + 64001, 0, 64000);
  assert_int_equal(view(l, START + 64001).shut_ms, 1000);
  end_limit(l);
}

/* One of many: below a quarter of the ceiling calls keep a distance. */
static jdc_limit *one_of_many(int64_t into) {
  jdc_limit *l = new_limit(1000, MINUTE);
  pass(l, 20, START);
  refuse_one(l, START + 30, WALL + into);
  assert_int_equal(view(l, START + 30).calls, 125);
  return l;
}

static int64_t opens(jdc_limit *l, int64_t now) { return now + view(l, now).shut_ms; }

static void who_seems_to_be_one_of_many_keeps_a_pace(void **state) {
  (void)state;
  jdc_limit *l = one_of_many(30000);
  int64_t now = opens(l, START + 30) + MINUTE / 8; /* all that may be made up for */
  assert_in_range(at_once(l, now), 15, 16);
  int64_t first = passed(l, now), second = passed(l, now);
  assert_int_equal(second - first, MINUTE / 125);
  end_limit(l);
}

/* Late ones speak for a calendar, whose minute is waited for; early ones for a rolling window. */
static void the_kind_of_window_is_seen_by_when_it_is_full(void **state) {
  (void)state;
  jdc_limit *l = one_of_many(50000);
  int64_t now = START + 30, turn = opens(l, now);
  assert_int_equal(turn - now, 10001);
  for (int i = 0; i < 3; i++) { /* each a minute later, 10 s into it, and the call after each goes through */
    now = refused(l, turn + i * MINUTE + 10000);
    assert_in_range(view(l, now).shut_ms, i == 0 ? 49000 : 1000, i == 0 ? 50000 : 1000);
    passed(l, opens(l, now));
  }
  static const int64_t rests[] = { 1000, 2000, 4000, 8000, 8000 }; /* in a row */
  for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
    now = refused(l, opens(l, now) + 1000);
    assert_int_equal(view(l, now).shut_ms, rests[i]);
  }
  end_limit(l);
}

/* Two throttled calls in a row cut more, but no more than a half in a minute. */
static void throttled_in_a_row_a_share_falls_by_half_at_most(void **state) {
  (void)state;
  jdc_limit *l = one_of_many(10000);
  int64_t now = opens(l, START + 30);
  now = refused(l, now + MINUTE + 10000);
  int64_t once = view(l, now).calls;
  assert_in_range(once, 118, 124);
  passed(l, opens(l, now));
  now = refused(l, now + MINUTE);
  int64_t first = view(l, now).calls, most = now + MINUTE, share = first;
  for (now = opens(l, now); now < most; now = opens(l, now)) {
    now = refused(l, now);
    if (now < most) share = view(l, now).calls;
  }
  assert_in_range(share, once / 2 - 2, once / 2 + 2);
  end_limit(l);
}

/* Many that were full late in the minute, then one early: the limit fell, to what there was until then. */
static void a_limit_that_fell_is_seen_at_once(void **state) {
  (void)state;
  jdc_limit *l = one_of_many(50000);
  int64_t turn = opens(l, START + 30);
  for (int i = 0; i < 8; i++, turn += MINUTE) {
    refused(l, turn + 55000);
    passed(l, turn + MINUTE);
  }
  int64_t before = view(l, turn + 30000).calls, now = refused(l, turn + 30000);
  assert_in_range(view(l, now).calls, before / 2, before / 2 + before / 50);
  end_limit(l);
}

/* One throttled answer that nothing followed, be the window used or not: it was somebody who is gone. */
static void who_is_alone_again_finds_it_out(void **state) {
  (void)state;
  for (int used = 0; used < 2; used++) {
    jdc_limit *l = one_of_many(30000);
    for (int64_t now = opens(l, START + 30), end = now + 20 * MINUTE; now < end; now += MINUTE / 60)
      if (used) passed(l, now);
    assert_int_equal(view(l, START + 22 * MINUTE).calls, 1000);
    end_limit(l);
  }
}

static void what_nobody_asks_for_is_forgotten(void **state) {
  (void)state;
  jdc_limit *l = one_of_many(30000);
  assert_true(view(l, START + 127 * MINUTE).calls <= 1000);
  refuse_one(l, START + 128 * MINUTE, 0);
  assert_true(view(l, START + 128 * MINUTE).calls < 1000);
  assert_int_equal(view(l, START + 256 * MINUTE + 1000).calls, 1000);
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
    cmocka_unit_test(who_shares_an_announced_limit_keeps_a_pace),
    cmocka_unit_test(who_keeps_a_pace_makes_up_for_a_little),
    cmocka_unit_test(who_shares_an_announced_limit_stops_in_time),
    cmocka_unit_test(a_crowd_that_is_told_nothing_any_more_grows_again),
    cmocka_unit_test(a_share_of_a_fast_window_is_kept_to),
    cmocka_unit_test(who_was_told_a_part_is_in_no_crowd),
    cmocka_unit_test(headers_of_the_minute_before_dont_stop_this_one),
    cmocka_unit_test(a_rolling_limit_that_is_used_up_is_left_alone_for_a_second),
    cmocka_unit_test(who_seems_to_be_one_of_many_keeps_a_pace),
    cmocka_unit_test(the_kind_of_window_is_seen_by_when_it_is_full),
    cmocka_unit_test(throttled_in_a_row_a_share_falls_by_half_at_most),
    cmocka_unit_test(a_limit_that_fell_is_seen_at_once),
    cmocka_unit_test(who_is_alone_again_finds_it_out),
    cmocka_unit_test(what_nobody_asks_for_is_forgotten),
    cmocka_unit_test(a_throttled_call_that_comes_again_keeps_its_place),
    cmocka_unit_test(the_role_says_whose_window_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
