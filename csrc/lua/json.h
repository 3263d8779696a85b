/* json.h - one pass over JSON text before lua-cjson reads it and one over the value after, which save what cjson 2.1.0
 * would lose. */
#ifndef JDC_LUA_JSON_H
#define JDC_LUA_JSON_H

#include "../core/jdc.h"
#include "compat.h"

JDC_BEGIN

/* A lua_CFunction: text -> the same string if cjson loses nothing of it, else the text with marks that json.lua takes
 * out again after decoding. A mark is a string that begins with a NUL and a letter:
 *
 *   an integer beyond 2^53    9007199254740993   "\u0000i9007199254740993"
 *   an empty list             []                 "\u0000l"
 *   a string of the text's own that begins with a NUL (names of members aside)   "\u0000x"   "\u0000s\u0000x"
 *
 * It judges nothing: text that is not JSON stays so. */
int jdc_json_mark(lua_State *L);

/* A lua_CFunction: (value, restore) -> the value with every mark in its tables replaced by restore(mark), in place.
 * Raises for tables nested deeper than JDC_JSON_DEPTH. */
#define JDC_JSON_DEPTH 200
int jdc_json_unmark(lua_State *L);

JDC_END
#endif
