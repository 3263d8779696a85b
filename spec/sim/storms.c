/* storms.c - `make sim`, the second part: the storms of storm.h as tables on the standard output; storms.txt is the
 * last. What must hold of them is asserted by spec/unit/test_storm.c. */
#include <inttypes.h>

#include "sim/storm.c"

#define MINUTE STORM_MINUTE

static const char *const troubles[] = { "refused", "503",       "silent",  "503, 10 s", "503, the end",
                                        "half",    "operation", "limited", "quota" };

static storm_cell crowd(storm_trouble trouble, bool shared, int clients, int64_t every_ms, int64_t minutes) {
  return (storm_cell){ .clients = clients,
                       .shared = shared,
                       .every_ms = every_ms,
                       .trouble = trouble,
                       .from_ms = MINUTE,
                       .until_ms = MINUTE * (1 + minutes),
                       .end_ms = MINUTE * (2 + minutes) + 5 * every_ms,
                       .seed = 1 };
}

static void row_head(const char *title) {
  printf("\n%s\n%-12s %-9s %7s %5s %7s %6s %6s %6s %6s %7s %6s %8s %8s\n", title, "trouble", "clients", "number",
         "every", "calls", "ratio", "fail %", "before", "during", "after", "failed", "through", "full");
}

static void row(const storm_cell *cell) {
  storm_result r = storm_run(cell);
  double calls = (double)r.calls;
  printf("%-12s %-9s %7d %5.0f %7" PRId64 " %6.3f %6.2f %6.1f %6" PRId64 " %7" PRId64 " %6" PRId64 " %8.1f %8.1f\n",
         troubles[cell->trouble], cell->shared ? "one cloud" : "apart", cell->clients, (double)cell->every_ms / 1000,
         r.calls, (double)r.sent / calls, 100.0 * (double)r.failed / calls, r.before, r.most_during, r.most_after,
         r.failed_after, (double)r.all_through / 1000, (double)r.recovered / 1000);
  fflush(stdout);
  storm_free(&r);
}

/* The seconds to look at: of the trouble, and after its end. */
static const int during[] = { -1, 0, 1, 2, 3, 5, 10, 11, 12, 15, 20, 30, 31, 40, 59 };
static const int after[] = { 0, 1, 2, 3, 5, 10, 15, 30 };

static void seconds_head(void) {
  printf("\nCalls that the server sees in the second -1 to 59 of the trouble | and 0 to 30 after it\n%-12s %-9s",
         "trouble", "clients");
  for (size_t i = 0; i < sizeof(during) / sizeof(during[0]); i++) printf(" %4d", during[i]);
  printf(" |");
  for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) printf(" %4d", after[i]);
  printf("\n");
}

static void seen_in(const storm_result *r, int64_t second) {
  printf(" %4" PRId64, storm_sum(r->seen, second * 10, second * 10 + 10));
}

static void seconds(const storm_cell *cell) {
  storm_result r = storm_run(cell);
  printf("%-12s %-9s", troubles[cell->trouble], cell->shared ? "one cloud" : "apart");
  for (size_t i = 0; i < sizeof(during) / sizeof(during[0]); i++) seen_in(&r, cell->from_ms / 1000 + during[i]);
  printf(" |");
  for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) seen_in(&r, cell->until_ms / 1000 + after[i]);
  printf("\n");
  fflush(stdout);
  storm_free(&r);
}

static void throttled(int calls, int64_t allowed, int64_t told, bool undated) {
  storm_cell cell = { .clients = calls,
                      .shared = true,
                      .limiter = true,
                      .undated = undated,
                      .trouble = STORM_LIMITED,
                      .until_ms = 60 * MINUTE,
                      .end_ms = 60 * MINUTE,
                      .allowed = allowed,
                      .told = told,
                      .seed = 1 };
  storm_result r = storm_run(&cell);
  printf("%6d %8" PRId64 " %8" PRId64 " %6s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9.1f\n",
         calls, allowed, told > 0 ? told : JDC_LIMIT_DEFAULT_CALLS, undated ? "no" : "yes", r.throttled,
         r.most_at_first, r.most_later, r.overtaken, r.overtaken_ms, (double)r.last_ms / 1000);
  fflush(stdout);
  storm_free(&r);
}

static void crowds(bool in_step) {
  for (int64_t every = 1000; every <= 10000; every *= 10)
    for (int shared = 1; shared >= 0; shared--)
      for (storm_trouble t = STORM_REFUSED; t <= STORM_PART; t++) {
        storm_cell cell = crowd(t, shared, 1000, every, 1);
        cell.in_step = in_step;
        row(&cell);
      }
}

int main(void) {
  printf(
      "Clients that call a service, and its trouble: connections refused; 503; no answer; 503 with Retry-After: 10,\n"
      "or until the very end; 503 to half of the calls, or to one operation in ten (the row is of its calls).\n"
      "one cloud: tasks with one retry quota; apart: processes. every: seconds from call to call. ratio: requests\n"
      "sent / calls that began meanwhile. before, during, after: calls that the server sees in 0.1 s, the mean and\n"
      "the most. failed: calls that began after it and failed. through: seconds after it until every client has had\n"
      "a success; full: until 99 %% of the calls come through for good.\n");
  row_head("A minute of trouble");
  crowds(false);
  row_head("The same without jitter: all draw the same number");
  crowds(true);
  row_head("An hour of trouble");
  for (int shared = 1; shared >= 0; shared--) {
    static const storm_trouble hours[] = { STORM_REFUSED, STORM_UNAVAILABLE, STORM_TOLD, STORM_HALF };
    for (int i = 0; i < 4; i++) {
      storm_cell cell = crowd(hours[i], shared, 100, 1000, 60);
      row(&cell);
    }
  }
  seconds_head();
  for (int shared = 1; shared >= 0; shared--)
    for (storm_trouble t = STORM_REFUSED; t <= STORM_PART; t++) {
      storm_cell cell = crowd(t, shared, 1000, 1000, 1);
      seconds(&cell);
    }
  printf(
      "\nCalls at once in one cloud, and a service that allows so many a minute of its clock. told: what the limiter\n"
      "begins with; dated: answers have a Date. throttled: answers with 429; first, later: calls that the server\n"
      "sees in its first minute, and in a later one at most. overtaken: sendings while a call that came before\n"
      "stood waiting, and by how many ms; end: when the last has come through, in seconds.\n"
      "%6s %8s %8s %6s %9s %9s %9s %9s %9s %9s\n",
      "calls", "allowed", "told", "dated", "throttled", "first", "later", "overtaken", "ms", "end");
  for (int undated = 0; undated < 2; undated++) {
    throttled(1000, 1000, 0, undated);
    throttled(1000, 600, 0, undated);
    throttled(1000, 600, 600, undated);
    throttled(3000, 1000, 0, undated);
    throttled(3000, 600, 0, undated);
    throttled(3000, 600, 600, undated);
    throttled(3000, 100, 0, undated);
  }
  return 0;
}
