/* jdc.h - what every C file of the project shares: status codes, text views, the allocator, visibility.
 *
 * Every header of ours wraps its declarations in JDC_BEGIN / JDC_END. That hides the symbols from the
 * dynamic table without a compiler flag, since LuaRocks' builtin builder has no place for one; a shared
 * object then exports its luaopen_ function and nothing else. */
#ifndef JDC_H
#define JDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define JDC_BEGIN    _Pragma("GCC visibility push(hidden)")
#define JDC_END      _Pragma("GCC visibility pop")
#define JDC_EXPORT   __attribute__((visibility("default")))
#define JDC_MUST_USE __attribute__((warn_unused_result))
#else
#define JDC_BEGIN
#define JDC_END
#define JDC_EXPORT
#define JDC_MUST_USE
#endif

JDC_BEGIN

/* What a function that can fail returns. */
typedef enum jdc_status {
  JDC_OK = 0,
  JDC_NOMEM,   /* the allocator gave nothing */
  JDC_TOO_BIG, /* a stated maximum would be passed */
  JDC_INVALID, /* the caller's input is wrong; where there is a `problem` parameter it says how */
  JDC_CRYPTO   /* libcrypto refused */
} jdc_status;

/* A view of bytes that somebody else owns. Never NUL-terminated by promise. ptr may be NULL only if len is 0. */
typedef struct jdc_str {
  const char *ptr;
  size_t len;
} jdc_str;

#define JDC_STR(literal) ((jdc_str){ "" literal "", sizeof(literal) - 1 })

static inline bool jdc_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static inline bool jdc_str_same(jdc_str a, jdc_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Cuts spaces, tabs, CR and LF from both ends (protocol.md 1.6). */
static inline jdc_str jdc_str_trim(jdc_str s) {
  while (s.len > 0 && jdc_blank(s.ptr[s.len - 1])) s.len--;
  while (s.len > 0 && jdc_blank(*s.ptr)) {
    s.ptr++;
    s.len--;
  }
  return s;
}

/* ASCII only, whatever the locale. */
static inline char jdc_lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

/* lua_Alloc's shape: nsize 0 frees and returns NULL, anything else behaves as realloc. */
typedef void *(*jdc_realloc_fn)(void *ud, void *ptr, size_t osize, size_t nsize);

/* Passed by value; whoever made the allocator keeps `ud` alive longer than what was allocated by it. */
typedef struct jdc_alloc {
  jdc_realloc_fn fn;
  void *ud;
} jdc_alloc;

static inline void *jdc_new(jdc_alloc a, size_t size) { return a.fn(a.ud, NULL, 0, size); }
static inline void *jdc_resize(jdc_alloc a, void *ptr, size_t osize, size_t nsize) {
  return a.fn(a.ud, ptr, osize, nsize);
}
static inline void jdc_delete(jdc_alloc a, void *ptr, size_t size) {
  if (ptr != NULL) (void)a.fn(a.ud, ptr, size, 0);
}

/* Two moments, both in milliseconds: `now` from a clock that never goes back, `wall` since 1970 (UTC). */
typedef struct jdc_time {
  int64_t now_ms;
  int64_t wall_ms;
} jdc_time;

JDC_END
#endif
