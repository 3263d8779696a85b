/* credential.h - the keys, their cache of signing keys, and the rules of refreshing them.
 *
 * A jdc_credential is a place that holds the current keys: static ones are set once, a provider's are replaced
 * while calls are under way. Nothing outside reads the secret; it is wiped when replaced and when freed.
 * The lease makes one refresh serve all who wait; it expires by time, since a killed thread runs no code. */
#ifndef JDC_CREDENTIAL_H
#define JDC_CREDENTIAL_H

#include "date.h"
#include "digest.h"

JDC_BEGIN

#define JDC_SIGNING_KEYS         16              /* cached signing keys: (regions in use) x (services in use), about */
#define JDC_CREDENTIAL_TEXT_MAX  4096            /* bytes of an access key, a secret or a token */
#define JDC_SCOPE_MAX            128             /* bytes of a region's or a service's name in the scope */
#define JDC_REFRESH_ADVISORY_MS  (5 * 60 * 1000) /* this long before the end one caller refreshes, the others go on */
#define JDC_REFRESH_MANDATORY_MS (60 * 1000)     /* this long before the end everybody waits */
#define JDC_REFRESH_RETRY_MS     (30 * 1000)     /* after a failed advisory refresh the old keys serve this long */
#define JDC_REFRESH_RETRY_MIN_MS 1000            /* the same of keys that live shortly */
#define JDC_LEASE_MS             (35 * 1000)     /* a refresh that takes longer is taken to be dead */
#define JDC_LEASE_POLL_MS        10              /* how often those who wait look again */

typedef struct jdc_credential jdc_credential;

/* Why keys are asked for; the provider is told */
typedef enum jdc_credential_why {
  JDC_WHY_MISSING, /* there are none yet */
  JDC_WHY_EXPIRING,
  JDC_WHY_REFUSED /* the service answered 401 */
} jdc_credential_why;

typedef enum jdc_credential_need {
  JDC_CREDENTIAL_READY, /* sign with what is there */
  JDC_CREDENTIAL_FETCH, /* the caller holds the lease and asks the provider */
  JDC_CREDENTIAL_WAIT   /* another caller is asking: look again in JDC_LEASE_POLL_MS */
} jdc_credential_need;

JDC_MUST_USE jdc_status jdc_credential_new(jdc_alloc alloc, jdc_credential **out);
void jdc_credential_free(jdc_credential *c);

/* What jdc_credential_set would find wrong with these keys, or NULL: for a token that is yet to be encoded. */
const char *jdc_credential_flaw(jdc_str access_key, jdc_str secret_key, jdc_str session_token);

/* Replaces the keys and ends the lease. Blanks at both ends are trimmed; an empty key or secret, a control
 * character or a byte above 0x7e, a blank or comma in the access key, or more than JDC_CREDENTIAL_TEXT_MAX bytes is
 * JDC_INVALID and *problem says which (never the value). On failure the old keys and the lease stay. expires_ms: wall
 * time, 0 for never. Replacing keys by the same ones is no change of generation. Keys that end a lease serve for
 * JDC_REFRESH_RETRY_MS even if they are about to expire or, by the caller's clock, have: the provider has no better.
 * Keys that live for less than ten minutes have shorter times: the advisory window is the second half of their life,
 * the mandatory one its last tenth, and a tenth, though not less than JDC_REFRESH_RETRY_MIN_MS, stands for
 * JDC_REFRESH_RETRY_MS. */
JDC_MUST_USE jdc_status jdc_credential_set(jdc_credential *c, jdc_str access_key, jdc_str secret_key,
                                           jdc_str session_token, int64_t expires_ms, const char **problem);

/* The provider's keys have been set just now. JDC_REFRESH_RETRY_MS counts from here; without this, from the next
 * jdc_credential_check. */
void jdc_credential_given(jdc_credential *c, int64_t now_ms);

/* The provider failed: ends the lease; old keys that have not expired serve on for JDC_REFRESH_RETRY_MS. */
void jdc_credential_failed(jdc_credential *c, int64_t now_ms);
/* How often it has failed: who waited while this changed has waited for a failure, and needn't ask again. */
uint64_t jdc_credential_failures(const jdc_credential *c);

/* The service refused the keys of this generation: the next to ask is told to fetch, once. */
void jdc_credential_refuse(jdc_credential *c, uint64_t generation);

/* May the caller sign now? `renewable`: there is a provider to ask. Without one, keys that are there are READY
 * and none is FETCH (the driver then answers with a failure). */
jdc_credential_need jdc_credential_check(jdc_credential *c, jdc_time t, bool renewable, jdc_credential_why *why);

/* Ends a lease that this caller holds and won't use (its call was cancelled). */
void jdc_credential_release(jdc_credential *c);

/* Are there keys that the last jdc_credential_check didn't find expired? */
bool jdc_credential_has_keys(const jdc_credential *c);
uint64_t jdc_credential_generation(const jdc_credential *c); /* 0: no keys yet; changes when the keys do */
jdc_str jdc_credential_access_key(const jdc_credential *c);
jdc_str jdc_credential_session_token(const jdc_credential *c);

/* The signing key of protocol.md 1.1 as a prepared HMAC key, from the cache or derived and kept. Valid until the next
 * call on this credential. version 2 or 3. JDC_INVALID without keys, JDC_TOO_BIG past JDC_SCOPE_MAX. */
JDC_MUST_USE jdc_status jdc_credential_signing_key(jdc_credential *c, jdc_digest *d, int version,
                                                   const char day[JDC_DAY], jdc_str region, jdc_str service,
                                                   const jdc_hmac_key **out);

/* The raw 32 bytes of the same key, underived from the cache; for the vectors. */
JDC_MUST_USE jdc_status jdc_credential_derive(jdc_credential *c, jdc_digest *d, int version, const char day[JDC_DAY],
                                              jdc_str region, jdc_str service, unsigned char out[JDC_SHA256]);

JDC_END
#endif
