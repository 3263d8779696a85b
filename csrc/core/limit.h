/* limit.h - how many calls may go in which time: reserve before sending, settle after the answer (design.md, Limits).
 * An exact sliding window for every key: at most N calls in any T, where a call counts from its sending until T after
 * its answer, since nobody but the service knows when in between it was counted. Shared limiters outside have the same
 * two functions. */
#ifndef JDC_LIMIT_H
#define JDC_LIMIT_H

#include "jdc.h"

JDC_BEGIN

#define JDC_LIMIT_KEYS              1024 /* windows remembered; the one idle longest is forgotten first */
#define JDC_LIMIT_KEY_MAX           192  /* bytes of a key */
#define JDC_LIMIT_CALL_KEYS         4    /* windows that one call may have to pass: access key and service, operation */
#define JDC_LIMIT_TICKETS           65536     /* calls waiting or on the wire; who comes then is refused */
#define JDC_LIMIT_RULES             256       /* allowances set */
#define JDC_LIMIT_CALLS_MAX         (1 << 20) /* remembered of one key, 8 bytes each; more are cut in pieces */
#define JDC_LIMIT_WINDOW_MAX_MS     (INT64_C(31) * 24 * 60 * 60 * 1000)
#define JDC_LIMIT_SPARE_MS          INT64_C(60000) /* calls are taken to end within this time */
#define JDC_LIMIT_DEFAULT_CALLS     1000           /* protocol.md 6 */
#define JDC_LIMIT_DEFAULT_WINDOW_MS (60 * 1000)
#define JDC_NEVER                   INT64_MAX

typedef struct jdc_limit jdc_limit;

/* 0 is no ticket. A ticket holds a place in line or a slot; it expires by time. */
typedef uint64_t jdc_ticket;

typedef struct jdc_grant {
  bool granted; /* a place is held: wait wait_ms, then ask again with the ticket (0: go now) */
  int64_t wait_ms;
  jdc_ticket ticket;
  int64_t when_ms; /* not granted: the moment (monotonic) before which it can't go; JDC_NEVER if that is unknown */
} jdc_grant;

typedef enum jdc_settle { JDC_SETTLE_DONE, JDC_SETTLE_NOT_SENT, JDC_SETTLE_THROTTLED } jdc_settle;

/* Whose window a throttled call found full, by the gateway's message (protocol.md 5.2). */
typedef enum jdc_role { JDC_ROLE_UNKNOWN, JDC_ROLE_AK, JDC_ROLE_API } jdc_role;

typedef struct jdc_settlement {
  jdc_settle outcome;
  int64_t retry_after_ms; /* of a throttled call: how long the window stays shut, -1 if the server didn't say */
  jdc_role role;          /* of a throttled call: the first key's window, the last one's, or all */
  bool again;             /* of a throttled call: it will ask again with its ticket, which keeps its place in line */
  int64_t limit;          /* calls a minute that the service allows the first key, by its header; 0: not told */
  int64_t left;           /* of which it has so many left in its minute, for all clients; told with limit */
  int64_t date_ms;        /* the service's clock when it answered (its Date), 0: unknown */
} jdc_settlement;

/* What a window believes, for those who watch. */
typedef struct jdc_belief_view {
  int64_t calls, span_ms; /* allowed now; calls 0: no limit */
  int64_t told;           /* calls that it would allow had nobody been throttled: set, or announced */
  int64_t held, waiting;  /* slots taken, callers in line */
  int64_t shut_ms;        /* how long it stays shut, 0: open */
} jdc_belief_view;

JDC_MUST_USE jdc_status jdc_limit_new(jdc_alloc alloc, int64_t calls, int64_t window_ms, jdc_limit **out);
void jdc_limit_free(jdc_limit *l);

/* Sets the allowance of every key that ends in this suffix (`/vm`), or of all others for an empty suffix; the longest
 * suffix counts. calls 0: no limit. More than JDC_LIMIT_CALLS_MAX are kept to in equal parts of the window, one
 * millisecond at least. JDC_INVALID for negative numbers, for an empty window, one above JDC_LIMIT_WINDOW_MAX_MS or a
 * suffix that is longer than a key; JDC_TOO_BIG above JDC_LIMIT_RULES. */
JDC_MUST_USE jdc_status jdc_limit_set(jdc_limit *l, jdc_str suffix, int64_t calls, int64_t window_ms);

/* All keys or none; nothing is taken past latest_ms, and a ticket that would have to wait longer is given back. A call
 * goes at once if there are more free slots than callers before it. Otherwise it stands in line where it has to wait
 * longest, in the order of the tickets, and its slot is kept for it when it comes late, but not while it has more than
 * a span longer to wait for another of its windows. What it is told to wait is the least: calls on the wire may take
 * longer, a throttled call may shut the window. So it asks again with its ticket, which keeps its place, whatever keys
 * come with it; one that has expired goes to the end of the line. JDC_INVALID for too many or too long keys, JDC_NOMEM
 * with nothing taken. */
JDC_MUST_USE jdc_status jdc_limit_reserve(jdc_limit *l, const jdc_str *keys, size_t nkeys, int64_t now_ms,
                                          int64_t latest_ms, jdc_ticket ticket, jdc_grant *out);

/* What became of a ticket: not sent gives its slot back, throttled too, and shuts its windows for the server's hint (up
 * to JDC_RETRY_AFTER_MAX_MS), until the server's minute turns, or for a second if its clock is unknown. Windows learn
 * from it (limit_learn.h). now_ms must not be before the answer, or its slot is free too early. An unknown or expired
 * ticket is ignored; tickets expire their longest window and JDC_LIMIT_SPARE_MS after the moment at which they go. */
void jdc_limit_settle(jdc_limit *l, jdc_ticket ticket, int64_t now_ms, const jdc_settlement *s);

/* The key of the i-th window that there is; false from their number on. *key is the limiter's own, until it is asked
 * for anything else. */
bool jdc_limit_at(const jdc_limit *l, size_t i, jdc_str *key);

/* What the window of a key believes; false if there is none. */
bool jdc_limit_believes(jdc_limit *l, jdc_str key, int64_t now_ms, jdc_belief_view *out);

JDC_END
#endif
