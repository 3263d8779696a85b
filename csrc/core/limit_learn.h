/* limit_learn.h - inside of limit: what a window learns from the service (protocol.md 6), and how it forgets it.
 *
 * The share is what the window believes to be its part of the allowance, at most the ceiling: the calls that were set
 * for the key, or announced by the service.
 *
 * - Throttled: the window is shut until the service's minute turns. The share becomes what went through in the span
 *   before, less a 32nd; no less than an 8th of what it was, since a client that has just begun can't know. Calls that
 *   were sent before the share fell tell nothing new.
 * - Growth: a span nothing, then a 64th, a 32nd, an 8th, a half with each span. Near the limit it feels its way, at a
 *   price of some calls; a limit that was raised is found in five spans. A share below a 6th of the ceiling seems to be
 *   one of many, where each that feels its way costs the others: it stays longer, and grows more slowly.
 * - Announced: the header's limit is the ceiling. If it counts more calls than are ours, others have the same
 *   allowance: a crowd. Then each keeps an even pace, at a beat of its own, so that all see in time how much is left,
 *   and foresee when it will be used up, but for a 96th. Then they stop, until the minute turns, without having been
 *   throttled. How early that was is by how much all have to slow down; and each takes a call more, so that who has
 *   little gains what who has much loses. Where the count doesn't fall back as the minute turns (a sliding window, a
 *   token bucket) they rest for a second, and slow down by a 32nd.
 *
 * Limits are taken for those of a minute: other spans have no headers, and their time turns as they end. */
#ifndef JDC_LIMIT_LEARN_H
#define JDC_LIMIT_LEARN_H

#include "limit_window.h"

JDC_BEGIN

#define JDC_SHARE_ONE 1024 /* parts of a call */

/* Sets the allowance; what was learnt is forgotten if it is another than before. */
void jdc_learn_rule(jdc_window *w, jdc_rate rule, bool set);

#define JDC_STEPPED_MS 10000 /* a clock that is behind by so much has been set */

/* The service's clock, as of an answer that came now. The Date is of some moment within its second, and old by the
 * answer's way: the service's clock is no earlier. The greatest difference seen is the truest. */
static inline void jdc_learn_date(jdc_window *w, int64_t now, int64_t date_ms) {
  jdc_belief *b = &w->belief;
  int64_t ahead = date_ms - now - 1; /* our clock is cut to milliseconds */
  if (!b->dated || ahead > b->ahead || ahead < b->ahead - JDC_STEPPED_MS) b->ahead = ahead;
  b->dated = true;
}

/* The service's headers in the answer to a call that was sent at `sent`. */
void jdc_learn_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left);

/* A call that was sent at `sent` went through: one more of those before the fall, if it was on its way then. */
void jdc_learn_more(jdc_window *w);
static inline void jdc_learn_passed(jdc_window *w, int64_t sent) {
  if (w->belief.lowered && w->belief.calm == 0 && sent < w->belief.fell_at) jdc_learn_more(w);
}

/* It was refused; retry_after_ms: the server's hint, -1 for none. */
void jdc_learn_throttled(jdc_window *w, int64_t sent, int64_t now, int64_t retry_after_ms);

/* Time has passed. */
void jdc_learn_later(jdc_window *w, int64_t now);
static inline void jdc_learn_time(jdc_window *w, int64_t now) {
  const jdc_belief *b = &w->belief;
  if ((b->lowered && now >= b->grown_at + w->rate.span) || now >= b->empty_at) jdc_learn_later(w, now);
}

JDC_END
#endif
