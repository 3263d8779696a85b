/* test_sim.c - twelve cells of the simulation that reach their targets (spec/sim; `make sim` runs all). */
#include "test.h"

#include "sim/sim.c"

static const struct {
  double goodput, throttled, fairness;
} targets[] = { { 0.99, 0, 0.98 }, { 0.98, 0.001, 0.98 }, { 0.93, 0.01, 0.98 }, { 0.90, 0.02, 0.98 } };

static void reaches(sim_server server, sim_news news, int clients, double load) {
  sim_cell cell = { server, news, clients, load, SIM_OURS, 1 };
  sim_result r = sim_run(&cell);
  bool reached = r.goodput >= targets[news].goodput && r.throttled <= targets[news].throttled &&
                 r.fairness >= targets[news].fairness;
  if (!reached) print_error("goodput %.4f, throttled %.5f, fair %.4f\n", r.goodput, r.throttled, r.fairness);
  assert_true(reached);
}

#define CELL(name, server, news, clients, load)                                                                        \
  static void name(void **state) {                                                                                     \
    (void)state;                                                                                                       \
    reaches(server, news, clients, load);                                                                              \
  }

CELL(told_one_client_and_a_token_bucket, SIM_BUCKET, SIM_TOLD, 1, 10)
CELL(told_eight_clients_and_a_sliding_window, SIM_SLIDING, SIM_TOLD, 8, 2)
CELL(told_64_clients_and_a_calendar, SIM_CALENDAR, SIM_TOLD, 64, 10)
CELL(announced_eight_clients_and_a_calendar, SIM_CALENDAR, SIM_ANNOUNCED, 8, 2)
CELL(announced_eight_clients_and_a_sliding_window, SIM_SLIDING, SIM_ANNOUNCED, 8, 10)
CELL(announced_64_clients_and_a_calendar, SIM_CALENDAR, SIM_ANNOUNCED, 64, 10)
CELL(announced_64_clients_and_a_sliding_window, SIM_SLIDING, SIM_ANNOUNCED, 64, 2)
CELL(unknown_one_client_and_a_calendar, SIM_CALENDAR, SIM_UNKNOWN, 1, 10)
CELL(unknown_eight_clients_and_a_calendar, SIM_CALENDAR, SIM_UNKNOWN, 8, 10)
CELL(unknown_eight_clients_and_a_sliding_window, SIM_SLIDING, SIM_UNKNOWN, 8, 1)
CELL(changing_one_client_and_a_token_bucket, SIM_BUCKET, SIM_CHANGING, 1, 10)
CELL(changing_eight_clients_and_a_token_bucket, SIM_BUCKET, SIM_CHANGING, 8, 1)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(told_one_client_and_a_token_bucket),
    cmocka_unit_test(told_eight_clients_and_a_sliding_window),
    cmocka_unit_test(told_64_clients_and_a_calendar),
    cmocka_unit_test(announced_eight_clients_and_a_calendar),
    cmocka_unit_test(announced_eight_clients_and_a_sliding_window),
    cmocka_unit_test(announced_64_clients_and_a_calendar),
    cmocka_unit_test(announced_64_clients_and_a_sliding_window),
    cmocka_unit_test(unknown_one_client_and_a_calendar),
    cmocka_unit_test(unknown_eight_clients_and_a_calendar),
    cmocka_unit_test(unknown_eight_clients_and_a_sliding_window),
    cmocka_unit_test(changing_one_client_and_a_token_bucket),
    cmocka_unit_test(changing_eight_clients_and_a_token_bucket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
