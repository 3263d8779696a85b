/* storm.c - the simulation of storm.h: a host of many calls, and a server that has its troubles. */
#include "sim/storm.h"

#include <string.h>

#include "core/call.h"
#include "sim/events.h"

#define STORM_MINUTE  INT64_C(60000)
#define STORM_EPOCH_S INT64_C(1706745617) /* both clocks at 0; 17 s into a minute */
#define STORM_IN_STEP 50                  /* the number that all draw who are in step: a back-off of 50 ms */

typedef enum storm_kind { STORM_DUE, STORM_POLL, STORM_SERVE, STORM_ANSWER, STORM_FAIL } storm_kind;

/* What the server makes of a call */
typedef enum storm_reply {
  STORM_FINE,
  STORM_REFUSES,
  STORM_503,
  STORM_429,
  STORM_OVER_QUOTA,
  STORM_NO_REPLY
} storm_reply;

typedef struct storm_client {
  jdc_cloud *cloud; /* NULL: the first one's */
  jdc_call *call;
  bool busy, missed;
  int64_t begun, waiting; /* since when */
  int64_t limit;          /* when the transport gives up */
  storm_reply reply;
  int64_t hint_ms;   /* -1: none */
  int64_t succeeded; /* the first time after the trouble; -1 */
} storm_client;

/* A call stood waiting from one moment to the other, when it went. */
typedef struct storm_sending {
  int client;
  int64_t from, at;
} storm_sending;

typedef struct storm {
  const storm_cell *cell;
  sim_events events;
  storm_client *clients;
  jdc_credential *keys;
  int64_t now, first_minute, minute, used, arrived;
  storm_sending *sendings;
  size_t count, cap;
  int64_t first_throttled; /* -1 */
  storm_result r;
} storm;

static jdc_time storm_time(const storm *s) { return (jdc_time){ s->now, STORM_EPOCH_S * 1000 + s->now }; }

static bool storm_troubled(const storm *s, int64_t at) { return at >= s->cell->from_ms && at < s->cell->until_ms; }

static bool storm_broken_part(const storm *s, int client) { return s->cell->trouble != STORM_PART || client % 10 == 0; }

/* The server. */

static storm_reply storm_limited(storm *s) {
  int64_t minute = (STORM_EPOCH_S * 1000 + s->now) / STORM_MINUTE;
  if (minute != s->minute) s->used = s->arrived = 0;
  s->minute = minute;
  if (s->first_minute == 0) s->first_minute = minute;
  int64_t *most = minute == s->first_minute ? &s->r.most_at_first : &s->r.most_later;
  if (++s->arrived > *most) *most = s->arrived;
  if (s->used >= s->cell->allowed) return STORM_429;
  s->used++;
  return STORM_FINE;
}

static storm_reply storm_reply_to(storm *s, int client) {
  if (!storm_troubled(s, s->now)) return STORM_FINE;
  switch (s->cell->trouble) {
  case STORM_REFUSED: return STORM_REFUSES;
  case STORM_SILENT: return STORM_NO_REPLY;
  case STORM_HALF: return sim_uniform(&s->events) < 0.5 ? STORM_503 : STORM_FINE;
  case STORM_PART: return client % 10 == 0 ? STORM_503 : STORM_FINE;
  case STORM_LIMITED: return storm_limited(s);
  case STORM_QUOTA: return STORM_OVER_QUOTA;
  default: return STORM_503;
  }
}

static void storm_serve(storm *s, int client) {
  storm_client *c = &s->clients[client];
  s->r.seen[s->now / STORM_SLOT_MS]++;
  c->reply = storm_reply_to(s, client);
  c->hint_ms = -1;
  if (c->reply == STORM_503 && s->cell->trouble == STORM_TOLD) c->hint_ms = 10000;
  if (c->reply == STORM_503 && s->cell->trouble == STORM_ENDING) c->hint_ms = s->cell->until_ms - s->now;
  int64_t back = s->now + sim_latency(&s->events) / 2;
  bool never = c->reply == STORM_NO_REPLY || back >= c->limit;
  sim_plan(&s->events, never ? c->limit : back, never ? STORM_FAIL : STORM_ANSWER, client, 0);
}

/* The host. */

