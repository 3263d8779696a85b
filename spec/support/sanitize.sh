#!/bin/sh
# sanitize.sh - the test suites once more, watched: under the address and undefined-behaviour sanitizers (BUILD/asan has
# what was built for them) and under valgrind. sanitize.sh C-SUITE...
#
# A report of either ends a suite with a status that is not 0, which suite.sh counts as a failure.
set -eu
failed=0
plain=$BUILD
export LIMIT=900

# The interpreters are not built with the sanitizer, whose runtime must then be the first library of the process.
runtime=$("${CC:-cc}" -print-file-name=libasan.so)
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export BUILD="$plain/asan" OUT="$plain/asan/test-output" LABEL="asan "
WRAP="env LD_PRELOAD=$runtime" spec/support/run.sh host:5.4 unit:5.1 unit:5.4 unit:jit "$@" || failed=1

export BUILD="$plain" OUT="$plain/valgrind" LABEL="valgrind "
WRAP="valgrind -q --leak-check=full --error-exitcode=99" spec/support/run.sh unit:5.4 "$@" || failed=1

exit $failed
