/* test_limit_line.c - those who wait for the limiter: their order, what is given back, and windows that the service
 * shuts. */
#include "limit.h"

static void all_windows_are_passed_or_none(void **state) {
  (void)state;
  jdc_limit *l = new_limit(2, 1000);
  assert_int_equal(jdc_limit_set(l, JDC_STR("slow"), 1, 10000), JDC_OK);
  assert_int_equal(ask(l, "fast", "slow", START, 0).wait_ms, 0);
  jdc_str keys[2] = { JDC_STR("fast"), JDC_STR("slow") };
  jdc_grant g;
  for (int i = 0; i < 10; i++) {
    assert_int_equal(jdc_limit_reserve(l, keys, 2, START, START + 9999, 0, &g), JDC_OK);
    assert_false(g.granted);
    assert_int_equal(g.when_ms, START + 10000);
    assert_true(g.ticket == 0);
  }
  assert_int_equal(wait_of(l, "fast", START), 0); /* nothing was taken from it */
  end_limit(l);
}

static void who_waits_for_one_window_keeps_nobody_waiting_at_another(void **state) {
  (void)state;
  jdc_limit *l = new_limit(10, 1000);
  assert_int_equal(jdc_limit_set(l, JDC_STR("slow"), 1, 60000), JDC_OK);
  for (int64_t i = 0; i < 3; i++) assert_int_equal(ask(l, "fast", "slow", START, 0).wait_ms, i * 60000);
  for (int i = 0; i < 9; i++) assert_int_equal(wait_of(l, "fast", START), 0);
  assert_int_equal(wait_of(l, "fast", START), 1000);
  end_limit(l);
}

/* Come through at the one, it goes before those at the other who reserved later. */
static void the_ticket_counts_at_every_window(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  assert_int_equal(jdc_limit_set(l, JDC_STR("slow"), 1, 1500), JDC_OK);
  settle(l, ask(l, "slow", NULL, START, 0).ticket, START, &done);
  jdc_grant both = ask(l, "fast", "slow", START, 0), later, last;
  assert_int_equal(both.wait_ms, 1500);
  settle(l, ask(l, "fast", NULL, START + 1000, 0).ticket, START + 1000, &done);
  later = ask(l, "fast", NULL, START + 1100, 0);
  last = ask(l, "fast", NULL, START + 1100, 0);
  assert_int_equal(later.wait_ms, 900);
  assert_int_equal(ask(l, "fast", NULL, START + 1500, both.ticket).wait_ms, 500);
  assert_int_equal(ask(l, "fast", NULL, START + 2000, later.ticket).wait_ms, 1000);
  assert_int_equal(ask(l, "fast", NULL, START + 2000, last.ticket).wait_ms, 2000);
  assert_int_equal(wait_of(l, "slow", START + 1999), 1500); /* its slot there is kept */
  assert_int_equal(ask(l, "fast", NULL, START + 2000, both.ticket).wait_ms, 0);
  end_limit(l);
}

static void a_ticket_keeps_its_place_in_line(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 100);
  jdc_grant g[5];
  for (int i = 0; i < 5; i++) g[i] = ask(l, "k", NULL, START, 0);
  settle(l, g[0].ticket, START, &done);
  for (int64_t i = 1; i < 5; i++) {
    assert_int_equal(g[i].wait_ms, i * 100);
    assert_int_equal(ask(l, "k", NULL, START + 30, g[i].ticket).wait_ms, i * 100 - 30);
    assert_true(ask(l, "k", NULL, START + 40, g[i].ticket).ticket == g[i].ticket);
    assert_int_equal(ask(l, "another key", NULL, START + 50, g[i].ticket).wait_ms, i * 100 - 50);
  }
  assert_int_equal(ask(l, "k", NULL, START + 100, g[2].ticket).wait_ms, 100); /* kept for the first */
  assert_int_equal(wait_of(l, "k", START + 110), 400);
  assert_int_equal(ask(l, "k", NULL, START + 120, g[1].ticket).wait_ms, 0); /* late, but its turn */
  settle(l, g[1].ticket, START + 130, &done);
  assert_int_equal(ask(l, "k", NULL, START + 230, g[2].ticket).wait_ms, 0);
  end_limit(l);
}

/* What it was told is the least: calls on the wire take their time. */
static void a_caller_waits_for_the_answers_of_those_before_it(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 100);
  jdc_grant first = ask(l, "k", NULL, START, 0), second = ask(l, "k", NULL, START, 0);
  assert_int_equal(second.wait_ms, 100);
  assert_int_equal(ask(l, "k", NULL, START + 100, second.ticket).wait_ms, 100);
  settle(l, first.ticket, START + 140, &done);
  assert_int_equal(ask(l, "k", NULL, START + 200, second.ticket).wait_ms, 40);
  assert_int_equal(ask(l, "k", NULL, START + 240, second.ticket).wait_ms, 0);
  end_limit(l);
}

