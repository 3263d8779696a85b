/* answer_hint.c - one line for a person: what is probably wrong and what to do. Fixed texts, and of an answer only the
 * name of the operation that IAM denied: no parameter value, no secret. */
#include "answer_hint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPERATION_MAX 128 /* bytes of a denied operation; the longest in the API facts has 74 */
#define CLOCK_OFF_S   60  /* a difference that may have broken the signature; below, the answer's way explains it */

typedef struct rule {
  jdc_kind kind;
  int code;         /* 0: any */
  const char *word; /* the status word; NULL: any */
  const char *says; /* part of the message, in lower case; NULL: any */
  bool clock;       /* a wrong clock would explain it too, and comes first */
  const char *hint;
} rule;

/* The first that fits. Messages: protocol.md 5.2, 5.3. */
static const rule rules[] = {
  { JDC_KIND_AUTH, 0, NULL, "lack of header authorization", false,
    "the Authorization header did not arrive: does a proxy on the way remove it?" },
  { JDC_KIND_AUTH, 0, NULL, "lack of credential", false,
    "the Authorization header arrived unreadable: is there a blank in the access key, region or service?" },
  { JDC_KIND_AUTH, 0, NULL, "lack of header", false,
    "a header of the signature did not arrive: does a proxy on the way remove it?" },
  { JDC_KIND_AUTH, 0, NULL, "invalid accesskey", false,
    "the access key is unknown or disabled: see access key management in the console" },
  { JDC_KIND_AUTH, 0, NULL, "secret key is nul", false,
    "the access key is unknown or disabled: see access key management in the console" },
  { JDC_KIND_AUTH, 0, NULL, "sign result is not same", true,
    "the secret key is not the one of this access key, or the pair belongs to another platform of JD" },
  { JDC_KIND_AUTH, 0, NULL, NULL, true, "check access key and secret key, and that the pair is enabled" },
  { JDC_KIND_DENIED, 0, NULL, "noncestr", false,
    "the service has seen this nonce before: each attempt needs a fresh one" },
  { JDC_KIND_DENIED, 0, NULL, "ip address is not allowed", false,
    "the address that the request came from is not on the account's allow-list" },
  { JDC_KIND_DENIED, 0, NULL, "api is disabled", false, "the service has switched this operation off" },
  { JDC_KIND_DENIED, 0, NULL, "not authorized", false, "the key's user lacks an IAM permission for this operation" },
  { JDC_KIND_DENIED, 407, NULL, NULL, false,
    "the proxy wants a user name and a password: put them into the proxy option" },
  { JDC_KIND_DENIED, 0, "PERMISSION_DENIED", NULL, true,
    "not allowed for this key; of a new instance that is to be deleted: its charging hasn't begun, try in a minute" },
  { JDC_KIND_DENIED, 0, NULL, NULL, true, "" },
  { JDC_KIND_QUOTA, 0, NULL, NULL, false, "waiting does not help: free something, or ask for a higher quota" },
  { JDC_KIND_THROTTLED, 0, NULL, "role:ak", false, "the limit is on all calls with this access key" },
  { JDC_KIND_THROTTLED, 0, NULL, "role:api", false, "the limit is on this operation, or on its group" },
  { JDC_KIND_BUSY, 0, NULL, NULL, false,
    "another task runs on the resource, or its state forbids this: wait for the state, or use busy_timeout" },
  { JDC_KIND_INVALID, 0, NULL, "web firewall", false,
    "the gateway's web firewall took the request for an attack: look for code or SQL in the parameters" },
  { JDC_KIND_INVALID, 413, NULL, NULL, false, "the body is larger than the service takes (100 MiB)" },
  { JDC_KIND_INVALID, 414, NULL, NULL, false,
    "the URL is longer than the service takes (8 KiB): ask for less at once" },
  { JDC_KIND_NOT_FOUND, 0, NULL, "no route", false,
    "the gateway knows no such call: check the operation, its version and the endpoint" },
  { JDC_KIND_SERVER, 501, NULL, NULL, false, "the service does not offer this operation" },
  { JDC_KIND_SERVER, 504, NULL, NULL, false, "it may have been executed: look before calling again" },
};

static void put(jdc_verdict *v, const char *hint) { (void)snprintf(v->hint, sizeof(v->hint), "%s", hint); }

/* Signatures fail when clocks differ; the service's is in its Date header. Nobody states by how much (protocol 1.13).
 */
static bool put_clock(int64_t wall_ms, jdc_verdict *v) {
  if (!v->enveloped || !v->has_date) return false;
  int64_t ahead = wall_ms / 1000 - v->date_s;
  int64_t off = ahead < 0 ? -ahead : ahead;
  if (off <= CLOCK_OFF_S) return false;
  const char *unit = off >= 7200 ? "hours" : off >= 120 ? "minutes" : "seconds";
  int64_t n = off >= 7200 ? off / 3600 : off >= 120 ? off / 60 : off;
  (void)snprintf(v->hint, sizeof(v->hint), "this machine's clock is %" PRId64 " %s %s the service's: set it", n, unit,
                 ahead < 0 ? "behind" : "ahead of");
  return true;
}

static bool is_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
         c == '.' || c == '*';
}

