-- The reviewed lists of the models: every name in them exists, and none that sounds like a change is taken for a read
-- unless it is named here with the reason.

local cjson = require "cjson"
local lists = require "jdcloud.models.lists"
local models = require "jdcloud.models"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

local SERVICES = models.services()
local facts, paging = {}, read("spec/facts/paging.json")
for _, name in ipairs(SERVICES) do facts[name] = read("spec/facts/services/" .. name .. ".json") end

local function set(text)
  local found = {}
  for word in text:gmatch("%S+") do found[word] = true end
  return found
end

-- Words of names and paths that change, send, make or run something; and those that say that it is only looked at.
local CHANGING = set [[
  abandon abort activate add alert allocate alloc alter apply approve assign associate assume attach authorize bind boot
  bundle buy cancel change clean clear clone close commit config configure confirm copy create deduct del delete deploy
  deregister detach disable disassociate discard down drop edit enable exchange exe exec execute expand export failover
  forbid force gen generate grant import ingest init insert install interrupt invoke issue join kill launch lock login
  logout make merge migrate modify move new offline online open operate parse pause pay perform post preview publish
  purchase purge push put reboot rebuild recharge recover redeploy reduction refresh refund register reject release
  remove rename renew replace rerun resend reset resize restart restore resubmit resume retry revoke rollback rollout
  rotate run save scale scan send set share shrink sign skip snatch start stop submit subscribe supplement suspend
  switch sync terminate test transfer trigger unassign unbind unlink unlock unpublish unregister untag update upgrade
  upload validate verify withdraw write]]
local LOOKING = set [[
  describe discribe descirbe decribe query get list search show find has is can should detail info log logs history
  histories status result]]

-- Reads though they sound like a change, with the reason.
local READS = {
  ["aifactory:workspaceVerifyAuth"] = "says whether the caller may",
  ["apigateway:queryBindGroupAuth"] = "the GET of a path with which POST binds",
  ["apigateway:queryBindGroupKey"] = "the GET of a path with which POST binds",
  ["apigateway:queryBindGroupPolicy"] = "the GET of a path with which POST binds",
  ["cloudsign:downloadStampsNew"] = "the new way to download",
  ["cloudsign:downloadTemplatesNew"] = "the new way to download",
  ["dcap:describeInstanceConfig"] = "config is a noun here",
  ["dcap:generateDataSourceDDL"] = "gives the text of a statement and runs nothing",
  ["detection:validateSiteMonitorAddress"] = "says whether an address is well-formed",
  ["iotcore:exportThingModel"] = "answers with the model, makes no task",
  ["iothub:exportThingModel"] = "answers with the model, makes no task",
  ["live:describeCustomLiveStreamRecordConfig"] = "config is a noun here",
  ["live:describeCustomLiveStreamSnapshotConfig"] = "config is a noun here",
  ["live:describeCustomLiveStreamWatermarkConfig"] = "config is a noun here",
  ["live:describeLiveStreamQualityDetectionNotifyConfig"] = "config is a noun here",
  ["live:describeLiveStreamSnapshotNotifyConfig"] = "config is a noun here",
  ["live:describeLiveStreamTranscodeConfig"] = "config is a noun here",
  ["live:describeLiveStreamTranslateConfig"] = "config is a noun here",
  ["pod:verifyPodTemplate"] = "checks what the template refers to and answers nothing",
  ["privatezone:exportResourceRecords"] = "answers with the records, makes no task",
  ["shenhaiplatform:copilotVerify"] = "says whether the caller may",
  ["shenhaiplatform:gravityParticleConfigUserMatchUser"] = "finds users by a code",
  ["shenhaiplatform:manageHubGravityOneClickRerunBatches"] = "lists what ran",
  ["shenhaiplatform:manageHubGravityOneClickRerunTasks"] = "lists what ran",
  ["shenhaiplatform:rotorDictSupplementMethod"] = "a dictionary",
  ["shenhaiplatform:rotorDictSupplementOrder"] = "a dictionary",
  ["shenhaiplatform:rotorDictSupplementPlanStates"] = "a dictionary",
  ["shenhaiplatform:rotorDictSupplementResourceGroupStrategy"] = "a dictionary",
  ["shenhaiplatform:rotorSupplementInstances"] = "lists instances, by page",
  ["shenhaiplatform:workspaceVerifyAuth"] = "says whether the caller may",
  ["vm:verifyInstanceTemplate"] = "checks what the template refers to and answers nothing",
}