static void what_was_not_sent_is_given_back(void **state) {
  (void)state;
  jdc_limit *l = new_limit(3, 300);
  jdc_grant g[6];
  for (int round = 0; round < 3; round++) {
    for (int64_t i = 0; i < 6; i++) {
      g[i] = ask(l, "a", "b", START, 0);
      assert_int_equal(g[i].wait_ms, i < 3 ? 0 : 300);
    }
    for (int i = 0; i < 6; i++) settle(l, g[(i + round * 2) % 6].ticket, START, &not_sent);
  }
  for (int i = 0; i < 3; i++) assert_int_equal(wait_of(l, "a", START), 0);
  assert_int_equal(wait_of(l, "a", START), 300);
  for (int i = 0; i < 3; i++) assert_int_equal(wait_of(l, "b", START), 0);
  assert_int_equal(wait_of(l, "b", START), 300);
  end_limit(l);
}

static void what_was_sent_is_not_given_back(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  assert_int_equal(wait_of(l, "k", START), 1000);
  end_limit(l);
}

static void a_place_given_back_moves_up_those_behind_it_and_nobody_else(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 100);
  jdc_grant g[6];
  for (int i = 0; i < 6; i++) g[i] = ask(l, "k", NULL, START, 0); /* 0, 100 ... 500 */
  for (int i = 2; i < 4; i++) settle(l, g[i].ticket, START, &not_sent);
  assert_int_equal(wait_of(l, "k", START), 400);
  assert_int_equal(ask(l, "k", NULL, START, g[1].ticket).wait_ms, 100);
  assert_int_equal(ask(l, "k", NULL, START, g[4].ticket).wait_ms, 200);
  assert_int_equal(ask(l, "k", NULL, START, g[5].ticket).wait_ms, 300);
  settle(l, g[0].ticket, START + 10, &not_sent); /* a slot is free at once, for the first in line */
  assert_int_equal(wait_of(l, "k", START + 10), 400);
  assert_int_equal(ask(l, "k", NULL, START + 10, g[4].ticket).wait_ms, 100);
  assert_int_equal(ask(l, "k", NULL, START + 10, g[1].ticket).wait_ms, 0);
  end_limit(l);
}

/* In the middle of a long line too, whichever part of it has to move. */
static void a_long_line_keeps_its_order(void **state) {
  (void)state;
  enum { LONG = 3000 };
  static jdc_grant g[LONG];
  jdc_limit *l = new_limit(1, 100);
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  for (int64_t i = 0; i < LONG; i++) {
    g[i] = ask(l, "k", NULL, START, 0);
    assert_int_equal(g[i].wait_ms, (i + 1) * 100);
  }
  for (int i = 0; i < LONG; i++) /* two of three leave, from both ends */
    if (i % 3 != 0) settle(l, g[i % 2 == 0 ? i : LONG - 1 - i].ticket, START, &not_sent);
  int64_t left = 0;
  for (int i = 0; i < LONG; i++) {
    int other = LONG - 1 - i;
    bool gone = (i % 3 != 0 && i % 2 == 0) || (other % 3 != 0 && other % 2 != 0);
    if (!gone) assert_int_equal(ask(l, "k", NULL, START, g[i].ticket).wait_ms, ++left * 100);
  }
  assert_true(left > LONG / 4);
  end_limit(l);
}

static void nothing_is_taken_past_the_latest_moment(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  jdc_str key = JDC_STR("k");
  jdc_grant g;
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(jdc_limit_reserve(l, &key, 1, START, START + 999, 0, &g), JDC_OK);
    assert_false(g.granted);
    assert_int_equal(g.when_ms, START + 1000);
  }
  assert_int_equal(jdc_limit_reserve(l, &key, 1, START, START + 1000, 0, &g), JDC_OK);
  assert_true(g.granted);
  assert_int_equal(g.wait_ms, 1000);
  assert_int_equal(jdc_limit_reserve(l, &key, 1, START, START - 1, 0, &g), JDC_OK);
  assert_false(g.granted);
  end_limit(l);
}

static void a_ticket_that_would_be_too_late_is_given_back(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  jdc_str key = JDC_STR("k");
  jdc_grant g, first = ask(l, "k", NULL, START, 0), second = ask(l, "k", NULL, START, 0);
  throttle(l, first.ticket, START, 5000);
  assert_int_equal(jdc_limit_reserve(l, &key, 1, START + 1, START + 4999, second.ticket, &g), JDC_OK);
  assert_false(g.granted);
  assert_int_equal(g.when_ms, START + 5000);
  assert_true(g.ticket == 0);
  settle(l, second.ticket, START + 1, &not_sent); /* a second time: nothing more comes back */
  assert_int_equal(wait_of(l, "k", START + 1), 4999);
  assert_int_equal(wait_of(l, "k", START + 1), 4999); /* when it opens, the one before it may have gone */
  end_limit(l);
}

