/* call_step.c - the states of a call, one function each; jdc_call_next runs them until one has something for the
 * driver. */
#include <string.h>

#include "call_state.h"

static bool bounded(int64_t left_ms) { return left_ms < JDC_NO_BOUND / 2; }

/* No time is left. A request on the wire may still be executed: it keeps its slot, as any other that was sent. */
static void out_of_time(jdc_call *call) {
  if (call->state != JDC_ST_FLIGHT) {
    jdc_call_let_go(call, call->mark_ms, JDC_SETTLE_NOT_SENT);
    jdc_call_end_as_last(call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
    return;
  }
  jdc_call_let_go(call, call->mark_ms, JDC_SETTLE_DONE);
  jdc_call_done(call, JDC_KIND_TIMEOUT, JDC_GAVE_TIMEOUT);
  call->outcome.sent = true;
  call->outcome.answered = false;
  call->outcome.retryable = true;
}

static bool wait(jdc_step *step, int64_t ms, jdc_wait_why why) {
  step->kind = JDC_STEP_WAIT;
  step->wait_ms = ms;
  step->why = why;
  return true;
}

/* Each returns true if it filled in a step for the driver, false if the state has changed. */

static bool step_backoff(jdc_call *call, jdc_step *step) {
  if (call->mark_ms < call->due_ms) return wait(step, call->due_ms - call->mark_ms, call->why);
  call->state = JDC_ST_RESERVE;
  return false;
}

static bool step_reserve(jdc_call *call) {
  if (call->options.limiter == JDC_LIMITER_NONE) {
    call->state = JDC_ST_KEYS;
    return false;
  }
  /* A place in line was given for a moment before `latest`; to come a little late for it is not to be too late. */
  int64_t left = call->wait_left > 0 ? call->wait_left : 0;
  call->latest_ms = bounded(left) ? call->mark_ms + left : JDC_NEVER;
  if (call->options.limiter == JDC_LIMITER_DRIVER) {
    call->state = JDC_ST_RESERVING;
    return false;
  }
  jdc_grant grant;
  jdc_status status = jdc_limit_reserve(jdc_cloud_limit(call->cloud), call->keys, call->nkeys, call->mark_ms,
                                        call->latest_ms, call->ticket, &grant);
  if (status != JDC_OK)
    jdc_call_broken(call, status);
  else if (grant.granted)
    jdc_call_granted(call, grant.wait_ms, grant.ticket);
  else
    jdc_call_refused(call, call->mark_ms, grant.when_ms);
  return false;
}

static bool step_reserving(jdc_call *call, jdc_step *step) {
  step->kind = JDC_STEP_RESERVE;
  step->keys = call->keys;
  step->nkeys = call->nkeys;
  step->latest_ms = call->latest_ms;
  step->ticket = call->ticket;
  return true;
}

static bool step_queued(jdc_call *call, jdc_step *step) {
  if (call->mark_ms < call->due_ms) return wait(step, call->due_ms - call->mark_ms, JDC_WAIT_LIMIT);
  call->state = JDC_ST_RESERVE; /* with the ticket: a 429 of another call may have shut the window since */
  return false;
}

/* There are no keys to sign with; or none but those that the service refused, and then its 401 stands. */
static void keyless(jdc_call *call, bool rechecking) {
  jdc_call_let_go(call, call->mark_ms, JDC_SETTLE_NOT_SENT);
  if (rechecking) {
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL);
    return;
  }
  jdc_call_done(call, JDC_KIND_CONFIG, JDC_GAVE_CREDENTIALS);
  call->outcome.answered = false;
}

/* Another call asks the provider. What comes of it holds for this call too. */
static bool await_keys(jdc_call *call, jdc_step *step) {
  if (!call->awaiting) {
    call->failures = jdc_credential_failures(call->credential);
    jdc_call_note_wait(call, JDC_WAIT_CREDENTIALS);
  }
  call->awaiting = true;
  return wait(step, JDC_LEASE_POLL_MS, JDC_WAIT_CREDENTIALS);
}

/* Has the provider failed while this call waited for it? */
static bool awaited_in_vain(const jdc_call *call) {
  return call->awaiting && call->failures != jdc_credential_failures(call->credential);
}

