/* storm.h - a crowd of clients and a service in trouble, on virtual time: what the rules of csrc/core/call.h, retry.h
 * and limit.h bring when all fail at once. The calls are the core's own; the simulation drives them as a host would.
 *
 * A client makes a call every so often, at a moment of its own within the interval, one at a time; one that comes due
 * meanwhile is made when the one before has ended. All options are the defaults (3 attempts, 30 s, no bound for
 * queues), the calls repeatable. A call takes a log-normal time with a median of 40 ms and a p99 of 300 ms; the server
 * sees it half-way. */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum storm_trouble {
  STORM_REFUSED,     /* nobody takes connections */
  STORM_UNAVAILABLE, /* 503 */
  STORM_SILENT,      /* no answer, ever */
  STORM_TOLD,        /* 503, Retry-After: 10 */
  STORM_ENDING,      /* 503, Retry-After: until the very moment at which it ends */
  STORM_HALF,        /* 503 to every other call, by chance */
  STORM_PART,        /* 503 to the calls of every tenth client, whose operation is broken */
  STORM_LIMITED,     /* 429 to what is over the allowance of the server's minute */
  STORM_QUOTA,       /* 429 QUOTA_EXCEEDED */
  STORM_TROUBLES
} storm_trouble;

typedef struct storm_cell {
  int clients;
  bool shared;      /* all are tasks of one cloud; else each is a process of its own */
  bool limiter;     /* the limiter in the process; else none */
  bool in_step;     /* all draw the same numbers: a policy without jitter */
  bool undated;     /* answers carry no Date */
  int64_t every_ms; /* from call to call; 0: each makes one call, all at once */
  storm_trouble trouble;
  int64_t from_ms, until_ms, end_ms; /* the trouble, and the end of the simulation */
  int64_t allowed;                   /* LIMITED: calls in a minute */
  int64_t told;                      /* calls in a minute that the limiter is told; 0: the contract's 1,000 */
  uint64_t seed;
} storm_cell;

#define STORM_SLOT_MS 100

typedef struct storm_result {
  /* of the calls that began during the trouble (STORM_PART: of the broken operation), and that have ended */
  int64_t calls, failed, sent;
  int64_t unrepeated;            /* not repeated (again), since the retry quota forbade it */
  int64_t others, others_failed; /* of STORM_PART: the calls of the other operations meanwhile */
  int64_t failed_after;          /* calls that began after the trouble and failed */
  int64_t ended;                 /* calls that ended, of all */
  int quota;                     /* what the first cloud's retry quota has in the end */

  /* of the calls that the server sees in a slot: the mean before the trouble, and the most during and after it */
  double before;
  int64_t most_during, most_after;
  int64_t first_second; /* seen in the first second after it */

  /* from the end of the trouble, in ms; -1: not to the end of the simulation */
  int64_t all_through; /* until every client has had a success */
  int64_t recovered;   /* until at least 99 % of the calls come through for good, in any five intervals */

  /* throttling */
  int64_t throttled, answers;
  int64_t most_at_first; /* seen in the server's first minute */
  int64_t most_later;    /* and in any later one */
  int64_t overtaken;     /* sendings, after the first 429, while a call that had come before stood waiting */
  int64_t overtaken_ms;  /* and how much later that one went, at most */
  int64_t last_ms;       /* when the last call ended */

  /* by slots, from the beginning; storm_free gives them back */
  int64_t slots, *seen, *succeeded;
} storm_result;

storm_result storm_run(const storm_cell *cell);
void storm_free(storm_result *r);

#endif
