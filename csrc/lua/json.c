/* json.c - marks in JSON text (json.h): big integers, empty lists. Linear, no allocation of ours. */
#include "json.h"

#include <string.h>

/* |n| up to 2^53 is exact as a double. */
#define EXACT        "9007199254740992"
#define EXACT_DIGITS (sizeof(EXACT) - 1)

#define NUL        "\\u0000"
#define NUL_LENGTH (sizeof(NUL) - 1)

typedef struct scan {
  lua_State *L;
  const char *at, *end;
  const char *copied; /* everything before it is in the buffer, once there is one */
  luaL_Buffer buffer;
  bool marked;
} scan;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_blanks(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  return p;
}

/* Puts `mark` in the place of [from, to). */
static void replace(scan *s, const char *from, const char *to, const char *mark) {
  if (!s->marked) luaL_buffinit(s->L, &s->buffer);
  s->marked = true;
  luaL_addlstring(&s->buffer, s->copied, (size_t)(from - s->copied));
  luaL_addstring(&s->buffer, mark);
  s->copied = to;
}

/* At an opening quote; ends behind the closing one, or at the end of a text that is cut short. */
static void string(scan *s) {
  const char *content = s->at + 1;
  const char *p = content;
  while (p < s->end && *p != '"') p += *p == '\\' && p + 1 < s->end ? 2 : 1;
  s->at = p < s->end ? p + 1 : p;
  if ((size_t)(p - content) < NUL_LENGTH || memcmp(content, NUL, NUL_LENGTH) != 0) return;
  const char *next = skip_blanks(s->at, s->end);
  if (next < s->end && *next == ':') return;
  replace(s, content, content, NUL "s");
}

/* At a minus sign or a digit. */
static void number(scan *s) {
  const char *from = s->at;
  const char *digits = *from == '-' ? from + 1 : from;
  const char *p = digits;
  while (p < s->end && is_digit(*p)) p++;
  const size_t count = (size_t)(p - digits);
  const char *end_of_digits = p;
  while (p < s->end && (is_digit(*p) || *p == '.' || *p == 'e' || *p == 'E' || *p == '+' || *p == '-')) p++;
  s->at = p;
  if (p != end_of_digits || count < EXACT_DIGITS || *digits == '0') return;
  if (count == EXACT_DIGITS && memcmp(digits, EXACT, EXACT_DIGITS) <= 0) return;
  replace(s, from, from, "\"" NUL "i");
  replace(s, p, p, "\"");
}

/* At an opening bracket. */
static void list(scan *s) {
  const char *next = skip_blanks(s->at + 1, s->end);
  if (next < s->end && *next == ']') {
    replace(s, s->at, next + 1, "\"" NUL "l\"");
    s->at = next + 1;
  } else {
    s->at++;
  }
}

int jdc_json_mark(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_settop(L, 1); /* keeps the text alive below the buffer */
  scan s = { .L = L, .at = text, .end = text + length, .copied = text };
  while (s.at < s.end) {
    const char c = *s.at;
    if (c == '"') {
      string(&s);
    } else if (c == '[') {
      list(&s);
    } else if (c == '-' || is_digit(c)) {
      number(&s);
    } else {
      s.at++;
    }
  }
  if (!s.marked) return 1;
  luaL_addlstring(&s.buffer, s.copied, (size_t)(s.end - s.copied));
  luaL_pushresult(&s.buffer);
  return 1;
}

/* The table is at t and on the top; the function to restore with is at 2. */
static void unmark(lua_State *L, int t, int depth) {
  if (depth > JDC_JSON_DEPTH) luaL_error(L, "JSON is nested too deeply");
  luaL_checkstack(L, 6, "JSON is nested too deeply");
  for (lua_pushnil(L); lua_next(L, t) != 0; lua_settop(L, t + 1)) { /* the key stays at t + 1, the value at t + 2 */
    const int type = lua_type(L, t + 2);
    if (type == LUA_TTABLE) unmark(L, t + 2, depth + 1);
    if (type != LUA_TSTRING) continue;
    size_t length;
    const char *text = lua_tolstring(L, t + 2, &length);
    if (length == 0 || text[0] != '\0') continue;
    lua_pushvalue(L, t + 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, t + 2);
    lua_call(L, 1, 1);
    lua_rawset(L, t);
  }
}

int jdc_json_unmark(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  unmark(L, 3, 1);
  return 1;
}