static void storm_begin(storm *s, int client) {
  static const jdc_sign_request request = { .version = 2,
                                            .method = { "GET", 3 },
                                            .host = { "vm.jdcloud-api.com", 18 },
                                            .path = { "/v1/regions/cn-north-1/instances", 32 },
                                            .service = { "vm", 2 },
                                            .region = { "cn-north-1", 10 } };
  storm_client *c = &s->clients[client];
  jdc_call_options options = { .timeout_ms = 30000,
                               .max_wait_ms = JDC_FOREVER_MS,
                               .attempts = 3,
                               .repeatable = true,
                               .limiter = s->cell->limiter ? JDC_LIMITER_PROCESS : JDC_LIMITER_NONE };
  const char *problem;
  sim_must(jdc_call_begin(c->call, &request, s->keys, &options, storm_time(s), &problem) == JDC_OK);
  c->busy = true;
  c->missed = false;
  c->begun = c->waiting = s->now;
  sim_plan(&s->events, s->now, STORM_POLL, client, 0);
}

static void storm_due(storm *s, int client) {
  storm_client *c = &s->clients[client];
  if (s->cell->every_ms > 0) sim_plan(&s->events, s->now + s->cell->every_ms, STORM_DUE, client, 0);
  if (c->busy)
    c->missed = true;
  else
    storm_begin(s, client);
}

static void storm_count(storm *s, int client) {
  storm_client *c = &s->clients[client];
  const jdc_outcome *o = jdc_call_outcome(c->call);
  bool ok = jdc_call_succeeded(c->call);
  s->r.ended++;
  s->r.last_ms = s->now;
  if (ok) s->r.succeeded[s->now / STORM_SLOT_MS]++;
  if (ok && s->now >= s->cell->until_ms && c->succeeded < 0) c->succeeded = s->now;
  if (!ok && c->begun >= s->cell->until_ms) s->r.failed_after++;
  if (!storm_troubled(s, c->begun)) return;
  if (!storm_broken_part(s, client)) {
    s->r.others++;
    s->r.others_failed += !ok;
    return;
  }
  s->r.calls++;
  s->r.failed += !ok;
  s->r.sent += o->attempts;
  s->r.unrepeated += !ok && o->why == JDC_GAVE_QUOTA;
}

static void storm_send(storm *s, int client, int64_t limit_ms) {
  storm_client *c = &s->clients[client];
  c->limit = limit_ms == JDC_FOREVER_MS ? INT64_MAX : s->now + limit_ms;
  sim_plan(&s->events, s->now + sim_latency(&s->events) / 2, STORM_SERVE, client, 0);
  if (s->count == s->cap) {
    s->cap = s->cap == 0 ? 1024 : s->cap * 2;
    s->sendings = realloc(s->sendings, s->cap * sizeof(*s->sendings));
    sim_must(s->sendings != NULL);
  }
  s->sendings[s->count++] = (storm_sending){ client, c->waiting, s->now };
}

static void storm_poll(storm *s, int client) {
  storm_client *c = &s->clients[client];
  uint64_t numbers[JDC_RANDOM / sizeof(uint64_t)];
  unsigned char random[JDC_RANDOM];
  for (size_t i = 0; i < 3; i++) numbers[i] = sim_random(&s->events);
  if (s->cell->in_step) numbers[2] = STORM_IN_STEP;
  memcpy(random, numbers, sizeof(random));
  jdc_step step;
  jdc_call_next(c->call, storm_time(s), random, &step);
  switch (step.kind) {
  case JDC_STEP_WAIT: sim_plan(&s->events, s->now + step.wait_ms, STORM_POLL, client, 0); return;
  case JDC_STEP_SEND: storm_send(s, client, step.wait_ms); return;
  default: break;
  }
  sim_must(step.kind == JDC_STEP_DONE);
  storm_count(s, client);
  c->busy = false;
  if (c->missed) storm_begin(s, client);
}

/* Both clocks, and the service's second. */
static void storm_date(const storm *s, char *out, size_t size) {
  int64_t seconds = STORM_EPOCH_S + s->now / 1000 - INT64_C(1706745600), hours = seconds / 3600 % 24;
  (void)snprintf(out, size, "Thu, %02d Feb 2024 %02d:%02d:%02d GMT", 1 + (int)(seconds / 86400), (int)hours,
                 (int)(seconds / 60 % 60), (int)(seconds % 60));
}

