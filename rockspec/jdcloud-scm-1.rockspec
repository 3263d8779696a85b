-- jdcloud-scm-1.rockspec - how LuaRocks builds the library from a checkout.
-- External libraries are looked for by `library` alone: a check for a header fails on Debian, where the headers of
-- libcurl are in a folder of the architecture. LuaRocks passes no C flags of ours, so the sources need none.
rockspec_format = "3.0"
package = "jdcloud"
version = "scm-1"
source = {
  url = "git+https://github.com/jdcloud-lua/jdcloud.git",
  branch = "main",
}
description = {
  summary = "SDK for the JD Cloud OpenAPI",
  detailed = [[
    Calls any operation of the JD Cloud OpenAPI in one line, from a script, an OpenResty worker or a program that
    embeds Lua. A C core signs requests, decides about waiting and repeating, and reads answers.
  ]],
  homepage = "https://github.com/jdcloud-lua/jdcloud",
  license = "Apache-2.0",
  labels = { "cloud", "http", "jdcloud" },
}
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}
external_dependencies = {
  CRYPTO = { library = "crypto" },
  CURL = { library = "curl" },
}
build = {
  type = "builtin",
  modules = {
    ["jdcloud.charge"] = "lua/jdcloud/charge.lua",
    ["jdcloud.enums"] = "lua/jdcloud/enums.lua",
    ["jdcloud.errors"] = "lua/jdcloud/errors.lua",
    ["jdcloud.filters"] = "lua/jdcloud/filters.lua",
    ["jdcloud.gateway"] = "lua/jdcloud/gateway.lua",
    ["jdcloud.gateway.answers"] = "lua/jdcloud/gateway/answers.lua",
    ["jdcloud.gateway.canonical"] = "lua/jdcloud/gateway/canonical.lua",
    ["jdcloud.gateway.check"] = "lua/jdcloud/gateway/check.lua",
    ["jdcloud.gateway.envelope"] = "lua/jdcloud/gateway/envelope.lua",
    ["jdcloud.gateway.faults"] = "lua/jdcloud/gateway/faults.lua",
    ["jdcloud.gateway.instance"] = "lua/jdcloud/gateway/instance.lua",
    ["jdcloud.gateway.limit"] = "lua/jdcloud/gateway/limit.lua",
    ["jdcloud.gateway.paging"] = "lua/jdcloud/gateway/paging.lua",
    ["jdcloud.gateway.route"] = "lua/jdcloud/gateway/route.lua",
    ["jdcloud.gateway.verify"] = "lua/jdcloud/gateway/verify.lua",
    ["jdcloud.gateway.vm"] = "lua/jdcloud/gateway/vm.lua",
    ["jdcloud.json"] = "lua/jdcloud/json.lua",
    ["jdcloud.main"] = "lua/jdcloud/main.lua",
    ["jdcloud.nearest"] = "lua/jdcloud/nearest.lua",
    ["jdcloud.core"] = {
      sources = {
        "csrc/core/answer.c",
        "csrc/core/answer_hint.c",
        "csrc/core/buf.c",
        "csrc/core/call.c",
        "csrc/core/call_repeat.c",
        "csrc/core/call_step.c",
        "csrc/core/charge.c",
        "csrc/core/cloud.c",
        "csrc/core/credential.c",
        "csrc/core/date.c",
        "csrc/core/digest.c",
        "csrc/core/enum.c",
        "csrc/core/field.c",
        "csrc/core/sign.c",
        "csrc/core/uri.c",
        "csrc/lua/binding.c",
        "csrc/lua/call.c",
        "csrc/lua/cloud.c",
        "csrc/lua/core.c",
        "csrc/lua/credential.c",
        "csrc/lua/enums.c",
        "csrc/lua/host.c",
        "csrc/lua/json.c",
        "csrc/lua/profile.c",
        "csrc/lua/sign.c",
        "csrc/lua/text.c",
      },
      libraries = { "crypto" },
      libdirs = { "$(CRYPTO_LIBDIR)" },
    },
    ["jdcloud.curl"] = {
      sources = {
        "csrc/core/buf.c",
      },
      libraries = { "curl" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
}
