#!/bin/sh
# run.sh - runs test suites side by side and adds them up: run.sh SUITE... (suite.sh says what a suite is)
#
# A line for each suite as it ends, how many specs ran where, the failures in full, and, last, "N passed, N failed".
# Fails if anything did.
# BUILD: where things were built. OUT: where the output of the suites is kept. JOBS: how many run at a time. LABEL: what
# they run under, to be said of each.
set -eu
BUILD=${BUILD:-build}
OUT=${OUT:-$BUILD/test-output}
export BUILD OUT
rm -rf "$OUT"
mkdir -p "$OUT"

side_by_side=
last=
for suite; do
  case $suite in
    same | canary) last="$last $suite" ;;
    *) side_by_side="$side_by_side $suite" ;;
  esac
  case $suite in
    *:*) echo "$suite" >>"$OUT/specs" ;;
  esac
done

# shellcheck disable=SC2086 # names of suites have no blanks
printf '%s\n' $side_by_side | xargs -r -P "${JOBS:-2}" -n 1 spec/support/suite.sh
for suite in $last; do spec/support/suite.sh "$suite"; done
[ ! -f "$OUT/same.log" ] || sed -n 's/^# \{0,1\}//p' "$OUT/same.log"

for count in "$OUT"/*.count; do
  read -r _ failed _ <"$count"
  [ "$failed" -eq 0 ] && continue
  log=${count%.count}.log
  printf '\n--- %s\n' "$log"
  grep -vE '^(ok [0-9]+ |# spec/[^:]*_spec\.lua$)' "$log" || true
done

cat "$OUT"/*.count | awk -v under="${LABEL:+under $LABEL}" '
  { passed += $1; failed += $2; skipped += $3 }
  END {
    sub(/ $/, ": ", under)
    printf "\n%s%d passed, %d failed%s\n", under, passed, failed, skipped ? ", " skipped " skipped" : ""
    exit failed > 0 || passed == 0
  }'
