/* test_uri.c - percent-encoding and the canonical path, query and host (protocol.md 1.4, 1.5, 1.8). */
#include "core/uri.h"
#include "test.h"

#include <stdio.h>

#define ROOM (1 << 20)

static test_heap heap;
static jdc_buf out;
static jdc_query_scratch scratch;

static int set_up(void **state) {
  (void)state;
  heap = (test_heap){ 0 };
  jdc_buf_init(&out, test_heap_alloc(&heap), ROOM);
  jdc_query_scratch_init(&scratch, test_heap_alloc(&heap), ROOM);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jdc_buf_free(&out);
  jdc_query_scratch_free(&scratch);
  assert_int_equal(heap.blocks, 0);
  return 0;
}

static jdc_str path_of(jdc_str path) {
  jdc_buf_clear(&out);
  jdc_uri_path(&out, path);
  assert_int_equal(out.status, JDC_OK);
  return jdc_buf_view(&out);
}

static jdc_str query_of(jdc_str query) {
  jdc_buf_clear(&out);
  assert_int_equal(jdc_uri_query(&out, &scratch, query), JDC_OK);
  assert_int_equal(out.status, JDC_OK);
  return jdc_buf_view(&out);
}

typedef struct row {
  const char *in, *should;
} row;

static void every_byte_is_kept_or_escaped(void **state) {
  (void)state;
  const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  for (int byte = 0; byte < 256; byte++) {
    char c = (char)byte, should[4];
    bool stays = byte != 0 && strchr(kept, byte) != NULL;
    snprintf(should, sizeof should, stays ? "%c" : "%%%02X", byte);
    jdc_buf_clear(&out);
    jdc_uri_encode(&out, (jdc_str){ &c, 1 });
    test_same_text(jdc_buf_view(&out), test_str(should));
  }
}

static void encoding_copies_runs_between_escapes(void **state) {
  (void)state;
  jdc_uri_encode(&out, test_str("i-1/a b%41+c"));
  test_same_text(jdc_buf_view(&out), JDC_STR("i-1%2Fa%20b%2541%2Bc"));
}

