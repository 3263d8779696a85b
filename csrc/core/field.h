/* field.h - the headers of one request: checked, lower-cased, sorted, each name once (protocol.md 0.3 step 4, 1.6,
 * 1.7). sign.c fills in what is new for each attempt. */
#ifndef JDC_FIELD_H
#define JDC_FIELD_H

#include "uri.h"

JDC_BEGIN

#define JDC_HEADERS_MAX      64                    /* headers that a caller may give */
#define JDC_HEADER_BYTES_MAX (64 * 1024)           /* of their names and values, the host's and the names to sign */
#define JDC_FIELDS_MAX       (JDC_HEADERS_MAX + 6) /* host, content-type, date, nonce, token, authorization */

typedef struct jdc_header {
  jdc_str name, value;
} jdc_header;

typedef enum jdc_field_kind {
  JDC_FIELD_PLAIN, /* has its value */
  JDC_FIELD_DATE,  /* these are filled in for each attempt */
  JDC_FIELD_NONCE,
  JDC_FIELD_TOKEN,
  JDC_FIELD_AUTHORIZATION
} jdc_field_kind;

typedef struct jdc_field {
  jdc_str name, value; /* lower case; trimmed */
  jdc_field_kind kind;
  bool in_signature;
} jdc_field;

typedef struct jdc_fields {
  jdc_field at[JDC_FIELDS_MAX]; /* n of them, names ascending by byte */
  size_t n;
  jdc_buf text;      /* what the names and values point into */
  char problem[160]; /* the last one, where it has a header's name in it */
} jdc_fields;

/* f is all zero or freed. */
void jdc_fields_init(jdc_fields *f, jdc_alloc alloc);
void jdc_fields_free(jdc_fields *f); /* wipes: a given header may be a token */

/* Makes the list of a request: the given headers, host, content-type: application/json unless given, the security token
 * unless given, date, nonce and authorization. Several values for one name are joined by `,` in the order given.
 * host: canonical (jdc_uri_host). signed_headers: names joined by `;`, each of a header in the list, or empty for host,
 * content-type and every x-jdcloud-* but request-id and trace-id. JDC_INVALID with *problem for a name that is no token
 * (RFC 9110 5.6.2) or is ours to set, and for a control character in a value (blanks at its ends are trimmed);
 * JDC_TOO_BIG for more than JDC_HEADERS_MAX or JDC_HEADER_BYTES_MAX. */
JDC_MUST_USE jdc_status jdc_fields_build(jdc_fields *f, const jdc_header *given, size_t n, jdc_str host,
                                         jdc_str signed_headers, const char **problem);

/* The field of this lower-case name, or NULL. */
jdc_field *jdc_fields_find(jdc_fields *f, jdc_str name);

/* Is it a token of RFC 9110 5.6.2: a header's name, a method? */
bool jdc_is_token(jdc_str s);

JDC_END
#endif
