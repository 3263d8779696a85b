/* json.h - one pass over JSON text before lua-cjson reads it and one over the value after, which save what cjson 2.1.0
 * would lose; and strings the other way. */
#ifndef JDC_LUA_JSON_H
#define JDC_LUA_JSON_H

#include "../core/jdc.h"
#include "compat.h"

JDC_BEGIN

/* A lua_CFunction: text -> text, raw. The same string if cjson tells everything in it apart but an empty list from an
 * empty object, else with marks that take the place of what it doesn't. raw: the decoded value is not yet what the text
 * says; an empty table in it is a list, and jdc_json_finish is to take out the marks. A mark is a string that begins
 * with a NUL and a letter:
 *
 *   an integer from 2^53 on   9007199254740993   "\u0000i9007199254740993"
 *   an empty object           {}                 "\u0000o"
 *   a string of the text's own that begins with a NUL (names of members aside)   "\u0000x"   "\u0000s\u0000x"
 *
 * It judges nothing: text that is not JSON stays so. */
int jdc_json_mark(lua_State *L);

/* A lua_CFunction: (value, list_metatable, raw [, plan, resolve, keep_null]) -> the value with what the text said, its
 * tables changed in place: an integer beyond 2^53 as an integer, or its digits where Lua has no such integers; an empty
 * list with list_metatable.
 *
 * A plan gives a result the types of its model (result.lua): floats without a fraction become integers, members that
 * are null are taken out unless keep_null. A plan is a table: of an object, [name] = plan of that member, or false for
 * a number, which stays what it is; of a list, [1] = plan of its elements, or false for numbers. Names whose plans make
 * no difference are left out. With [1] = true it is one that resolve(plan) changes into the plan of an object.
 * Raises for tables nested deeper than JDC_JSON_DEPTH. */
#define JDC_JSON_DEPTH 200
int jdc_json_finish(lua_State *L);

/* A lua_CFunction: string -> the string as JSON, with quotes, UTF-8 as it is; nil if it is not UTF-8. */
int jdc_json_string(lua_State *L);

/* A lua_CFunction: string -> is it UTF-8? */
int jdc_is_utf8(lua_State *L);

JDC_END
#endif
