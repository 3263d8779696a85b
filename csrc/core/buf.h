/* buf.h - the one growing buffer. It has a stated maximum; after a failure it stays failed, further additions
 * do nothing, and the caller looks at `status` once, at the end. */
#ifndef JDC_BUF_H
#define JDC_BUF_H

#include "jdc.h"

JDC_BEGIN

typedef struct jdc_buf {
  char *data; /* len bytes are valid; not NUL-terminated */
  size_t len, cap, max;
  jdc_alloc alloc;
  jdc_status status; /* JDC_OK, JDC_NOMEM or JDC_TOO_BIG */
} jdc_buf;

/* Makes an empty buffer of at most `max` bytes. Allocates nothing yet. */
void jdc_buf_init(jdc_buf *b, jdc_alloc alloc, size_t max);

/* Frees the memory; the buffer is empty and usable again. */
void jdc_buf_free(jdc_buf *b);

/* Empties the buffer and forgets a failure; keeps the memory for the next use. */
void jdc_buf_clear(jdc_buf *b);

/* As jdc_buf_clear, after overwriting everything that the memory held. For buffers that held a secret. */
void jdc_buf_wipe(jdc_buf *b);

/* Empties the buffer and gives it another maximum. Memory beyond that is freed: additions look at the maximum only
 * where they need more memory than there is. */
void jdc_buf_limit(jdc_buf *b, size_t max);

/* The long way of jdc_buf_room: makes the memory larger, or the buffer fails. */
char *jdc_buf_grow(jdc_buf *b, size_t n);

/* Makes room for n more bytes and returns where they go, or NULL (then the buffer has failed).
 * The caller writes up to n bytes there and adds what it wrote to `len`. */
static inline char *jdc_buf_room(jdc_buf *b, size_t n) {
  return b->status == JDC_OK && n < b->cap - b->len ? b->data + b->len : jdc_buf_grow(b, n);
}

static inline void jdc_buf_add(jdc_buf *b, const void *data, size_t n) {
  char *to = n > 0 ? jdc_buf_room(b, n) : NULL;
  if (to == NULL) return;
  memcpy(to, data, n);
  b->len += n;
}

static inline void jdc_buf_chr(jdc_buf *b, char c) { jdc_buf_add(b, &c, 1); }
static inline void jdc_buf_str(jdc_buf *b, jdc_str s) { jdc_buf_add(b, s.ptr, s.len); }
static inline jdc_str jdc_buf_view(const jdc_buf *b) { return (jdc_str){ b->data, b->len }; }

/* Overwrites memory in a way that the compiler may not leave out. */
void jdc_wipe(void *ptr, size_t n);

JDC_END
#endif
