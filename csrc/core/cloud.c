/* cloud.c - see cloud.h. */
#include "cloud.h"

#include <string.h>

typedef struct jdc_skew {
  int64_t skew_ms;
  size_t host_len; /* 0: a free place */
  char host[JDC_HOST_MAX];
} jdc_skew;

struct jdc_cloud {
  jdc_alloc alloc;
  jdc_digest *digest;
  jdc_quota *quota;
  jdc_limit *limit;
  jdc_stats stats;
  jdc_skew *skews; /* NULL until a clock turns out to be wrong, which is rare */
  unsigned oldest; /* the place that is taken next */
};

jdc_status jdc_cloud_new(jdc_alloc alloc, jdc_cloud **out) {
  *out = NULL;
  jdc_cloud *cloud = jdc_new(alloc, sizeof(*cloud));
  if (cloud == NULL) return JDC_NOMEM;
  memset(cloud, 0, sizeof(*cloud));
  cloud->alloc = alloc;
  jdc_status status = jdc_digest_new(alloc, &cloud->digest);
  if (status == JDC_OK) status = jdc_quota_new(alloc, &cloud->quota);
  if (status == JDC_OK)
    status = jdc_limit_new(alloc, JDC_LIMIT_DEFAULT_CALLS, JDC_LIMIT_DEFAULT_WINDOW_MS, &cloud->limit);
  if (status != JDC_OK) {
    jdc_cloud_free(cloud);
    return status;
  }
  *out = cloud;
  return JDC_OK;
}

void jdc_cloud_free(jdc_cloud *cloud) {
  if (cloud == NULL) return;
  jdc_digest_free(cloud->digest);
  jdc_quota_free(cloud->quota);
  jdc_limit_free(cloud->limit);
  jdc_delete(cloud->alloc, cloud->skews, JDC_SKEW_HOSTS * sizeof(jdc_skew));
  jdc_delete(cloud->alloc, cloud, sizeof(*cloud));
}

jdc_digest *jdc_cloud_digest(jdc_cloud *cloud) { return cloud->digest; }
jdc_quota *jdc_cloud_quota(jdc_cloud *cloud) { return cloud->quota; }
jdc_limit *jdc_cloud_limit(jdc_cloud *cloud) { return cloud->limit; }
jdc_stats *jdc_cloud_stats(jdc_cloud *cloud) { return &cloud->stats; }

static jdc_skew *find(const jdc_cloud *cloud, jdc_str host) {
  if (cloud->skews == NULL || host.len == 0) return NULL;
  for (size_t i = 0; i < JDC_SKEW_HOSTS; i++) {
    jdc_skew *s = &cloud->skews[i];
    if (s->host_len == host.len && memcmp(s->host, host.ptr, host.len) == 0) return s;
  }
  return NULL;
}

int64_t jdc_cloud_skew(const jdc_cloud *cloud, jdc_str host) {
  const jdc_skew *s = find(cloud, host);
  return s == NULL ? 0 : s->skew_ms;
}

void jdc_cloud_learn_date(jdc_cloud *cloud, jdc_str host, int64_t date_s, int64_t wall_ms) {
  int64_t skew = date_s * 1000 - wall_ms;
  bool right = skew >= -JDC_SKEW_MIN_MS && skew <= JDC_SKEW_MIN_MS;
  jdc_skew *s = find(cloud, host);
  if (s != NULL) {
    if (right)
      s->host_len = 0;
    else
      s->skew_ms = skew;
    return;
  }
  if (right || host.len == 0 || host.len > JDC_HOST_MAX) return;
  if (cloud->skews == NULL) {
    cloud->skews = jdc_new(cloud->alloc, JDC_SKEW_HOSTS * sizeof(jdc_skew));
    if (cloud->skews == NULL) return;
    memset(cloud->skews, 0, JDC_SKEW_HOSTS * sizeof(jdc_skew));
  }
  s = &cloud->skews[cloud->oldest];
  cloud->oldest = (cloud->oldest + 1) % JDC_SKEW_HOSTS;
  memcpy(s->host, host.ptr, host.len);
  s->host_len = host.len;
  s->skew_ms = skew;
}
