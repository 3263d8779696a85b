-- phase.lua - where in nginx something can wait: in phases that have cosockets and light threads, outside of functions
-- in C. Elsewhere it says what to do instead.

local M = {}

-- The phases that can wait, of ngx_lua and of its sister for streams. ssl_client_hello and ssl_session_fetch can in
-- OpenResty alone: nginx without its patches gives up the handshake (measured on Debian 12).
local ABLE = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true, preread = true, ssl_cert = true,
}

local TIMER = "make it in a timer: ngx.timer.at(0, function() ... end)"
local HINTS = {
  init = "make it in a timer that init_worker_by_lua* starts: ngx.timer.at(0, function() ... end)",
  set = "make it in access_by_lua*, or in rewrite_by_lua* and set the variable there",
  header_filter = "make it in access_by_lua* or content_by_lua*, before the answer begins; or in a timer: ngx.timer.at",
  balancer = "make it in access_by_lua* and hand the result over in ngx.ctx",
  exit_worker = "make it earlier: this worker ends now",
}
HINTS.body_filter = HINTS.header_filter
HINTS.ssl_client_hello = "make it in ssl_certificate_by_lua*: not every nginx can wait here"
HINTS.ssl_session_fetch = HINTS.ssl_client_hello

local can_yield -- of LuaJIT's C interface, since nginx's table `coroutine` lacks isyieldable

-- Can the running coroutine give way here? Not inside of a callback of string.gsub or table.sort, nor in a module that
-- is just being required. To try would leave ngx_lua waiting for a coroutine that doesn't wait.
local function is_yieldable()
  if can_yield == nil then
    local found, ffi = pcall(require, "ffi")
    can_yield = found and pcall(ffi.cdef, "int lua_isyieldable(void *L);")
      and pcall(function() return ffi.C.lua_isyieldable end) and function(address)
        return ffi.C.lua_isyieldable(ffi.cast("void *", address)) ~= 0
      end
  end
  if not can_yield then return true end
  local co = coroutine.running()
  local address = co and tonumber((("%p"):format(co)))
  return not address or can_yield(address)
end

--- Can something wait here and now?
-- @return true | nil, failure of kind phase { kind, sent = false, message, hint }
function M.check()
  local phase = ngx.get_phase()
  if not ABLE[phase] then
    local message = ("nothing can wait in nginx's phase %s (%s_by_lua*): a call needs a phase with cosockets"):format(
      phase, phase)
    return nil, { kind = "phase", sent = false, message = message, hint = HINTS[phase] or TIMER }
  end
  if is_yieldable() then return true end
  return nil, { kind = "phase", sent = false, hint = "make the call outside of it",
    message = "nothing can wait inside of a function in C, like string.gsub, table.sort or require" }
end

return M
