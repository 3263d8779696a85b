/* enum.c - the closed lists and what an unknown text was probably meant to be; the rules of a ChargeSpec are in
 * charge.c. */
#include "enum.h"

#include <string.h>

#define SHAPE_MAX   64 /* bytes of a region's or zone's code; the longest known has 14 */
#define NEAREST_MAX 32 /* a longer text is no misspelling: the longest listed has 20 bytes */

/* The contract's codes and names (common-declaration, Region Code). */
static const jdc_enum_value regions[JDC_REGION_COUNT] = {
  [JDC_REGION_CN_NORTH_1] = { "CN_NORTH_1", "cn-north-1", "North China-Beijing", -1 },
  [JDC_REGION_CN_EAST_1] = { "CN_EAST_1", "cn-east-1", "East China-Suqian", -1 },
  [JDC_REGION_CN_EAST_2] = { "CN_EAST_2", "cn-east-2", "East China-Shanghai", -1 },
  [JDC_REGION_CN_SOUTH_1] = { "CN_SOUTH_1", "cn-south-1", "South China-Guangzhou", -1 },
};

static const jdc_enum_value zones[JDC_ZONE_COUNT] = {
  [JDC_ZONE_CN_NORTH_1A] = { "CN_NORTH_1A", "cn-north-1a", "Availability Zone A", JDC_REGION_CN_NORTH_1 },
  [JDC_ZONE_CN_NORTH_1B] = { "CN_NORTH_1B", "cn-north-1b", "Availability Zone B", JDC_REGION_CN_NORTH_1 },
  [JDC_ZONE_CN_EAST_1A] = { "CN_EAST_1A", "cn-east-1a", "Availability Zone A", JDC_REGION_CN_EAST_1 },
  [JDC_ZONE_CN_EAST_2A] = { "CN_EAST_2A", "cn-east-2a", "Availability Zone A", JDC_REGION_CN_EAST_2 },
  [JDC_ZONE_CN_EAST_2B] = { "CN_EAST_2B", "cn-east-2b", "Availability Zone B", JDC_REGION_CN_EAST_2 },
  [JDC_ZONE_CN_SOUTH_1A] = { "CN_SOUTH_1A", "cn-south-1a", "Availability Zone A", JDC_REGION_CN_SOUTH_1 },
};

/* common-declaration, Billing Method */
static const jdc_enum_value charge_modes[JDC_CHARGE_MODE_COUNT] = {
  [JDC_CHARGE_PREPAID_BY_DURATION] = { "PREPAID_BY_DURATION", "prepaid_by_duration", "Pay-In-Advance", -1 },
  [JDC_CHARGE_POSTPAID_BY_USAGE] = { "POSTPAID_BY_USAGE", "postpaid_by_usage", "Pay-As-You-Go by consumption", -1 },
  [JDC_CHARGE_POSTPAID_BY_DURATION] = { "POSTPAID_BY_DURATION", "postpaid_by_duration",
                                        "Pay-As-You-Go by configuration", -1 },
};

static const jdc_enum_value charge_units[JDC_UNIT_COUNT] = {
  [JDC_UNIT_MONTH] = { "MONTH", "month", "Month", -1 },
  [JDC_UNIT_YEAR] = { "YEAR", "year", "Year", -1 },
};

/* protocol.md 8: overdue is of prepaid resources, arrear of postpaid ones */
static const jdc_enum_value charge_statuses[JDC_CHARGE_STATUS_COUNT] = {
  [JDC_CHARGE_NORMAL] = { "NORMAL", "normal", "Normal", -1 },
  [JDC_CHARGE_OVERDUE] = { "OVERDUE", "overdue", "Expired", -1 },
  [JDC_CHARGE_ARREAR] = { "ARREAR", "arrear", "In arrears", -1 },
};

static const struct {
  const jdc_enum_value *values;
  size_t count;
} lists[JDC_ENUM_COUNT] = {
  [JDC_ENUM_REGION] = { regions, JDC_REGION_COUNT },
  [JDC_ENUM_ZONE] = { zones, JDC_ZONE_COUNT },
  [JDC_ENUM_CHARGE_MODE] = { charge_modes, JDC_CHARGE_MODE_COUNT },
  [JDC_ENUM_CHARGE_UNIT] = { charge_units, JDC_UNIT_COUNT },
  [JDC_ENUM_CHARGE_STATUS] = { charge_statuses, JDC_CHARGE_STATUS_COUNT },
};

const jdc_enum_value *jdc_enum_values(jdc_enum which, size_t *count) {
  *count = lists[which].count;
  return lists[which].values;
}

int jdc_enum_find(jdc_enum which, jdc_str text) {
  for (size_t i = 0; i < lists[which].count; i++) {
    const char *listed = lists[which].values[i].text;
    if (text.len == strlen(listed) && memcmp(text.ptr, listed, text.len) == 0) return (int)i;
  }
  return -1;
}

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool jdc_region_shape(jdc_str text) {
  if (text.len < 1 || text.len > SHAPE_MAX) return false;
  for (size_t i = 0; i < text.len; i++)
    if (!is_alnum(text.ptr[i]) && text.ptr[i] != '-' && text.ptr[i] != '_') return false;
  return true;
}

/* What people confuse becomes equal: case, and `-` with `_` and blank. A constant's name becomes its text. */
static int folded(char c) { return c == '_' || c == ' ' ? '-' : jdc_lower(c); }

static size_t min2(size_t a, size_t b) { return a < b ? a : b; }

/* How many letters of `a` must be changed, added, left out or exchanged with their neighbour to make `b`, folded. Both
 * have at most NEAREST_MAX bytes. */
static size_t edits(jdc_str a, jdc_str b) {
  size_t rows[3][NEAREST_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      int x = folded(a.ptr[i - 1]), y = folded(b.ptr[j - 1]);
      row[j] = min2(min2(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == folded(b.ptr[j - 2]) && folded(a.ptr[i - 2]) == y)
        row[j] = min2(row[j], before[j - 2] + 1);
    }
    size_t *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[b.len];
}

/* The one value that begins with this text, folded (`prepaid`), or NULL if none or several do. */
static const char *only_beginning(jdc_enum which, jdc_str text) {
  const char *found = NULL;
  for (size_t i = 0; i < lists[which].count; i++) {
    const char *listed = lists[which].values[i].text;
    size_t len = strlen(listed);
    if (text.len < 3 || text.len > len || edits(text, (jdc_str){ listed, text.len }) != 0) continue;
    if (found != NULL) return NULL;
    found = listed;
  }
  return found;
}

const char *jdc_enum_nearest(jdc_enum which, jdc_str text) {
  if (text.len == 0 || text.len > NEAREST_MAX) return NULL;
  if (which == JDC_ENUM_REGION) {
    for (size_t i = 0; i < JDC_ZONE_COUNT; i++)
      if (edits(text, (jdc_str){ zones[i].text, strlen(zones[i].text) }) == 0) return regions[zones[i].parent].text;
  }
  const char *nearest = NULL;
  size_t least = 3;
  for (size_t i = 0; i < lists[which].count; i++) {
    jdc_str listed = { lists[which].values[i].text, strlen(lists[which].values[i].text) };
    size_t n = edits(text, listed);
    /* Two of three letters wrong is another word: one edit is allowed for every three letters, and two at most. */
    if (n < least && n * 3 <= min2(text.len, listed.len)) {
      least = n;
      nearest = listed.ptr;
    }
  }
  return nearest != NULL ? nearest : only_beginning(which, text);
}
