/* retry.h - how long to wait before an attempt is repeated, and the quota that stops a client from hammering a service
 * that is down. */
#ifndef JDC_RETRY_H
#define JDC_RETRY_H

#include "jdc.h"

JDC_BEGIN

#define JDC_BACKOFF_BASE_MS    50
#define JDC_BACKOFF_MAX_MS     (20 * 1000)
#define JDC_RETRY_AFTER_MAX_MS (60 * 1000) /* a server's hint is believed up to here */
#define JDC_HINT_PARTS         4 /* of the time left: a hint must leave one of them, or it is not waited for */
#define JDC_QUOTA_FULL         500
#define JDC_QUOTA_COST         14 /* drawn by a repetition after a transient failure */
#define JDC_QUOTA_REFILL       1  /* put back by a first attempt that succeeds; a repeated one puts back what it drew */
#define JDC_QUOTA_IN_VAIN      3  /* calls repeated in vain, one after the other, that end all repeating */
#define JDC_QUOTA_SERVICES     256 /* services remembered; the JD Cloud API has 134. The fullest is forgotten first */
#define JDC_SERVICE_MAX        64  /* bytes of a service's name that tell it apart */

/* Full jitter: uniform in [0, min(max, base * 2^repeats)]. repeats counts from 0; random: 64 fresh bits.
 *
 * A server's hint (cut to JDC_RETRY_AFTER_MAX_MS; -1: none) comes before that, and the jitter is half the hint at
 * least: a service that says to all when it will be back must not see all of them at that moment. It takes no more than
 * half of what the hint leaves of room_ms, the time that there is: who could come back in time does. */
int64_t jdc_retry_delay(unsigned repeats, uint64_t random, int64_t hint_ms, int64_t room_ms);

/* The retry quota of every service of one cloud. */
typedef struct jdc_quota jdc_quota;

JDC_MUST_USE jdc_status jdc_quota_new(jdc_alloc alloc, jdc_quota **out);
void jdc_quota_free(jdc_quota *q);

/* Draws JDC_QUOTA_COST for the service; false if there is not enough, or if JDC_QUOTA_IN_VAIN calls were repeated in
 * vain and nothing was put back since (nothing is drawn then). JDC_NOMEM can't happen: the table has a fixed size. */
JDC_MUST_USE bool jdc_quota_draw(jdc_quota *q, jdc_str service);
/* The service has answered, and well enough: it is there. Puts the amount back, 0 or more; never above full. */
void jdc_quota_refill(jdc_quota *q, jdc_str service, int amount);
/* A call that was repeated has failed all the same. Many processes at once would each use up a quota of their own, far
 * more than a tenth of their calls: a service that is down isn't tried twice for the fourth call. */
void jdc_quota_in_vain(jdc_quota *q, jdc_str service);
/* The i-th of the services whose quota isn't full; false from their number on. *service is the quota's own. */
bool jdc_quota_at(const jdc_quota *q, size_t i, jdc_str *service, int *left);
int jdc_quota_left(const jdc_quota *q, jdc_str service);

JDC_END
#endif
