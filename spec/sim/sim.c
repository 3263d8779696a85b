/* sim.c - the simulation of sim.h: three servers, four policies. */
#include "sim/sim.h"

#include <string.h>

#include "core/limit.h"
#include "sim/events.h"

#define SIM_TASKS     64
#define SIM_QUEUE     2000
#define SIM_MINUTE    INT64_C(60000)
#define SIM_START     (10 * SIM_MINUTE)
#define SIM_END       (70 * SIM_MINUTE)
#define SIM_EPOCH     (INT64_C(1706745600000) + 17345) /* the server's clock at 0: within a minute and a second */
#define SIM_CONTRACT  1000
#define SIM_BASE_MS   50
#define SIM_JITTER_MS 20000
#define SIM_DOUBLINGS 10
#define SIM_SPREAD    4 /* as csrc/core/call_repeat.c has it for those who come back to a limiter */

typedef enum sim_kind { SIM_ARRIVE, SIM_ASK, SIM_SERVE, SIM_ANSWER } sim_kind;

typedef struct sim_task {
  bool busy, ok;
  int tries;
  int64_t limit, left; /* as the answer will tell */
  jdc_ticket ticket;
} sim_task;

/* A token bucket with botocore's refill, for AIMD and CUBIC. */
typedef struct sim_bucket {
  double rate, capacity, tokens;
  int64_t filled;
} sim_bucket;

typedef struct sim_client {
  sim_task tasks[SIM_TASKS];
  int queue;
  int64_t share; /* told calls a minute */
  double every;  /* ms from call to call */
  int64_t calls; /* that came so far */
  int64_t got;   /* that came through in the hour */
  jdc_limit *limit;
  sim_bucket bucket;
  bool enabled; /* CUBIC: throttled once */
  double w_max, k, last_fail, measured;
  double last_bucket;
  int64_t count, fell; /* CUBIC's clocker; AIMD: when it fell or grew last */
} sim_client;

typedef struct sim {
  const sim_cell *cell;
  sim_events events;
  sim_client *clients;
  int64_t *accepted; /* sliding: moments, a ring */
  size_t first, held;
  int64_t minute, used; /* calendar */
  double tokens;
  int64_t filled;
  int64_t came, came_through, answers, throttled, early, early_throttled;
} sim;

static double sim_cbrt(double x) {
  double y = x > 1 ? x : 1;
  if (x <= 0) return 0;
  for (int i = 0; i < 100; i++) y -= (y * y * y - x) / (3 * y * y);
  return y;
}

/* The server. */

static int64_t sim_allowed(const sim *s, int64_t now) {
  static const int64_t changes[] = { 1000, 600, 900, 500, 1000, 700 };
  switch (s->cell->news) {
  case SIM_TOLD: return SIM_CONTRACT;
  case SIM_CHANGING: return changes[now / (10 * SIM_MINUTE) % 6];
  default: return 600;
  }
}

static bool sim_calendar(sim *s, int64_t now, int64_t allowed, int64_t *left) {
  int64_t minute = (SIM_EPOCH + now) / SIM_MINUTE;
  if (minute != s->minute) s->used = 0;
  s->minute = minute;
  bool ok = s->used < allowed;
  if (ok) s->used++;
  *left = allowed - s->used;
  return ok;
}

static bool sim_sliding(sim *s, int64_t now, int64_t allowed, int64_t *left) {
  while (s->held > 0 && s->accepted[s->first] + SIM_MINUTE <= now) {
    s->first = (s->first + 1) % SIM_CONTRACT;
    s->held--;
  }
  bool ok = (int64_t)s->held < allowed;
  if (ok) s->accepted[(s->first + s->held++) % SIM_CONTRACT] = now;
  *left = allowed - (int64_t)s->held;
  return ok;
}

static bool sim_tokens(sim *s, int64_t now, int64_t allowed, int64_t *left) {
  s->tokens += (double)(now - s->filled) * (double)allowed / (double)SIM_MINUTE;
  s->filled = now;
  if (s->tokens > (double)allowed) s->tokens = (double)allowed;
  bool ok = s->tokens >= 1;
  if (ok) s->tokens--;
  *left = (int64_t)s->tokens;
  return ok;
}

static void sim_serve(sim *s, sim_task *task, int64_t now) {
  int64_t allowed = sim_allowed(s, now), left = 0;
  switch (s->cell->server) {
  case SIM_CALENDAR: task->ok = sim_calendar(s, now, allowed, &left); break;
  case SIM_SLIDING: task->ok = sim_sliding(s, now, allowed, &left); break;
  default: task->ok = sim_tokens(s, now, allowed, &left); break;
  }
  task->limit = s->cell->news == SIM_ANNOUNCED ? allowed : 0;
  task->left = left > 0 ? left : 0;
}

/* The policies: how long to wait before a call is sent, and what its answer tells. */