/* `service:operation` and nothing else */
static bool is_operation(jdc_str s) {
  size_t colons = 0;
  if (s.len < 3 || s.len > OPERATION_MAX || s.ptr[0] == ':' || s.ptr[s.len - 1] == ':') return false;
  for (size_t i = 0; i < s.len; i++) {
    if (s.ptr[i] == ':')
      colons++;
    else if (!is_name(s.ptr[i]))
      return false;
  }
  return colons == 1;
}

/* IAM names the operation in the details; older answers only in the message:
 * "You are not authorized to perform (svc:op) on resource (res) [IAM] [gw]". */
static jdc_str denied_operation(const jdc_answer *a) {
  if (is_operation(a->denied)) return a->denied;
  jdc_str s = { NULL, 0 };
  if (!jdc_answer_says(a, "not authorized to perform (")) return s;
  const char *open = memchr(a->message.ptr, '(', a->message.len);
  size_t rest = a->message.len - (size_t)(open + 1 - a->message.ptr);
  const char *close = memchr(open + 1, ')', rest);
  if (close != NULL) s = (jdc_str){ open + 1, (size_t)(close - open - 1) };
  return is_operation(s) ? s : (jdc_str){ NULL, 0 };
}

static bool put_denied(const jdc_answer *a, jdc_verdict *v) {
  jdc_str s = denied_operation(a);
  if (s.len == 0) return false;
  (void)snprintf(v->hint, sizeof(v->hint), "the key's user lacks the IAM permission %.*s", (int)s.len, s.ptr);
  return true;
}

static const char *protocol_hint(const jdc_answer *a) {
  if (a->http_status >= 300 && a->http_status <= 399)
    return "redirects are not followed, since the signature covers host and path: check the endpoint";
  if (a->body == JDC_BODY_JSON) return "this is JSON, but not the service's envelope: check the endpoint";
  return "a proxy or load balancer answered, not the service, or the answer was cut short";
}

static bool fits(const rule *r, const jdc_answer *a, const jdc_verdict *v) {
  if (r->kind != v->kind || (r->code != 0 && r->code != jdc_answer_code(a))) return false;
  if (r->word != NULL && (a->status.len != strlen(r->word) || memcmp(a->status.ptr, r->word, a->status.len) != 0))
    return false;
  /* Of a page that the service didn't write, the status is all that means something. */
  if (!v->enveloped) return r->code != 0;
  return r->says == NULL || jdc_answer_says(a, r->says);
}

void jdc_answer_hint(const jdc_answer *a, int64_t wall_ms, jdc_verdict *v) {
  if (v->kind == JDC_KIND_PROTOCOL) {
    put(v, protocol_hint(a));
    return;
  }
  if (v->kind == JDC_KIND_DENIED && v->enveloped && put_denied(a, v)) return;
  for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
    if (!fits(&rules[i], a, v)) continue;
    if (!rules[i].clock || !put_clock(wall_ms, v)) put(v, rules[i].hint);
    return;
  }
  if (!v->enveloped) put(v, "a proxy or load balancer answered, not the service");
}

static const struct {
  jdc_kind kind;
  jdc_phase phase;
  const char *hint;
} failures[] = {
  { JDC_KIND_NETWORK, JDC_PHASE_RESOLVE,
    "the host's name has no address: check the endpoint, the service's name and DNS" },
  { JDC_KIND_NETWORK, JDC_PHASE_CONNECT,
    "nobody takes connections there: check the endpoint, its port, proxy and firewall" },
  { JDC_KIND_NETWORK, JDC_PHASE_TLS,
    "no trusted connection: is the certificate's issuer in ca_file, its host name the endpoint's, the clock right?" },
  { JDC_KIND_NETWORK, JDC_PHASE_SEND, "the connection broke while the request was sent" },
  { JDC_KIND_NETWORK, JDC_PHASE_RECEIVE,
    "the connection broke before the answer came: the call may have been executed" },
  { JDC_KIND_TIMEOUT, JDC_PHASE_RESOLVE, "the name server does not answer: check DNS" },
  { JDC_KIND_TIMEOUT, JDC_PHASE_CONNECT,
    "no connection within connect_timeout: check the endpoint, proxy and firewall" },
  { JDC_KIND_TIMEOUT, JDC_PHASE_TLS, "no handshake within connect_timeout: does the port speak TLS?" },
  { JDC_KIND_TIMEOUT, JDC_PHASE_SEND,
    "the request could not be sent in time: raise timeout or idle_timeout for large bodies" },
  { JDC_KIND_TIMEOUT, JDC_PHASE_RECEIVE,
    "no answer in time: the call may have been executed; raise timeout or idle_timeout" },
  { JDC_KIND_PROTOCOL, JDC_PHASE_RECEIVE, "the answer was cut short, larger than max_size or not HTTP" },
  { JDC_KIND_CONFIG, JDC_PHASE_TLS, "check ca_file, the endpoint's host name, client_cert and tls_min" },
};

void jdc_failure_hint(const jdc_failure *f, jdc_verdict *v) {
  for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
    if (failures[i].kind != f->kind || failures[i].phase != f->phase) continue;
    put(v, failures[i].hint);
    return;
  }
}
