/* options.h - what never changes during the life of an engine: TLS, proxy, connections, default limits. */
#ifndef JDC_CURL_OPTIONS_H
#define JDC_CURL_OPTIONS_H

#include "../core/jdc.h"
#include <curl/curl.h>
#include <lua.h>

JDC_BEGIN

/* Bounds that every request has and that a single request may replace. 0 milliseconds: no bound, but for connecting
 * libcurl's own of five minutes. */
typedef struct jdc_bounds {
  int64_t connect_ms; /* name, TCP, proxy and TLS together */
  int64_t idle_ms;    /* silence: no byte in either direction since the request began */
  size_t max_size;    /* bytes of an answer's body */
} jdc_bounds;

/* Texts belong to the Lua table they were read from; NULL leaves the choice to libcurl. */
typedef struct jdc_curl_options {
  jdc_bounds bounds;
  const char *ca_file;                           /* the only authorities that are then trusted */
  const char *cert_file, *key_file, *passphrase; /* PEM; the key may be in the certificate's file */
  const char *proxy;                             /* "" for none; NULL: http_proxy, https_proxy of the environment */
  const char *no_proxy;
  long tls_min;              /* CURL_SSLVERSION_... */
  long http_version;         /* CURL_HTTP_VERSION_... */
  long max_host_connections; /* to one host */
  long max_connections;      /* in all */
} jdc_curl_options;

/* Reads the table at `index` (absolute), its texts past metamethods. Returns false with a message on the top of the
 * stack if an option has the wrong type or value; an unknown name is not looked for here. */
JDC_MUST_USE bool jdc_options_read(lua_State *L, int index, jdc_curl_options *out);

/* Reads `connect_timeout`, `idle_timeout` (seconds) and `max_size` (bytes) of the table at `index` over what `bounds`
 * holds. Returns false with a message on the top of the stack. */
JDC_MUST_USE bool jdc_bounds_read(lua_State *L, int index, jdc_bounds *bounds);

/* Reads the field `name` as seconds into milliseconds; absent leaves `ms` as it is. A positive number that is less
 * than a millisecond counts as one. Returns false with a message on the top of the stack. */
JDC_MUST_USE bool jdc_seconds_read(lua_State *L, int index, const char *name, int64_t *ms);

/* Gives the options, and those of ours that are the same for every engine, to a fresh easy handle. libcurl copies the
 * texts. */
JDC_MUST_USE CURLcode jdc_options_easy(const jdc_curl_options *options, CURL *easy);

/* Gives the bounds of connections to a fresh multi handle. */
JDC_MUST_USE CURLMcode jdc_options_multi(long max_host_connections, long max_connections, CURLM *multi);

JDC_END
#endif
