/* call.c - the userdata of a call: what call.lua drives. */
#include <string.h>

#include "binding.h"

#define TEXT_MAX   (JDC_TARGET_MAX + 2 * JDC_HEADER_BYTES_MAX) /* a URL, or all headers of a request */
#define TICKET_MAX 9007199254740992.0 /* 2^53: up to there Lua's numbers tell every ticket from the next */

typedef struct jdc_lua_call {
  jdc_call *call;
  jdc_held *cloud, *credential; /* held as long as the call may use them */
  jdc_store_box *random;
  bool plain;   /* http, not https */
  jdc_buf text; /* for what goes to Lua as one text; wiped, since an Authorization may be in it */
} jdc_lua_call;

static jdc_lua_call *box_of(lua_State *L) {
  jdc_lua_call *box = luaL_checkudata(L, 1, JDC_CALL_META);
  if (box->call == NULL) luaL_argerror(L, 1, "the call is closed");
  return box;
}

static int call_gc(lua_State *L) {
  jdc_lua_call *box = luaL_checkudata(L, 1, JDC_CALL_META);
  jdc_call_free(box->call); /* first: it gives back what it holds of the others */
  jdc_let_go(box->credential);
  jdc_let_go(box->cloud);
  if (box->text.alloc.fn != NULL) {
    jdc_buf_wipe(&box->text);
    jdc_buf_free(&box->text);
  }
  memset(box, 0, sizeof(*box));
  return 0;
}

/* call(cloud) -> an empty call of this cloud; begin may be called on it again and again */
static int call_new(lua_State *L) {
  jdc_held *cloud = jdc_lua_cloud(L, 1);
  jdc_lua_call *box = jdc_lua_new(L, sizeof(*box), JDC_CALL_META);
  box->random = jdc_random_store(L);
  jdc_buf_init(&box->text, jdc_lua_alloc(L), TEXT_MAX);
  jdc_status status = jdc_call_new(jdc_lua_alloc(L), cloud->object, &box->call);
  if (status != JDC_OK) return jdc_lua_fail(L, status, "call");
  box->cloud = jdc_hold_too(cloud);
  return 1;
}

static jdc_call_options options_of(lua_State *L, int t) {
  lua_Number attempts = jdc_lua_number(L, t, "attempts", 3);
  jdc_call_options o = {
    .timeout_ms = jdc_ms(jdc_lua_number(L, t, "timeout", 1e13)),
    .max_wait_ms = jdc_ms(jdc_lua_number(L, t, "max_wait", 1e13)),
    .busy_timeout_ms = jdc_ms(jdc_lua_number(L, t, "busy_timeout", 0)),
    .attempts = attempts >= 1 && attempts <= JDC_ATTEMPTS_MAX ? (int)attempts : 0,
    .repeatable = jdc_lua_flag(L, t, "repeatable"),
    .client_token = jdc_lua_flag(L, t, "client_token"),
    .idempotent = jdc_lua_flag(L, t, "idempotent"),
    .renewable = jdc_lua_flag(L, t, "renewable"),
    .limiter = JDC_LIMITER_PROCESS,
    .operation = jdc_lua_field(L, t, "limit_operation"),
  };
  jdc_str limiter = jdc_lua_field(L, t, "limiter");
  if (limiter.len == 4 && memcmp(limiter.ptr, "none", 4) == 0) o.limiter = JDC_LIMITER_NONE;
  if (limiter.len == 6 && memcmp(limiter.ptr, "driver", 6) == 0) o.limiter = JDC_LIMITER_DRIVER;
  return o;
}

/* call:begin(request, credential [, now, wall]) -> true | nil, message. request: as for sign, and timeout, max_wait,
 * busy_timeout (seconds), attempts, repeatable, client_token, idempotent, renewable, limiter ("process", "driver",
 * "none"), limit_operation, user_agent. */
static int call_begin(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  jdc_held *credential = jdc_lua_credential(L, 3);
  jdc_sign_request request;
  jdc_header headers[JDC_HEADERS_MAX];
  jdc_lua_request(L, 2, &request);
  request.nheaders = jdc_lua_headers(L, 2, headers);
  jdc_str agent = jdc_lua_field(L, 2, "user_agent");
  if (agent.len > 0 && request.nheaders < JDC_HEADERS_MAX)
    headers[request.nheaders++] = (jdc_header){ JDC_STR("user-agent"), agent };
  request.headers = headers;
  jdc_call_options options = options_of(L, 2);
  box->plain = request.scheme.len == 4;
  jdc_time t = jdc_lua_time(L, 4);

  if (box->credential != credential) {
    jdc_call_cancel(box->call, t.now_ms); /* a call under way still hangs on the other credential */
    jdc_let_go(box->credential);
    box->credential = jdc_hold_too(credential);
  }
  const char *problem;
  jdc_status status = jdc_call_begin(box->call, &request, credential->object, &options, t, &problem);
  if (status == JDC_INVALID || status == JDC_TOO_BIG) return jdc_lua_nil(L, problem);
  if (status != JDC_OK) return jdc_lua_fail(L, status, "call");
  lua_pushboolean(L, 1);
  return 1;
}

