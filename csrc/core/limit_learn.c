/* limit_learn.c - shares that fall and grow (limit_learn.h has the rules, spec/sim what they bring). */
#include "limit_learn.h"

#include "retry.h"

#define MINUTE       INT64_C(60000)
#define SHUT_MS      1000 /* a throttled window whose service's clock is unknown: the call itself backs off as well */
#define FALL         32   /* a share falls by this part of what went through, a call at least */
#define FALL_MOST    8    /* to this part of itself at most */
#define CALM         1    /* spans without growth */
#define MANY         6    /* who has less than this part of the ceiling is one of many, so it seems: */
#define CALM_MANY    7    /* then the calm is longer, */
#define STEP_MANY    16   /* with this part of a call meanwhile */
#define RESERVE      96   /* the part of an announced limit that a crowd leaves */
#define CROWD        50   /* more than this part of it is used by others: they are a crowd */
#define BACK         32   /* a crowd's share of a rolling window falls by this part, */
#define BACK_EACH    8    /* once in this part of a minute, */
#define STEP         4    /* and grows by this part of a call a minute */
#define REST         60   /* a rolling window that is used up is left alone for this part of a minute */
#define LOOK_BACK_MS 3000 /* over so long, or longer, the rate is seen at which a crowd uses what is left */

static void pace(jdc_window *w) {
  const jdc_belief *b = &w->belief;
  w->every = b->crowded && b->lowered ? w->rate.span * JDC_SHARE_ONE / b->share : 0;
}

static void set_share(jdc_window *w, int64_t share) {
  jdc_belief *b = &w->belief;
  int64_t most = b->ceiling * JDC_SHARE_ONE;
  b->share = share < JDC_SHARE_ONE ? JDC_SHARE_ONE : share;
  b->lowered = b->share < most;
  if (!b->lowered) b->share = most;
  w->rate.calls = b->share / JDC_SHARE_ONE;
  pace(w);
}

static void set_ceiling(jdc_window *w, int64_t ceiling) {
  jdc_belief *b = &w->belief;
  bool lowered = b->lowered;
  b->ceiling = ceiling;
  set_share(w, lowered ? b->share : ceiling * JDC_SHARE_ONE);
}

void jdc_learn_rule(jdc_window *w, jdc_rate rule, bool set) {
  if (w->rule.calls == rule.calls && w->rule.span == rule.span && w->set == set && w->belief.ceiling > 0) return;
  w->rule = w->rate = rule;
  w->set = set;
  w->belief.lowered = w->belief.crowded = false;
  w->belief.fell_at = w->belief.grown_at = w->belief.crowded_at = -JDC_MOMENT_MAX;
  w->belief.ceiling = rule.calls;
  w->belief.least_left = INT64_MAX;
  w->belief.empty_at = JDC_NEVER;
  w->every = 0;
  if (rule.calls > 0) set_ceiling(w, rule.calls);
}

/* How far the service's clock is in the window that it counts by. */
static int64_t into_turn(const jdc_window *w, int64_t now, int64_t span) {
  int64_t into = (now + w->belief.ahead) % span;
  return into < 0 ? into + span : into;
}

static int64_t turn(const jdc_window *w, int64_t now) {
  int64_t span = w->rate.span < MINUTE ? w->rate.span : MINUTE;
  if (!w->belief.dated) return now + (span < SHUT_MS ? span : SHUT_MS);
  return now + span - into_turn(w, now, span);
}

static void fall(jdc_window *w) {
  jdc_belief *b = &w->belief;
  int64_t share = b->passed * JDC_SHARE_ONE, least = b->before / FALL_MOST;
  if (share > b->before) share = b->before;
  share -= share / FALL > JDC_SHARE_ONE ? share / FALL : JDC_SHARE_ONE;
  set_share(w, share > least ? share : least);
}

static void begin_anew(jdc_window *w, int64_t now) {
  jdc_belief *b = &w->belief;
  b->fell_at = b->grown_at = now;
  b->calm = 0;
  b->least_left = INT64_MAX;
}

void jdc_learn_more(jdc_window *w) {
  if (w->belief.crowded) return;
  w->belief.passed++;
  fall(w);
}

void jdc_learn_throttled(jdc_window *w, int64_t sent, int64_t now, int64_t retry_after_ms) {
  jdc_belief *b = &w->belief;
  int64_t hint = retry_after_ms < JDC_RETRY_AFTER_MAX_MS ? retry_after_ms : JDC_RETRY_AFTER_MAX_MS;
  w->shut = jdc_later(w->shut, hint >= 0 ? now + hint : turn(w, now));
  if (w->rule.calls == 0 || sent < b->fell_at) return;
  begin_anew(w, now);
  b->before = b->share;
  b->passed = (int64_t)w->count;
  if (b->crowded)
    set_share(w, b->share - b->share / FALL_MOST);
  else
    fall(w);
}