-- No reads though they sound like a look or page, with the reason.
local NOT_READ = {
  ["aifactory:delNodePool"] = "deletes; pages by an input it shares with the list",
  ["aifactory:metaUnifierAddFileSetVersion"] = "adds; pages by an input it shares with the list",
  ["aifactory:metaUnifierDeleteModel"] = "deletes; pages by an input it shares with the list",
  ["aifactory:metaUnifierDeleteModelVersion"] = "deletes; pages by an input it shares with the list",
  ["aifactory:queryGpuDropNodes"] = "its path says gpuDropNodes, its result is unknown",
  ["aisearch:externalWebSearch"] = "paid per search",
  ["captcha:getSessionId"] = "begins a session",
  ["cloudauth:checkCompanyInfo"] = "paid per check",
  ["cloudauth:checkCompanyInfo3"] = "paid per check",
  ["cloudauth:checkCompanyTransfer"] = "an attempt at a verification",
  ["cloudauth:checkCompanyTransferNew"] = "an attempt at a verification",
  ["cloudauth:checkLegalPerson"] = "paid per check",
  ["cloudauth:checkLegalPersonDetail"] = "paid per check",
  ["cloudauth:getAliveResult"] = "its token may serve once",
  ["cloudauth:getAliveResultNew"] = "its token may serve once",
  ["cloudauth:getAliveUrl"] = "begins a verification",
  ["cloudauth:getAliveUrlNew"] = "begins a verification",
  ["containerregistry:getAuthorizationToken"] = "makes a token",
  ["cr:getAuthorizationToken"] = "makes a token",
  ["invoice:getInvoicePreview"] = "its result has an id, so it may be kept",
  ["iotlink:search"] = "what it does is a text of the caller's",
  ["jdstarrocks:queryQueryStop"] = "stops a query",
  ["logs:logSearch"] = "takes the next part of a search",
  ["logs:logSearchId"] = "begins a search",
  ["partner:exportCoProducts"] = "starts an export",
  ["rds:getUploadKey"] = "makes a key",
  ["redis:checkPasswordValid"] = "carries a password",
  ["shenhaiplatform:manageHubGravityOneClickRerun"] = "runs jobs again; pages by an input it shares with the list",
  ["shenhaiplatform:manageHubGravityOneClickRerunPreview"] = "next door to the one that runs",
  ["sop:getSecurityToken"] = "makes a token",
  ["umodeling:getData"] = "nothing is known of its parameter and result",
  ["umodeling:getStatus"] = "nothing is known of its parameter and result",
}

