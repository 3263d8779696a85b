/* call_state.h - the inside of an attempt machine, shared by the three files that make it up: call.c (begin and what
 * the driver brings), call_step.c (the states) and call_repeat.c (what follows an attempt). */
#ifndef JDC_CALL_STATE_H
#define JDC_CALL_STATE_H

#include "call.h"

JDC_BEGIN

#define JDC_NO_BOUND (INT64_MAX / 4) /* a budget without a bound; far from where additions overflow */

typedef enum jdc_state {
  JDC_ST_DONE,
  JDC_ST_BACKOFF,   /* until due_ms; why says for what, and so on whose account */
  JDC_ST_RESERVE,   /* to ask the limiter, first or again */
  JDC_ST_RESERVING, /* the driver is asking its limiter */
  JDC_ST_QUEUED,    /* the ticket's slot opens at due_ms */
  JDC_ST_KEYS,      /* to look whether there are keys to sign with */
  JDC_ST_RECHECK,   /* after a 401: has the provider other keys? */
  JDC_ST_FETCHING,  /* the driver is asking the provider */
  JDC_ST_SEND,      /* everything is there to sign and send */
  JDC_ST_FLIGHT,    /* on the wire */
  JDC_ST_DECIDE     /* an attempt ended; what now? */
} jdc_state;

struct jdc_call {
  jdc_alloc alloc;
  jdc_cloud *cloud;
  jdc_signer *signer;
  jdc_credential *credential;
  jdc_call_options options;
  jdc_state state;

  /* budgets: what is left of each, in ms, counted down by account() */
  int64_t mark_ms, time_left, wait_left, busy_left;
  int64_t due_ms;
  jdc_wait_why why;

  /* limits */
  char key_text[JDC_LIMIT_CALL_KEYS / 2 * JDC_LIMIT_KEY_MAX];
  jdc_str keys[2];
  size_t nkeys;
  jdc_ticket ticket; /* held: in line or on the wire; 0: none */
  jdc_ticket settle; /* of a limiter of the driver's, still to be settled; 0: none */
  jdc_settlement settlement;
  int64_t latest_ms;
  bool lined; /* it has waited in line since its last attempt: to look again is no other wait */

  /* keys */
  bool leased;     /* this call is the one that asks the provider */
  bool rechecking; /* where JDC_ST_FETCHING returns to */
  bool unprovided; /* the provider failed in this call: it is not asked again */
  bool nameless;   /* there is no access key yet, whose windows could be asked for: keys come first */
  bool awaiting;   /* another call asks it, and it had failed so often when this one began to wait: */
  uint64_t failures;
  jdc_credential_why need;
  uint64_t generation; /* of the keys that signed the attempt */

  /* attempts */
  char service[JDC_SERVICE_MAX];
  size_t service_len;
  int tries; /* that count against options.attempts */
  unsigned throttles, busies;
  int drawn;       /* from the retry quota for the attempt under way */
  bool changed;    /* the one repetition after a 401 is used up */
  int64_t skew_ms; /* with which the attempt was dated */
  jdc_verdict verdict;
  jdc_phase phase;
  jdc_outcome outcome;
};

_Static_assert(JDC_STATS_WAITS == JDC_WAIT_ANSWER, "stats have a place for every wait but that for the answer");

/* A wait begins, or goes on for so long: for stats. */
static inline void jdc_call_note_wait(jdc_call *call, jdc_wait_why why) { jdc_cloud_stats(call->cloud)->waits[why]++; }
static inline void jdc_call_note_waited(jdc_call *call, jdc_wait_why why, int64_t ms) {
  jdc_cloud_stats(call->cloud)->waited_ms[why] += ms;
}

/* call.c */
static inline jdc_str jdc_call_service(const jdc_call *call) { return (jdc_str){ call->service, call->service_len }; }
/* Books the time since the last look on the budget that the state draws on. */
void jdc_call_account(jdc_call *call, int64_t now_ms);
/* There are keys: on to the signature or, if the windows had no name without them, to the windows. */
void jdc_call_keyed(jdc_call *call);
/* Gives back what the call holds outside itself: its lease and its ticket, as not sent or as `outcome` says. */
void jdc_call_let_go(jdc_call *call, int64_t now_ms, jdc_settle outcome);
/* The end. */
void jdc_call_done(jdc_call *call, jdc_kind kind, jdc_gave_up why);
/* The end, as the last attempt had it or, if there was none, as `kind`. */
void jdc_call_end_as_last(jdc_call *call, jdc_kind kind, jdc_gave_up why);
/* The end for want of memory or by libcrypto. */
void jdc_call_broken(jdc_call *call, jdc_status status);
/* Forgets what the attempt before meant: this one has no meaning yet. */
void jdc_call_forget(jdc_call *call);
/* The limiter's place in line, or its refusal. */
void jdc_call_granted(jdc_call *call, int64_t wait_ms, jdc_ticket ticket);
void jdc_call_refused(jdc_call *call, int64_t now_ms, int64_t when_ms);
/* A 401 stands if the provider's keys are still those that were refused. */
void jdc_call_recheck(jdc_call *call);

/* call_repeat.c: leaves JDC_ST_DECIDE for JDC_ST_DONE, a wait, or the next attempt. random: 64 fresh bits. */
void jdc_call_repeat(jdc_call *call, uint64_t random);

JDC_END
#endif
