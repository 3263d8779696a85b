/* lane.c - transfers that wait for one of their host's connections. */
#include "lane.h"

#include <string.h>

void jdc_lanes_init(jdc_lanes *lanes, bool single, long width) {
  memset(lanes, 0, sizeof *lanes);
  lanes->single = single;
  lanes->width = width;
}

/* The part of a URL that names the host. `url` has been looked at: a scheme, "://", and a host. */
static size_t key_of(const char *url) {
  const char *host = strchr(url, ':') + 3;
  return (size_t)(host - url) + strcspn(host, "/?");
}

static bool is_plain(const char *url) { return strncmp(url, "http:", 5) == 0; }

/* Makes a lane that nobody uses the host's; NULL if there is none. */
static jdc_lane *claim(jdc_lanes *lanes, const char *url, size_t key_len) {
  for (size_t i = 0; i < JDC_LANES; i++) {
    jdc_lane *lane = &lanes->lane[lanes->next];
    lanes->next = (lanes->next + 1) % JDC_LANES;
    if (lane->active > 0 || lane->first != NULL) continue;
    memcpy(lane->key, url, key_len);
    lane->key_len = key_len;
    lane->single = lanes->single || is_plain(url); /* HTTP/2 is spoken over TLS alone */
    return lane;
  }
  return NULL;
}

static jdc_lane *find(jdc_lanes *lanes, const char *url) {
  const size_t key_len = key_of(url);
  if (key_len > JDC_LANE_KEY_MAX) return NULL;
  for (size_t i = 0; i < JDC_LANES; i++) {
    jdc_lane *lane = &lanes->lane[i];
    if (lane->key_len == key_len && memcmp(lane->key, url, key_len) == 0) return lane;
  }
  return claim(lanes, url, key_len);
}

bool jdc_lane_enter(jdc_lanes *lanes, jdc_transfer *t, const char *url) {
  jdc_lane *lane = t->lane = find(lanes, url);
  if (lane == NULL) return false;
  if (lane->first == NULL && (!lane->single || lane->active < lanes->width)) {
    lane->active++;
    return false;
  }
  t->waits = true;
  t->lane_prev = lane->last;
  if (lane->last != NULL)
    lane->last->lane_next = t;
  else
    lane->first = t;
  lane->last = t;
  return true;
}

static void unlink_waiting(jdc_lane *lane, jdc_transfer *t) {
  if (t->lane_prev != NULL) t->lane_prev->lane_next = t->lane_next;
  if (t->lane_next != NULL) t->lane_next->lane_prev = t->lane_prev;
  if (lane->first == t) lane->first = t->lane_next;
  if (lane->last == t) lane->last = t->lane_prev;
  t->lane_prev = t->lane_next = NULL;
  t->waits = false;
}

void jdc_lane_leave(jdc_transfer *t) {
  jdc_lane *lane = t->lane;
  t->lane = NULL;
  if (lane == NULL) return;
  if (t->waits)
    unlink_waiting(lane, t);
  else
    lane->active--;
}

jdc_transfer *jdc_lane_next(const jdc_lanes *lanes, jdc_lane *lane) {
  jdc_transfer *next = lane != NULL ? lane->first : NULL;
  if (next == NULL || (lane->single && lane->active >= lanes->width)) return NULL;
  unlink_waiting(lane, next);
  lane->active++;
  return next;
}

void jdc_lane_learn(const jdc_lanes *lanes, const jdc_transfer *t) {
  long version = 0;
  if (t->lane == NULL || lanes->single || curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version) != CURLE_OK)
    return;
  if (version != 0) t->lane->single = version < CURL_HTTP_VERSION_2_0;
}
