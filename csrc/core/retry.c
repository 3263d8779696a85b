/* retry.c - delays with full jitter, and the retry quota of each service (design.md, The attempt machine). */
#include "retry.h"

#include <string.h>

int64_t jdc_retry_delay(unsigned repeats, uint64_t random, int64_t hint_ms, int64_t room_ms) {
  int64_t most = JDC_BACKOFF_BASE_MS;
  for (unsigned i = 0; i < repeats && most < JDC_BACKOFF_MAX_MS; i++) most *= 2;
  if (most > JDC_BACKOFF_MAX_MS) most = JDC_BACKOFF_MAX_MS;
  if (hint_ms > JDC_RETRY_AFTER_MAX_MS) hint_ms = JDC_RETRY_AFTER_MAX_MS;
  if (hint_ms > 0) {
    int64_t left = room_ms > hint_ms ? (room_ms - hint_ms) / 2 : 0;
    if (most < hint_ms / 2) most = hint_ms / 2;
    if (most > left) most = left;
  } else {
    hint_ms = 0;
  }
  /* The remainder of 64 bits by at most 30,001 favours no value by more than one part in 10^14. */
  return hint_ms + (int64_t)(random % ((uint64_t)most + 1));
}

/* A service that something was drawn for. Names that are equal in their first JDC_SERVICE_MAX bytes share an entry. */
typedef struct entry {
  char name[JDC_SERVICE_MAX];
  size_t len;
  int left;    /* below JDC_QUOTA_FULL: a service that is full again needs no entry */
  int in_vain; /* calls that were repeated in vain since it answered last */
} entry;

struct jdc_quota {
  jdc_alloc alloc;
  size_t count;
  entry entries[JDC_QUOTA_SERVICES];
};

jdc_status jdc_quota_new(jdc_alloc alloc, jdc_quota **out) {
  *out = jdc_new(alloc, sizeof(**out));
  if (*out == NULL) return JDC_NOMEM;
  memset(*out, 0, sizeof(**out));
  (*out)->alloc = alloc;
  return JDC_OK;
}

void jdc_quota_free(jdc_quota *q) {
  if (q != NULL) jdc_delete(q->alloc, q, sizeof(*q));
}

static size_t name_len(jdc_str service) { return service.len < JDC_SERVICE_MAX ? service.len : JDC_SERVICE_MAX; }

/* The position of the service's entry, or q->count if it has none. */
static size_t find(const jdc_quota *q, jdc_str service) {
  size_t i = 0, len = name_len(service);
  while (i < q->count && (q->entries[i].len != len || (len > 0 && memcmp(q->entries[i].name, service.ptr, len) != 0)))
    i++;
  return i;
}

/* A place for another entry; if there is none, that of the fullest, which loses least by being forgotten. */
static entry *place(jdc_quota *q) {
  if (q->count < JDC_QUOTA_SERVICES) return &q->entries[q->count++];
  entry *fullest = &q->entries[0];
  for (size_t i = 1; i < q->count; i++)
    if (q->entries[i].left > fullest->left) fullest = &q->entries[i];
  return fullest;
}

bool jdc_quota_draw(jdc_quota *q, jdc_str service) {
  size_t i = find(q, service);
  if (i < q->count) {
    if (q->entries[i].left < JDC_QUOTA_COST || q->entries[i].in_vain >= JDC_QUOTA_IN_VAIN) return false;
    q->entries[i].left -= JDC_QUOTA_COST;
    return true;
  }
  entry *e = place(q);
  e->len = name_len(service);
  if (e->len > 0) memcpy(e->name, service.ptr, e->len);
  e->left = JDC_QUOTA_FULL - JDC_QUOTA_COST;
  e->in_vain = 0;
  return true;
}

void jdc_quota_refill(jdc_quota *q, jdc_str service, int amount) {
  size_t i = find(q, service);
  if (i == q->count || amount < 0) return;
  q->entries[i].in_vain = 0;
  if (amount < JDC_QUOTA_FULL - q->entries[i].left)
    q->entries[i].left += amount;
  else
    q->entries[i] = q->entries[--q->count];
}

void jdc_quota_in_vain(jdc_quota *q, jdc_str service) {
  size_t i = find(q, service);
  if (i < q->count && q->entries[i].in_vain < JDC_QUOTA_IN_VAIN) q->entries[i].in_vain++;
}

bool jdc_quota_at(const jdc_quota *q, size_t i, jdc_str *service, int *left) {
  if (i >= q->count) return false;
  *service = (jdc_str){ q->entries[i].name, q->entries[i].len };
  *left = q->entries[i].left;
  return true;
}

int jdc_quota_left(const jdc_quota *q, jdc_str service) {
  size_t i = find(q, service);
  return i < q->count ? q->entries[i].left : JDC_QUOTA_FULL;
}
