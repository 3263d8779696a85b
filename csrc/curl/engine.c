/* engine.c - the one loop over libcurl's multi handle. */
#define _POSIX_C_SOURCE 200809L
#include "engine.h"

#include "fork.h"
#include "lane.h"
#include "watch.h"
#include <time.h>

#define MAX_IDLE_TRANSFERS 64 /* an easy handle is some 6 KB; more at a time than this is a rare burst */

/* How often libcurl may ask for another turn at once before what else is there gets one: it lets transfers that wait
 * for a connection go on one by one, a turn each. */
#define MAX_TURNS 64

/* Transfers with a tag belong to somebody who starts many. They are sent some at a time, which costs a fifth less of a
 * call's time over HTTP/2; but a server has the first ones while the last are being made, and none waits for long. */
#define BATCH    32
#define BATCH_MS 2

struct jdc_engine {
  jdc_alloc alloc;
  CURL *pattern;    /* has every option that never changes; each new transfer is a copy */
  CURLM *multi;     /* NULL if closed, or if memory ran out after a fork */
  CURLM *inherited; /* the parent's, after a fork; never touched, only not forgotten */
  unsigned forks;   /* jdc_fork_count of the process that the multi belongs to */
  bool closed;
  size_t users;
  jdc_bounds bounds;
  long max_host_connections, max_connections;
  bool single;           /* HTTP/1.1 alone */
  jdc_transfer *running; /* doubly linked */
  jdc_transfer *idle;    /* singly linked */
  jdc_transfer *ended;   /* those with a tag, until they are told of; doubly linked, in the order of their ends */
  jdc_transfer *ended_last;
  int running_count, idle_count;
  jdc_lanes lanes;
  bool fed;              /* libcurl was given what had waited in a lane, and hasn't looked at it */
  bool ending;           /* all are being ended: nobody's turn comes */
  unsigned ends;         /* how many transfers have ended; wraps */
  uint64_t made, reused; /* connections, by what libcurl says at a transfer's end */
  int unsent;            /* transfers that were started since the last turn */
  int64_t unsent_ms;     /* when the first of them was */
  int64_t now_ms;        /* as of the last look at the clock; what moves is stamped with it */
  int64_t check_ms;      /* when the first of the running ones may have passed a limit */
  jdc_watch watch;
  jdc_polls round;              /* what one poll is about; the first engine of a wait lends its list */
  size_t round_at, round_count; /* our part of that list */
};

int64_t jdc_engine_now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static CURLM *new_multi(jdc_engine *e) {
  CURLM *multi = curl_multi_init();
  if (multi == NULL) return NULL;
  if (jdc_options_multi(e->max_host_connections, e->max_connections, multi) == CURLM_OK &&
      jdc_watch_attach(&e->watch, multi) == CURLM_OK)
    return multi;
  (void)curl_multi_cleanup(multi);
  return NULL;
}

static void clear_lanes(jdc_engine *e) {
  const long most = e->max_connections < e->max_host_connections ? e->max_connections : e->max_host_connections;
  jdc_lanes_init(&e->lanes, e->single, most);
}

const char *jdc_engine_new(jdc_alloc alloc, const jdc_curl_options *options, jdc_engine **out) {
  jdc_engine *e = jdc_new(alloc, sizeof *e);
  if (e == NULL) return jdc_curl_nomem;
  *e = (jdc_engine){ .alloc = alloc, .users = 1, .forks = jdc_fork_count(), .bounds = options->bounds };
  e->max_host_connections = options->max_host_connections;
  e->max_connections = options->max_connections;
  e->single = options->http_version == CURL_HTTP_VERSION_1_1;
  clear_lanes(e);
  e->check_ms = JDC_NEVER;
  e->round.alloc = alloc;
  jdc_watch_init(&e->watch, alloc);
  e->pattern = curl_easy_init();
  e->multi = new_multi(e);
  const CURLcode rc =
      e->pattern != NULL && e->multi != NULL ? jdc_options_easy(options, e->pattern) : CURLE_OUT_OF_MEMORY;
  if (rc == CURLE_OK) {
    *out = e;
    return NULL;
  }
  jdc_engine_release(e);
  return curl_easy_strerror(rc);
}

static void list_ended(jdc_engine *e, jdc_transfer *t) {
  t->listed = true;
  t->prev = e->ended_last;
  if (e->ended_last != NULL)
    e->ended_last->next = t;
  else
    e->ended = t;
  e->ended_last = t;
}

