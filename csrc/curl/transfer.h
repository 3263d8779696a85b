/* transfer.h - one exchange: an easy handle with its request, its progress, and its answer or failure. The engine pools
 * them; a transfer keeps its memory and its easy handle from one request to the next. */
#ifndef JDC_CURL_TRANSFER_H
#define JDC_CURL_TRANSFER_H

#include "../core/buf.h"
#include "options.h"

JDC_BEGIN

/* Why there is no whole answer, in the words of design.md, "A transport". */
typedef struct jdc_failed {
  const char *kind;  /* "network", "timeout", "protocol", "config", "cancelled", "closed" */
  const char *phase; /* "resolve", "connect", "tls", "send", "receive"; NULL if nothing was begun */
  bool sent;         /* perhaps executed; false only if surely not */
  bool final;        /* the same request would end the same way */
  char message[CURL_ERROR_SIZE + 64];
} jdc_failed;

/* What a function that returns "what is wrong" returns if memory ran out. */
extern const char jdc_curl_nomem[];

typedef enum jdc_transfer_state {
  JDC_TRANSFER_IDLE, /* being filled, or in the pool */
  JDC_TRANSFER_RUNNING,
  JDC_TRANSFER_ANSWERED,
  JDC_TRANSFER_FAILED
} jdc_transfer_state;

/* The body must stay where it is until the transfer is no longer running; everything else is copied. */
typedef struct jdc_http_request {
  const char *method, *url; /* NUL-terminated, without zero bytes inside */
  jdc_str body;
  int64_t timeout_ms; /* 0: none */
  jdc_bounds bounds;
} jdc_http_request;

typedef struct jdc_transfer {
  CURL *easy; /* NULL once a fork has left it to the parent */
  jdc_alloc alloc;
  struct jdc_transfer *prev, *next; /* the engine's lists */
  jdc_transfer_state state;
  int64_t tag; /* what its owner knows it by; 0 if he asks himself whether it has ended */
  bool listed; /* among the ended ones that the engine still has to tell of */

  struct jdc_lane *lane; /* of its host, while it runs; NULL if there is none (lane.h) */
  struct jdc_transfer *lane_prev, *lane_next;
  bool waits; /* in its lane: libcurl hasn't got it yet */

  jdc_buf lines; /* request headers, each "name: value" and a zero byte */
  jdc_buf nodes; /* the list over `lines` that libcurl reads */
  size_t line_count;
  size_t body_len; /* of the request */

  const int64_t *clock_ms; /* the engine's */
  int64_t start_ms, timeout_ms, idle_ms;
  int64_t moved_ms;    /* when a byte came, or the request began */
  curl_off_t uploaded; /* as of the last look at the limits */

  const char *phase; /* the furthest of "resolve", "connect", "tls" that was begun; counts until the request is */
  unsigned requests; /* how often libcurl was about to send the request */
  bool replayed;     /* it tried to do so again */
  bool too_large;

  jdc_buf head; /* status line and headers of the answer as received */
  bool head_open;
  jdc_buf body;
  long status;
  jdc_failed failed;
  char error[CURL_ERROR_SIZE];
} jdc_transfer;

/* Makes a transfer whose easy handle has the options of `pattern`. `clock_ms` is read for what moves, and must outlive
 * it. NULL if memory ran out. */
jdc_transfer *jdc_transfer_new(jdc_alloc alloc, CURL *pattern, const int64_t *clock_ms);

/* Frees everything. The transfer must not be in a multi handle. NULL is fine. */
void jdc_transfer_free(jdc_transfer *t);

/* Forgets request and answer, keeps the memory if it is little. Headers and bodies are overwritten: there may be a
 * signature, a token or new keys in them. */
void jdc_transfer_reset(jdc_transfer *t);

/* Adds a request header. Returns NULL, or what is wrong with it. */
JDC_MUST_USE const char *jdc_transfer_header(jdc_transfer *t, jdc_str name, jdc_str value);

/* Sets up the easy handle for the request, whose headers have been added. Returns NULL, or what is wrong with it. */
JDC_MUST_USE const char *jdc_transfer_prepare(jdc_transfer *t, const jdc_http_request *request);

/* Fails the transfer by our own decision. `message` holds no value of the request. */
void jdc_transfer_fail(jdc_transfer *t, const char *kind, bool sent, const char *message);

/* Takes over libcurl's verdict: the answer, or the failure that `code` and the progress amount to. */
void jdc_transfer_finish(jdc_transfer *t, CURLcode code);

/* Fails the transfer if the whole has taken too long or nothing has moved for too long. Returns in how many
 * milliseconds to look again, before which no limit can be passed; -1 if never. */
int64_t jdc_transfer_check(jdc_transfer *t, int64_t now_ms);

JDC_END
#endif
