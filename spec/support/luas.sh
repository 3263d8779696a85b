# shellcheck shell=sh
# luas.sh - where the interpreter of each Lua is, and the environment that a script of this checkout runs in.
# Sourced. A Lua is 5.1, 5.2, 5.3, 5.4 or jit.

# Debian keeps nginx in a folder that is only on root's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# lua_command LUA: prints the interpreter's path; fails if there is none.
lua_command() {
  case $1 in
    jit) command -v luajit ;;
    *) command -v "lua$1" || command -v "lua-$1" || command -v "lua$(echo "$1" | tr -d .)" ;;
  esac
}

# lua_paths LUA ROOT: makes `require` find what is built in the checkout first; ROOT is its folder, nothing the current
# one.
lua_paths() {
  here=${2:+$2/} built=${BUILD:-build}
  case $built in
    /*) ;;
    *) built=$here$built ;;
  esac
  for name in $(env | sed -n 's/^\(LUA_C\{0,1\}PATH_[0-9_]*\)=.*/\1/p'); do unset "$name"; done
  LUA_PATH="${here}lua/?.lua;${here}spec/?.lua;${LUA_PATH:-};;"
  LUA_CPATH="$built/$1/?.so;${LUA_CPATH:-};;"
  export LUA_PATH LUA_CPATH
}

# plain_environment: takes away what a user's machine would change tests by: keys, proxies, scripts at start.
plain_environment() {
  for name in $(env | sed -n 's/^\(JDCLOUD_[A-Z_]*\|LUA_INIT[0-9_]*\)=.*/\1/p'); do unset "$name"; done
  unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
}
