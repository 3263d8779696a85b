/* limit.c - reserve and settle (limit.h): the callers in line, and what their calls' ends tell about the windows.
 *
 * A caller gets a moment at once, the latest of those that its windows give, and keeps it: nobody is moved up. Each
 * window counts the call at the moment that it gave itself, so that callers whom another window holds back (an
 * operation with a small allowance of its own) keep nobody else waiting. */
#include "limit.h"

#include <string.h>

#include "limit_window.h"
#include "retry.h"

#define SHUT_MS 1000 /* a throttled window without a hint: short, since the call itself backs off as well */
#define SPARE_MS                                                                                                       \
  INT64_C(60000) /* a ticket lives from its moment for its longest window and this: calls take that long */
#define FREE_END UINT32_MAX

typedef struct pass {
  uint32_t window; /* its place */
  uint64_t serial; /* and who had it then */
  int64_t cost;    /* what it took there */
  bool bound;      /* this window was the one to wait for */
} pass;

typedef struct place {
  jdc_ticket ticket; /* 0: free */
  int64_t moment;    /* later than now: in line */
  int64_t life;      /* from the moment on */
  uint32_t npasses, next_free;
  pass passes[JDC_LIMIT_CALL_KEYS];
} place;

struct jdc_limit {
  jdc_windows windows;
  place *places;
  size_t count, cap;
  uint32_t free;
  uint64_t serial; /* of tickets: the upper 48 bits; the lower are the place */
};

static int64_t to_ns(int64_t ms) {
  int64_t most = JDC_MOMENT_MAX / JDC_MS;
  return (ms > most ? most : ms < -most ? -most : ms) * JDC_MS;
}

/* Rounds up: who waits that long is not too early. */
static int64_t to_ms(int64_t ns) { return ns / JDC_MS + (ns % JDC_MS > 0); }

jdc_status jdc_limit_new(jdc_alloc alloc, int64_t calls, int64_t window_ms, jdc_limit **out) {
  *out = NULL;
  jdc_limit *l = jdc_new(alloc, sizeof(*l));
  if (l == NULL) return JDC_NOMEM;
  memset(l, 0, sizeof(*l));
  l->windows.alloc = alloc;
  l->free = FREE_END;
  jdc_status status = jdc_limit_set(l, JDC_STR(""), calls, window_ms);
  if (status == JDC_OK)
    *out = l;
  else
    jdc_limit_free(l);
  return status;
}

void jdc_limit_free(jdc_limit *l) {
  if (l == NULL) return;
  jdc_alloc alloc = l->windows.alloc;
  jdc_windows_free(&l->windows);
  jdc_delete(alloc, l->places, l->cap * sizeof(*l->places));
  jdc_delete(alloc, l, sizeof(*l));
}

jdc_status jdc_limit_set(jdc_limit *l, jdc_str suffix, int64_t calls, int64_t window_ms) {
  return jdc_windows_set(&l->windows, suffix, calls, window_ms);
}

/* Places. */

static bool expired(const place *p, int64_t now) { return p->moment + p->life < now; }

static place *find_place(jdc_limit *l, jdc_ticket ticket, int64_t now) {
  size_t i = (size_t)(ticket % JDC_LIMIT_TICKETS);
  if (ticket == 0 || i >= l->count || l->places[i].ticket != ticket || expired(&l->places[i], now)) return NULL;
  return &l->places[i];
}

static void free_place(jdc_limit *l, place *p) {
  p->ticket = 0;
  p->next_free = l->free;
  l->free = (uint32_t)(p - l->places);
}

/* Sees to it that there is a free place: expired ones first, then new memory. JDC_TOO_BIG if all are taken; *when is
 * then the moment at which the first expires. */
static jdc_status room_for_place(jdc_limit *l, int64_t now, int64_t *when) {
  if (l->free != FREE_END || l->count < l->cap) return JDC_OK;
  *when = JDC_MOMENT_MAX;
  for (size_t i = 0; i < l->count; i++) {
    place *p = &l->places[i];
    if (expired(p, now))
      free_place(l, p);
    else if (p->moment + p->life < *when)
      *when = p->moment + p->life + 1;
  }
  if (l->free != FREE_END) return JDC_OK;
  if (l->cap == JDC_LIMIT_TICKETS) return JDC_TOO_BIG;
  void *grown = jdc_limit_grow(l->windows.alloc, l->places, &l->cap, sizeof(*l->places), JDC_LIMIT_TICKETS);
  if (grown == NULL) return JDC_NOMEM;
  l->places = grown;
  return JDC_OK;
}

