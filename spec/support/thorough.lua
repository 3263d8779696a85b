-- thorough.lua - do the specs that go through all operations try each of them in every way here? On one Lua they do; on
-- the others, and in loops, with a part.

return _VERSION == "Lua 5.4" and os.getenv "LOOP" ~= "luv"
