-- offsets.lua - an answer that goes wrong at each of its bytes in turn: closed, stalled, followed by garbage; over any
-- transport, many at a time. And what has to come of it.

local assert = require "luassert"

local M = {}

-- What faultd.c answers: the bytes of each form, and of its status line.
M.LENGTHS = { sized = 110, chunked = 118 }
M.LINE = #"HTTP/1.1 200 OK\r\n"
M.LAST_CHUNK = 100 -- offset behind it, but for its last byte
M.BODY = '{"result":{"n":123}}'

local IDLE = 0.2 -- seconds without a byte that are a stall

--- Runs them all, in tasks. None of the connections is kept: what comes behind an answer would be the next one's.
-- @param send of a transport
-- @param base URL of the server
-- @return "close sized 17" -> { status, body } or { kind, phase, sent }
function M.sweep(send, base)
  local list, found = {}, {}
  for form, length in pairs(M.LENGTHS) do
    for _, how in ipairs { "close", "garbage", "stall" } do
      for n = 0, length - 1 do list[#list + 1] = { how, form, n } end
    end
  end
  local _, errors = require("jdcloud.safe").parallel(list, function(case)
    local request = { method = "GET", url = base .. "/at/" .. table.concat(case, "/"), headers = {}, timeout = 20 }
    if case[1] == "stall" then request.idle_timeout = IDLE end
    local response, failure = send(request)
    local outcome = response and { status = response.status, body = response.body }
      or { kind = failure.kind, phase = failure.phase, sent = failure.sent }
    found[table.concat(case, " ")] = outcome
    return true
  end, { limit = 60 })
  for i, err in pairs(errors or {}) do error(table.concat(list[i], " ") .. ": " .. tostring(err)) end
  return found
end

-- What the same answer means whatever the transport. Garbage in the place of a body may be taken for it: then the call
-- finds that it is no JSON. What follows the last chunk is dropped, and libcurl needs no last line feed.
local function check(how, form, n, outcome)
  local name = how .. " " .. form .. " " .. n
  if outcome.status then
    assert.is_true(how == "garbage" or name == "close chunked 117", name)
    assert.equal(200, outcome.status, name)
    assert.is_true(outcome.body ~= M.BODY or form == "chunked" and n >= M.LAST_CHUNK, name)
  else
    assert.same({ "receive", true }, { outcome.phase, outcome.sent }, name)
    if how == "stall" then
      assert.equal("timeout", outcome.kind, name)
    elseif how == "close" then
      assert.equal(n < M.LINE and "network" or "protocol", outcome.kind, name)
    else
      assert.is_true(outcome.kind == "protocol" or outcome.kind == "network" and n < M.LINE, name)
    end
  end
end

--- Checks what came of them.
function M.check(found)
  local count = 0
  for name, outcome in pairs(found) do
    local how, form, n = name:match("^(%l+) (%l+) (%d+)$")
    check(how, form, tonumber(n), outcome)
    count = count + 1
  end
  assert.equal(3 * (M.LENGTHS.sized + M.LENGTHS.chunked), count)
end

return M
