/* transfer.c - fills an easy handle with a request and catches what comes back. */
#define _POSIX_C_SOURCE 200809L
#include "transfer.h"

#include "failure.h"
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define MAX_REQUEST_HEADERS ((size_t)256 * 1024)
#define MAX_ANSWER_HEADERS  ((size_t)256 * 1024)
#define MAX_HEADER_NODES    ((size_t)1024 * sizeof(struct curl_slist))
#define KEPT_BYTES          ((size_t)64 * 1024) /* what a transfer in the pool may hold on to, in each buffer */

#define UPLOAD_LOOKS                                                                                                   \
  8 /* how often at least an upload is looked at in idle_timeout, so that its end is not told too late */

/* libcurl adds these headers of its own accord unless they are given; without a value they are not sent at all. They go
 * behind the caller's, since the first of a name counts. */
static const char SILENCED[] = "Accept:\0Expect:\0Content-Type:";
#define SILENCED_COUNT 3

const char jdc_curl_nomem[] = "not enough memory";

/* Called before the first byte of the request on every connection that libcurl tries: the second call within one
 * transfer would be a silent repetition, with the same nonce, of what may have been executed. */
static int on_request(void *ud, char *remote, char *local, int remote_port, int local_port) {
  jdc_transfer *t = ud;
  (void)remote, (void)local, (void)remote_port, (void)local_port;
  t->moved_ms = *t->clock_ms;
  if (t->requests++ == 0) return CURL_PREREQFUNC_OK;
  t->replayed = true;
  return CURL_PREREQFUNC_ABORT;
}

/* Spares a repetition that on_request would stop anyway its connection. Programs that are started later do not inherit
 * the socket. */
static curl_socket_t on_socket(void *ud, curlsocktype purpose, struct curl_sockaddr *address) {
  jdc_transfer *t = ud;
  (void)purpose;
  if (t->requests > 0) {
    t->replayed = true;
    return CURL_SOCKET_BAD;
  }
  t->phase = "connect";
  const int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

/* Called when TCP is connected and TLS is about to begin, if libcurl's TLS library is one that has such a call. */
static CURLcode on_tls(CURL *easy, void *context, void *ud) {
  jdc_transfer *t = ud;
  (void)easy, (void)context;
  t->phase = "tls";
  return CURLE_OK;
}

/* Keeps the headers of the last answer (not of a 1xx before it) and drops trailers, which must not be mixed with
 * headers (RFC 9110, 6.5.1). */
static size_t on_header(char *data, size_t size, size_t count, void *ud) {
  jdc_transfer *t = ud;
  const size_t n = size * count;
  t->moved_ms = *t->clock_ms;
  if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) {
    jdc_buf_clear(&t->head);
    t->head_open = true;
  }
  if (t->head_open) jdc_buf_add(&t->head, data, n);
  if (n > 0 && (data[0] == '\r' || data[0] == '\n')) t->head_open = false;
  t->too_large = t->head.status == JDC_TOO_BIG;
  return t->head.status == JDC_OK ? n : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ud) {
  jdc_transfer *t = ud;
  const size_t n = size * count;
  t->moved_ms = *t->clock_ms;
  jdc_buf_add(&t->body, data, n);
  t->too_large = t->body.status == JDC_TOO_BIG;
  return t->body.status == JDC_OK ? n : 0;
}

jdc_transfer *jdc_transfer_new(jdc_alloc alloc, CURL *pattern, const int64_t *clock_ms) {
  jdc_transfer *t = jdc_new(alloc, sizeof *t);
  if (t == NULL) return NULL;
  memset(t, 0, sizeof *t);
  t->alloc = alloc;
  t->clock_ms = clock_ms;
  jdc_buf_init(&t->lines, alloc, MAX_REQUEST_HEADERS);
  jdc_buf_init(&t->nodes, alloc, MAX_HEADER_NODES);
  jdc_buf_init(&t->head, alloc, MAX_ANSWER_HEADERS);
  jdc_buf_init(&t->body, alloc, 0);
  CURL *easy = t->easy = curl_easy_duphandle(pattern);
  if (easy != NULL && curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK)
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
  if (easy != NULL && curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PREREQDATA, t) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK)
    return t;
  jdc_transfer_free(t);
  return NULL;
}

/* Overwrites what the buffer holds, a signature in the request's headers or keys in an answer, and forgets it. */
static void empty(jdc_buf *b) {
  jdc_wipe(b->data, b->len);
  if (b->cap > KEPT_BYTES)
    jdc_buf_free(b);
  else
    jdc_buf_clear(b);
}

