/* forker.c - fork for Lua specs, through package.loadlib: the functions are lua_CFunctions.
 *
 * Declares the one function of Lua that it needs, which is the same in all of them, so that one library serves every
 * Lua: no lua.h is included. */
#define _POSIX_C_SOURCE 200809L
#include <sys/wait.h>
#include <unistd.h>

typedef struct lua_State lua_State;
extern void lua_pushnumber(lua_State *L, double n);

int fork_process(lua_State *L);
int leave_process(lua_State *L);
int await_child(lua_State *L);

static pid_t child;

/* () -> 0 in the child, its process id in the parent */
int fork_process(lua_State *L) {
  child = fork();
  lua_pushnumber(L, child);
  return 1;
}

/* () ends the process at once, successfully: nothing is closed or flushed. By becoming another program, since valgrind
 * looks for leaks at an exit, and the Lua state that is left open would be one. */
int leave_process(lua_State *L) {
  (void)L;
  (void)execlp("true", "true", (char *)NULL);
  _exit(1);
}

/* () -> the wait status of the child that was made last, once it has ended */
int await_child(lua_State *L) {
  int status = -1;
  (void)waitpid(child, &status, 0);
  lua_pushnumber(L, status);
  return 1;
}
