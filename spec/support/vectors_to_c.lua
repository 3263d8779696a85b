-- vectors_to_c.lua - writes the signing vectors as a C header, so that the C tests need no JSON.
-- usage: lua vectors_to_c.lua spec/vectors/sign.json > build/unit/vectors.h
local cjson = require "cjson"

local path = assert(arg[1], "usage: lua vectors_to_c.lua sign.json > vectors.h")
local file = assert(io.open(path, "rb"))
local vectors = cjson.decode(file:read("*a"))
file:close()

local texts = { "name", "method", "host", "path", "query", "body", "service", "region", "access_key", "secret_key",
  "date", "nonce", "target", "canonical_request", "string_to_sign", "signing_key", "signature", "authorization" }

-- Octal escapes of three digits end by themselves; hexadecimal ones would swallow digits that follow. `?` is escaped
-- because of trigraphs.
local function literal(text)
  local escaped = text:gsub('[%c"\\?\127-\255]', function(c) return ("\\%03o"):format(c:byte()) end)
  return ('{ "%s", %d }'):format(escaped, #text)
end

local function sorted_names(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

print(([[
/* Made from %s by spec/support/vectors_to_c.lua. Don't edit. */
#ifndef VECTORS_H
#define VECTORS_H

#include "core/sign.h"

/* C promises 4,095 characters a literal; these compilers take more. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif

typedef struct test_vector {
  int version;
  jdc_str %s;
  jdc_header headers[8];
  size_t nheaders;
} test_vector;

static const test_vector test_vectors[] = {]]):format(path:match("[^/]*$"), table.concat(texts, ", ")))

for _, vector in ipairs(vectors) do
  print(("  { .version = %d,"):format(vector.version))
  for _, name in ipairs(texts) do print(("    .%s = %s,"):format(name, literal(vector[name]))) end
  local names = sorted_names(vector.headers)
  assert(#names <= 8, "more headers than the C struct has room for")
  for i, name in ipairs(names) do
    print(("    .headers[%d] = { %s, %s },"):format(i - 1, literal(name), literal(vector.headers[name])))
  end
  print(("    .nheaders = %d },"):format(#names))
end
print("};\n\n#endif")
