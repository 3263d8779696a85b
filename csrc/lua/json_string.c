/* json_string.c - a string as JSON; and is it UTF-8? */
#include "json.h"

#define DELETE 0x7f

typedef unsigned char byte;

static bool is_plain(byte c) { return c >= ' ' && c != '"' && c != '\\' && c != DELETE; }

/* Behind the sequence of more than one byte that begins at p; NULL if it is not well-formed (RFC 3629, 4). */
static const byte *skip_sequence(const byte *p, const byte *end) {
  const byte lead = *p++;
  byte low = 0x80, high = 0xbf; /* of the second byte */
  int more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  if (lead < 0xc2 || lead > 0xf4 || end - p < more) return NULL;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f; /* no surrogates */
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (*p < low || *p > high) return NULL;
  for (p++; more > 1; p++, more--) {
    if (*p < 0x80 || *p > 0xbf) return NULL;
  }
  return p;
}

/* Is it UTF-8? `plain`: does it need no escapes? */
static bool check(const byte *p, const byte *end, bool *plain) {
  *plain = true;
  while (p != NULL && p < end) {
    if (!is_plain(*p)) *plain = false;
    p = *p < 0x80 ? p + 1 : skip_sequence(p, end);
  }
  return p != NULL;
}

static void add_escape(luaL_Buffer *out, byte c) {
  static const char hex[] = "0123456789abcdef";
  char text[] = "\\u0000";
  switch (c) {
  case '"': luaL_addstring(out, "\\\""); break;
  case '\\': luaL_addstring(out, "\\\\"); break;
  case '\b': luaL_addstring(out, "\\b"); break;
  case '\f': luaL_addstring(out, "\\f"); break;
  case '\n': luaL_addstring(out, "\\n"); break;
  case '\r': luaL_addstring(out, "\\r"); break;
  case '\t': luaL_addstring(out, "\\t"); break;
  default:
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    luaL_addstring(out, text);
  }
}

int jdc_is_utf8(lua_State *L) {
  size_t length;
  const byte *p = (const byte *)luaL_checklstring(L, 1, &length);
  bool plain;
  lua_pushboolean(L, check(p, p + length, &plain));
  return 1;
}

int jdc_json_string(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  const byte *p = (const byte *)text, *end = p + length;
  bool plain;
  if (!check(p, end, &plain)) {
    lua_pushnil(L);
    return 1;
  }
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  luaL_addchar(&out, '"');
  if (plain) luaL_addlstring(&out, text, length);
  for (; !plain && p < end; p++) {
    if (is_plain(*p))
      luaL_addchar(&out, (char)*p);
    else
      add_escape(&out, *p);
  }
  luaL_addchar(&out, '"');
  luaL_pushresult(&out);
  return 1;
}
