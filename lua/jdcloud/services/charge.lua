-- charge: a service in the notation of models/compile.lua. Made by `make models`, never edited.
-- luacheck: no max line length
return {
service = "charge",
endpoint = "charge.jdcloud-api.com",
revision = "0.4.1",
signing_name = "charge",
operations = {
},
shapes = {
Charge="chargeExpiredTime chargeMode chargeRetireTime chargeStartTime chargeStatus",
ChargeSpec="autoChangeChargeMode:b autoChangeChargeModeDate autoRenew:b buyScenario chargeDuration:i chargeMode chargeUnit",
},
paging = {
},
}
