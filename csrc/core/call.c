/* call.c - begin and end of a call, its time, and what its driver brings. See call.h. */
#include <string.h>

#include "call_state.h"

/* Our clock is cut to ms, the service's isn't: an answer counts as one later, so that no slot is free too early. */
#define CUT_MS 1

jdc_status jdc_call_new(jdc_alloc alloc, jdc_cloud *cloud, jdc_call **out) {
  *out = NULL;
  jdc_call *call = jdc_new(alloc, sizeof(*call));
  if (call == NULL) return JDC_NOMEM;
  memset(call, 0, sizeof(*call));
  call->alloc = alloc;
  call->cloud = cloud;
  call->outcome.hint = "";
  jdc_status status = jdc_signer_new(alloc, &call->signer);
  if (status != JDC_OK) {
    jdc_delete(alloc, call, sizeof(*call));
    return status;
  }
  *out = call;
  return JDC_OK;
}

static void settle(jdc_call *call, int64_t now_ms, const jdc_settlement *settlement) {
  if (call->ticket == 0) return;
  if (call->options.limiter == JDC_LIMITER_DRIVER) {
    call->settle = call->ticket;
    call->settlement = *settlement;
  } else {
    int64_t at_ms = settlement->outcome == JDC_SETTLE_DONE ? now_ms + CUT_MS : now_ms;
    jdc_limit_settle(jdc_cloud_limit(call->cloud), call->ticket, at_ms, settlement);
  }
  if (!settlement->again) call->ticket = 0;
}

void jdc_call_let_go(jdc_call *call, int64_t now_ms, jdc_settle outcome) {
  if (call->leased) jdc_credential_release(call->credential);
  call->leased = false;
  settle(call, now_ms, &(jdc_settlement){ .outcome = outcome, .retry_after_ms = -1 });
}

/* An answer, with what the limiter learns from it. A throttled call will come again: in the process it keeps its place
 * in line until then, see repeat_throttled. */
static void settle_answered(jdc_call *call, int64_t now_ms) {
  const jdc_verdict *v = &call->verdict;
  bool throttled = v->kind == JDC_KIND_THROTTLED;
  settle(call, now_ms,
         &(jdc_settlement){ .outcome = throttled ? JDC_SETTLE_THROTTLED : JDC_SETTLE_DONE,
                            .retry_after_ms = v->retry_after_ms,
                            .role = v->role,
                            .again = throttled && call->options.limiter == JDC_LIMITER_PROCESS,
                            .limit = v->limit,
                            .left = v->left,
                            .date_ms = v->enveloped && v->has_date ? v->date_s * 1000 : 0 });
}

void jdc_call_free(jdc_call *call) {
  if (call == NULL) return;
  jdc_call_cancel(call, call->mark_ms);
  jdc_signer_free(call->signer);
  jdc_delete(call->alloc, call, sizeof(*call));
}

void jdc_call_done(jdc_call *call, jdc_kind kind, jdc_gave_up why) {
  if (kind != JDC_KIND_OK) jdc_cloud_stats(call->cloud)->failed++;
  if (call->drawn > 0 && (why == JDC_GAVE_ATTEMPTS || why == JDC_GAVE_TIMEOUT))
    jdc_quota_in_vain(jdc_cloud_quota(call->cloud), jdc_call_service(call));
  call->state = JDC_ST_DONE;
  call->outcome.kind = kind;
  call->outcome.why = why;
  call->outcome.retryable = call->verdict.retryable;
  call->outcome.retry_after_ms = call->verdict.retry_after_ms;
  call->outcome.phase = call->phase;
  call->outcome.hint = call->verdict.hint;
}

void jdc_call_end_as_last(jdc_call *call, jdc_kind kind, jdc_gave_up why) {
  bool had_one = call->verdict.kind != JDC_KIND_OK;
  jdc_call_done(call, had_one ? call->verdict.kind : kind, why);
  if (!had_one) call->outcome.retryable = true;
}

void jdc_call_refused(jdc_call *call, int64_t now_ms, int64_t when_ms) {
  jdc_call_let_go(call, now_ms, JDC_SETTLE_NOT_SENT);
  jdc_call_end_as_last(call, JDC_KIND_THROTTLED, JDC_GAVE_MAX_WAIT);
  if (when_ms != JDC_NEVER) call->outcome.retry_after_ms = when_ms > now_ms ? when_ms - now_ms : 0;
}

