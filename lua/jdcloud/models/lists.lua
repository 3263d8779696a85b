-- lists.lua - what the API facts don't say, as reviewed lists: data that the models compiler adds, easy to change.

local M = {}

--- The region that products without regions get where their paths ask for one (common declaration, Region Code).
M.default_region = "cn-north-1"

--- Products without regions whose paths still carry regionId.
M.regionless = {
  "asset", "billing", "clouddnsservice", "domain", "domainservice", "iam", "instancevoucher", "invoice", "order",
  "partner", "portal", "quota", "refund", "renewal", "reservedinstance", "resourcetag",
}

--- Hosts that aren't SERVICE.jdcloud-api.com (protocol.md 9): those in which the SDKs for Java and Node.js agree. Those
-- for Python, Go and PHP have the usual name for them too; the option `endpoint` is the way back to it. Left alone are
-- jdstarrocks and jdworkspace, for which Node.js alone has another host: a misspelt one and one of a test system.
M.endpoints = {
  datastar = "datastar.cn-south-1.jdcloud-api.com",
  eid = "bio-web.jdcloud.com",
  elite = "elite.cn-south-1.jdcloud-api.com",
  industrydata = "industrydata.cn-south-1.jdcloud-api.com",
  invoice = "ivoice.jdcloud-api.com",
  iotcard = "openapi.myiot.jdcloud.com",
  iotedge = "console-be.iotedge.jdcloud.com",
  monitorcm = "monitor.jdcloud-api.com",
  refund = "refund.jdcloud.com",
  resourcetag = "resource-tag.jdcloud-api.com",
  streamcomputer = "streamcompute.jdcloud-api.com",
  zfs = "cfs.jdcloud-api.com",
}

--- GETs that change something, so that an answer that got lost must not make them run twice. All other GETs are reads.
M.changing = {
  aifactory = { "dataWorkshopImageRetryBuildTask", "dataWorkshopImageVersionAutoGenerate" },
  compile = { "createDemo" },
  jdstarrocks = { "deleteProject", "deleteProjectWhite" },
  kms = { "generateDataKey" },
  live = { "startLiveForwardTask", "stopLiveForwardTask" },
  pod = { "attach", "execStart" },
  shenhaiplatform = {
    "copilotChatClear", "copilotChatDelete", "copilotChatNew", "copilotUtteranceStop", "uranusCatalogDelete",
    "uranusExtraRunnerStop", "uranusFunctionPublish", "uranusResourcePublish", "uranusScriptStop", "uranusTableDelete",
    "uranusTablePublishToPublishCenter", "uranusTaskDebugParamSync", "uranusTaskInfoPrePublish", "uranusTaskKill",
    "uranusTaskNodeDelete", "uranusTaskNodeSnatchLock", "uranusTaskPrePublish", "uranusTaskPublicSnatchLock",
    "uranusTaskPublicStopDebug",
  },
  streamcomputer = { "startJob", "stopJob" },
  vod = { "refreshVideoUploadTask" },
  ydapp = { "generateUploadUrl" },
  ydsms = { "modifyAppGeneralSettingById", "modifyStatusUsingGET", "taskStartUsingGET" },
}

--- Operations that only read though their method is POST; everything else that is not a GET or HEAD changes something.
M.reading = {
  disk = { "describeVolumesIgnoreServiceCode" },
}

--- Parameters and fields that hold secrets of users, by name.
M.secret = {
  "accessKeySecret", "accessToken", "accountPassword", "accesskeyKey", "adminPass", "authToken", "authorizationToken",
  "callbackToken", "dbPassword", "deviceSecret", "esPwd", "forwardPrivateKey", "httpsRsaKey", "jcqSecretAccessKey",
  "jdcloudTsdbToken", "kafkaPassword", "keyFile", "machinePwd", "masterPassWord", "originPrivateKey", "passWord",
  "passwd", "passwdEcrypt", "password", "privateKey", "private_key", "productSecret", "proxyPassword", "rdsPasswd",
  "registryPass", "registryToken", "rootPwd", "rsaKey", "sceneSecret", "secret", "secretAccessKey", "secretData",
  "secretKey", "securityToken", "sessionToken", "srcPwd", "sshPassword", "targetPassword", "tgtPwd", "token", "userPwd",
  "usernamePwd", "vncAccessToken", "webHookSecret", "windowsPassword",
}

return M
