/* limit_learn.c - shares that fall and grow (limit_learn.h has the rules, spec/sim what they bring). */
#include "limit_learn.h"

#include "limit_crowd.h"
#include "limit_share.h"
#include "retry.h"

#define ONE    JDC_SHARE_ONE
#define MINUTE JDC_MINUTE_MS
#define FORGET 128 /* spans without a call */

/* Alone. */
#define FALL      32 /* a share falls by this part of what went through, a call at least, */
#define FALL_MOST 8  /* to this part of itself at most */
#define CALM      2  /* spans until it grows */

/* One of many. */
#define SMALL        16 /* a share below this part of the ceiling */
#define CUT          40 /* it falls by this part of itself, */
#define CUT_SMALL    12 /* a small one by more, up to this, */
#define CUT_AGAIN    12 /* and by this if it is throttled twice in a row */
#define RESTS        3  /* a rolling window is left alone twice as long each time, so many times */
#define LATE         8  /* that many throttled answers in a row were late in the service's minute: it is a calendar's */
#define EARLY        2  /* so many more were early: it is rolling; */
#define EARLY_MOST   4  /* more don't count */
#define UNREST       20 /* spans for which a limit is taken to change */
#define CALLS        63 /* the steps of growth, in calls that went through; */
#define CALLS_UNREST 150 /* while it changes: in calls, of a rolling window, */
#define CALM_UNREST  1   /* in spans, after so many, of a calendar's */
#define LONG         48  /* after so many spans, */
#define LONG_WAY     20  /* or steps where shares aren't small, it seems that the others are gone: */
#define AGAIN        4   /* then it grows by this part */
#define STEP         11  /* and a bit of a call with each span, in 1 / ONE */
#define NEAR         40  /* by so much of their excess large shares shrink with each span, */
#define NEAR_UNREST  120 /* by so much while the limit changes, */
#define SPREAD_SMALL 4   /* and small ones grow */

void jdc_learn_rule(jdc_window *w, jdc_rate rule, bool set) {
  if (w->rule.calls == rule.calls && w->rule.span == rule.span && w->set == set && w->belief.ceiling > 0) return;
  int64_t ahead = w->belief.ahead;
  bool dated = w->belief.dated;
  w->rule = w->rate = rule;
  w->set = set;
  w->every = 0;
  w->belief = (jdc_belief){ .ceiling = rule.calls, .ahead = ahead, .dated = dated, .speed = ONE };
  w->belief.fell_at = w->belief.grown_at = w->belief.struck_at = w->belief.unrest_till = -JDC_MOMENT_MAX;
  w->belief.crowded_at = w->belief.crowd_till = -JDC_MOMENT_MAX;
  w->belief.least_left = INT64_MAX;
  if (rule.calls > 0) jdc_share_ceiling(w, rule.calls);
}

void jdc_learn_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left) {
  if (w->rule.calls == 0 || w->rule.span != MINUTE || left < 0 || left > limit) return;
  int64_t ceiling = w->set && w->rule.calls < limit ? w->rule.calls : limit;
  if (ceiling > JDC_LIMIT_CALLS_MAX) ceiling = JDC_LIMIT_CALLS_MAX;
  if (ceiling != w->belief.ceiling) jdc_share_ceiling(w, ceiling);
  /* who was told a part of it has been told what others may use */
  if (ceiling == limit) jdc_crowd_headers(w, sent, now, limit, left);
}

/* Falls. */

static void fall_alone(jdc_window *w) {
  const jdc_belief *b = &w->belief;
  int64_t share = b->passed * ONE, least = b->before / FALL_MOST;
  if (share > b->before) share = b->before;
  share -= jdc_later(share / FALL, ONE);
  jdc_share_set(w, jdc_later(share, least));
}

void jdc_learn_more(jdc_window *w) {
  if (w->belief.passed < 0) return;
  w->belief.passed++;
  fall_alone(w);
}

/* Is it a calendar's minute or a rolling one? True if it was surely a calendar's, and this came early in it. */
static bool see_kind(jdc_belief *b, int64_t into, int64_t span) {
  if (!b->dated || into >= span - span / 3) {
    if (b->late < LATE) b->late++;
    if (b->early > 0) b->early--;
    return false;
  }
  bool fell = b->late == LATE;
  b->late = 0;
  if (b->early < EARLY_MOST) b->early++;
  return fell;
}

static void fall_among_many(jdc_window *w, int64_t now, bool fell) {
  jdc_belief *b = &w->belief;
  int64_t small = b->ceiling * ONE / SMALL, cut = CUT;
  if (b->strikes == 0 || now >= b->struck_at + w->rate.span) {
    b->before = b->share;
    b->struck_at = now;
  }
  if (b->share < small) cut = jdc_later(CUT * b->share / small, CUT_SMALL);
  if (b->strikes++ > 0) cut = CUT_AGAIN;
  if (b->strikes > 1 || fell) b->unrest_till = now + UNREST * w->rate.span;
  int64_t share = b->share - b->share / cut, span = jdc_turn_span(w);
  if (fell) share = b->share * jdc_turn_into(w, now) / span;
  jdc_share_set(w, jdc_later(share, b->before / 2));
}