void jdc_call_broken(jdc_call *call, jdc_status status) {
  jdc_call_let_go(call, call->mark_ms, JDC_SETTLE_NOT_SENT);
  jdc_call_done(call, JDC_KIND_CONFIG, JDC_GAVE_INTERNAL);
  call->outcome.status = status;
  call->outcome.answered = false;
  call->outcome.retryable = false;
}

void jdc_call_forget(jdc_call *call) {
  call->verdict.kind = JDC_KIND_OK;
  call->verdict.retryable = false;
  call->verdict.retry_after_ms = -1;
  call->verdict.hint[0] = '\0';
  call->phase = JDC_PHASE_NONE;
}

static int64_t budget(int64_t ms) { return ms < 0 || ms > JDC_NO_BOUND ? JDC_NO_BOUND : ms; }

/* The windows to pass: the access key with the service and, where it has a limit of its own, the operation. */
static void name_windows(jdc_call *call, jdc_str operation) {
  jdc_str access = jdc_credential_access_key(call->credential);
  jdc_str service = jdc_call_service(call);
  char *p = call->key_text;
  call->nkeys = 0;
  for (int i = 0; i < 2; i++) {
    char *start = p;
    size_t part = JDC_LIMIT_KEY_MAX - 2 - service.len;
    if (i == 1 && (operation.len == 0 || operation.len > part / 2)) break;
    if (i == 1) part -= operation.len;
    size_t n = access.len < part ? access.len : part;
    if (n > 0) memcpy(p, access.ptr, n);
    p += n;
    *p++ = '/';
    memcpy(p, service.ptr, service.len);
    p += service.len;
    if (i == 1) {
      *p++ = '.';
      memcpy(p, operation.ptr, operation.len);
      p += operation.len;
    }
    call->keys[call->nkeys++] = (jdc_str){ start, (size_t)(p - start) };
  }
}

/* After a provider's first keys: the names that were made without them have the operation. */
static void rename_windows(jdc_call *call) {
  char operation[JDC_LIMIT_KEY_MAX];
  jdc_str kept = { NULL, 0 };
  if (call->nkeys == 2) {
    size_t before = call->service_len + 2; /* the slash, the service and the dot */
    kept = (jdc_str){ operation, call->keys[1].len - before };
    memcpy(operation, call->keys[1].ptr + before, kept.len);
  }
  name_windows(call, kept);
}

void jdc_call_keyed(jdc_call *call) {
  call->state = call->nameless ? JDC_ST_RESERVE : JDC_ST_SEND;
  if (call->nameless) rename_windows(call);
  call->nameless = false;
}

jdc_status jdc_call_begin(jdc_call *call, const jdc_sign_request *request, jdc_credential *credential,
                          const jdc_call_options *options, jdc_time t, const char **problem) {
  *problem = NULL;
  jdc_call_cancel(call, t.now_ms);
  if (options->attempts < 1 || options->attempts > JDC_ATTEMPTS_MAX) {
    *problem = "attempts must be from 1 to 100";
    return JDC_INVALID;
  }
  jdc_sign_request r = *request;
  r.nonce_len = JDC_NONCE;
  jdc_status status = jdc_sign_prepare(call->signer, jdc_cloud_digest(call->cloud), &r, problem);
  if (status != JDC_OK) return status;

  call->credential = credential;
  call->options = *options;
  call->mark_ms = t.now_ms;
  call->time_left = budget(options->timeout_ms);
  call->wait_left = budget(options->max_wait_ms);
  call->busy_left = budget(options->busy_timeout_ms);
  call->service_len = r.service.len < JDC_SERVICE_MAX ? r.service.len : JDC_SERVICE_MAX;
  memcpy(call->service, r.service.ptr, call->service_len);
  call->ticket = 0; /* `settle` stays: the driver may still have to settle for a call that was cut off */
  call->latest_ms = 0;
  call->leased = call->rechecking = call->unprovided = call->awaiting = call->changed = call->lined = false;
  call->tries = call->drawn = 0;
  call->throttles = call->busies = 0;
  jdc_call_forget(call);
  call->outcome = (jdc_outcome){ .retry_after_ms = -1, .hint = call->verdict.hint };
  name_windows(call, options->operation);
  call->options.operation = (jdc_str){ NULL, 0 }; /* not ours to keep; the windows have it */
  bool keyless = jdc_credential_access_key(credential).len == 0;
  call->nameless = keyless && options->renewable && options->limiter != JDC_LIMITER_NONE;
  call->state = call->nameless ? JDC_ST_KEYS : JDC_ST_RESERVE;
  jdc_cloud_stats(call->cloud)->calls++;
  return JDC_OK;
}

