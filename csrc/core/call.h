/* call.h - the attempt machine: one call as a state machine that its driver polls (design.md, The attempt machine).
 *
 *   next(time, random) -> WAIT | RESERVE | CREDENTIALS | SEND | DONE
 *   reserved, unreserved     the answer to RESERVE          answered, failed    what became of SEND
 *   limiter_failed           there is none
 *   provided, unprovided     the answer to CREDENTIALS      cancel              at any step
 *
 * Time and randomness come in, nothing goes out: every rule is a table test. A driver may poll too early, too late or
 * twice; it gets the same step again, a shorter WAIT, or DONE. A limiter in the process and keys that are at hand are
 * asked directly, so that a plain call costs next, answered, next. */
#ifndef JDC_CALL_H
#define JDC_CALL_H

#include "answer.h"
#include "cloud.h"
#include "sign.h"

JDC_BEGIN

#define JDC_RANDOM       24 /* fresh bytes for a poll: 16 for the nonce, 8 for the jitter */
#define JDC_NONCE        36 /* a UUID, version 4, lower case */
#define JDC_ATTEMPTS_MAX 100
#define JDC_FOREVER_MS   INT64_C(-1)

typedef enum jdc_limiter { JDC_LIMITER_PROCESS, JDC_LIMITER_DRIVER, JDC_LIMITER_NONE } jdc_limiter;

typedef struct jdc_call_options {
  int64_t timeout_ms;      /* wire and back-off together; JDC_FOREVER_MS: no bound */
  int64_t max_wait_ms;     /* limiter's queue and throttling together; JDC_FOREVER_MS: no bound */
  int64_t busy_timeout_ms; /* repeat while the resource is busy; 0: don't */
  int attempts;            /* 1 to JDC_ATTEMPTS_MAX; throttled ones don't count */
  bool repeatable;         /* marked as a read in the model */
  bool client_token;       /* carries a clientToken */
  bool idempotent;         /* the caller says so */
  bool renewable;          /* there is a provider to ask for keys */
  jdc_limiter limiter;
  jdc_str operation; /* for the limiter's keys; may be empty */
} jdc_call_options;

typedef enum jdc_step_kind {
  JDC_STEP_WAIT,
  JDC_STEP_RESERVE,
  JDC_STEP_CREDENTIALS,
  JDC_STEP_SEND,
  JDC_STEP_DONE
} jdc_step_kind;

typedef enum jdc_wait_why {
  JDC_WAIT_BACKOFF,     /* before a repetition */
  JDC_WAIT_LIMIT,       /* the limiter's queue */
  JDC_WAIT_THROTTLED,   /* the service said 429 */
  JDC_WAIT_BUSY,        /* the resource is busy and busy_timeout allows it */
  JDC_WAIT_CREDENTIALS, /* another call is asking the provider */
  JDC_WAIT_ANSWER       /* polled while the request is on the wire: call answered or failed, or wait */
} jdc_wait_why;
const char *jdc_wait_why_text(jdc_wait_why why);
const char *jdc_credential_why_text(jdc_credential_why why);

typedef struct jdc_step {
  jdc_step_kind kind;
  int64_t wait_ms;         /* WAIT: this long. SEND: the transport's time limit, JDC_FOREVER_MS for none */
  jdc_wait_why why;        /* WAIT */
  jdc_credential_why need; /* CREDENTIALS */
  const jdc_str *keys;     /* RESERVE: the windows to pass */
  size_t nkeys;
  int64_t latest_ms; /* RESERVE: on the monotonic clock; JDC_NEVER for no bound */
  jdc_ticket ticket; /* RESERVE: the place in line, 0 at first */
} jdc_step;

