-- conversationalai: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "conversationalai",
revision = "1.0.0",
operations = {
queryConvoAgentList="~GET v1/queryConvoAgentList + filters:[@Filter pageNumber:i pageSize:i | list=content total=totalElements",
queryConvoAgentStatus="~GET v1/queryConvoAgentStatus + agentId!",
},
shapes = {
AgentJoinRoomParams="appId! nonce! timestamp!i token*! userId! userRoomId!",
ConvoAgentStatusInfo="agentId agentName appId createTime errorMsg status:i updateTime userId userPin userRoomId",
Filter="name! operator values![s",
QueryConvoAgentListContent="=QueryConvoAgentListResult",
QueryConvoAgentListResult="content:[@ConvoAgentStatusInfo pageNumber:i pageSize:i totalElements:i totalPages:i",
QueryConvoAgentStatusResult="=ConvoAgentStatusInfo",
SilenceParams="action content silentDurationThreshold:i",
SpeakCustomeText="content! priority",
StartConvoAgent="agentJoinRoomParams!@ agentName! agentParams? asrParams? asrVendor enableAsr:i enableLlm:i enableTts:i greetingMessage llmParams? llmVendor silenceParams:@ ttsParams? ttsVendor vadParams:@",
StartConvoAgentResult="agentId status:i",
StopConvoAgent="agentId! appId!",
VadParams="paddingMs:i silenceDurationMs:i threshold:n volumeDb:i",
},
}
