/* engine.h - one libcurl multi with its connections and its pool of transfers (design.md, "libcurl").
 *
 * Nothing here blocks but jdc_engine_step and jdc_engines_wait, and they for no longer than they are told. The engine
 * lives until its owner and the last transfer handed out have let go, in whatever order a garbage collector does that.
 * After a fork the child leaves the inherited connections untouched to the parent and starts with new ones. */
#ifndef JDC_CURL_ENGINE_H
#define JDC_CURL_ENGINE_H

#include "transfer.h"
#include <poll.h>

JDC_BEGIN

typedef struct jdc_engine jdc_engine;

/* Makes an engine that has one user. Returns NULL, or what went wrong. */
JDC_MUST_USE const char *jdc_engine_new(jdc_alloc alloc, const jdc_curl_options *options, jdc_engine **out);

/* Fails every running transfer as closed and closes all connections. The engine can be closed again, and asked for
 * transfers in vain. */
void jdc_engine_close(jdc_engine *e);

/* Closes the engine and gives up the owner's use of it. */
void jdc_engine_release(jdc_engine *e);

bool jdc_engine_closed(const jdc_engine *e);

/* What a request gets that has no bounds of its own. */
jdc_bounds jdc_engine_bounds(const jdc_engine *e);

/* Hands out an idle transfer, which is one more user of the engine. NULL if memory ran out or the engine is closed. */
jdc_transfer *jdc_engine_take(jdc_engine *e);

/* Takes a transfer back in any state; a running one is broken off. */
void jdc_engine_give_back(jdc_engine *e, jdc_transfer *t);

/* Starts a transfer that was taken and has its headers. Nothing is sent before the next turn; but if it has a tag, and
 * others were started before it since the last turn, this may be one. Returns NULL, or what is wrong. */
JDC_MUST_USE const char *jdc_engine_start(jdc_engine *e, jdc_transfer *t, const jdc_http_request *request);

/* Breaks a running transfer off; it has then failed as "cancelled". In any other state nothing happens. */
void jdc_engine_cancel(jdc_engine *e, jdc_transfer *t);

/* The tag of a transfer that has ended, each once, in the order in which they did; 0 if there is none. Transfers
 * without a tag are not told of. */
int64_t jdc_engine_ended(jdc_engine *e);

/* Moves everything along, waiting at most `wait_ms` for something to happen; with nothing to do it just waits. Returns
 * at once when a transfer has ended, or a signal came. Returns how many are still running. */
int jdc_engine_step(jdc_engine *e, int wait_ms);

/* The same for several engines with one poll: returns when a transfer of any has ended. */
void jdc_engines_wait(jdc_engine *const *engines, size_t count, int wait_ms);

/* For a loop of the caller's own: what it has to watch, to be asked for again after whatever the engine did. `revents`
 * counts: another count for the same descriptor means that libcurl has closed it, or let it go, meanwhile. */
const struct pollfd *jdc_engine_descriptors(jdc_engine *e, size_t *count);

/* In how many milliseconds the engine wants to act, or has an end to tell of, whatever the descriptors do; -1: never.
 */
int64_t jdc_engine_timeout(jdc_engine *e);

/* Acts now: on what became of a descriptor, unless that is negative, and on whatever its time has come for. Doesn't
 * wait. Returns how many transfers are still running. */
int jdc_engine_act(jdc_engine *e, int fd, bool readable, bool writable);

/* How many connections were made, and how many transfers went over one that was there. */
void jdc_engine_connections(const jdc_engine *e, uint64_t *made, uint64_t *reused);

/* Milliseconds of a clock that never goes back. */
int64_t jdc_engine_now(void);

JDC_END
#endif
