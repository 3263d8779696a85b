/* test_date.c - seconds to and from the protocol's dates. */
#include "core/date.h"
#include "test.h"

static void formats_and_parses_the_same_moments(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    const char *text;
  } rows[] = {
    { 0, "19700101T000000Z" },
    { -1, "19691231T235959Z" },
    { 59, "19700101T000059Z" },
    { 86399, "19700101T235959Z" },
    { 86400, "19700102T000000Z" },
    { 784111777, "19941106T084937Z" },
    { 951782399, "20000228T235959Z" },
    { 951782400, "20000229T000000Z" },
    { 951868800, "20000301T000000Z" },
    { 1078012800, "20040229T000000Z" },
    { 1704067199, "20231231T235959Z" },
    { 1704067200, "20240101T000000Z" },
    { 1706745599, "20240131T235959Z" },
    { 2147483647, "20380119T031407Z" },
    { 2147483648, "20380119T031408Z" },
    { 4107542399, "21000228T235959Z" },
    { 4107542400, "21000301T000000Z" },
    { -2203891201, "19000228T235959Z" },
    { -2203891200, "19000301T000000Z" },
    { INT64_C(253402300799), "99991231T235959Z" },
    { INT64_C(-62167219200), "00000101T000000Z" },
    { INT64_C(-62162035201), "00000229T235959Z" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[JDC_DATE];
    int64_t seconds = -1;
    jdc_date_format(rows[i].seconds, text);
    test_same_text((jdc_str){ text, sizeof text }, test_str(rows[i].text));
    assert_true(jdc_date_parse((jdc_str){ text, sizeof text }, &seconds));
    assert_true(seconds == rows[i].seconds);
  }
}

static void moments_outside_four_digit_years_are_clamped(void **state) {
  (void)state;
  char text[JDC_DATE];
  static const int64_t late[] = { INT64_C(253402300800), INT64_MAX };
  static const int64_t early[] = { INT64_C(-62167219201), INT64_MIN };
  for (size_t i = 0; i < 2; i++) {
    jdc_date_format(late[i], text);
    test_same_text((jdc_str){ text, sizeof text }, JDC_STR("99991231T235959Z"));
    jdc_date_format(early[i], text);
    test_same_text((jdc_str){ text, sizeof text }, JDC_STR("00000101T000000Z"));
  }
}

static void every_day_of_ten_thousand_years_round_trips(void **state) {
  (void)state;
  char text[JDC_DATE], last[JDC_DATE] = "00000000T000000Z";
  for (int64_t s = INT64_C(-62167219200); s <= INT64_C(253402300799); s += 86400) {
    int64_t back;
    jdc_date_format(s + 86399, text);
    if (!jdc_date_parse((jdc_str){ text, sizeof text }, &back) || back != s + 86399) fail();
    jdc_date_format(s, text);
    if (!jdc_date_parse((jdc_str){ text, sizeof text }, &back) || back != s) fail();
    if (memcmp(last, text, JDC_DAY) >= 0) fail(); /* the next day sorts behind it */
    memcpy(last, text, JDC_DATE);
  }
}

static void other_texts_are_no_dates(void **state) {
  (void)state;
  static const char *const rows[] = {
    NULL, /* empty */
    "",
    "20240131T235959",
    "20240131T235959Z ",
    " 20240131T235959Z",
    "20240131T235959z",
    "20240131t235959Z",
    "20240131 235959Z",
    "2024-01-31T235959",
    "20240001T000000Z",
    "20241301T000000Z",
    "20240100T000000Z",
    "20240132T000000Z",
    "20240431T000000Z",
    "20230229T000000Z",
    "21000229T000000Z",
    "20240131T240000Z",
    "20240131T236000Z",
    "20240131T235960Z",
    "2024013+T235959Z",
    "+2240131T235959Z",
    "20240131T2359 9Z",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t seconds;
    if (jdc_date_parse(test_str(rows[i]), &seconds)) fail_msg("\"%s\"", rows[i]);
  }
  int64_t seconds;
  assert_false(jdc_date_parse((jdc_str){ "20240131T23595\0Z", 16 }, &seconds));
}

