-- monitorcm: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "monitorcm",
revision = "1.0.0",
endpoint = "monitor.jdcloud-api.com",
operations = {
putMetricData="POST v1/customMetrics + metricDataList![@MetricData",
},
shapes = {
Error="code:i detail message status",
MetricData="dimensions!? metric! namespace! timestamp!i type!i values!?",
MetricDataList="errDetail metricData?",
PutMetricDataResult="errMetricDataList:[@MetricDataList success:b",
Result="success:b",
Tags="name! value!",
},
}
