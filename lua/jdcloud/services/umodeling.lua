-- umodeling: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "umodeling",
revision = "1.0.0",
operations = {
getData="POST v1*/task:getData ? vo!?",
getStatus="POST v1*/task:getStatus ? vo!?",
init="POST v1*/task:init ? vo!?",
sendData="POST v1*/task:sendData ? vo!?",
setStatus="POST v1*/task:setStatus ? vo!?",
},
shapes = {
GetDataVO="fromRole!? jobId!? key!? role!? taskType!?",
GetStatusVO="appKey*!? jobId!? role!? taskType!?",
InitRequestVO="appKey*!? jobId!? role!?",
SendDataVO="jobId!? key!? role!? taskType!? toRole!? value!?",
SetStatusVO="appKey*!? jobId!? role!? status!? taskType!?",
},
}
