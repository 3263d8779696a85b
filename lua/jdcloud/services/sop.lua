-- sop: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "sop",
revision = "0.1.0",
operations = {
getSecurityToken="POST v1*/securityToken:getSecurityToken + getSecurityTokenInfo!@",
getSensitiveOpSetting="~GET v1*/sensitiveOpSetting + action!",
},
shapes = {
GetSecurityTokenInfo="action! code! durationSeconds:i type!i",
GetSecurityTokenResult="securityToken*",
GetSensitiveOpSettingResult="extInfo status:i type:i",
VerificationCodeInfo="action! type!i",
VerifySecurityTokenInfo="action!",
},
}
