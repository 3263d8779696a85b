/* watch.c - keeps what libcurl's two callbacks of a multi handle say. */
#define _POSIX_C_SOURCE 200809L
#include "watch.h"

#include "engine.h"

#include <limits.h>

#define FIRST_CAP ((size_t)16)

bool jdc_polls_reserve(jdc_polls *p, size_t count) {
  if (count <= p->cap) return true;
  size_t cap = p->cap == 0 ? FIRST_CAP : p->cap * 2;
  if (cap < count) cap = count;
  struct pollfd *fds = jdc_resize(p->alloc, p->fds, p->cap * sizeof *fds, cap * sizeof *fds);
  if (fds == NULL) return false;
  p->fds = fds;
  p->cap = cap;
  return true;
}

void jdc_polls_free(jdc_polls *p) {
  jdc_delete(p->alloc, p->fds, p->cap * sizeof *p->fds);
  *p = (jdc_polls){ .alloc = p->alloc };
}

void jdc_watch_init(jdc_watch *w, jdc_alloc alloc) {
  *w = (jdc_watch){ .polls = { .alloc = alloc }, .timer_ms = JDC_NEVER };
}

void jdc_watch_clear(jdc_watch *w) {
  jdc_polls_free(&w->polls);
  jdc_watch_init(w, w->polls.alloc);
}

static short events_of(int what) {
  switch (what) {
  case CURL_POLL_IN: return POLLIN;
  case CURL_POLL_OUT: return POLLOUT;
  case CURL_POLL_INOUT: return POLLIN | POLLOUT;
  default: return 0;
  }
}

/* There are as many descriptors as connections that are busy, which are bounded, so looking through them is cheap. */
static int on_descriptor(CURL *easy, curl_socket_t fd, int what, void *ud, void *own) {
  jdc_watch *w = ud;
  jdc_polls *p = &w->polls;
  (void)easy, (void)own;
  size_t i = 0;
  while (i < p->count && p->fds[i].fd != fd) i++;
  if (what == CURL_POLL_REMOVE) {
    if (i < p->count) p->fds[i] = p->fds[--p->count];
    return 0;
  }
  if (i == p->count) {
    if (!jdc_polls_reserve(p, p->count + 1)) {
      w->failed = true;
      return -1;
    }
    w->added = w->added < SHRT_MAX ? (short)(w->added + 1) : 0;
    p->fds[p->count++] = (struct pollfd){ .fd = fd, .revents = w->added };
  }
  p->fds[i].events = events_of(what);
  return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ud) {
  jdc_watch *w = ud;
  (void)multi;
  if (timeout_ms < 0)
    w->timer_ms = JDC_NEVER;
  else
    w->timer_ms = timeout_ms == 0 ? 0 : jdc_engine_now() + timeout_ms;
  return 0;
}

CURLMcode jdc_watch_attach(jdc_watch *w, CURLM *multi) {
  CURLMcode rc = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_descriptor);
  if (rc == CURLM_OK) rc = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, w);
  if (rc == CURLM_OK) rc = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  if (rc == CURLM_OK) rc = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, w);
  return rc;
}

int jdc_watch_bits(bool readable, bool writable) {
  return (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0);
}

/* What is wrong with a connection shows when libcurl does what it waited for. */
int jdc_watch_found(const struct pollfd *fd) {
  if (fd->revents & POLLNVAL) return CURL_CSELECT_ERR;
  const bool wrong = (fd->revents & (POLLERR | POLLHUP)) != 0;
  const bool in = (fd->revents & POLLIN) != 0 || (wrong && (fd->events & POLLIN) != 0);
  const bool out = (fd->revents & POLLOUT) != 0 || (wrong && (fd->events & POLLOUT) != 0);
  return jdc_watch_bits(in, out);
}
