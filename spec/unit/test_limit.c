/* test_limit.c - the limiter on virtual time: windows, allowances, keys, and what becomes of tickets that nobody
 * settles. The line of those who wait is in test_limit_line.c. */
#include "limit.h"

#include <stdio.h>

static void a_windows_allowance_goes_at_once_then_a_window_after_the_answers(void **state) {
  (void)state;
  jdc_limit *l = new_limit(5, 1000);
  jdc_grant g[5];
  for (int i = 0; i < 5; i++) {
    g[i] = ask(l, "k", NULL, START, 0);
    assert_int_equal(g[i].wait_ms, 0);
  }
  for (int i = 0; i < 3; i++) settle(l, g[i].ticket, START + 10 * (i + 1), &done);
  /* three that are answered, two on the wire that could be answered now, and five that wait */
  static const int64_t waits[] = { 980, 990, 1000, 1000, 1000, 1980, 1990, 2000, 2000, 2000, 2980 };
  for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) assert_int_equal(wait_of(l, "k", START + 30), waits[i]);
  end_limit(l);
}

static void who_goes_after_a_limit_was_set_counts_beside_those_on_the_wire(void **state) {
  (void)state;
  jdc_limit *l = new_limit(0, 1000);
  jdc_ticket tickets[21];
  for (int i = 0; i < 20; i++) tickets[i] = ask(l, "k", NULL, START, 0).ticket;
  assert_int_equal(jdc_limit_set(l, JDC_STR(""), 21, 1000), JDC_OK);
  tickets[20] = ask(l, "k", NULL, START, 0).ticket;
  for (int i = 0; i < 21; i++) settle(l, tickets[i], START + 10, &done);
  assert_int_equal(wait_of(l, "k", START + 10), 1000);
  end_limit(l);
}

static void idle_time_is_credit_for_one_window_at_most(void **state) {
  (void)state;
  jdc_limit *l = new_limit(5, 1000);
  for (int i = 0; i < 5; i++) settle(l, ask(l, "k", NULL, START, 0).ticket, START + i, &done);
  for (int64_t i = 0; i < 3; i++) assert_int_equal(ask(l, "k", NULL, START + 1000 + i, 0).wait_ms, 0);
  assert_int_equal(wait_of(l, "k", START + 1002), 1);
  for (int i = 0; i < 5; i++) assert_int_equal(wait_of(l, "k", START + 3600000), 0);
  assert_int_equal(wait_of(l, "k", START + 3600000), 1000);
  end_limit(l);
}

