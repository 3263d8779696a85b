-- industrydata: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "industrydata",
revision = "1.0.0",
endpoint = "industrydata.cn-south-1.jdcloud-api.com",
operations = {
getLargeScreenData="~GET v1*/getData + endDate! firstIndex! industry! region! secondIndex startDate!",
},
shapes = {
GetLargeScreenDataResult="data:@RegionIndustryDataList message status:b",
RegionIndustryData="attrType attrValue attrValueExt dateTime dateType firstIndex indexValue industry region secondIndex valueUnit",
RegionIndustryDataList="dataList:[@RegionIndustryData",
},
}
