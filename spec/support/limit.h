/* limit.h - what the tests of the limiter share: a limiter on a counting heap, and asking in one line. */
#ifndef TEST_LIMIT_H
#define TEST_LIMIT_H

#include "test.h"

#include "core/limit.h"

#define MINUTE INT64_C(60000)
#define START  INT64_C(1000000) /* the moment that tests begin at; as good as any */

static const jdc_settlement done = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = -1 };
static const jdc_settlement not_sent = { .outcome = JDC_SETTLE_NOT_SENT, .retry_after_ms = -1 };

static test_heap heap; /* of the limiter under test */

static inline jdc_limit *new_limit(int64_t calls, int64_t window_ms) {
  heap = (test_heap){ 0 };
  jdc_limit *l;
  assert_int_equal(jdc_limit_new(test_heap_alloc(&heap), calls, window_ms, &l), JDC_OK);
  return l;
}

static inline void end_limit(jdc_limit *l) {
  jdc_limit_free(l);
  assert_int_equal(heap.blocks, 0);
}

/* Reserves for one or two keys (b NULL: one) with no bound; ticket 0: a new place. */
static inline jdc_grant ask(jdc_limit *l, const char *a, const char *b, int64_t now, jdc_ticket ticket) {
  jdc_str keys[2] = { test_str(a), test_str(b) };
  jdc_grant g;
  assert_int_equal(jdc_limit_reserve(l, keys, b == NULL ? 1 : 2, now, JDC_NEVER, ticket, &g), JDC_OK);
  return g;
}

static inline int64_t wait_of(jdc_limit *l, const char *key, int64_t now) {
  jdc_grant g = ask(l, key, NULL, now, 0);
  assert_true(g.granted);
  assert_true(g.ticket != 0);
  return g.wait_ms;
}

static inline void settle(jdc_limit *l, jdc_ticket ticket, int64_t now, const jdc_settlement *s) {
  jdc_limit_settle(l, ticket, now, s);
}

static inline void throttle(jdc_limit *l, jdc_ticket ticket, int64_t now, int64_t retry_after_ms) {
  jdc_settlement s = { .outcome = JDC_SETTLE_THROTTLED, .retry_after_ms = retry_after_ms };
  jdc_limit_settle(l, ticket, now, &s);
}

#endif
