/* exchange.c - the Lua object for one transfer.
 *
 *   engine:start({ method, url, headers, body, timeout, connect_timeout, idle_timeout, max_size }, tag)
 *     headers: {{name, value}, ...}, or one text of lines `name: value`
 *     tag: a whole number by which engine:ended tells of it; none: the owner asks himself
 *     -> transfer | nil, { kind, sent = false, message }
 *   transfer:done() -> is there a result?
 *   transfer:result() -> nothing                             while it is going
 *                     -> status, headers, body               headers: lower-case name -> value, repeated ones joined
 *                     -> false, kind, phase, sent, message, final   as in design.md, "A transport"
 *   transfer:cancel()                                        breaks it off; collecting the object does the same
 *
 * A result is handed out once; with it the transfer goes back to the engine's pool. */
#include "module.h"

#include <string.h>

#define TRANSFER "jdcloud.curl.transfer"

typedef struct transfer_box {
  jdc_engine *engine;
  jdc_transfer *transfer; /* NULL until taken from the engine, and once given back; `engine` then too */
} transfer_box;

static void give_back(transfer_box *box) {
  jdc_engine *engine = box->engine;
  jdc_transfer *transfer = box->transfer;
  box->engine = NULL;
  box->transfer = NULL;
  if (transfer != NULL) jdc_engine_give_back(engine, transfer);
}

static int refuse(lua_State *L, transfer_box *box, const char *kind, const char *message) {
  give_back(box);
  lua_pushnil(L);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "sent");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  return 2;
}

/* Pushes the field and leaves it there, so that the text stays alive. NULL unless it is a string without zero bytes. */
static const char *text_field(lua_State *L, const char *name) {
  size_t len = 0;
  lua_getfield(L, 2, name);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
  return text != NULL && strlen(text) == len ? text : NULL;
}

/* Entry `i` of the pair on the top of the stack. */
static jdc_str pair_part(lua_State *L, int i) {
  jdc_str s = { NULL, 0 };
  lua_rawgeti(L, -1, i);
  if (lua_type(L, -1) == LUA_TSTRING) s.ptr = lua_tolstring(L, -1, &s.len);
  lua_pop(L, 1); /* the pair holds it */
  return s;
}

/* Headers as one text: `name: value` and a line feed each. */
static const char *add_lines(jdc_transfer *t, jdc_str text) {
  const char *problem = NULL;
  while (text.len > 0 && problem == NULL) {
    const char *end = memchr(text.ptr, '\n', text.len);
    const char *colon = memchr(text.ptr, ':', text.len);
    if (end == NULL || colon == NULL || colon > end) return "headers must be lines of name: value";
    problem = jdc_transfer_header(t, (jdc_str){ text.ptr, (size_t)(colon - text.ptr) },
                                  (jdc_str){ colon + 1, (size_t)(end - colon) - 1 });
    text.len -= (size_t)(end - text.ptr) + 1;
    text.ptr = end + 1;
  }
  return problem;
}

static const char *add_headers(lua_State *L, jdc_transfer *t) {
  const char *problem = NULL;
  lua_getfield(L, 2, "headers");
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) == LUA_TSTRING) {
    jdc_str text;
    text.ptr = lua_tolstring(L, -1, &text.len);
    return add_lines(t, text);
  }
  if (!lua_istable(L, -1)) return "headers must be a list of {name, value}";
  const int count = (int)lua_rawlen(L, -1);
  for (int i = 1; i <= count && problem == NULL; i++) {
    lua_rawgeti(L, -1, i);
    if (!lua_istable(L, -1)) return "headers must be a list of {name, value}";
    const jdc_str name = pair_part(L, 1), value = pair_part(L, 2);
    if (name.ptr == NULL || value.ptr == NULL) return "a header's name and value must be strings";
    problem = jdc_transfer_header(t, name, value);
    lua_pop(L, 1);
  }
  return problem;
}

/* The body stays where it is in Lua's memory: the transfer, at `owner`, holds on to it. */
static const char *add_body(lua_State *L, int owner, jdc_str *body) {
  lua_getfield(L, 2, "body");
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING) return "body must be a string";
  body->ptr = lua_tolstring(L, -1, &body->len);
  if (body->len == 0) return NULL;
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  jdc_setuservalue(L, owner);
  return NULL;
}

static const char *read_request(lua_State *L, jdc_transfer *t, jdc_http_request *r) {
  r->method = text_field(L, "method");
  if (r->method == NULL) return "method must be a string";
  r->url = text_field(L, "url");
  if (r->url == NULL) return "url must be a string";
  const char *problem = add_headers(L, t);
  if (problem == NULL) problem = add_body(L, 3, &r->body);
  if (problem != NULL) return problem;
  if (!jdc_seconds_read(L, 2, "timeout", &r->timeout_ms) || !jdc_bounds_read(L, 2, &r->bounds))
    return lua_tostring(L, -1);
  return NULL;
}

