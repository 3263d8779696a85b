/* sign.h - a request in, the headers to add and the bytes to send out (protocol.md 0.3, 1.1 to 1.8).
 *
 * Two steps: jdc_sign_prepare does what is the same for every attempt of a call (canonical path, query and headers, the
 * hash of the body); jdc_sign_stamp does what is new for each (date, nonce, signature) and allocates nothing once warm.
 */
#ifndef JDC_SIGN_H
#define JDC_SIGN_H

#include "credential.h"
#include "field.h"

JDC_BEGIN

#define JDC_TARGET_MAX                                                                                                 \
  (64 * 1024) /* path and query; the gateway takes 8 KiB (protocol.md 2), a customer's may take more */
#define JDC_NONCE_MAX  128
#define JDC_METHOD_MAX 32

typedef struct jdc_sign_request {
  int version;    /* 2 or 3 */
  jdc_str scheme; /* "https" (default when empty) or "http": decides which port is left out of host */
  jdc_str method; /* any case; sent upper case */
  jdc_str host;   /* host or host:port, any case */
  jdc_str path, query;
  jdc_str body;
  jdc_str service, region;   /* of the scope; an empty region is jdcloud-api (protocol.md 1.9) */
  const jdc_header *headers; /* extra ones; content-type: application/json is added unless given. A given
                                host, x-jdcloud-date or x-jdcloud-nonce is JDC_INVALID; authorization is too */
  size_t nheaders;
  jdc_str signed_headers; /* names joined by `;` in any order and case, each of a header that is sent, or empty for the
                             default set (protocol.md 0.3 step 4) */
  size_t nonce_len;       /* of every nonce that will be stamped, 1 to JDC_NONCE_MAX */
} jdc_sign_request;

typedef struct jdc_signer jdc_signer; /* scratch and the prepared request; reused from call to call */

JDC_MUST_USE jdc_status jdc_signer_new(jdc_alloc alloc, jdc_signer **out);
void jdc_signer_free(jdc_signer *s);

/* Copies everything that it needs but the body, which it only hashes. On JDC_INVALID and JDC_TOO_BIG *problem says what
 * is wrong (a name, never a value); it is valid until the next call on this signer. */
JDC_MUST_USE jdc_status jdc_sign_prepare(jdc_signer *s, jdc_digest *d, const jdc_sign_request *r, const char **problem);

/* Signs the prepared request with the credential's current keys. nonce must have the announced length and no control
 * character or blank. JDC_INVALID if it has not, if the date has another form, if nothing is prepared, or if the
 * credential has no keys. */
JDC_MUST_USE jdc_status jdc_sign_stamp(jdc_signer *s, jdc_digest *d, jdc_credential *c, const char date[JDC_DATE],
                                       jdc_str nonce);

/* After jdc_sign_prepare; valid until the next one. */
jdc_str jdc_sign_method(const jdc_signer *s);
jdc_str jdc_sign_host(const jdc_signer *s);
jdc_str jdc_sign_target(const jdc_signer *s); /* canonical path, and `?` query if there is one */

/* After jdc_sign_stamp; valid until the next one. */
jdc_str jdc_sign_canonical_request(const jdc_signer *s);
jdc_str jdc_sign_string_to_sign(const jdc_signer *s);
jdc_str jdc_sign_authorization(const jdc_signer *s);
/* Everything to send, lower-case names in ascending order: host, content-type, the date, the nonce, the given ones,
 * the session token if the credential has one (in x-jdcloud-security-token), authorization. */
size_t jdc_sign_headers(const jdc_signer *s, const jdc_header **out);

JDC_END
#endif
