/* limit_window.c - allowances and windows (limit_window.h). */
#include "limit_window.h"

#include <string.h>

#define FIRST_CAP 8 /* elements of an array's first allocation */

void *jdc_limit_grow(jdc_alloc alloc, void *array, size_t *cap, size_t size, size_t max) {
  size_t n = *cap == 0 ? FIRST_CAP : *cap * 2;
  if (n > max) n = max;
  void *grown = jdc_resize(alloc, array, *cap * size, n * size);
  if (grown != NULL) *cap = n;
  return grown;
}

void jdc_windows_free(jdc_windows *ws) {
  jdc_delete(ws->alloc, ws->rules, ws->rules_cap * sizeof(*ws->rules));
  jdc_delete(ws->alloc, ws->list, ws->cap * sizeof(*ws->list));
}

static bool same(const char *a, size_t len, jdc_str b) {
  return len == b.len && (len == 0 || memcmp(a, b.ptr, len) == 0);
}

/* The allowance of a key is that of the longest suffix that it ends in. The first is empty and fits all: jdc_limit_new
 * sets it. */
static jdc_rate rate_of(const jdc_windows *ws, const char *key, size_t len) {
  const jdc_limit_rule *best = &ws->rules[0];
  for (size_t i = 1; i < ws->nrules; i++) {
    const jdc_limit_rule *r = &ws->rules[i];
    if (r->len <= len && r->len > best->len && memcmp(key + (len - r->len), r->suffix, r->len) == 0) best = r;
  }
  return best->rate;
}

static jdc_rate make_rate(int64_t calls, int64_t window_ms) {
  jdc_rate rate = { 0, 0, window_ms * JDC_MS };
  if (calls == 0) return rate;
  if (calls > rate.window) calls = rate.window; /* more than one a nanosecond */
  rate.every = (rate.window - 1) / calls + 1;
  rate.burst = (calls - 1) * rate.every;
  return rate;
}

jdc_status jdc_windows_set(jdc_windows *ws, jdc_str suffix, int64_t calls, int64_t window_ms) {
  if (calls < 0 || window_ms < 1 || window_ms > JDC_LIMIT_WINDOW_MAX_MS || suffix.len > JDC_LIMIT_KEY_MAX)
    return JDC_INVALID;
  size_t i = 0;
  while (i < ws->nrules && !same(ws->rules[i].suffix, ws->rules[i].len, suffix)) i++;
  if (i == ws->nrules) {
    if (i == JDC_LIMIT_RULES) return JDC_TOO_BIG;
    if (i == ws->rules_cap) {
      void *grown = jdc_limit_grow(ws->alloc, ws->rules, &ws->rules_cap, sizeof(*ws->rules), JDC_LIMIT_RULES);
      if (grown == NULL) return JDC_NOMEM;
      ws->rules = grown;
    }
    if (suffix.len > 0) memcpy(ws->rules[i].suffix, suffix.ptr, suffix.len);
    ws->rules[i].len = suffix.len;
    ws->nrules++;
  }
  ws->rules[i].rate = make_rate(calls, window_ms);
  for (size_t w = 0; w < ws->count; w++) ws->list[w].rate = rate_of(ws, ws->list[w].key, ws->list[w].len);
  return JDC_OK;
}

size_t jdc_windows_find(const jdc_windows *ws, jdc_str key) {
  for (size_t i = 0; i < ws->count; i++)
    if (same(ws->list[i].key, ws->list[i].len, key)) return i;
  return JDC_WINDOW_NONE;
}

jdc_status jdc_windows_room(jdc_windows *ws, size_t n) {
  while (ws->cap < JDC_LIMIT_KEYS && ws->cap - ws->count < n) {
    void *grown = jdc_limit_grow(ws->alloc, ws->list, &ws->cap, sizeof(*ws->list), JDC_LIMIT_KEYS);
    if (grown == NULL) return JDC_NOMEM;
    ws->list = grown;
  }
  return JDC_OK;
}

static bool among(size_t place, const size_t *places, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (places[i] == place) return true;
  return false;
}

size_t jdc_windows_add(jdc_windows *ws, jdc_str key, const size_t *keep, size_t nkeep) {
  size_t place = ws->count;
  if (ws->count < ws->cap) {
    ws->count++;
  } else {
    for (size_t i = 0; i < ws->count; i++)
      if (!among(i, keep, nkeep) && (place == ws->count || ws->list[i].used < ws->list[place].used)) place = i;
  }
  jdc_window *w = &ws->list[place];
  *w = (jdc_window){ .len = key.len, .serial = ++ws->serial };
  w->next = w->shut = w->last = w->used = -JDC_MOMENT_MAX;
  if (key.len > 0) memcpy(w->key, key.ptr, key.len);
  w->rate = rate_of(ws, w->key, w->len);
  return place;
}

int64_t jdc_window_take(jdc_window *w, int64_t moment) {
  w->used = jdc_later(w->used, moment);
  if (w->rate.every == 0) return 0;
  w->next = jdc_later(w->next, moment - w->rate.burst) + w->rate.every;
  return w->rate.every;
}