/* Why a call that failed was not repeated (again) */
typedef enum jdc_gave_up {
  JDC_GAVE_FINAL,  /* such an answer is final */
  JDC_GAVE_UNSAFE, /* it may have been executed and is not repeatable */
  JDC_GAVE_ATTEMPTS,
  JDC_GAVE_TIMEOUT,  /* no time left for another attempt; of a busy resource, none of busy_timeout */
  JDC_GAVE_MAX_WAIT, /* the limiter or the throttling would take longer than max_wait */
  JDC_GAVE_QUOTA,    /* the service's retry quota is used up */
  JDC_GAVE_CANCELLED,
  JDC_GAVE_CREDENTIALS, /* no keys to sign with: the provider failed or there is none */
  JDC_GAVE_INTERNAL,    /* memory or libcrypto; outcome.status says which */
  JDC_GAVE_LIMITER      /* the driver's limiter failed; the driver knows how */
} jdc_gave_up;
const char *jdc_gave_up_text(jdc_gave_up why);

typedef struct jdc_outcome {
  jdc_kind kind; /* JDC_KIND_OK: the last answer is the result */
  jdc_gave_up why;
  int attempts;  /* sent, or handed to the transport; 0: never */
  bool sent;     /* of the last attempt: perhaps executed */
  bool answered; /* the last attempt ended in an answer, which the driver still has */
  bool retryable;
  int64_t retry_after_ms; /* -1: unknown */
  jdc_phase phase;
  jdc_status status; /* for JDC_GAVE_INTERNAL */
  const char *hint;  /* "" if none; valid until the next jdc_call_begin */
} jdc_outcome;

typedef struct jdc_call jdc_call;

/* Makes a call object, empty; begin may be called on it again and again. The cloud must outlive it. */
JDC_MUST_USE jdc_status jdc_call_new(jdc_alloc alloc, jdc_cloud *cloud, jdc_call **out);
void jdc_call_free(jdc_call *call); /* a ticket or lease that it holds is given up */

/* Starts a call: prepares the signature (the request's nonce_len is set here). The credential must outlive the call's
 * last step. JDC_INVALID as jdc_sign_prepare, with *problem. */
JDC_MUST_USE jdc_status jdc_call_begin(jdc_call *call, const jdc_sign_request *request, jdc_credential *credential,
                                       const jdc_call_options *options, jdc_time t, const char **problem);

/* What to do now. random: JDC_RANDOM fresh bytes of the operating system, new for every poll. */
void jdc_call_next(jdc_call *call, jdc_time t, const unsigned char random[JDC_RANDOM], jdc_step *step);

/* wait_ms: JDC_NEVER is a refusal. A ticket that comes when the call is over is to be settled as not sent, see
 * jdc_call_unsettled. */
void jdc_call_reserved(jdc_call *call, int64_t now_ms, int64_t wait_ms, jdc_ticket ticket);
void jdc_call_unreserved(jdc_call *call, int64_t now_ms, int64_t when_ms); /* JDC_NEVER: unknown */
void jdc_call_limiter_failed(jdc_call *call, int64_t now_ms);              /* it has taken nothing */
void jdc_call_provided(jdc_call *call, int64_t now_ms);                    /* the credential has been set */
void jdc_call_unprovided(jdc_call *call, int64_t now_ms);                  /* the provider failed or there is none */
void jdc_call_answered(jdc_call *call, jdc_time t, const jdc_answer *answer);
void jdc_call_failed(jdc_call *call, jdc_time t, const jdc_failure *failure);
void jdc_call_cancel(jdc_call *call, int64_t now_ms); /* the next step is DONE */

/* What a driver with a limiter of its own settles after an attempt: true and the ticket, once for each. */
bool jdc_call_unsettled(jdc_call *call, jdc_ticket *ticket, jdc_settlement *settlement);

bool jdc_call_succeeded(const jdc_call *call);             /* done, and well: no further poll is needed */
const jdc_outcome *jdc_call_outcome(const jdc_call *call); /* after DONE */
const jdc_verdict *jdc_call_verdict(const jdc_call *call); /* of the last attempt */
jdc_signer *jdc_call_signer(jdc_call *call);               /* after SEND: target, headers */
int jdc_call_attempt(const jdc_call *call);                /* the attempt under way, from 1 */

JDC_END
#endif