static void unlist_ended(jdc_engine *e, jdc_transfer *t) {
  if (!t->listed) return;
  if (t->prev != NULL) t->prev->next = t->next;
  if (t->next != NULL) t->next->prev = t->prev;
  if (e->ended == t) e->ended = t->next;
  if (e->ended_last == t) e->ended_last = t->prev;
  t->prev = t->next = NULL;
  t->listed = false;
}

static void unlink_running(jdc_engine *e, jdc_transfer *t) {
  if (t->prev != NULL) t->prev->next = t->next;
  if (t->next != NULL) t->next->prev = t->prev;
  if (e->running == t) e->running = t->next;
  t->prev = t->next = NULL;
  e->running_count--;
  if (e->running == NULL) e->check_ms = JDC_NEVER;
  e->ends++;
  if (t->tag != 0) list_ended(e, t);
}

/* Gives libcurl those whose turn it is in a lane. One that it doesn't take has failed. */
static void give_turns(jdc_engine *e, jdc_lane *lane) {
  for (jdc_transfer *t; (t = jdc_lane_next(&e->lanes, lane)) != NULL;) {
    const CURLMcode rc = curl_multi_add_handle(e->multi, t->easy);
    e->fed = true;
    if (rc == CURLM_OK) continue;
    jdc_transfer_fail(t, "network", false, curl_multi_strerror(rc));
    jdc_lane_leave(t);
    unlink_running(e, t);
  }
}

/* Takes a running transfer out of the multi. What it ended with has been, or will be, recorded by the caller. */
static void stop(jdc_engine *e, jdc_transfer *t) {
  jdc_lane *lane = t->lane;
  if (!t->waits) (void)curl_multi_remove_handle(e->multi, t->easy);
  jdc_lane_leave(t);
  unlink_running(e, t);
  if (!e->ending) give_turns(e, lane);
}

/* To clean up an inherited multi would write a TLS goodbye into connections that the parent goes on using. So it, and
 * the easy handles that are in it, are left alone for as long as the child lives. Handles that are in no multi hold no
 * connection and can be used on. */
static void leave_to_parent(jdc_engine *e) {
  if (e->forks == jdc_fork_count()) return;
  e->forks = jdc_fork_count();
  while (e->running != NULL) {
    jdc_transfer *t = e->running;
    if (!t->waits) t->easy = NULL;
    t->waits = false;
    t->lane = NULL;
    t->lane_prev = t->lane_next = NULL;
    jdc_transfer_fail(t, "network", true, "the process forked; the request went on in the parent");
    unlink_running(e, t);
  }
  clear_lanes(e);
  e->inherited = e->multi;
  jdc_watch_clear(&e->watch);
  e->multi = e->closed ? NULL : new_multi(e);
}

static void end_all(jdc_engine *e, const char *kind, const char *message) {
  e->ending = true;
  while (e->running != NULL) {
    jdc_transfer *t = e->running;
    jdc_transfer_fail(t, kind, t->requests > 0, message);
    stop(e, t);
  }
  e->ending = false;
}

void jdc_engine_close(jdc_engine *e) {
  leave_to_parent(e);
  e->closed = true;
  end_all(e, "closed", "the transport was closed");
  while (e->idle != NULL) {
    jdc_transfer *t = e->idle;
    e->idle = t->next;
    jdc_transfer_free(t);
  }
  e->idle_count = 0;
  if (e->multi != NULL) (void)curl_multi_cleanup(e->multi);
  if (e->pattern != NULL) curl_easy_cleanup(e->pattern);
  e->multi = NULL;
  e->pattern = NULL;
  jdc_watch_clear(&e->watch);
  jdc_polls_free(&e->round);
}

static void drop_use(jdc_engine *e) {
  if (--e->users == 0) jdc_delete(e->alloc, e, sizeof *e);
}

void jdc_engine_release(jdc_engine *e) {
  jdc_engine_close(e);
  drop_use(e);
}

bool jdc_engine_closed(const jdc_engine *e) { return e->closed; }

jdc_bounds jdc_engine_bounds(const jdc_engine *e) { return e->bounds; }

jdc_transfer *jdc_engine_take(jdc_engine *e) {
  if (e->closed) return NULL;
  jdc_transfer *t = e->idle;
  if (t != NULL) {
    e->idle = t->next;
    e->idle_count--;
    t->next = NULL;
  } else {
    t = jdc_transfer_new(e->alloc, e->pattern, &e->now_ms);
  }
  if (t != NULL) e->users++;
  return t;
}