static bool step_keys(jdc_call *call, jdc_step *step, jdc_time t) {
  bool rechecking = call->state == JDC_ST_RECHECK;
  switch (jdc_credential_check(call->credential, t, call->options.renewable, &call->need)) {
  case JDC_CREDENTIAL_READY:
    call->awaiting = false;
    if (rechecking)
      jdc_call_recheck(call);
    else
      jdc_call_keyed(call);
    return false;
  case JDC_CREDENTIAL_WAIT:
    if (!awaited_in_vain(call)) return await_keys(call, step);
    keyless(call, rechecking);
    return false;
  case JDC_CREDENTIAL_FETCH: break;
  }
  call->leased = call->options.renewable;
  if (!call->options.renewable || call->unprovided || awaited_in_vain(call)) {
    keyless(call, rechecking);
    return false;
  }
  call->rechecking = rechecking;
  call->state = JDC_ST_FETCHING;
  if (!call->awaiting) jdc_call_note_wait(call, JDC_WAIT_CREDENTIALS);
  return false;
}

static bool step_fetching(jdc_call *call, jdc_step *step) {
  step->kind = JDC_STEP_CREDENTIALS;
  step->need = call->need;
  return true;
}

/* A UUID, version 4, from 16 random bytes. */
static void make_nonce(char out[JDC_NONCE], const unsigned char random[16]) {
  unsigned char b[16];
  memcpy(b, random, sizeof(b));
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  char hex[32];
  jdc_hex(hex, b, sizeof(b));
  static const unsigned char groups[] = { 8, 4, 4, 4, 12 };
  const char *from = hex;
  for (size_t i = 0; i < sizeof(groups); i++) {
    if (i > 0) *out++ = '-';
    memcpy(out, from, groups[i]);
    from += groups[i];
    out += groups[i];
  }
}

/* Date, nonce and signature: new for every attempt, after all waiting (protocol.md 0.3 step 6). */
static bool step_send(jdc_call *call, jdc_step *step, jdc_time t, const unsigned char *random) {
  char date[JDC_DATE], nonce[JDC_NONCE];
  call->skew_ms = jdc_cloud_skew(call->cloud, jdc_sign_host(call->signer));
  int64_t wall_ms = t.wall_ms + call->skew_ms;
  jdc_date_format(wall_ms / 1000, date);
  make_nonce(nonce, random);
  jdc_status status = jdc_sign_stamp(call->signer, jdc_cloud_digest(call->cloud), call->credential, date,
                                     (jdc_str){ nonce, sizeof(nonce) });
  if (status != JDC_OK) {
    jdc_call_broken(call, status);
    return false;
  }
  call->generation = jdc_credential_generation(call->credential);
  call->tries++;
  call->lined = false;
  call->outcome.attempts++;
  jdc_cloud_stats(call->cloud)->attempts++;
  jdc_call_forget(call);
  call->outcome.answered = call->outcome.sent = false;
  call->state = JDC_ST_FLIGHT;
  step->kind = JDC_STEP_SEND;
  step->wait_ms = bounded(call->time_left) ? call->time_left : JDC_FOREVER_MS;
  return true;
}

void jdc_call_next(jdc_call *call, jdc_time t, const unsigned char random[JDC_RANDOM], jdc_step *step) {
  memset(step, 0, sizeof(*step));
  jdc_call_account(call, t.now_ms);
  if (call->state == JDC_ST_RESERVING && call->mark_ms > call->latest_ms)
    jdc_call_refused(call, call->mark_ms, JDC_NEVER);
  for (bool ready = false; !ready;) {
    uint64_t bits;
    /* Looked at in each state, so that what an answer after the deadline meant is known, but not acted upon. */
    if (call->state != JDC_ST_DONE && call->state != JDC_ST_DECIDE && call->time_left <= 0) out_of_time(call);
    switch (call->state) {
    case JDC_ST_DONE: step->kind = JDC_STEP_DONE; return;
    case JDC_ST_BACKOFF: ready = step_backoff(call, step); break;
    case JDC_ST_RESERVE: ready = step_reserve(call); break;
    case JDC_ST_RESERVING: ready = step_reserving(call, step); break;
    case JDC_ST_QUEUED: ready = step_queued(call, step); break;
    case JDC_ST_KEYS:
    case JDC_ST_RECHECK: ready = step_keys(call, step, t); break;
    case JDC_ST_FETCHING: ready = step_fetching(call, step); break;
    case JDC_ST_SEND: ready = step_send(call, step, t, random); break;
    case JDC_ST_FLIGHT: /* polled while the request is on the wire */
      ready = wait(step, bounded(call->time_left) ? call->time_left : JDC_BACKOFF_MAX_MS, JDC_WAIT_ANSWER);
      break;
    case JDC_ST_DECIDE:
      memcpy(&bits, random + 16, sizeof(bits));
      jdc_call_repeat(call, bits);
      break;
    }
  }
}
