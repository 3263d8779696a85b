/* limit_share.c - shares and paces (limit_share.h). */
#include "limit_share.h"

#define MANY    4   /* who has less than this part of the ceiling is one of many, so it seems, */
#define FEW     2   /* until it has this part; */
#define CALLS   64  /* a smaller ceiling tells nothing: by a single call it would seem so */
#define BEAT_MS 8   /* a shorter beat is too coarse in milliseconds: then calls go in bursts */
#define LN2     710 /* of JDC_SHARE_ONE */

void jdc_share_set(jdc_window *w, int64_t share) {
  jdc_belief *b = &w->belief;
  int64_t most = b->ceiling * JDC_SHARE_ONE;
  b->share = share < JDC_SHARE_ONE ? JDC_SHARE_ONE : share;
  b->lowered = b->share < most;
  if (!b->lowered) b->share = most;
  b->paced = b->crowded || (b->ceiling >= CALLS && b->share < most / (b->paced ? FEW : MANY));
  w->rate.calls = b->paced ? b->ceiling : b->share / JDC_SHARE_ONE;
  w->every = b->paced ? w->rate.span * JDC_SHARE_ONE / b->share : 0;
  if (b->crowded) w->every = w->every * JDC_SHARE_ONE / b->speed;
  if (!b->paced || w->every >= BEAT_MS) return;
  int64_t calls = b->crowded ? b->share * b->speed / JDC_SHARE_ONE : b->share;
  w->every = 0;
  w->rate.calls = calls < most ? jdc_later(calls / JDC_SHARE_ONE, 1) : b->ceiling;
}

void jdc_share_times(jdc_window *w, int64_t parts) {
  jdc_share_set(w, w->belief.share + w->belief.share * parts / JDC_SHARE_ONE);
}

void jdc_share_ceiling(jdc_window *w, int64_t ceiling) {
  bool lowered = w->belief.lowered;
  w->belief.ceiling = ceiling;
  jdc_share_set(w, lowered ? w->belief.share : ceiling * JDC_SHARE_ONE);
}

int64_t jdc_share_excess(const jdc_belief *b) {
  int64_t x = b->share, y = b->ceiling * JDC_SHARE_ONE / 16, ln = 0;
  for (; x >= 2 * y; y *= 2) ln += LN2;
  for (; x < y; x *= 2) ln -= LN2;
  return ln + (x - y) * LN2 / y; /* in between it is taken for a straight line */
}

/* How far a moment of the service's clock is in its span. */
static int64_t into(int64_t clock, int64_t span) { return clock % span < 0 ? clock % span + span : clock % span; }

/* The service's clock, at least: that of its last Date or later. */
static int64_t clock_of(const jdc_belief *b, int64_t now) { return jdc_later(now + b->ahead, b->date); }

int64_t jdc_turn_into(const jdc_window *w, int64_t now) { return into(clock_of(&w->belief, now), jdc_turn_span(w)); }

int64_t jdc_turn_next(const jdc_window *w, int64_t now) {
  int64_t span = jdc_turn_span(w), clock = clock_of(&w->belief, now);
  if (!w->belief.dated) return now + (span < JDC_REST_MS ? span : JDC_REST_MS);
  return clock - into(clock, span) + span - w->belief.ahead;
}
