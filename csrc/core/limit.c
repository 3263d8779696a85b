/* limit.c - reserve and settle (limit.h): the callers, in line or on the wire, each with a place and a ticket. */
#include "limit.h"

#include <string.h>

#include "limit_keys.h"
#include "limit_learn.h"
#include "limit_share.h"

#define SWEEP_MS   1000 /* the least time between two looks for lost tickets */
#define LOOK_MS    2000 /* what takes longer is looked at again if it may come sooner, */
#define LOOK_SPANS 8    /* and what takes as many spans, or minutes, in any case */
#define FREE_END   UINT32_MAX

typedef struct pass {
  size_t window;   /* its place */
  uint64_t serial; /* and who had it then */
} pass;

typedef struct place {
  jdc_ticket ticket; /* 0: free */
  bool flying;       /* it has gone; else it is in line */
  int64_t moment;    /* when it went, or was told to ask again */
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
  int64_t sweep;   /* when to look for lost tickets again */
  int64_t swept;   /* when that was done last */
  int64_t lost;    /* when the first expires of those seen then */
};

static int64_t to_moment(int64_t ms) {
  return ms > JDC_MOMENT_MAX ? JDC_MOMENT_MAX : ms < -JDC_MOMENT_MAX ? -JDC_MOMENT_MAX : ms;
}

jdc_status jdc_limit_new(jdc_alloc alloc, int64_t calls, int64_t window_ms, jdc_limit **out) {
  *out = NULL;
  jdc_limit *l = jdc_new(alloc, sizeof(*l));
  if (l == NULL) return JDC_NOMEM;
  memset(l, 0, sizeof(*l));
  l->windows.alloc = alloc;
  l->free = FREE_END;
  l->sweep = l->lost = JDC_MOMENT_MAX;
  l->swept = -JDC_MOMENT_MAX;
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

/* The window of a pass, NULL if it has been forgotten since. */
static jdc_window *window_of(jdc_limit *l, const pass *s) {
  jdc_window *w = &l->windows.list[s->window];
  return w->serial == s->serial ? w : NULL;
}

static void free_place(jdc_limit *l, place *p) {
  p->ticket = 0;
  p->next_free = l->free;
  l->free = (uint32_t)(p - l->places);
}

/* Ends a place: out of its lines, off the wire; answered: its slots stay held from now on. */
static void end_place(jdc_limit *l, place *p, bool answered, int64_t now) {
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    if (p->flying)
      jdc_window_land(w, answered, now);
    else
      jdc_window_leave(w, p->ticket);
  }
  free_place(l, p);
}

static int64_t end_of(const place *p) { return p->moment + p->life; }

/* Takes back what lost tickets hold. What had gone has been answered, if ever, more than a window ago. */
static void sweep(jdc_limit *l, int64_t now) {
  int64_t next = JDC_MOMENT_MAX;
  for (size_t i = 0; i < l->count; i++) {
    place *p = &l->places[i];
    if (p->ticket == 0) continue;
    if (end_of(p) < now)
      end_place(l, p, false, now);
    else if (end_of(p) < next)
      next = end_of(p);
  }
  l->swept = now;
  l->lost = next;
  l->sweep = next == JDC_MOMENT_MAX ? next : jdc_later(next, now + SWEEP_MS);
}

static place *find_place(jdc_limit *l, jdc_ticket ticket, int64_t now) {
  size_t i = (size_t)(ticket % JDC_LIMIT_TICKETS);
  if (ticket == 0 || i >= l->count || l->places[i].ticket != ticket) return NULL;
  if (end_of(&l->places[i]) >= now) return &l->places[i];
  end_place(l, &l->places[i], false, now);
  return NULL;
}

/* Sees to it that there is a free place. JDC_TOO_BIG if all are taken; *when is then the moment at which the first
 * expires. */
static jdc_status room_for_place(jdc_limit *l, int64_t now, int64_t *when) {
  if (l->free != FREE_END || l->count < l->cap) return JDC_OK;
  if (l->cap == JDC_LIMIT_TICKETS) {
    if (l->swept != now) sweep(l, now);
    *when = l->lost + 1;
    return l->free != FREE_END ? JDC_OK : JDC_TOO_BIG;
  }
  void *grown = jdc_limit_grow(l->windows.alloc, l->places, &l->cap, sizeof(*l->places), JDC_LIMIT_TICKETS);
  if (grown == NULL) return JDC_NOMEM;
  l->places = grown;
  return JDC_OK;
}

static place *new_place(jdc_limit *l) {
  size_t i = l->free != FREE_END ? l->free : l->count++;
  place *p = &l->places[i];
  if (i == l->free) l->free = p->next_free;
  p->ticket = ++l->serial * JDC_LIMIT_TICKETS + i;
  p->flying = false;
  p->npasses = 0;
  p->life = 0;
  return p;
}

/* Reserve. */

static void refuse(jdc_grant *out, int64_t moment) {
  out->granted = false;
  out->when_ms = moment < JDC_MOMENT_MAX ? moment : JDC_NEVER;
}

