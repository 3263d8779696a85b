-- sts: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "sts",
revision = "0.2.0",
operations = {
assumeRole="POST v1/sessionToken:assumeRole + assumeRoleInfo!@",
},
shapes = {
AssumeRoleInfo="durationSeconds:i policy roleJrn! roleSessionName!",
AssumeRoleResult="credentials:@",
AssumeRoleWithSAMLInfo="durationSeconds:i policy roleJrn! samlAssertion! samlProviderJrn!",
AssumeServiceRoleInfo="durationSeconds:i roleType!i",
AssumedRoleService="assumedServiceRoleId assumedServiceRoleName",
AssumedRoleUser="assumedRoleId jrn",
Credentials="accessKey expiration secretKey* sessionToken*",
SamlAssertionInfo="issuer recipient subject subjectType",
},
}