static void all_forms_of_http_dates_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t seconds;
  } rows[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Wed Jan 31 23:59:59 2024", 1706745599 },
    { "Wed, 31 Jan 2024 23:59:59 GMT", 1706745599 },
    { "Wednesday, 31-Jan-24 23:59:59 GMT", 1706745599 },
    { "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
    { "Tuesday, 31-Dec-69 00:00:00 GMT", 3155673600 },
    { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 }, /* a leap second */
    { "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t seconds = -2;
    if (!jdc_date_parse_http(test_str(rows[i].text), &seconds)) fail_msg("%s", rows[i].text);
    assert_true(seconds == rows[i].seconds);
  }
}

static void every_month_and_weekday_is_read(void **state) {
  (void)state;
  static const char *const texts[] = {
    "Mon, 01 Jan 2024 00:00:00 GMT", "Thu, 01 Feb 2024 00:00:00 GMT", "Fri, 01 Mar 2024 00:00:00 GMT",
    "Mon, 01 Apr 2024 00:00:00 GMT", "Wed, 01 May 2024 00:00:00 GMT", "Sat, 01 Jun 2024 00:00:00 GMT",
    "Mon, 01 Jul 2024 00:00:00 GMT", "Thu, 01 Aug 2024 00:00:00 GMT", "Sun, 01 Sep 2024 00:00:00 GMT",
    "Tue, 01 Oct 2024 00:00:00 GMT", "Fri, 01 Nov 2024 00:00:00 GMT", "Sun, 01 Dec 2024 00:00:00 GMT",
  };
  for (int month = 1; month <= 12; month++) {
    int64_t seconds;
    char text[JDC_DATE], should[] = "20240001T000000Z";
    should[4] = (char)('0' + month / 10);
    should[5] = (char)('0' + month % 10);
    assert_true(jdc_date_parse_http(test_str(texts[month - 1]), &seconds));
    jdc_date_format(seconds, text);
    test_same_text((jdc_str){ text, sizeof text }, test_str(should));
  }
}

static void other_texts_are_no_http_dates(void **state) {
  (void)state;
  static const char *const rows[] = {
    "",
    "Sun",
    "Sun, ",
    "Mon, 06 Nov 1994 08:49:37 GMT", /* it was a Sunday */
    "sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Thu, 31 Nov 1994 08:49:37 GMT",
    "Wed, 29 Feb 2023 00:00:00 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sunday Nov  6 08:49:37 1994",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov 06 08:49:37 94",
    "784111777",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t seconds;
    if (jdc_date_parse_http(test_str(rows[i]), &seconds)) fail_msg("\"%s\"", rows[i]);
  }
}

static void a_date_cut_anywhere_is_not_read_past_its_end(void **state) {
  (void)state;
  static const char *const texts[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994" };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t n = 1; n < strlen(texts[i]); n++) {
      char *cut = malloc(n); /* of exactly its size, for the sanitizer and valgrind */
      int64_t seconds;
      assert_non_null(cut);
      memcpy(cut, texts[i], n);
      assert_false(jdc_date_parse_http((jdc_str){ cut, n }, &seconds));
      free(cut);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(formats_and_parses_the_same_moments),
    cmocka_unit_test(moments_outside_four_digit_years_are_clamped),
    cmocka_unit_test(every_day_of_ten_thousand_years_round_trips),
    cmocka_unit_test(other_texts_are_no_dates),
    cmocka_unit_test(all_forms_of_http_dates_are_read),
    cmocka_unit_test(every_month_and_weekday_is_read),
    cmocka_unit_test(other_texts_are_no_http_dates),
    cmocka_unit_test(a_date_cut_anywhere_is_not_read_past_its_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
