-- aisearchdata: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "aisearchdata",
revision = "0.0.1",
operations = {
fetchData="GET v1/fetchData + count:i crawlerId",
pushData="POST v1/pushData + author category content crawlerId language location publish_time taskId title! url!",
},
shapes = {
FetchDataResult="data:[s",
PushDataResult="data:i",
},
}