static void a_throttled_call_shuts_its_windows(void **state) {
  (void)state;
  static const struct {
    int64_t calls, window_ms, retry_after, shut;
  } rows[] = {
    { 10, MINUTE, 5000, 5000 },
    { 10, MINUTE, 0, 0 },
    { 10, MINUTE, 60000, 60000 },
    { 10, MINUTE, 86400000, 60000 },
    { 10, MINUTE, INT64_MAX, 60000 },
    { 10, MINUTE, -1, 1000 },
    { 10, 500, -1, 500 },
    { 0, MINUTE, 5000, 5000 },
    { 0, 300, -1, 300 },
    { 10, MINUTE, INT64_MIN, 1000 },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(rows[i].calls, rows[i].window_ms);
    jdc_grant g = ask(l, "a", "b", START, 0);
    assert_int_equal(g.wait_ms, 0);
    throttle(l, g.ticket, START + 20, rows[i].retry_after);
    assert_int_equal(wait_of(l, "a", START + 20), rows[i].shut);
    assert_int_equal(wait_of(l, "b", START + 20), rows[i].shut);
    assert_int_equal(wait_of(l, "c", START + 20), 0);
    end_limit(l);
  }
}

static void a_throttled_call_holds_the_line_that_waits(void **state) {
  (void)state;
  jdc_limit *l = new_limit(2, 200);
  jdc_grant sent = ask(l, "k", NULL, START, 0), going = ask(l, "k", NULL, START, 0);
  jdc_grant waits[3], other = ask(l, "other", NULL, START, 0);
  for (int64_t i = 0; i < 3; i++) {
    waits[i] = ask(l, "k", i == 1 ? "op" : NULL, START, 0);
    assert_int_equal(waits[i].wait_ms, i < 2 ? 200 : 400);
  }
  throttle(l, sent.ticket, START + 50, 1000);
  /* one slot is free by then, one may be, one not before a call that waits has been answered */
  for (int64_t i = 2; i >= 0; i--) assert_int_equal(ask(l, "k", NULL, START + 50, waits[i].ticket).wait_ms, 1000);
  assert_int_equal(ask(l, "k", NULL, START + 50, going.ticket).wait_ms, 1000);
  assert_int_equal(ask(l, "other", NULL, START + 50, other.ticket).wait_ms, 0);
  assert_int_equal(wait_of(l, "other", START + 50), 0);
  /* one at a time, since none went through: 600, if the share didn't grow; so it looks again as it does */
  assert_int_equal(ask(l, "k", NULL, START + 1050, waits[2].ticket).wait_ms, 200);
  assert_int_equal(ask(l, "k", NULL, START + 1050, waits[0].ticket).wait_ms, 200);
  end_limit(l);
}

static void shutting_again_holds_the_line_no_more_than_needed(void **state) {
  (void)state;
  jdc_limit *l = new_limit(3, 300);
  jdc_grant sent[3], waiting;
  for (int i = 0; i < 3; i++) sent[i] = ask(l, "k", NULL, START, 0);
  waiting = ask(l, "k", NULL, START, 0);
  throttle(l, sent[0].ticket, START + 10, 1000);
  throttle(l, sent[1].ticket, START + 20, 1000);
  throttle(l, sent[2].ticket, START + 30, 500);
  assert_int_equal(ask(l, "k", NULL, START + 30, waiting.ticket).wait_ms, 990);
  end_limit(l);
}

/* xorshift64: the same numbers in every run */
static uint64_t next_random(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  *x ^= *x << 17;
  return *x;
}

enum { CALLERS = 64, SENT_MAX = 20000 };

/* A caller of the crowd: waits until `due`, asks again, sends, and is settled a moment later. */
typedef struct caller {
  jdc_ticket ticket;
  int64_t due;
  size_t turn; /* of a sent one: which it is */
  bool sent;
} caller;

/* Never more than `calls` slots: of a call from its sending until a window after its answer. */
static void expect_within(const int64_t *sent, const int64_t *answered, size_t n, size_t calls, int64_t window) {
  for (size_t i = 0; i < n; i++) {
    size_t held = 0;
    for (size_t j = 0; j <= i; j++) held += answered[j] + window > sent[i];
    assert_in_range(held, 1, calls);
  }
}

/* Callers that come, wait, give up, fail and are throttled at random: who reserved later takes nobody's slot, no more
 * than the allowance is held at any time, and none goes while the window is shut. */