/* When a call that waits until `moment` is to ask again: then, or sooner, since more may be free by then than seems
 * now, and those behind it that ask later would go first. As a shut window opens: it was reckoned as if all on the wire
 * kept their slots, and others of them are throttled as well. As a share grows, and after a while in any case: another
 * limit may have been announced. At a pace, which may change with every answer, after half of the time. */
static int64_t look_again(jdc_limit *l, const place *p, int64_t moment, int64_t now) {
  int64_t opens = now, next = moment, beat = 0;
  for (uint32_t i = 0; i < p->npasses; i++) {
    const jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    opens = jdc_later(opens, w->shut);
    beat = jdc_later(beat, w->every);
    int64_t grows = w->belief.grown_at + w->rate.span, span = jdc_later(w->rate.span, JDC_MINUTE_MS);
    if (w->belief.lowered && grows > now && grows < next) next = grows;
    if (next - now > LOOK_SPANS * span) next = now + LOOK_SPANS * span;
    if (w->every == 0 || next - now <= LOOK_MS) continue;
    int64_t most = LOOK_MS * (int64_t)(jdc_window_before(w, p->ticket) + 1);
    next = now + ((next - now) / 2 < most ? (next - now) / 2 : most);
  }
  if (opens == now) return next;
  return opens + (beat < LOOK_MS ? beat : LOOK_MS) < moment ? opens : moment;
}

static void grant(jdc_limit *l, jdc_grant *out, place *p, int64_t moment, int64_t now) {
  if (moment > now) moment = look_again(l, p, moment, now);
  out->granted = true;
  out->ticket = p->ticket;
  out->wait_ms = moment - now;
  p->moment = moment;
  if (end_of(p) < l->sweep) l->sweep = end_of(p);
}

/* Off, if all windows let it, or in line where it waits longest. It stays in every line that it once was in: moving
 * on to another window it must not have to begin anew at the first. But it leaves one where it could go more than
 * that window's span before it may elsewhere: those behind it would wait for nothing. When it is back it stands before
 * all who came later, by its ticket. False without memory, with nothing changed. */
static bool go_or_wait(jdc_limit *l, place *p, const int64_t *own, int64_t moment, int64_t now) {
  bool waits = moment > now;
  jdc_window *windows[JDC_LIMIT_CALL_KEYS];
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = windows[i] = window_of(l, &p->passes[i]);
    if (w != NULL && (!waits || own[i] == moment) && !jdc_window_room(l->windows.alloc, w, waits)) return false;
  }
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = windows[i];
    if (w == NULL) continue;
    w->used = jdc_later(w->used, moment);
    if (!waits) {
      if (p->flying) continue;
      jdc_window_leave(w, p->ticket);
      jdc_window_go(w, now);
    } else if (own[i] == moment) {
      jdc_window_wait(w, p->ticket);
    } else if (moment - own[i] > w->rate.span) {
      jdc_window_leave(w, p->ticket);
    }
  }
  p->flying = !waits;
  return true;
}

static jdc_status ask_again(jdc_limit *l, place *p, int64_t now, int64_t latest_ms, jdc_grant *out) {
  int64_t own[JDC_LIMIT_CALL_KEYS], moment = now;
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    own[i] = now;
    if (w == NULL) continue;
    jdc_window_look(w, now);
    jdc_learn_time(w, now);
    /* who has gone already waits for nothing but a window that was shut since */
    own[i] = p->flying ? jdc_later(now, w->shut) : jdc_window_moment(w, jdc_window_before(w, p->ticket), now);
    moment = jdc_later(moment, own[i]);
  }
  if (moment > latest_ms) {
    end_place(l, p, false, now);
    refuse(out, moment);
    return JDC_OK;
  }
  if (!p->flying && !go_or_wait(l, p, own, moment, now)) return JDC_NOMEM;
  grant(l, out, p, moment, now);
  return JDC_OK;
}

/* Leaves out keys that are named twice; JDC_INVALID for too many or too long ones. */
static jdc_status read_keys(const jdc_str *keys, size_t nkeys, jdc_str out[JDC_LIMIT_CALL_KEYS], size_t *n) {
  *n = 0;
  if (nkeys > JDC_LIMIT_CALL_KEYS) return JDC_INVALID;
  for (size_t i = 0; i < nkeys; i++) {
    bool twice = false;
    if (keys[i].len > JDC_LIMIT_KEY_MAX) return JDC_INVALID;
    for (size_t j = 0; j < *n && !twice; j++) twice = jdc_str_same(out[j], keys[i]);
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
    jdc_window *w = &ws->list[at[i]];
    jdc_window_look(w, now);
    jdc_learn_time(w, now);
    own[i] = jdc_window_moment(w, w->line.count, now);
    moment = jdc_later(moment, own[i]);
  }
  if (moment > latest_ms || moment >= JDC_MOMENT_MAX) {
    refuse(out, moment);
    return JDC_OK;
  }
  jdc_status status = room_for_place(l, now, &when);
  if (status == JDC_OK && fresh > 0) status = jdc_windows_room(ws, fresh);
  if (status == JDC_TOO_BIG) {
    refuse(out, when);
    return JDC_OK;
  }
  if (status != JDC_OK) return status;

  place *p = new_place(l);
  for (size_t i = 0; i < n; i++) {
    if (at[i] == JDC_WINDOW_NONE) at[i] = jdc_windows_add(ws, keys[i], at, n);
    p->passes[i] = (pass){ at[i], ws->list[at[i]].serial };
    p->life = jdc_later(p->life, ws->list[at[i]].rate.span);
  }
  p->life += JDC_LIMIT_SPARE_MS;
  p->npasses = (uint32_t)n;
  if (!go_or_wait(l, p, own, moment, now)) {
    free_place(l, p);
    return JDC_NOMEM;
  }
  grant(l, out, p, moment, now);
  return JDC_OK;
}

