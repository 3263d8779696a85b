-- head.lua - a request's head as text (RFC 9112): what goes out is what was signed.

local HEAD_MAX = 256 * 1024 -- bytes of the headers

local function is_token(text)
  return text:find("^[%w!#$%%&'*+%-.^_`|~]+$") ~= nil -- RFC 9110, 5.6.2
end

local FRAMING = { ["content-length"] = true, ["transfer-encoding"] = true }

-- What is wrong with a header, or nil.
local function check_header(name, value)
  if not is_token(name) then return "a header's name has a character that HTTP does not allow there" end
  if FRAMING[name:lower()] then return "content-length and transfer-encoding are not for the caller to set" end
  if value:find("[%z\1-\8\10-\31\127]") then return "a header's value has a control character" end
end

local function line_of(name, value)
  if not value:find("[^ \t]") then return name .. ":\r\n" end
  return name .. ": " .. value .. "\r\n"
end

-- lines = CRLF and all, has a host? | nil, problem
local function lines_of_list(list)
  local lines, has_host = {}, false
  for i = 1, #list do
    local pair = list[i]
    if type(pair) ~= "table" then return nil, "headers must be a list of {name, value}" end
    local name, value = pair[1], pair[2]
    if type(name) ~= "string" or type(value) ~= "string" then
      return nil, "a header's name and value must be strings"
    end
    local problem = check_header(name, value)
    if problem then return nil, problem end
    has_host = has_host or name:lower() == "host"
    lines[i] = line_of(name, value)
  end
  return table.concat(lines), has_host
end

-- Is there a control character that no header may have? (By hand, since a set of characters takes twice as long.)
local function has_control(text)
  for c in text:gmatch("%c") do
    if c ~= "\n" and c ~= "\t" then return true end
  end
  return false
end

-- Names of headers that were found good, while there is room: the SDK's own are few, and the same with every call.
local good, room = {}, 256

local function check_name(name)
  if good[name] then return nil end
  local problem = check_header(name, "")
  if not problem and room > 0 then good[name], room = true, room - 1 end
  return problem
end

local function lines_of_text(text)
  if has_control(text) then return nil, "a header's value has a control character" end
  local n, has_host = 0, false
  for name in text:gmatch("([^:\n]*):[^\n]*\n") do
    local problem = check_name(name)
    if problem then return nil, problem end
    has_host = has_host or name == "host" or name:lower() == "host"
    n = n + 1
  end
  local lines, count = text:gsub("\n", "\r\n")
  if n ~= count or text ~= "" and text:sub(-1) ~= "\n" then return nil, "headers must be lines of name: value" end
  if lines:find(":[ \t]*\r") then lines = lines:gsub(":[ \t]*\r", ":\r") end
  return lines, has_host
end

local BODY_EXPECTED = { POST = true, PUT = true, PATCH = true }

--- The head of a request: line and headers byte for byte, content-length where there is a body or should be one, and
-- host, if there is none.
-- @param target of the request line
-- @param headers a list of { name, value }, a text of lines `name: value`, or nil
-- @param authority the value of `host` if it is missing
-- @return text | nil, what is wrong
return function(method, target, headers, body, authority)
  if type(method) ~= "string" or not is_token(method) then
    return nil, "a method has a character that HTTP does not allow"
  end
  if body ~= nil and type(body) ~= "string" then return nil, "body must be a string" end
  local length = body and #body or 0
  if length > 0 and method == "HEAD" then return nil, "a HEAD request has no body" end
  local lines, has_host = "", false
  if type(headers) == "string" then
    lines, has_host = lines_of_text(headers)
  elseif type(headers) == "table" then
    lines, has_host = lines_of_list(headers)
  elseif headers ~= nil then
    return nil, "headers must be a list of {name, value}"
  end
  if not lines then return nil, has_host end
  if #lines > HEAD_MAX then return nil, "the headers are larger than 256 KiB" end
  local sized = (length > 0 or BODY_EXPECTED[method]) and ("content-length: %d\r\n"):format(length) or ""
  local host = has_host and "" or "host: " .. authority .. "\r\n"
  return method .. " " .. target .. " HTTP/1.1\r\n" .. host .. lines .. sized .. "\r\n"
end