static void a_path_is_decoded_once_and_encoded_once(void **state) {
  (void)state;
  static const row rows[] = {
    { NULL, "/" },
    { "", "/" },
    { "/", "/" },
    { "////", "/" },
    { "%2F%2f", "/" },
    { "v1", "/v1" },
    { "%2Fv1", "/v1" },
    { "/v1/", "/v1/" },
    { "//v1///a//", "/v1/a/" },
    { "/v1%2F/%2fa", "/v1/a" },
    { "/a:b", "/a%3Ab" },
    { "/a%3ab", "/a%3Ab" },
    { "/a%3Ab", "/a%3Ab" },
    { "/%41%7e", "/A~" },
    { "/a+b%2Bc", "/a%20b%2Bc" },
    { "/100%", "/100%25" },
    { "/%4", "/%254" },
    { "/%zz", "/%25zz" },
    { "/%%41", "/%25A" },
    { "/%2541", "/%2541" },
    { "/./a/../b", "/./a/../b" },
    { "/a?b#c", "/a%3Fb%23c" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    test_same_text(path_of(test_str(rows[i].in)), test_str(rows[i].should));
  test_same_text(path_of((jdc_str){ "/a\0b", 4 }), JDC_STR("/a%00b"));
}

static void an_escape_cut_short_is_not_read_past_its_end(void **state) {
  (void)state;
  /* In memory of exactly its size, for the sanitizer and valgrind. */
  for (size_t n = 1; n <= 2; n++) {
    char *cut = malloc(n);
    assert_non_null(cut);
    memcpy(cut, "%4", n);
    test_same_text(path_of((jdc_str){ cut, n }), n == 1 ? JDC_STR("/%25") : JDC_STR("/%254"));
    test_same_text(query_of((jdc_str){ cut, n }), n == 1 ? JDC_STR("%25=") : JDC_STR("%254="));
    free(cut);
  }
}

static void a_query_is_sorted_as_encoded_pairs(void **state) {
  (void)state;
  static const row rows[] = {
    { NULL, "" },
    { "", "" },
    { "&&&", "" },
    { "=", "" },
    { "=x&&=y", "" },
    { "k", "k=" },
    { "k=", "k=" },
    { "k=&k", "k=&k=" },
    { "b=1&a=2", "a=2&b=1" },
    { "a=b=c", "a=b%3Dc" },
    { "a==", "a=%3D" },
    { "k=b&k=a&k=&k=a", "k=&k=a&k=a&k=b" },
    { "a.1=x&a=y", "a=y&a.1=x" },
    { "aa%3Daa=&aa=", "aa=&aa%3Daa=" },
    { "f.10=a&f.2=b&f.1=c", "f.1=c&f.10=a&f.2=b" },
    { "a=1&B=2", "B=2&a=1" },
    { "a=x+y&b=%2B", "a=x%20y&b=%2B" },
    { "a=/%2f", "a=%2F%2F" },
    { "%61=1", "a=1" },
    { "%=%&a=%2", "%25=%25&a=%252" },
    /* By encoded name: `[` is %5B and comes before letters, though the byte comes after the capitals. */
    { "Z=1&[=2", "%5B=2&Z=1" },
    { "a=\xff&a=z", "a=%FF&a=z" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    test_same_text(query_of(test_str(rows[i].in)), test_str(rows[i].should));
}

/* A query of n pairs whose names count from 0 in the order that `step` walks them. */
static char *numbered(size_t n, size_t step, size_t *len) {
  char *text = malloc(n * 8);
  assert_non_null(text);
  *len = 0;
  for (size_t i = 0, name = 0; i < n; i++, name = (name + step) % n)
    *len += (size_t)sprintf(text + *len, "%sn%05zu", i == 0 ? "" : "&", name);
  return text;
}

static void any_number_of_pairs_is_sorted(void **state) {
  (void)state;
  static const size_t counts[] = { 1, 2, 23, 24, 25, 26, 63, 64, 65, 1009, JDC_QUERY_PAIRS_MAX };
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    size_t n = counts[i];
    const size_t steps[] = { 1, n - 1, n == 1009 ? 389 : n - 1 }; /* up, down, scattered */
    for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
      size_t len;
      char *text = numbered(n, steps[j], &len), name[32];
      jdc_str is = query_of((jdc_str){ text, len });
      for (size_t k = 0; k < n; k++) {
        size_t width = (size_t)sprintf(name, "%sn%05zu=", k == 0 ? "" : "&", k);
        assert_true(is.len >= width);
        assert_memory_equal(is.ptr, name, width);
        is.ptr += width;
        is.len -= width;
      }
      assert_int_equal(is.len, 0);
      free(text);
    }
  }
}

static void too_many_pairs_are_refused(void **state) {
  (void)state;
  size_t len;
  char *text = numbered(JDC_QUERY_PAIRS_MAX + 1, 1, &len);
  assert_int_equal(jdc_uri_query(&out, &scratch, (jdc_str){ text, len }), JDC_TOO_BIG);
  free(text);
  test_same_text(query_of(JDC_STR("b&a")), JDC_STR("a=&b="));
}

static void a_query_longer_than_its_scratch_is_refused(void **state) {
  (void)state;
  jdc_query_scratch small;
  jdc_query_scratch_init(&small, test_heap_alloc(&heap), 10);
  assert_int_equal(jdc_uri_query(&out, &small, JDC_STR("abcd=%00%00")), JDC_OK);
  assert_int_equal(jdc_uri_query(&out, &small, JDC_STR("abcde=%00%00")), JDC_TOO_BIG);
  jdc_query_scratch_free(&small);
}

static void a_second_query_allocates_nothing(void **state) {
  (void)state;
  query_of(JDC_STR("a=1&b=2&c=3"));
  size_t calls = heap.calls;
  query_of(JDC_STR("c=3&b=2&a=1"));
  assert_int_equal(heap.calls, calls);
}

static void canonical_forms_are_their_own(void **state) {
  (void)state;
  uint32_t random = 1;
  char text[64];
  for (int round = 0; round < 20000; round++) {
    size_t n = 0;
    while (n < sizeof text && (random = random * 1664525 + 1013904223) >> 27 != 0) {
      static const char likely[] = "%%+&=//aAfF29:~ \xe4\xba";
      text[n++] = likely[(random >> 16) % (sizeof likely - 1)];
    }
    char once[3 * sizeof text + 1];
    jdc_str is = path_of((jdc_str){ text, n });
    memcpy(once, is.ptr, is.len);
    test_same_text(path_of((jdc_str){ once, is.len }), (jdc_str){ once, is.len });
    char pairs[4 * sizeof text];
    is = query_of((jdc_str){ text, n });
    if (is.len > 0) memcpy(pairs, is.ptr, is.len);
    test_same_text(query_of((jdc_str){ pairs, is.len }), (jdc_str){ pairs, is.len });
  }
}

static void a_host_is_lower_case_without_its_schemes_port(void **state) {
  (void)state;
  static const struct {
    const char *host;
    bool plain;
    const char *should; /* NULL: no host */
  } rows[] = {
    { "VM.jdcloud-api.COM", false, "vm.jdcloud-api.com" },
    { "h:443", false, "h" },
    { "h:443", true, "h:443" },
    { "h:80", true, "h" },
    { "h:80", false, "h:80" },
    { "h:8000", false, "h:8000" },
    { "h:65535", false, "h:65535" },
    { "a_b-c.d.", false, "a_b-c.d." },
    { "127.0.0.1:1", true, "127.0.0.1:1" },
    { "[::1]", false, "[::1]" },
    { "[2001:DB8::1]:443", false, "[2001:db8::1]" },
    { "[::ffff:1.2.3.4]:8443", false, "[::ffff:1.2.3.4]:8443" },
    { "", false, NULL },
    { ":443", false, NULL },
    { "h:", false, NULL },
    { "h:0", false, NULL },
    { "h:65536", false, NULL },
    { "h:123456", false, NULL },
    { "h:4a", false, NULL },
    { "h:1:2", false, NULL },
    { "h/", false, NULL },
    { "u@h", false, NULL },
    { "h?q", false, NULL },
    { "h#f", false, NULL },
    { "h h", false, NULL },
    { "h\r\nx:y", false, NULL },
    { "h%00", false, NULL },
    { "a,b", false, NULL },
    { "h\x7f", false, NULL },
    { "\xe4\xba\xac", false, NULL },
    { "[::1", false, NULL },
    { "[]", false, NULL },
    { "[:", false, NULL },
    { "[::1]x", false, NULL },
    { "[fe80::1%eth0]", false, NULL },
    { "::1", false, NULL },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    jdc_buf_clear(&out);
    bool ok = jdc_uri_host(&out, test_str(rows[i].host), rows[i].plain);
    if (ok != (rows[i].should != NULL)) fail_msg("host \"%s\"", rows[i].host);
    test_same_text(jdc_buf_view(&out), test_str(rows[i].should));
  }
  assert_false(jdc_uri_host(&out, (jdc_str){ "h\0", 2 }, false));
}

static jdc_status run_once(jdc_alloc alloc) {
  jdc_buf b;
  jdc_query_scratch s;
  jdc_buf_init(&b, alloc, ROOM);
  jdc_query_scratch_init(&s, alloc, ROOM);
  size_t len;
  char *text = numbered(100, 99, &len);
  jdc_uri_path(&b, JDC_STR("/v1/regions/cn-north-1/instances/i-1:startInstance"));
  jdc_status status = jdc_uri_query(&b, &s, (jdc_str){ text, len });
  if (jdc_uri_host(&b, JDC_STR("vm.jdcloud-api.com"), false) && status == JDC_OK) status = b.status;
  free(text);
  jdc_query_scratch_free(&s);
  jdc_buf_free(&b);
  return status;
}

static void every_failing_allocation_is_reported(void **state) {
  (void)state;
  test_every_allocation(run_once);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(every_byte_is_kept_or_escaped),
    TEST(encoding_copies_runs_between_escapes),
    TEST(a_path_is_decoded_once_and_encoded_once),
    TEST(an_escape_cut_short_is_not_read_past_its_end),
    TEST(a_query_is_sorted_as_encoded_pairs),
    TEST(any_number_of_pairs_is_sorted),
    TEST(too_many_pairs_are_refused),
    TEST(a_query_longer_than_its_scratch_is_refused),
    TEST(a_second_query_allocates_nothing),
    TEST(canonical_forms_are_their_own),
    TEST(a_host_is_lower_case_without_its_schemes_port),
    TEST(every_failing_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
