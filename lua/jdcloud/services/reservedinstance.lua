-- reservedinstance: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "reservedinstance",
revision = "0.1.2",
default_region = "cn-north-1",
operations = {
describeConsoleInstanceVouchers="~GET v1*/instanceVoucher:describeConsoleInstanceVouchers + createTimeBegin createTimeEnd pageNum:i pageSize:i status:i voucherType | number=pageNum list=data total=pagination.numberRecords",
describeDeductionDetails="~GET v1*/deductionDetails + endTime instanceId pageNo:i pageSize:i reservedInstanceId reservedInstanceType startTime | number=pageNo list=result total=pagination.numberRecords",
},
shapes = {
BackInstanceVoucherVo="account count:i createTime endTime instanceVoucherId instanceVoucherType isReserved:i label pin region startTime status:i tips unit",
ConsoleInstanceVoucherVo="count:i createTime endTime instanceVoucherId instanceVoucherType isReserved:i label region startTime status:i tips unit",
DeductionDetailOperatorVo="consumeAmount endTime instanceId instanceRegionName instanceServiceCodeName instanceSpec loginName pin reservedInstanceId reservedInstanceTypeName startTime usageTime",
DeductionDetailVo="consumeAmount endTime instanceId instanceRegionName instanceServiceCodeName instanceSpec pin reservedInstanceId reservedInstanceTypeName startTime usageTime",
DescribeConsoleInstanceVouchersResult="data:[@ConsoleInstanceVoucherVo pagination:@",
DescribeDeductionDetailsResult="pagination:@ result:[@DeductionDetailVo",
InstanceVoucherDTO="endTime instanceVoucherId isReserved:i pin reservedInstanceType serviceCode startTime status:i",
InstanceVoucherSpec="action:i appCode az chargeDuration:i chargeUnit createTime instanceType instanceTypeFamily instanceVoucherId orderNumber pin region reservedType resourceType serviceCode sourceId unitCount:i",
InstanceVoucherVo="endTime instanceVoucherId isReserved:i reservedInstanceType startTime status:i",
Pagination="currPageNo:i numberPages:i numberRecords:i pageSize:i startIndex:i",
Product="appCode createErp createTime id:i reservedInstanceType serviceCode status:i typeName updateTime",
ProductQuery="=Product",
SpecificationDTO="appCode instanceType instanceTypeFamily isReserved:i reservedInstanceType:i serviceCode standardFactor:i status:i usingServiceCode",
SpecificationVo="appCode appCodeName id:i instanceType instanceTypeFamily isReserved:i isReservedStr reservedInstanceType reservedInstanceTypeName serviceCode serviceCodeName standardFactor:i status:i statusStr usingServiceCode usingServiceCodeName",
SysConfig="configType createErp createdTime description id:i key updatedTime value",
SysConfigVo="configType! description! key! value!",
},
}
