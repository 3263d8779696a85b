/* failure.h - libcurl's error code and how far a transfer came -> kind, phase, sent, message. */
#ifndef JDC_CURL_FAILURE_H
#define JDC_CURL_FAILURE_H

#include "transfer.h"

JDC_BEGIN

/* Where the transfer is: the furthest of "resolve", "connect", "tls", "send", "receive" that it has begun. */
const char *jdc_failure_phase(const jdc_transfer *t);

/* Says in t->failed what libcurl's `code`, any but CURLE_OK, means. */
void jdc_failure_explain(jdc_transfer *t, CURLcode code);

JDC_END
#endif
