/* options.c - reads an engine's options from Lua and gives them to libcurl, once. */
#include "options.h"

#include <string.h>

/* Design.md, Options: connect 5 s, silence 60 s, answer 32 MiB. */
#define DEFAULT_CONNECT_MS 5000
#define DEFAULT_IDLE_MS    60000
#define DEFAULT_MAX_SIZE   ((size_t)32 * 1024 * 1024)

/* Without a bound, 256 cold calls opened 157 connections in spite of PIPEWAIT. */
#define DEFAULT_HOST_CONNECTIONS 8
#define DEFAULT_CONNECTIONS      64
#define MAX_CONNECTIONS          65536

#define MAX_SECONDS 1e6 /* eleven days; libcurl keeps milliseconds in 32 bits */

/* The least that libcurl takes for an upload, and its default for an answer: answers and bodies are small. */
#define BUFFER_BYTES 16384L

/* Gateways close idle connections after a minute or so. A connection that was idle for longer than this is not
 * used again, so that few requests are lost to a close that crosses them. */
#define MAX_IDLE_SECONDS 30L

/* From this version on libcurl itself keeps SIGPIPE from every write to a TLS connection. */
#define VERSION_WITHOUT_SIGPIPE 0x075700

static bool wrong(lua_State *L, const char *name, const char *wanted) {
  (void)lua_pushfstring(L, "%s must be %s", name, wanted);
  return false;
}

bool jdc_seconds_read(lua_State *L, int index, const char *name, int64_t *ms) {
  lua_getfield(L, index, name);
  const int type = lua_type(L, -1);
  const double seconds = type == LUA_TNUMBER ? (double)lua_tonumber(L, -1) : -1;
  lua_pop(L, 1);
  if (type == LUA_TNIL) return true;
  if (!(seconds >= 0 && seconds <= MAX_SECONDS)) return wrong(L, name, "a number of seconds, 0 or more");
  *ms = (int64_t)(seconds * 1000);
  if (*ms == 0 && seconds > 0) *ms = 1;
  return true;
}

/* An absent field leaves `out` as it is. */
static bool read_number(lua_State *L, int index, const char *name, double max, double *out) {
  lua_getfield(L, index, name);
  const int type = lua_type(L, -1);
  const double number = type == LUA_TNUMBER ? (double)lua_tonumber(L, -1) : -1;
  lua_pop(L, 1);
  if (type == LUA_TNIL) return true;
  if (!(number >= 1 && number <= max)) return wrong(L, name, "a positive number within reason");
  *out = number;
  return true;
}

bool jdc_bounds_read(lua_State *L, int index, jdc_bounds *bounds) {
  double max_size = (double)bounds->max_size;
  if (!jdc_seconds_read(L, index, "connect_timeout", &bounds->connect_ms) ||
      !jdc_seconds_read(L, index, "idle_timeout", &bounds->idle_ms) ||
      !read_number(L, index, "max_size", (double)(SIZE_MAX / 4), &max_size))
    return false;
  bounds->max_size = (size_t)max_size;
  return true;
}

/* The table keeps the text alive, which what a metamethod gave would not be. A zero byte inside would cut it short for
 * libcurl. */
static bool read_text(lua_State *L, int index, const char *name, const char **out) {
  lua_pushstring(L, name);
  lua_rawget(L, index);
  const int type = lua_type(L, -1);
  size_t len = 0;
  const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
  lua_pop(L, 1);
  if (type == LUA_TNIL) return true;
  if (text == NULL || strlen(text) != len) return wrong(L, name, "a string");
  *out = text;
  return true;
}

static bool read_client_cert(lua_State *L, int index, jdc_curl_options *out) {
  lua_pushliteral(L, "client_cert");
  lua_rawget(L, index);
  const int type = lua_type(L, -1);
  bool ok = true;
  if (type == LUA_TTABLE) {
    const int cert = lua_gettop(L);
    ok = read_text(L, cert, "cert", &out->cert_file) && read_text(L, cert, "key", &out->key_file) &&
         read_text(L, cert, "password", &out->passphrase);
    if (ok && out->cert_file == NULL) ok = wrong(L, "client_cert.cert", "the path of a file");
    lua_remove(L, cert);
    return ok;
  }
  lua_pop(L, 1);
  return read_text(L, index, "client_cert", &out->cert_file);
}

static bool read_proxy(lua_State *L, int index, jdc_curl_options *out) {
  lua_getfield(L, index, "proxy");
  const bool off = lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (off) out->proxy = "";
  return (off || read_text(L, index, "proxy", &out->proxy)) && read_text(L, index, "no_proxy", &out->no_proxy);
}