/* One caller that always asks at once, and is answered at once, gets the allowance, and not one call more. */
static void a_rate_is_held(void **state) {
  (void)state;
  static const struct {
    int64_t calls, window_ms, windows;
  } rows[] = { { 1000, MINUTE, 60 }, { 1, 1000, 3600 }, { 7, 1000, 3600 }, { 3, 10000, 360 }, { 30000, 1000, 3 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(rows[i].calls, rows[i].window_ms);
    int64_t now = START, end = START + rows[i].window_ms * rows[i].windows, sent = 0;
    for (;; sent++) {
      jdc_grant g = ask(l, "k", NULL, now, 0);
      now += g.wait_ms;
      if (now >= end) break;
      if (g.wait_ms > 0) assert_int_equal(ask(l, "k", NULL, now, g.ticket).wait_ms, 0);
      settle(l, g.ticket, now, &done);
    }
    assert_int_equal(sent, rows[i].calls * rows[i].windows);
    end_limit(l);
  }
}

/* More than is remembered: in parts of the window, as much in all. */
static void a_great_allowance_is_held_in_parts(void **state) {
  (void)state;
  jdc_limit *l = new_limit(4 * JDC_LIMIT_CALLS_MAX, 4000);
  for (int64_t second = 0; second < 2; second++) {
    int64_t now = START + 1000 * second;
    for (int i = 0; i < JDC_LIMIT_CALLS_MAX; i++) settle(l, ask(l, "k", NULL, now, 0).ticket, now, &done);
    assert_int_equal(wait_of(l, "k", now), 1000);
    end_limit(l);
    l = new_limit(4 * JDC_LIMIT_CALLS_MAX, 4000);
  }
  end_limit(l);
}

static void a_script_of_500_calls_waits_for_nothing_and_one_of_3000_for_two_windows(void **state) {
  (void)state;
  static const struct {
    int64_t calls, windows;
  } rows[] = { { 500, 0 }, { 1000, 0 }, { 1001, 1 }, { 2000, 1 }, { 3000, 2 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(1000, MINUTE);
    int64_t now = START, waited = 0;
    for (int64_t n = 0; n < rows[i].calls; n++) { /* each answered after 20 ms, one after the other */
      jdc_grant g = ask(l, "ak/vm", "ak/vm.op", now, 0);
      waited += g.wait_ms;
      now += g.wait_ms;
      if (g.wait_ms > 0) assert_int_equal(ask(l, "ak/vm", "ak/vm.op", now, g.ticket).wait_ms, 0);
      now += 20;
      settle(l, g.ticket, now, &done);
    }
    assert_int_equal(now - START, rows[i].calls * 20 + waited);
    /* each window begins again with the first answer of the one before */
    assert_int_equal(waited, rows[i].windows * (MINUTE - 1000 * 20 + 20));
    end_limit(l);
  }
}

static void windows_have_allowances_of_their_own(void **state) {
  (void)state;
  jdc_limit *l = new_limit(2, 1000);
  assert_int_equal(jdc_limit_set(l, JDC_STR("/vm"), 1, 10000), JDC_OK);
  assert_int_equal(jdc_limit_set(l, JDC_STR("special/vm"), 1, 60000), JDC_OK);
  assert_int_equal(jdc_limit_set(l, JDC_STR("/free"), 0, 1000), JDC_OK);
  static const struct {
    const char *key;
    int64_t second;
  } rows[] = { { "ak/vm", 10000 }, { "other/vm", 10000 }, { "special/vm", 60000 }, { "ak/vpc", 0 }, { "vm", 0 } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(wait_of(l, rows[i].key, START), 0);
    assert_int_equal(wait_of(l, rows[i].key, START), rows[i].second);
  }
  for (int i = 0; i < 1000; i++) assert_int_equal(wait_of(l, "ak/free", START), 0);
  end_limit(l);
}

static void an_allowance_can_be_changed_later(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  jdc_grant waits = ask(l, "k", NULL, START, 0);
  assert_int_equal(waits.wait_ms, 1000);
  assert_int_equal(jdc_limit_set(l, JDC_STR(""), 1, 100), JDC_OK);
  assert_int_equal(wait_of(l, "k", START), 200); /* behind the one who waits already */
  assert_int_equal(ask(l, "k", NULL, START, waits.ticket).wait_ms, 100);
  assert_int_equal(jdc_limit_set(l, JDC_STR(""), 5, 100), JDC_OK);
  assert_int_equal(ask(l, "k", NULL, START, waits.ticket).wait_ms, 0);
  for (int i = 0; i < 2; i++) settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  assert_int_equal(jdc_limit_set(l, JDC_STR("k"), 2, 500), JDC_OK); /* four are held */
  assert_int_equal(wait_of(l, "k", START), 500);
  assert_int_equal(jdc_limit_set(l, JDC_STR("k"), 0, 100), JDC_OK);
  assert_int_equal(wait_of(l, "k", START), 0);
  assert_int_equal(jdc_limit_set(l, JDC_STR("k"), 1, 500), JDC_OK);
  assert_int_equal(wait_of(l, "k", START + 200000), 0);
  assert_int_equal(wait_of(l, "k", START + 200000), 500);
  end_limit(l);
}

static void wrong_allowances_are_refused(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000), *none = l;
  static const struct {
    int64_t calls, window_ms;
  } rows[] = { { -1, 1000 },     { 1, 0 },         { 0, 0 },        { 1, -1 }, { 1, JDC_LIMIT_WINDOW_MAX_MS + 1 },
               { 1, INT64_MAX }, { INT64_MIN, 1 }, { 1, INT64_MIN } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(jdc_limit_set(l, JDC_STR(""), rows[i].calls, rows[i].window_ms), JDC_INVALID);
    assert_int_equal(jdc_limit_new(test_heap_alloc(&heap), rows[i].calls, rows[i].window_ms, &none), JDC_INVALID);
    assert_null(none);
  }
  assert_int_equal(wait_of(l, "k", START), 0);
  assert_int_equal(wait_of(l, "k", START), 1000);
  end_limit(l);
}

static void the_greatest_allowances_do_not_overflow(void **state) {
  (void)state;
  jdc_limit *l = new_limit(INT64_MAX, JDC_LIMIT_WINDOW_MAX_MS);
  for (int i = 0; i < 1000; i++) assert_int_equal(wait_of(l, "k", START), 0);
  end_limit(l);
  l = new_limit(INT64_MAX, 1);
  for (int i = 0; i < 1000; i++) assert_int_equal(wait_of(l, "k", START), 0);
  end_limit(l);
  l = new_limit(1, JDC_LIMIT_WINDOW_MAX_MS);
  for (int64_t i = 0; i < 2000; i++) /* after eight windows it is to look again */
    assert_int_equal(wait_of(l, "k", START), (i < 8 ? i : 8) * JDC_LIMIT_WINDOW_MAX_MS);
  end_limit(l);
  l = new_limit(1, 1000);
  assert_int_equal(wait_of(l, "k", INT64_MIN), 0);
  assert_int_equal(wait_of(l, "k", -START), 0);
  assert_int_equal(wait_of(l, "k", START), 0);
  assert_false(ask(l, "k", NULL, INT64_MAX, 0).granted); /* not a moment any more */
  end_limit(l);
}

static void too_many_rules_are_refused(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  char suffix[JDC_LIMIT_KEY_MAX + 1];
  for (int i = 1; i < JDC_LIMIT_RULES; i++) {
    (void)snprintf(suffix, sizeof(suffix), "/%d", i);
    assert_int_equal(jdc_limit_set(l, test_str(suffix), i, 1000), JDC_OK);
  }
  assert_int_equal(jdc_limit_set(l, JDC_STR("/one more"), 1, 1000), JDC_TOO_BIG);
  assert_int_equal(jdc_limit_set(l, JDC_STR("/7"), 2, 1000), JDC_OK);
  memset(suffix, 'x', sizeof(suffix));
  assert_int_equal(jdc_limit_set(l, (jdc_str){ suffix, sizeof(suffix) }, 1, 1000), JDC_INVALID);
  end_limit(l);
}

static void wrong_keys_are_refused(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  char longest[JDC_LIMIT_KEY_MAX + 1];
  memset(longest, 'x', sizeof(longest));
  jdc_str keys[JDC_LIMIT_CALL_KEYS + 1];
  for (size_t i = 0; i <= JDC_LIMIT_CALL_KEYS; i++) keys[i] = (jdc_str){ longest, i + 1 };
  jdc_grant g;
  assert_int_equal(jdc_limit_reserve(l, keys, JDC_LIMIT_CALL_KEYS + 1, START, JDC_NEVER, 0, &g), JDC_INVALID);
  assert_int_equal(jdc_limit_reserve(l, keys, JDC_LIMIT_CALL_KEYS, START, JDC_NEVER, 0, &g), JDC_OK);
  keys[0] = (jdc_str){ longest, sizeof(longest) };
  assert_int_equal(jdc_limit_reserve(l, keys, 1, START, JDC_NEVER, 0, &g), JDC_INVALID);
  keys[0].len--;
  assert_int_equal(jdc_limit_reserve(l, keys, 1, START, JDC_NEVER, 0, &g), JDC_OK);
  assert_true(g.granted);
  assert_int_equal(jdc_limit_reserve(l, NULL, 0, START, JDC_NEVER, 0, &g), JDC_OK);
  assert_true(g.granted);
  assert_int_equal(g.wait_ms, 0);
  end_limit(l);
}

static void a_key_named_twice_counts_once(void **state) {
  (void)state;
  jdc_limit *l = new_limit(2, 1000);
  assert_int_equal(ask(l, "k", "k", START, 0).wait_ms, 0);
  assert_int_equal(wait_of(l, "k", START), 0);
  assert_int_equal(wait_of(l, "k", START), 1000);
  end_limit(l);
}

static void unknown_late_and_settled_tickets_are_ignored(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 1000);
  jdc_grant g = ask(l, "k", NULL, START, 0);
  static const jdc_ticket unknown[] = { 0, 1, 12345, UINT64_MAX };
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
    settle(l, unknown[i], START, &not_sent);
    throttle(l, unknown[i], START, 5000);
  }
  assert_int_equal(wait_of(l, "k", START), 1000);
  settle(l, g.ticket, START, &done);
  settle(l, g.ticket, START, &not_sent);
  throttle(l, g.ticket, START, 50000);
  assert_int_equal(wait_of(l, "k", START), 2000);
  jdc_grant again = ask(l, "k", NULL, START, g.ticket); /* its place is gone: the end of the line */
  assert_true(again.ticket != g.ticket);
  assert_int_equal(again.wait_ms, 3000);
  end_limit(l);
}

