/* digest.c - SHA-256 and HMAC-SHA256 through OpenSSL's EVP interface (digest.h, protocol.md 1.1). The algorithm is
 * fetched once and contexts are kept: EVP then costs a fetch and an allocation less with every digest. */
#include "digest.h"

#include <openssl/evp.h>

#include "buf.h"

#define BLOCK 64 /* bytes that SHA-256 works on, and so the length of HMAC's pads (RFC 2104) */

struct jdc_digest {
  jdc_alloc alloc;
  EVP_MD *md;
  EVP_MD_CTX *ctx; /* what is being hashed */
};

jdc_status jdc_digest_new(jdc_alloc alloc, jdc_digest **out) {
  jdc_digest *d = jdc_new(alloc, sizeof *d);
  *out = d;
  if (d == NULL) return JDC_NOMEM;
  *d = (jdc_digest){ .alloc = alloc };
  return JDC_OK;
}

void jdc_digest_free(jdc_digest *d) {
  if (d == NULL) return;
  EVP_MD_CTX_free(d->ctx);
  EVP_MD_free(d->md);
  jdc_delete(d->alloc, d, sizeof *d);
}

/* Fetches what is not there yet; a failure leaves the digest as it was, to be tried again. */
static bool ready(jdc_digest *d) {
  if (d->md == NULL) d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
  if (d->ctx == NULL) d->ctx = EVP_MD_CTX_new();
  return d->md != NULL && d->ctx != NULL;
}

jdc_status jdc_sha256(jdc_digest *d, const void *data, size_t n, unsigned char out[JDC_SHA256]) {
  bool ok = ready(d) && EVP_DigestInit_ex2(d->ctx, d->md, NULL) == 1 && EVP_DigestUpdate(d->ctx, data, n) == 1 &&
            EVP_DigestFinal_ex(d->ctx, out, NULL) == 1;
  return ok ? JDC_OK : JDC_CRYPTO;
}

/* A hash state that has taken in the key, padded to a block and XORed with `pad`. */
static bool prepare(jdc_digest *d, void **state, const unsigned char key[BLOCK], unsigned char pad) {
  unsigned char block[BLOCK];
  for (size_t i = 0; i < BLOCK; i++) block[i] = key[i] ^ pad;
  if (*state == NULL) *state = EVP_MD_CTX_new();
  bool ok = *state != NULL && EVP_DigestInit_ex2(*state, d->md, NULL) == 1 &&
            EVP_DigestUpdate(*state, block, sizeof block) == 1;
  jdc_wipe(block, sizeof block);
  return ok;
}

jdc_status jdc_hmac_key_set(jdc_digest *d, jdc_hmac_key *key, const void *data, size_t n) {
  unsigned char padded[BLOCK] = { 0 };
  bool ok = ready(d);
  if (ok && n > BLOCK)
    ok = jdc_sha256(d, data, n, padded) == JDC_OK;
  else
    for (size_t i = 0; i < n && ok; i++) padded[i] = ((const unsigned char *)data)[i];
  ok = ok && prepare(d, &key->inner, padded, 0x36) && prepare(d, &key->outer, padded, 0x5c);
  jdc_wipe(padded, sizeof padded);
  if (!ok) jdc_hmac_key_free(key);
  return ok ? JDC_OK : JDC_CRYPTO;
}

jdc_status jdc_hmac(jdc_digest *d, const jdc_hmac_key *key, const void *data, size_t n, unsigned char out[JDC_SHA256]) {
  unsigned char inner[JDC_SHA256];
  if (key->inner == NULL) return JDC_INVALID;
  bool ok = ready(d) && EVP_MD_CTX_copy_ex(d->ctx, key->inner) == 1 && EVP_DigestUpdate(d->ctx, data, n) == 1 &&
            EVP_DigestFinal_ex(d->ctx, inner, NULL) == 1 && EVP_MD_CTX_copy_ex(d->ctx, key->outer) == 1 &&
            EVP_DigestUpdate(d->ctx, inner, sizeof inner) == 1 && EVP_DigestFinal_ex(d->ctx, out, NULL) == 1;
  jdc_wipe(inner, sizeof inner);
  return ok ? JDC_OK : JDC_CRYPTO;
}

void jdc_hmac_key_free(jdc_hmac_key *key) {
  /* libcrypto clears a state when it frees it. */
  EVP_MD_CTX_free(key->inner);
  EVP_MD_CTX_free(key->outer);
  key->inner = key->outer = NULL;
}

void jdc_hex(char *out, const unsigned char *data, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[data[i] >> 4];
    *out++ = digits[data[i] & 15];
  }
}
