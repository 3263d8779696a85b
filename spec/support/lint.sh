#!/bin/sh
# lint.sh - the linters, both compilers with warnings as errors, and the house rules that a script can check.
#
# BUILD: where it puts what it compiles. WARNINGS, LUA_INCLUDE: the compilers' flags, the latter for 5.4.
# Every check runs, so that one run shows all there is to repair; the status is 1 if any found something.
# shellcheck disable=SC2086,SC2046,SC2317 # lists of files and flags: no name in this project has a blank
set -u
. spec/support/luas.sh
out=$BUILD/lint
built=$out/gcc # what the rules look into
mkdir -p "$out"
failed=0

c_files=$(find csrc spec examples -name '*.[ch]' | sort)
lua_files=$(find lua spec examples rockspec -name '*.lua' -o -name '*.rockspec' | sort)
written_lua=$(echo "$lua_files" | grep -v '^lua/jdcloud/services[/.]')
scripts="$(find spec -name '*.sh' | sort) .ci/run"

# check NAME COMMAND...: one line if all is well, else what the command said.
check() {
  name=$1
  shift
  if "$@" >"$out/said" 2>&1; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    cat "$out/said"
    failed=1
  fi
}

# rule NAME FUNCTION ARGUMENT...: a check whose function prints what breaks the rule (or why it can't tell).
prints_nothing() { ! "$@" 2>&1 | grep .; }
rule() {
  name=$1
  shift
  check "$name" prints_nothing "$@"
}

# compile COMPILER: everything, for every Lua; and what the specs compile by themselves.
compile() {
  ${MAKE:-make} -k CC=$1 BUILD=$out/$1 CFLAGS=-O2 WERROR=-Werror LUAS="5.1 5.2 5.3 5.4 jit" \
    modules c-tests bench-programs 2>&1 && status=0 || status=1
  for file in spec/support/*.c; do
    $1 -std=c11 -O2 -fPIC $WARNINGS -Werror -c -o "$out/$1/$(basename $file .c).o" $file || status=1
  done
  return $status
}

tidy() {
  find csrc -name '*.c' -print0 |
    xargs -0 -P 2 -I{} clang-tidy --quiet {} -- -std=c11 $LUA_INCLUDE 2>$out/tidy-counts
}

first_lines() {
  for file in $c_files; do head -n 1 $file | grep -q '^/\* ' || echo "$file: begins without a comment"; done
  for file in $lua_files; do head -n 2 $file | grep -q '^-- ' || echo "$file: begins without a comment"; done
  for file in $scripts; do sed -n 2p $file | grep -q '^# ' || echo "$file: begins without a comment"; done
}

# luacheck and clang-format see to the other files.
long_lines() { awk 'length > 120 { print FILENAME ":" FNR ": " length " columns" }' $scripts Makefile; }

long_files() {
  wc -l $(find csrc lua -name '*.[ch]' -o -name '*.lua' | grep -v '^lua/jdcloud/services[/.]') |
    awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }'
}

left_behind() { grep -nE '\b(TODO|FIXME|XXX)\b|[[:blank:]]$' $c_files $written_lua Makefile; }

openssl_elsewhere() { grep -rnE '# *include *<openssl/' csrc | grep -v '^csrc/core/digest\.c:'; }

# Generated files are what their generator makes of the facts.
stale_models() {
  mkdir -p $out/models/services
  BUILD=$built spec/support/lua.sh 5.4 spec/support/models.lua spec/facts $out/models >$out/models.log 2>&1 ||
    cat $out/models.log
  diff -rq $out/models/services lua/jdcloud/services
  diff -q $out/models/services.lua lua/jdcloud/services.lua
}

# What the core takes from outside: no I/O, no clock, no randomness, no allocator and nothing that ends the process
# (design.md, Layers). A list of what is allowed, since one of what is not would never be complete.
core_calls() {
  nm "$built"/obj/core/*.o | awk '
    NF == 3 { defined[$3] = 1 }
    NF == 2 && $1 == "U" { used[$2] = 1 }
    END { for (name in used) if (!(name in defined)) print name }' |
    grep -vxE '(__)?(mem(cpy|move|set|cmp|chr|rchr)|str(len|nlen|chr|cmp|ncmp))(_chk)?' |
    grep -vxE '(__)?snprintf(_chk)?' | # formats into memory
    grep -vxE '_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|(EVP|OPENSSL)_[A-Za-z0-9_]+'
}

# Nothing in the core changes but what it is given. (`fill` is the volatile pointer by which jdc_wipe calls memset.)
core_variables() {
  objdump -t "$built"/obj/core/*.o | awk '
    /file format/ { file = $1 }
    NF > 4 && $(NF - 2) ~ /^(\.(data|bss|tdata|tbss)|\*COM\*)/ && $(NF - 2) !~ /^\.data\.rel\.ro/ &&
      $(NF - 1) !~ /^0+$/ && $NF !~ /^fill(\.[0-9]+)?$/ { print file " " $NF }'
}

exports() {
  nm -D --defined-only "$built/5.4/jdcloud/$1.so" | awk -v only="luaopen_jdcloud_$1" '
    { if ($3 == only) seen = 1; else print "exports " $3 }
    END { if (!seen) print "does not export " only }'
}

# libraries MODULE WANTED UNWANTED
libraries() {
  needed=$(readelf -d "$built/5.4/jdcloud/$1.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  echo "$needed" | grep -qE "^$2" || echo "$1.so does not need $2"
  echo "$needed" | grep -E "^($3)\." | sed "s/^/$1.so needs /"
}

check "luacheck" luacheck --no-color -q $lua_files
check "shellcheck" shellcheck -x -S warning $scripts
check "clang-format" clang-format --dry-run -Werror $c_files
check "gcc, all warnings" compile gcc
check "clang, all warnings" compile clang
check "clang-tidy" tidy
rule "files begin with what they are for" first_lines
rule "no line is over 120 columns" long_lines
rule "no file is over 500 lines" long_files
rule "nothing is left to do" left_behind
rule "the services are those of the facts" stale_models
rule "digest.c alone includes OpenSSL" openssl_elsewhere
rule "the core does no I/O and allocates nothing by itself" core_calls
rule "the core has no variables" core_variables
rule "core.so exports luaopen_jdcloud_core alone" exports core
rule "curl.so exports luaopen_jdcloud_curl alone" exports curl
rule "core.so needs libcrypto, neither libssl nor libcurl" libraries core libcrypto 'libssl|libcurl.*'
rule "curl.so needs libcurl, not OpenSSL" libraries curl libcurl 'libssl|libcrypto'
check "the rockspec lists every module" "$(lua_command 5.4)" spec/support/rockspec.lua
exit $failed
