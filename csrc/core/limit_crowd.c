/* limit_crowd.c - how a crowd steers (limit_crowd.h; spec/sim shows what each figure brings). */
#include "limit_crowd.h"

#include "limit_share.h"

#define ONE           JDC_SHARE_ONE
#define MINUTE        JDC_MINUTE_MS
#define CROWD         50            /* more than this part of the limit is used by others: they are a crowd, */
#define ALONE         (2 * MINUTE)  /* until for so long it is less */
#define NEAR          (10 * MINUTE) /* who is in a crowd again so soon has found its place in it */
#define SETTLE        (8 * MINUTE)  /* at first shares draw near to each other at this rate a minute, */
#define NEAR_AT_FIRST 128           /* in parts of ONE, */
#define NEAR_LATER    10            /* then at this */

#define RESERVE 96 /* the part of a calendar's limit at which all stop */
#define SOFT    32 /* the part that is added to what is left and to what should be: towards the end both vanish */
#define FASTEST (2 * ONE)
#define SLOWEST (ONE / 8)
#define BEHIND  2 /* shares follow a pace below them by so much a minute, one above them by half of it */

#define AIM          100         /* the part of a rolling limit that is left */
#define FAST         (ONE + 51)  /* the pace if more is left, */
#define SLOW         (ONE - 102) /* and if nothing is */
#define STEEP        48          /* shares fall by so many times the part of the limit that is missing, a minute */
#define GROW         8           /* and grow by so many times the part that is over, */
#define GROW_AT_MOST 64          /* but by no more than it and this part */

static int64_t clamp(int64_t x, int64_t least, int64_t most) { return x < least ? least : x > most ? most : x; }

static int64_t reserve(const jdc_belief *b) { return b->rolling ? 0 : b->ceiling / RESERVE; }

/* Each returns by how much shares grow a minute, in 1 / ONE of themselves, and sets the speed. */

static int64_t steer_calendar(jdc_window *w, int64_t now, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t soft = b->ceiling / SOFT + 1, line = b->ceiling * (MINUTE - jdc_turn_into(w, now)) / MINUTE;
  int64_t spare = jdc_later(left - reserve(b), 0);
  b->speed = clamp(ONE * (spare + soft) / (line + soft), SLOWEST, FASTEST);
  return (b->speed - ONE) * (b->speed < ONE ? BEHIND : BEHIND / 2);
}

static int64_t steer_rolling(jdc_window *w, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t line = b->ceiling / AIM + 1;
  if (left < line) {
    b->speed = SLOW + (ONE - SLOW) * left / line;
    return (left - line) * ONE * STEEP / b->ceiling;
  }
  b->speed = clamp(ONE + ONE * (left - line) / b->ceiling, ONE, FAST);
  return 0;
}

static void steer(jdc_window *w, int64_t now, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t past = clamp(now - b->steered_at, 0, JDC_STALE_MS);
  int64_t parts = b->rolling ? steer_rolling(w, left) : steer_calendar(w, now, left);
  parts -= jdc_share_excess(b) * (now < b->crowd_from + SETTLE ? NEAR_AT_FIRST : NEAR_LATER) / ONE;
  b->steered_at = now;
  jdc_share_set(w, b->share + b->share * parts / ONE * past / MINUTE);
  if (left <= reserve(b)) w->shut = jdc_later(w->shut, b->rolling ? now + JDC_REST_MS : jdc_turn_next(w, now));
}

static void join(jdc_window *w, int64_t now, int64_t limit, int64_t left, int64_t others) {
  jdc_belief *b = &w->belief;
  int64_t own = (int64_t)w->count;
  b->crowded = true;
  b->speed = ONE;
  b->steered_at = b->grown_at = now;
  b->passed = -1;
  b->least_left = INT64_MAX;
  if (now > b->crowd_till + NEAR) b->crowd_from = now;
  /* who has used little may still take an 8th of what is left: the others may be gone again */
  jdc_share_set(w, jdc_later(limit * own * ONE / (own + others), left * ONE / 8));
}

/* Is there a crowd? Who used a calendar's minute before we did may be gone: only what they use since then counts. */
static void see_others(jdc_window *w, int64_t now, int64_t limit, int64_t left, bool turned) {
  jdc_belief *b = &w->belief;
  int64_t others = jdc_later(limit - left - (int64_t)(w->count + w->flying), 0);
  if (b->rolling)
    b->others = 0;
  else if (turned || others < b->others)
    b->others = others;
  others -= b->others;
  if (others > limit / CROWD) b->crowded_at = now;
  bool crowded = now < b->crowded_at + ALONE;
  if (crowded && !b->crowded) join(w, now, limit, left, others);
  if (!crowded && b->crowded) {
    b->crowded = false;
    b->crowd_till = now;
    jdc_share_set(w, b->share);
  }
}

void jdc_crowd_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t minute = (now + b->ahead) / MINUTE, before = b->minute;
  if (!b->rolling && (sent + b->ahead) / MINUTE != minute) return; /* of the minute before, or of this? */
  bool soon = minute == before + 1 && jdc_turn_into(w, now) < JDC_STALE_MS;
  if (b->dated && soon && b->left < limit / 4) b->rolling = left < limit / 2;
  b->minute = minute;
  b->left = left;
  if (left < b->least_left) b->least_left = left;
  see_others(w, now, limit, left, minute != before);
  if (b->crowded) steer(w, now, left);
}

void jdc_crowd_unsure(jdc_window *w) {
  w->belief.speed = ONE;
  jdc_share_set(w, w->belief.share);
}

bool jdc_crowd_untold(const jdc_belief *b, int64_t now) { return b->crowded && now >= b->steered_at + NEAR; }

void jdc_crowd_throttled(jdc_window *w) {
  jdc_belief *b = &w->belief;
  /* a rolling window that throttles one call after the other is far too full; once it is just full */
  jdc_share_times(w, -ONE / (!b->rolling ? 16 : b->strikes++ == 0 ? 64 : 4));
}

int64_t jdc_crowd_growth(const jdc_belief *b) {
  int64_t over = b->least_left - b->ceiling / AIM;
  if (!b->rolling || b->least_left > b->ceiling || over <= 0) return 0;
  int64_t most = over + b->ceiling / GROW_AT_MOST;
  return ONE * (over * GROW < most ? over * GROW : most) / b->ceiling;
}