static place *new_place(jdc_limit *l) {
  size_t i = l->free != FREE_END ? l->free : l->count++;
  place *p = &l->places[i];
  if (i == l->free) l->free = p->next_free;
  *p = (place){ .ticket = ++l->serial * JDC_LIMIT_TICKETS + i };
  return p;
}

/* The window of a pass, NULL if it has been forgotten since. */
static jdc_window *window_of(jdc_limit *l, const pass *s) {
  jdc_window *w = &l->windows.list[s->window];
  return w->serial == s->serial ? w : NULL;
}

/* After somebody gave back: nobody who comes now may go before those who still wait, and the places given back are
 * credit only as far as the window allows any. How much that is depends on who waits between them; as if all waited for
 * the last moment it is the least. */
static void make_sure_of_last(jdc_limit *l, size_t window, int64_t now) {
  jdc_window *w = &l->windows.list[window];
  int64_t waiting = 0;
  if (!w->unsure) return;
  w->unsure = false;
  w->last = -JDC_MOMENT_MAX;
  for (size_t i = 0; i < l->count; i++) {
    const place *p = &l->places[i];
    for (uint32_t j = 0; p->ticket != 0 && p->moment > now && j < p->npasses; j++) {
      if (!p->passes[j].bound || window_of(l, &p->passes[j]) != w) continue;
      w->last = jdc_later(w->last, p->moment);
      waiting++;
    }
  }
  if (waiting == 0 || w->rate.every == 0) return;
  if (waiting > w->rate.burst / w->rate.every) waiting = w->rate.burst / w->rate.every + 1;
  w->next = jdc_later(w->next, w->last - w->rate.burst + waiting * w->rate.every);
}

static void give_back(jdc_limit *l, const place *p) {
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    w->next -= p->passes[i].cost;
    w->unsure = true;
  }
}

/* Reserve. */

static void refuse(jdc_grant *out, int64_t moment) {
  out->granted = false;
  out->when_ms = moment < JDC_MOMENT_MAX ? to_ms(moment) : JDC_NEVER;
}

static void grant(jdc_grant *out, place *p, int64_t now) {
  out->granted = true;
  out->ticket = p->ticket;
  out->wait_ms = p->moment > now ? to_ms(p->moment - now) : 0;
  if (p->moment < now) p->moment = now; /* its life begins when it goes */
}

static void ask_again(jdc_limit *l, place *p, int64_t now, int64_t latest_ms, jdc_grant *out) {
  for (uint32_t i = 0; i < p->npasses; i++) {
    const jdc_window *w = window_of(l, &p->passes[i]);
    if (w != NULL && w->shut > now) p->moment = jdc_later(p->moment, w->shut);
  }
  int64_t moment = jdc_later(p->moment, now);
  if (to_ms(moment) <= latest_ms) {
    grant(out, p, now);
    return;
  }
  give_back(l, p);
  free_place(l, p);
  refuse(out, moment);
}

/* Leaves out keys that are named twice; JDC_INVALID for too many or too long ones. */
static jdc_status read_keys(const jdc_str *keys, size_t nkeys, jdc_str out[JDC_LIMIT_CALL_KEYS], size_t *n) {
  *n = 0;
  if (nkeys > JDC_LIMIT_CALL_KEYS) return JDC_INVALID;
  for (size_t i = 0; i < nkeys; i++) {
    bool twice = false;
    if (keys[i].len > JDC_LIMIT_KEY_MAX) return JDC_INVALID;
    for (size_t j = 0; j < *n && !twice; j++)
      twice = out[j].len == keys[i].len && (out[j].len == 0 || memcmp(out[j].ptr, keys[i].ptr, out[j].len) == 0);
    if (!twice) out[(*n)++] = keys[i];
  }
  return JDC_OK;
}

