/* test_enum.c - the contract's lists, what a misspelt value was meant to be, and every rule of a ChargeSpec. */
#include "test.h"

#include "core/enum.h"

static void lists_are_those_of_the_contract(void **state) {
  (void)state;
  static const struct {
    jdc_enum which;
    int position;
    const char *constant, *text, *name;
    int parent;
  } rows[] = {
    { JDC_ENUM_REGION, JDC_REGION_CN_NORTH_1, "CN_NORTH_1", "cn-north-1", "North China-Beijing", -1 },
    { JDC_ENUM_REGION, JDC_REGION_CN_EAST_1, "CN_EAST_1", "cn-east-1", "East China-Suqian", -1 },
    { JDC_ENUM_REGION, JDC_REGION_CN_EAST_2, "CN_EAST_2", "cn-east-2", "East China-Shanghai", -1 },
    { JDC_ENUM_REGION, JDC_REGION_CN_SOUTH_1, "CN_SOUTH_1", "cn-south-1", "South China-Guangzhou", -1 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_NORTH_1A, "CN_NORTH_1A", "cn-north-1a", "Availability Zone A", JDC_REGION_CN_NORTH_1 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_NORTH_1B, "CN_NORTH_1B", "cn-north-1b", "Availability Zone B", JDC_REGION_CN_NORTH_1 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_EAST_1A, "CN_EAST_1A", "cn-east-1a", "Availability Zone A", JDC_REGION_CN_EAST_1 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_EAST_2A, "CN_EAST_2A", "cn-east-2a", "Availability Zone A", JDC_REGION_CN_EAST_2 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_EAST_2B, "CN_EAST_2B", "cn-east-2b", "Availability Zone B", JDC_REGION_CN_EAST_2 },
    { JDC_ENUM_ZONE, JDC_ZONE_CN_SOUTH_1A, "CN_SOUTH_1A", "cn-south-1a", "Availability Zone A", JDC_REGION_CN_SOUTH_1 },
    { JDC_ENUM_CHARGE_MODE, JDC_CHARGE_PREPAID_BY_DURATION, "PREPAID_BY_DURATION", "prepaid_by_duration",
      "Pay-In-Advance", -1 },
    { JDC_ENUM_CHARGE_MODE, JDC_CHARGE_POSTPAID_BY_USAGE, "POSTPAID_BY_USAGE", "postpaid_by_usage",
      "Pay-As-You-Go by consumption", -1 },
    { JDC_ENUM_CHARGE_MODE, JDC_CHARGE_POSTPAID_BY_DURATION, "POSTPAID_BY_DURATION", "postpaid_by_duration",
      "Pay-As-You-Go by configuration", -1 },
    { JDC_ENUM_CHARGE_UNIT, JDC_UNIT_MONTH, "MONTH", "month", "Month", -1 },
    { JDC_ENUM_CHARGE_UNIT, JDC_UNIT_YEAR, "YEAR", "year", "Year", -1 },
    { JDC_ENUM_CHARGE_STATUS, JDC_CHARGE_NORMAL, "NORMAL", "normal", "Normal", -1 },
    { JDC_ENUM_CHARGE_STATUS, JDC_CHARGE_OVERDUE, "OVERDUE", "overdue", "Expired", -1 },
    { JDC_ENUM_CHARGE_STATUS, JDC_CHARGE_ARREAR, "ARREAR", "arrear", "In arrears", -1 },
  };
  size_t listed[JDC_ENUM_COUNT] = { 0 };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    size_t count;
    const jdc_enum_value *values = jdc_enum_values(rows[i].which, &count);
    const jdc_enum_value *v = &values[rows[i].position];
    assert_true((size_t)rows[i].position < count);
    assert_string_equal(v->constant, rows[i].constant);
    assert_string_equal(v->text, rows[i].text);
    assert_string_equal(v->name, rows[i].name);
    assert_int_equal(v->parent, rows[i].parent);
    assert_int_equal(jdc_enum_find(rows[i].which, test_str(rows[i].text)), rows[i].position);
    listed[rows[i].which]++;
  }
  for (int which = 0; which < JDC_ENUM_COUNT; which++) {
    size_t count;
    assert_non_null(jdc_enum_values((jdc_enum)which, &count));
    assert_int_equal(count, listed[which]);
  }
  assert_int_equal(JDC_REGION_DEFAULT, JDC_REGION_CN_NORTH_1);
}

