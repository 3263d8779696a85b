/* call_repeat.c - an attempt has failed: is it repeated, and after what (design.md, The attempt machine;
 * protocol.md 5.4)? */
#include "call_state.h"

static void back_off(jdc_call *call, int64_t delay_ms, jdc_wait_why why) {
  call->state = JDC_ST_BACKOFF;
  call->due_ms = call->mark_ms + delay_ms;
  call->why = why;
  if (delay_ms > 0) jdc_call_note_wait(call, why);
}

/* A limiter shuts its window, and lets them go one by one as it opens again: a jitter on the hint would mix up their
 * order, and a long delay would keep those waiting who stand in line behind. */
#define SPREAD 4 /* doublings: up to 0.8 s */

static void repeat_throttled(jdc_call *call, uint64_t random) {
  call->tries--;
  unsigned repeats = call->throttles++;
  bool limited = call->options.limiter != JDC_LIMITER_NONE;
  if (limited && repeats > SPREAD) repeats = SPREAD;
  int64_t delay = jdc_retry_delay(repeats, random, call->verdict.retry_after_ms, limited ? 0 : call->wait_left);
  if (delay <= call->wait_left) {
    back_off(call, delay, JDC_WAIT_THROTTLED);
    return;
  }
  jdc_call_let_go(call, call->mark_ms, JDC_SETTLE_NOT_SENT); /* its place in line */
  jdc_call_done(call, call->verdict.kind, JDC_GAVE_MAX_WAIT);
  if (call->outcome.retry_after_ms < 0) call->outcome.retry_after_ms = delay;
}

static void repeat_busy(jdc_call *call, uint64_t random) {
  if (call->options.busy_timeout_ms == 0) {
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL);
    return;
  }
  call->tries--;
  int64_t hint = jdc_retry_delay(0, 0, call->verdict.retry_after_ms, 0);
  if (call->busy_left <= 0 || hint > call->busy_left) {
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_TIMEOUT);
    return;
  }
  int64_t delay = jdc_retry_delay(call->busies++, random, call->verdict.retry_after_ms, call->busy_left);
  back_off(call, delay < call->busy_left ? delay : call->busy_left, JDC_WAIT_BUSY);
}

/* A 401 is repeated once, and only if there is a reason to expect another answer. */
static void repeat_changed(jdc_call *call) {
  int64_t learnt = jdc_cloud_skew(call->cloud, jdc_sign_host(call->signer)) - call->skew_ms;
  bool used_up = call->changed || call->tries >= call->options.attempts;
  call->changed = true;
  if (!used_up && (learnt > JDC_SKEW_MIN_MS || learnt < -JDC_SKEW_MIN_MS)) {
    call->state = JDC_ST_RESERVE;
  } else if (!used_up && call->options.renewable) {
    jdc_credential_refuse(call->credential, call->generation);
    call->state = JDC_ST_RECHECK;
  } else {
    jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL);
  }
}

static void repeat_attempt(jdc_call *call, uint64_t random) {
  const jdc_verdict *v = &call->verdict;
  if (call->tries >= call->options.attempts) {
    jdc_call_done(call, v->kind, JDC_GAVE_ATTEMPTS);
    return;
  }
  int64_t delay = jdc_retry_delay((unsigned)call->tries - 1, random, v->retry_after_ms, call->time_left);
  int64_t hint = jdc_retry_delay(0, 0, v->retry_after_ms, 0);
  /* A hint that takes most of the time leaves too little to be spread over: all would be back at one moment. */
  if (delay >= call->time_left || hint > call->time_left / JDC_HINT_PARTS * (JDC_HINT_PARTS - 1)) {
    jdc_call_done(call, v->kind, JDC_GAVE_TIMEOUT);
    return;
  }
  call->drawn = 0;
  if (v->transient) {
    if (!jdc_quota_draw(jdc_cloud_quota(call->cloud), jdc_call_service(call))) {
      jdc_call_done(call, v->kind, JDC_GAVE_QUOTA);
      return;
    }
    call->drawn = JDC_QUOTA_COST;
  }
  back_off(call, delay, JDC_WAIT_BACKOFF);
}

void jdc_call_repeat(jdc_call *call, uint64_t random) {
  const jdc_call_options *o = &call->options;
  bool repeatable = o->repeatable || o->client_token || o->idempotent;
  switch (call->verdict.repeat) {
  case JDC_REPEAT_NEVER: jdc_call_done(call, call->verdict.kind, JDC_GAVE_FINAL); return;
  case JDC_REPEAT_THROTTLED: repeat_throttled(call, random); return;
  case JDC_REPEAT_BUSY: repeat_busy(call, random); return;
  case JDC_REPEAT_CHANGED: repeat_changed(call); return;
  case JDC_REPEAT_UNEXECUTED: repeat_attempt(call, random); return;
  case JDC_REPEAT_IDEMPOTENT:
    if (repeatable)
      repeat_attempt(call, random);
    else
      jdc_call_done(call, call->verdict.kind, JDC_GAVE_UNSAFE);
    return;
  }
}
