-- nearest.lua - the names that a mistyped one was probably meant to be.

local M = {}

-- Names longer than this are not compared: the distance costs the product of the lengths.
local LENGTH_MAX = 80
local SUGGESTIONS_MAX = 3

-- Letters changed, added, left out or swapped to get from a to b, if at most `bound`; else nil.
local function distance(a, b, bound)
  local la, lb = #a, #b
  if math.abs(la - lb) > bound then return nil end
  local before, last = nil, {}
  for j = 0, lb do last[j] = j end
  for i = 1, la do
    local row, best, ca = { [0] = i }, i, a:byte(i)
    for j = 1, lb do
      local cb = b:byte(j)
      local d = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (ca == cb and 0 or 1))
      if before and j > 1 and ca == b:byte(j - 1) and a:byte(i - 1) == cb then d = math.min(d, before[j - 2] + 1) end
      row[j] = d
      if d < best then best = d end
    end
    if best > bound then return nil end
    before, last = last, row
  end
  return last[lb] <= bound and last[lb] or nil
end

-- snake_case and case don't count: describe_instances is describeInstances.
local function fold(name)
  return (name:lower():gsub("[_%-]", ""))
end

--- The names nearest to `name`, best first, at most three; a third of the letters may be wrong.
-- @param name the unknown name, any value
-- @param names a list of the known ones
function M.find(name, names)
  if type(name) ~= "string" or #name > LENGTH_MAX then return {} end
  local folded, found = fold(name), {}
  local bound = math.max(1, math.floor(#folded / 3))
  for _, candidate in ipairs(names) do
    local d = #candidate <= LENGTH_MAX and distance(folded, fold(candidate), bound)
    if d then
      local other = fold(candidate)
      local is_part = other:sub(1, #folded) == folded or folded:sub(1, #other) == other
      found[#found + 1] = { name = candidate, distance = is_part and d - 0.5 or d } -- vms is rather vm than dms
    end
  end
  table.sort(found, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.name < b.name
  end)
  local result = {}
  for i = 1, math.min(#found, SUGGESTIONS_MAX) do result[i] = found[i].name end
  return result
end

--- The same as words for a message: `; did you mean "a" or "b"?`, or nothing.
function M.suggest(name, names)
  local found = M.find(name, names)
  if not found[1] then return "" end
  for i, candidate in ipairs(found) do found[i] = '"' .. candidate .. '"' end
  return "; did you mean " .. table.concat(found, " or ") .. "?"
end

--- The names in a table that aren't among the known ones, sorted.
-- @param known set of names
function M.strangers(t, known)
  local names = {}
  for name in next, t do
    if type(name) == "string" and not known[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

return M
