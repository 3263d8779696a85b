/* lane.h - the line of transfers for one host. libcurl keeps those that find no free connection in a list of its own,
 * and looks for a connection for each of them again and again, which costs as much as a request. So where a connection
 * carries one request at a time, no more transfers than it may have connections are given to libcurl; the others wait
 * in their lane, each for the one that ends.
 *
 * What libcurl bounds itself, connections in total above all, stays its own affair. A host for which there is no lane
 * left, or whose name is too long, just isn't helped. */
#ifndef JDC_CURL_LANE_H
#define JDC_CURL_LANE_H

#include "transfer.h"

JDC_BEGIN

#define JDC_LANES        32
#define JDC_LANE_KEY_MAX 128 /* bytes of https://host:port */

typedef struct jdc_lane {
  char key[JDC_LANE_KEY_MAX]; /* the URL's scheme, host and port */
  size_t key_len;             /* 0: never used */
  bool single;                /* one request at a time on a connection, as far as is known */
  long active;                /* transfers that libcurl has */
  jdc_transfer *first, *last; /* those that wait */
} jdc_lane;

/* All lanes of an engine. */
typedef struct jdc_lanes {
  jdc_lane lane[JDC_LANES];
  size_t next; /* where to look first for a lane that nobody uses any more */
  bool single; /* no connection will ever carry more than one request at a time */
  long width;  /* connections that a host may have */
} jdc_lanes;

void jdc_lanes_init(jdc_lanes *lanes, bool single, long width);

/* Gives a transfer to `url` its lane. Returns true if it has to wait there; else it counts as active. */
bool jdc_lane_enter(jdc_lanes *lanes, jdc_transfer *t, const char *url);

/* Takes a transfer out of its lane, if it is in one, whether it waits there or is active. */
void jdc_lane_leave(jdc_transfer *t);

/* The transfer in `lane`, which may be NULL, whose turn it is: it no longer waits and counts as active. NULL if it is
 * nobody's. */
JDC_MUST_USE jdc_transfer *jdc_lane_next(const jdc_lanes *lanes, jdc_lane *lane);

/* Notes by what the transfer's host has answered it. */
void jdc_lane_learn(const jdc_lanes *lanes, const jdc_transfer *t);

JDC_END
#endif