int jdc_transfer_start(lua_State *L, jdc_engine *engine) {
  luaL_checktype(L, 2, LUA_TTABLE);
  const int64_t tag = (int64_t)luaL_optnumber(L, 3, 0);
  lua_settop(L, 2);
  luaL_checkstack(L, 16, NULL);
  transfer_box *box = jdc_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  luaL_getmetatable(L, TRANSFER);
  (void)lua_setmetatable(L, 3);

  if (jdc_engine_closed(engine)) return refuse(L, box, "closed", "the transport was closed");
  box->transfer = jdc_engine_take(engine);
  if (box->transfer == NULL) return refuse(L, box, "network", jdc_curl_nomem);
  box->engine = engine;
  box->transfer->tag = tag;
  jdc_http_request request = { .bounds = jdc_engine_bounds(engine) };
  const char *problem = read_request(L, box->transfer, &request);
  if (problem == NULL) problem = jdc_engine_start(engine, box->transfer, &request);
  if (problem != NULL) return refuse(L, box, problem == jdc_curl_nomem ? "network" : "config", problem);
  lua_settop(L, 3);
  return 1;
}

/* Sets headers[name] in the table on the top of the stack; a second value is appended (RFC 9110, 5.3). */
static void put_header(lua_State *L, const char *name, size_t name_len, const char *value, size_t value_len) {
  lua_pushlstring(L, name, name_len);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushlstring(L, value, value_len);
  } else {
    lua_pushliteral(L, ", ");
    lua_pushlstring(L, value, value_len);
    lua_concat(L, 3);
  }
  lua_rawset(L, -3);
}

/* Pushes the table of headers, whose names become lower case where they stand. The status line has no colon before
 * its first blank, a continued line (obsolete since RFC 7230) begins with a blank; both are passed over. */
static void push_headers(lua_State *L, jdc_buf *head) {
  lua_createtable(L, 0, 8);
  char *end = head->data + head->len;
  for (char *line = head->data, *next; line != NULL && line < end; line = next) {
    char *stop = memchr(line, '\n', (size_t)(end - line));
    if (stop == NULL) stop = end;
    next = stop < end ? stop + 1 : end;
    char *colon = line;
    for (; colon < stop && *colon != ':' && !jdc_blank(*colon); colon++) *colon = jdc_lower(*colon);
    if (colon == line || colon == stop || *colon != ':') continue;
    const char *value = colon + 1;
    while (value < stop && jdc_blank(*value)) value++;
    while (stop > value && jdc_blank(stop[-1])) stop--;
    put_header(L, line, (size_t)(colon - line), value, (size_t)(stop - value));
  }
}

static int push_failure(lua_State *L, const char *kind, const char *phase, bool sent, const char *message, bool final) {
  lua_pushboolean(L, 0);
  lua_pushstring(L, kind);
  lua_pushstring(L, phase); /* NULL pushes nil */
  lua_pushboolean(L, sent);
  lua_pushstring(L, message);
  lua_pushboolean(L, final);
  return 6;
}

static int result(lua_State *L) {
  transfer_box *box = luaL_checkudata(L, 1, TRANSFER);
  jdc_transfer *t = box->transfer;
  int count = 3;
  if (t == NULL) return push_failure(L, "closed", NULL, true, "the result has been taken", true);
  if (t->state == JDC_TRANSFER_RUNNING) return 0;
  if (t->state == JDC_TRANSFER_FAILED) {
    count = push_failure(L, t->failed.kind, t->failed.phase, t->failed.sent, t->failed.message, t->failed.final);
  } else {
    lua_pushinteger(L, (lua_Integer)t->status);
    push_headers(L, &t->head);
    lua_pushlstring(L, t->body.len > 0 ? t->body.data : "", t->body.len);
  }
  give_back(box); /* only now: until everything is pushed, Lua may run out of memory */
  return count;
}

static int done(lua_State *L) {
  const transfer_box *box = luaL_checkudata(L, 1, TRANSFER);
  lua_pushboolean(L, box->transfer == NULL || box->transfer->state != JDC_TRANSFER_RUNNING);
  return 1;
}

static int cancel(lua_State *L) {
  transfer_box *box = luaL_checkudata(L, 1, TRANSFER);
  if (box->transfer != NULL) jdc_engine_cancel(box->engine, box->transfer);
  return 0;
}

static int finish(lua_State *L) {
  give_back(luaL_checkudata(L, 1, TRANSFER));
  return 0;
}

void jdc_transfer_register(lua_State *L) {
  static const luaL_Reg METHODS[] = { { "done", done }, { "result", result }, { "cancel", cancel }, { NULL, NULL } };
  jdc_class(L, TRANSFER, METHODS, finish);
}
