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
  for (int i = 0; i < 7; i++) assert_int_equal(wait_of(l, "fast", START), 0);
  assert_int_equal(wait_of(l, "fast", START), 100);
  end_limit(l);
}

static void a_ticket_keeps_its_place_in_line(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 100);
  jdc_grant g[5];
  for (int i = 0; i < 5; i++) g[i] = ask(l, "k", NULL, START, 0);
  for (int64_t i = 1; i < 5; i++) {
    assert_int_equal(g[i].wait_ms, i * 100);
    assert_int_equal(ask(l, "k", NULL, START + 30, g[i].ticket).wait_ms, i * 100 - 30);
    assert_true(ask(l, "k", NULL, START + 40, g[i].ticket).ticket == g[i].ticket);
    assert_int_equal(ask(l, "another key", NULL, START + 50, g[i].ticket).wait_ms, i * 100 - 50);
  }
  assert_int_equal(ask(l, "k", NULL, START + 400, g[4].ticket).wait_ms, 0);
  assert_int_equal(ask(l, "k", NULL, START + 410, g[1].ticket).wait_ms, 0); /* late, but its turn */
  assert_int_equal(wait_of(l, "k", START + 410), 90);
  end_limit(l);
}

static void what_was_not_sent_is_given_back(void **state) {
  (void)state;
  jdc_limit *l = new_limit(3, 300);
  jdc_grant g[6];
  for (int round = 0; round < 3; round++) {
    for (int64_t i = 0; i < 6; i++) {
      g[i] = ask(l, "a", "b", START, 0);
      assert_int_equal(g[i].wait_ms, i < 3 ? 0 : (i - 2) * 100);
    }
    for (int i = 0; i < 6; i++) settle(l, g[(i + round * 2) % 6].ticket, START, &not_sent);
  }
  for (int i = 0; i < 3; i++) assert_int_equal(wait_of(l, "a", START), 0);
  assert_int_equal(wait_of(l, "a", START), 100);
  for (int i = 0; i < 3; i++) assert_int_equal(wait_of(l, "b", START), 0);
  assert_int_equal(wait_of(l, "b", START), 100);
  end_limit(l);
}

static void what_was_sent_is_not_given_back(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  assert_int_equal(wait_of(l, "k", START), 1000);
  end_limit(l);
}

static void nobody_overtakes_through_a_place_given_back(void **state) {
  (void)state;
  static const struct {
    int64_t calls, window_ms;
    int64_t fresh[3]; /* what they wait who come when three places in the middle have been given back */
  } rows[] = { { 1, 100, { 600, 700, 800 } },
               { 2, 200, { 600, 700, 800 } },
               { 4, 400, { 500, 500, 600 } },
               { 100, 10000, { 500, 500, 500 } } };
  for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
    jdc_limit *l = new_limit(rows[r].calls, rows[r].window_ms);
    jdc_grant g[6];
    for (int64_t i = 1; i < rows[r].calls; i++) (void)wait_of(l, "k", START);
    for (int i = 0; i < 6; i++) g[i] = ask(l, "k", NULL, START, 0); /* 0, 100 ... 500 */
    for (int i = 1; i < 4; i++) settle(l, g[i].ticket, START, &not_sent);
    for (int i = 0; i < 3; i++) assert_int_equal(wait_of(l, "k", START), rows[r].fresh[i]);
    assert_int_equal(ask(l, "k", NULL, START + 1, g[4].ticket).wait_ms, 399);
    assert_int_equal(ask(l, "k", NULL, START + 1, g[5].ticket).wait_ms, 499);
    end_limit(l);
  }
}

static void nothing_is_taken_past_the_latest_moment(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  jdc_str key = JDC_STR("k");
  jdc_grant g;
  assert_int_equal(wait_of(l, "k", START), 0);
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
  assert_int_equal(wait_of(l, "k", START + 1), 5999);
  end_limit(l);
}

static void a_throttled_call_shuts_its_windows(void **state) {
  (void)state;
  static const struct {
    int64_t calls, window_ms, retry_after, shut, every;
  } rows[] = {
    { 10, MINUTE, 5000, 5000, 6000 },
    { 10, MINUTE, 0, 0, 6000 },
    { 10, MINUTE, 60000, 60000, 6000 },
    { 10, MINUTE, 86400000, 60000, 6000 },
    { 10, MINUTE, INT64_MAX, 60000, 6000 },
    { 10, MINUTE, -1, 1000, 6000 },
    { 10, 500, -1, 500, 50 },
    { 0, MINUTE, 5000, 5000, 0 },
    { 0, 300, -1, 300, 0 },
    { 10, MINUTE, INT64_MIN, 1000, 6000 },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(rows[i].calls, rows[i].window_ms);
    jdc_grant g = ask(l, "a", "b", START, 0);
    assert_int_equal(g.wait_ms, 0);
    throttle(l, g.ticket, START + 20, rows[i].retry_after);
    /* then one by one: the service had seen enough, so there is no credit */
    for (int64_t n = 0; n < 3; n++) {
      assert_int_equal(wait_of(l, "a", START + 20), rows[i].shut + n * rows[i].every);
      assert_int_equal(wait_of(l, "b", START + 20), rows[i].shut + n * rows[i].every);
    }
    assert_int_equal(wait_of(l, "c", START + 20), 0);
    end_limit(l);
  }
}