/* Books the time since the last look on the budget that the state draws on. */
void jdc_call_account(jdc_call *call, int64_t now_ms) {
  int64_t spent = now_ms - call->mark_ms;
  if (spent < 0) return; /* a clock that goes back is not ours to mend */
  call->mark_ms = now_ms;
  switch (call->state) {
  case JDC_ST_DONE: return;
  case JDC_ST_RESERVE:
  case JDC_ST_RESERVING:
  case JDC_ST_QUEUED:
    call->wait_left -= spent;
    jdc_call_note_waited(call, JDC_WAIT_LIMIT, spent);
    return;
  case JDC_ST_BACKOFF:
    jdc_call_note_waited(call, call->why, spent);
    if (call->why == JDC_WAIT_THROTTLED)
      call->wait_left -= spent;
    else if (call->why == JDC_WAIT_BUSY)
      call->busy_left -= spent;
    else
      call->time_left -= spent;
    return;
  case JDC_ST_KEYS:
  case JDC_ST_RECHECK:
  case JDC_ST_FETCHING:
    call->time_left -= spent;
    jdc_call_note_waited(call, JDC_WAIT_CREDENTIALS, spent);
    return;
  case JDC_ST_SEND:
  case JDC_ST_FLIGHT:
  case JDC_ST_DECIDE: call->time_left -= spent; return;
  }
}

void jdc_call_granted(jdc_call *call, int64_t wait_ms, jdc_ticket ticket) {
  call->ticket = ticket;
  call->state = wait_ms > 0 ? JDC_ST_QUEUED : JDC_ST_KEYS;
  if (wait_ms > 0 && !call->lined) jdc_call_note_wait(call, JDC_WAIT_LIMIT);
  call->lined = call->lined || wait_ms > 0;
  call->due_ms = call->mark_ms + wait_ms;
}

void jdc_call_recheck(jdc_call *call) {
  if (jdc_credential_generation(call->credential) == call->generation)
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL);
  else
    call->state = JDC_ST_RESERVE;
}

/* What the driver brings. Out of turn it is ignored. */

void jdc_call_reserved(jdc_call *call, int64_t now_ms, int64_t wait_ms, jdc_ticket ticket) {
  if (call->state == JDC_ST_DONE && call->options.limiter == JDC_LIMITER_DRIVER) { /* it ended while the driver asked */
    call->ticket = ticket;
    jdc_call_let_go(call, now_ms, JDC_SETTLE_NOT_SENT);
  }
  if (call->state != JDC_ST_RESERVING) return;
  jdc_call_account(call, now_ms);
  call->ticket = ticket;
  if (wait_ms < 0) wait_ms = 0;
  bool never = wait_ms >= JDC_NO_BOUND;
  if (never || (wait_ms > 0 && wait_ms > call->wait_left))
    jdc_call_refused(call, now_ms, never ? JDC_NEVER : now_ms + wait_ms);
  else
    jdc_call_granted(call, wait_ms, ticket);
}

void jdc_call_unreserved(jdc_call *call, int64_t now_ms, int64_t when_ms) {
  if (call->state != JDC_ST_RESERVING) return;
  jdc_call_account(call, now_ms);
  call->ticket = 0;
  jdc_call_refused(call, now_ms, when_ms);
}

void jdc_call_limiter_failed(jdc_call *call, int64_t now_ms) {
  if (call->state != JDC_ST_RESERVING) return;
  jdc_call_account(call, now_ms);
  call->ticket = 0;
  jdc_call_let_go(call, now_ms, JDC_SETTLE_NOT_SENT);
  jdc_call_end_as_last(call, JDC_KIND_NETWORK, JDC_GAVE_LIMITER);
}

void jdc_call_provided(jdc_call *call, int64_t now_ms) {
  if (call->state != JDC_ST_FETCHING) return;
  jdc_call_account(call, now_ms);
  jdc_credential_given(call->credential, now_ms);
  call->leased = false; /* jdc_credential_set ended it */
  if (call->rechecking)
    jdc_call_recheck(call);
  else
    jdc_call_keyed(call); /* fresh keys are the best there are, however soon they end */
}

