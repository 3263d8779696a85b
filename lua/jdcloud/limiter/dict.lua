-- dict.lua - the limiter of all workers of one nginx, in a lua_shared_dict (design.md, Limits).
--
-- A window of N calls in T seconds has N slots. A slot is a key that is there from when its call may go until T after
-- its answer, and it is taken by `add`, which only one worker can do. So among any N + 1 calls two had the same slot,
-- one T after the other's answer: never more than N in any T, whatever a worker does or doesn't do, killed ones too.
-- Everything else here is order and may be wrong for a moment: a counter goes round the slots, and who comes gets the
-- next; if that is taken, he books it for the moment at which it will be free and comes again then.
--
-- A call that never ends - its worker or its light thread was killed, its client has gone - holds its slots for HOLD
-- and T from when it went; nothing has to run for that. If it hadn't gone yet, its booking ends BOOKING after its
-- moment. Its ticket, in this worker, goes with the first reservation that comes HOLD after the last sweep, or sooner.
--
-- N is what is believed at the time (dict_learn.lua, which has keys of its own): slots from there on are left alone.
--
-- The workers' clock is the machine's monotonic one, which a reload doesn't change; that of the keys' ends is the wall
-- clock. A slot is free only if both say so, as long as nginx still has the key.
--
-- Keys in the dictionary, after "limit:" and the window's name:
--   :n      the counter                  :s<slot>  -moment at which it was taken, or the moment at which it is free
--   :f      a list of slots given back   :b<slot>  the moment for which it is booked

local allowance = require "jdcloud.limiter.allowance"
local dict_learn = require "jdcloud.limiter.dict_learn"

local M = {}

local HOLD = 60 -- seconds that a call may take from its grant to its answer; a killed worker's slot is lost so long
local CUT = 0.001 -- seconds that a clock cut to ms may be behind
local SPARE = 0.002 -- seconds that a key outlives its slot: nginx's clock is cut too
local AHEAD = 8 -- slots looked at beyond those whose calls are still on the way
local HANGS = 5 -- seconds after which such a call may be a killed worker's: nobody waits for its slot any more
local HANG_MANY = 100 -- of which so many are passed over at once
local BOOKING = 0.25 -- seconds that a booking outlives its moment: sleepers are late
local SWEEP = 1024 -- tickets after which those of dropped calls are looked for
local NEVER = math.huge

local function slot_names(prefix)
  return setmetatable({}, {
    __index = function(names, slot)
      local name = prefix .. slot
      names[slot] = name
      return name
    end,
  })
end

local function new_window(key, calls, seconds, set)
  local prefix = "limit:" .. key
  local window = {
    key = key, own = calls, set = set, calls = calls, seconds = seconds, counter = prefix .. ":n",
    given = prefix .. ":f", slots = slot_names(prefix .. ":s"), bookings = slot_names(prefix .. ":b"),
  }
  dict_learn.prepare(window, prefix)
  return window
end

-- When a slot's call is over and its time too: `now` or later. While the call is on the way, no sooner than this.
local function free_at(dict, window, slot, now)
  local value, _, gone = dict:get_stale(window.slots[slot])
  if not value then return now end
  if value >= 0 then return math.max(now, value) end
  if gone or now >= HOLD + window.seconds - value then return now end
  return now + window.seconds
end

-- The same, behind those who have booked it.
local function open_at(dict, window, slot, now)
  local free = free_at(dict, window, slot, now)
  local booked = dict:get(window.bookings[slot])
  return booked and math.max(free, booked + window.seconds) or free
end

-- Is the slot's call on the way for so long that it may never end?
local function hangs(dict, window, slot, now)
  local value = dict:get(window.slots[slot])
  return value and value < 0 and now + value > HANGS
end

-- Leaves a slot to whoever comes next, out of its turn.
local function give(dict, window, slot)
  if (dict:llen(window.given) or 0) < window.calls then dict:rpush(window.given, slot) end
end

-- A slot that was given back or passed over and opens by then, and when; or nil.
local function given_back(dict, window, now, latest)
  local slot = dict:lpop(window.given)
  if not slot or slot >= window.calls then return nil end
  local opens = open_at(dict, window, slot, now)
  if opens <= latest and (opens <= now or not hangs(dict, window, slot, now)) then return slot, opens end
  give(dict, window, slot)
  return nil
end

-- When the counter's next slots open, the earliest of them.
local function next_opens(dict, window, now)
  local counter, first = dict:get(window.counter) or 0, NEVER
  for ahead = 1, math.min(AHEAD, window.calls) do
    first = math.min(first, open_at(dict, window, (counter + ahead) % window.calls, now))
    if first <= now then break end
  end
  return first
end

