-- yundingdatapush: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "yundingdatapush",
revision = "1.0.7",
operations = {
addDatapushVender="POST v1/datapushVenders + datapushVender!@Vender",
createOrderSync="POST v1/createOrderSync + orderSyncSpec!@",
deleteDatapushVender="DELETE v1/datapushVenders + appkey! venderId! ydRdsInstanceId!",
describeDatapushVenders="~GET v1/datapushVenders + appkey! pageNumber:i pageSize:i rdsInstanceName venderId venderName ydRdsInstanceId | list=venders total=-",
describeRdsInstances="~GET v1/describeRdsInstances + appkey!",
},
shapes = {
AddDatapushVenderResult="success:b",
Apply="appKey* appName applicant applyTime auditor checkTime description developerName developerPin instanceId instanceName modified opinion reason status:i statusName telephone",
CreateOrderSyncResult="orderSync:@",
DeleteDatapushVenderResult="success:b",
DescribeDatapushVendersResult="venders:[@VenderShow",
DescribeRdsInstancesResult="rdsInstances:[@RdsInstance",
OrderSync="syncId",
OrderSyncSpec="appKey*! days!i venderId! venderType",
RdsInstance="instanceClass instanceId instanceName instanceStatus instanceType regionId vpcId vpcName",
Vender="appkey! venderId! venderType ydRdsInstanceId!",
VenderShow="appkey venderId venderName ydRdsInstanceId",
},
}
