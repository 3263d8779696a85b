/* answer.c - what an answer or a failure means: the tables of protocol.md 4 and 5. The hints are in answer_hint.c. */
#include "answer.h"

#include <string.h>

#include "answer_hint.h"
#include "date.h"

#define CALLS_DIGITS       9                 /* of a number of calls in a header */
#define RETRY_AFTER_MAX_MS INT64_C(86400000) /* a longer hint is read as a day: no sum with it overflows */

static const char *const kinds[JDC_KIND_COUNT] = {
  [JDC_KIND_OK] = "ok",
  [JDC_KIND_THROTTLED] = "throttled",
  [JDC_KIND_QUOTA] = "quota",
  [JDC_KIND_AUTH] = "auth",
  [JDC_KIND_DENIED] = "denied",
  [JDC_KIND_NOT_FOUND] = "not_found",
  [JDC_KIND_INVALID] = "invalid",
  [JDC_KIND_CONFLICT] = "conflict",
  [JDC_KIND_BUSY] = "busy",
  [JDC_KIND_SERVER] = "server",
  [JDC_KIND_NETWORK] = "network",
  [JDC_KIND_TIMEOUT] = "timeout",
  [JDC_KIND_PROTOCOL] = "protocol",
  [JDC_KIND_CANCELLED] = "cancelled",
  [JDC_KIND_CLOSED] = "closed",
  [JDC_KIND_PHASE] = "phase",
  [JDC_KIND_CONFIG] = "config",
};

static const char *const phases[] = {
  [JDC_PHASE_NONE] = NULL, [JDC_PHASE_RESOLVE] = "resolve", [JDC_PHASE_CONNECT] = "connect",
  [JDC_PHASE_TLS] = "tls", [JDC_PHASE_SEND] = "send",       [JDC_PHASE_RECEIVE] = "receive",
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

static bool same(jdc_str a, const char *b) {
  return b != NULL && a.len == strlen(b) && (a.len == 0 || memcmp(a.ptr, b, a.len) == 0);
}

const char *jdc_kind_text(jdc_kind kind) { return kinds[kind]; }

int jdc_kind_find(jdc_str text) {
  for (int i = 0; i < JDC_KIND_COUNT; i++)
    if (same(text, kinds[i])) return i;
  return -1;
}

const char *jdc_phase_text(jdc_phase phase) { return phases[phase]; }

int jdc_phase_find(jdc_str text) {
  for (size_t i = 0; i < PHASES; i++)
    if (same(text, phases[i])) return (int)i;
  return -1;
}

/* What answers mean, protocol.md 5.4. */

typedef struct meaning {
  jdc_kind kind;
  jdc_repeat repeat;
  bool retryable, transient;
} meaning;

static const meaning ok = { JDC_KIND_OK, JDC_REPEAT_NEVER, false, false };
static const meaning throttled = { JDC_KIND_THROTTLED, JDC_REPEAT_THROTTLED, true, false };
static const meaning quota = { JDC_KIND_QUOTA, JDC_REPEAT_NEVER, false, false };
static const meaning auth = { JDC_KIND_AUTH, JDC_REPEAT_CHANGED, false, false };
static const meaning denied = { JDC_KIND_DENIED, JDC_REPEAT_NEVER, false, false };
static const meaning replayed = { JDC_KIND_DENIED, JDC_REPEAT_UNEXECUTED, true, false };
static const meaning not_found = { JDC_KIND_NOT_FOUND, JDC_REPEAT_NEVER, false, false };
static const meaning invalid = { JDC_KIND_INVALID, JDC_REPEAT_NEVER, false, false };
static const meaning conflict = { JDC_KIND_CONFLICT, JDC_REPEAT_NEVER, false, false };
static const meaning busy = { JDC_KIND_BUSY, JDC_REPEAT_BUSY, true, false };
static const meaning cancelled = { JDC_KIND_CANCELLED, JDC_REPEAT_NEVER, true, false };
static const meaning server = { JDC_KIND_SERVER, JDC_REPEAT_IDEMPOTENT, true, true };
/* It will not do it later either: 501, and an error whose word and codes say nothing. */
static const meaning server_final = { JDC_KIND_SERVER, JDC_REPEAT_NEVER, false, false };
/* A proxy between gave up on receiving the request. */
static const meaning request_timeout = { JDC_KIND_TIMEOUT, JDC_REPEAT_IDEMPOTENT, true, true };
/* Nobody who speaks the protocol answered: a redirect, JSON of something else. */
static const meaning foreign = { JDC_KIND_PROTOCOL, JDC_REPEAT_NEVER, false, false };
/* A success that can't be read, cut short perhaps: an answer lost after the request was executed. */
static const meaning garbled = { JDC_KIND_PROTOCOL, JDC_REPEAT_IDEMPOTENT, true, true };

/* Status words of both vocabularies and of real answers, protocol.md 5.1, 5.2, 5.3. */
static const struct {
  const char *word;
  const meaning *meaning;
} words[] = {
  { "INVALID_ARGUMENT", &invalid },
  { "FAILED_PRECONDITION", &busy },
  { "OUT_OF_RANGE", &invalid },
  { "UNAUTHENTICATED", &auth },
  { "HTTP_FORBIDDEN", &denied },
  { "NOT_FOUND", &not_found },
  { "ABORTED", &busy },
  { "ALREADY_EXISTS", &conflict },
  { "QUOTA_EXCEEDED", &quota },
  { "RATE_LIMIT", &throttled },
  { "CANCELLED", &cancelled },
  { "UNKNOWN", &server },
  { "INTERNAL", &server },
  { "NOT_IMPLEMENTED", &server_final },
  { "SOURCE_UNAVAILABLE", &server },
  { "UNAVAILABLE", &server },
  { "HTTP_BAD_REQUEST", &invalid },
  { "ACCESS_ERROR", &auth },
  { "HTTP_REQUEST_ENTITY_TOO_LARGE", &invalid },
  { "HTTP_URI_TOO_LONG", &invalid },
  { "HTTP_RATE_LIMIT_EXCEEDED", &throttled },
  { "HTTP_INTERNAL_SERVER_ERROR", &server },
  { "HTTP_BAD_GATEWAY", &server },
  { "HTTP_SERVICE_UNAVAILABLE", &server },
  { "HTTP_SERVER_TIMING_OUT", &server },
  { "PERMISSION_DENIED", &denied },
};

/* The same by code, for answers without a word that is known; any other 4xx is invalid, any other 5xx server. */
static const struct {
  int code;
  const meaning *meaning;
} codes[] = {
  { 401, &auth },     { 403, &denied },    { 404, &not_found }, { 407, &denied },    { 408, &request_timeout },
  { 409, &conflict }, { 410, &not_found }, { 429, &throttled }, { 499, &cancelled }, { 501, &server_final },
};

static const meaning *by_word(jdc_str word) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (same(word, words[i].word)) return words[i].meaning;
  return NULL;
}

