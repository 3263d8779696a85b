-- version.lua - the version of this package, as jdcloud._VERSION and the User-Agent have it.
return "0.1.0"