void jdc_transfer_free(jdc_transfer *t) {
  if (t == NULL) return;
  if (t->easy != NULL) curl_easy_cleanup(t->easy);
  jdc_buf *const all[] = { &t->lines, &t->nodes, &t->head, &t->body };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    empty(all[i]);
    jdc_buf_free(all[i]);
  }
  jdc_delete(t->alloc, t, sizeof *t);
}

void jdc_transfer_reset(jdc_transfer *t) {
  t->state = JDC_TRANSFER_IDLE;
  t->prev = t->next = NULL;
  t->tag = 0;
  empty(&t->lines);
  t->line_count = 0;
  empty(&t->head);
  empty(&t->body);
}

/* RFC 9110, 5.6.2. One bit for each character from ! to ~, by 32: a search through a text would be most of the work. */
static bool is_token(jdc_str s) {
  static const uint32_t TOKEN[4] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };
  for (size_t i = 0; i < s.len; i++) {
    const unsigned char c = (unsigned char)s.ptr[i];
    if (c > 0x7f || (TOKEN[c >> 5] >> (c & 31) & 1) == 0) return false;
  }
  return s.len > 0;
}

static bool is_named(jdc_str name, jdc_str other) {
  return name.len == other.len && strncasecmp(name.ptr, other.ptr, name.len) == 0;
}

const char *jdc_transfer_header(jdc_transfer *t, jdc_str name, jdc_str value) {
  if (!is_token(name)) return "a header's name has a character that HTTP does not allow there";
  if (is_named(name, JDC_STR("content-length")) || is_named(name, JDC_STR("transfer-encoding")))
    return "content-length and transfer-encoding are not for the caller to set";
  size_t blanks = 0;
  while (blanks < value.len && (value.ptr[blanks] == ' ' || value.ptr[blanks] == '\t')) blanks++;
  for (size_t i = blanks; i < value.len; i++) {
    const unsigned char c = (unsigned char)value.ptr[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) return "a header's value has a control character";
  }
  jdc_buf_str(&t->lines, name);
  if (blanks == value.len) { /* libcurl's way to write a header without a value */
    jdc_buf_chr(&t->lines, ';');
  } else {
    jdc_buf_add(&t->lines, ": ", 2);
    jdc_buf_str(&t->lines, value);
  }
  jdc_buf_chr(&t->lines, '\0');
  t->line_count++;
  if (t->lines.status == JDC_TOO_BIG) return "the headers are larger than 256 KiB";
  return t->lines.status == JDC_OK ? NULL : jdc_curl_nomem;
}

/* Lays a list over the lines, since they no longer move. libcurl only reads it. NULL if there is too much, or too
 * little memory. */
static struct curl_slist *list_headers(jdc_transfer *t) {
  const size_t count = t->line_count + SILENCED_COUNT;
  jdc_buf_add(&t->lines, SILENCED, sizeof SILENCED);
  jdc_buf_clear(&t->nodes);
  struct curl_slist *nodes = (void *)jdc_buf_room(&t->nodes, count * sizeof *nodes);
  if (nodes == NULL || t->lines.status != JDC_OK) return NULL;
  char *line = t->lines.data;
  for (size_t i = 0; i < count; i++) {
    nodes[i].data = line;
    nodes[i].next = i + 1 < count ? &nodes[i + 1] : NULL;
    line += strlen(line) + 1;
  }
  return nodes;
}

/* libcurl would cut a fragment off, take the first segment of http:///path for a host, and refuse or change what is not
 * printable ASCII. */
static const char *check_url(const char *url, bool *secure) {
  *secure = strncmp(url, "https://", 8) == 0;
  if (!*secure && strncmp(url, "http://", 7) != 0) return "a URL must begin with https:// or http://";
  const char *host = strchr(url, ':') + 3;
  if (strchr("/?", *host) != NULL) return "a URL must have a host"; /* the end of the text counts as found, too */
  for (const char *c = host; *c != '\0'; c++) {
    if (*c <= ' ' || *c > '~' || *c == '#') return "a URL has a character that must be percent-encoded";
  }
  return NULL;
}

/* Method and body. HEAD is told not to wait for a body; a POST, PUT or PATCH without one says Content-Length: 0; all
 * others without one say nothing. */
