-- refund: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "refund",
revision = "0.0.1",
endpoint = "refund.jdcloud.com",
default_region = "cn-north-1",
operations = {
descirbeRefundStatus="~POST v1*/refund:status + pageNumber:i pageSize:i pin! refundId resourceId | list=data total=pageInfos.totalRecord",
submitResourceRefund="POST v1*/refund:resource + jsonBody:@ResourceRefundReq",
},
shapes = {
DescirbeRefundStatusResult="data:[@RefundResult pageInfos:@",
PageInfos="currentPage:i pageSize:i totalRecord:i",
RefundOrderResult="code:i data message success:b",
RefundRecordOrderItemVo="actualFee:i appCode balanceFee:i balanceRefundFee:i cashFee:i cashRefundChannel:i cashRefundFee:i chargeMode:i chooseFlag:i couponFee:i couponRefundFee:i discountFee:i merchantId:i orderItemNumber orderNumber orderSubNumber orderType:i refundFee:i refundId resourceId resourceName serviceCode totalFee:i",
RefundRecordResp="data? isSuccess:b message requestId",
RefundResult="createTime id:i pin recordNumberList refundAmount refundId resourceId status updateTime",
RefundsStrategyDTO="approveSwitch:i id:i invoiceStatusSwitch:i permissionList priority:i refundAreaSwitch:i refundChannelSwitch:i refundOrderSwitch:i refundType:i refundWaySwitch:i serviceCode status:i strategyType:i",
RefundsStrategyVo="approveSwitch:i invoiceStatusSwitch:i priority:i refundAreaSwitch:i refundChannelSwitch:i refundOrderSwitch:i refundType:i refundWaySwitch:i serviceCode status:i strategyId:i strategyType:i",
ResourceRefundReq="refundArea:i refundChannel:i refundReason:i refundReasonOther refundType? refundWay:i resourceId!",
ResourceRefundResp="data page requestId",
SubmitResourceRefundResult="=RefundOrderResult",
},
}
