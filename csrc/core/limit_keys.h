/* limit_keys.h - inside of limit: the windows by their keys, and the allowances that keys have. */
#ifndef JDC_LIMIT_KEYS_H
#define JDC_LIMIT_KEYS_H

#include "limit_window.h"

JDC_BEGIN

#define JDC_WINDOW_NONE   SIZE_MAX
#define JDC_LIMIT_BUCKETS (2 * JDC_LIMIT_KEYS) /* of the hash table; a power of two */

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
  uint16_t buckets[JDC_LIMIT_BUCKETS]; /* a window's place and one; 0: none */
} jdc_windows;

void jdc_windows_free(jdc_windows *ws);

/* As jdc_limit_set. */
JDC_MUST_USE jdc_status jdc_windows_set(jdc_windows *ws, jdc_str suffix, int64_t calls, int64_t window_ms);

/* The place of a key's window, JDC_WINDOW_NONE if it has none. */
size_t jdc_windows_find(const jdc_windows *ws, jdc_str key);

/* Makes sure that the next n calls of jdc_windows_add succeed. Moves the windows. */
JDC_MUST_USE jdc_status jdc_windows_room(jdc_windows *ws, size_t n);

/* Makes a window for a key that has none and returns its place; forgets the one idle longest if there are too many,
 * but none of `keep` (the places of windows that the same call passes). */
size_t jdc_windows_add(jdc_windows *ws, jdc_str key, const size_t *keep, size_t nkeep);

JDC_END
#endif