static void a_ticket_expires_a_window_and_a_minute_after_its_moment(void **state) {
  (void)state;
  static const struct {
    int64_t after;
    bool alive;
  } rows[] = { { 2 * MINUTE, true }, { 2 * MINUTE + 1, false }, { 24 * 60 * MINUTE, false } };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_limit *l = new_limit(1, MINUTE);
    settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
    jdc_grant g = ask(l, "k", NULL, START, 0); /* goes a minute later */
    int64_t now = START + MINUTE + rows[i].after;
    throttle(l, g.ticket, now, 5000);
    assert_int_equal(wait_of(l, "k", now), rows[i].alive ? 5000 : 0);
    end_limit(l);
  }
}

/* Who stands before a caller and never comes, or never ends, keeps his slot for as long and no longer. */
static void lost_tickets_give_their_slots_back(void **state) {
  (void)state;
  for (int flying = 0; flying < 2; flying++) {
    jdc_limit *l = new_limit(1, MINUTE);
    jdc_grant lost = ask(l, "k", NULL, START, 0), waits;
    if (!flying) {
      settle(l, lost.ticket, START, &done);
      (void)ask(l, "k", NULL, START, 0);
    }
    waits = ask(l, "k", NULL, START + 1, 0);
    int64_t end = START + (flying ? 2 : 3) * MINUTE;
    for (int64_t now = START + MINUTE; now <= end; now += MINUTE)
      assert_true(ask(l, "k", NULL, now, waits.ticket).wait_ms > 0);
    assert_int_equal(ask(l, "k", NULL, end + 1001, waits.ticket).wait_ms, 0);
    end_limit(l);
  }
}