static bool read_versions(lua_State *L, int index, jdc_curl_options *out) {
  const char *tls = "1.2", *http = "2";
  if (!read_text(L, index, "tls_min", &tls) || !read_text(L, index, "http_version", &http)) return false;
  if (strcmp(tls, "1.2") != 0 && strcmp(tls, "1.3") != 0) return wrong(L, "tls_min", "\"1.2\" or \"1.3\"");
  if (strcmp(http, "1.1") != 0 && strcmp(http, "2") != 0) return wrong(L, "http_version", "\"1.1\" or \"2\"");
  out->tls_min = strcmp(tls, "1.3") == 0 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
  out->http_version = strcmp(http, "2") == 0 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
  return true;
}

bool jdc_options_read(lua_State *L, int index, jdc_curl_options *out) {
  *out = (jdc_curl_options){ .bounds = { DEFAULT_CONNECT_MS, DEFAULT_IDLE_MS, DEFAULT_MAX_SIZE } };
  double per_host = DEFAULT_HOST_CONNECTIONS, in_all = DEFAULT_CONNECTIONS;
  if (!jdc_bounds_read(L, index, &out->bounds) || !read_text(L, index, "ca_file", &out->ca_file) ||
      !read_client_cert(L, index, out) || !read_proxy(L, index, out) || !read_versions(L, index, out) ||
      !read_number(L, index, "max_host_connections", MAX_CONNECTIONS, &per_host) ||
      !read_number(L, index, "max_connections", MAX_CONNECTIONS, &in_all))
    return false;
  out->max_host_connections = (long)per_host;
  out->max_connections = (long)in_all;
  return true;
}

/* Stops at the first refusal. */
#define SET(option, value)                                                                                             \
  do {                                                                                                                 \
    if (rc == CURLE_OK) rc = curl_easy_setopt(easy, option, value);                                                    \
  } while (0)

static CURLcode set_tls(const jdc_curl_options *o, CURL *easy) {
  CURLcode rc = CURLE_OK;
  SET(CURLOPT_SSLVERSION, o->tls_min);
  if (o->ca_file != NULL) {
    SET(CURLOPT_CAINFO, o->ca_file);
    SET(CURLOPT_CAPATH, NULL); /* else the system's authorities would be trusted beside it */
    SET(CURLOPT_PROXY_CAINFO, o->ca_file);
    SET(CURLOPT_PROXY_CAPATH, NULL);
  }
  SET(CURLOPT_SSLCERT, o->cert_file);
  SET(CURLOPT_SSLKEY, o->key_file);
  SET(CURLOPT_KEYPASSWD, o->passphrase);
  return rc;
}

CURLcode jdc_options_easy(const jdc_curl_options *o, CURL *easy) {
  const curl_version_info_data *lib = curl_version_info(CURLVERSION_NOW);
  CURLcode rc = set_tls(o, easy);
  if (o->proxy != NULL) SET(CURLOPT_PROXY, o->proxy);
  if (o->no_proxy != NULL) SET(CURLOPT_NOPROXY, o->no_proxy);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_PATH_AS_IS, 1L); /* the signed path is the sent path; REQUEST_TARGET would break proxies */
  SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET(CURLOPT_FOLLOWLOCATION, 0L); /* a redirect would carry a signature made for another place */
  SET(CURLOPT_HTTP_VERSION, o->http_version);
  SET(CURLOPT_BUFFERSIZE, BUFFER_BYTES);
  SET(CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
  SET(CURLOPT_MAXAGE_CONN, MAX_IDLE_SECONDS);
  /* With NOSIGNAL an older libcurl leaves SIGPIPE to the program; without it, and with a resolver that needs no
   * SIGALRM, it guards its own writes and does nothing else with signals. */
  if (lib->version_num >= VERSION_WITHOUT_SIGPIPE || !(lib->features & CURL_VERSION_ASYNCHDNS))
    SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  /* A name that is still being looked up does not hold up a time limit, a cancel or the end of the program. A libcurl
   * that is older than its header refuses the option; then it does. */
  if (rc == CURLE_OK) (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  return rc;
}

CURLMcode jdc_options_multi(long max_host_connections, long max_connections, CURLM *multi) {
  CURLMcode rc = curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, max_host_connections);
  if (rc == CURLM_OK) rc = curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
  if (rc == CURLM_OK) rc = curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, max_connections);
  return rc;
}