-- The next slot, and when it opens. Slots whose calls are on the way are passed over as long as there are free ones
-- behind them, those whose calls hang always; they are left to those who come when they are free.
local function next_slot(dict, window, now)
  local slot, opens
  for i = 1, math.min(HANG_MANY, window.calls) do
    local counter, message = dict:incr(window.counter, 1, 0)
    if not counter then return nil, message end
    slot = counter % window.calls
    opens = open_at(dict, window, slot, now)
    if opens <= now then break end
    local passed = i < AHEAD and open_at(dict, window, (counter + 1) % window.calls, now) <= now
    if not passed and not hangs(dict, window, slot, now) then break end
    give(dict, window, slot)
  end
  return slot, opens
end

local function unbook(dict, place)
  local name = place.window.bookings[place.slot]
  if place.booked and dict:get(name) == place.booked then dict:delete(name) end
  place.booked = nil
end

-- Others may have booked it for later: they stay behind.
local function book(dict, place, moment, now)
  local name = place.window.bookings[place.slot]
  place.moment = moment
  if (dict:get(name) or moment) > moment then return end
  place.booked = moment
  dict:safe_set(name, moment, moment - now + BOOKING)
end

-- A place in a window, for now or booked. place | nil, moment at which there would be one, message if the dictionary
-- is full
local function take_place(dict, window, now, latest)
  dict_learn.look(dict, window, now)
  local slot, opens = given_back(dict, window, now, now)
  if not slot then
    local first = next_opens(dict, window, now)
    if first > now then slot, opens = given_back(dict, window, now, math.min(first, latest)) end
    if not slot and first > latest then return nil, first end
  end
  if not slot then
    slot, opens = next_slot(dict, window, now)
    if not slot then return nil, nil, opens end
  end
  local place = { window = window, slot = slot, moment = now }
  if opens > latest then -- others were quicker
    give(dict, window, slot)
    return nil, opens
  end
  if opens > now then book(dict, place, opens, now) end
  return place
end

local function let_go(dict, place)
  unbook(dict, place)
  if place.taken then dict:delete(place.window.slots[place.slot]) end
  place.taken = nil
  give(dict, place.window, place.slot)
end

-- Books anew what is no longer among the slots that are believed to be there. true | nil, moment, message as above
local function stay_within(dict, ticket, now, latest)
  for i, place in ipairs(ticket.places) do
    local window = place.window
    dict_learn.look(dict, window, now)
    if not place.taken and place.slot >= window.calls then
      unbook(dict, place)
      local other, when, message = take_place(dict, window, now, latest)
      if not other then return nil, when, message end
      ticket.places[i] = other
    end
  end
  return true
end

-- The dictionary's own reason why a slot can't be taken; nil if the slot is another's.
local function claim(dict, refresh, place, now)
  local window = place.window
  local name = window.slots[place.slot]
  if free_at(dict, window, place.slot, now) > now then return false end
  local ok, message = dict:safe_add(name, -now, HOLD + window.seconds)
  if not ok and message == "exists" then -- nginx looks at the clock once in a while only
    refresh()
    ok, message = dict:safe_add(name, -now, HOLD + window.seconds)
  end
  if not ok then return false, message ~= "exists" and message or nil end
  place.taken, place.went = now, now
  unbook(dict, place)
  return true
end

-- The moment from which on a ticket's places are free as far as is known.
local function moment_of(dict, ticket, now)
  local moment = now
  for _, place in ipairs(ticket.places) do
    moment = math.max(moment, place.moment, dict:get(place.window.shut) or now)
  end
  return moment
end

-- A place whose slot isn't free yet: it waits on, or, where the slot's call hangs, for another one. Nothing | message
-- if the dictionary is full.
local function wait_on(dict, ticket, i, now)
  local place = ticket.places[i]
  if hangs(dict, place.window, place.slot, now) then
    unbook(dict, place)
    local other, _, message = take_place(dict, place.window, now, NEVER)
    ticket.places[i] = other or place
    return message
  end
  book(dict, place, math.max(free_at(dict, place.window, place.slot, now), now + 0.001), now)
end

-- Takes all slots of a ticket, or none and has them booked anew. true | false, message if the dictionary is full
local function claim_all(dict, refresh, ticket, now)
  for i, place in ipairs(ticket.places) do
    local ok, message = claim(dict, refresh, place, now)
    if not ok then
      for j = 1, i - 1 do
        local other = ticket.places[j]
        dict:delete(other.window.slots[other.slot])
        other.taken = nil
      end
      return false, message or wait_on(dict, ticket, i, now)
    end
  end
  return true
end