static bool is_rolling(const jdc_belief *b) { return b->crowded ? b->rolling : b->paced && b->early >= EARLY; }

static int64_t rest(const jdc_belief *b) { return JDC_REST_MS << (b->strikes < RESTS ? b->strikes : RESTS); }

void jdc_learn_throttled(jdc_window *w, int64_t sent, int64_t now, int64_t retry_after_ms) {
  jdc_belief *b = &w->belief;
  bool news = w->rule.calls > 0 && sent >= b->fell_at, many = b->paced && !b->crowded;
  bool fell = news && many && see_kind(b, jdc_turn_into(w, now), jdc_turn_span(w));
  int64_t hint = retry_after_ms < JDC_RETRY_AFTER_MAX_MS ? retry_after_ms : JDC_RETRY_AFTER_MAX_MS;
  int64_t opens = is_rolling(b) ? now + (b->crowded ? JDC_REST_MS : rest(b)) : jdc_turn_next(w, now);
  w->shut = jdc_later(w->shut, hint >= 0 ? now + hint : opens);
  if (!news) return;
  b->fell_at = b->grown_at = now;
  b->calm = 0;
  b->least_left = INT64_MAX;
  b->passed = -1;
  if (b->crowded) {
    jdc_crowd_throttled(w);
  } else if (many) {
    fall_among_many(w, now, fell);
  } else {
    b->passed = (int64_t)w->count;
    b->before = b->share;
    fall_alone(w);
  }
}

/* Growth in a span, in 1 / ONE of the share. */

static int64_t growth_alone(const jdc_belief *b) {
  static const int32_t parts[] = { 64, 32, 8, 2 };
  int32_t n = b->calm - CALM;
  return n < 0 ? 0 : ONE / parts[n < 3 ? n : 3];
}

static int64_t growth_among_many(const jdc_window *w) {
  const jdc_belief *b = &w->belief;
  static const int32_t steady[] = { 0, 2, 7, 72 }, unrest[] = { 0, 80, 80, 164 };
  int64_t small = b->ceiling * ONE / SMALL, passed = b->calm * b->share / ONE, excess = jdc_share_excess(b);
  int64_t n = passed / (b->share < small ? jdc_later(CALLS * small / b->share, 1) : CALLS);
  if (b->calm >= LONG || (b->share >= small && n >= LONG_WAY)) return ONE / AGAIN;
  int64_t parts = steady[n < 3 ? n : 3];
  bool changes = b->grown_at < b->unrest_till;
  if (changes) {
    n = is_rolling(b) ? passed / CALLS_UNREST : b->calm - CALM_UNREST + 1;
    int64_t fast = unrest[n < 0 ? 0 : n < 3 ? n : 3];
    if (b->share < small) fast = fast * b->share / small * b->share / small;
    parts = jdc_later(parts, fast);
  }
  parts -= excess * (excess < 0 ? SPREAD_SMALL : changes ? NEAR_UNREST : NEAR) / ONE;
  parts += STEP * ONE / b->share;
  bool unused = w->count > 0 && (int64_t)w->count * ONE < b->share - b->share / 4;
  return unused && parts > 0 ? 0 : parts;
}

static int64_t growth(const jdc_window *w) {
  const jdc_belief *b = &w->belief;
  return b->crowded ? jdc_crowd_growth(b) : b->paced ? growth_among_many(w) : growth_alone(b);
}

void jdc_learn_later(jdc_window *w, int64_t now) {
  jdc_belief *b = &w->belief;
  if (now >= b->grown_at + FORGET * w->rate.span) {
    b->lowered = b->crowded = false;
    b->late = b->early = b->strikes = 0;
    b->grown_at = now;
    jdc_share_ceiling(w, b->ceiling);
  }
  if (b->crowded && now >= b->steered_at + JDC_STALE_MS) jdc_crowd_unsure(w);
  if (jdc_crowd_untold(b, now)) { /* from its share on it learns by what is throttled */
    b->crowded = false;
    b->crowd_till = b->grown_at = now;
    b->calm = b->strikes = 0;
    jdc_share_set(w, b->share);
  }
  while (b->lowered && now >= b->grown_at + w->rate.span) {
    b->grown_at += w->rate.span;
    b->calm++;
    jdc_window_look(w, b->grown_at);
    jdc_share_times(w, growth(w));
    b->least_left = INT64_MAX;
  }
}
