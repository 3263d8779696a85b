-- assistant: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "assistant",
revision = "1.0.2",
operations = {
addLogConfig="POST v1*/addLogConfig - logset logtopic!",
createCommand="POST v1*/createCommand + commandContent! commandDescription commandName! commandType enableParameter:b timeout:i username workdir",
deleteCommands="POST v1*/deleteCommands + commandIds![s",
describeCommands="~POST v1*/describeCommands + commandIds:[s commandNames:[s commandTypes:[s pageNumber:i pageSize:i sourceType usernames:[s | list=commands",
describeInvocations="~POST v1*/describeInvocations + commandIds:[s commandNames:[s commandTypes:[s invokeIds:[s pageNumber:i pageSize:i status:[s userNames:[s | list=invocations",
invokeCommand="POST v1*/invokeCommand + commandId! enableParameter:b execTime instances:[s parameters:[@Parameter tags:[@common:TagFilter timeout:i username windowsPassword* workdir",
},
shapes = {
Assistant="instanceId lastHeartBeat osType osVersion status version",
Command="commandContent commandDescription commandId commandName commandType createTime enableParameter:b parameters:[@Parameter timeout:i updateTime username workdir",
CreateCommandResult="commandId",
DeleteCommandsResult="commandId",
DescribeCommandsResult="commands:[@Command totalCount:i",
DescribeInvocationsResult="invocations:[@Invocation totalCount:i",
Invocation="commandContent commandDescription commandId commandName commandType createTime errorInfo execTime instances:[s invocationInstances:[@InvocationInstance invokeId invokeInstances:[s parameters sourceType status tags:[@common:TagFilter timeout username workdir",
InvocationInstance="createTime endTime errorInfo exitCode instanceId instanceName invokeTimes output startTime status updateTime",
InvokeCommandResult="invokeId",
Parameter="key value",
},
}
