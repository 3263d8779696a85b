-- JSON both ways: exact integers, lists that stay lists, and what is refused (design.md, JSON).

local core = require "jdcloud.core"
local json = require "jdcloud.json"

local has_integers = math.type ~= nil

-- An integer literal as this Lua holds it: itself, or its digits where it has no such integers.
local function exact(digits)
  return has_integers and math.tointeger(tonumber(digits)) or digits
end

describe("reading JSON", function()
  it("keeps every integer of 64 bits exact", function()
    for _, digits in ipairs {
      "9007199254740992", "-9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807",
      "-9223372036854775808", "10000000000000000",
    } do
      local value = assert(json.decode('{"a":[' .. digits .. ',1]}'))
      assert.equal(exact(digits), value.a[1])
      assert.equal(1, value.a[2])
      assert.equal(exact(digits), json.decode(digits))
    end
  end)

  it("leaves what a double holds as a number", function()
    for _, digits in ipairs { "9007199254740991", "-9007199254740991", "0", "-1" } do
      assert.equal(tonumber(digits), json.decode("[" .. digits .. "]")[1])
    end
    assert.equal(1.5, json.decode("[1.5]")[1])
    assert.equal(1e20, json.decode("[1e20]")[1])
    assert.equal(12345678901234567890.5, json.decode("[12345678901234567890.5]")[1])
  end)

  it("gives an integer beyond 64 bits as its digits", function()
    assert.equal("9223372036854775808", json.decode("[9223372036854775808]")[1])
  end)

  it("takes no digits inside of a string for a number", function()
    for _, text in ipairs {
      "9007199254740993", 'a\\"9007199254740993', "\\\\", "x[]", "[ ]", "\\u0000i5", "\\u0000",
    } do
      local plain = text:gsub('\\"', '"'):gsub("\\\\", "\\"):gsub("\\u0000", "\0")
      assert.equal(plain, json.decode('["' .. text .. '", 9007199254740993]')[1])
    end
    assert.equal(1, json.decode('{"\\u0000i5":1,"a":[]}')["\0i5"])
  end)

  it("knows an empty list from an empty object, wherever it stands", function()
    local value = assert(json.decode('{"a":[],"b":{},"c":[ ],"d":[[],[[]],{"e":[\n]}]}'))
    assert.is_true(json.is_list(value.a))
    assert.is_false(json.is_list(value.b))
    assert.equal('{"a":[],"b":{},"c":[],"d":[[],[[]],{"e":[]}]}', json.encode(value))
    assert.equal("[]", json.encode(json.decode("[]")))
  end)

  it("gives null as jdcloud.null", function()
    assert.equal(json.null, json.decode('{"a":null}').a)
  end)

  it("answers text that is no JSON with a message that holds none of it", function()
    for _, text in ipairs {
      "", "secret", '{"a":secret', "[9007199254740993", '"secret', "[", "-", '["\\', "NaN", "[01]x",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.falsy(message:find("secret"))
    end
    assert.is_nil((json.decode(("["):rep(1000) .. ("]"):rep(1000))))
  end)

  it("doesn't copy what needs no marks", function()
    local text = '{"a":[1,2.5,"x"],"b":[],"c":{"d":"{}"}}'
    assert.equal(text, core.json_mark(text))
  end)

  it("uses no settings but its own", function()
    local cjson = require "cjson"
    json.decode("[1]")
    assert.equal(3.5, cjson.decode("[3.5]")[1])
    assert.is_true(pcall(cjson.decode, ("["):rep(500) .. ("]"):rep(500)))
  end)

  it("returns the value alone", function()
    assert.equal(1, select("#", json.decode "[1]"))
    assert.equal(1, select("#", json.decode "[9007199254740993]"))
  end)
end)

describe("writing JSON", function()
  it("writes integers as digits and no exponent below 1e21", function()
    local cases = {
      [1] = "1", [5.0] = "5", [1e6] = "1000000", [-1e15] = "-1000000000000000", [1e20] = "100000000000000000000",
    }
    for n, text in pairs(cases) do assert.equal(text, json.encode(n)) end
    assert.equal("0", json.encode(-0.0))
  end)

  it("writes every number so that it reads back the same", function()
    for _, n in ipairs { 0.1, 1 / 3, 1e-7, 123456789.123, 5e-324, 1.7976931348623157e308, 2 ^ 53 - 1, 0.1 + 0.2 } do
      assert.equal(n, tonumber(json.encode(n)))
    end
    assert.equal("0.1", json.encode(0.1))
  end)

  it("writes the integers of this Lua exactly", function()
    if not has_integers then return end
    for _, digits in ipairs { "9223372036854775807", "-9223372036854775808", "9007199254740993" } do
      assert.equal(digits, json.encode(math.tointeger(tonumber(digits))))
    end
  end)

  it("escapes what JSON demands and leaves UTF-8 as it is", function()
    assert.equal('"a\\"b\\\\c\\n\\t\\u0000\\u001f\\u007f/ü京𐍈"', json.encode('a"b\\c\n\t\0\31\127/ü京𐍈'))
  end)

  it("refuses strings that aren't UTF-8", function()
    for _, bad in ipairs {
      "\255", "\192\128", "\224\128\128", "\237\160\128", "\244\144\128\128", "\195", "a\128b", "\240\159\152",
    } do
      local text, message = json.encode({ a = bad })
      assert.is_nil(text)
      assert.equal("a: is not valid UTF-8", message)
    end
  end)

  it("writes names in alphabetical order", function()
    assert.equal('{"a":1,"b":{"c":[true,false,null],"d":"x"}}',
      json.encode { b = { d = "x", c = { true, false, json.null } }, a = 1 })
  end)

  it("writes a marked list as a list though it is empty", function()
    assert.equal('{"a":[],"b":{},"c":[1]}', json.encode { a = json.list(), b = {}, c = json.list { 1 } })
  end)

  it("refuses, with the place and without the value", function()
    local cycle = {}
    cycle.a = cycle
    local cases = {
      { { a = { { b = print } } }, "a[1].b: can't be a function" },
      { { a = 0 / 0 }, "a: is not a finite number" },
      { { 1, -math.huge }, "[2]: is not a finite number" },
      { { 1, a = 2 }, "value: is neither clearly a list nor a map" },
      { { x = { [1] = 1, [3] = 3 } }, "x: is neither clearly a list nor a map" },
      { { x = { [0] = 1 } }, "x: is neither clearly a list nor a map" },
      { json.list { a = 1 }, "value: is neither clearly a list nor a map" },
      { { ["\255"] = 1 }, "value: has a name that is not valid UTF-8" },
    }
    for _, case in ipairs(cases) do
      local text, message = json.encode(case[1])
      assert.is_nil(text)
      assert.equal(case[2], message)
    end
    local text, message = json.encode(cycle)
    assert.is_nil(text)
    assert.equal("value: is nested too deeply, or contains itself", message)
  end)
end)
