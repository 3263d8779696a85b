-- portal: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "portal",
revision = "0.1.4",
default_region = "cn-north-1",
operations = {
describeProduct="~GET v1*/product + ak! lang! url!",
describeProductsById="~GET v1*/getProductsById + ak! id!i",
},
shapes = {
DescribeProductResult="result:@Product",
DescribeProductsByIdResult="result:[@Navigation",
LinkVo="clstag createTime id:i linkUrl modifyTime name operator sort:i status",
Navigation="createTime description extChildren:[@Navigation helpUrl iconClass iconUrl id:i label lang level:i name parentId:i productStatus:i selfRun sort:i updateTime url webUrl",
NoticeVo="content createPin createTime endTime goTop id:i inlet lang langId:i pageNum:i pageSize:i site:i startTime title ts type updateTime uuid:i yn",
Product="createTime id:i lang name navigationId:i parentNavigationId:i txtVoList:[@ProductTxt updateTime url",
ProductTxt="createTime id:i lang productId:i sort:i templet txt updateTime",
},
}