static CURLcode set_method(jdc_transfer *t, const char *method, jdc_str body) {
  CURL *easy = t->easy;
  const bool post = strcmp(method, "POST") == 0;
  CURLcode rc = CURLE_OK;
  if (body.len > 0 || post || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0) {
    rc = curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.len > 0 ? body.ptr : "");
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, post ? NULL : method);
  } else if (strcmp(method, "HEAD") == 0) {
    rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    rc = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, strcmp(method, "GET") == 0 ? NULL : method);
  }
  return rc;
}

const char *jdc_transfer_prepare(jdc_transfer *t, const jdc_http_request *r) {
  bool secure = false;
  const char *problem = check_url(r->url, &secure);
  if (problem != NULL) return problem;
  if (!is_token((jdc_str){ r->method, strlen(r->method) })) return "a method has a character that HTTP does not allow";
  if (r->body.len > 0 && strcmp(r->method, "HEAD") == 0) return "a HEAD request has no body";
  struct curl_slist *headers = list_headers(t);
  if (headers == NULL)
    return t->lines.status == JDC_NOMEM || t->nodes.status == JDC_NOMEM ? jdc_curl_nomem : "too many headers";

  CURLcode rc = set_method(t, r->method, r->body);
  if (rc == CURLE_OK) rc = curl_easy_setopt(t->easy, CURLOPT_URL, r->url);
  if (rc == CURLE_OK) rc = curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
  /* Wait for a connection under way in case it turns out to be HTTP/2. Without TLS it never does, and libcurl would
   * wait for its first answer. */
  if (rc == CURLE_OK) rc = curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, secure ? 1L : 0L);
  if (rc == CURLE_OK) rc = curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->bounds.connect_ms);
  if (rc != CURLE_OK) return curl_easy_strerror(rc);

  t->body_len = r->body.len;
  jdc_buf_limit(&t->body, r->bounds.max_size);
  t->start_ms = t->moved_ms = *t->clock_ms;
  t->timeout_ms = r->timeout_ms;
  t->idle_ms = r->bounds.idle_ms;
  t->uploaded = 0;
  t->phase = "resolve";
  t->requests = 0;
  t->replayed = t->too_large = t->head_open = false;
  t->status = 0;
  t->error[0] = '\0';
  return NULL;
}

void jdc_transfer_fail(jdc_transfer *t, const char *kind, bool sent, const char *message) {
  t->failed = (jdc_failed){ .kind = kind, .phase = jdc_failure_phase(t), .sent = sent };
  strncat(t->failed.message, message, sizeof t->failed.message - 1);
  t->state = JDC_TRANSFER_FAILED;
}

void jdc_transfer_finish(jdc_transfer *t, CURLcode code) {
  if (code == CURLE_OK) {
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->status > 0 && !t->head_open) {
      t->state = JDC_TRANSFER_ANSWERED;
      return;
    }
    code = CURLE_PARTIAL_FILE; /* libcurl takes a connection's end among the headers for the end of the answer */
  }
  jdc_failure_explain(t, code);
  t->state = JDC_TRANSFER_FAILED;
}

/* Of what is received callbacks tell, of what is sent nothing does. */
static void note_upload(jdc_transfer *t, int64_t now_ms) {
  curl_off_t uploaded = 0;
  if (curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded) != CURLE_OK || uploaded == t->uploaded) return;
  t->uploaded = uploaded;
  t->moved_ms = now_ms;
}

/* For how long there can be no silence of idle_ms yet; not positive if there is one. Before the request, the time limit
 * for connecting rules. */
static int64_t silence_left(jdc_transfer *t, int64_t now_ms) {
  if (t->requests > 0 && t->body_len > 0) note_upload(t, now_ms);
  int64_t left = t->requests > 0 ? t->moved_ms + t->idle_ms - now_ms : t->idle_ms;
  const int64_t soon = t->idle_ms / UPLOAD_LOOKS + 1;
  if ((size_t)t->uploaded < t->body_len && soon < left) left = soon;
  return left;
}

int64_t jdc_transfer_check(jdc_transfer *t, int64_t now_ms) {
  int64_t left = INT64_MAX;
  if (t->timeout_ms > 0) {
    left = t->start_ms + t->timeout_ms - now_ms;
    if (left <= 0) jdc_transfer_fail(t, "timeout", t->requests > 0, "no whole answer within timeout");
  }
  if (t->idle_ms > 0 && t->state == JDC_TRANSFER_RUNNING) {
    const int64_t silence = silence_left(t, now_ms);
    if (silence <= 0) jdc_transfer_fail(t, "timeout", true, "nothing was sent or received for idle_timeout");
    if (silence < left) left = silence;
  }
  return left == INT64_MAX ? -1 : left;
}
