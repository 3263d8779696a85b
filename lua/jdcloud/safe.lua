-- safe.lua - the SDK with value | nil, err instead of raising. Wrong option names and argument types still raise.
return require "jdcloud.interface"(false)
