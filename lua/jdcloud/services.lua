-- services.lua - the services that have a model, in alphabetical order. Made by `make models`, never edited.
return {
  "disk",
  "vm",
}
