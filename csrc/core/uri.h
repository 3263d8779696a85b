/* uri.h - percent-encoding and the canonical forms of path, query and host (protocol.md 0.3, 1.4, 1.5, 1.8).
 * What comes in is decoded once, normalised and encoded once; the result is both what is signed and what is sent. */
#ifndef JDC_URI_H
#define JDC_URI_H

#include "buf.h"

JDC_BEGIN

/* Most name=value pairs that one query may have: an array of 8,192-byte URLs (protocol.md 2) can't hold more. */
#define JDC_QUERY_PAIRS_MAX 4096

/* Where a pair stands in the text that jdc_uri_query has encoded. Scratch, kept by the caller between uses. */
typedef struct jdc_pair {
  size_t name, name_len, value, value_len;
} jdc_pair;

typedef struct jdc_query_scratch {
  jdc_buf text; /* encoded names and values, unsorted */
  jdc_pair *pairs;
  size_t cap;
  jdc_alloc alloc;
} jdc_query_scratch;

void jdc_query_scratch_init(jdc_query_scratch *s, jdc_alloc alloc, size_t max);
void jdc_query_scratch_free(jdc_query_scratch *s);

/* Appends s with every byte but A-Z a-z 0-9 - _ . ~ as %XX (one path segment, or a query name or value). */
void jdc_uri_encode(jdc_buf *out, jdc_str s);

/* Appends the canonical form of a URL path (protocol.md 1.4, the V3 rule, steps 2 to 7). */
void jdc_uri_path(jdc_buf *out, jdc_str path);

/* Appends the canonical form of a raw query without its `?` (protocol.md 1.5, steps 1 to 7; `k` becomes `k=`).
 * JDC_TOO_BIG for more than JDC_QUERY_PAIRS_MAX pairs. Failures of `out` itself stay in out->status. */
JDC_MUST_USE jdc_status jdc_uri_query(jdc_buf *out, jdc_query_scratch *scratch, jdc_str query);

/* Appends `host` or `host:port` in lower case, without the port if it is the scheme's own: https unless `plain`, which
 * is http (protocol.md 1.8). An IPv6 address stands in brackets. False, and nothing appended, for what is no host. */
JDC_MUST_USE bool jdc_uri_host(jdc_buf *out, jdc_str host, bool plain);

JDC_END
#endif
