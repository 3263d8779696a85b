-- quota: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "quota",
revision = "0.0.2",
default_region = "cn-north-1",
operations = {
getUserQuotaDetail="~POST v2*/userQuota:getDetail + appCode parentResourceId pin quotaAmount:i region serviceCode siteType:i uid",
verifyUserQuota="POST v2*/userQuota:verify + appCode parentResourceId pin quotaAmount:i region serviceCode siteType:i uid",
},
shapes = {
GetUserQuotaDetailResult="code:i data:@UserQuotaResVo message requestId success:b",
QueryRemoteQuotaResVo="availableQuota:i failReason parentResourceId pin quotaBeyondFlag:b region regionName serviceCode serviceName usedQuota:i userQuota:i",
QuotaQueryReqVo="appCode parentResourceId pin quotaAmount:i region serviceCode siteType:i uid",
QuotaReqVo="appCode opType parentResourceId parentResourceName pin preoccupyAmount:i quotaAmount:i region serviceCode siteType:i uid userQuota:i",
QuotaVerifyReqVo="=QuotaQueryReqVo",
RemoteQuota="availableAmount name parentResourceId region serviceCode totalInventory usedAmount",
RemoteQuotaReq="appCode expireTime extraInfo id:i parentCode pin reason region resourceId serviceCode updateTime userQuota:i",
UserQuotaReqVo="appCode availableQuota:i countSql:b expireTime extraInfo id:i orderBy pageNum:i pageSize:i pageSizeZero:b pin productName reasonable:b region regionQuota:i resourceId serviceCode siteType:i usedQuota:i userQuota:i",
UserQuotaResVo="appCode availableQuota:i createdTime expireTime failReason isSubResource maxUserQuota:i parentResourceId pin preOccupyAmount:i productName quotaAmount:i quotaBeyondFlag:b region regionName resourceId serviceCode serviceName siteType:i updatedTime userQuota:i",
VerifyQuotaResVo="appCode pin region regionName serviceCode serviceName userQuota:i",
VerifyUserQuotaResult="code:i data:@VerifyQuotaResVo message requestId success:b",
Vo="opType resources:[@QuotaReqVo serviceCode",
},
}
