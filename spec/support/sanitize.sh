#!/bin/sh
# sanitize.sh - the test suites once more, watched: under the address and undefined-behaviour sanitizers (BUILD/asan has
# what was built for them) and under valgrind. sanitize.sh C-SUITE...
#
# A report of either ends a suite with a status that is not 0, which suite.sh counts as a failure.
#
# Left out are the specs that go through all operations in Lua alone, and those of windows and keys that many processes
# share and that end by the clock: the same C runs in the others.
set -eu
failed=0
unwatched='every_|host/(shared|redis|roles|nginx_lifecycle)_spec'
# valgrind makes everything thirty times slower
many="$unwatched|(models|bad_parameters|gateway_answers|gateway_route|lists|describe)_spec"
plain=$BUILD
export LIMIT=1200

export BUILD="$plain/asan" UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=spec/support/lsan.supp:print_suppressions=0
OUT=$BUILD/programs LABEL="asan " ASAN_OPTIONS=detect_leaks=1 spec/support/run.sh "$@" || failed=1

# The interpreters are not built with the sanitizer, whose runtime must then be the first library of the process. What
# a spec starts inherits it, and mktemp is not ours to be blamed for what it leaks: valgrind looks for leaks of Lua.
runtime=$("${CC:-cc}" -print-file-name=libasan.so)
OUT=$BUILD/specs LABEL="asan " WITHOUT=$unwatched ASAN_OPTIONS=detect_leaks=0 WRAP="env LD_PRELOAD=$runtime" \
  spec/support/run.sh host:5.4 unit:5.1 unit:5.4 unit:jit || failed=1

# Thousands of Lua states, one for each allocation that fails, or a million calls of a storm would take valgrind many
# minutes; the sanitizers have looked into them above.
quick=
for suite; do
  case $suite in
    *test_lua_alloc | *test_storm) ;;
    *) quick="$quick $suite" ;;
  esac
done

export BUILD="$plain" OUT="$plain/valgrind" LABEL="valgrind " SLOWNESS=20
# shellcheck disable=SC2086 # names of suites have no blanks
WITHOUT=$many WRAP="valgrind -q --leak-check=full --error-exitcode=99 --suppressions=spec/support/valgrind.supp" \
  spec/support/run.sh $quick unit:5.4 host:5.4 || failed=1

exit $failed
