/* test_call.c - the attempt machine as a table: what follows each answer and each failure of protocol.md 5.4 for every
 * class of request. A row is a test. The other test_call_*.c test time, keys, limits and the driver's turns. */
#include <stdio.h>

#include "support/call.h"

/* What comes back from an attempt, and what it means. */
typedef struct event {
  int http; /* 0: the transport failed */
  const char *status, *message;
  jdc_body body;
  jdc_kind kind; /* of the verdict; of the failure too */
  bool retryable;
  jdc_phase phase;
  bool unsent;
} event;

#define SAID(http, status, message, kind, retryable)                                                                   \
  { http, status, message, JDC_BODY_ENVELOPE, kind, retryable, JDC_PHASE_NONE, false }
#define PAGE(http, kind, retryable)                                                                                    \
  { http, NULL, NULL, JDC_BODY_OTHER, kind, retryable, JDC_PHASE_NONE, false }
#define FELL(kind, phase, sent)                                                                                        \
  { 0, NULL, NULL, JDC_BODY_EMPTY, kind, true, phase, !(sent) }

static const event ok = SAID(200, NULL, NULL, JDC_KIND_OK, false);
static const event rate_limit = SAID(429, "RATE_LIMIT", NULL, JDC_KIND_THROTTLED, true);
static const event gateway_rate_limit = SAID(429, "HTTP_RATE_LIMIT_EXCEEDED", NULL, JDC_KIND_THROTTLED, true);
static const event says_rate_limit =
    SAID(429, NULL, "minute rate limit exceeded, role:ak [gw]", JDC_KIND_THROTTLED, true);
static const event quota = SAID(429, "QUOTA_EXCEEDED", NULL, JDC_KIND_QUOTA, false);
static const event replay = SAID(403, "HTTP_FORBIDDEN", "please use different noncestr [gw]", JDC_KIND_DENIED, true);
static const event unknown = SAID(500, "UNKNOWN", NULL, JDC_KIND_SERVER, true);
static const event internal = SAID(500, "INTERNAL", NULL, JDC_KIND_SERVER, true);
static const event source_gone = SAID(502, "SOURCE_UNAVAILABLE", NULL, JDC_KIND_SERVER, true);
static const event unavailable = SAID(503, "UNAVAILABLE", NULL, JDC_KIND_SERVER, true);
static const event gateway_500 = SAID(500, "HTTP_INTERNAL_SERVER_ERROR", NULL, JDC_KIND_SERVER, true);
static const event gateway_502 = SAID(502, "HTTP_BAD_GATEWAY", NULL, JDC_KIND_SERVER, true);
static const event gateway_503 = SAID(503, "HTTP_SERVICE_UNAVAILABLE", NULL, JDC_KIND_SERVER, true);
static const event gateway_504 = SAID(504, "HTTP_SERVER_TIMING_OUT", NULL, JDC_KIND_SERVER, true);
static const event page_500 = PAGE(500, JDC_KIND_SERVER, true);
static const event page_502 = PAGE(502, JDC_KIND_SERVER, true);
static const event page_503 = PAGE(503, JDC_KIND_SERVER, true);
static const event page_504 = PAGE(504, JDC_KIND_SERVER, true);
static const event busy = SAID(400, "FAILED_PRECONDITION", NULL, JDC_KIND_BUSY, true);
static const event aborted = SAID(409, "ABORTED", NULL, JDC_KIND_BUSY, true);
static const event refused = FELL(JDC_KIND_NETWORK, JDC_PHASE_CONNECT, false);
static const event half_sent = FELL(JDC_KIND_NETWORK, JDC_PHASE_SEND, true);
static const event closed = FELL(JDC_KIND_NETWORK, JDC_PHASE_RECEIVE, true);
static const event slow_connect = FELL(JDC_KIND_TIMEOUT, JDC_PHASE_CONNECT, false);
static const event slow_answer = FELL(JDC_KIND_TIMEOUT, JDC_PHASE_RECEIVE, true);
static const event cut_short = FELL(JDC_KIND_PROTOCOL, JDC_PHASE_RECEIVE, true);
static const event bad_ca = { 0, NULL, NULL, JDC_BODY_EMPTY, JDC_KIND_CONFIG, false, JDC_PHASE_TLS, true };
static const event shut_down = { 0, NULL, NULL, JDC_BODY_EMPTY, JDC_KIND_CLOSED, false, JDC_PHASE_RECEIVE, false };
static const event unauthenticated = SAID(401, "UNAUTHENTICATED", NULL, JDC_KIND_AUTH, false);
static const event bad_signature = SAID(401, "ACCESS_ERROR", "sign result is not same [gw]", JDC_KIND_AUTH, false);
static const event forbidden = SAID(403, "HTTP_FORBIDDEN", "api is disabled [gw]", JDC_KIND_DENIED, false);
static const event invalid = SAID(400, "INVALID_ARGUMENT", NULL, JDC_KIND_INVALID, false);
static const event not_found = SAID(404, "NOT_FOUND", NULL, JDC_KIND_NOT_FOUND, false);
static const event exists = SAID(409, "ALREADY_EXISTS", NULL, JDC_KIND_CONFLICT, false);
static const event not_implemented = SAID(501, "NOT_IMPLEMENTED", NULL, JDC_KIND_SERVER, false);
static const event status_before_http = SAID(429, "UNAVAILABLE", NULL, JDC_KIND_SERVER, true);

