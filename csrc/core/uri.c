/* uri.c - percent-encoding and the canonical forms of path, query and host (uri.h, protocol.md 1.4, 1.5, 1.8). */
#include "uri.h"

#define PAIRS_FIRST  16 /* pairs of a scratch's first allocation: a call with filters has about ten */
#define SORT_BY_HAND 24 /* up to here insertion beats the heap */
#define PORT_DIGITS  5

/* What a byte is for the encoder and the decoder. */
enum {
  ENC, /* is encoded */
  UNR, /* unreserved: stays */
  SLA, /* `/`: stays in a path, encoded elsewhere */
  PLU, /* `+`: stands for a space when decoded */
  PCT  /* `%`: begins an escape when decoded */
};

static const unsigned char class_of[256] = {
  ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, /* 00 */
  ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, ENC, /* 10 */
  ENC, ENC, ENC, ENC, ENC, PCT, ENC, ENC, ENC, ENC, ENC, PLU, ENC, UNR, UNR, SLA, /* 20: - . */
  UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, ENC, ENC, ENC, ENC, ENC, ENC, /* 30: 0-9 */
  ENC, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, /* 40: A-O */
  UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, ENC, ENC, ENC, ENC, UNR, /* 50: P-Z _ */
  ENC, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, /* 60: a-o */
  UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, UNR, ENC, ENC, ENC, UNR, ENC, /* 70: p-z ~ */
};                                                                                /* 80 to ff: ENC, which is 0 */

/* How many bytes from s[i] on are unreserved: they are copied in one go. */
static size_t run_of(jdc_str s, size_t i) {
  size_t start = i;
  while (i < s.len && class_of[(unsigned char)s.ptr[i]] == UNR) i++;
  return i - start;
}

static void add_escaped(jdc_buf *out, unsigned char byte) {
  static const char digits[] = "0123456789ABCDEF";
  char *to = jdc_buf_room(out, 3);
  if (to == NULL) return;
  to[0] = '%';
  to[1] = digits[byte >> 4];
  to[2] = digits[byte & 15];
  out->len += 3;
}

void jdc_uri_encode(jdc_buf *out, jdc_str s) {
  for (size_t i = 0; i < s.len;) {
    size_t run = run_of(s, i);
    jdc_buf_add(out, s.ptr + i, run);
    i += run;
    if (i < s.len) add_escaped(out, (unsigned char)s.ptr[i++]);
  }
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Decodes what begins at s[i] into *byte and returns how long it was. A `%` without two hex digits is itself. */
static size_t decode(jdc_str s, size_t i, unsigned char *byte) {
  *byte = (unsigned char)s.ptr[i];
  if (class_of[*byte] == PLU) *byte = ' ';
  if (class_of[*byte] != PCT || s.len - i < 3) return 1;
  int high = hex_value(s.ptr[i + 1]), low = hex_value(s.ptr[i + 2]);
  if (high < 0 || low < 0) return 1;
  *byte = (unsigned char)(high * 16 + low);
  return 3;
}

/* Decodes once and encodes once. */
static void add_canonical(jdc_buf *out, jdc_str s) {
  for (size_t i = 0; i < s.len;) {
    size_t run = run_of(s, i);
    jdc_buf_add(out, s.ptr + i, run);
    i += run;
    if (i == s.len) break;
    unsigned char byte;
    i += decode(s, i, &byte);
    if (class_of[byte] == UNR)
      jdc_buf_chr(out, (char)byte);
    else
      add_escaped(out, byte);
  }
}

void jdc_uri_path(jdc_buf *out, jdc_str path) {
  /* Every path begins with one slash, so any that the text begins with are a run with it. */
  bool after_slash = true;
  jdc_buf_chr(out, '/');
  for (size_t i = 0; i < path.len;) {
    size_t run = run_of(path, i);
    jdc_buf_add(out, path.ptr + i, run);
    i += run;
    if (run > 0) after_slash = false;
    if (i == path.len) break;
    unsigned char byte;
    i += decode(path, i, &byte);
    bool slash = byte == '/';
    if (slash && after_slash) continue;
    after_slash = slash;
    if (slash || class_of[byte] == UNR)
      jdc_buf_chr(out, (char)byte);
    else
      add_escaped(out, byte);
  }
}

void jdc_query_scratch_init(jdc_query_scratch *s, jdc_alloc alloc, size_t max) {
  *s = (jdc_query_scratch){ .alloc = alloc };
  jdc_buf_init(&s->text, alloc, max);
}

void jdc_query_scratch_free(jdc_query_scratch *s) {
  jdc_buf_free(&s->text);
  jdc_delete(s->alloc, s->pairs, s->cap * sizeof *s->pairs);
  s->pairs = NULL;
  s->cap = 0;
}

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len) {
  int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
  if (order != 0) return order;
  return a_len < b_len ? -1 : a_len > b_len;
}

/* By encoded name, then by encoded value: as pairs, never as joined text (protocol.md 1.5 step 6). */
static bool before(const char *text, const jdc_pair *a, const jdc_pair *b) {
  int order = compare_text(text + a->name, a->name_len, text + b->name, b->name_len);
  if (order == 0) order = compare_text(text + a->value, a->value_len, text + b->value, b->value_len);
  return order < 0;
}

