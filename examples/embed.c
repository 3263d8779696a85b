/* embed.c - a program with a loop of its own that embeds Lua and the library: epoll, an HTTP client of its own, many
 * calls at once; no coroutine, no thread, no libcurl. Its Lua may take so many megabytes and no more.
 *
 *   make static SERVICES=vm CURL=no       prints how to link this file
 *   embed [CALLS] [MEGABYTES]             keys, region and endpoint are taken from the environment
 *
 * It asks `client:begin` for calls and does what each of them says. Two things are left to a program in earnest: TLS
 * (here the endpoint must be http, as that of `make gateway`) and keeping connections. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "jdcloud_static.h"

#define ANSWER_MAX (32u << 20) /* bytes of an answer, head included */

/* What is easier said in Lua: which calls to make, and HTTP/1.1 as text. URL and headers go out as they are: they are
 * signed. The connection ends with the answer, which is whole if it is as long as it says. */
static const char script[] = //
    "local cloud = require('jdcloud').new()\n"
    "local sending = setmetatable({}, { __mode = 'k' })\n" /* call -> the bytes that C sends from where Lua has them */
    "local function write(r)\n"
    "  local host, port, target = r.url:match('^http://([^:/]+):?(%d*)(.*)$')\n"
    "  if not host then error('this program speaks http only', 0) end\n"
    "  local lines = { r.method .. ' ' .. target .. ' HTTP/1.1', 'connection: close' }\n"
    "  for _, header in ipairs(r.headers) do lines[#lines + 1] = header[1] .. ': ' .. header[2] end\n"
    "  if r.body or r.method ~= 'GET' then lines[#lines + 1] = 'content-length: ' .. #(r.body or '') end\n"
    "  return table.concat(lines, '\\r\\n') .. '\\r\\n\\r\\n' .. (r.body or ''), host, port ~= '' and port or '80'\n"
    "end\n"
    "local function join(chunks)\n"
    "  local parts, at = {}, 1\n"
    "  while true do\n"
    "    local size, from = chunks:match('^(%x+)[^\\n]*\\n()', at)\n"
    "    size = size and tonumber(size, 16)\n"
    "    if size == 0 then return table.concat(parts) end\n"
    "    if not size or from + size > #chunks then return nil end\n"
    "    parts[#parts + 1], at = chunks:sub(from, from + size - 1), from + size + 2\n"
    "  end\n"
    "end\n"
    "local function read(bytes)\n"
    "  local status, lines, body = bytes:match('^HTTP/1%.[01] (%d%d%d)[^\\n]*\\n(.-)\\r\\n\\r\\n(.*)$')\n"
    "  local headers = {}\n"
    "  for name, value in (lines or ''):gmatch('([^:\\n]+): *([^\\r\\n]*)') do headers[name:lower()] = value end\n"
    "  if headers['transfer-encoding'] then body = join(body) end\n"
    "  local whole = body and #body == (tonumber(headers['content-length']) or #body)\n"
    "  return whole and { status = tonumber(status), headers = headers, body = body }\n"
    "end\n"
    "return {\n"
    "  begin = function(i)\n"
    "    return cloud.vm:begin('describeInstances', { pageNumber = i, pageSize = 10 })\n"
    "  end,\n"
    "  ask = function(call)\n" /* -> "send", bytes, host, port | "wait", seconds | "done", a result */
    "    local step, what = call:next()\n"
    "    if step == 'done' then return step, call:result() end\n"
    "    if step == 'wait' then return step, what end\n"
    "    local bytes, host, port = write(what)\n"
    "    sending[call] = bytes\n"
    "    return step, bytes, host, port\n"
    "  end,\n"
    "  answered = function(call, bytes)\n"
    "    local response = read(bytes)\n"
    "    if response then return call:answered(response) end\n"
    "    call:failed { kind = 'network', phase = 'receive', sent = true, message = 'half an answer' }\n"
    "  end,\n"
    "  failed = function(call, message, sent)\n" /* what surely never left may be sent again, whatever it does */
    "    call:failed { kind = 'network', phase = sent and 'send' or 'connect', sent = sent, message = message }\n"
    "  end,\n"
    "  cancel = function(call) call:cancel() end,\n"
    "}\n";

typedef struct job {
  int call;   /* its place in Lua's registry; LUA_NOREF: the job is over */
  bool ended; /* its call has said "done" */
  double due; /* when to ask its call again */
  int fd;     /* -1: nothing is on the wire */
  const char *out;
  size_t size, sent;
  char *in;
  size_t got, room;
  const char *problem; /* why the exchange failed; NULL: it didn't */
} job;

typedef struct heap {
  size_t used, most, cap;
} heap;

typedef struct program {
  heap heap;
  lua_State *L;
  int loop, functions; /* epoll's descriptor; the registry's place of what the script returned */
  job *jobs;
  int count, running, answered, failed, without_memory;
} program;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Lua's memory. What goes beyond the cap is refused: Lua collects its garbage, and if that doesn't help, the call into
 * Lua ends with LUA_ERRMEM. A block can always be made smaller. */
