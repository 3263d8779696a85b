/* fork.c - counts forks. To ask getpid before every step of a transfer is a system call each time, which took a tenth
 * of the whole client's time for a small request where system calls are slow; this is a load. */
#define _POSIX_C_SOURCE 200809L
#include "fork.h"

#include <pthread.h>

/* Written only in a child that has just been forked, when it has a single thread. */
static unsigned count;

static void in_child(void) { count++; }

static void watch(void) { (void)pthread_atfork(NULL, NULL, in_child); }

void jdc_fork_watch(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, watch);
}

unsigned jdc_fork_count(void) { return count; }
