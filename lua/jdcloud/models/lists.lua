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

--- GETs that change something, so that an answer that got lost must not make them run twice: those that write, start,
-- stop or publish; those that make a key, a token or an upload; those that take from a queue or ask a language model;
-- and those of which names and results leave a doubt. All other GETs are reads.
M.changing = {
  aifactory = { "dataWorkshopImageRetryBuildTask", "dataWorkshopImageVersionAutoGenerate" },
  aisearchdata = { "fetchData" },
  compile = { "createDemo" },
  datastar = { "getPackageId" },
  dbs = { "agentTasks" },
  domain = { "getDomainTransferOutPassWord" },
  iotcore = { "downloadDeviceCertificate" },
  jdfusion = { "validCloudInfo" },
  jdstarrocks = { "deleteProject", "deleteProjectWhite" },
  kms = { "generateDataKey" },
  live = { "startLiveForwardTask", "stopLiveForwardTask" },
  pod = { "attach", "execStart" },
  shenhaiplatform = {
    "copilotChatClear", "copilotChatDelete", "copilotChatNew", "copilotUtteranceRecommend", "copilotUtteranceStop",
    "uranusCatalogDelete", "uranusExtraRunnerStop", "uranusFunctionPublish", "uranusResourcePublish",
    "uranusScriptStop", "uranusTableDelete", "uranusTablePublishToPublishCenter", "uranusTaskDebugParamSync",
    "uranusTaskDebugSyntaxCheck", "uranusTaskInfoPrePublish", "uranusTaskKill", "uranusTaskNodeDelete",
    "uranusTaskNodeSnatchLock", "uranusTaskPrePublish", "uranusTaskPublicSnatchLock", "uranusTaskPublicStopDebug",
    "uranusWorkSpaceDown",
  },
  streamcomputer = { "startJob", "stopJob" },
  vod = { "refreshVideoUploadTask" },
  ydapp = { "describeCustomRegistryToken", "generateUploadUrl" },
  ydsms = { "modifyAppGeneralSettingById", "modifyStatusUsingGET", "taskStartUsingGET" },
}

--- Operations that only read though their method is POST or PATCH; what else is not a GET or HEAD changes something.
M.reading = require "jdcloud.models.reading"

--- Parameters and fields that hold secrets of users: by name, or where a name is a secret at one place and harmless at
-- others (`key` is a private key here, a tag's name there) as service.operation.parameter or service.Shape.field.
M.secret = {
  "accessKeySecret", "accessToken", "accesskeyKey", "accountPassword", "adminPass", "apiKey", "appKey", "authKey",
  "authToken", "authenticationCode", "authenticationCode1", "authenticationCode2", "authorizationToken",
  "callbackToken", "certEncryptePassword", "certKmcRep", "certKmcRep1", "clientKey", "connectConfig", "cookie",
  "cookieValue", "dbPassword", "deviceSecret", "esPwd", "forwardPrivateKey", "httpCookie", "httpsRsaKey",
  "invokeModelApiKey", "jcqSecretAccessKey", "jdcloudTsdbToken", "kafkaPassword", "keyFile", "loginCmdLine",
  "machinePwd", "masterPassWord", "notifyCustomAuthKey", "notifyKey", "originPrivateKey", "ossPresignedUrl", "oss_sk",
  "passWord", "passwd", "passwdEcrypt", "password", "plaintext", "preSignedUrl", "privateKey", "private_key",
  "productSecret", "proxyPassword", "proxySk", "psk", "rdsPasswd", "registryPass", "registryToken", "rootPwd", "rsaKey",
  "salt", "sceneSecret", "secret", "secretAccessKey", "secretData", "secretKey", "securityToken", "sessionToken",
  "sign", "sk", "smsCode", "srcPwd", "sshPassword", "sslKey", "subscriptionKey", "targetBucketCloudSk",
  "targetPassword", "tgtPwd", "token", "userPwd", "usernamePwd", "verifyCode", "verifyToken", "vncAccessToken",
  "vncUrl", "webHookSecret", "windowsPassword",
  "httpdns.Account.key", "httpdns.operateKey.key", "live.setLiveDomainCertificate.key",
  "live.setLiveRestartDomainCertificate.key", "logs.BinlogSpec.pass", "user.CreateTicketResult.ticket",
}

return M
