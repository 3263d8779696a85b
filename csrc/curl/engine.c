/* engine.c - the one loop over libcurl's multi handle. */
#define _POSIX_C_SOURCE 200809L
#include "engine.h"

#include "fork.h"
#include <poll.h>
#include <time.h>

#define MAX_IDLE_TRANSFERS 64 /* an easy handle is some 6 KB; more at a time than this is a rare burst */

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
  jdc_transfer *running; /* doubly linked */
  jdc_transfer *idle;    /* singly linked */
  jdc_transfer *ended;   /* those with a tag, until they are told of; doubly linked, in the order of their ends */
  jdc_transfer *ended_last;
  int running_count, idle_count;
};

int64_t jdc_engine_now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static CURLM *new_multi(const jdc_engine *e) {
  CURLM *multi = curl_multi_init();
  if (multi == NULL || jdc_options_multi(e->max_host_connections, e->max_connections, multi) == CURLM_OK) return multi;
  (void)curl_multi_cleanup(multi);
  return NULL;
}

const char *jdc_engine_new(jdc_alloc alloc, const jdc_curl_options *options, jdc_engine **out) {
  jdc_engine *e = jdc_new(alloc, sizeof *e);
  if (e == NULL) return jdc_curl_nomem;
  *e = (jdc_engine){ .alloc = alloc, .users = 1, .forks = jdc_fork_count(), .bounds = options->bounds };
  e->max_host_connections = options->max_host_connections;
  e->max_connections = options->max_connections;
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
  if (t->tag != 0) list_ended(e, t);
}

/* Takes a running transfer out of the multi. What it ended with has been, or will be, recorded by the caller. */
static void stop(jdc_engine *e, jdc_transfer *t) {
  unlink_running(e, t);
  if (t->easy != NULL) (void)curl_multi_remove_handle(e->multi, t->easy);
}

/* To clean up an inherited multi would write a TLS goodbye into connections that the parent goes on using. So it, and
 * the easy handles that are in it, are left alone for as long as the child lives. Handles that are in no multi hold no
 * connection and can be used on. */
static void leave_to_parent(jdc_engine *e) {
  if (e->forks == jdc_fork_count()) return;
  e->forks = jdc_fork_count();
  while (e->running != NULL) {
    jdc_transfer *t = e->running;
    t->easy = NULL;
    jdc_transfer_fail(t, "network", true, "the process forked; the request went on in the parent");
    unlink_running(e, t);
  }
  e->inherited = e->multi;
  e->multi = e->closed ? NULL : new_multi(e);
}

static void end_all(jdc_engine *e, const char *kind, const char *message) {
  while (e->running != NULL) {
    jdc_transfer *t = e->running;
    jdc_transfer_fail(t, kind, t->requests > 0, message);
    stop(e, t);
  }
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
    t = jdc_transfer_new(e->alloc, e->pattern);
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

const char *jdc_engine_start(jdc_engine *e, jdc_transfer *t, const jdc_http_request *request) {
  leave_to_parent(e);
  if (e->closed) return "the transport was closed";
  if (e->multi == NULL) return jdc_curl_nomem;
  const char *problem = jdc_transfer_prepare(t, request, jdc_engine_now());
  if (problem != NULL) return problem;
  const CURLMcode rc = curl_multi_add_handle(e->multi, t->easy);
  if (rc != CURLM_OK) return curl_multi_strerror(rc);
  t->state = JDC_TRANSFER_RUNNING;
  t->next = e->running;
  if (e->running != NULL) e->running->prev = t;
  e->running = t;
  e->running_count++;
  return NULL;
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
    jdc_transfer_finish(t, code);
    stop(e, t);
  }
}

/* Lets libcurl work, gathers what has ended, and ends what has taken too long. Lowers `wait_ms` to when that must be
 * looked at again. */
static void advance(jdc_engine *e, int *wait_ms) {
  int active = 0;
  const CURLMcode rc = curl_multi_perform(e->multi, &active);
  collect(e);
  if (rc != CURLM_OK) {
    end_all(e, "network", curl_multi_strerror(rc));
    return;
  }
  const int64_t now = e->running != NULL ? jdc_engine_now() : 0;
  for (jdc_transfer *t = e->running, *next; t != NULL; t = next) {
    next = t->next;
    const int64_t left = jdc_transfer_check(t, now);
    if (t->state != JDC_TRANSFER_RUNNING)
      stop(e, t);
    else if (left >= 0 && left < *wait_ms)
      *wait_ms = (int)left;
  }
}

int jdc_engine_step(jdc_engine *e, int wait_ms) {
  leave_to_parent(e);
  if (e->multi == NULL) {
    (void)poll(NULL, 0, wait_ms);
    return 0;
  }
  const int before = e->running_count;
  advance(e, &wait_ms);
  if (e->running_count < before) return e->running_count;
  /* With nothing running this is a sleep that libcurl ends only for a wake-up. */
  const CURLMcode rc = curl_multi_poll(e->multi, NULL, 0, wait_ms, NULL);
  if (rc != CURLM_OK)
    end_all(e, "network", curl_multi_strerror(rc));
  else if (e->running_count > 0)
    advance(e, &wait_ms);
  return e->running_count;
}