static void *capped(void *ud, void *block, size_t old, size_t wanted) {
  heap *h = ud;
  if (block == NULL) old = 0; /* here Lua says what the block is for */
  if (wanted > old && wanted - old > h->cap - h->used) return NULL;
  void *fresh = NULL;
  if (wanted == 0)
    free(block);
  else if ((fresh = realloc(block, wanted)) == NULL)
    return NULL;
  h->used = h->used - old + wanted;
  if (h->used > h->most) h->most = h->used;
  return fresh;
}

/* Whatever touches Lua may raise an error, for want of memory if for nothing else; so it runs in protected mode. What
 * such a function takes of C's it puts into the job before anything can raise. */

static int as_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

static int protected(program *p, lua_CFunction function, const char *name, job *j) {
  lua_settop(p->L, 0);
  lua_pushcfunction(p->L, as_text); /* so that an error object becomes its line */
  lua_pushcfunction(p->L, function);
  lua_pushlightuserdata(p->L, p);
  lua_pushlightuserdata(p->L, (void *)name);
  lua_pushlightuserdata(p->L, j);
  return lua_pcall(p->L, 3, 0, 1);
}

static int open_library(lua_State *L) {
  program *p = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_pushcfunction(L, jdc_preload);
  lua_call(L, 0, 0);
  if (luaL_loadbuffer(L, script, sizeof(script) - 1, "=embed.c") != LUA_OK) return lua_error(L);
  lua_call(L, 0, 1);
  p->functions = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static void push_function(lua_State *L, const program *p, const char *name) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->functions);
  lua_getfield(L, -1, name);
}

