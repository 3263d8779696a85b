/* answer.h - what an answer or a failure means (protocol.md 4 and 5): kind, retryable, safe to repeat, hint.
 * The driver has decoded the JSON and hands over facts; nothing here reads JSON and nothing outside decides. */
#ifndef JDC_ANSWER_H
#define JDC_ANSWER_H

#include "limit.h"

JDC_BEGIN

/* Design.md, Errors: the closed list */
typedef enum jdc_kind {
  JDC_KIND_OK,
  JDC_KIND_THROTTLED,
  JDC_KIND_QUOTA,
  JDC_KIND_AUTH,
  JDC_KIND_DENIED,
  JDC_KIND_NOT_FOUND,
  JDC_KIND_INVALID,
  JDC_KIND_CONFLICT,
  JDC_KIND_BUSY,
  JDC_KIND_SERVER,
  JDC_KIND_NETWORK,
  JDC_KIND_TIMEOUT,
  JDC_KIND_PROTOCOL,
  JDC_KIND_CANCELLED,
  JDC_KIND_CLOSED,
  JDC_KIND_PHASE,
  JDC_KIND_CONFIG,
  JDC_KIND_COUNT
} jdc_kind;

const char *jdc_kind_text(jdc_kind kind); /* "throttled" ...; "ok" for JDC_KIND_OK */
int jdc_kind_find(jdc_str text);          /* a jdc_kind, or -1 */

/* What the driver found in the body */
typedef enum jdc_body {
  JDC_BODY_EMPTY,
  JDC_BODY_ENVELOPE, /* a JSON object that has requestId, result or error at its top */
  JDC_BODY_JSON,     /* other JSON */
  JDC_BODY_OTHER     /* HTML, text, JSON cut short */
} jdc_body;

typedef struct jdc_answer {
  int http_status;
  bool head; /* the request was a HEAD */
  jdc_body body;
  bool has_error;      /* the envelope has an `error` object */
  int64_t code;        /* error.code; 0 if absent */
  jdc_str status;      /* error.status; empty if absent, as the rest */
  jdc_str message;     /* error.message */
  jdc_str request_id;  /* requestId of the envelope, else the header x-jdcloud-request-id */
  jdc_str denied;      /* the operation of IAM's denial: details[].param1, `clouddnsservice:getDomains` */
  jdc_str date;        /* the Date header */
  jdc_str retry_after; /* the Retry-After header: seconds or a date */
  jdc_str limit;       /* the header x-jdcloud-limit-minute (protocol.md 6) */
  jdc_str left;        /* the header x-jdcloud-remaining-minute */
} jdc_answer;

typedef enum jdc_phase {
  JDC_PHASE_NONE,
  JDC_PHASE_RESOLVE,
  JDC_PHASE_CONNECT,
  JDC_PHASE_TLS,
  JDC_PHASE_SEND,
  JDC_PHASE_RECEIVE
} jdc_phase;
const char *jdc_phase_text(jdc_phase phase); /* "resolve" ...; NULL for JDC_PHASE_NONE */
int jdc_phase_find(jdc_str text);            /* a jdc_phase, or -1 */

typedef struct jdc_failure { /* the transport got no whole answer */
  jdc_kind
      kind; /* NETWORK, TIMEOUT, PROTOCOL (cut short, too large), CANCELLED, CLOSED, PHASE, CONFIG (bad CA file ...) */
  jdc_phase phase;
  bool sent;  /* perhaps executed; false only if surely not */
  bool final; /* the same call would end the same way: an answer larger than max_size */
} jdc_failure;

/* What may be done about it */
typedef enum jdc_repeat {
  JDC_REPEAT_NEVER,
  JDC_REPEAT_THROTTLED,  /* never executed, back to the limiter: any request */
  JDC_REPEAT_UNEXECUTED, /* never executed (refused nonce, not sent): any request */
  JDC_REPEAT_CHANGED,    /* 401: any request, once, if the clock's skew or the keys turn out to be
                            others */
  JDC_REPEAT_BUSY,       /* not executed, another task runs on the resource: waiters and busy_timeout
                            only */
  JDC_REPEAT_IDEMPOTENT  /* perhaps executed: only a repeatable request */
} jdc_repeat;

#define JDC_HINT_MAX 256

typedef struct jdc_verdict {
  jdc_kind kind;
  jdc_repeat repeat;
  bool retryable; /* would the same call, made by a person a little later, have a chance? */
  bool transient; /* the service's fault: draws on the retry quota */
  bool
      enveloped; /* the service itself spoke (its envelope, or its request id where no body belongs): its Date counts */
  bool has_date;
  int64_t date_s;          /* the Date header, Unix seconds */
  int64_t retry_after_ms;  /* the server's hint, -1 if none */
  jdc_role role;           /* of a throttled answer: whose limit was passed */
  int64_t limit, left;     /* calls a minute that are allowed, and that are left; limit 0: not told */
  char hint[JDC_HINT_MAX]; /* what to do, NUL-terminated, empty if nothing helpful is known */
} jdc_verdict;

/* Classifies by status first, then by body code, then by HTTP status; success only for 2xx without a non-zero error
 * code. wall_ms: the clock that the request was dated by, for a Retry-After that is a date (without a Date beside it)
 * and to tell a clock that is wrong. No secret or parameter value gets into the hint. */
void jdc_answer_classify(const jdc_answer *a, int64_t wall_ms, jdc_verdict *out);

void jdc_failure_classify(const jdc_failure *f, jdc_verdict *out);

JDC_END
#endif
