-- busted.lua - busted's command line on whichever Lua runs this file: the installed `busted` names one of its own.
require "busted.runner" { standalone = false }