static void storm_answer(storm *s, int client) {
  static const struct {
    int http;
    const char *status;
  } replies[] = { [STORM_FINE] = { 200, NULL },
                  [STORM_503] = { 503, "UNAVAILABLE" },
                  [STORM_429] = { 429, "RATE_LIMIT" },
                  [STORM_OVER_QUOTA] = { 429, "QUOTA_EXCEEDED" } };
  storm_client *c = &s->clients[client];
  c->waiting = s->now;
  if (c->reply == STORM_REFUSES) {
    jdc_call_failed(c->call, storm_time(s), &(jdc_failure){ JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false, false });
  } else {
    const char *status = replies[c->reply].status;
    char date[64], hint[32];
    jdc_answer a = { .http_status = replies[c->reply].http, .body = JDC_BODY_ENVELOPE, .request_id = { "r", 1 } };
    a.has_error = status != NULL;
    if (status != NULL) a.code = a.http_status;
    if (status != NULL) a.status = (jdc_str){ status, strlen(status) };
    storm_date(s, date, sizeof(date));
    if (!s->cell->undated) a.date = (jdc_str){ date, strlen(date) };
    (void)snprintf(hint, sizeof(hint), "%d.%03d", (int)(c->hint_ms / 1000), (int)(c->hint_ms % 1000));
    if (c->hint_ms >= 0) a.retry_after = (jdc_str){ hint, strlen(hint) };
    jdc_call_answered(c->call, storm_time(s), &a);
    s->r.answers++;
    s->r.throttled += c->reply == STORM_429;
    if (c->reply == STORM_429 && s->first_throttled < 0) s->first_throttled = s->now;
  }
  storm_poll(s, client);
}

static void storm_fail(storm *s, int client) {
  storm_client *c = &s->clients[client];
  c->waiting = s->now;
  jdc_call_failed(c->call, storm_time(s), &(jdc_failure){ JDC_KIND_TIMEOUT, JDC_PHASE_RECEIVE, true, false });
  storm_poll(s, client);
}

/* What it came to. */

static int64_t storm_most(const storm_result *r, int64_t from_ms, int64_t until_ms) {
  int64_t most = 0;
  for (int64_t i = from_ms / STORM_SLOT_MS; i < until_ms / STORM_SLOT_MS && i < r->slots; i++)
    if (r->seen[i] > most) most = r->seen[i];
  return most;
}

static int64_t storm_sum(const int64_t *slots, int64_t from, int64_t until) {
  int64_t sum = 0;
  for (int64_t i = from; i < until; i++) sum += slots[i];
  return sum;
}

/* The first slot from which on no stretch of five intervals, more for small crowds, has fewer successes than 99 % of
 * the calls that come. */
static int64_t storm_recovered(const storm *s) {
  int64_t intervals = s->cell->clients < 1000 ? 5000 / s->cell->clients : 5;
  int64_t stretch = intervals * s->cell->every_ms / STORM_SLOT_MS, first = s->cell->until_ms / STORM_SLOT_MS;
  int64_t least = intervals * s->cell->clients * 99 / 100;
  if (stretch == 0 || first + stretch > s->r.slots) return -1;
  int64_t from = s->r.slots - stretch;
  while (from >= first && storm_sum(s->r.succeeded, from, from + stretch) >= least) from--;
  return from + 1 > s->r.slots - stretch ? -1 : (from + 1 - first) * STORM_SLOT_MS;
}

static int64_t storm_all_through(const storm *s) {
  int64_t last = s->cell->until_ms;
  for (int i = 0; i < s->cell->clients; i++) {
    if (s->clients[i].succeeded < 0) return -1;
    if (s->clients[i].succeeded > last) last = s->clients[i].succeeded;
  }
  return last - s->cell->until_ms;
}

/* Sendings after the first 429 while an earlier client's call stood waiting that went later. Sendings are in the order
 * of their time. */
static void storm_order(storm *s) {
  for (size_t i = 0; i < s->count; i++) {
    const storm_sending *a = &s->sendings[i];
    bool overtakes = false;
    for (size_t j = i + 1; j < s->count && a->at >= s->first_throttled; j++) {
      const storm_sending *b = &s->sendings[j];
      if (b->client >= a->client || b->from >= a->at || b->at == a->at) continue;
      overtakes = true;
      if (b->at - a->at > s->r.overtaken_ms) s->r.overtaken_ms = b->at - a->at;
    }
    s->r.overtaken += overtakes;
  }
}