static int begin(lua_State *L) {
  program *p = lua_touserdata(L, 1);
  job *j = lua_touserdata(L, 3);
  push_function(L, p, lua_touserdata(L, 2));
  lua_pushinteger(L, (lua_Integer)(j - p->jobs) + 1);
  lua_call(L, 1, 1);
  j->call = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* Begins to send bytes. (getaddrinfo blocks for a name that isn't in numbers; a program in earnest asks a resolver that
 * doesn't.) */
static void start(program *p, job *j, const char *host, const char *port) {
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *address;
  int problem = getaddrinfo(host, port, &hints, &address);
  j->problem = problem != 0 ? gai_strerror(problem) : NULL;
  j->sent = j->got = 0;
  if (problem != 0) return;
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = j };
  j->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (j->fd < 0 || (connect(j->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) ||
      epoll_ctl(p->loop, EPOLL_CTL_ADD, j->fd, &event) != 0)
    j->problem = strerror(errno);
  freeaddrinfo(address);
}

/* Asks the call what to do, and begins it. */
static int ask(lua_State *L) {
  program *p = lua_touserdata(L, 1);
  job *j = lua_touserdata(L, 3);
  push_function(L, p, lua_touserdata(L, 2));
  lua_rawgeti(L, LUA_REGISTRYINDEX, j->call);
  lua_call(L, 1, 4);
  const char *step = lua_tostring(L, -4);
  if (strcmp(step, "send") == 0) {
    j->out = lua_tolstring(L, -3, &j->size);
    start(p, j, lua_tostring(L, -2), lua_tostring(L, -1));
    j->due = 0; /* asked again at once, it says how long it will wait for the answer */
  } else if (strcmp(step, "wait") == 0) {
    j->due = now() + lua_tonumber(L, -3);
  } else {
    j->ended = true;
    p->answered++; /* the result is at -3; an error would have been raised */
  }
  return 0;
}

/* Tells the call what came of its request. */
static int tell(lua_State *L) {
  const job *j = lua_touserdata(L, 3);
  push_function(L, lua_touserdata(L, 1), lua_touserdata(L, 2));
  lua_rawgeti(L, LUA_REGISTRYINDEX, j->call);
  if (j->problem == NULL)
    lua_pushlstring(L, j->in, j->got);
  else
    lua_pushstring(L, j->problem);
  lua_pushboolean(L, j->sent > 0);
  lua_call(L, 3, 0);
  return 0;
}

static void hang_up(job *j) {
  if (j->fd >= 0) close(j->fd); /* epoll forgets it by itself */
  j->fd = -1;
}

static void over(program *p, job *j) {
  hang_up(j);
  luaL_unref(p->L, LUA_REGISTRYINDEX, j->call);
  j->call = LUA_NOREF;
  free(j->in);
  j->in = NULL;
  p->running--;
}

/* Lua raised an error. If memory ran out, this job has lost: what it held is garbage now, and the others go on. (The
 * library's C says so with an error of the common kind.) */
static void lost(program *p, job *j, int status) {
  const char *message = lua_tostring(p->L, -1);
  if (status == LUA_ERRMEM || strstr(message, "not enough memory") != NULL)
    p->without_memory++;
  else
    p->failed++;
  fprintf(stderr, "call %d: %s\n", (int)(j - p->jobs) + 1, message);
  over(p, j);
  lua_gc(p->L, LUA_GCCOLLECT, 0);
}

static void tell_call(program *p, job *j, const char *what);

/* Does what the call says until it is to wait, or is over. */
static void go_on(program *p, job *j) {
  int status;
  do status = protected(p, ask, "ask", j);
  while (status == LUA_OK && !j->ended && j->problem == NULL && j->due <= now());
  if (status != LUA_OK)
    lost(p, j, status);
  else if (j->problem != NULL)
    tell_call(p, j, "failed");
  else if (j->ended)
    over(p, j);
}

/* "answered", "failed" or "cancel": its exchange has ended. */
static void tell_call(program *p, job *j, const char *what) {
  hang_up(j);
  int status = protected(p, tell, what, j);
  j->problem = NULL;
  if (status == LUA_OK)
    go_on(p, j);
  else
    lost(p, j, status);
}

/* Moves bytes. Returns whether the exchange has come to its end: an answer, or a problem. */
static bool move(program *p, job *j) {
  if (j->sent < j->size) {
    ssize_t n = send(j->fd, j->out + j->sent, j->size - j->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return (j->problem = strerror(errno)) != NULL;
    if (n > 0) j->sent += (size_t)n;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = j };
    if (j->sent == j->size) epoll_ctl(p->loop, EPOLL_CTL_MOD, j->fd, &event);
  }
  for (;;) {
    if (j->got == j->room) {
      size_t room = j->room > 0 ? j->room * 2 : 4096;
      char *fresh = room > ANSWER_MAX ? NULL : realloc(j->in, room);
      if (fresh == NULL) return (j->problem = "the answer is too large") != NULL;
      j->in = fresh;
      j->room = room;
    }
    ssize_t n = recv(j->fd, j->in + j->got, j->room - j->got, 0);
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) return (j->problem = strerror(errno)) != NULL;
    if (n == 0) return true;
    j->got += (size_t)n;
  }
}

static void on_ready(program *p, job *j) {
  if (j->fd >= 0 && move(p, j)) tell_call(p, j, j->problem == NULL ? "answered" : "failed");
}

/* Asks the calls whose time has come. Returns milliseconds until the next one. */
static int ask_the_due(program *p) {
  double next = now() + 60;
  for (job *j = p->jobs; j < p->jobs + p->count; j++) {
    if (j->call == LUA_NOREF) continue;
    if (j->due <= now()) {
      hang_up(j); /* an answer that hasn't come by now is too late */
      go_on(p, j);
    }
    if (j->call != LUA_NOREF && j->due < next) next = j->due;
  }
  double left = (next - now()) * 1000;
  return left > 0 ? (int)left + 1 : 0;
}

/* Ends what is under way: each call says so itself, with an error of kind `cancelled`. */
static void cancel_all(program *p) {
  for (job *j = p->jobs; j < p->jobs + p->count; j++)
    if (j->call != LUA_NOREF) tell_call(p, j, "cancel");
}

/* A signal is read like anything else, so that nothing happens in a handler. Returns whether one came. */
static bool run(program *p, int signals) {
  while (p->running > 0) {
    struct epoll_event events[64];
    int n = epoll_wait(p->loop, events, 64, ask_the_due(p));
    for (int i = 0; i < n; i++) {
      struct signalfd_siginfo info;
      if (events[i].data.ptr != NULL)
        on_ready(p, events[i].data.ptr);
      else if (read(signals, &info, sizeof(info)) > 0)
        return true;
    }
  }
  return false;
}

static int watch_signals(program *p) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  epoll_ctl(p->loop, EPOLL_CTL_ADD, signals, &event);
  return signals;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 10;
  double megabytes = argc > 2 ? atof(argv[2]) : 64, started = now();
  program p = { .heap.cap = (size_t)(megabytes * 1e6), .count = count, .loop = epoll_create1(EPOLL_CLOEXEC) };
  int signals = watch_signals(&p);
  p.jobs = calloc((size_t)count + 1, sizeof(*p.jobs));
  p.L = p.jobs == NULL ? NULL : lua_newstate(capped, &p.heap);
  if (p.L == NULL || protected(&p, open_library, NULL, NULL) != LUA_OK) {
    fprintf(stderr, "embed: %s\n", p.L == NULL ? "not enough memory" : lua_tostring(p.L, -1));
    return 1;
  }
  for (job *j = p.jobs; j < p.jobs + count; j++) {
    *j = (job){ .call = LUA_NOREF, .fd = -1 };
    p.running++;
    int status = protected(&p, begin, "begin", j);
    if (status == LUA_OK)
      go_on(&p, j);
    else
      lost(&p, j, status);
  }
  bool ended = run(&p, signals);
  if (ended) cancel_all(&p);
  printf("%d calls: %d answered, %d failed, %d without memory; %.2f MB of Lua at most, %.2f s\n", count, p.answered,
         p.failed, p.without_memory, (double)p.heap.most * 1e-6, now() - started);
  lua_close(p.L);
  free(p.jobs);
  close(signals);
  close(p.loop);
  return ended ? 130 : p.answered == count ? 0 : 1;
}