/* A READ is a GET that the model marks as repeatable, a GET one that it doesn't; a TOKEN is a POST with a clientToken,
 * IDEMPOTENT one whose caller says so. */
typedef enum class { READ, GET, POST, TOKEN, IDEMPOTENT } class;

static const char *const class_names[] = { "repeatable GET", "other GET", "POST", "POST with clientToken",
                                           "POST, idempotent = true" };

#define EVENTS     6 /* attempts of a row */
#define WAITS      8
#define QUOTA_LEFT 400 /* before every row */

typedef struct row {
  const char *name;
  class of;
  const event *script[EVENTS]; /* one for each attempt */
  jdc_gave_up why;
  const char *waits; /* b: back-off, t: throttled, l: the window that this shut, u: busy */
  int drawn;         /* from the quota, in the end */
  int busy_timeout_s;
} row;

#define FINAL    JDC_GAVE_FINAL
#define UNSAFE   JDC_GAVE_UNSAFE
#define ATTEMPTS JDC_GAVE_ATTEMPTS
#define COST     JDC_QUOTA_COST
#define REFILL   (-JDC_QUOTA_REFILL)

static const row rows[] = {
  { "success", READ, { &ok }, FINAL, "", REFILL, 0 },
  { "success", GET, { &ok }, FINAL, "", REFILL, 0 },
  { "success", POST, { &ok }, FINAL, "", REFILL, 0 },

  /* throttled: never executed, draws nothing from the quota */
  { "429 RATE_LIMIT", READ, { &rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 RATE_LIMIT", GET, { &rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 RATE_LIMIT", POST, { &rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 RATE_LIMIT", TOKEN, { &rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 RATE_LIMIT", IDEMPOTENT, { &rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 HTTP_RATE_LIMIT_EXCEEDED", READ, { &gateway_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 HTTP_RATE_LIMIT_EXCEEDED", GET, { &gateway_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 HTTP_RATE_LIMIT_EXCEEDED", POST, { &gateway_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 HTTP_RATE_LIMIT_EXCEEDED", TOKEN, { &gateway_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 HTTP_RATE_LIMIT_EXCEEDED", IDEMPOTENT, { &gateway_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 with rate limit in the message", READ, { &says_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 with rate limit in the message", GET, { &says_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 with rate limit in the message", POST, { &says_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 with rate limit in the message", TOKEN, { &says_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },
  { "429 with rate limit in the message", IDEMPOTENT, { &says_rate_limit, &ok }, FINAL, "tl", REFILL, 0 },

  /* quota: final, though its code is 429 */
  { "429 QUOTA_EXCEEDED", READ, { &quota }, FINAL, "", 0, 0 },
  { "429 QUOTA_EXCEEDED", GET, { &quota }, FINAL, "", 0, 0 },
  { "429 QUOTA_EXCEEDED", POST, { &quota }, FINAL, "", 0, 0 },
  { "429 QUOTA_EXCEEDED", TOKEN, { &quota }, FINAL, "", 0, 0 },
  { "429 QUOTA_EXCEEDED", IDEMPOTENT, { &quota }, FINAL, "", 0, 0 },

  /* nonce replay: never executed */
  { "403 noncestr", READ, { &replay, &ok }, FINAL, "b", REFILL, 0 },
  { "403 noncestr", GET, { &replay, &ok }, FINAL, "b", REFILL, 0 },
  { "403 noncestr", POST, { &replay, &ok }, FINAL, "b", REFILL, 0 },
  { "403 noncestr", TOKEN, { &replay, &ok }, FINAL, "b", REFILL, 0 },
  { "403 noncestr", IDEMPOTENT, { &replay, &ok }, FINAL, "b", REFILL, 0 },

  /* transient server: perhaps executed */
  { "500 UNKNOWN", READ, { &unknown, &ok }, FINAL, "b", 0, 0 },
  { "500 UNKNOWN", GET, { &unknown }, UNSAFE, "", 0, 0 },
  { "500 UNKNOWN", POST, { &unknown }, UNSAFE, "", 0, 0 },
  { "500 UNKNOWN", TOKEN, { &unknown, &ok }, FINAL, "b", 0, 0 },
  { "500 UNKNOWN", IDEMPOTENT, { &unknown, &ok }, FINAL, "b", 0, 0 },
  { "500 INTERNAL", READ, { &internal, &ok }, FINAL, "b", 0, 0 },
  { "500 INTERNAL", GET, { &internal }, UNSAFE, "", 0, 0 },
  { "500 INTERNAL", POST, { &internal }, UNSAFE, "", 0, 0 },
  { "500 INTERNAL", TOKEN, { &internal, &ok }, FINAL, "b", 0, 0 },
  { "500 INTERNAL", IDEMPOTENT, { &internal, &ok }, FINAL, "b", 0, 0 },
  { "502 SOURCE_UNAVAILABLE", READ, { &source_gone, &ok }, FINAL, "b", 0, 0 },
  { "502 SOURCE_UNAVAILABLE", GET, { &source_gone }, UNSAFE, "", 0, 0 },
  { "502 SOURCE_UNAVAILABLE", POST, { &source_gone }, UNSAFE, "", 0, 0 },
  { "502 SOURCE_UNAVAILABLE", TOKEN, { &source_gone, &ok }, FINAL, "b", 0, 0 },
  { "502 SOURCE_UNAVAILABLE", IDEMPOTENT, { &source_gone, &ok }, FINAL, "b", 0, 0 },
  { "503 UNAVAILABLE", READ, { &unavailable, &ok }, FINAL, "b", 0, 0 },
  { "503 UNAVAILABLE", GET, { &unavailable }, UNSAFE, "", 0, 0 },
  { "503 UNAVAILABLE", POST, { &unavailable }, UNSAFE, "", 0, 0 },
  { "503 UNAVAILABLE", TOKEN, { &unavailable, &ok }, FINAL, "b", 0, 0 },
  { "503 UNAVAILABLE", IDEMPOTENT, { &unavailable, &ok }, FINAL, "b", 0, 0 },
  { "500 HTTP_INTERNAL_SERVER_ERROR", READ, { &gateway_500, &ok }, FINAL, "b", 0, 0 },
  { "500 HTTP_INTERNAL_SERVER_ERROR", GET, { &gateway_500 }, UNSAFE, "", 0, 0 },
  { "500 HTTP_INTERNAL_SERVER_ERROR", POST, { &gateway_500 }, UNSAFE, "", 0, 0 },
  { "500 HTTP_INTERNAL_SERVER_ERROR", TOKEN, { &gateway_500, &ok }, FINAL, "b", 0, 0 },
  { "500 HTTP_INTERNAL_SERVER_ERROR", IDEMPOTENT, { &gateway_500, &ok }, FINAL, "b", 0, 0 },
  { "502 HTTP_BAD_GATEWAY", READ, { &gateway_502, &ok }, FINAL, "b", 0, 0 },
  { "502 HTTP_BAD_GATEWAY", GET, { &gateway_502 }, UNSAFE, "", 0, 0 },
  { "502 HTTP_BAD_GATEWAY", POST, { &gateway_502 }, UNSAFE, "", 0, 0 },
  { "502 HTTP_BAD_GATEWAY", TOKEN, { &gateway_502, &ok }, FINAL, "b", 0, 0 },
  { "502 HTTP_BAD_GATEWAY", IDEMPOTENT, { &gateway_502, &ok }, FINAL, "b", 0, 0 },
  { "503 HTTP_SERVICE_UNAVAILABLE", READ, { &gateway_503, &ok }, FINAL, "b", 0, 0 },
  { "503 HTTP_SERVICE_UNAVAILABLE", GET, { &gateway_503 }, UNSAFE, "", 0, 0 },
  { "503 HTTP_SERVICE_UNAVAILABLE", POST, { &gateway_503 }, UNSAFE, "", 0, 0 },
  { "503 HTTP_SERVICE_UNAVAILABLE", TOKEN, { &gateway_503, &ok }, FINAL, "b", 0, 0 },
  { "503 HTTP_SERVICE_UNAVAILABLE", IDEMPOTENT, { &gateway_503, &ok }, FINAL, "b", 0, 0 },
  { "504 HTTP_SERVER_TIMING_OUT", READ, { &gateway_504, &ok }, FINAL, "b", 0, 0 },
  { "504 HTTP_SERVER_TIMING_OUT", GET, { &gateway_504 }, UNSAFE, "", 0, 0 },
  { "504 HTTP_SERVER_TIMING_OUT", POST, { &gateway_504 }, UNSAFE, "", 0, 0 },
  { "504 HTTP_SERVER_TIMING_OUT", TOKEN, { &gateway_504, &ok }, FINAL, "b", 0, 0 },
  { "504 HTTP_SERVER_TIMING_OUT", IDEMPOTENT, { &gateway_504, &ok }, FINAL, "b", 0, 0 },
  { "500 from a proxy", READ, { &page_500, &ok }, FINAL, "b", 0, 0 },
  { "500 from a proxy", GET, { &page_500 }, UNSAFE, "", 0, 0 },
  { "500 from a proxy", POST, { &page_500 }, UNSAFE, "", 0, 0 },
  { "500 from a proxy", TOKEN, { &page_500, &ok }, FINAL, "b", 0, 0 },
  { "500 from a proxy", IDEMPOTENT, { &page_500, &ok }, FINAL, "b", 0, 0 },
  { "502 from a proxy", READ, { &page_502, &ok }, FINAL, "b", 0, 0 },
  { "502 from a proxy", GET, { &page_502 }, UNSAFE, "", 0, 0 },
  { "502 from a proxy", POST, { &page_502 }, UNSAFE, "", 0, 0 },
  { "502 from a proxy", TOKEN, { &page_502, &ok }, FINAL, "b", 0, 0 },
  { "502 from a proxy", IDEMPOTENT, { &page_502, &ok }, FINAL, "b", 0, 0 },
  { "503 from a proxy", READ, { &page_503, &ok }, FINAL, "b", 0, 0 },
  { "503 from a proxy", GET, { &page_503 }, UNSAFE, "", 0, 0 },
  { "503 from a proxy", POST, { &page_503 }, UNSAFE, "", 0, 0 },
  { "503 from a proxy", TOKEN, { &page_503, &ok }, FINAL, "b", 0, 0 },
  { "503 from a proxy", IDEMPOTENT, { &page_503, &ok }, FINAL, "b", 0, 0 },
  { "504 from a proxy", READ, { &page_504, &ok }, FINAL, "b", 0, 0 },
  { "504 from a proxy", GET, { &page_504 }, UNSAFE, "", 0, 0 },
  { "504 from a proxy", POST, { &page_504 }, UNSAFE, "", 0, 0 },
  { "504 from a proxy", TOKEN, { &page_504, &ok }, FINAL, "b", 0, 0 },
  { "504 from a proxy", IDEMPOTENT, { &page_504, &ok }, FINAL, "b", 0, 0 },

  /* busy: for waiters and busy_timeout */
  { "400 FAILED_PRECONDITION", READ, { &busy }, FINAL, "", 0, 0 },
  { "400 FAILED_PRECONDITION", GET, { &busy }, FINAL, "", 0, 0 },
  { "400 FAILED_PRECONDITION", POST, { &busy }, FINAL, "", 0, 0 },
  { "400 FAILED_PRECONDITION", TOKEN, { &busy }, FINAL, "", 0, 0 },
  { "400 FAILED_PRECONDITION", IDEMPOTENT, { &busy }, FINAL, "", 0, 0 },
  { "409 ABORTED", READ, { &aborted }, FINAL, "", 0, 0 },
  { "409 ABORTED", GET, { &aborted }, FINAL, "", 0, 0 },
  { "409 ABORTED", POST, { &aborted }, FINAL, "", 0, 0 },
  { "409 ABORTED", TOKEN, { &aborted }, FINAL, "", 0, 0 },
  { "409 ABORTED", IDEMPOTENT, { &aborted }, FINAL, "", 0, 0 },
  { "400 FAILED_PRECONDITION, busy_timeout", POST, { &busy, &busy, &busy, &busy, &ok }, FINAL, "uuuu", REFILL, 60 },
  { "409 ABORTED, busy_timeout", POST, { &aborted, &ok }, FINAL, "u", REFILL, 60 },

  /* the connection failed before the request was sent */
  { "connection refused", READ, { &refused, &ok }, FINAL, "b", 0, 0 },
  { "connection refused", GET, { &refused, &ok }, FINAL, "b", 0, 0 },
  { "connection refused", POST, { &refused, &ok }, FINAL, "b", 0, 0 },
  { "connection refused", TOKEN, { &refused, &ok }, FINAL, "b", 0, 0 },
  { "connection refused", IDEMPOTENT, { &refused, &ok }, FINAL, "b", 0, 0 },
  { "no connection in time", READ, { &slow_connect, &ok }, FINAL, "b", 0, 0 },
  { "no connection in time", GET, { &slow_connect, &ok }, FINAL, "b", 0, 0 },
  { "no connection in time", POST, { &slow_connect, &ok }, FINAL, "b", 0, 0 },
  { "no connection in time", TOKEN, { &slow_connect, &ok }, FINAL, "b", 0, 0 },
  { "no connection in time", IDEMPOTENT, { &slow_connect, &ok }, FINAL, "b", 0, 0 },

  /* it failed after sending, or perhaps after */
  { "closed while sending", READ, { &half_sent, &ok }, FINAL, "b", 0, 0 },
  { "closed while sending", GET, { &half_sent }, UNSAFE, "", 0, 0 },
  { "closed while sending", POST, { &half_sent }, UNSAFE, "", 0, 0 },
  { "closed while sending", TOKEN, { &half_sent, &ok }, FINAL, "b", 0, 0 },
  { "closed while sending", IDEMPOTENT, { &half_sent, &ok }, FINAL, "b", 0, 0 },
  { "closed before the answer", READ, { &closed, &ok }, FINAL, "b", 0, 0 },
  { "closed before the answer", GET, { &closed }, UNSAFE, "", 0, 0 },
  { "closed before the answer", POST, { &closed }, UNSAFE, "", 0, 0 },
  { "closed before the answer", TOKEN, { &closed, &ok }, FINAL, "b", 0, 0 },
  { "closed before the answer", IDEMPOTENT, { &closed, &ok }, FINAL, "b", 0, 0 },
  { "no answer in time", READ, { &slow_answer, &ok }, FINAL, "b", 0, 0 },
  { "no answer in time", GET, { &slow_answer }, UNSAFE, "", 0, 0 },
  { "no answer in time", POST, { &slow_answer }, UNSAFE, "", 0, 0 },
  { "no answer in time", TOKEN, { &slow_answer, &ok }, FINAL, "b", 0, 0 },
  { "no answer in time", IDEMPOTENT, { &slow_answer, &ok }, FINAL, "b", 0, 0 },

  { "answer cut short", READ, { &cut_short, &ok }, FINAL, "b", 0, 0 },
  { "answer cut short", GET, { &cut_short }, UNSAFE, "", 0, 0 },
  { "answer cut short", POST, { &cut_short }, UNSAFE, "", 0, 0 },
  { "answer cut short", TOKEN, { &cut_short, &ok }, FINAL, "b", 0, 0 },
  { "answer cut short", IDEMPOTENT, { &cut_short, &ok }, FINAL, "b", 0, 0 },

  /* what the transport says of itself is final */
  { "unreadable CA file", READ, { &bad_ca }, FINAL, "", 0, 0 },
  { "transport closed", IDEMPOTENT, { &shut_down }, FINAL, "", 0, 0 },

  /* auth: final with keys that can't change and a clock that is right */
  { "401 UNAUTHENTICATED", READ, { &unauthenticated }, FINAL, "", 0, 0 },
  { "401 UNAUTHENTICATED", GET, { &unauthenticated }, FINAL, "", 0, 0 },
  { "401 UNAUTHENTICATED", POST, { &unauthenticated }, FINAL, "", 0, 0 },
  { "401 UNAUTHENTICATED", TOKEN, { &unauthenticated }, FINAL, "", 0, 0 },
  { "401 UNAUTHENTICATED", IDEMPOTENT, { &unauthenticated }, FINAL, "", 0, 0 },
  { "401 ACCESS_ERROR", READ, { &bad_signature }, FINAL, "", 0, 0 },
  { "401 ACCESS_ERROR", GET, { &bad_signature }, FINAL, "", 0, 0 },
  { "401 ACCESS_ERROR", POST, { &bad_signature }, FINAL, "", 0, 0 },
  { "401 ACCESS_ERROR", TOKEN, { &bad_signature }, FINAL, "", 0, 0 },
  { "401 ACCESS_ERROR", IDEMPOTENT, { &bad_signature }, FINAL, "", 0, 0 },
  { "403 HTTP_FORBIDDEN", READ, { &forbidden }, FINAL, "", 0, 0 },
  { "403 HTTP_FORBIDDEN", GET, { &forbidden }, FINAL, "", 0, 0 },
  { "403 HTTP_FORBIDDEN", POST, { &forbidden }, FINAL, "", 0, 0 },
  { "403 HTTP_FORBIDDEN", TOKEN, { &forbidden }, FINAL, "", 0, 0 },
  { "403 HTTP_FORBIDDEN", IDEMPOTENT, { &forbidden }, FINAL, "", 0, 0 },

  /* other answers are final */
  { "400 INVALID_ARGUMENT", READ, { &invalid }, FINAL, "", 0, 0 },
  { "404 NOT_FOUND", READ, { &not_found }, FINAL, "", 0, 0 },
  { "409 ALREADY_EXISTS", IDEMPOTENT, { &exists }, FINAL, "", 0, 0 },
  { "501 NOT_IMPLEMENTED", READ, { &not_implemented }, FINAL, "", 0, 0 },
  { "UNAVAILABLE with the code 429", READ, { &status_before_http, &ok }, FINAL, "b", 0, 0 },
  { "UNAVAILABLE with the code 429", POST, { &status_before_http }, UNSAFE, "", 0, 0 },

  /* one after another */
  { "503 three times", READ, { &unavailable, &unavailable, &unavailable }, ATTEMPTS, "bb", 2 * COST, 0 },
  { "503 twice", READ, { &unavailable, &unavailable, &ok }, FINAL, "bb", COST, 0 },
  { "503 on a POST with clientToken, thrice", TOKEN, { &page_503, &page_503, &page_503 }, ATTEMPTS, "bb", 2 * COST, 0 },
  { "connection refused three times", POST, { &refused, &refused, &refused }, ATTEMPTS, "bb", 2 * COST, 0 },
  { "not sent after perhaps executed", READ, { &closed, &slow_connect, &refused }, ATTEMPTS, "bb", 2 * COST, 0 },
  { "403 noncestr three times", POST, { &replay, &replay, &replay }, ATTEMPTS, "bb", 0, 0 },
  { "throttled attempts don't count",
    POST,
    { &rate_limit, &rate_limit, &rate_limit, &rate_limit, &ok },
    FINAL,
    "tltltltl",
    REFILL,
    0 },
  { "throttled between failures",
    READ,
    { &unavailable, &rate_limit, &closed, &rate_limit, &unavailable },
    ATTEMPTS,
    "btlbltl", /* throttled once it keeps a distance to itself */
    2 * COST,
    0 },
  { "throttled, then perhaps executed", POST, { &rate_limit, &gateway_504 }, UNSAFE, "tl", 0, 0 },
  { "not sent, then perhaps executed", POST, { &refused, &closed }, UNSAFE, "b", COST, 0 },
  { "refused nonce, then perhaps executed", GET, { &replay, &slow_answer }, UNSAFE, "b", 0, 0 },
  { "failed, then a final answer", READ, { &closed, &not_found }, FINAL, "b", COST, 0 },
  { "throttled, then the quota is exceeded", POST, { &rate_limit, &quota }, FINAL, "tl", 0, 0 },
  { "busy attempts don't count",
    IDEMPOTENT,
    { &busy, &unavailable, &busy, &unavailable, &busy, &unavailable },
    ATTEMPTS,
    "ububu",
    2 * COST,
    60 },
};

/* Takes the waits of the call until it has another step, and adds their reasons to `waits`. */
static jdc_step next_step(test_world *w, char *waits) {
  static const char letters[] = { 'b', 'l', 't', 'u', 'c', 'a' };
  for (;;) {
    jdc_step step = test_poll(w, w->call);
    if (step.kind != JDC_STEP_WAIT) return step;
    assert_true(strlen(waits) < WAITS);
    assert_true(step.wait_ms > 0);
    waits[strlen(waits)] = letters[step.why];
    test_pass(w, step.wait_ms);
  }
}

static void bring(test_world *w, const event *e) {
  if (e->http == 0) {
    test_fail(w, w->call, e->kind, e->phase, !e->unsent);
  } else {
    jdc_answer a = test_answer(e->http, e->status, e->message);
    a.body = e->body;
    a.has_error = a.has_error && e->body == JDC_BODY_ENVELOPE;
    test_land(w, w->call, &a);
  }
  const jdc_verdict *v = jdc_call_verdict(w->call);
  assert_string_equal(jdc_kind_text(v->kind), jdc_kind_text(e->kind));
  assert_int_equal(v->retryable, e->retryable);
}

static void run_row(void **state) {
  const row *r = *state;
  void *opened;
  test_world_open(&opened);
  test_world *w = opened;
  jdc_quota *q = jdc_cloud_quota(w->cloud);
  while (jdc_quota_left(q, w->request.service) > QUOTA_LEFT) assert_true(jdc_quota_draw(q, w->request.service));
  int left = jdc_quota_left(q, w->request.service);

  if (r->of >= POST) {
    w->request.method = JDC_STR("POST");
    w->request.body = JDC_STR("{}");
  }
  w->options.repeatable = r->of == READ;
  w->options.client_token = r->of == TOKEN;
  w->options.idempotent = r->of == IDEMPOTENT;
  w->options.busy_timeout_ms = r->busy_timeout_s * 1000;
  BEGIN(w);

  char waits[WAITS + 1] = "";
  int attempts = 0;
  while (next_step(w, waits).kind == JDC_STEP_SEND) {
    if (attempts == EVENTS || r->script[attempts] == NULL) fail_msg("attempt %d is one too many", attempts + 1);
    bring(w, r->script[attempts++]);
  }
  if (attempts < EVENTS && r->script[attempts] != NULL) fail_msg("given up after attempt %d", attempts);

  const event *last = r->script[attempts - 1];
  const jdc_outcome *o = jdc_call_outcome(w->call);
  assert_string_equal(jdc_kind_text(o->kind), jdc_kind_text(last->kind));
  assert_string_equal(jdc_gave_up_text(o->why), jdc_gave_up_text(r->why));
  assert_string_equal(waits, r->waits);
  assert_int_equal(o->attempts, attempts);
  assert_int_equal(o->retryable, last->retryable);
  assert_int_equal(o->answered, last->http != 0);
  assert_int_equal(o->sent, !last->unsent);
  assert_int_equal(o->phase, last->phase);
  assert_int_equal(left - jdc_quota_left(q, w->request.service), r->drawn);
  test_world_close(&opened);
}

int main(void) {
  static char names[TEST_ENTRIES(rows)][96];
  struct CMUnitTest tests[TEST_ENTRIES(rows)] = { 0 };
  for (size_t i = 0; i < TEST_ENTRIES(rows); i++) {
    (void)snprintf(names[i], sizeof(names[i]), "%s: %s", rows[i].name, class_names[rows[i].of]);
    tests[i].name = names[i];
    tests[i].test_func = run_row;
    tests[i].initial_state = (void *)(uintptr_t)&rows[i];
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