static const meaning *by_code(int code) {
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    if (codes[i].code == code) return codes[i].meaning;
  if (code >= 400 && code <= 499) return &invalid;
  return code >= 500 && code <= 599 ? &server : &server_final;
}

bool jdc_answer_says(const jdc_answer *a, const char *text) {
  size_t len = strlen(text);
  for (size_t at = 0; at + len <= a->message.len; at++) {
    size_t i = 0;
    while (i < len && jdc_lower(a->message.ptr[at + i]) == text[i]) i++;
    if (i == len) return true;
  }
  return false;
}

int jdc_answer_code(const jdc_answer *a) {
  return a->has_error && a->code >= 400 && a->code <= 599 ? (int)a->code : a->http_status;
}

static const meaning *error_meaning(const jdc_answer *a) {
  int code = jdc_answer_code(a);
  const meaning *word = a->has_error ? by_word(a->status) : NULL;
  if ((word == &denied || (word == NULL && code == 403)) && jdc_answer_says(a, "noncestr")) return &replayed;
  if (code == 429 && word != &quota && jdc_answer_says(a, "rate limit")) return &throttled;
  if (word != NULL) return word;
  /* The documents of single operations say "Quota exceeded" for 429 and name no word; waiting would be in vain. */
  if (code == 429 && jdc_answer_says(a, "quota")) return &quota;
  return by_code(code);
}

/* No body belongs to the answer, or none came (protocol.md 3.5). */
static bool bodiless(const jdc_answer *a) { return a->head || a->body == JDC_BODY_EMPTY; }

static const meaning *answer_meaning(const jdc_answer *a) {
  if (a->has_error && (a->code != 0 || a->status.len > 0)) return error_meaning(a);
  if (a->http_status >= 400 && a->http_status <= 599) return error_meaning(a);
  if (a->http_status < 200 || a->http_status > 299) return &foreign;
  if (bodiless(a) || a->body == JDC_BODY_ENVELOPE) return &ok;
  return a->body == JDC_BODY_JSON ? &foreign : &garbled;
}