static void find_takes_no_other_spelling(void **state) {
  (void)state;
  static const char *const wrong[] = {
    "", "CN_NORTH_1", "cn-north-1a", "cn-north-", "cn-north-11", "Cn-north-1", NULL
  };
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
    assert_int_equal(jdc_enum_find(JDC_ENUM_REGION, test_str(wrong[i])), -1);
  assert_int_equal(jdc_enum_find(JDC_ENUM_CHARGE_MODE, test_str("postpaid_by_spot")), -1);
}

static void a_near_miss_finds_what_was_meant(void **state) {
  (void)state;
  static const struct {
    jdc_enum which;
    const char *text, *meant;
  } rows[] = {
    { JDC_ENUM_REGION, "CN-North-1", "cn-north-1" },
    { JDC_ENUM_REGION, "cn_east_2", "cn-east-2" },
    { JDC_ENUM_REGION, "CN_SOUTH_1", "cn-south-1" },
    { JDC_ENUM_REGION, "cn-north-1b", "cn-north-1" },
    { JDC_ENUM_REGION, "CN_EAST_2B", "cn-east-2" },
    { JDC_ENUM_REGION, "cn-nroth-1", "cn-north-1" },
    { JDC_ENUM_REGION, "cnnorth1", "cn-north-1" },
    { JDC_ENUM_REGION, "cn-sout-1", "cn-south-1" },
    { JDC_ENUM_REGION, "cn-south-2", "cn-south-1" },
    { JDC_ENUM_REGION, "cn-north-1", "cn-north-1" },
    { JDC_ENUM_REGION, "cn-west-1", "cn-east-1" },
    { JDC_ENUM_REGION, "ap-southeast-1", NULL },
    { JDC_ENUM_REGION, "us-east", NULL },
    { JDC_ENUM_REGION, "", NULL },
    { JDC_ENUM_REGION, "1", NULL },
    { JDC_ENUM_ZONE, "CN_NORTH_1A", "cn-north-1a" },
    { JDC_ENUM_ZONE, "cn-south-1b", "cn-south-1a" },
    { JDC_ENUM_ZONE, "somewhere", NULL },
    { JDC_ENUM_CHARGE_UNIT, "Month", "month" },
    { JDC_ENUM_CHARGE_UNIT, "months", "month" },
    { JDC_ENUM_CHARGE_UNIT, "monht", "month" },
    { JDC_ENUM_CHARGE_UNIT, "years", "year" },
    { JDC_ENUM_CHARGE_UNIT, "yexa", NULL },
    { JDC_ENUM_CHARGE_UNIT, "yerx", NULL },
    { JDC_ENUM_CHARGE_UNIT, "hour", NULL },
    { JDC_ENUM_CHARGE_UNIT, "week", NULL },
    { JDC_ENUM_CHARGE_UNIT, "day", NULL },
    { JDC_ENUM_CHARGE_MODE, "prePaid", "prepaid_by_duration" },
    { JDC_ENUM_CHARGE_MODE, "postpaid", NULL },
    { JDC_ENUM_CHARGE_MODE, "postpaid_by_u", "postpaid_by_usage" },
    { JDC_ENUM_CHARGE_MODE, "postpaid_by_spot", NULL },
    { JDC_ENUM_CHARGE_MODE, "Postpaid-By-Usage", "postpaid_by_usage" },
    { JDC_ENUM_CHARGE_MODE, "postpaid_by_duraton", "postpaid_by_duration" },
    { JDC_ENUM_CHARGE_MODE, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
    { JDC_ENUM_CHARGE_STATUS, "arrears", "arrear" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const char *nearest = jdc_enum_nearest(rows[i].which, test_str(rows[i].text));
    if (rows[i].meant == NULL)
      assert_null(nearest);
    else
      test_same_text(test_str(nearest), test_str(rows[i].meant));
  }
}

static void a_region_is_refused_by_shape_only(void **state) {
  (void)state;
  char longest[65];
  memset(longest, 'a', sizeof(longest));
  assert_true(jdc_region_shape((jdc_str){ longest, 64 }));
  assert_false(jdc_region_shape((jdc_str){ longest, 65 }));
  static const char *const good[] = { "cn-north-1", "cn-new-99", "EDGE_7", "x", "azAZ09-_" };
  static const char *const bad[] = { "",  "cn north 1", "cn/north", "cn-north-1\n", "cn.north", "@", "[",
                                     "`", "{",          ":",        "n\xc3\xb6rd" };
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) assert_true(jdc_region_shape(test_str(good[i])));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_false(jdc_region_shape(test_str(bad[i])));
}

#define MAX_EXPECTED 4

/* A ChargeSpec in short, and the fields that must be found wrong, in this order. */
typedef struct charge_row {
  const char *mode, *unit;
  int64_t duration; /* NOT_GIVEN: none */
  jdc_flag renew, change;
  const char *date;
  const char *wrong[MAX_EXPECTED];
} charge_row;
#define NOT_GIVEN INT64_MIN
#define PRE       "prepaid_by_duration"
#define USAGE     "postpaid_by_usage"
#define CONFIG    "postpaid_by_duration"
#define MODE      "chargeMode"
#define UNIT      "chargeUnit"
#define DURATION  "chargeDuration"
#define RENEW     "autoRenew"
#define CHANGE    "autoChangeChargeMode"
#define DATE      "autoChangeChargeModeDate"

static size_t check(const charge_row *r, jdc_charge_problem out[JDC_CHARGE_PROBLEMS_MAX]) {
  jdc_charge_spec spec = { .mode = test_str(r->mode),
                           .unit = test_str(r->unit),
                           .has_duration = r->duration != NOT_GIVEN,
                           .duration = r->duration,
                           .auto_renew = r->renew,
                           .auto_change_mode = r->change,
                           .auto_change_date = test_str(r->date) };
  return jdc_charge_check(&spec, out);
}

static void every_broken_rule_of_a_charge_is_found(void **state) {
  (void)state;
  static const charge_row rows[] = {
    /* right */
    { PRE, "month", 1, JDC_UNSET, JDC_UNSET, NULL, { 0 } },
    { PRE, "month", 9, JDC_TRUE, JDC_FALSE, NULL, { 0 } },
    { PRE, "year", 1, JDC_FALSE, JDC_UNSET, NULL, { 0 } },
    { PRE, "year", 3, JDC_TRUE, JDC_UNSET, NULL, { 0 } },
    { USAGE, NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } },
    { CONFIG, NULL, NOT_GIVEN, JDC_FALSE, JDC_FALSE, NULL, { 0 } },
    { CONFIG, "month", 3, JDC_UNSET, JDC_TRUE, "2024-02-29", { 0 } },
    { USAGE, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-12-31", { 0 } },
    /* chargeMode */
    { NULL, NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { MODE } },
    { NULL, "month", 1, JDC_TRUE, JDC_UNSET, NULL, { MODE } },
    { "", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { MODE } },
    { "prepaid", "month", 1, JDC_UNSET, JDC_UNSET, NULL, { MODE } },
    { "PREPAID_BY_DURATION", "month", 1, JDC_UNSET, JDC_UNSET, NULL, { MODE } },
    { "postpaid_by_spot", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { MODE } },
    /* chargeUnit */
    { PRE, NULL, 1, JDC_UNSET, JDC_UNSET, NULL, { UNIT } },
    { PRE, "day", 1, JDC_UNSET, JDC_UNSET, NULL, { UNIT } },
    { PRE, "Month", 1, JDC_UNSET, JDC_UNSET, NULL, { UNIT } },
    { USAGE, "month", NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { UNIT } },
    { CONFIG, "year", NOT_GIVEN, JDC_UNSET, JDC_FALSE, NULL, { UNIT } },
    /* chargeDuration */
    { PRE, "month", NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { PRE, "month", 0, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { PRE, "month", -1, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { PRE, "month", 10, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { PRE, "year", 4, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { PRE, "year", INT64_MAX, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { USAGE, NULL, 1, JDC_UNSET, JDC_UNSET, NULL, { DURATION } },
    { CONFIG, "month", 10, JDC_UNSET, JDC_TRUE, "2030-01-01", { DURATION } },
    /* autoRenew */
    { USAGE, NULL, NOT_GIVEN, JDC_TRUE, JDC_UNSET, NULL, { RENEW } },
    { CONFIG, NULL, NOT_GIVEN, JDC_TRUE, JDC_UNSET, NULL, { RENEW } },
    /* autoChangeChargeMode and its date */
    { PRE, "month", 1, JDC_UNSET, JDC_TRUE, "2030-01-01", { CHANGE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, NULL, { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, "2030-01-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-1-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "01-01-2030", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030/01/01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030/01-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-01/01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-01-011", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "0000-01-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "0001-01-01", { 0 } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-01-01T00:00:00Z", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-13-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-00-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-01-00", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-01-32", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2030-04-31", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2023-02-29", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2100-02-29", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "2000-02-29", { 0 } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "203x-01-01", { DATE } },
    { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "", { DATE } },
    /* several */
    { PRE, NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { UNIT, DURATION } },
    { USAGE, "month", 1, JDC_TRUE, JDC_UNSET, NULL, { UNIT, DURATION, RENEW } },
    { NULL, "weeks", 77, JDC_TRUE, JDC_TRUE, NULL, { MODE, UNIT, DURATION, DATE } },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_charge_problem found[JDC_CHARGE_PROBLEMS_MAX];
    size_t n = check(&rows[i], found), expected = 0;
    while (expected < MAX_EXPECTED && rows[i].wrong[expected] != NULL) expected++;
    if (n != expected) print_error("row %zu\n", i);
    assert_int_equal(n, expected);
    for (size_t j = 0; j < n; j++) assert_string_equal(found[j].field, rows[i].wrong[j]);
  }
}

static void a_charge_problem_says_what_is_right(void **state) {
  (void)state;
  static const struct {
    charge_row row;
    const char *says;
  } rows[] = {
    { { NULL, NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } },
      "prepaid_by_duration, postpaid_by_usage or postpaid_by_duration" },
    { { "prepaid", "month", 1, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "did you mean prepaid_by_duration?" },
    { { "postpaid_by_usages", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "did you mean postpaid_by_usage?" },
    { { "Postpaid_by_duration", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } },
      "did you mean postpaid_by_duration?" },
    { { "free", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "unknown, it must be prepaid_by_duration" },
    { { "postpaid_by_spot", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "is a value of filters" },
    { { "free_of_charge_!", NULL, NOT_GIVEN, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "unknown, it must be" },
    { { PRE, "Month", 1, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "did you mean month?" },
    { { PRE, "years", 1, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "did you mean year?" },
    { { PRE, "decade", 1, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "unknown, it must be month or year" },
    { { PRE, "year", 9, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "1 to 3 years" },
    { { PRE, "month", 12, JDC_UNSET, JDC_UNSET, NULL, { 0 } }, "1 to 9 months" },
    { { CONFIG, NULL, NOT_GIVEN, JDC_UNSET, JDC_TRUE, "tomorrow", { 0 } }, "yyyy-MM-dd" },
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    jdc_charge_problem found[JDC_CHARGE_PROBLEMS_MAX];
    assert_int_equal(check(&rows[i].row, found), 1);
    if (strstr(found[0].message, rows[i].says) == NULL) print_error("%s\n", found[0].message);
    assert_non_null(strstr(found[0].message, rows[i].says));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lists_are_those_of_the_contract),        cmocka_unit_test(find_takes_no_other_spelling),
    cmocka_unit_test(a_near_miss_finds_what_was_meant),       cmocka_unit_test(a_region_is_refused_by_shape_only),
    cmocka_unit_test(every_broken_rule_of_a_charge_is_found), cmocka_unit_test(a_charge_problem_says_what_is_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
