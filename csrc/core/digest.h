/* digest.h - SHA-256 and HMAC-SHA256. digest.c is the only file that includes OpenSSL. */
#ifndef JDC_DIGEST_H
#define JDC_DIGEST_H

#include "jdc.h"

JDC_BEGIN

#define JDC_SHA256     32 /* bytes of a raw digest */
#define JDC_SHA256_HEX 64

/* A fetched algorithm and its work context. The algorithm is fetched at the first use, not by jdc_digest_new.
 * Not for two threads at once. */
typedef struct jdc_digest jdc_digest;

/* An HMAC key as two prepared hash states (after the inner and after the outer pad), so that a MAC costs
 * no key setup. All zero is no key: a MAC with it is JDC_INVALID. */
typedef struct jdc_hmac_key {
  void *inner, *outer;
} jdc_hmac_key;

JDC_MUST_USE jdc_status jdc_digest_new(jdc_alloc alloc, jdc_digest **out);
void jdc_digest_free(jdc_digest *d);

JDC_MUST_USE jdc_status jdc_sha256(jdc_digest *d, const void *data, size_t n, unsigned char out[JDC_SHA256]);

/* Prepares a key of any length, none too; reuses the states that *key already has. On failure *key is no key. */
JDC_MUST_USE jdc_status jdc_hmac_key_set(jdc_digest *d, jdc_hmac_key *key, const void *data, size_t n);
JDC_MUST_USE jdc_status jdc_hmac(jdc_digest *d, const jdc_hmac_key *key, const void *data, size_t n,
                                 unsigned char out[JDC_SHA256]);
void jdc_hmac_key_free(jdc_hmac_key *key); /* wipes the states */

/* Writes 2n lower-case hexadecimal digits. */
void jdc_hex(char *out, const unsigned char *data, size_t n);

JDC_END
#endif
