/* test.h - what the C tests share: a heap that counts, checks sizes and fails on demand, and views of text.
 *
 * test_heap stands behind the jdc_alloc that a test passes in. It fails a test that gives back another size than it
 * took (Lua's allocator relies on it), and tells how many blocks are still held. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/jdc.h"

typedef struct test_heap {
  size_t fail_at; /* the n-th allocation fails, and all after it; 0: none */
  size_t calls;   /* allocations and resizes so far */
  size_t blocks;  /* held now */
} test_heap;

/* What malloc gives for every block: its size in front, with room that keeps the alignment. */
#define TEST_HEAP_FRONT 16

static inline void *test_heap_realloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  test_heap *heap = ud;
  char *base = ptr == NULL ? NULL : (char *)ptr - TEST_HEAP_FRONT;
  if (base != NULL) {
    size_t size;
    memcpy(&size, base, sizeof size);
    assert_int_equal(osize, size);
  }
  if (nsize == 0) {
    if (base != NULL) heap->blocks--;
    free(base);
    return NULL;
  }
  heap->calls++;
  if (heap->fail_at != 0 && heap->calls >= heap->fail_at) return NULL;
  char *fresh = realloc(base, TEST_HEAP_FRONT + nsize);
  assert_non_null(fresh);
  memcpy(fresh, &nsize, sizeof nsize);
  if (base == NULL) heap->blocks++;
  return fresh + TEST_HEAP_FRONT;
}

static inline jdc_alloc test_heap_alloc(test_heap *heap) { return (jdc_alloc){ test_heap_realloc, heap }; }

/* Runs `run` with every allocation failing in turn, the first one first, until it passes. Each run but the last must
 * end in JDC_NOMEM, and no run may keep a block. `run` gives everything back itself, after a failure too. */
static inline void test_every_allocation(jdc_status (*run)(jdc_alloc alloc)) {
  for (size_t n = 1;; n++) {
    test_heap heap = { .fail_at = n };
    jdc_status status = run(test_heap_alloc(&heap));
    assert_int_equal(heap.blocks, 0);
    if (heap.calls < n) {
      assert_int_equal(status, JDC_OK);
      assert_true(n > 1); /* else nothing was tested */
      return;
    }
    assert_int_equal(status, JDC_NOMEM);
  }
}

/* A view of a C string; NULL gives an empty one. */
static inline jdc_str test_str(const char *text) {
  return text == NULL ? (jdc_str){ NULL, 0 } : (jdc_str){ text, strlen(text) };
}

/* Compares as text, so that a failure shows both sides. */
static inline void test_same_text(jdc_str is, jdc_str should) {
  if (is.len == should.len && (is.len == 0 || memcmp(is.ptr, should.ptr, is.len) == 0)) return;
  print_error("is     \"%.*s\"\nshould \"%.*s\"\n", (int)is.len, is.ptr == NULL ? "" : is.ptr, (int)should.len,
              should.ptr == NULL ? "" : should.ptr);
  fail();
}

#endif
