/* enums.c - the closed lists of the contract, and the rules of a ChargeSpec, for Lua. */
#include "binding.h"

static const char *const lists[] = { "region", "zone", "charge_mode", "charge_unit", "charge_status", NULL };

/* enums[list] = { { constant =, text =, name =, parent = 1-based place of a zone's region }, ... } */
static void push_list(lua_State *L, jdc_enum which) {
  size_t count;
  const jdc_enum_value *values = jdc_enum_values(which, &count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 0, 4);
    lua_pushstring(L, values[i].constant);
    lua_setfield(L, -2, "constant");
    lua_pushstring(L, values[i].text);
    lua_setfield(L, -2, "text");
    lua_pushstring(L, values[i].name);
    lua_setfield(L, -2, "name");
    if (values[i].parent >= 0) {
      lua_pushinteger(L, values[i].parent + 1);
      lua_setfield(L, -2, "parent");
    }
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* nearest(list, text) -> the listed text that this was probably meant to be | nil */
static int enums_nearest(lua_State *L) {
  int which = luaL_checkoption(L, 1, NULL, lists);
  const char *text = jdc_enum_nearest((jdc_enum)which, jdc_lua_str(L, 2));
  if (text == NULL)
    lua_pushnil(L);
  else
    lua_pushstring(L, text);
  return 1;
}

/* region_shape(text) -> could it be a region's code? */
static int enums_region_shape(lua_State *L) {
  lua_pushboolean(L, jdc_region_shape(jdc_lua_str(L, 1)));
  return 1;
}

static jdc_flag flag_of(lua_State *L, int t, const char *name) {
  jdc_lua_get(L, t, name);
  jdc_flag flag = lua_isnil(L, -1) ? JDC_UNSET : lua_toboolean(L, -1) ? JDC_TRUE : JDC_FALSE;
  lua_pop(L, 1);
  return flag;
}

/* charge_check(spec) -> nil | { { field =, message = }, ... }. spec: a ChargeSpec with JD Cloud's field names whose
 * types have been checked (protocol.md 8). */
static int enums_charge_check(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_Number duration = jdc_lua_number(L, 1, "chargeDuration", 0);
  jdc_lua_get(L, 1, "chargeDuration");
  jdc_charge_spec spec = {
    .mode = jdc_lua_field(L, 1, "chargeMode"),
    .unit = jdc_lua_field(L, 1, "chargeUnit"),
    .has_duration = !lua_isnil(L, -1),
    .duration = duration > -1e15 && duration < 1e15 ? (int64_t)duration : -1,
    .auto_renew = flag_of(L, 1, "autoRenew"),
    .auto_change_mode = flag_of(L, 1, "autoChangeChargeMode"),
    .auto_change_date = jdc_lua_field(L, 1, "autoChangeChargeModeDate"),
  };
  jdc_charge_problem problems[JDC_CHARGE_PROBLEMS_MAX];
  size_t n = jdc_charge_check(&spec, problems);
  if (n == 0) return 0;
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, problems[i].field);
    lua_setfield(L, -2, "field");
    lua_pushstring(L, problems[i].message);
    lua_setfield(L, -2, "message");
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

void jdc_open_enums(lua_State *L) {
  static const luaL_Reg functions[] = { { "nearest", enums_nearest },
                                        { "region_shape", enums_region_shape },
                                        { "charge_check", enums_charge_check },
                                        { NULL, NULL } };
  jdc_setfuncs(L, functions);
  lua_createtable(L, 0, JDC_ENUM_COUNT);
  for (int i = 0; i < JDC_ENUM_COUNT; i++) {
    push_list(L, (jdc_enum)i);
    lua_setfield(L, -2, lists[i]);
  }
  lua_setfield(L, -2, "enums");
  lua_createtable(L, JDC_KIND_COUNT, 0);
  for (int i = JDC_KIND_OK + 1; i < JDC_KIND_COUNT; i++) {
    lua_pushstring(L, jdc_kind_text((jdc_kind)i));
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, -2, "kinds");
}
