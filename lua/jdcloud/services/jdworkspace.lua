-- jdworkspace: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "jdworkspace",
revision = "0.1.0",
operations = {
},
shapes = {
ResourceInfo="bind:[@ResourceInfo remark resourceId resourceName serviceCode",
},
}
