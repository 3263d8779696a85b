/* retry.h - how long to wait before an attempt is repeated, and the quota that stops a client from hammering a service
 * that is down. */
#ifndef JDC_RETRY_H
#define JDC_RETRY_H

#include "jdc.h"

JDC_BEGIN

#define JDC_BACKOFF_BASE_MS    50
#define JDC_BACKOFF_MAX_MS     (20 * 1000)
#define JDC_RETRY_AFTER_MAX_MS (60 * 1000) /* a server's hint is believed up to here */
#define JDC_QUOTA_FULL         500
#define JDC_QUOTA_COST         14 /* drawn by a repetition after a transient failure */
#define JDC_QUOTA_REFILL       1  /* put back by a first attempt that succeeds; a repeated one puts back what it drew */
#define JDC_QUOTA_SERVICES     256 /* services remembered; the JD Cloud API has 134. The fullest is forgotten first */
#define JDC_SERVICE_MAX        64  /* bytes of a service's name that tell it apart */

/* Full jitter: uniform in [0, min(max, base * 2^repeats)], not below the hint (cut to JDC_RETRY_AFTER_MAX_MS; -1:
 * none). repeats counts from 0; random: 64 fresh bits. */
int64_t jdc_retry_delay(unsigned repeats, uint64_t random, int64_t hint_ms);

/* The retry quota of every service of one cloud. */
typedef struct jdc_quota jdc_quota;

JDC_MUST_USE jdc_status jdc_quota_new(jdc_alloc alloc, jdc_quota **out);
void jdc_quota_free(jdc_quota *q);

/* Draws JDC_QUOTA_COST for the service; false if there is not enough (nothing is drawn then). JDC_NOMEM can't happen:
 * the table has a fixed size. */
JDC_MUST_USE bool jdc_quota_draw(jdc_quota *q, jdc_str service);
/* Puts back; never above full. */
void jdc_quota_refill(jdc_quota *q, jdc_str service, int amount);
/* The i-th of the services whose quota isn't full; false from their number on. *service is the quota's own. */
bool jdc_quota_at(const jdc_quota *q, size_t i, jdc_str *service, int *left);
int jdc_quota_left(const jdc_quota *q, jdc_str service);

JDC_END
#endif
