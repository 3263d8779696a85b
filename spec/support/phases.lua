-- phases.lua - a call in whatever phase of nginx it is put into; what came of it is kept in a shared dictionary.
-- luacheck: globals ngx

local M = {}

local cloud -- of this worker, for all its requests

--- Opens the cloud; the endpoint is in the environment of nginx.
function M.cloud()
  cloud = cloud or assert(require("jdcloud.safe").new {
    region = "cn-north-1", access_key = "AKEXAMPLE", secret_key = "SK-CANARY-phases", endpoint = os.getenv "ENDPOINT",
  })
  return cloud
end

--- Makes a call, and notes under the phase's name how it went.
function M.try()
  local result, err = M.cloud():request { service = "vm", method = "GET", path = "/v1/regions/{regionId}/instances" }
  ngx.shared.said:set(ngx.get_phase(), result and "served" or
    ("%s %s: %s (%s)"):format(tostring(err.attempts), err.kind, err.message, tostring(err.hint)))
end

--- The same in a timer.
function M.later()
  assert(ngx.timer.at(0, M.try))
end

--- Answers with what was noted, and about what is loaded.
function M.content()
  local found = {}
  for _, phase in ipairs(ngx.shared.said:get_keys()) do found[phase] = ngx.shared.said:get(phase) end
  local loaded = {}
  for name in pairs(package.loaded) do
    if name:find("^jdcloud") then loaded[#loaded + 1] = name end
  end
  ngx.print(require("cjson").encode { said = found, loaded = loaded })
end

return M
