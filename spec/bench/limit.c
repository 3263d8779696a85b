/* limit.c - what a reservation costs: of a call that passes the windows of its service and of its operation,
 * while a thousand calls are remembered; and of a caller in a line of a thousand. Ends with 1 above LIMIT. */
#define _POSIX_C_SOURCE 199309L

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/limit.h"

#define ROUNDS 15 /* odd, so that there is a middle one */
#define CALLS  200000
#define LINE   1000
#define LIMIT  100.0

static size_t held;

static void *count(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud;
  held += nsize - (ptr == NULL ? 0 : osize);
  if (nsize > 0) return realloc(ptr, nsize);
  free(ptr);
  return NULL;
}

static void must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "spec/bench/limit: %s\n", what);
  exit(1);
}

/* Processor time: what other processes take in between does not count. */
static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *of) {
  qsort(of, ROUNDS, sizeof *of, by_size);
  return of[ROUNDS / 2];
}

static const jdc_str keys[] = { { "AKEXAMPLE0001AKEXAMPLE0001/vm", 29 },
                                { "AKEXAMPLE0001AKEXAMPLE0001/vm.describeInstances", 47 } };

static jdc_grant reserve(jdc_limit *l, size_t nkeys, int64_t now, jdc_ticket ticket) {
  jdc_grant g;
  must(jdc_limit_reserve(l, keys, nkeys, now, JDC_NEVER, ticket, &g) == JDC_OK && g.granted, "refused");
  return g;
}

typedef struct cost {
  double reserve, settle;
} cost;

/* Calls as they may go, LINE at once in a second, answered at its end. */
static cost call_ns(jdc_limit *l, size_t nkeys, int64_t *now) {
  static const jdc_settlement done = { .outcome = JDC_SETTLE_DONE, .retry_after_ms = -1 };
  static jdc_ticket tickets[LINE];
  cost sum = { 0, 0 };
  for (int i = 0; i < CALLS / LINE; i++) {
    double start = now_ns();
    for (int j = 0; j < LINE; j++) {
      jdc_grant g = reserve(l, nkeys, *now, 0);
      must(g.wait_ms == 0, "it has to wait");
      tickets[j] = g.ticket;
    }
    double reserved = now_ns();
    for (int j = 0; j < LINE; j++) jdc_limit_settle(l, tickets[j], *now, &done);
    sum.reserve += (reserved - start) / CALLS;
    sum.settle += (now_ns() - reserved) / CALLS;
    *now += 1000;
  }
  return sum;
}

static double ask_again_ns(jdc_limit *l, int64_t now) {
  static jdc_ticket tickets[LINE];
  (void)reserve(l, 1, now, 0);
  for (int i = 0; i < LINE; i++) tickets[i] = reserve(l, 1, now, 0).ticket;
  double start = now_ns();
  for (int i = 0; i < CALLS; i++) must(reserve(l, 1, now, tickets[i % LINE]).wait_ms > 0, "it goes");
  return (now_ns() - start) / CALLS;
}

int main(void) {
  static double one[ROUNDS], two[ROUNDS], settled[ROUNDS], line[ROUNDS];
  jdc_limit *l;
  jdc_alloc alloc = { count, NULL };
  must(jdc_limit_new(alloc, 1001, 1000, &l) == JDC_OK, "no memory");
  int64_t now = 1000000;
  for (int round = 0; round < ROUNDS; round++) {
    one[round] = call_ns(l, 1, &now).reserve;
    cost both = call_ns(l, 2, &now);
    two[round] = both.reserve;
    settled[round] = both.settle;
    jdc_limit *full;
    must(jdc_limit_new(alloc, 1, 1000, &full) == JDC_OK, "no memory");
    line[round] = ask_again_ns(full, now);
    jdc_limit_free(full);
  }
  jdc_limit_free(l);

  size_t before = held;
  must(jdc_limit_new(alloc, 1 << 20, 3600000, &l) == JDC_OK, "no memory");
  (void)call_ns(l, 1, &now);
  size_t one_key = held - before;
  double a = median(one), b = median(two);
  printf("core limit: %.0f ns to reserve with one window, %.0f ns with two (limit %.0f); %.0f ns to settle two\n", a, b,
         LIMIT, median(settled));
  printf("core limit: %.0f ns to ask again in a line of %d\n", median(line), LINE);
  printf("core limit: %.1f bytes a call remembered (%d calls)\n", (double)one_key / CALLS, CALLS);
  jdc_limit_free(l);
  return a > LIMIT || b > LIMIT;
}
