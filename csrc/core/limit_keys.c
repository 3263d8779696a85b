/* limit_keys.c - allowances, and windows by key (limit_keys.h). */
#include "limit_keys.h"

#include <string.h>

#include "limit_learn.h"

void jdc_windows_free(jdc_windows *ws) {
  for (size_t i = 0; i < ws->count; i++) jdc_window_free(ws->alloc, &ws->list[i]);
  jdc_delete(ws->alloc, ws->rules, ws->rules_cap * sizeof(*ws->rules));
  jdc_delete(ws->alloc, ws->list, ws->cap * sizeof(*ws->list));
}

static bool same(const char *a, size_t len, jdc_str b) {
  return len == b.len && (len == 0 || memcmp(a, b.ptr, len) == 0);
}

/* The allowance of a key is that of the longest suffix that it ends in. The first is empty and fits all: jdc_limit_new
 * sets it. */
static const jdc_limit_rule *rule_of(const jdc_windows *ws, const char *key, size_t len) {
  const jdc_limit_rule *best = &ws->rules[0];
  for (size_t i = 1; i < ws->nrules; i++) {
    const jdc_limit_rule *r = &ws->rules[i];
    if (r->len <= len && r->len > best->len && memcmp(key + (len - r->len), r->suffix, r->len) == 0) best = r;
  }
  return best;
}

static void apply_rule(const jdc_windows *ws, jdc_window *w) {
  const jdc_limit_rule *rule = rule_of(ws, w->key, w->len);
  jdc_learn_rule(w, rule->rate, rule->len > 0);
}

/* A great allowance is cut: who keeps to a k-th of the calls in each k-th of the window keeps to all of it. */
static jdc_rate make_rate(int64_t calls, int64_t window_ms) {
  jdc_rate rate = { calls, window_ms };
  if (calls <= JDC_LIMIT_CALLS_MAX) return rate;
  int64_t parts = (calls - 1) / JDC_LIMIT_CALLS_MAX + 1;
  if (parts > window_ms) parts = window_ms;
  rate.calls = calls / parts < JDC_LIMIT_CALLS_MAX ? calls / parts : JDC_LIMIT_CALLS_MAX;
  rate.span = (window_ms - 1) / parts + 1;
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
  for (size_t w = 0; w < ws->count; w++) apply_rule(ws, &ws->list[w]);
  return JDC_OK;
}

static uint64_t stir(uint64_t h, uint64_t with) {
  h = (h ^ with) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ (h >> 29);
}

/* The last word of a key of 8 bytes or more overlaps the one before it: to copy a part of a word is what costs most. */
static uint64_t hash_of(jdc_str key) {
  uint64_t h = key.len, word = 0;
  size_t i = 0;
  for (; i + sizeof(word) < key.len; i += sizeof(word)) {
    memcpy(&word, key.ptr + i, sizeof(word));
    h = stir(h, word);
  }
  if (key.len >= sizeof(word))
    memcpy(&word, key.ptr + (key.len - sizeof(word)), sizeof(word));
  else
    for (i = 0; i < key.len; i++) word = word << 8 | (unsigned char)key.ptr[i];
  return stir(h, word);
}

static size_t find(const jdc_windows *ws, jdc_str key, uint64_t hash) {
  for (size_t b = (size_t)hash;; b++) {
    size_t place = ws->buckets[b % JDC_LIMIT_BUCKETS];
    if (place == 0) return JDC_WINDOW_NONE;
    const jdc_window *w = &ws->list[place - 1];
    if (w->hash == hash && same(w->key, w->len, key)) return place - 1;
  }
}

size_t jdc_windows_find(const jdc_windows *ws, jdc_str key) { return find(ws, key, hash_of(key)); }

static void put_in_bucket(jdc_windows *ws, size_t place) {
  size_t b = (size_t)ws->list[place].hash;
  while (ws->buckets[b % JDC_LIMIT_BUCKETS] != 0) b++;
  ws->buckets[b % JDC_LIMIT_BUCKETS] = (uint16_t)(place + 1);
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

/* Clears the place of the window that was idle longest, of those not to be kept. */
static size_t forget_one(jdc_windows *ws, const size_t *keep, size_t nkeep) {
  size_t place = ws->count;
  for (size_t i = 0; i < ws->count; i++)
    if (!among(i, keep, nkeep) && (place == ws->count || ws->list[i].used < ws->list[place].used)) place = i;
  jdc_window_free(ws->alloc, &ws->list[place]);
  memset(ws->buckets, 0, sizeof(ws->buckets));
  for (size_t i = 0; i < ws->count; i++)
    if (i != place) put_in_bucket(ws, i);
  return place;
}

size_t jdc_windows_add(jdc_windows *ws, jdc_str key, const size_t *keep, size_t nkeep) {
  size_t place = ws->count < ws->cap ? ws->count++ : forget_one(ws, keep, nkeep);
  jdc_window *w = &ws->list[place];
  *w = (jdc_window){ .len = key.len, .hash = hash_of(key), .serial = ++ws->serial };
  w->shut = w->used = w->went = -JDC_MOMENT_MAX;
  if (key.len > 0) memcpy(w->key, key.ptr, key.len);
  apply_rule(ws, w);
  put_in_bucket(ws, place);
  return place;
}