static void sim_refill(sim_bucket *b, int64_t now) {
  b->tokens += (double)(now - b->filled) / 1000 * b->rate;
  if (b->tokens > b->capacity) b->tokens = b->capacity;
  b->filled = now;
}

static void sim_set_rate(sim_bucket *b, double rate, double least, int64_t now) {
  sim_refill(b, now);
  b->rate = rate > least ? rate : least;
  b->capacity = rate >= 1 ? rate : 1;
  if (b->tokens > b->capacity) b->tokens = b->capacity;
}

static int64_t sim_draw(sim_bucket *b, int64_t now) {
  sim_refill(b, now);
  if (b->tokens >= 1) {
    b->tokens--;
    return 0;
  }
  return (int64_t)((1 - b->tokens) / b->rate * 1000) + 1;
}

static int64_t sim_wait(sim *s, sim_client *c, sim_task *task, int64_t now) {
  static const jdc_str key = { "ak/vm", 5 };
  jdc_grant g;
  switch (s->cell->policy) {
  case SIM_NONE: return 0;
  case SIM_CUBIC: return c->enabled ? sim_draw(&c->bucket, now) : 0;
  case SIM_AIMD: return sim_draw(&c->bucket, now);
  default: break;
  }
  sim_must(jdc_limit_reserve(c->limit, &key, 1, now, JDC_NEVER, task->ticket, &g) == JDC_OK && g.granted);
  task->ticket = g.ticket;
  return g.wait_ms;
}

/* Half as much for a throttled answer, once a second; a quarter of a call a second more for each without. */
static void sim_aimd(sim_client *c, bool ok, int64_t now) {
  if (now - c->fell < 1000) return;
  double most = (double)c->share / 60, rate = ok ? c->bucket.rate + 0.25 : c->bucket.rate / 2;
  sim_set_rate(&c->bucket, rate < most ? rate : most, 0.05, now);
  c->fell = now;
}

/* botocore's retries/adaptive.py, throttling.py and bucket.py: beta 0.7, scale 0.4, smoothing 0.8 over buckets of half
 * a second, at most twice the measured rate, at least 0.5 calls a second. */
static void sim_cubic(sim_client *c, bool ok, int64_t now_ms) {
  double now = (double)now_ms / 1000, bucket = (double)(now_ms / 500) / 2, rate;
  c->count++;
  if (bucket > c->last_bucket) {
    c->measured = (double)c->count / (bucket - c->last_bucket) * 0.8 + c->measured * 0.2;
    c->count = 0;
    c->last_bucket = bucket;
  }
  if (ok) {
    double dt = now - c->last_fail - c->k;
    rate = 0.4 * dt * dt * dt + c->w_max;
  } else {
    c->w_max = c->enabled && c->bucket.rate < c->measured ? c->bucket.rate : c->measured;
    c->k = sim_cbrt(c->w_max * 0.3 / 0.4);
    c->last_fail = now;
    rate = c->w_max * 0.7;
    c->enabled = true;
  }
  if (rate > 2 * c->measured) rate = 2 * c->measured;
  sim_set_rate(&c->bucket, rate, 0.5, now_ms);
}

static void sim_learn(sim *s, sim_client *c, sim_task *task, int64_t now) {
  if (s->cell->policy == SIM_AIMD) sim_aimd(c, task->ok, now);
  if (s->cell->policy == SIM_CUBIC) sim_cubic(c, task->ok, now);
  if (s->cell->policy != SIM_OURS) return;
  jdc_settlement settlement = { .outcome = task->ok ? JDC_SETTLE_DONE : JDC_SETTLE_THROTTLED,
                                .retry_after_ms = -1,
                                .again = !task->ok,
                                .limit = task->limit,
                                .left = task->left,
                                .date_ms = (SIM_EPOCH + now) / 1000 * 1000 };
  jdc_limit_settle(c->limit, task->ticket, now, &settlement);
  if (task->ok) task->ticket = 0;
}

/* Calls. */

static void sim_begin(sim *s, int client, int64_t now) {
  sim_client *c = &s->clients[client];
  for (int i = 0; i < SIM_TASKS; i++) {
    if (c->tasks[i].busy) continue;
    c->tasks[i] = (sim_task){ .busy = true };
    sim_plan(&s->events, now, SIM_ASK, client, i);
    return;
  }
  if (c->queue < SIM_QUEUE) c->queue++;
}