static jdc_status get_in_line(jdc_limit *l, const jdc_str *keys, size_t n, int64_t now, int64_t latest_ms,
                              jdc_grant *out) {
  jdc_windows *ws = &l->windows;
  size_t at[JDC_LIMIT_CALL_KEYS], fresh = 0;
  int64_t own[JDC_LIMIT_CALL_KEYS], moment = now, when = now;
  for (size_t i = 0; i < n; i++) {
    at[i] = jdc_windows_find(ws, keys[i]);
    own[i] = now;
    if (at[i] == JDC_WINDOW_NONE) {
      fresh++;
      continue;
    }
    make_sure_of_last(l, at[i], now);
    own[i] = jdc_window_moment(&ws->list[at[i]], now);
    moment = jdc_later(moment, own[i]);
  }
  if (to_ms(moment) > latest_ms || moment >= JDC_MOMENT_MAX) {
    refuse(out, moment);
    return JDC_OK;
  }
  jdc_status status = room_for_place(l, now, &when);
  if (status == JDC_OK) status = jdc_windows_room(ws, fresh);
  if (status == JDC_TOO_BIG) {
    refuse(out, when);
    return JDC_OK;
  }
  if (status != JDC_OK) return status;

  place *p = new_place(l);
  p->moment = moment;
  p->npasses = (uint32_t)n;
  for (size_t i = 0; i < n; i++) {
    if (at[i] == JDC_WINDOW_NONE) at[i] = jdc_windows_add(ws, keys[i], at, n);
    jdc_window *w = &ws->list[at[i]];
    p->passes[i] = (pass){ (uint32_t)at[i], w->serial, jdc_window_take(w, own[i]), own[i] == moment };
    if (own[i] == moment) w->last = jdc_later(w->last, moment);
    p->life = jdc_later(p->life, w->rate.window + SPARE_MS * JDC_MS);
  }
  grant(out, p, now);
  return JDC_OK;
}

jdc_status jdc_limit_reserve(jdc_limit *l, const jdc_str *keys, size_t nkeys, int64_t now_ms, int64_t latest_ms,
                             jdc_ticket ticket, jdc_grant *out) {
  *out = (jdc_grant){ .when_ms = JDC_NEVER };
  jdc_str once[JDC_LIMIT_CALL_KEYS];
  size_t n;
  jdc_status status = read_keys(keys, nkeys, once, &n);
  if (status != JDC_OK) return status;
  int64_t now = to_ns(now_ms);
  place *p = find_place(l, ticket, now);
  if (p == NULL) return get_in_line(l, once, n, now, latest_ms, out);
  ask_again(l, p, now, latest_ms, out);
  return JDC_OK;
}

/* Settle. */

static bool meet(const place *a, const place *b) {
  for (uint32_t i = 0; i < a->npasses; i++)
    for (uint32_t j = 0; j < b->npasses; j++)
      if (a->passes[i].window == b->passes[j].window && a->passes[i].serial == b->passes[j].serial) return true;
  return false;
}

/* Moves everybody in line for a window of p's by as much as the first of them is too early, so that they keep their
 * order and their distances, and their windows with them. */
static void push_line(jdc_limit *l, const place *p, int64_t now, int64_t until) {
  int64_t first = until;
  for (size_t i = 0; i < l->count; i++) {
    const place *q = &l->places[i];
    if (q->ticket != 0 && q->moment > now && q->moment < first && meet(p, q)) first = q->moment;
  }
  if (first == until) return;
  bool moved[JDC_LIMIT_KEYS] = { false };
  for (size_t i = 0; i < l->count; i++) {
    place *q = &l->places[i];
    if (q->ticket == 0 || q->moment <= now || !meet(p, q)) continue;
    q->moment += until - first;
    for (uint32_t j = 0; j < q->npasses; j++)
      if (window_of(l, &q->passes[j]) != NULL) moved[q->passes[j].window] = true;
  }
  for (size_t i = 0; i < l->windows.count; i++) {
    if (moved[i]) l->windows.list[i].next += until - first;
  }
}

/* Until then nobody passes, and then one after the other: a window that the service found full has no credit. */
static void shut(jdc_limit *l, const place *p, int64_t now, int64_t retry_after_ms) {
  int64_t span = SHUT_MS * JDC_MS;
  if (retry_after_ms >= 0) {
    span = (retry_after_ms < JDC_RETRY_AFTER_MAX_MS ? retry_after_ms : JDC_RETRY_AFTER_MAX_MS) * JDC_MS;
  } else {
    for (uint32_t i = 0; i < p->npasses; i++) {
      const jdc_window *w = window_of(l, &p->passes[i]);
      if (w != NULL && w->rate.window < span) span = w->rate.window;
    }
  }
  push_line(l, p, now, now + span);
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    w->shut = jdc_later(w->shut, now + span);
    w->next = jdc_later(w->next, now + span);
    w->used = jdc_later(w->used, now + span);
  }
}

void jdc_limit_settle(jdc_limit *l, jdc_ticket ticket, int64_t now_ms, const jdc_settlement *s) {
  int64_t now = to_ns(now_ms);
  place *p = find_place(l, ticket, now);
  if (p == NULL) return;
  if (s->outcome == JDC_SETTLE_NOT_SENT) give_back(l, p);
  if (s->outcome == JDC_SETTLE_THROTTLED) shut(l, p, now, s->retry_after_ms);
  free_place(l, p);
}
