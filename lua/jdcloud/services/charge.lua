-- charge: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "charge",
revision = "0.4.1",
operations = {
},
shapes = {
Charge="chargeExpiredTime chargeMode chargeRetireTime chargeStartTime chargeStatus",
ChargeSpec="autoChangeChargeMode:b autoChangeChargeModeDate autoRenew:b buyScenario chargeDuration:i chargeMode chargeUnit",
},
}
