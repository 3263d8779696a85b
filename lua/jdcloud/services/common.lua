-- common: a service in the notation of models/compile.lua. Made by `make models`, never edited.
-- luacheck: no max line length
return {
service = "common",
endpoint = "common.jdcloud-api.com",
revision = "0.3.0",
signing_name = "common",
operations = {
},
shapes = {
BatchResultDetail="failed:[@ErrorItem successCount:i",
ErrorItem="code:i details:a id message status",
Filter="name! operator values![s",
Quota="max:i name used:i",
SimpleResponses="requestId",
Sort="direction name",
TagFilter="key! values![s",
},
paging = {
},
}