void jdc_engine_give_back(jdc_engine *e, jdc_transfer *t) {
  leave_to_parent(e);
  if (t->state == JDC_TRANSFER_RUNNING) stop(e, t);
  unlist_ended(e, t);
  if (e->closed || t->easy == NULL || e->idle_count >= MAX_IDLE_TRANSFERS) {
    jdc_transfer_free(t);
  } else {
    jdc_transfer_reset(t);
    t->next = e->idle;
    e->idle = t;
    e->idle_count++;
  }
  drop_use(e);
}

static void look_again(jdc_engine *e, int64_t left_ms) {
  if (left_ms >= 0 && e->now_ms + left_ms < e->check_ms) e->check_ms = e->now_ms + left_ms;
}

void jdc_engine_connections(const jdc_engine *e, uint64_t *made, uint64_t *reused) {
  *made = e->made;
  *reused = e->reused;
}

int64_t jdc_engine_ended(jdc_engine *e) {
  jdc_transfer *t = e->ended;
  if (t == NULL) return 0;
  unlist_ended(e, t);
  return t->tag;
}

void jdc_engine_cancel(jdc_engine *e, jdc_transfer *t) {
  leave_to_parent(e);
  if (t->state != JDC_TRANSFER_RUNNING) return;
  jdc_transfer_fail(t, "cancelled", t->requests > 0, "the request was cancelled");
  stop(e, t);
}

static void collect(jdc_engine *e) {
  int queued = 0;
  for (CURLMsg *m; (m = curl_multi_info_read(e->multi, &queued)) != NULL;) {
    void *owner = NULL;
    if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner) != CURLE_OK) continue;
    jdc_transfer *t = owner;
    const CURLcode code = m->data.result; /* the message is gone with the handle */
    long connects = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0)
      e->made += (uint64_t)connects;
    else if (t->requests > 0)
      e->reused++;
    jdc_lane_learn(&e->lanes, t);
    jdc_transfer_finish(t, code);
    stop(e, t);
  }
}

/* Ends what has passed a limit, and finds out when to look again. That is seldom: a limit moves on with its transfer,
 * and is looked at where it was when the last look was. */
static void check_limits(jdc_engine *e) {
  e->check_ms = JDC_NEVER;
  for (jdc_transfer *t = e->running, *next; t != NULL; t = next) {
    next = t->next;
    if (t->state != JDC_TRANSFER_RUNNING) { /* it was somebody's turn, and libcurl didn't take it */
      look_again(e, 0);
      break;
    }
    const int64_t left = jdc_transfer_check(t, e->now_ms);
    if (t->state == JDC_TRANSFER_RUNNING)
      look_again(e, left);
    else
      stop(e, t);
  }
}

/* Gives libcurl a turn for a descriptor, or for the time that it named. */
static bool give_turn(jdc_engine *e, curl_socket_t fd, int found) {
  int active = 0;
  const CURLMcode rc = curl_multi_socket_action(e->multi, fd, found, &active);
  if (rc == CURLM_OK && !e->watch.failed) return true;
  collect(e);
  end_all(e, "network", e->watch.failed ? jdc_curl_nomem : curl_multi_strerror(rc));
  e->watch.failed = false;
  return false;
}

/* Does what its time has come for, and gathers what has ended. What has waited for that is sent at once, not after the
 * caller has seen to the ends. */
static void run_due(jdc_engine *e) {
  e->unsent = 0;
  do {
    e->fed = false;
    for (int turns = 0; e->watch.timer_ms <= e->now_ms && turns < MAX_TURNS; turns++) {
      e->watch.timer_ms = JDC_NEVER; /* libcurl names the next one, or there is none */
      if (!give_turn(e, CURL_SOCKET_TIMEOUT, 0)) break;
    }
    collect(e);
  } while (e->fed);
  if (e->check_ms <= e->now_ms) check_limits(e);
}

const char *jdc_engine_start(jdc_engine *e, jdc_transfer *t, const jdc_http_request *request) {
  leave_to_parent(e);
  if (e->closed) return "the transport was closed";
  if (e->multi == NULL) return jdc_curl_nomem;
  e->now_ms = jdc_engine_now();
  const char *problem = jdc_transfer_prepare(t, request);
  if (problem != NULL) return problem;
  if (!jdc_lane_enter(&e->lanes, t, request->url)) {
    const CURLMcode rc = curl_multi_add_handle(e->multi, t->easy);
    if (rc != CURLM_OK) {
      jdc_lane_leave(t);
      return curl_multi_strerror(rc);
    }
  }
  t->state = JDC_TRANSFER_RUNNING;
  t->next = e->running;
  if (e->running != NULL) e->running->prev = t;
  e->running = t;
  e->running_count++;
  look_again(e, jdc_transfer_check(t, e->now_ms));
  if (e->unsent++ == 0) e->unsent_ms = e->now_ms;
  if (t->tag != 0 && (e->unsent >= BATCH || e->now_ms - e->unsent_ms >= BATCH_MS)) run_due(e);
  return NULL;
}