static void a_crowd_stays_in_line_and_within_the_window(void **state) {
  (void)state;
  enum { CALLS = 10, WINDOW = 1000 };
  static int64_t sent_at[SENT_MAX], answered_at[SENT_MAX];
  size_t throttled = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    jdc_limit *l = new_limit(CALLS, WINDOW);
    caller crowd[CALLERS] = { 0 };
    uint64_t x = seed * 88172645463325252u;
    size_t sent = 0;
    int64_t shut = 0, end = START + 60000;
    for (int64_t now = START; now < end && sent < SENT_MAX; now++) {
      for (size_t i = 0; i < CALLERS; i++) { /* those who wait, from anywhere in the line */
        caller *c = &crowd[(i * 37 + (size_t)now) % CALLERS];
        if (c->ticket == 0 || c->sent || c->due > now) continue;
        jdc_grant g = ask(l, "k", NULL, now, c->ticket);
        assert_true(g.ticket == c->ticket);
        c->due = now + g.wait_ms;
        if (g.wait_ms > 0) continue;
        assert_true(now >= shut);
        c->sent = true;
        c->due = now + 1 + (int64_t)(next_random(&x) % 30);
        c->turn = sent;
        answered_at[sent] = INT64_MAX / 2;
        sent_at[sent++] = now;
      }
      caller *c = &crowd[next_random(&x) % CALLERS];
      uint64_t dice = next_random(&x) % 100;
      if (c->ticket == 0 && dice < 15) {
        jdc_grant g = ask(l, "k", NULL, now, 0);
        *c = (caller){ .ticket = g.ticket, .due = now + g.wait_ms };
        if (g.wait_ms == 0) c->due = now; /* asks again at once, which changes nothing */
      } else if (c->ticket != 0 && !c->sent && dice < 1) {
        settle(l, c->ticket, now, &not_sent);
        c->ticket = 0;
      } else if (c->ticket != 0 && c->sent && c->due <= now) {
        int64_t hint = (int64_t)(next_random(&x) % 2000);
        answered_at[c->turn] = now;
        if (dice < 1) {
          throttle(l, c->ticket, now, hint);
          if (now + hint > shut) shut = now + hint;
          answered_at[c->turn] = now - WINDOW; /* refused: holds nothing any more */
          throttled++;
        } else {
          settle(l, c->ticket, now, &done);
        }
        c->ticket = 0;
      }
    }
    expect_within(sent_at, answered_at, sent, CALLS, WINDOW);
    assert_in_range(sent, 100, 60 * CALLS); /* and the line does move */
    end_limit(l);
  }
  assert_true(throttled > 10);
}

/* All have waited in the line of one window, and now do so in that of a slower one: slots of the first are not kept for
 * those who have long to wait there. */
static void who_waits_long_elsewhere_keeps_nobody_waiting(void **state) {
  (void)state;
  jdc_limit *l = new_limit(10, 10000);
  assert_int_equal(jdc_limit_set(l, JDC_STR("slow"), 1, 5000), JDC_OK);
  for (int i = 0; i < 10; i++) settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  jdc_ticket tickets[60];
  for (int i = 0; i < 60; i++) tickets[i] = ask(l, "k", "slow", START, 0).ticket;
  for (int i = 0; i < 60; i++) ask(l, "k", "slow", START + 10000, tickets[i]);
  assert_int_equal(wait_of(l, "k", START + 10000), 0);
  end_limit(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(who_waits_long_elsewhere_keeps_nobody_waiting),
    cmocka_unit_test(all_windows_are_passed_or_none),
    cmocka_unit_test(who_waits_for_one_window_keeps_nobody_waiting_at_another),
    cmocka_unit_test(the_ticket_counts_at_every_window),
    cmocka_unit_test(a_ticket_keeps_its_place_in_line),
    cmocka_unit_test(a_caller_waits_for_the_answers_of_those_before_it),
    cmocka_unit_test(what_was_not_sent_is_given_back),
    cmocka_unit_test(what_was_sent_is_not_given_back),
    cmocka_unit_test(a_place_given_back_moves_up_those_behind_it_and_nobody_else),
    cmocka_unit_test(a_long_line_keeps_its_order),
    cmocka_unit_test(nothing_is_taken_past_the_latest_moment),
    cmocka_unit_test(a_ticket_that_would_be_too_late_is_given_back),
    cmocka_unit_test(a_throttled_call_shuts_its_windows),
    cmocka_unit_test(a_throttled_call_holds_the_line_that_waits),
    cmocka_unit_test(shutting_again_holds_the_line_no_more_than_needed),
    cmocka_unit_test(a_crowd_stays_in_line_and_within_the_window),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
