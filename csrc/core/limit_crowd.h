/* limit_crowd.h - inside of limit: several clients with one allowance, whose service announces with every answer how
 * much of it is left (protocol.md 6).
 *
 * The header's limit is the ceiling. If more of it is used than by us, others have the same allowance: a crowd. All of
 * a crowd see the same figure, so each can steer by it, and all do the same; nobody needs to know how many they are.
 *
 * - A calendar's minute: what is left should fall on a straight line to nothing. Each goes as much faster or slower
 *   than its share as there is more or less than that. Where nearly nothing is left it stops until the minute turns,
 *   without having been throttled.
 * - A rolling window (a minute that turned, and what was left didn't come back): a 100th should be left. The pace
 * hardly changes, since the gap that a rest makes comes round again with the window; shares fall at once where less is
 * left, and grow with each minute by the least that was left in it.
 * - Shares follow the pace, and draw near to each other, in the first minutes fast. */
#ifndef JDC_LIMIT_CROWD_H
#define JDC_LIMIT_CROWD_H

#include "limit_share.h"

JDC_BEGIN

#define JDC_STALE_MS (JDC_MINUTE_MS / 4) /* the longest time that what was told speaks for */

/* Headers of the answer to a call that was sent at `sent`; the limit is that of the key, as it is to be believed. */
void jdc_crowd_headers(jdc_window *w, int64_t sent, int64_t now, int64_t limit, int64_t left);

/* The call was throttled all the same. */
void jdc_crowd_throttled(jdc_window *w);

/* Nothing was told for a while: the pace is that of the share. */
void jdc_crowd_unsure(jdc_window *w);

/* Has a crowd been told nothing for ten minutes? What its shares are, and their growth, follow from headers alone. */
bool jdc_crowd_untold(const jdc_belief *b, int64_t now);

/* By how much a share grows with a minute, in 1 / JDC_SHARE_ONE of itself. */
int64_t jdc_crowd_growth(const jdc_belief *b);

JDC_END
#endif
