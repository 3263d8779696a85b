/* cloud.h - what the calls of one cloud share: the hash context, the retry quota, the limiter in the process and
 * the clock skew of each host. Not for two threads at once. */
#ifndef JDC_CLOUD_H
#define JDC_CLOUD_H

#include "digest.h"
#include "limit.h"
#include "retry.h"

JDC_BEGIN

#define JDC_SKEW_MIN_MS 60000 /* a clock that is no further from the service's than this is right (design.md) */
#define JDC_SKEW_HOSTS  64    /* hosts with a skew that are remembered; the oldest is forgotten first */
#define JDC_HOST_MAX    255   /* bytes of a host with its port; of a longer one no skew is learnt */

#define JDC_STATS_WAITS 5 /* reasons to wait: those of jdc_wait_why but the answer */

typedef struct jdc_cloud jdc_cloud;

/* What the calls of a cloud have done so far. */
typedef struct jdc_stats {
  uint64_t calls, failed; /* begun, ended without a result */
  uint64_t attempts, throttled;
  uint64_t waits[JDC_STATS_WAITS]; /* by jdc_wait_why; in line one for each attempt */
  int64_t waited_ms[JDC_STATS_WAITS];
} jdc_stats;

JDC_MUST_USE jdc_status jdc_cloud_new(jdc_alloc alloc, jdc_cloud **out);
void jdc_cloud_free(jdc_cloud *cloud);

jdc_digest *jdc_cloud_digest(jdc_cloud *cloud);
jdc_quota *jdc_cloud_quota(jdc_cloud *cloud);
jdc_limit *jdc_cloud_limit(jdc_cloud *cloud);
jdc_stats *jdc_cloud_stats(jdc_cloud *cloud);

/* What to add to our wall time to get the host's, in ms; 0 if unknown or not over JDC_SKEW_MIN_MS. */
int64_t jdc_cloud_skew(const jdc_cloud *cloud, jdc_str host);

/* Learns from a Date of the service itself that was read at wall_ms. Without memory nothing is learnt, and nothing
 * breaks. */
void jdc_cloud_learn_date(jdc_cloud *cloud, jdc_str host, int64_t date_s, int64_t wall_ms);

JDC_END
#endif
