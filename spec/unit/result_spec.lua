-- A decoded answer -> the result that a user sees: integers, nulls, lists, unknown fields.

local json = require "jdcloud.json"
local models = require "jdcloud.models"
local result = require "jdcloud.result"

local op = assert(models.service("vm")):operation("describeInstances")
local has_integers = math.type ~= nil

-- Both ways must come to the same: from an answer in one pass, and from a value that is decoded already.
local function shaped(text, of, keep_null)
  local value, raw = json.read(text)
  local at_once = result.shape(value, of or op, keep_null, raw)
  assert.equal(json.encode(at_once), json.encode(result.shape(json.decode(text), of or op, keep_null)))
  return at_once
end

local function is_integer(n)
  return not has_integers or math.type(n) == "integer"
end

describe("a result", function()
  it("that is nothing, null or false is an empty one: what failed begins with nil or false", function()
    for _, nothing in ipairs { json.null, false } do assert.same({}, result.shape(nothing, op)) end
    assert.same({}, result.shape(nil, op))
    assert.equal("text", result.shape("text", op))
  end)

  it("has integers where the model says integer, or says nothing", function()
    local r = shaped('{"totalCount":5,"new":7,"instances":'
      .. '[{"systemDisk":{"cloudDisk":{"diskSizeGB":40}},"deep":{"n":[1,2.5]}}]}')
    assert.is_true(is_integer(r.totalCount))
    assert.is_true(is_integer(r.new))
    assert.is_true(is_integer(r.instances[1].systemDisk.cloudDisk.diskSizeGB))
    assert.is_true(is_integer(r.instances[1].deep.n[1]))
    assert.equal(2.5, r.instances[1].deep.n[2])
    assert.equal("5", tostring(r.totalCount))
  end)

  it("keeps a number a number where the model says number", function()
    local number = { kind = "number" }
    local fields = { price = { type = number }, all = { type = { kind = "list", of = number } } }
    local r = shaped('{"price":5,"all":[1]}', { kind = "struct", resolved = { fields = fields } })
    if has_integers then
      assert.equal("float", math.type(r.price))
      assert.equal("float", math.type(r.all[1]))
    end
    assert.equal(5, r.price)
  end)

  it("has big integers exactly", function()
    for _, digits in ipairs { "9007199254740993", "9223372036854775807", "-9223372036854775808" } do
      local r = shaped('{"totalCount":' .. digits .. ',"x":{"y":[' .. digits .. "]}}")
      local expected = has_integers and math.tointeger(tonumber(digits)) or digits
      assert.equal(expected, r.totalCount)
      assert.equal(expected, r.x.y[1])
    end
  end)

  it("has no null fields, and empty lists for null lists", function()
    local r = shaped('{"instances":null,"totalCount":null,"x":{"y":null,"z":[null,1]}}')
    assert.same({}, r.instances)
    assert.is_nil(r.totalCount)
    assert.is_nil(r.x.y)
    assert.equal(json.null, r.x.z[1])
    assert.equal('{"instances":[],"x":{"z":[null,1]}}', json.encode(r))
    r = shaped('{"instances":[{"tags":null,"az":null}]}')
    assert.same({ instances = { { tags = {} } } }, r)
  end)

  it("keeps its nulls on request", function()
    local r = shaped('{"instances":null,"x":{"y":null}}', op, true)
    assert.equal(json.null, r.instances)
    assert.equal(json.null, r.x.y)
  end)

  it("writes back as JSON with its lists", function()
    local text = '{"instances":[{"dataDisks":[],"keyNames":["k"],"new":[],"tags":[{"key":"a"}]}],"totalCount":1}'
    assert.equal(text, json.encode(shaped(text)))
  end)

  it("takes an empty object for an empty list where the model says list", function()
    assert.equal('{"instances":[]}', json.encode(shaped('{"instances":{}}')))
  end)

  it("tells an empty object from an empty list where the model says nothing, or something else", function()
    local text = '{"charge":{},"hostGroup":[],"new":{"a":{},"b":[],"c":[{},[]]}}'
    assert.equal(text, json.encode(shaped(text, models.any)))
    assert.equal('{"instances":[' .. text .. "]}", json.encode(shaped('{"instances":[' .. text .. "]}")))
    assert.equal('{"instances":{"a":{},"b":[1]}}', json.encode(shaped('{"instances":{"a":{},"b":[1],"c":null}}')))
    assert.equal("{}", json.encode(shaped("{}")))
    assert.equal("[]", json.encode(shaped("[]")))
  end)

  it("has a text that looks like a mark as it is", function()
    local text = '{"a":"\\u0000o","instances":[{"az":"\\u0000i5"}],"totalCount":"\\u0000"}'
    local r = shaped(text)
    assert.same({ a = "\0o", instances = { { az = "\0i5" } }, totalCount = "\0" }, r)
    assert.equal(text, json.encode(r))
  end)

  it("follows a type that contains itself", function()
    local folder = { kind = "struct" }
    folder.resolved = { fields = {
      size = { type = { kind = "integer" } }, share = { type = { kind = "number" } },
      folders = { type = { kind = "list", of = folder } },
    } }
    local text = ('{"size":1,"share":2,"folders":['):rep(20) .. ("]}"):rep(20)
    local depth, r = 0, shaped(text, folder)
    while r do
      depth, r = depth + 1, r.folders[1]
    end
    assert.equal(20, depth)
    r = shaped('{"folders":[{"folders":null,"size":3,"share":4}]}', folder)
    assert.equal('{"folders":[{"folders":[],"share":4,"size":3}]}', json.encode(r))
    assert.is_true(is_integer(r.folders[1].size))
    if has_integers then assert.equal("float", math.type(r.folders[1].share)) end
  end)

  it("can be nested as deep as JSON may be here", function()
    local text = ('{"a":['):rep(63) .. "null" .. ("]}"):rep(63)
    assert.equal(text, json.encode(shaped(text)))
  end)

  it("is an empty table where there is none, and what it is where the model is wrong", function()
    assert.same({}, result.shape(nil, op))
    assert.same({}, result.shape(json.null, op))
    assert.same({}, result.shape(nil, models.service("vm"):operation("stopInstance")))
    assert.same({ instances = "text", totalCount = "many" }, shaped('{"instances":"text","totalCount":"many"}'))
    assert.same({ instances = { "a" } }, shaped('{"instances":["a"]}'))
    assert.equal("done", result.shape("done", op))
  end)

  it("leaves a string of digits a string", function()
    assert.equal("5", shaped('{"totalCount":"5"}').totalCount)
  end)
end)