void jdc_call_unprovided(jdc_call *call, int64_t now_ms) {
  if (call->state != JDC_ST_FETCHING) return;
  jdc_call_account(call, now_ms);
  jdc_credential_failed(call->credential, now_ms);
  call->leased = false;
  call->unprovided = true;
  if (call->rechecking)
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL);
  else
    call->state = JDC_ST_KEYS; /* old keys outlive a refresh ahead of time that failed */
}

static bool landed(jdc_call *call, jdc_time t) {
  if (call->state != JDC_ST_FLIGHT) return false;
  jdc_call_account(call, t.now_ms);
  return true;
}

void jdc_call_answered(jdc_call *call, jdc_time t, const jdc_answer *answer) {
  if (!landed(call, t)) return;
  jdc_verdict *v = &call->verdict;
  jdc_answer_classify(answer, t.wall_ms + call->skew_ms, v); /* by the clock that dated the request */
  if (v->enveloped && v->has_date) jdc_cloud_learn_date(call->cloud, jdc_sign_host(call->signer), v->date_s, t.wall_ms);
  if (v->kind == JDC_KIND_THROTTLED) jdc_cloud_stats(call->cloud)->throttled++;
  settle_answered(call, t.now_ms);
  call->outcome.answered = call->outcome.sent = true;
  call->state = JDC_ST_DECIDE;
  bool ok = v->kind == JDC_KIND_OK;
  int success = call->drawn > 0 ? call->drawn : JDC_QUOTA_REFILL;
  if (!v->transient) jdc_quota_refill(jdc_cloud_quota(call->cloud), jdc_call_service(call), ok ? success : 0);
  if (ok) jdc_call_done(call, JDC_KIND_OK, JDC_GAVE_FINAL);
}

void jdc_call_failed(jdc_call *call, jdc_time t, const jdc_failure *failure) {
  if (!landed(call, t)) return;
  jdc_failure_classify(failure, &call->verdict);
  jdc_call_let_go(call, t.now_ms, failure->sent ? JDC_SETTLE_DONE : JDC_SETTLE_NOT_SENT);
  call->outcome.answered = false;
  call->outcome.sent = failure->sent;
  call->phase = failure->phase;
  call->state = JDC_ST_DECIDE;
}

void jdc_call_cancel(jdc_call *call, int64_t now_ms) {
  if (call->state == JDC_ST_DONE) return;
  jdc_call_account(call, now_ms);
  bool flying = call->state == JDC_ST_FLIGHT;
  jdc_call_let_go(call, now_ms, flying ? JDC_SETTLE_DONE : JDC_SETTLE_NOT_SENT);
  jdc_call_done(call, JDC_KIND_CANCELLED, JDC_GAVE_CANCELLED);
  call->outcome.retryable = false;
  call->outcome.answered = false;
  if (flying) call->outcome.sent = true;
}

bool jdc_call_unsettled(jdc_call *call, jdc_ticket *ticket, jdc_settlement *settlement) {
  if (call->settle == 0) return false;
  *ticket = call->settle;
  *settlement = call->settlement;
  call->settle = 0;
  return true;
}

bool jdc_call_succeeded(const jdc_call *call) {
  return call->state == JDC_ST_DONE && call->outcome.kind == JDC_KIND_OK && call->outcome.answered;
}

const jdc_outcome *jdc_call_outcome(const jdc_call *call) { return &call->outcome; }
const jdc_verdict *jdc_call_verdict(const jdc_call *call) { return &call->verdict; }
jdc_signer *jdc_call_signer(jdc_call *call) { return call->signer; }
int jdc_call_attempt(const jdc_call *call) { return call->outcome.attempts; }

static const char *text_of(const char *const *texts, size_t count, int value) {
  return value >= 0 && (size_t)value < count ? texts[value] : "unknown";
}
#define TEXT(texts, value) text_of(texts, sizeof(texts) / sizeof((texts)[0]), (int)(value))

const char *jdc_wait_why_text(jdc_wait_why why) {
  static const char *const texts[] = { "backoff", "limit", "throttled", "busy", "credentials", "answer" };
  return TEXT(texts, why);
}

const char *jdc_credential_why_text(jdc_credential_why why) {
  static const char *const texts[] = { "missing", "expiring", "refused" };
  return TEXT(texts, why);
}

const char *jdc_gave_up_text(jdc_gave_up why) {
  static const char *const texts[] = { "final",       "unsafe",    "attempts",    "timeout",  "max_wait",
                                       "retry_quota", "cancelled", "credentials", "internal", "limiter" };
  return TEXT(texts, why);
}
