#!/bin/sh
# deps.sh - sees to it that the machine has what a make target needs: deps.sh [--check] NEED...
#
# A NEED is one of the words that `packages` below knows, such as crypto or busted:5.4. What is missing is looked for by
# what it is, never by a package's name. On Debian and Ubuntu it is installed, after one line that says which packages,
# and nothing is ever removed; with --check, without the right to install, or on another system, the line says what is
# missing and the status is 1.
set -eu
. spec/support/luas.sh

have() { command -v "$1" >/dev/null 2>&1; }

# header FILE PKG...: is there such a header in a folder that pkg-config or custom knows?
header() {
  file=$1
  shift
  for dir in $(for pkg; do pkg-config --cflags-only-I "$pkg" 2>/dev/null | sed 's/-I//g'; done) ${LUA_INCDIR:-} \
    /usr/local/include /usr/include /usr/include/*-linux-*; do
    [ ! -f "$dir/$file" ] || return 0
  done
  return 1
}

lua_header() {
  case $1 in
    jit) header lua.h luajit || header luajit-2.1/lua.h ;;
    *) header lua.h "lua$1" "lua-$1" || header "lua$1/lua.h" || header "lua-$1/lua.h" ;;
  esac
}

# lua_has LUA MODULE: can that Lua load the module?
lua_has() {
  lua=$(lua_command "$1") && "$lua" -e "require '$2'" >/dev/null 2>&1
}

# An nginx with Lua: a build that has it inside, as OpenResty's, or one with the module beside it.
nginx_has_lua() {
  have nginx || return 1
  built=$(nginx -V 2>&1)
  case $built in *lua-nginx-module* | *ngx_lua*) return 0 ;; esac
  modules=$(echo "$built" | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
  [ -f "${modules:-/usr/lib/nginx/modules}/ngx_http_lua_module.so" ]
}

sanitizer_runtime() {
  [ -f "$("${CC:-cc}" -print-file-name=libasan.so 2>/dev/null)" ]
}

present() {
  case $1 in
    cc) have "${CC:-cc}" && have ar && have objcopy ;;
    crypto) header openssl/evp.h libcrypto ;;
    curl) header curl/curl.h libcurl ;;
    cmocka) header cmocka.h cmocka ;;
    dev:*) lua_header "${1#*:}" ;;
    lua:*) lua_command "${1#*:}" >/dev/null ;;
    cjson:*) lua_has "${1#*:}" cjson ;;
    busted:*) lua_has "${1#*:}" busted.runner ;;
    luv:*) lua_has "${1#*:}" luv ;;
    socket:*) lua_has "${1#*:}" socket.core ;;
    nginx) nginx_has_lua ;;
    redis) have redis-server ;;
    asan) sanitizer_runtime ;;
    *) have "$1" ;;
  esac
}

# LuaJIT comes in two packagings that can't be installed together; what is there is kept. nginx's module is made for
# the second one, which is therefore the choice where there is none.
old_luajit() { dpkg-query -W -f='${Status}' libluajit-5.1-2 2>/dev/null | grep -q ' installed'; }

# packages NEED: the names on Debian, a slash, the names on Alpine.
packages() {
  lua=${1#*:}
  case $1 in
    cc) echo "gcc libc6-dev binutils / build-base" ;;
    crypto) echo "libssl-dev / openssl-dev" ;;
    curl) echo "libcurl4-openssl-dev / curl-dev" ;;
    cmocka) echo "libcmocka-dev / cmocka-dev" ;;
    dev:5.1) echo "liblua5.1-0-dev / lua5.1-dev" ;;
    dev:jit) echo "$(if old_luajit; then echo libluajit-5.1-dev; else echo libluajit2-5.1-dev; fi) / luajit-dev" ;;
    dev:*) echo "liblua$lua-dev / lua$lua-dev" ;;
    lua:jit) echo "$(if old_luajit; then echo luajit; else echo luajit2; fi) / luajit" ;;
    lua:*) echo "lua$lua / lua$lua" ;;
    cjson:jit) echo "lua-cjson / lua5.1-cjson" ;;
    cjson:*) echo "lua-cjson / lua$lua-cjson" ;;
    busted:jit) echo "lua-busted / lua5.1-busted" ;;
    busted:*) echo "lua-busted / lua$lua-busted" ;;
    luv:jit) echo "lua-luv / lua5.1-luv" ;;
    luv:*) echo "lua-luv / lua$lua-luv" ;;
    socket:jit) echo "lua-socket / lua5.1-socket" ;;
    socket:*) echo "lua-socket / lua$lua-socket" ;;
    nginx) echo "nginx-light libnginx-mod-http-lua lua-resty-core / nginx nginx-mod-http-lua lua-resty-core" ;;
    redis) echo "redis-server / redis" ;;
    asan) echo "gcc / gcc" ;;
    luacheck) echo "lua-check / luacheck" ;;
    luarocks) echo "luarocks / luarocks5.4" ;;
    valgrind) echo "valgrind libc6-dbg / valgrind musl-dbg" ;; # it needs the names of the C library's functions
    clang-format | clang-tidy) echo "$1 / clang-extra-tools" ;;
    *) echo "$1 / $1" ;;
  esac
}

# names COLUMN NEED...: each name once, in one line.
names() {
  column=$1
  shift
  for need; do packages "$need"; done | cut -d / -f "$column" | xargs -n 1 | sort -u | xargs
}

missing() { for need; do present "$need" || printf '%s ' "$need"; done; }

fail() {
  echo "$*" >&2
  exit 1
}

check_only=
if [ "$1" = --check ]; then
  check_only=yes
  shift
fi

lacking=$(missing "$@")
[ -n "$lacking" ] || exit 0
# shellcheck disable=SC2086 # needs and packages have no blanks in their names
debian=$(names 1 $lacking)
command="apt-get install -y --no-remove --no-install-recommends $debian"

if ! have apt-get; then
  # shellcheck disable=SC2086
  fail "Missing: ${lacking% }. On Alpine: apk add $(names 2 $lacking)"
fi
case " $lacking" in
  *" nginx "*)
    ! old_luajit || fail "Missing: nginx with Lua. Debian's needs libluajit2-5.1-2, which would remove the installed" \
      "libluajit-5.1-2; to allow that: apt-get install luajit2 libluajit2-5.1-dev lua-resty-core nginx-light"
    ;;
esac
[ -z "$check_only" ] || fail "Missing: ${lacking% }. To install it: $command"

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  as_root=sudo
else
  fail "Missing: ${lacking% }. As root: $command"
fi

echo "Installing with apt-get: $debian"
mkdir -p build
log=build/apt.log
had_nginx=
had_redis=
! have nginx || had_nginx=yes
! have redis-server || had_redis=yes

apt() {
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >>"$log" 2>&1
}
install_packages() {
  # shellcheck disable=SC2086
  apt install -y --no-remove --no-install-recommends $debian
}

: >"$log"
[ -n "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ] || apt update || true
install_packages || { apt update && install_packages; } || {
  tail -n 20 "$log" >&2
  fail "That failed: $command"
}

# Debian starts the servers that it installs; only the programs were wanted.
if [ -z "$had_nginx" ] && have nginx && [ -d /run/systemd/system ]; then
  $as_root systemctl disable --now nginx >>"$log" 2>&1 || true
fi
if [ -z "$had_redis" ] && have redis-server && [ -d /run/systemd/system ]; then
  $as_root systemctl disable --now redis-server >>"$log" 2>&1 || true
fi

lacking=$(missing "$@")
[ -z "$lacking" ] || fail "Still missing after the installation: ${lacking% } (see $log)"
