/* test_digest.c - SHA-256 (FIPS 180-4 examples) and HMAC-SHA256 (RFC 4231). */
#include "core/digest.h"
#include "test.h"

static test_heap heap;
static jdc_digest *digest;

static int set_up(void **state) {
  (void)state;
  heap = (test_heap){ 0 };
  return jdc_digest_new(test_heap_alloc(&heap), &digest) == JDC_OK ? 0 : 1;
}

static int tear_down(void **state) {
  (void)state;
  jdc_digest_free(digest);
  return heap.blocks == 0 ? 0 : 1;
}

static void same_hex(const unsigned char raw[JDC_SHA256], const char *should) {
  char hex[JDC_SHA256_HEX];
  jdc_hex(hex, raw, JDC_SHA256);
  test_same_text((jdc_str){ hex, sizeof hex }, test_str(should));
}

static void hashes_the_standards_examples(void **state) {
  (void)state;
  unsigned char out[JDC_SHA256];
  assert_int_equal(jdc_sha256(digest, NULL, 0, out), JDC_OK);
  same_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_int_equal(jdc_sha256(digest, "abc", 3, out), JDC_OK);
  same_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  assert_int_equal(jdc_sha256(digest, two_blocks, sizeof two_blocks - 1, out), JDC_OK);
  same_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  char *million = malloc(1000000);
  assert_non_null(million);
  memset(million, 'a', 1000000);
  assert_int_equal(jdc_sha256(digest, million, 1000000, out), JDC_OK);
  same_hex(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(million);
}

typedef struct mac_row {
  const void *key;
  size_t key_len;
  const char *data, *should;
} mac_row;

static void macs_the_standards_examples(void **state) {
  (void)state;
  unsigned char of_0b[20], of_aa[131], out[JDC_SHA256];
  memset(of_0b, 0x0b, sizeof of_0b);
  memset(of_aa, 0xaa, sizeof of_aa);
  const mac_row rows[] = {
    { of_0b, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "Jefe", 4, "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { of_aa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { "", 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
  };
  jdc_hmac_key key = { NULL, NULL };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(jdc_hmac_key_set(digest, &key, rows[i].key, rows[i].key_len), JDC_OK);
    for (int again = 0; again < 2; again++) { /* the prepared states must survive their use */
      assert_int_equal(jdc_hmac(digest, &key, rows[i].data, strlen(rows[i].data), out), JDC_OK);
      same_hex(out, rows[i].should);
    }
  }
  jdc_hmac_key_free(&key);
}

static void a_key_of_exactly_one_block_is_not_hashed(void **state) {
  (void)state;
  unsigned char block[64], longer[65], hashed[JDC_SHA256], a[JDC_SHA256], b[JDC_SHA256];
  memset(block, 'k', sizeof block);
  memset(longer, 'k', sizeof longer);
  jdc_hmac_key key = { NULL, NULL };
  assert_int_equal(jdc_hmac_key_set(digest, &key, longer, sizeof longer), JDC_OK);
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, a), JDC_OK);
  assert_int_equal(jdc_sha256(digest, longer, sizeof longer, hashed), JDC_OK);
  assert_int_equal(jdc_hmac_key_set(digest, &key, hashed, sizeof hashed), JDC_OK);
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, b), JDC_OK);
  assert_memory_equal(a, b, JDC_SHA256);
  assert_int_equal(jdc_sha256(digest, block, sizeof block, hashed), JDC_OK);
  assert_int_equal(jdc_hmac_key_set(digest, &key, hashed, sizeof hashed), JDC_OK);
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, a), JDC_OK);
  assert_int_equal(jdc_hmac_key_set(digest, &key, block, sizeof block), JDC_OK);
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, b), JDC_OK);
  assert_memory_not_equal(a, b, JDC_SHA256);
  jdc_hmac_key_free(&key);
}

static void hashing_between_macs_disturbs_neither(void **state) {
  (void)state;
  unsigned char out[JDC_SHA256];
  jdc_hmac_key key = { NULL, NULL };
  assert_int_equal(jdc_hmac_key_set(digest, &key, "Jefe", 4), JDC_OK);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(jdc_sha256(digest, "abc", 3, out), JDC_OK);
    same_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(jdc_hmac(digest, &key, "what do ya want for nothing?", 28, out), JDC_OK);
    same_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  }
  jdc_hmac_key_free(&key);
}

static void no_key_makes_no_mac(void **state) {
  (void)state;
  unsigned char out[JDC_SHA256];
  jdc_hmac_key key = { NULL, NULL };
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, out), JDC_INVALID);
  assert_int_equal(jdc_hmac_key_set(digest, &key, "k", 1), JDC_OK);
  jdc_hmac_key_free(&key);
  assert_null(key.inner);
  assert_null(key.outer);
  assert_int_equal(jdc_hmac(digest, &key, "x", 1, out), JDC_INVALID);
  jdc_hmac_key_free(&key);
}

static void freeing_nothing_is_fine(void **state) {
  (void)state;
  jdc_digest_free(NULL);
}

static jdc_status run_once(jdc_alloc alloc) {
  jdc_digest *d;
  unsigned char out[JDC_SHA256];
  jdc_status status = jdc_digest_new(alloc, &d);
  if (status == JDC_OK) status = jdc_sha256(d, "abc", 3, out);
  jdc_digest_free(d);
  return status;
}

static void every_failing_allocation_is_reported(void **state) {
  (void)state;
  test_every_allocation(run_once);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(hashes_the_standards_examples),
    TEST(macs_the_standards_examples),
    TEST(a_key_of_exactly_one_block_is_not_hashed),
    TEST(hashing_between_macs_disturbs_neither),
    TEST(no_key_makes_no_mac),
    TEST(freeing_nothing_is_fine),
    TEST(every_failing_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