static int64_t next_turn(const jdc_engine *e) {
  return e->watch.timer_ms < e->check_ms ? e->watch.timer_ms : e->check_ms;
}

/* Lists the descriptors of all engines for one poll. */
static bool gather(jdc_engine *const *engines, size_t count, jdc_polls *round) {
  round->count = 0;
  for (size_t i = 0; i < count; i++) {
    const jdc_polls *own = &engines[i]->watch.polls;
    engines[i]->round_at = round->count;
    engines[i]->round_count = own->count;
    if (own->count == 0) continue;
    if (!jdc_polls_reserve(round, round->count + own->count)) return false;
    memcpy(round->fds + round->count, own->fds, own->count * sizeof *own->fds);
    round->count += own->count;
  }
  return true;
}

static void act_on_round(jdc_engine *e, const jdc_polls *round) {
  for (size_t i = 0; i < e->round_count && e->multi != NULL; i++) {
    const struct pollfd *fd = &round->fds[e->round_at + i];
    if (fd->revents != 0 && !give_turn(e, fd->fd, jdc_watch_found(fd))) break;
  }
}

static unsigned ends_of(jdc_engine *const *engines, size_t count) {
  unsigned ends = 0;
  for (size_t i = 0; i < count; i++) ends += engines[i]->ends;
  return ends;
}

/* Brings all engines up to `now_ms`. Returns when the first of them wants its next turn. */
static int64_t run_all_due(jdc_engine *const *engines, size_t count, int64_t now_ms) {
  int64_t next = JDC_NEVER;
  for (size_t i = 0; i < count; i++) {
    jdc_engine *e = engines[i];
    leave_to_parent(e);
    e->now_ms = now_ms;
    if (e->multi == NULL) continue;
    run_due(e);
    if (next_turn(e) < next) next = next_turn(e);
  }
  return next;
}

void jdc_engines_wait(jdc_engine *const *engines, size_t count, int wait_ms) {
  jdc_polls none = { 0 };
  jdc_polls *round = count > 0 ? &engines[0]->round : &none;
  int64_t now = jdc_engine_now();
  const int64_t until = now + wait_ms;
  const unsigned before = ends_of(engines, count);
  do {
    int64_t next = run_all_due(engines, count, now);
    if (next > until) next = until;
    if (ends_of(engines, count) != before) next = now;
    if (!gather(engines, count, round)) {
      for (size_t i = 0; i < count; i++) end_all(engines[i], "network", jdc_curl_nomem);
      return;
    }
    const int ready = poll(round->fds, (nfds_t)round->count, next > now ? (int)(next - now) : 0);
    if (ready < 0) return; /* a signal: the caller's language may want to see to it */
    now = jdc_engine_now();
    for (size_t i = 0; i < count; i++) engines[i]->now_ms = now;
    for (size_t i = 0; i < count && ready > 0; i++) act_on_round(engines[i], round);
    if (ready > 0) (void)run_all_due(engines, count, now);
  } while (now < until && ends_of(engines, count) == before);
}

int jdc_engine_step(jdc_engine *e, int wait_ms) {
  jdc_engines_wait(&e, 1, wait_ms);
  return e->running_count;
}

int jdc_engine_act(jdc_engine *e, int fd, bool readable, bool writable) {
  leave_to_parent(e);
  e->now_ms = jdc_engine_now();
  if (e->multi == NULL) return 0;
  if (fd < 0 || give_turn(e, fd, jdc_watch_bits(readable, writable))) run_due(e);
  return e->running_count;
}

int64_t jdc_engine_timeout(jdc_engine *e) {
  leave_to_parent(e);
  if (e->ended != NULL) return 0;
  const int64_t next = e->multi != NULL ? next_turn(e) : JDC_NEVER;
  if (next == JDC_NEVER) return -1;
  const int64_t now = jdc_engine_now();
  return next > now ? next - now : 0;
}

const struct pollfd *jdc_engine_descriptors(jdc_engine *e, size_t *count) {
  leave_to_parent(e);
  *count = e->watch.polls.count;
  return e->watch.polls.fds;
}
