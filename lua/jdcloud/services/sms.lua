-- sms: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "sms",
revision = "1.3.3",
operations = {
batchSend="POST v1*/batchSend + params:[s phoneList![s signId! templateId!",
reply="~POST v1*/reply + appId! dataDate! phoneList:[s",
statusReport="~POST v1*/statusReport + phoneList:[s sequenceNumber!",
},
shapes = {
BatchSendResp="sequenceNumber",
BatchSendResult="code:i data:@BatchSendResp message status:b",
ContentRequest="fileName fileType! value!",
CreateInstanceNotPayResp="buyId forwardUrl",
CreateInstanceResp="addAndSubmitBuyMessage autoPay:b buyId orderNumber submit:b submitOrderMessage",
MtSms="appId code:i expandNum mobileNum msgContent orderId packageId pin receiptNum signId splitFlag status templateId type",
PullMtMsgByMobile="detailList:[@MtSms size:i total:i",
ReplyResp="appId content dataTime phoneNum signId",
ReplyResult="code:i data:[@ReplyResp message status:b",
RespQuerySignListData="createTime signId signName signStatus",
RespQueryTemplateListData="createTime template templateDescription templateId templateName templateStatus templateType",
RespSignPageResult="count:i list:[@RespQuerySignListData pageCount:i pageNum:i pageSize:i",
RespTemplatePageResult="count:i list:[@RespQueryTemplateListData pageCount:i pageNum:i pageSize:i",
SendBatchSms="code message status:b",
StatusReportResp="code phoneNum reportTime sendTime sequenceNumber splitNum:i status:i",
StatusReportResult="code:i data:[@StatusReportResp message status:b",
},
}
