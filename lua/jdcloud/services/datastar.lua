-- datastar: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "datastar",
revision = "1.0.6",
endpoint = "datastar.cn-south-1.jdcloud-api.com",
operations = {
create="POST v1*/profileMultiLevel:create + dimensions! mallId! profileId!",
getLargeScreenData="~GET v1*/largeScreen/getData + endDate! firstIndex! industry! region! secondIndex startDate!",
getPackageId="GET v1*/dmp/getPackageId + deviceIds!",
getProfile="~GET v1*/profile/getProfile + id! labelCode! type!",
getResult="~GET v1*/profileMultiLevel:getResult + profileSelectRecordId!",
},
shapes = {
CreateResult="data message status:b",
GetLargeScreenDataResult="data:@RegionIndustryDataList message status:b",
GetPackageIdResult="=CreateResult",
GetProfileResult="=CreateResult",
GetResultResult="=CreateResult",
RegionIndustryData="attrType attrValue attrValueExt dateTime dateType firstIndex indexValue industry region secondIndex valueUnit",
RegionIndustryDataList="dataList:[@RegionIndustryData",
TestOpenApiReq="name",
},
}
