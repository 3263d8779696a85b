/* call.h - what the tests of the attempt machine share: a cloud with keys and a call on virtual time, polled with
 * numbers that look random and are the same in every run. */
#ifndef TEST_CALL_H
#define TEST_CALL_H

#include "test.h"

#include "core/call.h"

#define TEST_WALL_S     INT64_C(1706745600) /* 2024-02-01T00:00:00Z; every world begins here */
#define TEST_HOST       "vm.jdcloud-api.com"
#define TEST_LONG_MS    (60 * 60 * 1000)
#define TEST_ENTRIES(a) (sizeof(a) / sizeof((a)[0]))

typedef struct test_world {
  test_heap heap;
  jdc_cloud *cloud;
  jdc_credential *keys;   /* static ones: "AK", never expiring */
  jdc_call *call, *other; /* the other is the test's to make and to free */
  jdc_time t;
  uint64_t numbers;         /* state of the generator */
  bool no_jitter;           /* every back-off is as short as the server's hint allows */
  jdc_sign_request request; /* GET of instances in cn-north-1 */
  jdc_call_options options; /* 30 s, 1 h in queues, 3 attempts, limiter in the process */
} test_world;

static inline void test_set_keys(test_world *w, const char *access_key, int64_t expires_ms) {
  const char *problem;
  assert_int_equal(
      jdc_credential_set(w->keys, test_str(access_key), JDC_STR("secret"), (jdc_str){ NULL, 0 }, expires_ms, &problem),
      JDC_OK);
}

/* Of an allowance as small as this nobody is taken for one of many: a call that was throttled keeps no distance. */
static inline void test_unpaced(test_world *w) {
  assert_int_equal(jdc_limit_set(jdc_cloud_limit(w->cloud), JDC_STR(""), 60, 60000), JDC_OK);
}

/* cmocka's setup; the world becomes *state. */
static inline int test_world_open(void **state) {
  test_world *w = calloc(1, sizeof(*w));
  assert_non_null(w);
  *state = w;
  jdc_alloc alloc = test_heap_alloc(&w->heap);
  assert_int_equal(jdc_cloud_new(alloc, &w->cloud), JDC_OK);
  assert_int_equal(jdc_credential_new(alloc, &w->keys), JDC_OK);
  assert_int_equal(jdc_call_new(alloc, w->cloud, &w->call), JDC_OK);
  test_set_keys(w, "AK", 0);
  w->t = (jdc_time){ 5000, TEST_WALL_S * 1000 };
  w->request = (jdc_sign_request){ .version = 2,
                                   .method = JDC_STR("GET"),
                                   .host = JDC_STR(TEST_HOST),
                                   .path = JDC_STR("/v1/regions/cn-north-1/instances"),
                                   .service = JDC_STR("vm"),
                                   .region = JDC_STR("cn-north-1") };
  w->options = (jdc_call_options){ .timeout_ms = 30000, .max_wait_ms = TEST_LONG_MS, .attempts = 3 };
  return 0;
}

/* cmocka's teardown: everything must be given back. */
static inline int test_world_close(void **state) {
  test_world *w = *state;
  jdc_call_free(w->call);
  jdc_credential_free(w->keys);
  jdc_cloud_free(w->cloud);
  size_t blocks = w->heap.blocks;
  free(w);
  assert_int_equal(blocks, 0);
  return 0;
}

#define TEST_IN_WORLD(f) cmocka_unit_test_setup_teardown(f, test_world_open, test_world_close)

static inline void test_pass(test_world *w, int64_t ms) {
  w->t.now_ms += ms;
  w->t.wall_ms += ms;
}