/* Pushes { { name, value }, ... }. */
static void push_pairs(lua_State *L, const jdc_header *headers, size_t n) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, headers[i].name.ptr, headers[i].name.len);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, headers[i].value.len > 0 ? headers[i].value.ptr : "", headers[i].value.len);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void push_text(lua_State *L, const jdc_buf *text) {
  if (text->status != JDC_OK) jdc_lua_fail(L, text->status, "request");
  lua_pushlstring(L, text->data, text->len);
}

/* Pushes the headers as one text, `name: value` and a line feed each: tables are what costs time here. No value has a
 * line feed in it (field.h). */
static void push_lines(lua_State *L, jdc_buf *text, const jdc_header *headers, size_t n) {
  jdc_buf_clear(text);
  for (size_t i = 0; i < n; i++) {
    jdc_buf_str(text, headers[i].name);
    jdc_buf_add(text, ": ", 2);
    jdc_buf_str(text, headers[i].value);
    jdc_buf_chr(text, '\n');
  }
  push_text(L, text);
}

static void push_url(lua_State *L, jdc_lua_call *box, const jdc_signer *signer) {
  jdc_buf *url = &box->text;
  jdc_buf_clear(url);
  jdc_buf_str(url, box->plain ? JDC_STR("http://") : JDC_STR("https://"));
  jdc_buf_str(url, jdc_sign_host(signer));
  jdc_buf_str(url, jdc_sign_target(signer));
  push_text(L, url);
}

static int push_send(lua_State *L, jdc_lua_call *box, int64_t timeout_ms, bool as_text) {
  jdc_signer *signer = jdc_call_signer(box->call);
  jdc_str method = jdc_sign_method(signer);
  const jdc_header *headers;
  size_t n = jdc_sign_headers(signer, &headers);
  lua_pushliteral(L, "send");
  lua_pushlstring(L, method.ptr, method.len);
  push_url(L, box, signer);
  if (as_text)
    push_lines(L, &box->text, headers, n);
  else
    push_pairs(L, headers, n);
  if (timeout_ms == JDC_FOREVER_MS)
    lua_pushnil(L);
  else
    lua_pushnumber(L, jdc_seconds(timeout_ms));
  return 5;
}

static int push_reserve(lua_State *L, const jdc_step *step) {
  lua_pushliteral(L, "reserve");
  lua_createtable(L, (int)step->nkeys, 0);
  for (size_t i = 0; i < step->nkeys; i++) {
    lua_pushlstring(L, step->keys[i].ptr, step->keys[i].len);
    lua_rawseti(L, -2, (int)i + 1);
  }
  if (step->latest_ms == JDC_NEVER)
    lua_pushnil(L);
  else
    lua_pushnumber(L, jdc_seconds(step->latest_ms));
  if (step->ticket == 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)step->ticket);
  return 4;
}

/* call:next([now, wall, random, as_text]) -> one of
 *   "send", method, url, headers ({ { name, value }, ... }), timeout (seconds | nil)
 *   "wait", seconds, why            why: backoff limit throttled busy credentials answer
 *   "reserve", keys, latest (on now's clock | nil), ticket | nil
 *   "credentials", why              why: missing expiring refused
 *   "done", kind                    "ok", or the kind of the error; call:outcome() tells more
 * now, wall, random (24 bytes): for virtual time; by default the host's. as_text: the headers as one text, `name:
 * value` and a line feed each. */
