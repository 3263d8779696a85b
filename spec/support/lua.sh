#!/bin/sh
# lua.sh - runs a script of this checkout on one Lua, with what is built here, from any folder:
# lua.sh LUA SCRIPT ARGUMENT...
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/spec/support/luas.sh"
case ${1:-} in
  5.[1-4] | jit) ;;
  *)
    echo "usage: lua.sh LUA SCRIPT ARGUMENT... (a LUA is 5.1, 5.2, 5.3, 5.4 or jit)" >&2
    exit 2
    ;;
esac
command=$(lua_command "$1") || { echo "Lua $1 is not installed" >&2; exit 1; }
[ "$root" = "$(pwd)" ] && root=
lua_paths "$1" "$root"
shift
exec "$command" "$@"
