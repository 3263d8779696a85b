/* limit_window.h - inside of limit: the windows that calls pass, one for each key, and the allowances that keys have.
 *
 * A window is a token bucket that counts in time (GCRA): `next` is when the next call would go if none had credit, and
 * credit reaches back from now by at most one window's allowance. Moments and spans are nanoseconds, so that rates of
 * thousands a second stay exact; a span that doesn't divide is rounded up. */
#ifndef JDC_LIMIT_WINDOW_H
#define JDC_LIMIT_WINDOW_H

#include "limit.h"

JDC_BEGIN

#define JDC_MS          INT64_C(1000000) /* nanoseconds */
#define JDC_MOMENT_MAX  (INT64_MAX / 4)  /* 73 years; what is later is never. Sums of two moments don't overflow */
#define JDC_WINDOW_NONE SIZE_MAX

typedef struct jdc_rate {
  int64_t every;  /* from one call to the next; 0: no limit */
  int64_t burst;  /* as far back as credit reaches */
  int64_t window; /* as given */
} jdc_rate;

typedef struct jdc_window {
  char key[JDC_LIMIT_KEY_MAX];
  size_t len;
  uint64_t serial; /* tells it from others that had its place before */
  jdc_rate rate;
  int64_t next; /* when the next call may go; earlier than now: that much credit */
  int64_t shut; /* none may go before, the service said so */
  int64_t last; /* the last moment that a caller in line was given by this window, see jdc_limit_reserve */
  bool unsure;  /* `last` may have been given back */
  int64_t used; /* when it was or will be needed last */
} jdc_window;

typedef struct jdc_limit_rule {
  char suffix[JDC_LIMIT_KEY_MAX];
  size_t len;
  jdc_rate rate;
} jdc_limit_rule;

typedef struct jdc_windows {
  jdc_alloc alloc;
  jdc_limit_rule *rules;
  size_t nrules, rules_cap;
  jdc_window *list;
  size_t count, cap;
  uint64_t serial;
} jdc_windows;

/* Doubles an array of at most `max` elements; NULL if the allocator gave nothing, and the array is as before. */
JDC_MUST_USE void *jdc_limit_grow(jdc_alloc alloc, void *array, size_t *cap, size_t size, size_t max);

void jdc_windows_free(jdc_windows *ws);

/* As jdc_limit_set. */
JDC_MUST_USE jdc_status jdc_windows_set(jdc_windows *ws, jdc_str suffix, int64_t calls, int64_t window_ms);

/* The place of a key's window, JDC_WINDOW_NONE if it has none. */
size_t jdc_windows_find(const jdc_windows *ws, jdc_str key);

/* Makes sure that the next n calls of jdc_windows_add succeed. */
JDC_MUST_USE jdc_status jdc_windows_room(jdc_windows *ws, size_t n);

/* Makes a window for a key that has none and returns its place; forgets the one idle longest if there are too many,
 * but none of `keep` (the places of windows that the same call passes). */
size_t jdc_windows_add(jdc_windows *ws, jdc_str key, const size_t *keep, size_t nkeep);

static inline int64_t jdc_later(int64_t a, int64_t b) { return a > b ? a : b; }

/* The earliest moment for another call. */
static inline int64_t jdc_window_moment(const jdc_window *w, int64_t now) {
  return jdc_later(jdc_later(now, w->next), jdc_later(w->shut, w->last));
}

/* Counts a call at this moment, returns by how much `next` moved. */
int64_t jdc_window_take(jdc_window *w, int64_t moment);

JDC_END
#endif