jdc_status jdc_limit_reserve(jdc_limit *l, const jdc_str *keys, size_t nkeys, int64_t now_ms, int64_t latest_ms,
                             jdc_ticket ticket, jdc_grant *out) {
  *out = (jdc_grant){ .when_ms = JDC_NEVER };
  jdc_str once[JDC_LIMIT_CALL_KEYS];
  size_t n;
  jdc_status status = read_keys(keys, nkeys, once, &n);
  if (status != JDC_OK) return status;
  int64_t now = to_moment(now_ms);
  if (now > l->sweep) sweep(l, now);
  place *p = find_place(l, ticket, now);
  return p == NULL ? get_in_line(l, once, n, now, latest_ms, out) : ask_again(l, p, now, latest_ms, out);
}

/* Settle. */

/* Does the settlement of this place's call concern its i-th window? */
static bool concerns(const place *p, uint32_t i, jdc_role role) {
  return role == JDC_ROLE_UNKNOWN || i == (role == JDC_ROLE_AK ? 0 : p->npasses - 1);
}

static void learn(jdc_limit *l, const place *p, int64_t now, const jdc_settlement *s) {
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    if (s->date_ms > 0) jdc_learn_date(w, now, s->date_ms);
    if (s->outcome == JDC_SETTLE_DONE) jdc_learn_passed(w, p->moment);
    if (i == 0 && s->limit > 0) jdc_learn_headers(w, p->moment, now, s->limit, s->left);
    if (s->outcome == JDC_SETTLE_THROTTLED && concerns(p, i, s->role)) {
      jdc_window_look(w, now);
      jdc_learn_throttled(w, p->moment, now, s->retry_after_ms);
      w->used = jdc_later(w->used, w->shut);
    }
  }
}

/* A throttled call goes back to where it stood. Without memory its place is lost, and it goes to the end of the line.
 */
static void back_in_line(jdc_limit *l, place *p, int64_t now) {
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w != NULL && !jdc_window_room(l->windows.alloc, w, true)) {
      end_place(l, p, false, now);
      return;
    }
  }
  for (uint32_t i = 0; i < p->npasses; i++) {
    jdc_window *w = window_of(l, &p->passes[i]);
    if (w == NULL) continue;
    jdc_window_land(w, false, now);
    jdc_window_wait(w, p->ticket);
    p->moment = jdc_later(p->moment, w->shut);
  }
  p->flying = false;
}

void jdc_limit_settle(jdc_limit *l, jdc_ticket ticket, int64_t now_ms, const jdc_settlement *s) {
  int64_t now = to_moment(now_ms);
  place *p = find_place(l, ticket, now);
  if (p == NULL) return;
  if (s->outcome != JDC_SETTLE_NOT_SENT) learn(l, p, now, s);
  if (s->outcome == JDC_SETTLE_THROTTLED && s->again && p->flying)
    back_in_line(l, p, now);
  else
    end_place(l, p, s->outcome == JDC_SETTLE_DONE, now);
}

bool jdc_limit_at(const jdc_limit *l, size_t i, jdc_str *key) {
  if (i >= l->windows.count) return false;
  *key = (jdc_str){ l->windows.list[i].key, l->windows.list[i].len };
  return true;
}

bool jdc_limit_believes(jdc_limit *l, jdc_str key, int64_t now_ms, jdc_belief_view *out) {
  int64_t now = to_moment(now_ms);
  *out = (jdc_belief_view){ 0 };
  size_t at = jdc_windows_find(&l->windows, key);
  if (at == JDC_WINDOW_NONE) return false;
  jdc_window *w = &l->windows.list[at];
  jdc_window_look(w, now);
  jdc_learn_time(w, now);
  *out = (jdc_belief_view){ w->rule.calls == 0 ? 0 : w->belief.share / JDC_SHARE_ONE,
                            w->rate.span,
                            w->belief.ceiling,
                            (int64_t)(w->count + w->flying),
                            (int64_t)w->line.count,
                            w->shut > now ? w->shut - now : 0 };
  return true;
}
