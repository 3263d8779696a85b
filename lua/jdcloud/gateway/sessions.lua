-- sessions.lua - temporary keys of the gateway: made for a role, verified with their token, dead after a while.

local M = {}

local KEEP = 3600 -- seconds for which keys that have ended are remembered, to be told so

--- A moment as JD Cloud writes it in credentials: `yyyy-MM-dd HH:mm:ss` (protocol.md 10).
-- @param seconds Unix seconds
-- @param offset seconds east of Greenwich
function M.moment(seconds, offset)
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(seconds + offset))
end

--- Makes keys.
-- @param gateway { sessions = { [access key] = { secret, token, expires_at, from } }, ids, session_life, session_zone }
-- @param asked (number) seconds to live; session_life of the gateway, unless 0, goes before it
-- @param now (number) Unix seconds
-- @param from (string | nil) a secret whose marks the new ones bear: tests look for those in what must not have them
-- @return { accessKey, secretKey, sessionToken, expiration }, as sts gives them
function M.make(gateway, asked, now, from)
  local sessions = gateway.sessions
  for access_key, session in pairs(sessions) do
    if session.expires_at + KEEP < now then
      sessions[access_key] = nil
    end
  end
  local life = gateway.session_life > 0 and gateway.session_life or asked
  local access_key = "JDCTEMP" .. gateway.ids():sub(1, 20):upper()
  local mark = from and from .. "-" or ""
  local session = {
    secret = mark .. gateway.ids(),
    token = mark .. gateway.ids() .. gateway.ids(),
    expires_at = math.floor(now + life), -- the moment that it is told has whole seconds
  }
  sessions[access_key] = session
  return {
    accessKey = access_key,
    secretKey = session.secret,
    sessionToken = session.token,
    expiration = M.moment(session.expires_at, gateway.session_zone),
  }, session
end

return M