/* Other software also answers {"error": "..."}: with an error status that alone is no envelope of the service. */
static bool spoken_by_service(const jdc_answer *a) {
  if (bodiless(a)) return a->request_id.len > 0;
  bool success = a->http_status >= 200 && a->http_status <= 299;
  return a->body == JDC_BODY_ENVELOPE && (success || a->has_error || a->request_id.len > 0);
}

/* Seconds, whole as RFC 9110 10.2.3 has them or with a fraction, in milliseconds; -1 if it is no number. */
static int64_t read_seconds(jdc_str text) {
  int64_t ms = 0, unit = 1000;
  size_t i = 0;
  for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
    if (ms < RETRY_AFTER_MAX_MS) ms = ms * 10 + (text.ptr[i] - '0') * INT64_C(1000);
  if (i == 0) return -1;
  if (i < text.len && text.ptr[i] == '.') {
    for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
      unit /= 10;
      ms += (text.ptr[i] - '0') * unit;
    }
  }
  return i == text.len ? ms : -1;
}

static int64_t read_retry_after(jdc_str text, int64_t now_s) {
  while (text.len > 0 && text.ptr[0] == ' ') text = (jdc_str){ text.ptr + 1, text.len - 1 };
  while (text.len > 0 && text.ptr[text.len - 1] == ' ') text.len--;
  if (text.len == 0) return -1;
  int64_t ms = read_seconds(text), until_s;
  if (ms < 0) {
    if (!jdc_date_parse_http(text, &until_s)) return -1;
    if (until_s <= now_s) return 0;
    ms = until_s - now_s < RETRY_AFTER_MAX_MS / 1000 ? (until_s - now_s) * 1000 : RETRY_AFTER_MAX_MS;
  }
  return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

/* A whole number of calls, -1 for none. */
static int64_t read_calls(jdc_str text) {
  int64_t calls = 0;
  text = jdc_str_trim(text);
  if (text.len == 0 || text.len > CALLS_DIGITS) return -1;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return -1;
    calls = calls * 10 + (text.ptr[i] - '0');
  }
  return calls;
}

/* What the gateway says of its limits: both headers or none, and only itself. */
static void read_limits(const jdc_answer *a, jdc_verdict *out) {
  if (!out->enveloped) return;
  int64_t limit = read_calls(a->limit), left = read_calls(a->left);
  if (limit > 0 && left >= 0 && left <= limit) {
    out->limit = limit;
    out->left = left;
  }
  if (out->kind != JDC_KIND_THROTTLED) return;
  if (jdc_answer_says(a, "role:ak")) out->role = JDC_ROLE_AK;
  if (jdc_answer_says(a, "role:api")) out->role = JDC_ROLE_API;
}

static void take(jdc_verdict *out, const meaning *m) {
  *out = (jdc_verdict){
    .kind = m->kind, .repeat = m->repeat, .retryable = m->retryable, .transient = m->transient, .retry_after_ms = -1
  };
}

void jdc_answer_classify(const jdc_answer *a, int64_t wall_ms, jdc_verdict *out) {
  take(out, answer_meaning(a));
  out->enveloped = spoken_by_service(a);
  out->has_date = jdc_date_parse_http(a->date, &out->date_s);
  /* Whoever wrote both headers counted from his own Date; our clock may be wrong. */
  out->retry_after_ms = read_retry_after(a->retry_after, out->has_date ? out->date_s : wall_ms / 1000);
  read_limits(a, out);
  if (out->kind != JDC_KIND_OK) jdc_answer_hint(a, wall_ms, out);
}

void jdc_failure_classify(const jdc_failure *f, jdc_verdict *out) {
  switch (f->kind) {
  case JDC_KIND_CANCELLED:
  case JDC_KIND_CLOSED:
  case JDC_KIND_PHASE:
  case JDC_KIND_CONFIG: take(out, &(meaning){ f->kind, JDC_REPEAT_NEVER, false, false }); break;
  default:
    if (f->final) {
      take(out, &(meaning){ f->kind, JDC_REPEAT_NEVER, false, false });
      break;
    }
    take(out, &(meaning){ f->kind, f->sent ? JDC_REPEAT_IDEMPOTENT : JDC_REPEAT_UNEXECUTED, true, true });
    break;
  }
  jdc_failure_hint(f, out);
}
