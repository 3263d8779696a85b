-- jdw: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "jdw",
revision = "1.0.0",
operations = {
},
shapes = {
DBInstance="azId charge:@charge:Charge cpu:i createTime instanceId instanceName instanceStatus memory:i nodeNumber:i nodeType storage:i subnetId vpcId",
DBInstanceAttribute="accountName azId charge:@charge:Charge createTime instanceDomain instanceId instanceName instancePort instanceStatus nodeNumber:i nodeType nodes:[@Node subnetId vpcId",
DBInstanceSpec="accountName accountPassword* azId! chargeSpec!@charge:ChargeSpec instanceName nodeNumber!i nodeType! subnetId! vpcId!",
Node="cpuUtilization diskUtilization memoryUtilization nodeRole nodeStatus",
NodeType="cpu:i maxNodeNumber:i memory:i miniNodeNumber:i nodeType storage:i",
},
}