static void storm_sum_up(storm *s) {
  const storm_cell *cell = s->cell;
  int64_t before = cell->from_ms / STORM_SLOT_MS, after = cell->until_ms / STORM_SLOT_MS;
  if (before > 0) s->r.before = (double)storm_sum(s->r.seen, 0, before) / (double)before;
  s->r.most_during = storm_most(&s->r, cell->from_ms, cell->until_ms);
  s->r.most_after = storm_most(&s->r, cell->until_ms, cell->end_ms);
  if (after + 10 <= s->r.slots) s->r.first_second = storm_sum(s->r.seen, after, after + 10);
  s->r.all_through = storm_all_through(s);
  s->r.recovered = storm_recovered(s);
  if (cell->every_ms == 0 && s->first_throttled >= 0) storm_order(s);
  s->r.quota = jdc_quota_left(jdc_cloud_quota(s->clients[0].cloud), (jdc_str){ "vm", 2 });
}

/* Runs. */

static void storm_open(storm *s) {
  const jdc_alloc alloc = { sim_realloc, NULL };
  const storm_cell *cell = s->cell;
  const char *problem;
  sim_must(jdc_credential_new(alloc, &s->keys) == JDC_OK);
  sim_must(jdc_credential_set(s->keys, (jdc_str){ "AK", 2 }, (jdc_str){ "secret", 6 }, (jdc_str){ NULL, 0 }, 0,
                              &problem) == JDC_OK);
  for (int i = 0; i < cell->clients; i++) {
    storm_client *c = &s->clients[i];
    c->succeeded = -1;
    if (i == 0 || !cell->shared) sim_must(jdc_cloud_new(alloc, &c->cloud) == JDC_OK);
    jdc_cloud *cloud = c->cloud != NULL ? c->cloud : s->clients[0].cloud;
    if (c->cloud != NULL && cell->told > 0)
      sim_must(jdc_limit_set(jdc_cloud_limit(cloud), (jdc_str){ "/vm", 3 }, cell->told, STORM_MINUTE) == JDC_OK);
    sim_must(jdc_call_new(alloc, cloud, &c->call) == JDC_OK);
    sim_plan(&s->events, (int64_t)(sim_uniform(&s->events) * (double)cell->every_ms), STORM_DUE, i, 0);
  }
}

static void storm_close(storm *s) {
  for (int i = 0; i < s->cell->clients; i++) jdc_call_free(s->clients[i].call);
  for (int i = 0; i < s->cell->clients; i++) jdc_cloud_free(s->clients[i].cloud);
  jdc_credential_free(s->keys);
  free(s->clients);
  free(s->sendings);
  free(s->events.heap);
}

storm_result storm_run(const storm_cell *cell) {
  storm s = { .cell = cell, .events = { .random = cell->seed }, .first_throttled = -1 };
  s.r.slots = cell->end_ms / STORM_SLOT_MS;
  s.r.seen = calloc((size_t)s.r.slots, sizeof(*s.r.seen));
  s.r.succeeded = calloc((size_t)s.r.slots, sizeof(*s.r.succeeded));
  s.clients = calloc((size_t)cell->clients, sizeof(*s.clients));
  sim_must(s.r.seen != NULL && s.r.succeeded != NULL && s.clients != NULL);
  storm_open(&s);
  while (s.events.count > 0) {
    sim_event e = sim_take(&s.events);
    if (e.at >= cell->end_ms / STORM_SLOT_MS * STORM_SLOT_MS) break;
    s.now = e.at;
    switch ((storm_kind)e.kind) {
    case STORM_DUE: storm_due(&s, e.client); break;
    case STORM_POLL: storm_poll(&s, e.client); break;
    case STORM_SERVE: storm_serve(&s, e.client); break;
    case STORM_ANSWER: storm_answer(&s, e.client); break;
    case STORM_FAIL: storm_fail(&s, e.client); break;
    }
  }
  storm_sum_up(&s);
  storm_close(&s);
  return s.r;
}

void storm_free(storm_result *r) {
  free(r->seen);
  free(r->succeeded);
  r->seen = r->succeeded = NULL;
}
