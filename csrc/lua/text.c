/* text.c - small texts of the protocol for Lua: base64, hex, percent-encoding, dates, SHA-256, HMAC. */
#include "binding.h"

/* What the functions below work with: one hash context, key and buffer a state, in a userdata that they have as
 * upvalue. sign.c has a kit of its own, with a signer in it. */
typedef struct jdc_text_kit {
  jdc_digest *digest;
  jdc_hmac_key key;
  jdc_buf buf;
} jdc_text_kit;

#define TEXT_KIT_META "jdcloud.core.text"
#define KEPT_BYTES    (64 * 1024)         /* what the buffer may hold on to between uses */
#define TEXT_MAX      (64u * 1024 * 1024) /* bytes of one text: the gateway takes bodies of 100 MiB, texts are small */

static int kit_gc(lua_State *L) {
  jdc_text_kit *kit = luaL_checkudata(L, 1, TEXT_KIT_META);
  jdc_hmac_key_free(&kit->key);
  kit->key = (jdc_hmac_key){ NULL, NULL };
  jdc_digest_free(kit->digest);
  kit->digest = NULL;
  if (kit->buf.alloc.fn != NULL) jdc_buf_free(&kit->buf);
  return 0;
}

static jdc_text_kit *kit_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

static jdc_digest *digest_of(lua_State *L) {
  jdc_text_kit *kit = kit_of(L);
  if (kit->digest == NULL) {
    jdc_status status = jdc_digest_new(jdc_lua_alloc(L), &kit->digest);
    if (status != JDC_OK) jdc_lua_fail(L, status, "digest");
  }
  return kit->digest;
}

static jdc_buf *buffer_of(lua_State *L) {
  jdc_buf *buf = &kit_of(L)->buf;
  if (buf->alloc.fn == NULL) jdc_buf_init(buf, jdc_lua_alloc(L), TEXT_MAX);
  jdc_buf_clear(buf);
  return buf;
}

/* Pushes what the buffer holds, which may be a token, and overwrites it; gives its memory back if it is large. */
static int push_buffer(lua_State *L, jdc_buf *buf, const char *what) {
  if (buf->status != JDC_OK) {
    jdc_status status = buf->status;
    jdc_buf_free(buf);
    return jdc_lua_fail(L, status, what);
  }
  lua_pushlstring(L, buf->len > 0 ? buf->data : "", buf->len);
  jdc_wipe(buf->data, buf->len);
  if (buf->cap > KEPT_BYTES) jdc_buf_free(buf);
  return 1;
}

void jdc_base64(jdc_buf *out, jdc_str s) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t need = (s.len / 3 + 1) * 4;
  char *p = jdc_buf_room(out, need);
  if (p == NULL) return;
  const unsigned char *in = (const unsigned char *)s.ptr;
  char *start = p;
  for (size_t i = 0; i < s.len; i += 3) {
    size_t left = s.len - i;
    unsigned bits = (unsigned)in[i] << 16;
    if (left > 1) bits |= (unsigned)in[i + 1] << 8;
    if (left > 2) bits |= in[i + 2];
    *p++ = alphabet[bits >> 18];
    *p++ = alphabet[bits >> 12 & 63];
    *p++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
    *p++ = left > 2 ? alphabet[bits & 63] : '=';
  }
  out->len += (size_t)(p - start);
}

/* base64(bytes) -> text */
static int text_base64(lua_State *L) {
  jdc_str s = jdc_lua_str(L, 1);
  jdc_buf *buf = buffer_of(L);
  jdc_base64(buf, s);
  return push_buffer(L, buf, "base64");
}

/* encode(text) -> text with every byte but A-Z a-z 0-9 - _ . ~ as %XX (protocol.md 0.3) */
static int text_encode(lua_State *L) {
  jdc_str s = jdc_lua_str(L, 1);
  jdc_buf *buf = buffer_of(L);
  jdc_uri_encode(buf, s);
  return push_buffer(L, buf, "encode");
}

/* hex(bytes) -> lower-case hexadecimal digits */
static int text_hex(lua_State *L) {
  jdc_str s = jdc_lua_str(L, 1);
  jdc_buf *buf = buffer_of(L);
  char *p = jdc_buf_room(buf, 2 * s.len);
  if (p != NULL) {
    jdc_hex(p, (const unsigned char *)s.ptr, s.len);
    buf->len += 2 * s.len;
  }
  return push_buffer(L, buf, "hex");
}

/* sha256(bytes) -> 32 bytes */
static int text_sha256(lua_State *L) {
  jdc_str s = jdc_lua_str(L, 1);
  unsigned char out[JDC_SHA256];
  jdc_status status = jdc_sha256(digest_of(L), s.ptr, s.len, out);
  if (status != JDC_OK) return jdc_lua_fail(L, status, "sha256");
  lua_pushlstring(L, (const char *)out, sizeof(out));
  return 1;
}

/* hmac(key, bytes) -> 32 bytes of HMAC-SHA256 */
static int text_hmac(lua_State *L) {
  jdc_str key = jdc_lua_str(L, 1), s = jdc_lua_str(L, 2);
  unsigned char out[JDC_SHA256];
  jdc_digest *digest = digest_of(L);
  jdc_hmac_key *state = &kit_of(L)->key;
  jdc_status status = jdc_hmac_key_set(digest, state, key.ptr, key.len);
  if (status == JDC_OK) status = jdc_hmac(digest, state, s.ptr, s.len, out);
  if (status != JDC_OK) return jdc_lua_fail(L, status, "hmac");
  lua_pushlstring(L, (const char *)out, sizeof(out));
  return 1;
}

/* date(unix_seconds) -> x-jdcloud-date */
static int text_date(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds > -1e15 && seconds < 1e15, 1, "no date");
  char out[JDC_DATE];
  jdc_date_format((int64_t)seconds, out);
  lua_pushlstring(L, out, sizeof(out));
  return 1;
}

static int push_seconds(lua_State *L, bool ok, int64_t seconds) {
  if (ok)
    jdc_pushint64(L, seconds);
  else
    lua_pushnil(L);
  return 1;
}

/* parse_date(x-jdcloud-date) -> Unix seconds | nil */
static int text_parse_date(lua_State *L) {
  int64_t seconds = 0;
  bool ok = jdc_date_parse(jdc_lua_str(L, 1), &seconds);
  return push_seconds(L, ok, seconds);
}

/* parse_http_date(text) -> Unix seconds | nil; the three forms of RFC 9110 5.6.7 */
static int text_parse_http_date(lua_State *L) {
  int64_t seconds = 0;
  bool ok = jdc_date_parse_http(jdc_lua_str(L, 1), &seconds);
  return push_seconds(L, ok, seconds);
}

void jdc_open_text(lua_State *L) {
  static const luaL_Reg functions[] = { { "base64", text_base64 },
                                        { "encode", text_encode },
                                        { "hex", text_hex },
                                        { "sha256", text_sha256 },
                                        { "hmac", text_hmac },
                                        { "date", text_date },
                                        { "parse_date", text_parse_date },
                                        { "parse_http_date", text_parse_http_date },
                                        { NULL, NULL } };
  jdc_lua_type(L, TEXT_KIT_META, NULL, kit_gc);
  (void)jdc_lua_new(L, sizeof(jdc_text_kit), TEXT_KIT_META);
  for (const luaL_Reg *f = functions; f->name != NULL; f++) {
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -3, f->name);
  }
  lua_pop(L, 1);
}