/* A crowd has used the allowance up. A calendar's is shared out by how early that was, one call more for each: who has
 * little gains what who has much loses. */
static void used_up(jdc_window *w, int64_t sent, int64_t now) {
  jdc_belief *b = &w->belief;
  w->shut = jdc_later(w->shut, b->rolling ? now + MINUTE / REST : turn(w, now));
  b->empty_at = JDC_NEVER;
  if (sent < b->fell_at) return;
  if (b->rolling && now < b->fell_at + MINUTE / BACK_EACH) return;
  int64_t part = b->rolling ? MINUTE - MINUTE / BACK : into_turn(w, now, MINUTE);
  if (part < MINUTE / 2) part = MINUTE / 2;
  begin_anew(w, now);
  set_share(w, b->share * part / MINUTE + (b->rolling ? 0 : JDC_SHARE_ONE));
}

/* Others use the same allowance: then everybody sends at an even pace, so that all see in time how much is left. */
static void see_others(jdc_window *w, int64_t now, int64_t limit, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t own = (int64_t)(w->count + w->flying), others = jdc_later(limit - left - own, 0);
  if ((now + b->ahead) / MINUTE != b->minute || others < b->others) b->others = others;
  others -= b->others;
  if (others > limit / CROWD) b->crowded_at = now;
  bool crowded = now < b->crowded_at + 2 * MINUTE;
  if (crowded == b->crowded) return;
  b->crowded = crowded;
  if (crowded) {
    begin_anew(w, now);
    /* who has used little may still take an 8th of what is left: the others may be gone again */
    set_share(w, jdc_later(limit * own * JDC_SHARE_ONE / (own + others), left * JDC_SHARE_ONE / 8));
  }
  pace(w);
}

/* Between two answers others go on at the rate of the minute, or of the last seconds. */
static void foresee(jdc_window *w, int64_t now, int64_t minute, int64_t left) {
  jdc_belief *b = &w->belief;
  int64_t used = b->left - left, span = now - b->left_at, spare = left - b->ceiling / RESERVE;
  if (!b->rolling) {
    used = b->ceiling - left;
    span = into_turn(w, now, MINUTE);
  } else if (minute != b->minute) {
    span = 0;
  }
  if (span < LOOK_BACK_MS / 3) return;
  b->empty_at = used > 0 && spare > 0 ? now + spare * span / used : JDC_NEVER;
}

void jdc_learn_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left) {
  jdc_belief *b = &w->belief;
  if (w->rule.calls == 0 || w->rule.span != MINUTE || left < 0 || left > limit) return;
  int64_t ceiling = w->set && w->rule.calls < limit ? w->rule.calls : limit;
  if (ceiling > JDC_LIMIT_CALLS_MAX) ceiling = JDC_LIMIT_CALLS_MAX;
  if (ceiling != b->ceiling) set_ceiling(w, ceiling);
  int64_t minute = (now + b->ahead) / MINUTE;
  if (b->dated && minute == b->minute + 1 && b->left < limit / 4) b->rolling = left < limit / 2;
  if (b->crowded) foresee(w, now, minute, left);
  if (minute != b->minute || now >= b->left_at + LOOK_BACK_MS || left > b->left) {
    b->left = left;
    b->left_at = now;
  }
  if (left < b->least_left) b->least_left = left;
  see_others(w, now, limit, left);
  b->minute = minute;
  if (b->crowded && left <= limit / RESERVE) used_up(w, sent, now);
}

static int64_t growth(const jdc_belief *b) {
  if (b->crowded) { /* half of what was left over, and a call */
    int64_t over = b->least_left < b->ceiling ? b->least_left - b->ceiling / RESERVE : 0;
    int64_t grown = over > 0 ? b->share * over / b->ceiling / 2 : 0;
    return b->rolling ? grown / 2 + JDC_SHARE_ONE / STEP : grown + JDC_SHARE_ONE;
  }
  static const int32_t parts[] = { 64, 32, 8, 2 }; /* of itself, span after span */
  bool many = b->share < b->ceiling * JDC_SHARE_ONE / MANY;
  int32_t calm = b->calm - (many ? CALM_MANY : CALM) - 1, last = many ? 2 : 3;
  int64_t grown = calm < 0 ? 0 : b->share / parts[calm < last ? calm : last];
  return many ? grown + JDC_SHARE_ONE / STEP_MANY : grown;
}

void jdc_learn_later(jdc_window *w, int64_t now) {
  jdc_belief *b = &w->belief;
  if (now >= b->empty_at) {
    b->empty_at = JDC_NEVER;
    if (b->crowded && b->rolling)
      used_up(w, now, now);
    else if (b->crowded) /* foreseen, not seen: nothing to learn from */
      w->shut = jdc_later(w->shut, turn(w, now));
  }
  while (b->lowered && now >= b->grown_at + w->rate.span) {
    b->grown_at += w->rate.span;
    b->calm++;
    set_share(w, b->share + growth(b));
    b->least_left = INT64_MAX;
  }
}
