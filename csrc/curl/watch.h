/* watch.h - the descriptors that libcurl wants watched and the time of its next turn, as it tells them by callbacks. So
 * a step costs what happened and not how many transfers there are. */
#ifndef JDC_CURL_WATCH_H
#define JDC_CURL_WATCH_H

#include "../core/jdc.h"
#include <curl/curl.h>
#include <poll.h>

JDC_BEGIN

#define JDC_NEVER INT64_MAX

/* A growing list for poll. */
typedef struct jdc_polls {
  jdc_alloc alloc;
  struct pollfd *fds;
  size_t count, cap;
} jdc_polls;

/* Makes room for `count` entries in all. Returns false if memory ran out; what is there stays. */
JDC_MUST_USE bool jdc_polls_reserve(jdc_polls *p, size_t count);

/* Frees the memory; the list is empty and usable again. */
void jdc_polls_free(jdc_polls *p);

typedef struct jdc_watch {
  jdc_polls polls;  /* each descriptor once; revents, which poll only writes, counts when it was added */
  short added;      /* the count; wraps */
  int64_t timer_ms; /* when libcurl wants a turn, on the clock of jdc_engine_now; 0: at once; JDC_NEVER */
  bool failed;      /* memory ran out for a descriptor, which is not watched now */
} jdc_watch;

/* Makes an empty one. */
void jdc_watch_init(jdc_watch *w, jdc_alloc alloc);

/* Forgets everything, as for a multi that is gone or left to a parent process. */
void jdc_watch_clear(jdc_watch *w);

/* Has a fresh multi handle report to `w`, which must outlive it. */
JDC_MUST_USE CURLMcode jdc_watch_attach(jdc_watch *w, CURLM *multi);

/* What poll found, in the words of curl_multi_socket_action. */
int jdc_watch_found(const struct pollfd *fd);

/* What libcurl is told of a descriptor that can be read or written. */
int jdc_watch_bits(bool readable, bool writable);

JDC_END
#endif