static void a_throttled_call_moves_the_line_that_waits(void **state) {
  (void)state;
  jdc_limit *l = new_limit(2, 200);
  jdc_grant sent = ask(l, "k", NULL, START, 0), going = ask(l, "k", NULL, START, 0);
  jdc_grant waits[3], other = ask(l, "other", NULL, START, 0);
  for (int64_t i = 0; i < 3; i++) {
    waits[i] = ask(l, "k", i == 1 ? "op" : NULL, START, 0);
    assert_int_equal(waits[i].wait_ms, (i + 1) * 100);
  }
  throttle(l, sent.ticket, START + 50, 1000);
  /* in the order and at the distance that they had; whoever comes now goes behind them */
  assert_int_equal(wait_of(l, "k", START + 50), 1300);
  for (int64_t i = 2; i >= 0; i--)
    assert_int_equal(ask(l, "k", NULL, START + 50, waits[i].ticket).wait_ms, 1000 + i * 100);
  assert_int_equal(ask(l, "k", NULL, START + 50, going.ticket).wait_ms, 1000);
  assert_int_equal(ask(l, "other", NULL, START + 50, other.ticket).wait_ms, 0);
  assert_int_equal(wait_of(l, "other", START + 50), 0);
  assert_int_equal(ask(l, "k", NULL, START + 1050, waits[0].ticket).wait_ms, 0);
  end_limit(l);
}

static void shutting_again_moves_the_line_no_more_than_needed(void **state) {
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
  size_t turn; /* how many reserved before */
  bool sent;
} caller;

/* Callers that come, wait, give up, fail and are throttled at random: whoever reserved later goes later, no more than
 * the burst and a window's allowance go within a window, and none while the window is shut. */
static void a_crowd_stays_in_line_and_within_the_rate(void **state) {
  (void)state;
  enum { CALLS = 10, WINDOW = 1000 };
  static int64_t sent_at[SENT_MAX];
  size_t throttled = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    jdc_limit *l = new_limit(CALLS, WINDOW);
    caller crowd[CALLERS] = { 0 };
    uint64_t x = seed * 88172645463325252u;
    size_t turns = 0, last_turn = 0, sent = 0;
    int64_t shut = 0, end = START + 60000;
    for (int64_t now = START; now < end && sent < SENT_MAX; now++) {
      for (size_t i = 0; i < CALLERS; i++) { /* those who wait; several may be due, in the order of their turns */
        caller *first = NULL;
        for (size_t j = 0; j < CALLERS; j++) {
          caller *c = &crowd[j];
          if (c->ticket != 0 && !c->sent && c->due <= now && (first == NULL || c->turn < first->turn)) first = c;
        }
        if (first == NULL) break;
        jdc_grant g = ask(l, "k", NULL, now, first->ticket);
        assert_true(g.ticket == first->ticket);
        first->due = now + g.wait_ms;
        if (g.wait_ms > 0) continue;
        assert_true(first->turn >= last_turn);
        assert_true(now >= shut);
        last_turn = first->turn;
        first->sent = true;
        first->due = now + 1 + (int64_t)(next_random(&x) % 30);
        sent_at[sent++] = now;
      }
      caller *c = &crowd[next_random(&x) % CALLERS];
      uint64_t dice = next_random(&x) % 100;
      if (c->ticket == 0 && dice < 5) {
        jdc_grant g = ask(l, "k", NULL, now, 0);
        *c = (caller){ .ticket = g.ticket, .due = now + g.wait_ms, .turn = ++turns };
      } else if (c->ticket != 0 && !c->sent && dice < 1) {
        settle(l, c->ticket, now, &not_sent);
        c->ticket = 0;
      } else if (c->ticket != 0 && c->sent && c->due <= now) {
        int64_t hint = (int64_t)(next_random(&x) % 2000);
        if (dice < 1) {
          throttle(l, c->ticket, now, hint);
          if (now + hint > shut) shut = now + hint;
          throttled++;
        } else {
          settle(l, c->ticket, now, &done);
        }
        c->ticket = 0;
      }
    }
    for (size_t i = 2 * CALLS; i < sent; i++) assert_true(sent_at[i] - sent_at[i - 2 * CALLS] >= WINDOW);
    assert_in_range(sent, 100, 60 * CALLS + CALLS); /* and the line does move */
    end_limit(l);
  }
  assert_true(throttled > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_windows_are_passed_or_none),
    cmocka_unit_test(who_waits_for_one_window_keeps_nobody_waiting_at_another),
    cmocka_unit_test(a_ticket_keeps_its_place_in_line),
    cmocka_unit_test(what_was_not_sent_is_given_back),
    cmocka_unit_test(what_was_sent_is_not_given_back),
    cmocka_unit_test(nobody_overtakes_through_a_place_given_back),
    cmocka_unit_test(nothing_is_taken_past_the_latest_moment),
    cmocka_unit_test(a_ticket_that_would_be_too_late_is_given_back),
    cmocka_unit_test(a_throttled_call_shuts_its_windows),
    cmocka_unit_test(a_throttled_call_moves_the_line_that_waits),
    cmocka_unit_test(shutting_again_moves_the_line_no_more_than_needed),
    cmocka_unit_test(a_crowd_stays_in_line_and_within_the_rate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
