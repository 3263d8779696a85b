/* sim.h - clients with a limiter against a server that allows so many calls a minute, on virtual time.
 *
 * Every client has a stream of calls that come at an even rate (each somewhere in its interval), at most 64 of them
 * under way at once, the others queue, 2,000 at most. A call takes a log-normal time with a median of 40 ms and a p99
 * of 300 ms; the server counts it half-way. A throttled call is repeated after a back-off with full jitter (base 50 ms,
 * up to 20 s; ours up to 0.8 s, its limiter does the rest) until it comes through. Ten minutes to converge, then an
 * hour is measured. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum sim_server { SIM_CALENDAR, SIM_SLIDING, SIM_BUCKET, SIM_SERVERS } sim_server;

typedef enum sim_news {
  SIM_TOLD,      /* each client is told its part of 1,000 calls, in whole calls, and has as large a part of the work */
  SIM_ANNOUNCED, /* 600 calls, by headers with every answer; the clients begin with the contract's 1,000 */
  SIM_UNKNOWN,   /* 600 calls; the clients begin with 1,000 */
  SIM_CHANGING,  /* another allowance every ten minutes: 1000 600 900 500 1000 700; nothing is told */
  SIM_NEWS
} sim_news;

typedef enum sim_policy { SIM_OURS, SIM_NONE, SIM_AIMD, SIM_CUBIC, SIM_POLICIES } sim_policy;

typedef struct sim_cell {
  sim_server server;
  sim_news news;
  int clients;
  double load; /* calls that come, as a multiple of those allowed */
  sim_policy policy;
  uint64_t seed;
} sim_cell;

typedef struct sim_result {
  double goodput; /* calls that came through / those that could have: the lesser of those that came and those allowed */
  double throttled; /* throttled answers / answers */
  double start;     /* the same of the ten minutes before */
  double fairness;  /* Jain's index of what the clients got, as parts of what they were told */
} sim_result;

sim_result sim_run(const sim_cell *cell);

#endif