static void lost_tickets_make_room_again(void **state) {
  (void)state;
  jdc_limit *l = new_limit(0, 1000);
  jdc_grant g, first = ask(l, "k", NULL, START, 0);
  for (int i = 1; i < JDC_LIMIT_TICKETS; i++) {
    g = ask(l, "k", NULL, START + 1, 0);
    assert_true(g.granted);
  }
  g = ask(l, "k", NULL, START + 2, 0);
  assert_false(g.granted);
  assert_int_equal(g.when_ms, START + 61001); /* when the first of them is given up */
  settle(l, g.ticket, START + 2, &not_sent);
  settle(l, first.ticket, START + 2, &done);
  assert_true(ask(l, "k", NULL, START + 2, 0).granted);
  assert_false(ask(l, "k", NULL, START + 61001, 0).granted);
  for (int i = 1; i < JDC_LIMIT_TICKETS; i++) assert_true(ask(l, "k", NULL, START + 61002, 0).granted);
  assert_false(ask(l, "k", NULL, START + 61002, 0).granted);
  end_limit(l);
}

static void settled_tickets_need_no_memory(void **state) {
  (void)state;
  jdc_limit *l = new_limit(0, 1000);
  settle(l, ask(l, "k", NULL, START, 0).ticket, START, &done);
  size_t calls = heap.calls;
  jdc_ticket last = 0;
  for (int i = 0; i < 100000; i++) {
    jdc_grant g = ask(l, "k", NULL, START, 0);
    assert_true(g.ticket > last); /* never the same again */
    last = g.ticket;
    settle(l, g.ticket, START, &done);
  }
  assert_int_equal(heap.calls, calls);
  end_limit(l);
}

