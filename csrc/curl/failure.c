/* failure.c - the one table of what libcurl's errors mean (design.md, "A transport").
 *
 * `sent` never comes from an error code. libcurl calls our PREREQFUNCTION before the first byte of a request leaves on
 * any connection: no call, surely not sent; a call, perhaps executed. */
#include "failure.h"

#include <stdio.h>
#include <string.h>

typedef struct meaning {
  CURLcode code;
  const char *kind;
  const char *phase; /* NULL: as far as the transfer came */
  bool quote;        /* libcurl's text for it names hosts, files and sizes */
} meaning;

/* A certificate that fails to verify is "config": the same call a little later has no better chance, and trying again
 * in the face of an impostor helps only him. Whatever is not listed is "network". */
static const meaning MEANINGS[] = {
  { CURLE_COULDNT_RESOLVE_HOST, "network", "resolve", true },
  { CURLE_COULDNT_RESOLVE_PROXY, "network", "resolve", false },
  { CURLE_COULDNT_CONNECT, "network", "connect", true },
  { CURLE_PROXY, "network", "connect", false },
  { CURLE_SSL_CONNECT_ERROR, "network", "tls", true },
  { CURLE_PEER_FAILED_VERIFICATION, "config", "tls", true },
  { CURLE_SSL_CERTPROBLEM, "config", "tls", true },
  { CURLE_SSL_CACERT_BADFILE, "config", "tls", true },
  { CURLE_SSL_CIPHER, "config", "tls", false },
  { CURLE_SSL_ENGINE_NOTFOUND, "config", "tls", false },
  { CURLE_SSL_ENGINE_SETFAILED, "config", "tls", false },
  { CURLE_USE_SSL_FAILED, "config", "tls", false },
  { CURLE_URL_MALFORMAT, "config", NULL, false },
  { CURLE_LOGIN_DENIED, "config", NULL, false },
  { CURLE_NOT_BUILT_IN, "config", NULL, false },
  { CURLE_UNKNOWN_OPTION, "config", NULL, false },
  { CURLE_BAD_FUNCTION_ARGUMENT, "config", NULL, false },
  { CURLE_OPERATION_TIMEDOUT, "timeout", NULL, false },
  { CURLE_UNSUPPORTED_PROTOCOL, "protocol", NULL, false }, /* an answer without a status line */
  { CURLE_WEIRD_SERVER_REPLY, "protocol", NULL, false },
  { CURLE_BAD_CONTENT_ENCODING, "protocol", NULL, false },
  { CURLE_HTTP2, "protocol", NULL, false },
  { CURLE_HTTP2_STREAM, "protocol", NULL, false },
  { CURLE_PARTIAL_FILE, "protocol", NULL, true },
  { CURLE_GOT_NOTHING, "network", NULL, true },
  { CURLE_SEND_ERROR, "network", NULL, true },
  { CURLE_RECV_ERROR, "network", NULL, true },
};

static const meaning OTHERWISE = { CURLE_OK, "network", NULL, false };

static const meaning *find(CURLcode code) {
  for (size_t i = 0; i < sizeof(MEANINGS) / sizeof(MEANINGS[0]); i++) {
    if (MEANINGS[i].code == code) return &MEANINGS[i];
  }
  return &OTHERWISE;
}

const char *jdc_failure_phase(const jdc_transfer *t) {
  /* Before libcurl repeats, it sets its counters back; it does so only when it found no answer. */
  if (t->easy == NULL || t->replayed) return "receive";
  if (t->requests == 0) return t->phase;
  long header_bytes = 0;
  curl_off_t body_bytes = 0;
  (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &header_bytes);
  (void)curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &body_bytes);
  const bool whole = header_bytes > 0 && (size_t)body_bytes >= t->body_len;
  return whole || t->head.len > 0 ? "receive" : "send";
}

/* What this engine itself stopped, or what needs other words than libcurl's. NULL for all else. */
static const char *own_words(const jdc_transfer *t, CURLcode code, bool cut) {
  if (t->replayed)
    return "the server closed the kept connection before it answered; the request may have reached it, so it is "
           "not sent again";
  if (t->head.status == JDC_NOMEM || t->body.status == JDC_NOMEM) return "not enough memory for the answer";
  if (cut) return "the connection ended before the answer was complete";
  if (t->head.len > 0 && code == CURLE_BAD_FUNCTION_ARGUMENT) return "what follows the answer's chunks is not HTTP";
  if (code == CURLE_OPERATION_TIMEDOUT) return "no connection within connect_timeout";
  if (code == CURLE_LOGIN_DENIED) return "a URL must not carry a user name";
  if (code == CURLE_UNSUPPORTED_PROTOCOL) return "what came back is not HTTP";
  if (code == CURLE_HTTP2_STREAM || code == CURLE_HTTP2) return "the server broke off the HTTP/2 stream";
  return NULL;
}

/* libcurl has a limit of its own for one line, 100 KB, and says of a longer one that memory ran out; since 8.6, that it
 * is too large. */
static bool is_line_too_long(const jdc_transfer *t, CURLcode code) {
  const int too_large = 100; /* CURLE_TOO_LARGE */
  return t->head_open && (code == CURLE_OUT_OF_MEMORY || (int)code == too_large);
}

void jdc_failure_explain(jdc_transfer *t, CURLcode code) {
  jdc_failed *f = &t->failed;
  if (is_line_too_long(t, code)) {
    *f = (jdc_failed){ .kind = "protocol", .phase = "receive", .sent = true, .final = true };
    (void)snprintf(f->message, sizeof f->message, "a line of the answer's headers is longer than libcurl takes");
    return;
  }
  if (t->too_large) {
    *f = (jdc_failed){ .kind = "protocol", .phase = "receive", .sent = true, .final = true };
    if (t->body.status == JDC_TOO_BIG)
      (void)snprintf(f->message, sizeof f->message, "the answer is larger than max_size (%zu bytes)", t->body.max);
    else
      (void)snprintf(f->message, sizeof f->message, "the answer's headers are larger than %zu bytes", t->head.max);
    return;
  }
  /* Over TLS, an answer that is cut short comes as an error of receiving, not as PARTIAL_FILE. */
  const bool cut = t->head.len > 0 && (code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE);
  const bool broken = t->head.len > 0 && code == CURLE_BAD_FUNCTION_ARGUMENT; /* of libcurl's own: a trailer */
  const meaning *m = find(code);
  *f = (jdc_failed){ .kind = cut || broken ? "protocol" : m->kind, .phase = m->phase, .sent = t->requests > 0 };
  if (t->requests > 0 || f->phase == NULL) f->phase = jdc_failure_phase(t);
  if (t->replayed) f->kind = "network";
  const char *text = own_words(t, code, cut);
  /* With an @, it may be the URL of a proxy with its password. */
  const bool quotable = m->quote && t->error[0] != '\0' && strchr(t->error, '@') == NULL;
  if (text == NULL) text = quotable ? t->error : curl_easy_strerror(code);
  (void)snprintf(f->message, sizeof f->message, "%s", text);
}
