/* sign.c - the signature (sign.h, protocol.md 1.1 to 1.10). The texts are laid out once for a request and its keys; a
 * stamp then overwrites date, nonce, hash and signature where they stand. */
#include "sign.h"

#define ALGORITHM  JDC_STR("JDCLOUD2-HMAC-SHA256") /* of version 2, as all of these; see add_versioned */
#define TERMINATOR JDC_STR("jdcloud2_request")
#define VERSION_AT 7 /* where the 2 stands in both */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOWHERE    SIZE_MAX

/* Each is above what the parts, which have maxima of their own, can add up to. */
#define SCOPE_TEXT_MAX    (JDC_DAY + 2 * JDC_SCOPE_MAX + 32)
#define CANONICAL_MAX     (JDC_TARGET_MAX + 4 * JDC_HEADER_BYTES_MAX + JDC_CREDENTIAL_TEXT_MAX)
#define TO_SIGN_MAX       (SCOPE_TEXT_MAX + 256)
#define AUTHORIZATION_MAX (JDC_CREDENTIAL_TEXT_MAX + SCOPE_TEXT_MAX + 2 * JDC_HEADER_BYTES_MAX)

struct jdc_signer {
  jdc_alloc alloc;
  bool prepared, laid_out;

  /* The prepared request. */
  int version;
  char method[JDC_METHOD_MAX], region[JDC_SCOPE_MAX], service[JDC_SCOPE_MAX], body_hash[JDC_SHA256_HEX];
  jdc_str payload_hash; /* body_hash or a header's value */
  size_t method_len, region_len, service_len, nonce_len, path_len;
  jdc_buf host, target;
  jdc_query_scratch query;
  jdc_fields fields;

  /* The stamped one, and where the parts stand that change. */
  char date[JDC_DATE], nonce[JDC_NONCE_MAX];
  jdc_buf token, canonical, to_sign, authorization;
  size_t date_at, nonce_at;               /* in canonical; NOWHERE if not signed */
  size_t date_to_sign_at, day_to_sign_at; /* in to_sign */
  size_t access_at, access_len, day_at;   /* in authorization */
  jdc_header headers[JDC_FIELDS_MAX];
  size_t nheaders;
};

jdc_status jdc_signer_new(jdc_alloc alloc, jdc_signer **out) {
  jdc_signer *s = jdc_new(alloc, sizeof *s);
  *out = s;
  if (s == NULL) return JDC_NOMEM;
  memset(s, 0, sizeof *s);
  s->alloc = alloc;
  jdc_buf_init(&s->host, alloc, JDC_HEADER_BYTES_MAX);
  jdc_buf_init(&s->target, alloc, JDC_TARGET_MAX);
  jdc_query_scratch_init(&s->query, alloc, JDC_TARGET_MAX);
  jdc_fields_init(&s->fields, alloc);
  jdc_buf_init(&s->token, alloc, JDC_CREDENTIAL_TEXT_MAX);
  jdc_buf_init(&s->canonical, alloc, CANONICAL_MAX);
  jdc_buf_init(&s->to_sign, alloc, TO_SIGN_MAX);
  jdc_buf_init(&s->authorization, alloc, AUTHORIZATION_MAX);
  return JDC_OK;
}

void jdc_signer_free(jdc_signer *s) {
  if (s == NULL) return;
  jdc_buf *const secret[] = { &s->token, &s->canonical, &s->to_sign, &s->authorization };
  for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
    jdc_buf_wipe(secret[i]);
    jdc_buf_free(secret[i]);
  }
  jdc_fields_free(&s->fields);
  jdc_query_scratch_free(&s->query);
  jdc_buf_free(&s->target);
  jdc_buf_free(&s->host);
  jdc_delete(s->alloc, s, sizeof *s);
}

/* Printable ASCII without blanks. */
static bool is_word(jdc_str s) {
  bool ok = s.len > 0;
  for (size_t i = 0; i < s.len; i++) ok = ok && s.ptr[i] > ' ' && s.ptr[i] <= '~';
  return ok;
}

/* A part of the scope, which is cut at `/` and followed by a comma (protocol.md 1.1, trap 28). */
static bool is_scope(jdc_str s) {
  return s.len <= JDC_SCOPE_MAX && is_word(s) && memchr(s.ptr, '/', s.len) == NULL && memchr(s.ptr, ',', s.len) == NULL;
}

