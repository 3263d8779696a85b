/* sign.c - what a signature costs: a 365-byte canonical GET with fresh date and nonce, as a multiple of what SHA-256
 * alone must cost: ten blocks (six of the request, three and one of the HMAC), at the speed of a bulk digest.
 * Ends with 1 if the limit is passed or if a signature allocates. */
#define _POSIX_C_SOURCE 199309L

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/sign.h"

#define ROUNDS          31 /* odd, so that there is a middle one */
#define SIGNATURES      4000
#define BULK_BYTES      (64 * 4096)
#define BULKS           8
#define BLOCK           64
#define BLOCKS          10
#define CANONICAL_BYTES 365
#define LIMIT           2.5

static size_t ours, theirs; /* allocations */

static void *count_ours(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud, (void)osize;
  if (nsize == 0) {
    free(ptr);
    return NULL;
  }
  ours++;
  return realloc(ptr, nsize);
}

static void *count_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  theirs++;
  return malloc(n);
}

static void *count_realloc(void *ptr, size_t n, const char *file, int line) {
  (void)file, (void)line;
  theirs++;
  return realloc(ptr, n);
}

static void count_free(void *ptr, const char *file, int line) {
  (void)file, (void)line;
  free(ptr);
}

static void must(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "spec/bench/sign: %s\n", what);
  exit(1);
}

/* Processor time: what other processes take in between does not count. */
static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *of) {
  qsort(of, ROUNDS, sizeof *of, by_size);
  return of[ROUNDS / 2];
}

static double block_ns(EVP_MD_CTX *ctx, const EVP_MD *md, const unsigned char *data) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  double start = now_ns();
  for (int i = 0; i < BULKS; i++)
    must(EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, data, BULK_BYTES) == 1 &&
             EVP_DigestFinal_ex(ctx, hash, NULL) == 1,
         "EVP refused");
  return (now_ns() - start) / (BULKS * (BULK_BYTES / BLOCK));
}

typedef struct bench {
  jdc_signer *signer;
  jdc_digest *digest;
  jdc_credential *credential;
  jdc_sign_request request;
  unsigned long count; /* makes date and nonce fresh */
} bench;

static void prepare(bench *b) {
  const char *problem;
  must(jdc_sign_prepare(b->signer, b->digest, &b->request, &problem) == JDC_OK, "the request was refused");
}

/* The caller's part of being fresh is not the signature's: it is kept to a few instructions. */
static void stamp(bench *b, char date[JDC_DATE], char nonce[36]) {
  static const char hex[] = "0123456789abcdef";
  unsigned long n = b->count++;
  date[14] = (char)('0' + n % 10);
  date[13] = (char)('0' + n / 10 % 6);
  for (size_t i = 0; i < 8; i++) nonce[i] = hex[n >> (4 * i) & 15];
  must(jdc_sign_stamp(b->signer, b->digest, b->credential, date, (jdc_str){ nonce, 36 }) == JDC_OK, "no signature");
}

/* Nanoseconds of one signature, with or without preparing the request first. */
static double signature_ns(bench *b, bool prepared_each_time) {
  char date[] = "20240131T235959Z", nonce[] = "0b6f8a52-4a1e-4c39-9f0d-5a2d1c7e4b11";
  double start = now_ns();
  for (int i = 0; i < SIGNATURES; i++) {
    if (prepared_each_time) prepare(b);
    stamp(b, date, nonce);
  }
  return (now_ns() - start) / SIGNATURES;
}

static void set_up(bench *b) {
  jdc_alloc alloc = { count_ours, NULL };
  const char *problem;
  must(jdc_digest_new(alloc, &b->digest) == JDC_OK && jdc_signer_new(alloc, &b->signer) == JDC_OK &&
           jdc_credential_new(alloc, &b->credential) == JDC_OK,
       "no memory");
  must(jdc_credential_set(b->credential, JDC_STR("AKEXAMPLE0001"), JDC_STR("SKexample/+=0001"), JDC_STR(""), 0,
                          &problem) == JDC_OK,
       "the keys were refused");
  b->request = (jdc_sign_request){ .version = 2,
                                   .method = JDC_STR("GET"),
                                   .host = JDC_STR("vm.jdcloud-api.com"),
                                   .path = JDC_STR("/v1/regions/cn-north-1/instances"),
                                   .query = JDC_STR(
                                       "filters.1.name=status&filters.1.values.1=running&pageNumber=1&pageSize=100"),
                                   .service = JDC_STR("vm"),
                                   .region = JDC_STR("cn-north-1"),
                                   .nonce_len = 36 };
  prepare(b);
  signature_ns(b, false); /* warms up */
  size_t len = jdc_sign_canonical_request(b->signer).len;
  must(len == CANONICAL_BYTES, "the canonical request has another length");
}

int main(void) {
  static unsigned char data[BULK_BYTES];
  static double block[ROUNDS], stamped[ROUNDS], whole[ROUNDS], of_stamp[ROUNDS], of_whole[ROUNDS];
  must(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1, "libcrypto's memory can't be counted");
  bench b = { 0 };
  set_up(&b);
  EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  must(md != NULL && ctx != NULL, "no SHA-256");

  size_t ours_of_stamp = 0, theirs_of_stamp = 0, ours_of_whole = 0;
  signature_ns(&b, true);
  for (int round = 0; round < ROUNDS; round++) { /* in turn, so that noise hits all alike */
    block[round] = block_ns(ctx, md, data);
    size_t ours_before = ours, theirs_before = theirs;
    stamped[round] = signature_ns(&b, false);
    ours_of_stamp += ours - ours_before;
    theirs_of_stamp += theirs - theirs_before;
    ours_before = ours;
    whole[round] = signature_ns(&b, true);
    ours_of_whole += ours - ours_before;
  }
  for (int round = 0; round < ROUNDS; round++) { /* each with the block time of its own round */
    of_stamp[round] = stamped[round] / (BLOCKS * block[round]);
    of_whole[round] = whole[round] / (BLOCKS * block[round]);
  }
  double ratio = median(of_stamp);
  double all = (double)ROUNDS * SIGNATURES;
  printf("core SHA-256 block: %.1f ns (bulk EVP)\n", median(block));
  printf("core signature: %.0f ns = %.2f x ten SHA-256 blocks (limit %.1f)\n", median(stamped), ratio, LIMIT);
  printf("core prepare and signature: %.0f ns = %.2f x ten SHA-256 blocks\n", median(whole), median(of_whole));
  printf("core allocations per signature: %.2f ours (%.2f with prepare), %.2f libcrypto's\n",
         (double)ours_of_stamp / all, (double)ours_of_whole / all, (double)theirs_of_stamp / all);

  EVP_MD_CTX_free(ctx);
  EVP_MD_free(md);
  jdc_signer_free(b.signer);
  jdc_credential_free(b.credential);
  jdc_digest_free(b.digest);
  return ratio > LIMIT || ours_of_stamp + ours_of_whole > 0;
}