static void sim_answer(sim *s, const sim_event *e) {
  sim_client *c = &s->clients[e->client];
  sim_task *task = &c->tasks[e->task];
  bool counts = e->at >= SIM_START;
  *(counts ? &s->answers : &s->early) += 1;
  if (!task->ok) *(counts ? &s->throttled : &s->early_throttled) += 1;
  sim_learn(s, c, task, e->at);
  if (!task->ok) {
    int doublings = s->cell->policy == SIM_OURS ? SIM_SPREAD : SIM_DOUBLINGS;
    int64_t most = SIM_BASE_MS << (task->tries < doublings ? task->tries : doublings);
    task->tries++;
    int64_t delay = (int64_t)(sim_uniform(&s->events) * (double)(most < SIM_JITTER_MS ? most : SIM_JITTER_MS));
    sim_plan(&s->events, e->at + delay, SIM_ASK, e->client, e->task);
    return;
  }
  if (counts) c->got++;
  if (counts) s->came_through++;
  task->busy = false;
  if (c->queue == 0) return;
  c->queue--;
  sim_begin(s, e->client, e->at);
}

static void sim_arrive(sim *s, const sim_event *e) {
  sim_client *c = &s->clients[e->client];
  if (e->at >= SIM_START) s->came++;
  sim_begin(s, e->client, e->at);
  int64_t next = (int64_t)(((double)++c->calls + sim_uniform(&s->events)) * c->every);
  sim_plan(&s->events, next > e->at ? next : e->at, SIM_ARRIVE, e->client, 0);
}

static void sim_ask(sim *s, const sim_event *e) {
  sim_task *task = &s->clients[e->client].tasks[e->task];
  int64_t wait = sim_wait(s, &s->clients[e->client], task, e->at);
  if (wait > 0) {
    sim_plan(&s->events, e->at + wait, SIM_ASK, e->client, e->task);
    return;
  }
  int64_t latency = sim_latency(&s->events);
  sim_plan(&s->events, e->at + latency / 2, SIM_SERVE, e->client, e->task);
  sim_plan(&s->events, e->at + latency, SIM_ANSWER, e->client, e->task);
}

static void sim_open_client(sim *s, int i, double allowed_a_minute) {
  sim_client *c = &s->clients[i];
  const sim_cell *cell = s->cell;
  int64_t n = cell->clients;
  bool told = cell->news == SIM_TOLD;
  c->share = told ? SIM_CONTRACT / n + (i < SIM_CONTRACT % n) : SIM_CONTRACT;
  double part = told ? (double)c->share : allowed_a_minute / (double)n;
  c->every = (double)SIM_MINUTE / (part * cell->load);
  sim_must(jdc_limit_new((jdc_alloc){ sim_realloc, NULL }, SIM_CONTRACT, SIM_MINUTE, &c->limit) == JDC_OK);
  if (told) sim_must(jdc_limit_set(c->limit, (jdc_str){ "/vm", 3 }, c->share, SIM_MINUTE) == JDC_OK);
  c->bucket.rate = (double)c->share / 60;
  c->bucket.capacity = cell->policy == SIM_CUBIC || c->bucket.rate < 1 ? 1 : c->bucket.rate;
  sim_plan(&s->events, (int64_t)(sim_uniform(&s->events) * c->every), SIM_ARRIVE, i, 0);
}

static sim_result sim_sum_up(const sim *s, double allowed) {
  double sum = 0, squares = 0, n = s->cell->clients;
  for (int i = 0; i < s->cell->clients; i++) {
    double got = (double)s->clients[i].got / (double)s->clients[i].share;
    sum += got;
    squares += got * got;
  }
  double could = (double)s->came < allowed ? (double)s->came : allowed;
  return (sim_result){ (double)s->came_through / could, s->answers == 0 ? 0 : (double)s->throttled / (double)s->answers,
                       s->early == 0 ? 0 : (double)s->early_throttled / (double)s->early,
                       squares > 0 ? sum * sum / (n * squares) : 0 };
}

sim_result sim_run(const sim_cell *cell) {
  sim s = { .cell = cell, .events = { .random = cell->seed } };
  double allowed = 0;
  for (int64_t t = SIM_START; t < SIM_END; t += SIM_MINUTE) allowed += (double)sim_allowed(&s, t);
  s.clients = calloc((size_t)cell->clients, sizeof(*s.clients));
  s.accepted = calloc(SIM_CONTRACT, sizeof(*s.accepted));
  sim_must(s.clients != NULL && s.accepted != NULL);
  s.tokens = (double)sim_allowed(&s, 0);
  for (int i = 0; i < cell->clients; i++) sim_open_client(&s, i, allowed / 60);
  for (;;) {
    sim_event e = sim_take(&s.events);
    if (e.at >= SIM_END) break;
    switch ((sim_kind)e.kind) {
    case SIM_ARRIVE: sim_arrive(&s, &e); break;
    case SIM_ASK: sim_ask(&s, &e); break;
    case SIM_SERVE: sim_serve(&s, &s.clients[e.client].tasks[e.task], e.at); break;
    case SIM_ANSWER: sim_answer(&s, &e); break;
    }
  }
  sim_result result = sim_sum_up(&s, allowed);
  for (int i = 0; i < cell->clients; i++) jdc_limit_free(s.clients[i].limit);
  free(s.clients);
  free(s.accepted);
  free(s.events.heap);
  return result;
}
