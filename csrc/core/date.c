/* date.c - seconds since 1970 to and from the texts of the protocol (date.h). The calendar is the proleptic Gregorian
 * one, counted in eras of 400 years that begin on 1 March, so that a leap day is the last of its year. */
#include "date.h"

#define DAY_S         INT64_C(86400)
#define ERA_DAYS      INT64_C(146097)
#define EPOCH_DAYS    INT64_C(719468)       /* from 0000-03-01 to 1970-01-01 */
#define OLDEST_S      INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define NEWEST_S      INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define CENTURY_PIVOT 70                    /* of an RFC 850 date: 70 is 1970, 69 is 2069 */

typedef struct moment {
  int year, month, day, hour, minute, second;
} moment;

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const day_names[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };

/* Days since 1970-01-01. year: 0 to 9999. */
static int64_t days_of(int year, int month, int day) {
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static moment moment_of(int64_t unix_seconds) {
  int64_t since = unix_seconds - OLDEST_S; /* not negative, so that division cuts towards the past */
  int second_of_day = (int)(since % DAY_S);
  int64_t days = since / DAY_S + OLDEST_S / DAY_S + EPOCH_DAYS;
  int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
  int day_of_era = (int)(days - era * ERA_DAYS);
  int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int month = (5 * day_of_year + 2) / 153; /* from March */
  moment m = { .day = day_of_year - (153 * month + 2) / 5 + 1, .month = month < 10 ? month + 3 : month - 9 };
  m.year = year_of_era + (int)era * 400 + (m.month <= 2 ? 1 : 0);
  m.hour = second_of_day / 3600;
  m.minute = second_of_day / 60 % 60;
  m.second = second_of_day % 60;
  return m;
}

static int days_in(int year, int month) {
  static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

/* last_second: 59, or 60 where a leap second is allowed; it counts as the first second of the next minute. */
static bool seconds_of(const moment *m, int last_second, int64_t *unix_seconds) {
  if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > days_in(m->year, m->month)) return false;
  if (m->hour > 23 || m->minute > 59 || m->second > last_second) return false;
  *unix_seconds = days_of(m->year, m->month, m->day) * DAY_S + m->hour * 3600 + m->minute * 60 + m->second;
  return true;
}

static char *put(char *out, int digits, int value) {
  for (int i = digits - 1; i >= 0; i--) {
    out[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

void jdc_date_format(int64_t unix_seconds, char out[JDC_DATE]) {
  if (unix_seconds < OLDEST_S) unix_seconds = OLDEST_S;
  if (unix_seconds > NEWEST_S) unix_seconds = NEWEST_S;
  moment m = moment_of(unix_seconds);
  char *p = put(put(put(out, 4, m.year), 2, m.month), 2, m.day);
  *p++ = 'T';
  p = put(put(put(p, 2, m.hour), 2, m.minute), 2, m.second);
  *p = 'Z';
}

/* What is left to read. A take_ function moves past what it has read and returns whether it was there. */
typedef struct cursor {
  const char *p, *end;
} cursor;

static bool take(cursor *c, const char *text, size_t n) {
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0) return false;
  c->p += n;
  return true;
}

static bool take_char(cursor *c, char is) { return take(c, &is, 1); }

static bool take_number(cursor *c, int digits, int *value) {
  if (c->end - c->p < digits) return false;
  *value = 0;
  for (int i = 0; i < digits; i++, c->p++) {
    if (*c->p < '0' || *c->p > '9') return false;
    *value = *value * 10 + (*c->p - '0');
  }
  return true;
}

static bool take_time(cursor *c, moment *m) {
  return take_number(c, 2, &m->hour) && take_char(c, ':') && take_number(c, 2, &m->minute) && take_char(c, ':') &&
         take_number(c, 2, &m->second);
}

static bool take_month(cursor *c, moment *m) {
  for (m->month = 1; m->month <= 12; m->month++)
    if (take(c, month_names + 3 * (m->month - 1), 3)) return true;
  return false;
}

/* A weekday, 0 for Monday; whole tells if it was written out. `Sun` is a beginning of `Sunday`: the long form first. */
static bool take_weekday(cursor *c, int *weekday, bool *whole) {
  for (*weekday = 0; *weekday < 7; ++*weekday) {
    const char *name = day_names[*weekday];
    *whole = take(c, name, strlen(name));
    if (*whole || take(c, name, 3)) return true;
  }
  return false;
}

/* After `Sun, `: 06 Nov 1994 08:49:37 GMT */
static bool take_fixdate(cursor *c, moment *m) {
  return take_number(c, 2, &m->day) && take_char(c, ' ') && take_month(c, m) && take_char(c, ' ') &&
         take_number(c, 4, &m->year) && take_char(c, ' ') && take_time(c, m) && take(c, " GMT", 4);
}

/* After `Sunday, `: 06-Nov-94 08:49:37 GMT */
static bool take_rfc850(cursor *c, moment *m) {
  bool ok = take_number(c, 2, &m->day) && take_char(c, '-') && take_month(c, m) && take_char(c, '-') &&
            take_number(c, 2, &m->year) && take_char(c, ' ') && take_time(c, m) && take(c, " GMT", 4);
  if (ok) m->year += m->year < CENTURY_PIVOT ? 2000 : 1900;
  return ok;
}

/* After `Sun `: Nov  6 08:49:37 1994 */
static bool take_asctime(cursor *c, moment *m) {
  if (!take_month(c, m) || !take_char(c, ' ')) return false;
  if (!(take_char(c, ' ') ? take_number(c, 1, &m->day) : take_number(c, 2, &m->day))) return false;
  return take_char(c, ' ') && take_time(c, m) && take_char(c, ' ') && take_number(c, 4, &m->year);
}

bool jdc_date_parse(jdc_str text, int64_t *unix_seconds) {
  if (text.len != JDC_DATE) return false;
  cursor c = { text.ptr, text.ptr + text.len };
  moment m = { 0 };
  bool ok = take_number(&c, 4, &m.year) && take_number(&c, 2, &m.month) && take_number(&c, 2, &m.day) &&
            take_char(&c, 'T') && take_number(&c, 2, &m.hour) && take_number(&c, 2, &m.minute) &&
            take_number(&c, 2, &m.second) && take_char(&c, 'Z');
  return ok && seconds_of(&m, 59, unix_seconds);
}

bool jdc_date_parse_http(jdc_str text, int64_t *unix_seconds) {
  if (text.len == 0) return false;
  cursor c = { text.ptr, text.ptr + text.len };
  moment m = { 0 };
  int weekday;
  bool whole, ok;
  if (!take_weekday(&c, &weekday, &whole)) return false;
  if (take(&c, ", ", 2))
    ok = whole ? take_rfc850(&c, &m) : take_fixdate(&c, &m);
  else
    ok = !whole && take_char(&c, ' ') && take_asctime(&c, &m);
  int64_t seconds;
  if (!ok || c.p != c.end || !seconds_of(&m, 60, &seconds)) return false;
  /* 1970-01-01 was a Thursday. A date that contradicts itself must not set a clock. */
  int64_t days = days_of(m.year, m.month, m.day);
  if (((days + 3) % 7 + 7) % 7 != weekday) return false;
  *unix_seconds = seconds;
  return true;
}