/* splitmix64 */
static inline uint64_t test_number(test_world *w) {
  uint64_t z = (w->numbers += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline jdc_step test_poll(test_world *w, jdc_call *call) {
  uint64_t numbers[JDC_RANDOM / sizeof(uint64_t)];
  unsigned char random[JDC_RANDOM];
  for (size_t i = 0; i < TEST_ENTRIES(numbers); i++) numbers[i] = test_number(w);
  if (w->no_jitter) numbers[TEST_ENTRIES(numbers) - 1] = 0;
  memcpy(random, numbers, sizeof(random));
  jdc_step step;
  jdc_call_next(call, w->t, random, &step);
  return step;
}

static inline jdc_status test_begin_call(test_world *w, jdc_call *call) {
  const char *problem;
  return jdc_call_begin(call, &w->request, w->keys, &w->options, w->t, &problem);
}

/* Another call of the same cloud, begun. The test frees it. */
static inline jdc_call *test_another(test_world *w) {
  jdc_call *call;
  assert_int_equal(jdc_call_new(test_heap_alloc(&w->heap), w->cloud, &call), JDC_OK);
  assert_int_equal(test_begin_call(w, call), JDC_OK);
  return call;
}

/* An answer of the service in its envelope; status NULL: a success. */
static inline jdc_answer test_answer(int http, const char *status, const char *message) {
  return (jdc_answer){ .http_status = http,
                       .body = JDC_BODY_ENVELOPE,
                       .has_error = status != NULL || message != NULL,
                       .code = status != NULL || message != NULL ? http : 0,
                       .status = test_str(status),
                       .message = test_str(message),
                       .request_id = JDC_STR("bwvnrhmbv42j8f4ctwkedo0atdkgc35f") };
}

static inline void test_land(test_world *w, jdc_call *call, const jdc_answer *a) { jdc_call_answered(call, w->t, a); }

static inline void test_fail(test_world *w, jdc_call *call, jdc_kind kind, jdc_phase phase, bool sent) {
  const jdc_failure failure = { kind, phase, sent, false };
  jdc_call_failed(call, w->t, &failure);
}

/* The value of a header of the request that is to be sent now. */
static inline jdc_str test_header(jdc_call *call, const char *name) {
  const jdc_header *headers;
  size_t n = jdc_sign_headers(jdc_call_signer(call), &headers);
  for (size_t i = 0; i < n; i++)
    if (headers[i].name.len == strlen(name) && memcmp(headers[i].name.ptr, name, headers[i].name.len) == 0)
      return headers[i].value;
  print_error("no header %s\n", name);
  fail();
  return (jdc_str){ NULL, 0 };
}

/* Expectations: poll the world's call and compare, at the caller's line. */
static inline jdc_step test_expect(test_world *w, jdc_call *call, jdc_step_kind kind, const char *file, int line) {
  jdc_step step = test_poll(w, call);
  _assert_int_equal(step.kind, kind, file, line);
  return step;
}

static inline void test_expect_wait(test_world *w, jdc_call *call, int64_t ms, jdc_wait_why why, const char *file,
                                    int line) {
  jdc_step step = test_expect(w, call, JDC_STEP_WAIT, file, line);
  _assert_int_equal((uint64_t)step.wait_ms, (uint64_t)ms, file, line);
  _assert_int_equal(step.why, why, file, line);
}

static inline void test_expect_done(test_world *w, jdc_call *call, jdc_kind kind, jdc_gave_up why, const char *file,
                                    int line) {
  test_expect(w, call, JDC_STEP_DONE, file, line);
  const jdc_outcome *o = jdc_call_outcome(call);
  if (o->kind != kind) print_error("kind %s, not %s\n", jdc_kind_text(o->kind), jdc_kind_text(kind));
  if (o->why != why) print_error("why %s, not %s\n", jdc_gave_up_text(o->why), jdc_gave_up_text(why));
  _assert_int_equal(o->kind, kind, file, line);
  _assert_int_equal(o->why, why, file, line);
}

#define EXPECT(w, call, kind)          test_expect(w, call, kind, __FILE__, __LINE__)
#define EXPECT_SEND(w, call)           EXPECT(w, call, JDC_STEP_SEND)
#define EXPECT_WAIT(w, call, ms, why)  test_expect_wait(w, call, ms, why, __FILE__, __LINE__)
#define EXPECT_DONE(w, call, kind, gu) test_expect_done(w, call, kind, gu, __FILE__, __LINE__)
#define BEGIN(w)                       assert_int_equal(test_begin_call(w, (w)->call), JDC_OK)

#endif
