-- common: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "common",
revision = "0.3.0",
operations = {
},
shapes = {
BatchResultDetail="failed:[@ErrorItem successCount:i",
ErrorItem="code:i details? id message status",
Filter="name! operator values![s",
Quota="max:i name used:i",
SimpleResponses="requestId",
Sort="direction name",
TagFilter="key! values![s",
},
}