static int call_next(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  unsigned char bytes[JDC_RANDOM];
  const unsigned char *random = bytes;
  jdc_time t = jdc_lua_time(L, 2);
  if (lua_isnoneornil(L, 4)) {
    jdc_random_take(L, box->random, bytes, sizeof(bytes));
  } else {
    jdc_str given = jdc_lua_str(L, 4);
    luaL_argcheck(L, given.len == JDC_RANDOM, 4, "24 bytes");
    random = (const unsigned char *)given.ptr;
  }
  jdc_step step;
  jdc_call_next(box->call, t, random, &step);
  switch (step.kind) {
  case JDC_STEP_SEND: return push_send(L, box, step.wait_ms, lua_toboolean(L, 5) != 0);
  case JDC_STEP_RESERVE: return push_reserve(L, &step);
  case JDC_STEP_WAIT:
    lua_pushliteral(L, "wait");
    lua_pushnumber(L, jdc_seconds(step.wait_ms));
    lua_pushstring(L, jdc_wait_why_text(step.why));
    return 3;
  case JDC_STEP_CREDENTIALS:
    lua_pushliteral(L, "credentials");
    lua_pushstring(L, jdc_credential_why_text(step.need));
    return 2;
  case JDC_STEP_DONE: break;
  }
  lua_pushliteral(L, "done");
  lua_pushstring(L, jdc_kind_text(jdc_call_outcome(box->call)->kind));
  return 2;
}

static jdc_str opt_str(lua_State *L, int arg) {
  jdc_str s = { NULL, 0 };
  if (lua_type(L, arg) == LUA_TSTRING) s.ptr = lua_tolstring(L, arg, &s.len);
  return s;
}

/* call:answered(http_status, body, error_code | nil, error_status, error_message, request_id, denied, date,
 * retry_after, head [, now, wall, limit, remaining]) -> did the call succeed? Then it is done. body: "empty",
 * "envelope", "json" or "other"; error_code: nil where the envelope has no error; limit, remaining: the headers
 * x-jdcloud-…-minute. */
static int call_answered(lua_State *L) {
  static const char *const bodies[] = { "empty", "envelope", "json", "other", NULL };
  jdc_lua_call *box = box_of(L);
  lua_Number code = luaL_optnumber(L, 4, 0);
  jdc_answer answer = {
    .http_status = (int)luaL_checkinteger(L, 2),
    .body = (jdc_body)luaL_checkoption(L, 3, NULL, bodies),
    .has_error = !lua_isnoneornil(L, 4),
    .code = code > -1e9 && code < 1e9 ? (int64_t)code : 500,
    .status = opt_str(L, 5),
    .message = opt_str(L, 6),
    .request_id = opt_str(L, 7),
    .denied = opt_str(L, 8),
    .date = opt_str(L, 9),
    .retry_after = opt_str(L, 10),
    .limit = opt_str(L, 14),
    .left = opt_str(L, 15),
    .head = lua_toboolean(L, 11) != 0,
  };
  jdc_call_answered(box->call, jdc_lua_time(L, 12), &answer);
  lua_pushboolean(L, jdc_call_succeeded(box->call));
  return 1;
}

/* call:failed(kind, phase | nil, sent, final [, now, wall]): the transport got no whole answer. A kind that is none is
 * network; final: the same call would end the same way. */
static int call_failed(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  int kind = jdc_kind_find(opt_str(L, 2)), phase = jdc_phase_find(opt_str(L, 3));
  jdc_failure failure = { kind > JDC_KIND_OK ? (jdc_kind)kind : JDC_KIND_NETWORK,
                          phase > 0 ? (jdc_phase)phase : JDC_PHASE_NONE, lua_toboolean(L, 4) != 0,
                          lua_toboolean(L, 5) != 0 };
  jdc_call_failed(box->call, jdc_lua_time(L, 6), &failure);
  return 0;
}

/* Seconds of a limiter: without an end is never. */
static int64_t ms_or_never(lua_Number seconds) {
  int64_t ms = jdc_ms(seconds);
  return ms == JDC_FOREVER_MS ? JDC_NEVER : ms;
}

/* call:reserved(wait seconds | nil, ticket | when | nil [, now]): the limiter's answer, as reserve of design.md returns
 * it. A ticket is a whole number from 1 to 2^53; 0 and nil are none. */
static int call_reserved(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  int64_t now = lua_isnoneornil(L, 4) ? jdc_host_time().now_ms : jdc_ms(luaL_checknumber(L, 4));
  if (!lua_isnoneornil(L, 2)) {
    lua_Number ticket = luaL_optnumber(L, 3, 0);
    luaL_argcheck(L, ticket >= 0 && ticket <= TICKET_MAX, 3, "no ticket");
    jdc_call_reserved(box->call, now, ms_or_never(luaL_checknumber(L, 2)), (jdc_ticket)ticket);
  } else {
    jdc_call_unreserved(box->call, now, lua_isnoneornil(L, 3) ? JDC_NEVER : ms_or_never(luaL_checknumber(L, 3)));
  }
  return 0;
}

