-- ams: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "ams",
revision = "1.0.0",
operations = {
describeAuthenticate="~GET v1/appManager/{pId}/authenticates + ver:i",
describeStreamsInput="~GET v1/streams/{streamId}/inputs + endTime startTime",
},
shapes = {
DescribeAuthenticateResult="blacklist:i license pId status:i ver:i",
DescribeStreamsInputResult="streamInputDatas:[@StreamInputData",
StreamInputData="bitrateDatum bitrateFact downTime fpsDatum fpsFact mediaType tsDeltaDatum tsDeltaFact",
},
}
