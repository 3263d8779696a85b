/* limit_learn.h - inside of limit: what a window learns from the service (protocol.md 6), and how it forgets it.
 *
 * A throttled answer shuts the window: for the server's hint, or until the service's minute turns. Calls that were sent
 * before the one that made the share fall tell nothing new. What follows depends on who it seems to be (limit_share.h):
 *
 * - Alone: the share becomes what went through in the span before, less a 32nd; no less than an 8th of what it was,
 *   since a client that has just begun can't know. With each span without a throttled answer it grows: not at all, by a
 *   64th, a 32nd, an 8th, a half. Near the limit it feels its way, at a price of some calls; a limit that was raised is
 *   found in five spans.
 * - One of many: it falls by a 40th, or by a 12th where shares are small and a throttled answer is a rare event; two in
 *   a row by a 12th more, to half at most in a minute. It grows by how many calls went through since, which is a
 *   measure of how full the service is: hardly at first, by a 14th a span later, and by a quarter once that has gone on
 *   for so long that the others must be gone. After two in a row, or a fall of the limit, the limit seems to change:
 *   then, for a while, it grows much faster. Where shares are above a 16th of the ceiling they draw near to each other
 *   meanwhile.
 *   Throttled answers that come early in the service's minute speak for a rolling window: that is left alone for a
 *   second, for up to eight if it goes on, and not until a minute turns. One that comes early after many that came late
 *   speaks for a limit that fell: the share falls to what there is until then.
 * - In a crowd: limit_crowd.h. One whose service has announced nothing for ten minutes is no crowd any more.
 *
 * What nobody asked for in 128 spans is forgotten. Limits are taken for those of a minute: other spans have no headers,
 * and their time turns as they end. */
#ifndef JDC_LIMIT_LEARN_H
#define JDC_LIMIT_LEARN_H

#include "limit_crowd.h"
#include "limit_share.h"

JDC_BEGIN

/* Sets the allowance; what was learnt is forgotten if it is another than before. */
void jdc_learn_rule(jdc_window *w, jdc_rate rule, bool set);

#define JDC_STEPPED_MS 10000 /* a clock that is behind by so much has been set */

/* The service's clock, as of an answer that came now. The Date is of some moment within its second, and old by the
 * answer's way: the service's clock is no earlier. The greatest difference seen is the truest. */
static inline void jdc_learn_date(jdc_window *w, int64_t now, int64_t date_ms) {
  jdc_belief *b = &w->belief;
  int64_t ahead = date_ms - now - 1; /* our clock is cut to milliseconds */
  if (!b->dated || ahead > b->ahead || ahead < b->ahead - JDC_STEPPED_MS) b->ahead = ahead;
  b->date = date_ms;
  b->dated = true;
}

/* The service's headers in the answer to a call that was sent at `sent`. */
void jdc_learn_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left);

/* A call that was sent at `sent` went through: one more of those before the fall, if it was on its way then. */
void jdc_learn_more(jdc_window *w);
static inline void jdc_learn_passed(jdc_window *w, int64_t sent) {
  jdc_belief *b = &w->belief;
  if (sent >= b->fell_at)
    b->strikes = 0;
  else if (b->lowered && b->calm == 0)
    jdc_learn_more(w);
}

/* It was refused; retry_after_ms: the server's hint, -1 for none. */
void jdc_learn_throttled(jdc_window *w, int64_t sent, int64_t now, int64_t retry_after_ms);

/* Time has passed. */
void jdc_learn_later(jdc_window *w, int64_t now);
static inline void jdc_learn_time(jdc_window *w, int64_t now) {
  const jdc_belief *b = &w->belief;
  bool stale = b->crowded && b->speed != JDC_SHARE_ONE && now >= b->steered_at + JDC_STALE_MS;
  if (stale || (b->lowered && now >= b->grown_at + w->rate.span)) jdc_learn_later(w, now);
}

JDC_END
#endif
