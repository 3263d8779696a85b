-- jke: made by `make models` in the notation of models/compile.lua, never edited
return {
service = "jke",
revision = "0.1.0",
operations = {
describeQuotas="~GET v1*/quotas + filters:[@common:Filter",
},
shapes = {
DescribeQuotasResult="quotas:[@Quota",
Quota="limit:i resourceType used:i",
},
}
