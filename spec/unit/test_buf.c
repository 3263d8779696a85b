/* test_buf.c - the growing buffer: what it holds, its maximum, its failures, its wiping. */
#include "core/buf.h"
#include "test.h"

static void holds_what_was_added_in_order(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  jdc_buf_add(&b, "one", 3);
  jdc_buf_chr(&b, ' ');
  jdc_buf_str(&b, JDC_STR("two"));
  jdc_buf_add(&b, NULL, 0);
  test_same_text(jdc_buf_view(&b), JDC_STR("one two"));
  jdc_buf_free(&b);
  assert_int_equal(heap.blocks, 0);
}

static void allocates_nothing_before_the_first_byte(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  jdc_buf_add(&b, "", 0);
  jdc_buf_clear(&b);
  jdc_buf_wipe(&b);
  assert_int_equal(heap.calls, 0);
  jdc_buf_free(&b);
}

static void grows_to_its_maximum_and_no_further(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 100);
  for (int i = 0; i < 100; i++) jdc_buf_chr(&b, 'x');
  assert_int_equal(b.status, JDC_OK);
  assert_int_equal(b.len, 100);
  jdc_buf_chr(&b, 'y');
  assert_int_equal(b.status, JDC_TOO_BIG);
  assert_int_equal(b.len, 100);
  jdc_buf_free(&b);
}

static void a_huge_addition_does_not_overflow(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 100);
  jdc_buf_chr(&b, 'x');
  assert_null(jdc_buf_room(&b, SIZE_MAX));
  assert_int_equal(b.status, JDC_TOO_BIG);
  jdc_buf_free(&b);
}

static void a_lower_maximum_holds_for_memory_that_it_has(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  for (int i = 0; i < 900; i++) jdc_buf_chr(&b, 'x');
  jdc_buf_limit(&b, 100);
  assert_int_equal(b.len, 0);
  for (int i = 0; i < 100; i++) jdc_buf_chr(&b, 'y');
  assert_int_equal(b.status, JDC_OK);
  jdc_buf_chr(&b, 'z');
  assert_int_equal(b.status, JDC_TOO_BIG);
  assert_int_equal(b.len, 100);
  jdc_buf_limit(&b, 200);
  assert_int_equal(b.status, JDC_OK);
  assert_int_equal(heap.blocks, 1); /* what fits is kept */
  jdc_buf_free(&b);
  assert_int_equal(heap.blocks, 0);
}

static void grows_in_few_steps(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1 << 20);
  for (int i = 0; i < 1 << 20; i++) jdc_buf_chr(&b, (char)i);
  assert_int_equal(b.status, JDC_OK);
  assert_true(heap.calls <= 20);
  for (int i = 0; i < 1 << 20; i++)
    if (b.data[i] != (char)i) fail();
  jdc_buf_free(&b);
}

static void stays_failed_until_cleared(void **state) {
  (void)state;
  test_heap heap = { .fail_at = 1 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 100);
  jdc_buf_chr(&b, 'x');
  assert_int_equal(b.status, JDC_NOMEM);
  heap.fail_at = 0;
  jdc_buf_chr(&b, 'x');
  assert_int_equal(b.status, JDC_NOMEM);
  assert_int_equal(b.len, 0);
  jdc_buf_clear(&b);
  jdc_buf_chr(&b, 'x');
  test_same_text(jdc_buf_view(&b), JDC_STR("x"));
  jdc_buf_free(&b);
}

static void keeps_its_text_when_growing_fails(void **state) {
  (void)state;
  test_heap heap = { .fail_at = 2 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  jdc_buf_str(&b, JDC_STR("kept"));
  assert_null(jdc_buf_room(&b, 900));
  assert_int_equal(b.status, JDC_NOMEM);
  test_same_text(jdc_buf_view(&b), JDC_STR("kept"));
  jdc_buf_free(&b);
  assert_int_equal(heap.blocks, 0);
}

static void clearing_keeps_the_memory(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  for (int i = 0; i < 50; i++) {
    jdc_buf_clear(&b);
    jdc_buf_str(&b, JDC_STR("again"));
  }
  assert_int_equal(heap.calls, 1);
  test_same_text(jdc_buf_view(&b), JDC_STR("again"));
  jdc_buf_free(&b);
  jdc_buf_str(&b, JDC_STR("usable after free"));
  test_same_text(jdc_buf_view(&b), JDC_STR("usable after free"));
  jdc_buf_free(&b);
}

static void room_may_be_used_in_part(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 100);
  assert_non_null(jdc_buf_room(&b, 0));
  char *to = jdc_buf_room(&b, 100);
  assert_non_null(to);
  memcpy(to, "abc", 3);
  b.len += 3;
  test_same_text(jdc_buf_view(&b), JDC_STR("abc"));
  jdc_buf_free(&b);
}

static bool all_zero(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != 0) return false;
  return true;
}

static void wiping_overwrites_everything_ever_held(void **state) {
  (void)state;
  test_heap heap = { 0 };
  jdc_buf b;
  jdc_buf_init(&b, test_heap_alloc(&heap), 1000);
  jdc_buf_str(&b, JDC_STR("a long secret"));
  jdc_buf_clear(&b);
  jdc_buf_str(&b, JDC_STR("short"));
  jdc_buf_wipe(&b);
  assert_int_equal(b.len, 0);
  assert_true(all_zero(b.data, 13));
  jdc_buf_free(&b);
}

/* An allocator that never gives memory back, so that a test may look at what was freed. */
typedef struct attic {
  char memory[4096];
  size_t used;
} attic;

static void *attic_realloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  attic *a = ud;
  (void)ptr, (void)osize;
  if (nsize == 0) return NULL;
  a->used += nsize;
  assert_true(a->used <= sizeof a->memory);
  return a->memory + a->used - nsize;
}

static void growing_leaves_nothing_behind(void **state) {
  (void)state;
  attic a = { .used = 0 };
  jdc_buf b;
  jdc_buf_init(&b, (jdc_alloc){ attic_realloc, &a }, 1000);
  jdc_buf_str(&b, JDC_STR("secret of the last use"));
  jdc_buf_clear(&b);
  jdc_buf_str(&b, JDC_STR("token"));
  size_t old = b.cap;
  assert_non_null(jdc_buf_room(&b, 500));
  assert_ptr_not_equal(b.data, a.memory);
  assert_true(all_zero(a.memory, old));
  test_same_text(jdc_buf_view(&b), JDC_STR("token"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(holds_what_was_added_in_order),
    cmocka_unit_test(allocates_nothing_before_the_first_byte),
    cmocka_unit_test(grows_to_its_maximum_and_no_further),
    cmocka_unit_test(a_huge_addition_does_not_overflow),
    cmocka_unit_test(a_lower_maximum_holds_for_memory_that_it_has),
    cmocka_unit_test(grows_in_few_steps),
    cmocka_unit_test(stays_failed_until_cleared),
    cmocka_unit_test(keeps_its_text_when_growing_fails),
    cmocka_unit_test(clearing_keeps_the_memory),
    cmocka_unit_test(room_may_be_used_in_part),
    cmocka_unit_test(wiping_overwrites_everything_ever_held),
    cmocka_unit_test(growing_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
