-- order: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "order",
revision = "0.1.0-v2",
default_region = "cn-north-1",
operations = {
payOrder="POST v2*/order/{orderNumber}:pay + autoPay:b",
queryOrder="~GET v2*/order/{orderNumber} + includeDetail:b",
queryOrders="~POST v2*/orders + queryVo:@ListOrderRequest | inside=queryVo list=resultList",
},
shapes = {
CreateOrderRequestList="createOrderRequests:[@CreateOrderRequestObject",
CreateOrderRequestObject="appCode az chargeDuration:i chargeMode chargeUnit customInfo extraInfo:[@ formula itemName itemType orderType payType pin promotionInfo quantity:i region resourceId returnUrl salesAttribute serviceCode serviceProviderName serviceProviderPin siteType sourceId taskId",
CreateOrderResponseObject="actualFee:i message orderNumber orderResourceInfoList:[@OrderResourceInfo success:b",
ExtraInfo="name value",
ListOrderRequest="appCode chargeMode endTime:i orderType pageNumber:i pageSize:i payType serviceCode startTime:i status",
OrderDetailResponseObject="activityType actualFee:i appCode appName balancePay:i chargeMode childOrderDetailList:[@OrderDetailResponseObject createTime discountFee:i expirationTime favorableFee:i moneyPay:i orderItemDetails:[@OrderItemDetailResponseObject orderNumber orderType paidFee:i payTime payType payUrl payer paymentChannel paymentNumber pin proposer refundFee:i remark selfSupportType serviceName siteType status totalFee:i updatedTime",
OrderItemDetailResponseObject="actualFee:i balancePay:i chargeDuration:i chargeMode createTime expireDateAfter expireDateBefore extraInfo:[@ extraInfoAfter:[@ExtraInfo extraInfoBefore:[@ExtraInfo favorableFee:i formula itemId itemName moneyPay:i orderItemDetailResponse:[@OrderItemDetailResponseObject orderNumber priceSnapshot quantity:i refundFee:i remark resizeFormulaType serviceName siteType status totalFee:i unit",
OrderResourceInfo="orderNumber pin resourceId sourceId",
OrderResponseObject="actualFee:i appCode appName chargeMode createTime discountFee:i orderNumber orderType payTime payType paymentNumber pin selfSupportType serviceName status totalFee:i",
PayOrderResult="autoPay:b orderNumber",
QueryOrderResult="data:@OrderDetailResponseObject",
QueryOrdersResult="resultList:[@OrderResponseObject totalCount:i totalPage:i",
},
}
