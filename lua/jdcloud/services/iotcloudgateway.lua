-- iotcloudgateway: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "iotcloudgateway",
revision = "1.0.1",
operations = {
describeInstance="~POST v1*/instances/{instanceId}:describeInstance +",
describeInstances="~GET v1*/instances + pageNumber:i pageSize:i | list=instances",
deviceControl="POST v1*/instances/{instanceId}:deviceControl - devicecmd!@DeviceControlSpec",
queryInstanceExposeDomain="~POST v1*/instances/{instanceId}:queryInstanceExposeDomain +",
queryInstanceStatus="~POST v1*/instances/{instanceId}:queryInstanceStatus +",
},
shapes = {
CloudstorageSpec="rsname! size!i",
DescribeInstanceResult="instance:@",
DescribeInstancesResult="instances:[@Instance totalCount:i",
DeviceControlSpec="br_msg! peers! request_id!",
DwAuthSpec="deviceIdent! deviceSecret*! productKey!",
FlavorSpec="flavor! rsname!",
Instance="azId chargeExpired chargeType:i cloudstorage:i createTime exposedDomain gw_dev_id gw_dev_num:i instanceFlavor instanceId instanceName instanceRegion instanceStatus instanceVersion replica:i serviceConfig subnetId vpcId",
InstanceConfig="dwAuthSpec:@ gwdevId! httpAddr! mediaStore! mqttAddr! ossSpec:@ productKey! productSecret*! protocol! redisAddr! serviceId!",
InstanceSpec="actionName! az1flavor! az1replica!i az1storagesize!i az2flavor! az2replica!i az2storagesize!i azId![s instanceName! instanceVersion! serviceName! sourceType! subnetId! vpcId!",
NewInstanceSpec="az1flavor! az1replica!i az1storagesize!i az2flavor! az2replica!i az2storagesize!i azId![s",
OssSpec="oss_ak! oss_bucket! oss_endpoint! oss_region! oss_sk*!",
QueryInstanceExposeDomainResult="iotgwd iotgwu",
QueryInstanceStatusResult="status",
ReplicaSpec="replica!i rsname!",
Resource="resourceId resourceName",
},
}
