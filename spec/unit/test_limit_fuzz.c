/* test_limit_fuzz.c - the limiter under callers that do as they are told, and a service that says anything: whatever
 * comes, no call goes that would be one more than allowed in a span, no wait is negative or for ever, and calls go on.
 */
#include "limit.h"

#define CALLERS  40
#define CALLS    150
#define SPAN     MINUTE
#define SENT_MAX 60000
#define WALL     INT64_C(1706745600000)

typedef struct caller {
  jdc_ticket ticket;
  int64_t due;  /* when it does its next step */
  int64_t went; /* when its call was sent; -1: it isn't on the wire */
} caller;

typedef struct fuzz {
  jdc_limit *l;
  uint64_t random;
  caller callers[CALLERS];
  int64_t answered[SENT_MAX]; /* moments of answers, */
  size_t first, n;            /* those from here on hold a slot */
  int64_t skew;               /* of the service's clock */
  int64_t throttled;          /* calls of a hundred */
} fuzz;

static int64_t below(fuzz *f, int64_t n) {
  uint64_t z = (f->random += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (int64_t)((z ^ (z >> 31)) % (uint64_t)n);
}

/* What a service may say, and what it may not: any figure, and Dates that jump. */
static jdc_settlement say(fuzz *f, int64_t now, int64_t wild) {
  static const int64_t odd[] = { -1, 0, 1, INT64_MAX, INT64_MIN, JDC_LIMIT_CALLS_MAX, 600 };
  jdc_settlement s = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = -1 };
  int64_t dice = below(f, 100);
  if (below(f, 1000) < wild) f->skew += below(f, 7200000) - 3600000;
  if (dice < 80) s.date_ms = (WALL + now + f->skew) / 1000 * 1000;
  if (dice % 3 == 0) {
    s.limit = CALLS + below(f, 3) * 10;
    s.left = below(f, CALLS);
  }
  if (below(f, 100) < wild) s.limit = odd[below(f, 7)];
  if (below(f, 100) < wild) s.left = odd[below(f, 7)];
  if (below(f, 100) < f->throttled) {
    s.outcome = JDC_SETTLE_THROTTLED;
    s.again = below(f, 2) == 0;
    if (below(f, 4) == 0) s.retry_after_ms = below(f, 5000);
    if (below(f, 100) < wild) s.retry_after_ms = odd[below(f, 7)];
  }
  return s;
}

/* A ticket that is as old has expired: the limiter takes its call for lost. */
static bool is_lost(const caller *c, int64_t now) { return now - c->went > SPAN + JDC_LIMIT_SPARE_MS; }

static void land(fuzz *f, caller *c, int64_t now, int64_t wild) {
  jdc_settlement s = say(f, now, wild);
  settle(f->l, c->ticket, now, &s);
  if (s.outcome == JDC_SETTLE_DONE && !is_lost(c, now)) f->answered[f->n++] = now;
  if (s.outcome == JDC_SETTLE_DONE || !s.again) c->ticket = 0;
  c->went = -1;
  c->due = now + 1 + below(f, 800);
}

/* Slots that are held, by calls on the wire and by those that were answered within a span. */
static size_t held(fuzz *f, int64_t now) {
  while (f->first < f->n && f->answered[f->first] + SPAN <= now) f->first++;
  size_t n = f->n - f->first;
  for (int i = 0; i < CALLERS; i++) n += f->callers[i].went >= 0 && !is_lost(&f->callers[i], now);
  return n;
}

static void step(fuzz *f, caller *c, int64_t now, int64_t wild) {
  if (c->went >= 0) {
    land(f, c, now, wild);
    return;
  }
  jdc_grant g = ask(f->l, "k", NULL, now, c->ticket);
  assert_true(g.granted);
  assert_true(g.wait_ms >= 0);
  assert_true(g.wait_ms <= 8 * SPAN);
  c->ticket = g.ticket;
  c->due = now + g.wait_ms;
  if (g.wait_ms > 0) return;
  assert_true(held(f, now) < CALLS);
  c->went = now;
  c->due = now + 1 + below(f, 300);
}

static void run(uint64_t seed, int64_t throttled, int64_t wild) {
  enum { MINUTES = 240 };
  static fuzz f;
  f = (fuzz){ .random = seed, .throttled = throttled, .l = new_limit(1000, SPAN) };
  assert_int_equal(jdc_limit_set(f.l, JDC_STR("k"), CALLS, SPAN), JDC_OK);
  for (int i = 0; i < CALLERS; i++) f.callers[i] = (caller){ .went = -1, .due = START + below(&f, 1000) };
  int64_t end = START + MINUTES * MINUTE;
  for (int64_t now = START; now < end && f.n < SENT_MAX;) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < CALLERS; i++) {
      if (f.callers[i].due <= now) step(&f, &f.callers[i], now, wild);
      if (f.callers[i].due < next) next = f.callers[i].due;
    }
    now = next > now ? next : now + 1;
    if (below(&f, 20000) == 0) now += below(&f, 300) * MINUTE; /* all are away for hours */
  }
  assert_true(f.n > MINUTES);
  end_limit(f.l);
}

static void a_service_that_throttles_nobody(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 4; seed++) run(seed, 0, 0);
}

static void a_service_that_says_what_services_say(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) run(seed, 3, 0);
}

static void a_service_that_says_anything(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 40; seed++) run(seed, 3, 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_service_that_throttles_nobody),
    cmocka_unit_test(a_service_that_says_what_services_say),
    cmocka_unit_test(a_service_that_says_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
