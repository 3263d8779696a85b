/* host.c - the clocks and the sleep of the operating system. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "binding.h"

/* Dates have whole seconds: the wall clock may be some ms behind, where that is a quarter of the price. */
#if defined(CLOCK_REALTIME_COARSE)
#define WALL_CLOCK CLOCK_REALTIME_COARSE
#else
#define WALL_CLOCK CLOCK_REALTIME
#endif

static int64_t clock_ms(clockid_t clock) {
  struct timespec t = { 0, 0 };
  (void)clock_gettime(clock, &t); /* can't fail for these two clocks */
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

jdc_time jdc_host_time(void) { return (jdc_time){ clock_ms(CLOCK_MONOTONIC), clock_ms(WALL_CLOCK) }; }

jdc_time jdc_lua_time(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return jdc_host_time();
  return (jdc_time){ jdc_ms(luaL_checknumber(L, arg)), jdc_ms(luaL_checknumber(L, arg + 1)) };
}

/* now() -> seconds of a clock that never goes back, with a fraction. */
static int host_now(lua_State *L) {
  lua_pushnumber(L, jdc_seconds(clock_ms(CLOCK_MONOTONIC)));
  return 1;
}

/* wall() -> seconds since 1970, UTC, with a fraction. */
static int host_wall(lua_State *L) {
  lua_pushnumber(L, jdc_seconds(clock_ms(CLOCK_REALTIME)));
  return 1;
}

/* sleep(seconds): blocks, or returns sooner if a signal comes. */
static int host_sleep(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  if (seconds > 0) {
    if (seconds > 3600) seconds = 3600; /* a longer sleep is the caller's loop */
    struct timespec t = { (time_t)seconds, 0 };
    t.tv_nsec = (long)((seconds - (lua_Number)t.tv_sec) * 1e9);
    (void)nanosleep(&t, NULL);
  }
  return 0;
}

void jdc_open_host(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "now", host_now }, { "wall", host_wall }, { "sleep", host_sleep }, { NULL, NULL }
  };
  jdc_setfuncs(L, functions);
}
