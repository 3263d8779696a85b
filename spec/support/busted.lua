-- busted.lua - busted's command line on whichever Lua runs this file: the installed `busted` names one of its own. In
-- luv's loop if LOOP=luv is in the environment; busted_nginx.lua runs this file in nginx.
table.insert(arg, 1, "--helper=spec/support/hosts.lua")
require "busted.runner" { standalone = false }
