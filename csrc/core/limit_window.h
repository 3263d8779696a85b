/* limit_window.h - inside of limit: the slots of one key's window, and the line of those who wait for them.
 *
 * Of a call on the wire only the number is kept, of an answered one the moment of its answer, in a ring: 8 bytes a
 * call, at most `calls` of them. The line is the sorted list of the tickets that wait here. */
#ifndef JDC_LIMIT_WINDOW_H
#define JDC_LIMIT_WINDOW_H

#include "limit.h"

JDC_BEGIN

#define JDC_MOMENT_MAX (INT64_MAX / 4) /* what is later is never. Sums of two moments don't overflow */

typedef struct jdc_rate {
  int64_t calls; /* 0: no limit */
  int64_t span;  /* ms */
} jdc_rate;

/* What a window has learnt from the service; limit_share.h, limit_learn.h and limit_crowd.h have the rules. */
typedef struct jdc_belief {
  int64_t share;    /* believed calls, in 1 / JDC_SHARE_ONE */
  int64_t ceiling;  /* calls: never believed to be more */
  int64_t fell_at;  /* when it fell last, by a call that was sent after the time before */
  int64_t grown_at; /* when it grew last, or could have */
  int64_t before;   /* the share before a fall, or before some in a row */
  int64_t passed;   /* calls that went through in the span before it; -1: of no interest */
  int64_t ahead;    /* the service's clock less ours */
  int64_t date;     /* the service's clock is no earlier: its last Date */
  int32_t calm;     /* spans since it fell */
  bool lowered;     /* share is below the ceiling */
  bool paced;       /* one of many: calls keep a distance */
  bool dated;       /* ahead and date are known */

  /* one of many */
  int32_t strikes;     /* throttled calls in a row, */
  int64_t struck_at;   /* since then, or within this span of them */
  int32_t late, early; /* throttled answers by when they came in the service's minute, see limit_learn.c */
  int64_t unrest_till; /* the limit seems to change */

  /* a crowd */
  bool crowded;  /* others use the same allowance, the service's headers say so */
  bool rolling;  /* the service's window has no turn */
  int64_t speed; /* how much faster than its share each may go just now, in 1 / JDC_SHARE_ONE */
  int64_t steered_at;
  int64_t crowd_from, crowd_till; /* since when there is one; when there was one no more */
  int64_t crowded_at;             /* when others were seen last */
  int64_t others;                 /* the least that others had used in this minute: who came before may be gone */
  int64_t minute;                 /* of the service, in which it told last what was left, */
  int64_t left;                   /* and that */
  int64_t least_left;             /* the least since grown_at */
} jdc_belief;

typedef struct jdc_line {
  jdc_ticket *list; /* sorted: first come, first */
  size_t first, count, cap;
} jdc_line;

typedef struct jdc_window { /* what every reservation needs comes first */
  uint64_t serial;          /* tells it from others that had its place before */
  jdc_rate rate;            /* as it is kept to */
  int64_t *answers;         /* a ring: moments of answers, oldest first; each holds a slot for rate.span */
  size_t first, count, cap;
  size_t flying; /* calls on the wire; cap >= count + flying, so that no answer needs memory */
  jdc_line line;
  int64_t shut;  /* none may go before, the service said so */
  int64_t every; /* from one call to the next, at least; 0: they may go at once */
  int64_t went;  /* when the last one went, or should have gone */
  int64_t used;  /* when it was or will be needed last */
  jdc_belief belief;
  jdc_rate rule; /* as it was set */
  bool set;      /* for this key, not for all */
  uint64_t hash;
  size_t len;
  char key[JDC_LIMIT_KEY_MAX];
} jdc_window;

static inline int64_t jdc_later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Doubles an array of at most `max` elements; NULL if the allocator gave nothing, and the array is as before. */
JDC_MUST_USE void *jdc_limit_grow(jdc_alloc alloc, void *array, size_t *cap, size_t size, size_t max);

void jdc_window_free(jdc_alloc alloc, jdc_window *w);

/* Forgets the answers that are a span old. */
static inline void jdc_window_look(jdc_window *w, int64_t now) {
  while (w->count > 0 && w->answers[w->first] + w->rate.span <= now) {
    if (++w->first == w->cap) w->first = 0;
    w->count--;
  }
}

/* The earliest moment at which a call may go that has `before` others before it in line: `now`, or the least that it
 * waits. Look first. */
int64_t jdc_window_moment(const jdc_window *w, size_t before, int64_t now);

/* How many stand before this ticket, be it in line or not. */
size_t jdc_window_before(const jdc_window *w, jdc_ticket ticket);

/* Makes sure that the next jdc_window_go, or jdc_window_wait, finds its memory. */
JDC_MUST_USE bool jdc_window_room(jdc_alloc alloc, jdc_window *w, bool waits);
void jdc_window_go(jdc_window *w, int64_t now);          /* one more on the wire */
void jdc_window_wait(jdc_window *w, jdc_ticket ticket);  /* takes the ticket's place in line */
void jdc_window_leave(jdc_window *w, jdc_ticket ticket); /* the line, if it is in it */

/* One less on the wire; its slot stays held for a span if it was answered now. */
void jdc_window_land(jdc_window *w, bool answered, int64_t now);

JDC_END
#endif
