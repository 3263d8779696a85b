/* field.c - the headers of one request, checked and in the order of the canonical request (field.h). */
#include "field.h"

#define NAME_SHOWN 64 /* bytes of a header's name in a problem */

bool jdc_is_token(jdc_str s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) return false;
  }
  return s.len > 0;
}

void jdc_fields_init(jdc_fields *f, jdc_alloc alloc) {
  f->n = 0;
  jdc_buf_init(&f->text, alloc, 2 * JDC_HEADER_BYTES_MAX);
}

void jdc_fields_free(jdc_fields *f) {
  jdc_buf_wipe(&f->text);
  jdc_buf_free(&f->text);
  f->n = 0;
}

/* `header <name> <what>`. Only for names that are tokens. */
static jdc_status wrong(jdc_fields *f, jdc_str name, const char *what, const char **problem) {
  jdc_str parts[] = { JDC_STR("header "), name, JDC_STR(" "), { what, strlen(what) } };
  if (parts[1].len > NAME_SHOWN) parts[1].len = NAME_SHOWN;
  size_t used = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    size_t left = sizeof f->problem - 1 - used;
    size_t n = parts[i].len < left ? parts[i].len : left;
    memcpy(f->problem + used, parts[i].ptr, n);
    used += n;
  }
  f->problem[used] = '\0';
  *problem = f->problem;
  return JDC_INVALID;
}

/* Copies into the text, which never moves: jdc_fields_build has made its room. */
static jdc_str keep(jdc_fields *f, jdc_str s, bool lower) {
  char *to = f->text.data + f->text.len;
  for (size_t i = 0; i < s.len; i++) to[i] = lower ? jdc_lower(s.ptr[i]) : s.ptr[i];
  f->text.len += s.len;
  return (jdc_str){ to, s.len };
}

