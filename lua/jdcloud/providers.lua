-- providers.lua - functions for the option `credentials` that get keys which end: a role's, by the service sts, and the
-- role's of a virtual machine, by its metadata service.
--
-- The core says when they are asked (credential.h): once for all who need keys, five minutes before their end, of keys
-- that live for less than ten minutes at half their life. A provider is one identity: all clouds of a process that were
-- given the same function have the same keys, renewed once. What it gives is what any credentials function gives.

local credentials = require "jdcloud.credentials"
local sharing = require "jdcloud.shared"

local M = {}

-- The function of an asking one, known as our own.
local function provider_of(ask, kind, options)
  local function provider(reason) return ask(nil, reason) end
  credentials.own[provider] = { ask = ask, name = sharing.name_of_options(kind, options), keys = {} }
  return provider
end

--- Keys of a role, by sts.assumeRole (see providers/assume_role.lua).
-- @param options checked: role = its JRN; session_name ("jdcloud"), duration (seconds, 3600 at least; 3600), policy;
--   utc_offset (seconds; nil: found out); and all that jdcloud.new takes, for the keys that may assume the role and for
--   the calls to sts. What is not given of endpoint and on_event, and connections, are those of the asking cloud
-- @return function(reason) -> { access_key, secret_key, session_token, expires_at } | nil, error || nil, error of kind
--   config: no keys to assume the role with
function M.assume_role(options)
  local ask, err = require "jdcloud.providers.assume_role"(options)
  if not ask then return nil, err end
  return provider_of(ask, "assume_role", options)
end

--- Keys of the role that the virtual machine has, by its metadata service (see providers/instance_role.lua).
-- @param options checked: endpoint ("http://169.254.169.254"), path ("/metadata/latest/iam/
--   instance-role-security-credentials"), headers (none), timeout (2 s, of one request), attempts (3), utc_offset
--   (28800 s, Beijing's), transport (the asking cloud's, without its proxy)
-- @return function(reason) as above
function M.instance_role(options)
  return provider_of(require "jdcloud.providers.instance_role"(options), "instance_role", options or {})
end

return M