-- "describeURLRanking" -> { "describe", "url", "ranking" }
local function words(name)
  local found = {}
  name = name:gsub("(%u)(%u%l)", "%1 %2"):gsub("(%l)(%u)", "%1 %2"):gsub("[%d_]", " ")
  for word in name:gmatch("%a+") do found[#found + 1] = word:lower() end
  return found
end

local function any(list, wanted)
  for _, word in ipairs(list) do
    if wanted[word] then return word end
  end
end

-- The word by which a read sounds like a change: any of its name, the first of its path's verb.
local function sounds_changing(name, path)
  local of_name = words(name)
  if not any(of_name, LOOKING) and any(of_name, CHANGING) then return any(of_name, CHANGING) end
  local of_verb = words(path:match(":(%w+)$") or "")
  return not any(of_verb, LOOKING) and CHANGING[of_verb[1]] and of_verb[1] or nil
end

local function sounds_looking(name)
  local first = words(name)[1]
  return first == "check" or LOOKING[first]
end

-- f(service, name, operation's facts, whether it is a read)
local function each_operation(f)
  for _, service in ipairs(SERVICES) do
    local model = models.service(service)
    for name, operation in pairs(facts[service].operations) do
      f(service, name, operation, model:operation(name).repeatable)
    end
  end
end

local function assert_sorted(list, what)
  for i = 2, #list do
    assert(list[i - 1] < list[i], what .. ": " .. list[i - 1] .. " is not before " .. list[i])
  end
end

-- Whether all of `exceptions` were met, and no other.
local function assert_met(exceptions, met)
  local wrong = {}
  for name in pairs(met) do
    if not exceptions[name] then wrong[#wrong + 1] = name .. ": " .. met[name] end
  end
  for name in pairs(exceptions) do
    if not met[name] then wrong[#wrong + 1] = name .. ": needs no exception" end
  end
  table.sort(wrong)
  assert.same({}, wrong)
end

describe("the reviewed lists", function()
  it("name GETs that change and others that read, each once and in order", function()
    for key, methods in pairs { changing = { GET = true }, reading = { POST = true, PATCH = true } } do
      for service, names in pairs(lists[key]) do
        assert(#names > 0, service)
        assert_sorted(names, key .. "." .. service)
        for _, name in ipairs(names) do
          local operation = assert(facts[service].operations[name], service .. ":" .. name)
          assert(methods[operation.method], key .. "." .. service .. ": " .. name .. " is a " .. operation.method)
        end
      end
    end
  end)

  it("take nothing for a read that sounds like a change, but for the reviewed", function()
    local met, reads = {}, 0
    each_operation(function(service, name, operation, read_only)
      if not read_only then return end
      reads = reads + 1
      local word = sounds_changing(name, operation.path)
      if word then met[service .. ":" .. name] = "a read with the word " .. word end
    end)
    assert_met(READS, met)
    assert.equal(1713 - 46 + 1 + 654, reads)
  end)

  it("leave out nothing that pages or sounds like a look, but for the reviewed", function()
    local met = {}
    each_operation(function(service, name, operation, read_only)
      if read_only or operation.method == "GET" then return end
      local pages = paging[service] and paging[service][name]
      if pages or sounds_looking(name) then met[service .. ":" .. name] = "no read" end
    end)
    assert_met(NOT_READ, met)
  end)

  it("know what must not run twice", function()
    local function assert_repeatable(expected, names)
      for service, name in names:gmatch("(%w+):(%w+)") do
        assert.equal(expected, models.service(service):operation(name).repeatable, name)
      end
    end
    assert_repeatable(false, [[
      jdstarrocks:deleteProject ydsms:sendMessagesUsingPOST ydsms:taskStartUsingGET sms:batchSend order:payOrder
      renewal:renewInstance ydapp:describeCustomRegistryToken kms:generateDataKey iam:createUserAccessKey
      captcha:verifyToken shenhaiplatform:uranusWorkSpaceDown]])
    assert_repeatable(true, [[
      billing:queryBillDetail cdn:queryStatisticsData resourcetag:describeResources audittrail:lookupEvents
      apigateway:checkPolicyName oss:headBucket]])
  end)

  it("name products without regions that have regionId to fill in", function()
    assert_sorted(lists.regionless, "regionless")
    for _, service in ipairs(lists.regionless) do
      local asked = 0
      for _, operation in pairs(facts[service].operations) do
        if operation.params.regionId then asked = asked + 1 end
      end
      assert(asked > 0, service)
    end
  end)
end)

-- "name" -> true and "service.owner.name" -> true for all parameters and fields.
local function all_names()
  local found = {}
  local function note(service, owner, fields)
    for name in pairs(fields) do
      found[name], found[service .. "." .. owner .. "." .. name] = true, true
    end
  end
  for _, service in ipairs(SERVICES) do
    for name, operation in pairs(facts[service].operations) do note(service, name, operation.params) end
    for name, shape in pairs(facts[service].shapes) do note(service, name, shape.fields) end
  end
  return found
end

describe("the list of secrets", function()
  -- Names that look like a secret and are none.
  local HARMLESS = set [[
    accessTokenValiditySeconds apiTokenPreActive apiTokenUserActive autoGeneratePassword clientToken
    continuationToken getSecurityTokenInfo includePassword indexToken isCheckUsernameAndPassword maxTokens
    needResetPassword nextContinuationToken noPassword passwordAuth passWordAuth passwordExpected passwordInherit
    passwordResetRequired refreshTokenValiditySeconds required_tokens secretArn secretCfg secretDesc secretDescCfg
    secretDetail secretId secretInfo secretList secretName secrets secretsManager secretStatus secretTimeCfg secretType
    secretUpdateTime secretVersion secretVersionCfg secretVersionCount secretVersionList authorizationTokens
    sshPasswordAuth timeToFirstTokenP99Threshold tokenActTime tokenEndpointAuthMethod tokenPre tokens tokenTime
    tokenUser totalToken]]

  it("has names that exist, each once and in order, a place only where the name alone is harmless", function()
    local names, listed, plain, placed = all_names(), {}, {}, {}
    for _, name in ipairs(lists.secret) do
      assert(names[name], name)
      listed[name] = true
      local into = name:find(".", 1, true) and placed or plain
      into[#into + 1] = name
    end
    assert_sorted(plain, "secret")
    assert_sorted(placed, "secret")
    for _, name in ipairs(placed) do assert(not listed[name:match("%w+$")], name) end
  end)

  it("leaves out no name with password, secret, token or private key in it, but for the reviewed", function()
    local listed, met = {}, {}
    for _, name in ipairs(lists.secret) do listed[name] = true end
    for name in pairs(all_names()) do
      local low = name:lower()
      local looks = low:find("passw") or low:find("pwd") or low:find("secret") or low:find("token")
        or low:find("private_?key") or low:find("rsakey") or low:find("apikey$")
      if looks and not name:find(".", 1, true) and not listed[name] then met[name] = "looks like a secret" end
    end
    assert_met(HARMLESS, met)
  end)

  it("marks a name everywhere, and a place alone", function()
    local live = models.service("live"):operation("setLiveDomainCertificate")
    assert.is_true(live.params.key.secret)
    assert.is_false(live.params.cert.secret)
    local instance = models.shape(models.service("vm"):operation("createInstances").params.instanceSpec.type)
    assert.is_true(instance.fields.password.secret)
    assert.is_false(models.shape(instance.fields.userTags.type.of).fields.key.secret)
  end)
end)