static const char *flaw(const jdc_sign_request *r) {
  if (r->version != 2 && r->version != 3) return "the signature's version must be 2 or 3";
  if (r->scheme.len > 0 && !jdc_str_same(r->scheme, JDC_STR("https")) && !jdc_str_same(r->scheme, JDC_STR("http")))
    return "the scheme must be https or http";
  if (r->method.len > JDC_METHOD_MAX || !jdc_is_token(r->method)) return "the method is not one of HTTP";
  if (r->region.len > 0 && !is_scope(r->region)) return "the region is too long or has a blank, a comma or a slash";
  if (!is_scope(r->service)) return "the service is empty, too long or has a blank, a comma or a slash";
  if (r->nonce_len < 1 || r->nonce_len > JDC_NONCE_MAX) return "the nonce is empty or too long";
  return NULL;
}

static size_t copy(char *to, jdc_str s) {
  memcpy(to, s.ptr, s.len);
  return s.len;
}

static void keep_request(jdc_signer *s, const jdc_sign_request *r) {
  s->version = r->version;
  s->method_len = r->method.len;
  for (size_t i = 0; i < r->method.len; i++) {
    char c = r->method.ptr[i];
    s->method[i] = (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
  }
  s->region_len = copy(s->region, r->region.len > 0 ? r->region : JDC_STR("jdcloud-api"));
  s->service_len = copy(s->service, r->service);
  s->nonce_len = r->nonce_len;
}

static jdc_status make_target(jdc_signer *s, jdc_str path, jdc_str query) {
  jdc_buf_clear(&s->target);
  jdc_uri_path(&s->target, path);
  s->path_len = s->target.len;
  if (query.len > 0) {
    jdc_buf_chr(&s->target, '?');
    jdc_status status = jdc_uri_query(&s->target, &s->query, query);
    if (status != JDC_OK) return status;
    if (s->target.status == JDC_OK && s->target.len == s->path_len + 1) s->target.len--; /* nothing but separators */
  }
  return s->target.status;
}

/* The value of x-jdcloud-content-sha256 if it is given (protocol.md 1.10), else the hash of the body. */
static jdc_status hash_payload(jdc_signer *s, jdc_digest *d, jdc_str body) {
  const jdc_field *given = jdc_fields_find(&s->fields, JDC_STR("x-jdcloud-content-sha256"));
  s->payload_hash = given != NULL ? given->value : JDC_STR(EMPTY_HASH);
  if (given != NULL || body.len == 0) return JDC_OK;
  unsigned char hash[JDC_SHA256];
  jdc_status status = jdc_sha256(d, body.ptr, body.len, hash);
  if (status != JDC_OK) return status;
  jdc_hex(s->body_hash, hash, sizeof hash);
  s->payload_hash = (jdc_str){ s->body_hash, sizeof s->body_hash };
  return JDC_OK;
}

jdc_status jdc_sign_prepare(jdc_signer *s, jdc_digest *d, const jdc_sign_request *r, const char **problem) {
  s->prepared = s->laid_out = false;
  *problem = flaw(r);
  if (*problem != NULL) return JDC_INVALID;
  keep_request(s, r);

  jdc_buf_clear(&s->host);
  if (!jdc_uri_host(&s->host, r->host, jdc_str_same(r->scheme, JDC_STR("http")))) {
    *problem = "the host is not a name or an address with or without a port";
    return JDC_INVALID;
  }
  jdc_status status = s->host.status;
  if (status == JDC_OK) status = make_target(s, r->path, r->query);
  if (status == JDC_TOO_BIG) *problem = "the host, the path or the query is too long";
  if (status == JDC_OK)
    status = jdc_fields_build(&s->fields, r->headers, r->nheaders, jdc_buf_view(&s->host), r->signed_headers, problem);
  if (status == JDC_OK) status = hash_payload(s, d, r->body);
  s->prepared = status == JDC_OK;
  return status;
}

/* Adds a text of version 2 with this request's version in it. */
static void add_versioned(jdc_buf *b, jdc_str text, int version) {
  jdc_buf_str(b, text);
  if (b->status == JDC_OK && version == 3) b->data[b->len - text.len + VERSION_AT] = '3';
}

/* Adds the scope of protocol.md 1.1 and returns where its day is. */
static size_t add_scope(jdc_signer *s, jdc_buf *b) {
  size_t day_at = b->len;
  jdc_buf_add(b, s->date, JDC_DAY);
  jdc_buf_chr(b, '/');
  jdc_buf_add(b, s->region, s->region_len);
  jdc_buf_chr(b, '/');
  jdc_buf_add(b, s->service, s->service_len);
  jdc_buf_chr(b, '/');
  add_versioned(b, TERMINATOR, s->version);
  return day_at;
}

/* Adds room for 64 digits that every stamp writes. */
static void add_digits(jdc_buf *b) {
  if (jdc_buf_room(b, JDC_SHA256_HEX) != NULL) b->len += JDC_SHA256_HEX;
}

/* Is it sent? The token only if there is one. */
static bool sent(const jdc_field *f) { return f->kind != JDC_FIELD_TOKEN || f->value.len > 0; }

/* The canonical request; returns the names of the signed headers as they stand in it. */
static jdc_str lay_out_canonical(jdc_signer *s) {
  jdc_buf *b = &s->canonical;
  jdc_str target = jdc_buf_view(&s->target);
  size_t query_at = target.len > s->path_len ? s->path_len + 1 : target.len;
  jdc_buf_clear(b);
  jdc_buf_add(b, s->method, s->method_len);
  jdc_buf_chr(b, '\n');
  jdc_buf_add(b, target.ptr, s->path_len);
  jdc_buf_chr(b, '\n');
  jdc_buf_add(b, target.ptr + query_at, target.len - query_at);
  jdc_buf_chr(b, '\n');
  s->date_at = s->nonce_at = NOWHERE;
  for (const jdc_field *f = s->fields.at; f < s->fields.at + s->fields.n; f++) {
    if (!f->in_signature || !sent(f)) continue;
    jdc_buf_str(b, f->name);
    jdc_buf_chr(b, ':');
    if (f->kind == JDC_FIELD_DATE) s->date_at = b->len;
    if (f->kind == JDC_FIELD_NONCE) s->nonce_at = b->len;
    jdc_buf_str(b, f->value);
    jdc_buf_chr(b, '\n');
  }
  jdc_buf_chr(b, '\n');
  size_t names_at = b->len;
  for (const jdc_field *f = s->fields.at; f < s->fields.at + s->fields.n; f++) {
    if (!f->in_signature || !sent(f)) continue;
    if (b->len > names_at) jdc_buf_chr(b, ';');
    jdc_buf_str(b, f->name);
  }
  size_t names_len = b->len - names_at;
  jdc_buf_chr(b, '\n');
  jdc_buf_str(b, s->payload_hash);
  return b->status == JDC_OK ? (jdc_str){ b->data + names_at, names_len } : (jdc_str){ NULL, 0 };
}

static void lay_out_to_sign(jdc_signer *s) {
  jdc_buf *b = &s->to_sign;
  jdc_buf_clear(b);
  add_versioned(b, ALGORITHM, s->version);
  jdc_buf_chr(b, '\n');
  s->date_to_sign_at = b->len;
  jdc_buf_add(b, s->date, JDC_DATE);
  jdc_buf_chr(b, '\n');
  s->day_to_sign_at = add_scope(s, b);
  jdc_buf_chr(b, '\n');
  add_digits(b);
}

static void lay_out_authorization(jdc_signer *s, jdc_str access, jdc_str names) {
  jdc_buf *b = &s->authorization;
  jdc_buf_clear(b);
  add_versioned(b, ALGORITHM, s->version);
  jdc_buf_str(b, JDC_STR(" Credential="));
  s->access_at = b->len;
  s->access_len = access.len;
  jdc_buf_str(b, access);
  jdc_buf_chr(b, '/');
  s->day_at = add_scope(s, b);
  jdc_buf_str(b, JDC_STR(", SignedHeaders="));
  jdc_buf_str(b, names);
  jdc_buf_str(b, JDC_STR(", Signature="));
  add_digits(b);
}

/* Lays out all texts for these keys, with the date and nonce of s. */
static jdc_status lay_out(jdc_signer *s, jdc_str access, jdc_str token) {
  s->laid_out = false;
  jdc_buf_clear(&s->token);
  jdc_buf_str(&s->token, token);
  for (jdc_field *f = s->fields.at; f < s->fields.at + s->fields.n; f++) {
    if (f->kind == JDC_FIELD_DATE) f->value = (jdc_str){ s->date, JDC_DATE };
    if (f->kind == JDC_FIELD_NONCE) f->value = (jdc_str){ s->nonce, s->nonce_len };
    if (f->kind == JDC_FIELD_TOKEN) f->value = jdc_buf_view(&s->token);
  }
  jdc_str names = lay_out_canonical(s);
  lay_out_to_sign(s);
  lay_out_authorization(s, access, names);
  const jdc_buf *const made[] = { &s->token, &s->canonical, &s->to_sign, &s->authorization };
  for (size_t i = 0; i < sizeof made / sizeof *made; i++)
    if (made[i]->status != JDC_OK) return made[i]->status;

  s->nheaders = 0;
  for (const jdc_field *f = s->fields.at; f < s->fields.at + s->fields.n; f++) {
    if (!sent(f)) continue;
    jdc_str value = f->kind == JDC_FIELD_AUTHORIZATION ? jdc_buf_view(&s->authorization) : f->value;
    s->headers[s->nheaders++] = (jdc_header){ f->name, value };
  }
  s->laid_out = true;
  return JDC_OK;
}

/* Do the laid out texts name these keys? By their text: another credential may stand where a freed one stood. */
static bool names_keys(const jdc_signer *s, jdc_str access, jdc_str token) {
  return s->laid_out && jdc_str_same((jdc_str){ s->authorization.data + s->access_at, s->access_len }, access) &&
         jdc_str_same(jdc_buf_view(&s->token), token);
}

static bool is_date(const char date[JDC_DATE]) {
  for (size_t i = 0; i < JDC_DATE - 1; i++)
    if (i != JDC_DAY && (date[i] < '0' || date[i] > '9')) return false;
  return date[JDC_DAY] == 'T' && date[JDC_DATE - 1] == 'Z';
}

/* Writes date and nonce where they stand in the texts. */
static void put_date_and_nonce(jdc_signer *s) {
  if (s->date_at != NOWHERE) memcpy(s->canonical.data + s->date_at, s->date, JDC_DATE);
  if (s->nonce_at != NOWHERE) memcpy(s->canonical.data + s->nonce_at, s->nonce, s->nonce_len);
  memcpy(s->to_sign.data + s->date_to_sign_at, s->date, JDC_DATE);
  memcpy(s->to_sign.data + s->day_to_sign_at, s->date, JDC_DAY);
  memcpy(s->authorization.data + s->day_at, s->date, JDC_DAY);
}

static char *digits_of(jdc_buf *b) { return b->data + b->len - JDC_SHA256_HEX; }

jdc_status jdc_sign_stamp(jdc_signer *s, jdc_digest *d, jdc_credential *c, const char date[JDC_DATE], jdc_str nonce) {
  if (!s->prepared || nonce.len != s->nonce_len || !is_word(nonce) || !is_date(date)) return JDC_INVALID;
  if (jdc_credential_generation(c) == 0) return JDC_INVALID;
  memcpy(s->date, date, JDC_DATE);
  memcpy(s->nonce, nonce.ptr, nonce.len);
  jdc_str access = jdc_credential_access_key(c), token = jdc_credential_session_token(c);
  jdc_status status = names_keys(s, access, token) ? JDC_OK : lay_out(s, access, token);
  if (status != JDC_OK) return status;
  put_date_and_nonce(s);

  unsigned char hash[JDC_SHA256];
  const jdc_hmac_key *key = NULL;
  jdc_str region = { s->region, s->region_len }, service = { s->service, s->service_len };
  status = jdc_sha256(d, s->canonical.data, s->canonical.len, hash);
  if (status != JDC_OK) return status;
  jdc_hex(digits_of(&s->to_sign), hash, sizeof hash);
  status = jdc_credential_signing_key(c, d, s->version, s->date, region, service, &key);
  if (status != JDC_OK) return status;
  status = jdc_hmac(d, key, s->to_sign.data, s->to_sign.len, hash);
  if (status == JDC_OK) jdc_hex(digits_of(&s->authorization), hash, sizeof hash);
  return status;
}

jdc_str jdc_sign_method(const jdc_signer *s) { return (jdc_str){ s->method, s->method_len }; }
jdc_str jdc_sign_host(const jdc_signer *s) { return jdc_buf_view(&s->host); }
jdc_str jdc_sign_target(const jdc_signer *s) { return jdc_buf_view(&s->target); }
jdc_str jdc_sign_canonical_request(const jdc_signer *s) { return jdc_buf_view(&s->canonical); }
jdc_str jdc_sign_string_to_sign(const jdc_signer *s) { return jdc_buf_view(&s->to_sign); }
jdc_str jdc_sign_authorization(const jdc_signer *s) { return jdc_buf_view(&s->authorization); }

size_t jdc_sign_headers(const jdc_signer *s, const jdc_header **out) {
  *out = s->headers;
  return s->nheaders;
}
