-- jdcloud.lua - the SDK for the JD Cloud OpenAPI: a failed call raises an error object. `require "jdcloud.safe"` is
-- the same interface with value | nil, err.
return require "jdcloud.interface"(true)
