#!/bin/sh
# lua.sh - runs a script of this checkout on one Lua, with what is built here: lua.sh LUA SCRIPT ARGUMENT...
set -eu
. spec/support/luas.sh
command=$(lua_command "$1") || { echo "Lua $1 is not installed" >&2; exit 1; }
lua_paths "$1"
shift
exec "$command" "$@"