static void one_key_too_many_forgets_the_one_idle_longest(void **state) {
  (void)state;
  jdc_limit *l = new_limit(1, 60000);
  char key[32];
  jdc_grant first = { 0 };
  for (int i = 0; i < JDC_LIMIT_KEYS; i++) {
    (void)snprintf(key, sizeof(key), "key %d", i);
    jdc_grant g = ask(l, key, NULL, START + i, 0);
    if (i == 0) first = g;
    assert_int_equal(g.wait_ms, 0);
  }
  int64_t now = START + JDC_LIMIT_KEYS;
  jdc_grant waits = ask(l, "key 1", NULL, now, 0); /* in use until it has gone */
  assert_int_equal(waits.wait_ms, 60000);
  assert_int_equal(ask(l, "new 1", "new 2", now, 0).wait_ms, 0); /* in the place of 0 and 2 */
  settle(l, first.ticket, now, &not_sent);                       /* has no window any more */
  throttle(l, first.ticket, now, 60000);
  assert_int_equal(wait_of(l, "new 1", now), 60000);
  assert_int_equal(wait_of(l, "new 2", now), 60000);
  assert_true(wait_of(l, "key 1", now) > 0);
  assert_true(wait_of(l, "key 3", now) > 0);
  assert_int_equal(wait_of(l, "key 2", now), 0);
  assert_int_equal(wait_of(l, "key 0", now), 0);
  end_limit(l);
}

static jdc_status many_of_everything(jdc_alloc alloc) {
  jdc_limit *l;
  jdc_status status = jdc_limit_new(alloc, 1, 1000, &l);
  char text[32];
  for (int i = 0; i < 20 && status == JDC_OK; i++) {
    (void)snprintf(text, sizeof(text), "/%d", i);
    status = jdc_limit_set(l, test_str(text), 1, 1000);
  }
  for (int i = 0; i < 40 && status == JDC_OK; i++) {
    (void)snprintf(text, sizeof(text), "k/%d", i);
    jdc_grant g;
    jdc_str keys[2] = { test_str(text), JDC_STR("all") };
    status = jdc_limit_reserve(l, keys, 2, START, JDC_NEVER, 0, &g);
    if (status == JDC_OK) continue;
    assert_false(g.granted);
    assert_true(g.ticket == 0);
    /* nothing was taken */
    jdc_str all = JDC_STR("all");
    if (i > 0 && jdc_limit_reserve(l, &all, 1, START, START, 0, &g) == JDC_OK) assert_true(g.when_ms > START);
  }
  jdc_limit_free(l);
  return status;
}

static void an_allocation_that_fails_takes_nothing(void **state) {
  (void)state;
  test_every_allocation(many_of_everything);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_windows_allowance_goes_at_once_then_a_window_after_the_answers),
    cmocka_unit_test(who_goes_after_a_limit_was_set_counts_beside_those_on_the_wire),
    cmocka_unit_test(idle_time_is_credit_for_one_window_at_most),
    cmocka_unit_test(a_rate_is_held),
    cmocka_unit_test(a_great_allowance_is_held_in_parts),
    cmocka_unit_test(a_script_of_500_calls_waits_for_nothing_and_one_of_3000_for_two_windows),
    cmocka_unit_test(windows_have_allowances_of_their_own),
    cmocka_unit_test(an_allowance_can_be_changed_later),
    cmocka_unit_test(wrong_allowances_are_refused),
    cmocka_unit_test(the_greatest_allowances_do_not_overflow),
    cmocka_unit_test(too_many_rules_are_refused),
    cmocka_unit_test(wrong_keys_are_refused),
    cmocka_unit_test(a_key_named_twice_counts_once),
    cmocka_unit_test(unknown_late_and_settled_tickets_are_ignored),
    cmocka_unit_test(a_ticket_expires_a_window_and_a_minute_after_its_moment),
    cmocka_unit_test(lost_tickets_give_their_slots_back),
    cmocka_unit_test(lost_tickets_make_room_again),
    cmocka_unit_test(settled_tickets_need_no_memory),
    cmocka_unit_test(one_key_too_many_forgets_the_one_idle_longest),
    cmocka_unit_test(an_allocation_that_fails_takes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
