-- turn.lua - the worker's other requests have their turn, however many calls come and go at once: when calls have kept
-- nginx from its events for BUDGET, the next ones step back, and nginx looks at what else there is to do first.
--
-- nginx takes all events that are there, and then looks for new ones. Two hundred answers that came together would be
-- decoded, and the next requests signed, before anything else is served. nginx's own clock stands still meanwhile: so
-- it tells one round from the next.

local BUDGET = 0.0008 -- seconds of the worker's CPU time, of each of the milliseconds in which nginx's clock counts
local APART = 0.125 -- milliseconds from one that stepped back to the next, so that they don't come back all at once

local spent, cached, sleep = os.clock, ngx.now, ngx.sleep

local round -- nginx's clock, in seconds
local began = 0 -- what the worker had spent when the first call of this round was here
local last = 0 -- when the last one that stepped back comes back, in milliseconds of nginx's clock

-- Is there time left in this round of nginx?
local function is_early()
  local at = cached()
  if at ~= round then
    round, began = at, spent()
    return true
  end
  return spent() - began < BUDGET
end

--- Waits until it is this call's turn: not at all, unless there are many of them. May yield, so cosockets must be
-- possible here.
return function()
  while not is_early() do
    local at = round * 1000
    last = math.max(last + APART, at + 1)
    -- A clock that was set back, or a queue beyond reason, makes nobody wait
    if last > at + 1000 then last = at + 1 end
    sleep(math.floor(last - at) / 1000)
  end
end