/* call:limiter_failed([now]): it has given neither a place nor a refusal. The call ends. */
static int call_limiter_failed(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  jdc_call_limiter_failed(box->call, lua_isnoneornil(L, 2) ? jdc_host_time().now_ms : jdc_ms(luaL_checknumber(L, 2)));
  return 0;
}

/* call:provided(ok [, now]): the provider has answered; with ok the credential has been set. */
static int call_provided(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  int64_t now = lua_isnoneornil(L, 3) ? jdc_host_time().now_ms : jdc_ms(luaL_checknumber(L, 3));
  if (lua_toboolean(L, 2))
    jdc_call_provided(box->call, now);
  else
    jdc_call_unprovided(box->call, now);
  return 0;
}

/* call:cancel([now]): the next step is "done" with kind "cancelled". */
static int call_cancel(lua_State *L) {
  jdc_lua_call *box = box_of(L);
  jdc_call_cancel(box->call, lua_isnoneornil(L, 2) ? jdc_host_time().now_ms : jdc_ms(luaL_checknumber(L, 2)));
  return 0;
}

static void push_if(lua_State *L, bool known, lua_Number value) {
  if (known)
    lua_pushnumber(L, value);
  else
    lua_pushnil(L);
}

/* call:unsettled() -> nil | ticket, outcome ("done", "not_sent", "throttled"), retry_after | nil, role | nil ("ak",
 * "api"), limit | nil, remaining | nil (of the service's headers), date | nil (its clock, Unix seconds): what a limiter
 * of the driver's is to be told, once. */
static int call_unsettled(lua_State *L) {
  static const char *const outcomes[] = { "done", "not_sent", "throttled" };
  jdc_ticket ticket;
  jdc_settlement settlement;
  if (!jdc_call_unsettled(box_of(L)->call, &ticket, &settlement)) return 0;
  lua_pushnumber(L, (lua_Number)ticket);
  lua_pushstring(L, outcomes[settlement.outcome]);
  push_if(L, settlement.retry_after_ms >= 0, jdc_seconds(settlement.retry_after_ms));
  if (settlement.role == JDC_ROLE_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushstring(L, settlement.role == JDC_ROLE_AK ? "ak" : "api");
  push_if(L, settlement.limit > 0, (lua_Number)settlement.limit);
  push_if(L, settlement.limit > 0, (lua_Number)settlement.left);
  push_if(L, settlement.date_ms > 0, jdc_seconds(settlement.date_ms));
  return 7;
}

static void set_boolean(lua_State *L, const char *field, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, field);
}

static void set_text(lua_State *L, const char *field, const char *value) {
  if (value == NULL || value[0] == '\0') return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* call:outcome() -> { kind, gave_up, attempts, sent, answered, retryable, retry_after | nil, phase | nil, hint | nil }
 * of a call that is done */
static int call_outcome(lua_State *L) {
  const jdc_outcome *o = jdc_call_outcome(box_of(L)->call);
  lua_createtable(L, 0, 9);
  set_text(L, "kind", jdc_kind_text(o->kind));
  set_text(L, "gave_up", jdc_gave_up_text(o->why));
  lua_pushinteger(L, o->attempts);
  lua_setfield(L, -2, "attempts");
  set_boolean(L, "sent", o->sent);
  set_boolean(L, "answered", o->answered);
  set_boolean(L, "retryable", o->retryable);
  set_text(L, "phase", jdc_phase_text(o->phase));
  set_text(L, "hint", o->hint);
  if (o->status != JDC_OK) set_text(L, "internal", o->status == JDC_NOMEM ? "not enough memory" : "libcrypto failed");
  if (o->retry_after_ms >= 0) {
    lua_pushnumber(L, jdc_seconds(o->retry_after_ms));
    lua_setfield(L, -2, "retry_after");
  }
  return 1;
}

/* call:attempt() -> how many attempts have been handed to the transport */
static int call_attempt(lua_State *L) {
  lua_pushinteger(L, jdc_call_attempt(box_of(L)->call));
  return 1;
}

void jdc_open_call(lua_State *L) {
  static const luaL_Reg methods[] = { { "begin", call_begin },         { "next", call_next },
                                      { "answered", call_answered },   { "failed", call_failed },
                                      { "reserved", call_reserved },   { "limiter_failed", call_limiter_failed },
                                      { "provided", call_provided },   { "cancel", call_cancel },
                                      { "unsettled", call_unsettled }, { "outcome", call_outcome },
                                      { "attempt", call_attempt },     { NULL, NULL } };
  jdc_lua_type(L, JDC_CALL_META, methods, call_gc);
  lua_pushcfunction(L, call_new);
  lua_setfield(L, -2, "call");
}