/* A CR or LF would begin another header; the rest of the control characters no server should see. */
static bool has_control(jdc_str value) {
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.ptr[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

static void add(jdc_fields *f, jdc_str name, jdc_str value, jdc_field_kind kind) {
  f->at[f->n++] = (jdc_field){ .name = name, .value = value, .kind = kind };
}

static jdc_status add_given(jdc_fields *f, const jdc_header *given, const char **problem) {
  static const char *const ours[] = { "authorization", "host", "x-jdcloud-date", "x-jdcloud-nonce" };
  if (!jdc_is_token(given->name)) {
    *problem = "a header's name has a character that no header may have";
    return JDC_INVALID;
  }
  jdc_str value = jdc_str_trim(given->value);
  jdc_str name = keep(f, given->name, true);
  if (has_control(value)) return wrong(f, name, "has a control character in its value", problem);
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (jdc_str_same(name, (jdc_str){ ours[i], strlen(ours[i]) }))
      return wrong(f, name, "is set by the signature and can't be given", problem);
  add(f, name, keep(f, value, false), JDC_FIELD_PLAIN);
  return JDC_OK;
}

/* By name; equal names stay in the order given. */
static void sort(jdc_fields *f) {
  for (size_t i = 1; i < f->n; i++) {
    jdc_field moved = f->at[i];
    size_t to = i;
    for (; to > 0; to--) {
      jdc_str before = f->at[to - 1].name;
      size_t common = before.len < moved.name.len ? before.len : moved.name.len;
      int order = memcmp(before.ptr, moved.name.ptr, common);
      if (order < 0 || (order == 0 && before.len <= moved.name.len)) break;
      f->at[to] = f->at[to - 1];
    }
    f->at[to] = moved;
  }
}

/* Makes one field of neighbours with one name: `a`, `b` becomes `a,b` (protocol.md 1.6). */
static void join(jdc_fields *f) {
  size_t n = 0;
  for (size_t i = 0; i < f->n;) {
    jdc_field joined = f->at[i++];
    bool several = i < f->n && jdc_str_same(f->at[i].name, joined.name);
    if (several) joined.value = keep(f, joined.value, false);
    for (; i < f->n && jdc_str_same(f->at[i].name, joined.name); i++) {
      keep(f, JDC_STR(","), false);
      keep(f, f->at[i].value, false);
      joined.value.len += 1 + f->at[i].value.len;
    }
    f->at[n++] = joined;
  }
  f->n = n;
}

jdc_field *jdc_fields_find(jdc_fields *f, jdc_str name) {
  for (size_t i = 0; i < f->n; i++)
    if (jdc_str_same(f->at[i].name, name)) return &f->at[i];
  return NULL;
}

/* host, content-type and every x-jdcloud-* but request-id and trace-id (protocol.md 0.3 step 4). */
static void choose_default(jdc_fields *f) {
  jdc_str prefix = JDC_STR("x-jdcloud-");
  for (size_t i = 0; i < f->n; i++) {
    jdc_str name = f->at[i].name;
    bool special = name.len >= prefix.len && memcmp(name.ptr, prefix.ptr, prefix.len) == 0 &&
                   !jdc_str_same(name, JDC_STR("x-jdcloud-request-id")) &&
                   !jdc_str_same(name, JDC_STR("x-jdcloud-trace-id"));
    f->at[i].in_signature =
        special || jdc_str_same(name, JDC_STR("host")) || jdc_str_same(name, JDC_STR("content-type"));
  }
}

static jdc_status choose(jdc_fields *f, jdc_str names, const char **problem) {
  for (size_t start = 0; start <= names.len;) {
    size_t end = start;
    while (end < names.len && names.ptr[end] != ';') end++;
    jdc_str name = keep(f, jdc_str_trim((jdc_str){ names.ptr + start, end - start }), true);
    jdc_field *field = jdc_fields_find(f, name);
    if (field == NULL || field->kind == JDC_FIELD_AUTHORIZATION) {
      if (jdc_is_token(name)) return wrong(f, name, "is to be signed but is not sent", problem);
      *problem = "the names of the headers to sign must be joined by `;`";
      return JDC_INVALID;
    }
    field->in_signature = true;
    start = end + 1;
  }
  return JDC_OK;
}

/* Room for the names, the values and a second copy of the values that are joined, so that nothing moves later. */
static jdc_status make_room(jdc_fields *f, const jdc_header *given, size_t n, size_t others) {
  size_t bytes = others;
  if (n > JDC_HEADERS_MAX) return JDC_TOO_BIG;
  for (size_t i = 0; i < n && bytes <= JDC_HEADER_BYTES_MAX; i++) {
    if (given[i].name.len > JDC_HEADER_BYTES_MAX || given[i].value.len > JDC_HEADER_BYTES_MAX) return JDC_TOO_BIG;
    bytes += given[i].name.len + given[i].value.len + 1;
  }
  if (bytes > JDC_HEADER_BYTES_MAX) return JDC_TOO_BIG;
  return jdc_buf_room(&f->text, 2 * bytes) == NULL ? f->text.status : JDC_OK;
}

jdc_status jdc_fields_build(jdc_fields *f, const jdc_header *given, size_t n, jdc_str host, jdc_str signed_headers,
                            const char **problem) {
  jdc_buf_clear(&f->text);
  f->n = 0;
  jdc_status status = make_room(f, given, n, host.len + signed_headers.len);
  if (status == JDC_TOO_BIG) *problem = "there are too many headers, or they are too long";
  for (size_t i = 0; i < n && status == JDC_OK; i++) status = add_given(f, &given[i], problem);
  if (status != JDC_OK) return status;

  if (jdc_fields_find(f, JDC_STR("content-type")) == NULL)
    add(f, JDC_STR("content-type"), JDC_STR("application/json"), JDC_FIELD_PLAIN);
  if (jdc_fields_find(f, JDC_STR("x-jdcloud-security-token")) == NULL)
    add(f, JDC_STR("x-jdcloud-security-token"), (jdc_str){ NULL, 0 }, JDC_FIELD_TOKEN);
  add(f, JDC_STR("host"), keep(f, host, false), JDC_FIELD_PLAIN);
  add(f, JDC_STR("x-jdcloud-date"), (jdc_str){ NULL, 0 }, JDC_FIELD_DATE);
  add(f, JDC_STR("x-jdcloud-nonce"), (jdc_str){ NULL, 0 }, JDC_FIELD_NONCE);
  add(f, JDC_STR("authorization"), (jdc_str){ NULL, 0 }, JDC_FIELD_AUTHORIZATION);
  sort(f);
  join(f);
  if (signed_headers.len > 0) return choose(f, signed_headers, problem);
  choose_default(f);
  return JDC_OK;
}
