/* buf.c - the one growing buffer (buf.h). Growing moves by hand and wipes the old place, since what a buffer holds may
 * be a secret: a token in a canonical request, a signature in a header. */
#include "buf.h"

#define FIRST_CAP 64 /* bytes of a buffer's first allocation */

void jdc_wipe(void *ptr, size_t n) {
  /* Called through a volatile pointer: a compiler can't know that it is memset, so it can't leave the call out. */
  static void *(*const volatile fill)(void *, int, size_t) = memset;
  if (n > 0) (void)fill(ptr, 0, n);
}

void jdc_buf_init(jdc_buf *b, jdc_alloc alloc, size_t max) {
  *b = (jdc_buf){ .max = max, .alloc = alloc, .status = JDC_OK };
}

void jdc_buf_free(jdc_buf *b) {
  jdc_delete(b->alloc, b->data, b->cap);
  jdc_buf_init(b, b->alloc, b->max);
}

void jdc_buf_clear(jdc_buf *b) {
  b->len = 0;
  b->status = JDC_OK;
}

void jdc_buf_wipe(jdc_buf *b) {
  jdc_wipe(b->data, b->cap);
  jdc_buf_clear(b);
}

void jdc_buf_limit(jdc_buf *b, size_t max) {
  if (b->cap > max) jdc_buf_free(b);
  jdc_buf_clear(b);
  b->max = max;
}

char *jdc_buf_grow(jdc_buf *b, size_t n) {
  if (b->status != JDC_OK) return NULL;
  if (n > b->max - b->len || b->max == 0) {
    b->status = JDC_TOO_BIG;
    return NULL;
  }
  size_t need = b->len + n;
  if (need <= b->cap && b->cap > 0) return b->data + b->len;
  /* Doubles, so that n additions cost O(n). A buffer without memory gets some even for nothing, to have a place. */
  size_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
  if (cap < FIRST_CAP) cap = b->max < FIRST_CAP ? b->max : FIRST_CAP;
  if (cap < need) cap = need;
  char *data = jdc_new(b->alloc, cap);
  if (data == NULL) {
    b->status = JDC_NOMEM;
    return NULL;
  }
  if (b->len > 0) memcpy(data, b->data, b->len);
  jdc_wipe(b->data, b->cap); /* beyond len too: a cleared buffer still holds what it held */
  jdc_delete(b->alloc, b->data, b->cap);
  b->data = data;
  b->cap = cap;
  return data + b->len;
}
