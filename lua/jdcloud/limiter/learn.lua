-- learn.lua - what limiters outside of the core learn from the service's answers (protocol.md 6). The core's own
-- (limit_learn.h) sees every call and knows more; here a few numbers a window must do, in a memory that many processes
-- share and none has for itself:
--
-- - Announced: the limit of the service's header is the ceiling for all, but never more than was set for the name. It
--   is forgotten when no answer has told of it for TOLD seconds.
-- - Little is left, and the service counts more calls than ours: others use the same keys. The window is shut for all
--   until the service's minute turns, before anybody is throttled.
-- - Throttled: the window is shut for all, for as long as the service says, or until its minute turns, as its Date
--   tells; for a second if there is no Date. If no limit was announced, less is believed from then on: what went
--   through in the span before, less a 32nd; no less than an 8th of what was believed, since who has just begun can't
--   know. The window stays shut until that many are left of the calls of the last T. Calls that went before the fall
--   tell nothing new.
-- - Growth: a span nothing, then a 64th, a 32nd, an 8th, a half with each span, up to the ceiling. It follows from the
--   moment of the fall alone, so nobody has to write it down.
--
-- Against a server that lets 600 calls through where 1000 are believed, this feels its way once in three minutes and is
-- a few calls over: at most 0.4 % of the calls are throttled, and 98 % of what is allowed is used, by workers and by
-- processes over Redis (spec/unit/limiter_learn_spec.lua). A client with a Date that it can't see is throttled more
-- often, in a dictionary by 2 %.

local M = {}

M.FALL = 32 -- a share falls by this part of what went through, a call at least
M.FALL_MOST = 8 -- to this part of itself at most
local GROW = { 0, 0, 1 / 64, 1 / 32, 1 / 8 } -- of itself, span after span; then
local GROW_ON = 1 / 2
local SPANS = 30 -- after so many any share has grown to its ceiling
M.CROWD = 50 -- more than this part of an announced limit is used by others: they are there
local RESERVE = 96 -- what is left is little if it is less than this part
local SHUT, SHUT_MAX = 1, 60 -- seconds for which a throttled window is shut: if the clock is unknown; at most
local MINUTE = 60
local CUT = 0.001 -- seconds that a clock cut to ms may be behind
local STEPPED = 10 -- a clock that is behind by so much has been set
local CALLS_MAX = 1e9 - 1 -- limit.h

M.TOLD, M.RENEW = 600, 60 -- seconds: an announced limit is remembered; it is written anew, though it is the same

--- What a share has grown to, as a multiple: [1] in the span that begins with the fall, [2] in the next one.
M.GROWTH = {}
for i = 1, SPANS do M.GROWTH[i] = (M.GROWTH[i - 1] or 1) * (1 + (GROW[i] or GROW_ON)) end

--- What is believed.
-- @param passed calls that went through before the fall
-- @param least calls, see M.least
-- @param spans whole ones since the fall
-- @param ceiling calls
-- @return calls, at least one
function M.share(passed, least, spans, ceiling)
  local growth = M.GROWTH[spans + 1]
  if not growth then return ceiling end
  local share = math.max(passed - math.max(passed / M.FALL, 1), least, 1)
  return math.min(ceiling, math.floor(share * growth))
end

--- To how many calls a window may fall that has believed in so many.
function M.least(calls) return math.max(1, math.floor(calls / M.FALL_MOST)) end

--- The most calls that a window may have.
-- @param own calls by options or by default
-- @param set was it by options?
-- @param told what the service announced | nil
function M.ceiling(own, set, told)
  if not told then return own end
  return set and math.min(own, told) or told
end

--- Does an answer announce the limit of a window? Headers are of the access key's minute: the first window of a call.
-- @return calls | nil, calls left of them
function M.announced(window, is_first, outcome)
  local limit, left = outcome.limit, outcome.remaining
  if not limit or not is_first or window.seconds ~= MINUTE then return nil end
  if limit < 1 or not left or left < 0 or left > limit then return nil end
  return math.min(math.floor(limit), CALLS_MAX), left
end

--- Is so little left that others may use it up?
function M.is_little(limit, left) return left <= limit / RESERVE end

--- How many calls more than `ours` a service may have counted before others are taken to be there.
function M.crowd(limit) return limit / M.CROWD end

--- The service's clock, as of an answer that came now. The Date is cut to seconds, and old by the answer's way: the
-- service's clock is no earlier. The greatest difference seen is the truest.
-- @param window which keeps it as `ahead`
function M.date(window, now, date)
  local ahead, known = date - now - CUT, window.ahead_of_us
  if not known or ahead > known or ahead < known - STEPPED then window.ahead_of_us = ahead end
end

--- The seconds until the service's window turns, as far as its clock is known.
function M.turn(window, now)
  local span = math.min(window.seconds, MINUTE)
  if not window.ahead_of_us then return math.min(span, SHUT) end
  return span - (now + window.ahead_of_us + CUT) % span + CUT -- the first ms of a minute isn't the last of another
end

--- For how many seconds a throttled window is shut.
function M.shut(window, now, outcome)
  return outcome.retry_after and math.min(outcome.retry_after, SHUT_MAX) or M.turn(window, now)
end

--- Is a window meant by a 429? One says whose it is (protocol.md 5.2), the access key's or the operation's.
-- @param role "ak", "api" or nil
function M.concerns(role, is_first, is_last)
  if role == "ak" then return is_first end
  return role ~= "api" or is_last
end

return M