/* Moves pairs[root] down to where it belongs in a heap of n with the last pair on top. */
static void sift_down(const char *text, jdc_pair *pairs, size_t root, size_t n) {
  jdc_pair moved = pairs[root];
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && before(text, &pairs[child], &pairs[child + 1])) child++;
    if (!before(text, &moved, &pairs[child])) break;
    pairs[root] = pairs[child];
  }
  pairs[root] = moved;
}

/* In place. Not qsort: it has no argument for the text, and C libraries let it allocate. Equal pairs are equal text,
 * so that their order doesn't matter. */
static void sort_pairs(const char *text, jdc_pair *pairs, size_t n) {
  if (n <= SORT_BY_HAND) {
    for (size_t i = 1; i < n; i++) {
      jdc_pair moved = pairs[i];
      size_t to = i;
      for (; to > 0 && before(text, &moved, &pairs[to - 1]); to--) pairs[to] = pairs[to - 1];
      pairs[to] = moved;
    }
    return;
  }
  for (size_t i = n / 2; i-- > 0;) sift_down(text, pairs, i, n);
  for (size_t last = n - 1; last > 0; last--) {
    jdc_pair top = pairs[0];
    pairs[0] = pairs[last];
    pairs[last] = top;
    sift_down(text, pairs, 0, last);
  }
}

/* A place for the n-th pair. */
static jdc_status make_room(jdc_query_scratch *s, size_t n) {
  if (n < s->cap) return JDC_OK;
  if (n == JDC_QUERY_PAIRS_MAX) return JDC_TOO_BIG;
  size_t cap = s->cap == 0 ? PAIRS_FIRST : s->cap * 2;
  if (cap > JDC_QUERY_PAIRS_MAX) cap = JDC_QUERY_PAIRS_MAX;
  jdc_pair *pairs = jdc_resize(s->alloc, s->pairs, s->cap * sizeof *pairs, cap * sizeof *pairs);
  if (pairs == NULL) return JDC_NOMEM;
  s->pairs = pairs;
  s->cap = cap;
  return JDC_OK;
}

/* Encodes `name=value`, `name=` or `name` into the scratch as the n-th pair. */
static jdc_status add_pair(jdc_query_scratch *s, size_t n, jdc_str name, jdc_str value) {
  jdc_status status = make_room(s, n);
  if (status != JDC_OK) return status;
  jdc_pair *pair = &s->pairs[n];
  pair->name = s->text.len;
  add_canonical(&s->text, name);
  pair->value = s->text.len;
  pair->name_len = pair->value - pair->name;
  add_canonical(&s->text, value);
  pair->value_len = s->text.len - pair->value;
  return s->text.status;
}

jdc_status jdc_uri_query(jdc_buf *out, jdc_query_scratch *scratch, jdc_str query) {
  size_t n = 0;
  jdc_buf_clear(&scratch->text);
  for (size_t start = 0; start < query.len;) {
    const char *piece = query.ptr + start;
    const char *end = memchr(piece, '&', query.len - start);
    size_t len = end != NULL ? (size_t)(end - piece) : query.len - start;
    start += len + 1;
    const char *equals = len > 0 ? memchr(piece, '=', len) : NULL;
    size_t name_len = equals != NULL ? (size_t)(equals - piece) : len;
    if (name_len == 0) continue;
    jdc_str value = { piece + len, 0 };
    if (equals != NULL) value = (jdc_str){ equals + 1, len - name_len - 1 };
    jdc_status status = add_pair(scratch, n, (jdc_str){ piece, name_len }, value);
    if (status != JDC_OK) return status;
    n++;
  }
  const char *text = scratch->text.data;
  sort_pairs(text, scratch->pairs, n);
  for (size_t i = 0; i < n; i++) {
    const jdc_pair *pair = &scratch->pairs[i];
    if (i > 0) jdc_buf_chr(out, '&');
    jdc_buf_add(out, text + pair->name, pair->name_len);
    jdc_buf_chr(out, '=');
    jdc_buf_add(out, text + pair->value, pair->value_len);
  }
  return JDC_OK;
}

/* The port that a text of digits names, or -1. */
static long port_of(const char *text, size_t n) {
  long port = 0;
  if (n == 0 || n > PORT_DIGITS) return -1;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    port = port * 10 + (text[i] - '0');
  }
  return port >= 1 && port <= 65535 ? port : -1;
}

/* How long the name or address at the beginning of a host is, without its port; 0 if it is none. */
static size_t name_of(jdc_str host) {
  size_t i = 0;
  if (host.len > 0 && host.ptr[0] == '[') {
    for (i = 1; i < host.len && (hex_value(host.ptr[i]) >= 0 || host.ptr[i] == ':' || host.ptr[i] == '.');) i++;
    return i > 2 && i < host.len && host.ptr[i] == ']' ? i + 1 : 0;
  }
  while (i < host.len && class_of[(unsigned char)host.ptr[i]] == UNR && host.ptr[i] != '~') i++;
  return i;
}

bool jdc_uri_host(jdc_buf *out, jdc_str host, bool plain) {
  size_t len = name_of(host);
  if (len == 0) return false;
  if (len < host.len) {
    long port = host.ptr[len] == ':' ? port_of(host.ptr + len + 1, host.len - len - 1) : -1;
    if (port < 0) return false;
    if (port != (plain ? 80 : 443)) len = host.len;
  }
  char *to = jdc_buf_room(out, len);
  if (to == NULL) return true; /* out->status says so */
  for (size_t i = 0; i < len; i++) to[i] = jdc_lower(host.ptr[i]);
  out->len += len;
  return true;
}
