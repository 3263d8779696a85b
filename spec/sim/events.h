/* events.h - what the simulations share: chance, latency, memory that must be there, and events in the order of their
 * time, in a heap. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/jdc.h"

typedef struct sim_event {
  int64_t at;
  uint64_t turn; /* of two at the same time the one that was planned first */
  int kind, client, task;
} sim_event;

typedef struct sim_events {
  uint64_t random, turn; /* random: the seed, at first */
  sim_event *heap;
  size_t count, cap;
} sim_events;

/* splitmix64 */
static inline uint64_t sim_random(sim_events *e) {
  uint64_t z = (e->random += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline double sim_uniform(sim_events *e) { return (double)(sim_random(e) >> 11) / 9007199254740992.0; }

/* e^x for |x| below 10, to six digits */
static inline double sim_exp(double x) {
  double y = 1 + x / 1048576;
  for (int i = 0; i < 20; i++) y *= y;
  return y;
}

/* Log-normal: the sum of twelve uniforms is normal enough; 0.87 = ln(300 / 40) / 2.326. */
static inline int64_t sim_latency(sim_events *e) {
  double normal = -6;
  for (int i = 0; i < 12; i++) normal += sim_uniform(e);
  int64_t ms = (int64_t)(40 * sim_exp(0.87 * normal));
  return ms < 2 ? 2 : ms;
}

static inline void sim_must(bool ok) {
  if (ok) return;
  fprintf(stderr, "sim: out of memory\n");
  abort();
}

static inline void *sim_realloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud, (void)osize;
  if (nsize > 0) return realloc(ptr, nsize);
  free(ptr);
  return NULL;
}

static inline bool sim_sooner(const sim_event *a, const sim_event *b) {
  return a->at < b->at || (a->at == b->at && a->turn < b->turn);
}

static inline void sim_plan(sim_events *s, int64_t at, int kind, int client, int task) {
  if (s->count == s->cap) {
    s->cap = s->cap == 0 ? 1024 : s->cap * 2;
    s->heap = realloc(s->heap, s->cap * sizeof(*s->heap));
    sim_must(s->heap != NULL);
  }
  sim_event e = { at, s->turn++, kind, client, task };
  size_t i = s->count++;
  for (; i > 0 && sim_sooner(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
  s->heap[i] = e;
}

/* The next; there must be one. */
static inline sim_event sim_take(sim_events *s) {
  sim_event top = s->heap[0], last = s->heap[--s->count];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < s->count; i = child) {
    if (child + 1 < s->count && sim_sooner(&s->heap[child + 1], &s->heap[child])) child++;
    if (!sim_sooner(&s->heap[child], &last)) break;
    s->heap[i] = s->heap[child];
  }
  s->heap[i] = last;
  return top;
}

#endif
