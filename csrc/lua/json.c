/* json.c - marks in JSON text (json.h): big integers, empty objects. Linear, no allocation of ours. */
#include "json.h"

#include <string.h>

/* The largest |n| that no other integer is rounded to as a double; 2^53 may have been 2^53 + 1. */
#define EXACT        "9007199254740991"
#define EXACT_DIGITS (sizeof(EXACT) - 1)

#define NUL        "\\u0000"
#define NUL_LENGTH (sizeof(NUL) - 1)

typedef struct scan {
  lua_State *L;
  const char *at, *end;
  const char *copied; /* everything before it is in the buffer, once there is one */
  luaL_Buffer buffer;
  bool marked;
  bool empty_list; /* there is one */
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

/* The next quote that no backslash stands before, from p in a string that begins at `content`; or the end of a text
 * that is cut short. */
static const char *closing_quote(const char *content, const char *end) {
  for (const char *p = content; p < end; p++) {
    p = memchr(p, '"', (size_t)(end - p));
    if (p == NULL) break;
    const char *run = p; /* of backslashes: each pair is one that is meant */
    while (run > content && run[-1] == '\\') run--;
    if ((p - run) % 2 == 0) return p;
  }
  return end;
}

/* At an opening quote; ends behind the closing one. */
static void string(scan *s) {
  const char *content = s->at + 1;
  const char *p = closing_quote(content, s->end);
  s->at = p < s->end ? p + 1 : p;
  if (content[0] != '\\' || (size_t)(p - content) < NUL_LENGTH || memcmp(content, NUL, NUL_LENGTH) != 0) return;
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

/* At an opening bracket or brace. */
static void container(scan *s) {
  const char *next = skip_blanks(s->at + 1, s->end);
  if (next < s->end && *s->at == '[' && *next == ']') s->empty_list = true;
  if (next < s->end && *s->at == '{' && *next == '}') replace(s, s->at, next + 1, "\"" NUL "o\"");
  s->at = next;
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
    } else if (c == '[' || c == '{') {
      container(&s);
    } else if (c == '-' || is_digit(c)) {
      number(&s);
    } else {
      s.at++;
    }
  }
  if (s.marked) {
    luaL_addlstring(&s.buffer, s.copied, (size_t)(s.end - s.copied));
    luaL_pushresult(&s.buffer);
  }
  lua_pushboolean(L, s.marked || s.empty_list);
  return 2;
}
