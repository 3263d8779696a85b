#!/bin/sh
# suite.sh - runs one test suite for run.sh: suite.sh SUITE
#
# SUITE is unit/NAME or host/NAME (a C program in that folder of BUILD), unit:LUA or host:LUA (the specs of spec/unit
# or spec/host on that Lua), unit:nginx (in a worker of nginx), unit:luv-LUA (each test in luv's loop), same (which
# compares what tests the suites of specs ran) or canary (which searches the output of all others for the secrets that
# specs use). Writes what the suite printed to OUT/SUITE.log and its numbers to OUT/SUITE.count, and prints one line.
# What runs it, as valgrind, is WRAP; spec files whose names match the pattern WITHOUT are left out. The exit status is
# 0 whatever came out: run.sh adds up.
set -eu
. spec/support/luas.sh

limit=${LIMIT:-300} # seconds after which a suite is taken to hang
suite=$1
log=$OUT/$(echo "$suite" | tr :/ --).log
count=${log%.log}.count
started=$(date +%s)

run_program() {
  lua_paths 5.4
  # shellcheck disable=SC2086 # WRAP is a command and its arguments
  CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" ${WRAP:-} "$BUILD/$suite"
}

run_specs() {
  language=${suite#*:} script=spec/support/busted.lua LOOP=
  case $language in
    nginx) language=jit script=spec/support/busted_nginx.lua ;;
    luv-*) language=${language#luv-} LOOP=luv ;;
  esac
  export LOOP
  lua=$(lua_command "$language") || { echo "Lua $language is not installed"; return 1; }
  lua_paths "$language"
  files=$(find "spec/${suite%:*}" -name '*_spec.lua' | grep -vE "${WITHOUT:-^$}" | sort)
  # shellcheck disable=SC2086
  timeout -k 10 "$limit" ${WRAP:-} "$lua" "$script" -o spec/support/tap.lua $files
}

compare_specs() {
  lua_paths 5.4
  # shellcheck disable=SC2046 # names of suites have no blanks
  "$(lua_command 5.4)" spec/support/same.lua "$OUT" $(cat "$OUT/specs")
}

# Every secret of the specs has this word in it; were they to lose it, or were there no logs, this would prove nothing.
find_canary() {
  word=CANARY
  if ! grep -rlq "$word" spec/unit spec/host; then
    echo "not ok 1 - the specs use secrets that can be found again"
  elif [ "$(cat "$OUT"/*.log | wc -l)" -eq 0 ]; then
    echo "not ok 1 - the other suites left their output"
  elif grep -n "$word" "$OUT"/*.log >"$OUT/canary.found"; then
    echo "not ok 1 - no secret is in the output of the tests"
    sed "s/^/# /" "$OUT/canary.found"
  else
    echo "ok 1 - no secret is in the output of the tests"
  fi
  echo "1..1"
}

plain_environment
status=0
case $suite in
  same) compare_specs ;;
  canary) find_canary ;;
  */*) run_program ;;
  *) run_specs ;;
esac >"$log.part" 2>&1 </dev/null || status=$?
mv "$log.part" "$log"

# A suite that died, left tests out or ran none has one more failure.
awk -v status="$status" '
  /^(not )?ok [0-9]+.*# SKIP/ { skipped++; next }
  /^ok [0-9]+ / { passed++ }
  /^not ok [0-9]+ / { failed++ }
  /^1\.\.[0-9]+$/ { planned += substr($0, 4) }
  END {
    if (status == 124) why = "took too long"
    else if (planned != passed + failed + skipped) why = "ended early, with status " status
    else if (passed + failed == 0) why = "ran no test"
    else if (status != 0 && failed == 0) why = "all tests passed, but the status is " status
    if (why != "") failed++
    print passed + 0, failed + 0, skipped + 0, why
  }' "$log" >"$count"

read -r passed failed skipped why <"$count"
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
printf '%-24s %s (%d s)%s\n' "${LABEL:-}$suite" "$line" $(($(date +%s) - started)) "${why:+: $why}"
