-- renewal: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "renewal",
revision = "0.2.2",
default_region = "cn-north-1",
operations = {
queryInstance="~POST v2*/instances + queryInstanceParam!@ | inside=queryInstanceParam list=listQueries",
renewInstance="POST v2*/instances:renew + renewInstanceParam!@",
setRenewal="PUT v2*/instances:autoRenewStatus + setRenewalParam!@",
},
shapes = {
ListQuery="appCode associateResource autoRenewPeriod autoRenewStatus billingType expireTime extendField lastTime:i region relationList:[@RelationResource resourceId resourceName serviceCode",
QueryExpiredResourceParam="expireType!i pageIndex:i pageSize:i region! serviceCodes!",
QueryExpiredResourceResultVo="appCode billingType:i expiredDays:i regionId resourceId resourceName serviceCode",
QueryInstanceParam="appCode! billingType expireType instanceId instanceName ipAddress pageNumber:i pageSize:i renewStatus serviceCode!",
QueryInstanceResult="listQueries:[@ListQuery totalCount:i",
RelationResource="appCode autoRenewStatus billingType expireTime extendField lastTime:i region resourceId resourceName serviceCode",
RenewInstanceParam="appCode! autoPay:b instanceIds! returnURL serviceCode! timeSpan!i timeUnit! unifyDate",
RenewInstanceResult="orderNumber",
ResourceMapResult="resourceIdList:[s resourceList:[@QueryExpiredResourceResultVo serviceCode totalNumber:i",
SetExpiredRenewParam="appCode! region! relationStatus renewStatus! resourceIds! serviceCode!",
SetRenewalParam="allAutoPay appCode! autoRenewStatus! instanceIds! serviceCode! timeSpan:i timeUnit",
SetRenewalResult="stringResult",
},
}
