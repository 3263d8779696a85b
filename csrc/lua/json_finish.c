/* json_finish.c - one pass over the value that cjson made: takes out the marks of json.c, and gives a result the types
 * of its model. */
#include <stdint.h>

#include "json.h"

/* The arguments, which stay where they are. */
enum { VALUE = 1, LIST_META, RAW, PLAN, RESOLVE, KEEP_NULL, ARGUMENTS = KEEP_NULL };

/* In a pass, the index of a plan is 0 where there is none: nothing is known of the value. */
typedef struct pass {
  lua_State *L;
  bool raw;       /* there may be marks, and an empty table is a list */
  bool shaping;   /* not only marks: numbers without a fraction become integers, null members go */
  bool keep_null; /* or stay */
} pass;

static void make_list(lua_State *L, int t) {
  lua_pushvalue(L, LIST_META);
  lua_setmetatable(L, t);
}

/* Is it the plan of a list? */
static bool is_of_list(lua_State *L, int plan) {
  if (plan == 0 || !lua_istable(L, plan)) return false;
  lua_rawgeti(L, plan, 1);
  const bool is = lua_istable(L, -1) || (lua_isboolean(L, -1) && !lua_toboolean(L, -1));
  lua_pop(L, 1);
  return is;
}

/* Pushes an empty object, or the empty list that is meant by it. */
static void push_empty(lua_State *L, int plan) {
  lua_newtable(L);
  if (is_of_list(L, plan)) make_list(L, lua_gettop(L));
}

/* The digits of an integer, which may have a minus sign -> the integer; false beyond 64 bits. */
static bool read_integer(const char *from, const char *end, int64_t *out) {
  const bool negative = *from == '-';
  const uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
  uint64_t n = 0;
  for (const char *p = negative ? from + 1 : from; p < end; p++) {
    const uint64_t digit = (uint64_t)(*p - '0');
    if (n > (most - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = negative ? -(int64_t)(n - 1) - 1 : (int64_t)n;
  return true;
}

static bool is_mark(const pass *p, int at) {
  size_t length = 0;
  const char *text = p->raw ? lua_tolstring(p->L, at, &length) : NULL;
  return length >= 2 && text[0] == '\0';
}

/* Pushes what the mark at the index stands for. */
static void push_marked(lua_State *L, int at, int plan) {
  size_t length;
  const char *mark = lua_tolstring(L, at, &length);
  int64_t n;
  if (mark[1] == 'o')
    push_empty(L, plan);
  else if (JDC_HAS_INTEGERS && mark[1] == 'i' && read_integer(mark + 2, mark + length, &n))
    jdc_pushint64(L, n);
  else
    lua_pushlstring(L, mark + 2, length - 2);
}

/* Is the number a float without a fraction that an integer can hold? */
static bool is_integral(lua_State *L, int at, int64_t *out) {
  if (!JDC_HAS_INTEGERS || lua_isinteger(L, at)) return false;
  const lua_Number n = lua_tonumber(L, at);
  if (!(n >= (lua_Number)INT64_MIN && n < -(lua_Number)INT64_MIN)) return false;
  *out = (int64_t)n;
  return (lua_Number)*out == n;
}

static void finish_table(const pass *p, int t, int plan, int depth);

/* Finishes the value at the index: pushes what takes its place, or false and nothing, if it stays. */
static bool finish(const pass *p, int at, int plan, int depth) {
  lua_State *L = p->L;
  int64_t n;
  switch (lua_type(L, at)) {
  case LUA_TTABLE: finish_table(p, at, plan, depth + 1); return false;
  case LUA_TNUMBER:
    if (!p->shaping || (plan != 0 && lua_isboolean(L, plan)) || !is_integral(L, at, &n)) return false;
    jdc_pushint64(L, n);
    return true;
  case LUA_TSTRING:
    if (!is_mark(p, at)) return false;
    push_marked(L, at, plan);
    return true;
  default: return false;
  }
}

static void finish_elements(const pass *p, int t, int length, int plan, int depth) {
  lua_State *L = p->L;
  const int item = lua_gettop(L) + 1;
  for (int i = 1; i <= length; i++) {
    lua_rawgeti(L, t, i);
    if (finish(p, item, plan, depth)) lua_rawseti(L, t, i);
    lua_settop(L, item - 1);
  }
}

/* Pushes the plan of the member whose name is at `key`: nil if the plan, which may be 0, has no such name. */
static void push_plan(lua_State *L, int plan, int key) {
  if (plan != 0 && lua_type(L, key) == LUA_TSTRING) {
    lua_pushvalue(L, key);
    lua_rawget(L, plan);
  } else {
    lua_pushnil(L);
  }
}

/* Returns whether there were any. */
static bool finish_members(const pass *p, int t, int plan, int depth) {
  lua_State *L = p->L;
  const int key = lua_gettop(L) + 1, item = key + 1, of_item = key + 2;
  bool any = false;
  for (lua_pushnil(L); lua_next(L, t) != 0; lua_settop(L, key)) {
    any = true;
    const int type = lua_type(L, item);
    if (type == LUA_TBOOLEAN || (type == LUA_TSTRING && !is_mark(p, item))) continue;
    const bool null = type == LUA_TLIGHTUSERDATA && lua_touserdata(L, item) == NULL;
    if (null && (!p->shaping || p->keep_null || lua_type(L, key) != LUA_TSTRING)) continue;
    push_plan(L, plan, key);
    const int of = lua_isnil(L, of_item) ? 0 : of_item;
    if (null && is_of_list(L, of)) {
      push_empty(L, of);
    } else if (null) {
      lua_pushnil(L);
    } else if (!finish(p, item, of, depth)) {
      continue;
    }
    lua_pushvalue(L, key);
    lua_insert(L, -2);
    lua_rawset(L, t); /* of a name that is there: the traversal may go on */
  }
  return any;
}

/* Pushes plan[1], for objects not before their names are there. */
static void push_element_plan(lua_State *L, int plan) {
  lua_rawgeti(L, plan, 1);
  if (!lua_toboolean(L, -1) || lua_istable(L, -1)) return;
  lua_pushvalue(L, RESOLVE);
  lua_pushvalue(L, plan);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  lua_pushnil(L);
}

/* Where the value is of another kind than its plan, its own kind counts, and nothing is known of what is in it. */
static void finish_table(const pass *p, int t, int plan, int depth) {
  lua_State *L = p->L;
  const int top = lua_gettop(L), length = (int)lua_rawlen(L, t);
  if (depth > JDC_JSON_DEPTH) luaL_error(L, "JSON is nested too deeply");
  luaL_checkstack(L, 8, "JSON is nested too deeply");
  int of_elements = 0, of_members = 0;
  if (plan != 0 && lua_istable(L, plan)) {
    push_element_plan(L, plan);
    if (lua_isnil(L, top + 1))
      of_members = plan;
    else
      of_elements = top + 1;
  }
  if (length > 0)
    finish_elements(p, t, length, of_elements, depth);
  else if (!finish_members(p, t, of_members, depth) && (p->raw || of_elements != 0))
    make_list(L, t);
  lua_settop(L, top);
}

int jdc_json_finish(lua_State *L) {
  lua_settop(L, ARGUMENTS);
  const pass p = { L, lua_toboolean(L, RAW) != 0, !lua_isnil(L, PLAN), lua_toboolean(L, KEEP_NULL) != 0 };
  if (!finish(&p, VALUE, lua_isnil(L, PLAN) ? 0 : PLAN, 0)) lua_pushvalue(L, VALUE);
  return 1;
}
