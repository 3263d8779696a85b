-- redis_window.lua - one window of the limiter in Redis (redis.lua) as this process sees it: the line of its calls, the
-- slots that it got ahead, those that calls have, those to be given back, and the news for the server. No I/O.
--
-- A place is a call's stay in a window: first in line, then with a grant (a slot, the server's lease and the time in
-- which it is to be used), then sent.

local learn = require "jdcloud.limiter.learn"

local M = {}

local CUT = 0.001 -- seconds that a clock cut to ms may be behind
local FRESH_MIN, FRESH_MAX = 0.1, 5 -- seconds for which a slot is kept for a call that may come: a tenth of the window
local LOOK = 1 -- seconds between two reports that little is left
local LATER = 0.1 -- seconds by which a window must be shut longer than others know to be news

--- Makes a window. Both of a call, the service's and the operation's, are in one place of a cluster.
function M.new(key, calls, seconds, set, prefix)
  local tag = ("%s{%s}:%s"):format(prefix, key:gsub("[{}]", "_"):match("^(.*/[^./]*)") or key, key:match("[^/]*$"))
  local fresh = math.min(math.max(seconds / 10, FRESH_MIN), FRESH_MAX)
  return {
    own = calls, set = set, calls = calls, seconds = seconds, fresh = fresh,
    keys = { tag .. ":slots", tag .. ":state", tag .. ":clients" }, serial = 0, line = {}, stock = {}, assigned = {},
    held = 0, back = {}, recent = {}, size = 1, most = 1, flights = 0, closed = 0, cold = 0, shut = 0, asked = 0,
    after = 0, news = {}, renew = 0, looked = -math.huge,
  }
end

--- Calls that were made in the last T, by the moments at which they no longer count, oldest first.
function M.recent(window, now)
  local list = window.recent
  while list[1] and list[1] <= now do table.remove(list, 1) end
  return list
end

--- Leaves a slot to the server.
-- @param free the moment from which on it is
-- @param used did a call go through with it?
function M.give_back(window, grant, free, used)
  if #window.back < 4 * window.own then window.back[#window.back + 1] = { grant.slot, grant.lease, free, used } end
end

local give_back = M.give_back

--- Puts a new place in line.
function M.join(window, ticket)
  window.serial = window.serial + 1
  local place = { window = window, ticket = ticket, serial = window.serial }
  window.line[#window.line + 1] = place
  return place
end

--- Where a place is in line; nil if it isn't.
function M.in_line(window, place)
  for i, other in ipairs(window.line) do
    if other == place then return i end
  end
  return nil
end

local function leave_line(window, place)
  local i = M.in_line(window, place)
  if i then table.remove(window.line, i) end
end

local function take_away(window, place)
  if not window.assigned[place] then return end
  window.assigned[place], window.held = nil, window.held - 1
end

--- Gives the stock to those in line, in order; what is no longer fresh goes back.
function M.hand_out(window, now)
  local line, stock = window.line, window.stock
  while stock[1] and (line[1] or stock[1].ends < now) do
    local grant = table.remove(stock, 1)
    if grant.ends < now then
      give_back(window, grant, grant.start)
    else
      local place = table.remove(line, 1)
      place.grant = grant
      window.assigned[place], window.held = true, window.held + 1
    end
  end
end

--- Those who never came for their slots, or never came again: a call that ended without a word - killed, its client
-- gone - is out of line when its ticket's time is over, and its slot goes back when it is no longer fresh.
function M.sweep(window, now)
  local again = false
  for place in pairs(window.assigned) do
    if place.grant.ends < now then
      give_back(window, place.grant, place.grant.start)
      take_away(window, place)
      place.grant = nil
      if place.ticket.ends >= now then window.line[#window.line + 1], again = place, true end
    end
  end
  if again then table.sort(window.line, function(a, b) return a.serial < b.serial end) end
  for i = #window.line, 1, -1 do
    if window.line[i].ticket.ends < now then table.remove(window.line, i) end
  end
end

--- Its call goes now.
function M.send(place)
  local window = place.window
  if place.grant then take_away(window, place) else leave_line(window, place) end
  place.sent = true
  window.flights = window.flights + 1
end

--- A sent call was answered, or got lost.
function M.landed(place, now)
  local window, list = place.window, place.window.recent
  local free = now + window.seconds + CUT
  list[#list + 1] = free
  give_back(window, place.grant or { slot = 0, lease = 0 }, free, true)
end

--- A place that was not used.
function M.restock(place)
  local window, grant = place.window, place.grant
  if not grant then return leave_line(window, place) end
  take_away(window, place)
  table.insert(window.stock, 1, grant)
end

--- A call that was sent and throttled: it didn't count.
function M.refused(place)
  if place.grant then give_back(place.window, place.grant, place.grant.start) end
end

--- A window is shut, by this process's answers or by those of others. Slots that were given out before are not kept.
function M.close(window, moment)
  window.shut, window.closed = math.max(window.shut, moment), math.max(window.closed, moment)
  for _, grant in ipairs(window.stock) do grant.ends = -math.huge end
  for place in pairs(window.assigned) do place.grant.ends = -math.huge end
end

--- The most calls that it may have, as far as this process knows.
function M.ceiling(window) return learn.ceiling(window.own, window.set, window.announced) end

--- Takes what an answer says. What the server has to know is in window.news = { shut = moment, lease = of the throttled
-- call, limit = announced calls, counted = calls by the service, when little is left, turn = moment, urgent = is it for
-- now, not for the next batch? }
-- @param is_first, is_last of the call's windows
function M.answered(window, place, now, outcome, is_first, is_last)
  local news = window.news
  if outcome.date then learn.date(window, now, outcome.date) end
  local limit, left = learn.announced(window, is_first, outcome)
  if limit and (limit ~= window.announced or now >= window.renew) then
    news.limit, window.renew = limit, now + learn.RENEW
    news.urgent = news.urgent or limit < window.calls
  end
  if limit and learn.is_little(limit, left) and now >= window.looked + LOOK and now >= window.shut then
    window.looked = now
    news.counted, news.turn, news.urgent = limit - left, now + learn.turn(window, now), true
  end
  if outcome.outcome ~= "throttled" or not learn.concerns(outcome.role, is_first, is_last) then return end
  local moment = now + learn.shut(window, now, outcome)
  if moment > window.shut + LATER then news.shut, news.urgent = moment, true end
  if not limit and place.grant and place.grant.lease >= window.after then
    news.lease, news.urgent = math.max(news.lease or 0, place.grant.lease), true
  end
  M.close(window, moment)
end

--- Takes the news, to tell the server.
function M.take_news(window)
  local news = window.news
  window.news = {}
  return news
end

--- They couldn't be told.
function M.keep_news(window, news)
  for name, value in pairs(news) do
    if window.news[name] == nil then window.news[name] = value end
  end
end

return M
