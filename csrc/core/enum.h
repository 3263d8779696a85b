/* enum.h - the closed lists of the contract (common-declaration, protocol.md 7, 8): C constant <-> text <-> name for
 * people. Regions and zones that are not listed are real too (new ones open): they are refused only by shape. */
#ifndef JDC_ENUM_H
#define JDC_ENUM_H

#include "jdc.h"

JDC_BEGIN

typedef enum jdc_region {
  JDC_REGION_CN_NORTH_1,
  JDC_REGION_CN_EAST_1,
  JDC_REGION_CN_EAST_2,
  JDC_REGION_CN_SOUTH_1,
  JDC_REGION_COUNT
} jdc_region;
#define JDC_REGION_DEFAULT JDC_REGION_CN_NORTH_1 /* for resources without a region whose interface asks for one */

typedef enum jdc_zone {
  JDC_ZONE_CN_NORTH_1A,
  JDC_ZONE_CN_NORTH_1B,
  JDC_ZONE_CN_EAST_1A,
  JDC_ZONE_CN_EAST_2A,
  JDC_ZONE_CN_EAST_2B,
  JDC_ZONE_CN_SOUTH_1A,
  JDC_ZONE_COUNT
} jdc_zone;

typedef enum jdc_charge_mode {
  JDC_CHARGE_PREPAID_BY_DURATION,
  JDC_CHARGE_POSTPAID_BY_USAGE,
  JDC_CHARGE_POSTPAID_BY_DURATION,
  JDC_CHARGE_MODE_COUNT
} jdc_charge_mode;

typedef enum jdc_charge_unit { JDC_UNIT_MONTH, JDC_UNIT_YEAR, JDC_UNIT_COUNT } jdc_charge_unit;

typedef enum jdc_charge_status {
  JDC_CHARGE_NORMAL,
  JDC_CHARGE_OVERDUE,
  JDC_CHARGE_ARREAR,
  JDC_CHARGE_STATUS_COUNT
} jdc_charge_status;

/* Which list */
typedef enum jdc_enum {
  JDC_ENUM_REGION,
  JDC_ENUM_ZONE,
  JDC_ENUM_CHARGE_MODE,
  JDC_ENUM_CHARGE_UNIT,
  JDC_ENUM_CHARGE_STATUS,
  JDC_ENUM_COUNT
} jdc_enum;

typedef struct jdc_enum_value {
  const char *constant; /* CN_NORTH_1 */
  const char *text;     /* cn-north-1, what goes over the wire */
  const char *name;     /* North China-Beijing */
  int parent;           /* of a zone: its jdc_region; else -1 */
} jdc_enum_value;

/* The list; the position of a value is its C constant. */
const jdc_enum_value *jdc_enum_values(jdc_enum which, size_t *count);

/* The position of a text, or -1. Exact: the wire is case-sensitive. */
int jdc_enum_find(jdc_enum which, jdc_str text);

/* The listed text that an unknown one was probably meant to be, or NULL: other case, `_` for `-`, a constant's name,
 * a zone given as region, one or two letters wrong, the beginning of one value alone (`prepaid`). */
const char *jdc_enum_nearest(jdc_enum which, jdc_str text);

/* Could this be a region's or zone's code? Letters, digits, `-`, `_`; 1 to 64 of them. */
bool jdc_region_shape(jdc_str text);

/* ChargeSpec (protocol.md 8). */

typedef enum jdc_flag { JDC_UNSET, JDC_FALSE, JDC_TRUE } jdc_flag;

typedef struct jdc_charge_spec {
  jdc_str mode, unit; /* ptr NULL: not given */
  bool has_duration;
  int64_t duration;
  jdc_flag auto_renew, auto_change_mode;
  jdc_str auto_change_date; /* ptr NULL: not given */
} jdc_charge_spec;

typedef struct jdc_charge_problem {
  const char *field;   /* chargeMode, chargeUnit ... as JD Cloud writes them */
  const char *message; /* what is wrong and what is right; no value of the caller's */
} jdc_charge_problem;

#define JDC_CHARGE_PROBLEMS_MAX 8

/* Writes every rule that the spec breaks and returns how many. A spec without chargeMode is a problem: the contract and
 * the API disagree on the default. */
size_t jdc_charge_check(const jdc_charge_spec *spec, jdc_charge_problem out[JDC_CHARGE_PROBLEMS_MAX]);

JDC_END
#endif
