/* limit_window.c - slots and lines (limit_window.h). */
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

void jdc_window_free(jdc_alloc alloc, jdc_window *w) {
  jdc_delete(alloc, w->answers, w->cap * sizeof(*w->answers));
  jdc_delete(alloc, w->line.list, w->line.cap * sizeof(*w->line.list));
  w->answers = NULL;
  w->line.list = NULL;
}

static int64_t answer_at(const jdc_window *w, size_t i) {
  i += w->first;
  return w->answers[i < w->cap ? i : i - w->cap];
}

#define CREDIT 8 /* those that keep a distance make up for what they left unused in this part of a span */

/* When the next should go of those that keep a distance: it may be in the past. After a time when it was shut it goes
 * at the beat that it had, not with all others as the window opens. */
static int64_t beat(const jdc_window *w, int64_t now) {
  int64_t next = jdc_later(w->went + w->every, now - w->rate.span / CREDIT);
  if (next < w->shut) next += (w->shut - next + w->every - 1) / w->every * w->every;
  return next;
}

int64_t jdc_window_moment(const jdc_window *w, size_t before, int64_t now) {
  int64_t calls = w->rate.calls, held = (int64_t)(w->count + w->flying), cycles = 0;
  int64_t moment = now;
  int64_t frees = (int64_t)before + held - calls; /* that many slots and one more must become free first; < 0: none */
  if (calls > 0 && frees >= 0) {
    /* Beyond the slots that are held now it waits for those that callers before it will hold, `calls` at a time. */
    if (frees >= held) cycles = (frees - held) / calls + 1;
    frees -= cycles * calls;
    if (frees >= (int64_t)w->count)
      moment = now + w->rate.span; /* the answer may come now, at the earliest */
    else if (frees >= 0)
      moment = answer_at(w, (size_t)frees) + w->rate.span;
    moment += cycles * w->rate.span;
  }
  if (w->every > 0) moment = jdc_later(moment, beat(w, now) + (int64_t)before * w->every);
  return jdc_later(moment, w->shut);
}

size_t jdc_window_before(const jdc_window *w, jdc_ticket ticket) {
  const jdc_ticket *list = w->line.list + w->line.first;
  size_t from = 0, to = w->line.count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (list[middle] < ticket)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

/* A longer ring, unrolled: the allocator's resize would tear it where it wraps. */
static bool grow_ring(jdc_alloc alloc, jdc_window *w) {
  size_t cap = w->cap == 0 ? FIRST_CAP : w->cap * 2;
  if (cap > (size_t)w->rate.calls) cap = (size_t)w->rate.calls;
  size_t least = w->count + w->flying + 1; /* the limit was lowered, or there was none when those on the wire went */
  if (cap < least) cap = least;
  int64_t *grown = jdc_new(alloc, cap * sizeof(*grown));
  if (grown == NULL) return false;
  for (size_t i = 0; i < w->count; i++) grown[i] = answer_at(w, i);
  jdc_delete(alloc, w->answers, w->cap * sizeof(*w->answers));
  w->answers = grown;
  w->first = 0;
  w->cap = cap;
  return true;
}

bool jdc_window_room(jdc_alloc alloc, jdc_window *w, bool waits) {
  if (!waits) return w->rate.calls == 0 || w->count + w->flying < w->cap || grow_ring(alloc, w);
  jdc_line *line = &w->line;
  if (line->first > 0 && line->first + line->count == line->cap) {
    memmove(line->list, line->list + line->first, line->count * sizeof(*line->list));
    line->first = 0;
  }
  if (line->first + line->count < line->cap) return true;
  void *grown = jdc_limit_grow(alloc, line->list, &line->cap, sizeof(*line->list), JDC_LIMIT_TICKETS);
  if (grown == NULL) return false;
  line->list = grown;
  return true;
}

void jdc_window_go(jdc_window *w, int64_t now) {
  w->flying++;
  w->went = w->every > 0 ? beat(w, now) : now;
}

void jdc_window_wait(jdc_window *w, jdc_ticket ticket) {
  size_t i = jdc_window_before(w, ticket);
  jdc_ticket *place = w->line.list + w->line.first + i;
  if (i < w->line.count) {
    if (*place == ticket) return;
    memmove(place + 1, place, (w->line.count - i) * sizeof(*place));
  }
  *place = ticket;
  w->line.count++;
}

void jdc_window_leave(jdc_window *w, jdc_ticket ticket) {
  if (w->line.count == 0) return;
  size_t i = jdc_window_before(w, ticket);
  jdc_ticket *list = w->line.list + w->line.first;
  if (i >= w->line.count || list[i] != ticket) return;
  if (i < w->line.count / 2) { /* the shorter part moves: most leave at the front */
    memmove(list + 1, list, i * sizeof(*list));
    w->line.first++;
  } else {
    memmove(list + i, list + i + 1, (w->line.count - i - 1) * sizeof(*list));
  }
  if (--w->line.count == 0) w->line.first = 0;
}

void jdc_window_land(jdc_window *w, bool answered, int64_t now) {
  if (w->flying > 0) w->flying--;
  if (!answered) w->went -= w->every;                      /* its beat is free again */
  if (!answered || w->count + w->flying >= w->cap) return; /* sent while there was no limit: not counted */
  if (w->count > 0) now = jdc_later(now, answer_at(w, w->count - 1));
  size_t i = w->first + w->count++;
  w->answers[i < w->cap ? i : i - w->cap] = now;
}
