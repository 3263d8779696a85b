-- scalar.lua - one value of a parameter -> its text, by the type that the model declares. Each function returns the
-- text, or nil and what is wrong: types, never the value.

local json = require "jdcloud.json"

local M = {}

-- A double holds every integer up to here; a larger one may have lost digits already.
local EXACT = 2 ^ 53 - 1
-- The 64-bit range, as digits.
local LARGEST, SMALLEST = "9223372036854775807", "9223372036854775808"

local floor, mathtype = math.floor, math.type
local format, match = string.format, string.match

--- nil and "must be a list, not a string".
function M.wrong(expected, value)
  if value == json.null then return nil, "must be " .. expected .. ", not null" end
  return nil, "must be " .. expected .. ", not a " .. type(value)
end

local function digits_of_number(n)
  if mathtype and mathtype(n) == "integer" then return format("%d", n) end
  if n - n ~= 0 then return nil, "is not a finite number" end
  if n ~= floor(n) then return nil, "must be an integer, not a number with a fraction" end
  if n > EXACT or n < -EXACT then
    return nil, "is too large to be exact here; give an integer, or a string of its digits"
  end
  return n == 0 and "0" or format("%.0f", n)
end

local function digits_of_string(s, expected)
  local sign, digits = match(s, "^(%-?)(%d+)$")
  if digits then digits = match(digits, "^0*(.+)$") end -- in two steps: in one it would try every number of zeros
  if not digits then return nil, "must be " .. expected .. ", not a string that isn't digits" end
  local limit = sign == "-" and SMALLEST or LARGEST
  if #digits > #limit or #digits == #limit and digits > limit then return nil, "is beyond 64 bits" end
  return digits == "0" and "0" or sign .. digits
end

--- A string; an integer passes as its digits.
function M.string(value)
  if type(value) == "string" then return value end
  if type(value) == "number" then
    local text, message = digits_of_number(value)
    if text then return text end
    if value % 1 == 0 then return nil, message end
  end
  return M.wrong("a string", value)
end

--- An integer of 64 bits; a string of digits passes.
function M.integer(value)
  if type(value) == "number" then return digits_of_number(value) end
  if type(value) == "string" then return digits_of_string(value, "an integer") end
  return M.wrong("an integer", value)
end

function M.number(value)
  if type(value) == "number" then return json.number(value) end
  if type(value) == "string" then return digits_of_string(value, "a number") end
  return M.wrong("a number", value)
end

function M.boolean(value)
  if value == true then return "true" end
  if value == false then return "false" end
  return M.wrong("true or false", value)
end

--- A value whose type nobody knows, where only text can stand (a query).
function M.any(value)
  if type(value) == "string" then return value end
  if type(value) == "number" then return json.number(value) end
  if type(value) == "boolean" then return tostring(value) end
  return M.wrong("a string, a number or a boolean", value)
end

return M
