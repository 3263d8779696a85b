/* date.h - seconds since 1970 to and from the two texts that the protocol has. Own arithmetic: no time zone, no locale.
 */
#ifndef JDC_DATE_H
#define JDC_DATE_H

#include "jdc.h"

JDC_BEGIN

#define JDC_DATE 16 /* characters of an x-jdcloud-date, 20240131T235959Z (protocol.md 1.1) */
#define JDC_DAY  8  /* its first characters, the day of the scope */

/* Writes JDC_DATE characters, no NUL. Years 0000 to 9999; what is outside is clamped. */
void jdc_date_format(int64_t unix_seconds, char out[JDC_DATE]);

/* Reads an x-jdcloud-date. */
JDC_MUST_USE bool jdc_date_parse(jdc_str text, int64_t *unix_seconds);

/* Reads an HTTP date in any of the three forms of RFC 9110 5.6.7. */
JDC_MUST_USE bool jdc_date_parse_http(jdc_str text, int64_t *unix_seconds);

JDC_END
#endif
