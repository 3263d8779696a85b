/* charge.c - the rules of a ChargeSpec (enum.h), checked before anything is sent: with money nothing is guessed.
 * protocol.md 8; common-declaration, Billing Method, for what prepaid needs. */
#include "enum.h"

#include <string.h>

#define MONTHS_MAX 9
#define YEARS_MAX  3

typedef struct findings {
  jdc_charge_problem *out;
  size_t count;
} findings;

/* At most one a field, so that JDC_CHARGE_PROBLEMS_MAX is never reached. */
static void report(findings *f, const char *field, const char *message) {
  f->out[f->count++] = (jdc_charge_problem){ field, message };
}

#define THREE_MODES "prepaid_by_duration, postpaid_by_usage or postpaid_by_duration"

/* Returns the position of the mode, or -1 after a report. */
static int check_mode(const jdc_charge_spec *spec, findings *f) {
  static const char *const meant[JDC_CHARGE_MODE_COUNT] = {
    [JDC_CHARGE_PREPAID_BY_DURATION] = "unknown, did you mean prepaid_by_duration? It must be " THREE_MODES,
    [JDC_CHARGE_POSTPAID_BY_USAGE] = "unknown, did you mean postpaid_by_usage? It must be " THREE_MODES,
    [JDC_CHARGE_POSTPAID_BY_DURATION] = "unknown, did you mean postpaid_by_duration? It must be " THREE_MODES,
  };
  static const char spot[] = "postpaid_by_spot";
  if (spec->mode.ptr == NULL) {
    report(f, "chargeMode",
           "missing, and there is no default to rely on: the contract says prepaid_by_duration, the API "
           "postpaid_by_duration; name one of " THREE_MODES);
    return -1;
  }
  int mode = jdc_enum_find(JDC_ENUM_CHARGE_MODE, spec->mode);
  if (mode >= 0) return mode;
  const char *nearest = jdc_enum_nearest(JDC_ENUM_CHARGE_MODE, spec->mode);
  if (nearest != NULL)
    report(f, "chargeMode", meant[jdc_enum_find(JDC_ENUM_CHARGE_MODE, (jdc_str){ nearest, strlen(nearest) })]);
  else if (spec->mode.len == sizeof(spot) - 1 && memcmp(spec->mode.ptr, spot, spec->mode.len) == 0)
    report(f, "chargeMode", "postpaid_by_spot is a value of filters, nothing is bought by it; use " THREE_MODES);
  else
    report(f, "chargeMode", "unknown, it must be " THREE_MODES);
  return -1;
}

/* `periods`: the spec pays for whole months or years, now or later. */
static void check_unit(const jdc_charge_spec *spec, int mode, bool periods, findings *f) {
  if (spec->unit.ptr == NULL) {
    if (mode == JDC_CHARGE_PREPAID_BY_DURATION) report(f, "chargeUnit", "prepaid_by_duration needs it: month or year");
    return;
  }
  if (jdc_enum_find(JDC_ENUM_CHARGE_UNIT, spec->unit) < 0) {
    const char *nearest = jdc_enum_nearest(JDC_ENUM_CHARGE_UNIT, spec->unit);
    report(f, "chargeUnit",
           nearest == NULL                 ? "unknown, it must be month or year"
           : strcmp(nearest, "month") == 0 ? "unknown, did you mean month? It must be month or year"
                                           : "unknown, did you mean year? It must be month or year");
  } else if (mode >= 0 && !periods) {
    report(f, "chargeUnit", "only with prepaid_by_duration, or with autoChangeChargeMode = true");
  }
}

static void check_duration(const jdc_charge_spec *spec, int mode, bool periods, findings *f) {
  if (!spec->has_duration) {
    if (mode == JDC_CHARGE_PREPAID_BY_DURATION)
      report(f, "chargeDuration", "prepaid_by_duration needs it: 1 to 9 months or 1 to 3 years");
    return;
  }
  bool years = jdc_enum_find(JDC_ENUM_CHARGE_UNIT, spec->unit) == JDC_UNIT_YEAR;
  if (spec->duration < 1 || spec->duration > (years ? YEARS_MAX : MONTHS_MAX))
    report(f, "chargeDuration", years ? "must be 1 to 3 years" : "must be 1 to 9 months, or 1 to 3 years");
  else if (mode >= 0 && !periods)
    report(f, "chargeDuration", "only with prepaid_by_duration, or with autoChangeChargeMode = true");
}

static int digits(const char *at, int n) {
  int value = 0;
  for (int i = 0; i < n; i++) {
    if (at[i] < '0' || at[i] > '9') return -1;
    value = value * 10 + (at[i] - '0');
  }
  return value;
}

/* yyyy-MM-dd, and in the calendar */
static bool is_day(jdc_str text) {
  static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-') return false;
  int year = digits(text.ptr, 4), month = digits(text.ptr + 5, 2), day = digits(text.ptr + 8, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static void check_change(const jdc_charge_spec *spec, int mode, findings *f) {
  bool change = spec->auto_change_mode == JDC_TRUE;
  if (change && mode == JDC_CHARGE_PREPAID_BY_DURATION)
    report(f, "autoChangeChargeMode", "only with postpaid_by_usage or postpaid_by_duration: it changes to prepaid");
  if (spec->auto_change_date.ptr == NULL) {
    if (change)
      report(f, "autoChangeChargeModeDate", "autoChangeChargeMode = true needs it: the day of the change, yyyy-MM-dd");
  } else if (!is_day(spec->auto_change_date)) {
    report(f, "autoChangeChargeModeDate", "must be a day of the calendar, written yyyy-MM-dd");
  } else if (!change) {
    report(f, "autoChangeChargeModeDate", "does nothing without autoChangeChargeMode = true");
  }
}

size_t jdc_charge_check(const jdc_charge_spec *spec, jdc_charge_problem out[JDC_CHARGE_PROBLEMS_MAX]) {
  findings f = { out, 0 };
  int mode = check_mode(spec, &f);
  bool prepaid = mode == JDC_CHARGE_PREPAID_BY_DURATION;
  bool periods = prepaid || spec->auto_change_mode == JDC_TRUE;
  check_unit(spec, mode, periods, &f);
  check_duration(spec, mode, periods, &f);
  if (spec->auto_renew == JDC_TRUE && mode >= 0 && !prepaid)
    report(&f, "autoRenew", "only with prepaid_by_duration: nothing else ends that could be renewed");
  check_change(spec, mode, &f);
  return f.count;
}
