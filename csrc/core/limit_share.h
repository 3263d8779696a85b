/* limit_share.h - inside of limit: what a window believes to be its part of the allowance, and how it keeps to it.
 *
 * The share is at most the ceiling: the calls that were set for the key, or announced by the service. Who is alone with
 * an allowance takes its share as it comes, in bursts up to what is free. One of many keeps an even pace instead, and
 * makes up for no more than it left unused in an 8th of a span: calls in step with the service's window would find it
 * always full or never, whatever their number; evenly spread, who takes more is throttled more, and all see in time how
 * much is left. One of many is who was told so by the service's headers (limit_crowd.h), or whose share fell below a
 * quarter of the ceiling, if that is 64 calls or more; until it has grown to half of it again. Where a pace would be
 * one of less than 8 ms its calls go in bursts all the same. */
#ifndef JDC_LIMIT_SHARE_H
#define JDC_LIMIT_SHARE_H

#include "limit_window.h"

JDC_BEGIN

#define JDC_SHARE_ONE 1024 /* parts of a call; and of 1, of what shares are multiplied with */
#define JDC_MINUTE_MS INT64_C(60000)
#define JDC_REST_MS   INT64_C(1000) /* a window whose turn is unknown, or that has none, is left alone for so long */

/* Sets the share, to a call at least and the ceiling at most, and what follows from it. */
void jdc_share_set(jdc_window *w, int64_t share);

/* The share becomes (1 + parts / JDC_SHARE_ONE) times itself. */
void jdc_share_times(jdc_window *w, int64_t parts);

void jdc_share_ceiling(jdc_window *w, int64_t ceiling);

/* The natural logarithm of the share over a 16th of the ceiling, in 1 / JDC_SHARE_ONE. Where shares shrink by a part
 * that is in proportion to it, they draw near to each other, whatever their number. */
int64_t jdc_share_excess(const jdc_belief *b);

/* How far the service's clock is in its minute, or in the span of a window that is shorter. */
int64_t jdc_turn_into(const jdc_window *w, int64_t now);
static inline int64_t jdc_turn_span(const jdc_window *w) {
  return w->rate.span < JDC_MINUTE_MS ? w->rate.span : JDC_MINUTE_MS;
}

/* When that turns; a second from now if the service's clock is unknown. */
int64_t jdc_turn_next(const jdc_window *w, int64_t now);

JDC_END
#endif