local function full(message)
  return {
    kind = "config", message = "the shared dictionary of the limiter: " .. tostring(message),
    hint = "give it more room in nginx.conf: a window in full use takes about 160 bytes a call, 160 KB for 1000",
  }
end

--- Makes a limiter over a shared dictionary. All workers that are given the same dictionary share its windows.
-- @param dict as ngx.shared has them; for this limiter and option `shared` alone: other values could drive out its own
-- @param options { limits = as the option of jdcloud.new, refresh = function() that has nginx look at the clock }
-- @return { reserve, settle, limit = function(name, calls, seconds), windows = function(now) }: the option `limiter`.
--   reserve has a third result when the dictionary is full: { kind, message, hint }. windows gives, for each window
--   that this worker has used, { calls believed in seconds, told = set or announced, held = slots in use by all
--   workers, waiting = calls of this worker in line, shut = for so many seconds }; it looks at every slot, which takes
--   some 0.3 ms for a window of 1000
function M.new(dict, options)
  local refresh = options and options.refresh or function() end
  local window_of, limit, all_windows = allowance.windows(options and options.limits, new_window)
  local tickets, serial, since_sweep, swept = {}, 0, 0, -NEVER

  -- A dropped coroutine runs no code.
  local function sweep(now)
    since_sweep = since_sweep + 1
    if since_sweep < SWEEP and now < swept + HOLD then return end
    since_sweep, swept = 0, now
    for id, ticket in pairs(tickets) do
      if ticket.ends < now then tickets[id] = nil end
    end
  end

  local function drop(id, ticket)
    for _, place in ipairs(ticket.places) do let_go(dict, place) end
    tickets[id] = nil
  end

  local function open(keys, n, now, latest)
    local ticket = { places = {}, windows = #keys, ends = 0 }
    for i = 1, #keys * n do
      local place, when, message = take_place(dict, window_of(keys[(i - 1) % #keys + 1]), now, latest)
      if not place then
        for _, other in ipairs(ticket.places) do let_go(dict, other) end
        return nil, when, message
      end
      ticket.places[i] = place
    end
    sweep(now)
    serial = serial + 1
    tickets[serial] = ticket
    return ticket, serial
  end

  local limiter = {}

  function limiter.reserve(keys, n, now, latest, id)
    latest = latest or NEVER
    local ticket, ok, when, message = id and tickets[id]
    if ticket then
      ok, when, message = stay_within(dict, ticket, now, latest)
      if not ok then drop(id, ticket) end
    else
      ticket, when, message = open(keys, n, now, latest)
      ok, id = ticket, when
    end
    if not ok then return nil, when, message and full(message) end
    local moment = moment_of(dict, ticket, now)
    if moment <= now then
      ok, message = claim_all(dict, refresh, ticket, now)
      if message then
        drop(id, ticket)
        return nil, nil, full(message)
      end
      if not ok then moment = math.max(moment_of(dict, ticket, now), now + CUT) end -- nothing is taken: again
    end
    if moment > latest then
      drop(id, ticket)
      return nil, moment
    end
    ticket.ends = moment + 2 * HOLD
    return math.ceil((moment - now) * 1000) / 1000, id
  end

  local function free_later(place, now)
    local window = place.window
    if now - place.taken > HOLD - 1 then return end -- it ends by itself, or has and is another's
    dict:safe_set(window.slots[place.slot], now + window.seconds + CUT, window.seconds + SPARE)
  end

  function limiter.settle(id, now, outcome)
    local ticket = tickets[id]
    if not ticket then return end
    tickets[id] = nil
    refresh()
    local places, done = ticket.places, outcome.outcome == "done"
    for _, place in ipairs(places) do
      if not place.taken or not done and now - place.taken < HOLD - 1 then
        let_go(dict, place)
      else
        free_later(place, now)
      end
    end
    if outcome.outcome == "not_sent" then return end
    for i = 1, ticket.windows do
      local place = places[i]
      dict_learn.answered(dict, place.window, place.went or now, now, outcome, i == 1, i == ticket.windows)
    end
  end

  limiter.limit = limit

  function limiter.windows(now)
    local list = {}
    for key, window in pairs(all_windows()) do
      dict_learn.look(dict, window, now)
      list[key] = {
        calls = window.calls, seconds = window.seconds, told = window.ceiling, waiting = 0,
        held = dict_learn.used(dict, window, now), shut = math.max(0, (dict:get(window.shut) or now) - now),
      }
    end
    for _, ticket in pairs(tickets) do
      for i = 1, ticket.ends >= now and #ticket.places or 0 do
        local seen = list[ticket.places[i].window.key]
        if seen and not ticket.places[i].taken then seen.waiting = seen.waiting + 1 end
      end
    end
    return list
  end

  return limiter
end

return M
