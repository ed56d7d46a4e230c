"""The REST API of the org, in process: what clients read, word for word."""

import gzip
import time
from datetime import timedelta

import httpx
import orjson
import pytest

from sandbox.org.errors import SalesforceError
from sandbox.org.limits.meters import Meters
from sandbox.org.queries.cursors import Cursors
from sandbox.org.soql.compiler import compile_soql
from sandbox.org.soql.entities import build_entities
from schemas.catalogue import default_catalogue
from schemas.salesforce.limits import QUERY_LOCATOR_LIFE

V = "/services/data/v67.0"


async def query(client, soql, *, resource="query", **headers):
    return await client.get(f"{V}/{resource}", params={"q": soql}, headers=headers)


def error(response):
    [only] = response.json()
    return only


def make_accounts(org, count):
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {number:05d}"}) for number in range(count)]


# --- versions, sessions, addresses


async def test_the_version_list_ascends_and_needs_no_session(client):
    response = await client.get("/services/data/", headers={"Authorization": ""})
    versions = [float(entry["version"]) for entry in response.json()]
    assert versions == sorted(versions)
    assert versions[-1] == 67.0
    assert {45.0, 50.0, 51.0, 58.0} <= set(versions)
    assert response.json()[-1] == {"label": "Summer '26", "url": V, "version": "67.0"}
    assert "sforce-limit-info" not in response.headers


async def test_the_resource_map_names_the_identity(client, org):
    response = await client.get(f"{V}/")
    assert response.json()["query"] == f"{V}/query"
    assert response.json()["identity"].endswith(f"/id/{org.identity.org_id}/{org.identity.user_id}")


@pytest.mark.parametrize("scheme", ["Bearer", "OAuth"])
async def test_both_words_before_the_token_are_accepted(client, scheme):
    token = client.headers["authorization"].split()[1]
    assert (
        await client.get(f"{V}/limits", headers={"Authorization": f"{scheme} {token}"})
    ).status_code == 200


async def test_a_bad_token_is_401_with_an_array(client):
    response = await client.get(f"{V}/limits", headers={"Authorization": "Bearer 00D!x"})
    assert response.status_code == 401
    assert error(response) == {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{V}/nothing/here", 404, "NOT_FOUND"),
        ("/services/data/v99.0/limits", 404, "NOT_FOUND"),
        ("/services/data/vX/limits", 404, "NOT_FOUND"),
        ("/services/data/v20.0/limits", 410, "UNSUPPORTED_API_VERSION"),
        (f"{V}/sobjects/Nope/describe", 404, "NOT_FOUND"),
        (f"{V}/sobjects/Account/001Tg0000009999", 404, "NOT_FOUND"),
        (f"{V}/query?q=" + "x" * 17_000, 414, "URI_TOO_LONG"),
    ],
)  # fmt: skip
async def test_an_address_that_is_not_served_is_refused_loudly(client, path, status, code):
    response = await client.get(path)
    assert (response.status_code, error(response)["errorCode"]) == (status, code)


async def test_a_method_that_is_not_served_is_405(client):
    response = await client.put(f"{V}/limits")
    assert (response.status_code, error(response)["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/limits", "GET, HEAD"),
        ("/sobjects/Account", "GET, HEAD, POST"),
        ("/sobjects/Account/001000000000000AAA", "DELETE, GET, HEAD, PATCH"),
        ("/composite/batch", "POST"),
    ],
)
async def test_a_refused_method_is_told_which_others_there_are(client, path, allowed):
    """RFC 9110, "405 Method Not Allowed"."""
    response = await client.put(f"{V}{path}")
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert error(response)["message"].endswith(f"Allowed are {allowed.replace(', ', ',')}")


async def test_every_call_counts_and_says_so(client):
    first = await client.get(f"{V}/limits")
    second = await client.get(f"{V}/nothing")
    assert first.headers["sforce-limit-info"] == "api-usage=1/140000"
    assert second.headers["sforce-limit-info"] == "api-usage=2/140000"


async def test_a_spent_quota_is_403(client, org):
    usage = Meters(org.store, "developer", lambda: 0.0).api_calls
    usage.maximum = 1
    usage.count()
    with pytest.raises(SalesforceError, match=r"TotalRequests Limit exceeded\.") as caught:
        usage.count()
    assert caught.value.status == 403


async def test_a_spent_quota_refuses_every_further_call(client, org):
    org.meters.api_calls.set_used(139_999)
    assert (await client.get(f"{V}/limits")).json()["DailyApiRequests"]["Remaining"] == 0
    refused = await client.get(f"{V}/limits")
    assert (refused.status_code, error(refused)["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.headers["sforce-limit-info"] == "api-usage=140000/140000"


def test_calls_are_forgotten_after_a_day_and_remembered_over_a_restart(org):
    now = 1_000_000.0
    usage = Meters(org.store, "developer", lambda: now).api_calls
    usage.count(5)
    assert Meters(org.store, "developer", lambda: now).api_calls.used == 5
    now += 25 * 3600
    assert usage.used == 0


async def test_a_fault_of_the_sandbox_is_an_array_too(client, org):
    org.store.connection.execute('DROP TABLE "Payment__c"')
    response = await query(client, "SELECT Id FROM Payment__c")
    assert (response.status_code, error(response)["errorCode"]) == (500, "UNKNOWN_EXCEPTION")


# --- records


async def test_a_record_lives_from_post_to_delete(client):
    made = await client.post(
        f"{V}/sobjects/Contact/", json={"FirstName": "Eva", "LastName": "Lind", "Birthdate": "1980-02-03"}
    )
    assert made.status_code == 201
    record_id = made.json()["id"]
    assert made.json() == {"id": record_id, "success": True, "errors": []}
    row = f"{V}/sobjects/Contact/{record_id}"
    assert (
        await client.patch(row, json={"attributes": {"type": "Contact"}, "firstname": "Eve"})
    ).status_code == 204
    read = (await client.get(f"{row}?fields=Name,Birthdate,IsDeleted")).json()
    assert read == {
        "attributes": {"type": "Contact", "url": row},
        "Name": "Eve Lind",
        "Birthdate": "1980-02-03",
        "IsDeleted": False,
    }
    assert (await client.head(row)).status_code == 200
    assert (await client.delete(row)).status_code == 204
    again = await client.delete(row)
    assert (again.status_code, error(again)["errorCode"]) == (404, "ENTITY_IS_DELETED")


async def test_an_id_of_15_characters_is_as_good_as_18(client, org):
    [record_id] = make_accounts(org, 1)
    response = await client.get(f"{V}/sobjects/account/{record_id[:15]}/?fields=Id")
    assert response.json()["Id"] == record_id


async def test_values_have_rests_forms(client, org):
    record_id = org.create(
        "Account",
        {"Name": "A", "AnnualRevenue": 10, "NumberOfEmployees": 3, "Verified__c": True, "BillingCity": "Kiel",
         "LastReviewedAt__c": "2018-12-10T18:50:19+01:00", "ProgramCodes__c": "a;b"},
    )  # fmt: skip
    text = (await client.get(f"{V}/sobjects/Account/{record_id}")).text
    record = orjson.loads(text)
    assert '"AnnualRevenue":10.0' in text
    assert '"NumberOfEmployees":3,' in text
    assert record["Verified__c"] is True
    assert record["LastReviewedAt__c"] == "2018-12-10T17:50:19.000+0000"
    assert record["BillingAddress"]["city"] == "Kiel"
    assert record["ProgramCodes__c"] == "a;b"
    assert record["Description"] is None


async def test_a_write_names_its_user_and_client_in_the_event(client, org):
    headers = {"Sforce-Call-Options": "client=tidegate, defaultNamespace=x"}
    await client.post(f"{V}/sobjects/Account", json={"Name": "A"}, headers=headers)
    body = orjson.loads(org.store.connection.execute("SELECT body FROM events").fetchone()[0])
    header = body["payload"]["ChangeEventHeader"]
    assert header["changeOrigin"] == "com/salesforce/api/rest/67.0;client=tidegate"
    assert header["commitUser"] == org.identity.user_id


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        (b'{"Phone": "1"}', "REQUIRED_FIELD_MISSING", ["Name"]),
        (b'{"Name": "A", "Nope": 1}', "INVALID_FIELD", ["Nope"]),
        (b'{"Name": "' + b"x" * 256 + b'"}', "STRING_TOO_LONG", ["Name"]),
        (b'{"Name": ', "JSON_PARSER_ERROR", None),
        (b"[]", "JSON_PARSER_ERROR", None),
    ],
)  # fmt: skip
async def test_a_bad_body_is_400_and_names_the_fields(client, body, code, fields):
    response = await client.post(f"{V}/sobjects/Account", content=body)
    assert response.status_code == 400
    assert error(response)["errorCode"] == code
    assert error(response).get("fields") == fields


async def test_a_read_only_object_refuses_writes(client):
    response = await client.post(f"{V}/sobjects/Organization", json={"Name": "A"})
    assert (response.status_code, error(response)["errorCode"]) == (
        400,
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    )


async def test_post_may_stand_for_patch(client, org):
    [record_id] = make_accounts(org, 1)
    response = await client.post(f"{V}/sobjects/Account/{record_id}?_HttpMethod=PATCH", json={"Name": "B"})
    assert response.status_code == 204


async def test_an_unchanged_record_is_304_and_a_changed_one_is_412(client, org):
    row = f"{V}/sobjects/Account/{make_accounts(org, 1)[0]}"
    changed_at = (await client.get(row)).headers["last-modified"]
    assert (await client.get(row, headers={"If-Modified-Since": changed_at})).status_code == 304
    past = {"If-Unmodified-Since": "Mon, 10 Dec 2018 17:50:19 GMT"}
    assert (await client.patch(row, json={"Name": "B"}, headers=past)).status_code == 412


# --- external ids


async def test_an_upsert_answers_by_version_and_outcome(client):
    path = "sobjects/Account/ExternalId__c/A%2F1"
    made = await client.patch(f"{V}/{path}", json={"Name": "A"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    updated = await client.patch(f"{V}/{path.replace('A%', 'a%')}/".removesuffix("/"), json={"Name": "B"})
    assert (updated.status_code, updated.json()["created"]) == (200, False)
    old = await client.patch(f"/services/data/v45.0/{path}", json={"Name": "C"})
    assert (old.status_code, old.content) == (204, b"")
    read = await client.get(f"{V}/{path}?fields=Name,ExternalId__c")
    assert (read.json()["Name"], read.json()["ExternalId__c"]) == ("C", "A/1")
    assert (await client.delete(f"{V}/{path}")).status_code == 204
    assert (await client.get(f"{V}/{path}")).status_code == 404


async def test_an_upsert_that_only_updates_creates_nothing(client):
    response = await client.patch(f"{V}/sobjects/Account/ExternalId__c/X?updateOnly=true", json={"Name": "A"})
    assert response.status_code == 404


async def test_the_key_of_an_upsert_may_not_stand_in_its_body(client):
    response = await client.patch(
        f"{V}/sobjects/Account/ExternalId__c/X", json={"ExternalId__c": "X", "Name": "A"}
    )
    assert error(response)["errorCode"] == "INVALID_FIELD"


async def test_only_external_ids_are_keys(client):
    assert (await client.get(f"{V}/sobjects/Account/Phone/1")).status_code == 404


async def test_several_matches_are_300_and_change_nothing(client, org):
    org.store.connection.execute('DROP INDEX "Account_ExternalId__c"')
    ids = make_accounts(org, 2)
    org.store.connection.execute("UPDATE Account SET ExternalId__c = 'same'")
    response = await client.patch(f"{V}/sobjects/Account/ExternalId__c/same", json={"Name": "B"})
    assert response.status_code == 300
    assert response.json() == [f"{V}/sobjects/Account/{record_id}" for record_id in ids]


async def test_a_parent_may_be_given_by_its_external_id(client, org):
    parent = org.create("Account", {"Name": "P", "ExternalId__c": "P-1"})
    made = await client.post(
        f"{V}/sobjects/Contact", json={"LastName": "L", "Account": {"ExternalId__c": "p-1"}}
    )
    read = await client.get(f"{V}/sobjects/Contact/{made.json()['id']}?fields=AccountId")
    assert read.json()["AccountId"] == parent


# --- query


async def test_a_query_nests_parents_and_nulls_the_missing_one(client, org):
    record_id = org.create("Contact", {"LastName": "Lind", "MailingCity": "Kiel"})
    response = await query(client, "SELECT Id, Owner.Name, Account.Owner.Name, MailingAddress FROM Contact")
    [record] = response.json()["records"]
    assert response.json()["done"] is True
    assert record["attributes"] == {"type": "Contact", "url": f"{V}/sobjects/Contact/{record_id}"}
    assert record["Owner"]["attributes"]["type"] == "User"
    assert record["Account"] is None
    assert record["MailingAddress"]["city"] == "Kiel"


async def test_pages_are_stable_while_records_come_and_go(client, org):
    ids = make_accounts(org, 450)
    first = (
        await query(client, "SELECT Id FROM Account ORDER BY Id", **{"Sforce-Query-Options": "batchSize=100"})
    ).json()
    # 200 is the least
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    assert first["nextRecordsUrl"].startswith(f"{V}/query/01g")
    assert first["nextRecordsUrl"].endswith("-200")
    org.delete("Account", ids[300])
    make_accounts(org, 10)
    second = (await client.get(first["nextRecordsUrl"])).json()
    third = (await client.get(second["nextRecordsUrl"].replace("/query/", "/queryAll/"))).json()
    assert third["done"] is True
    assert "nextRecordsUrl" not in third
    assert [r["Id"] for page in (first, second, third) for r in page["records"]] == ids


async def test_children_are_results_of_their_own(client, org):
    parent, childless = make_accounts(org, 2)
    ids = [org.create("Contact", {"LastName": f"L{n:03d}", "AccountId": parent}) for n in range(210)]
    org.create("Case", {"Status": "New", "ContactId": ids[0], "AccountId": parent})
    soql = (
        "SELECT Id, (SELECT LastName, (SELECT CaseNumber FROM Cases) FROM Contacts ORDER BY LastName), "
        "(SELECT Id FROM Cases WHERE Status = 'Closed') FROM Account ORDER BY Id"
    )
    page = (await query(client, soql, **{"Sforce-Query-Options": "batchSize=200"})).json()
    first, second = page["records"]
    assert (second["Id"], second["Contacts"]) == (childless, None)
    assert first["Cases"] is None
    contacts = first["Contacts"]
    assert (contacts["totalSize"], contacts["done"], len(contacts["records"])) == (210, False, 200)
    assert contacts["records"][0]["Cases"]["totalSize"] == 1
    rest = (await client.get(contacts["nextRecordsUrl"])).json()
    assert [row["LastName"] for row in rest["records"]] == [f"L{n:03d}" for n in range(200, 210)]


async def test_a_childs_limit_counts_for_each_parent(client, org):
    for parent in make_accounts(org, 2):
        for number in range(3):
            org.create("Contact", {"LastName": f"L{number}", "AccountId": parent})
    soql = "SELECT (SELECT LastName FROM Contacts ORDER BY LastName DESC LIMIT 2) FROM Account"
    for account in (await query(client, soql)).json()["records"]:
        assert [row["LastName"] for row in account["Contacts"]["records"]] == ["L2", "L1"]


async def test_deleted_records_are_for_query_all(client, org):
    ids = make_accounts(org, 2)
    org.delete("Account", ids[0])
    assert (await query(client, "SELECT Id FROM Account")).json()["totalSize"] == 1
    assert (await query(client, "SELECT Id FROM Account", resource="queryAll/")).json()["totalSize"] == 2


async def test_counts_and_groups_have_their_own_shapes(client, org):
    make_accounts(org, 3)
    assert (await query(client, "SELECT COUNT() FROM Account")).json() == {
        "totalSize": 3,
        "done": True,
        "records": [],
    }
    grouped = (await query(client, "SELECT COUNT(Id) n, MAX(CreatedDate) FROM Account")).json()
    [record] = grouped["records"]
    assert record["attributes"] == {"type": "AggregateResult"}
    assert record["n"] == 3
    assert record["expr0"].endswith(".000+0000")


@pytest.mark.parametrize("locator", ["01gNONE00000000000-200", "nonsense", "01g-"])
async def test_an_unknown_locator_is_400(client, locator):
    response = await client.get(f"{V}/query/{locator}")
    assert response.status_code == 400
    assert error(response) == {"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}


def test_a_locator_dies_after_two_days():
    now = 0.0
    cursors = Cursors(clock=lambda: now)
    compiled = compile_soql("SELECT Id FROM Account", build_entities(default_catalogue().objects))
    name, _ = cursors.open(compiled, b"x" * 18 * 3, 2)
    assert cursors.find(f"{name}-2")[2] == 2
    now = QUERY_LOCATOR_LIFE / timedelta(seconds=1) + 1
    with pytest.raises(SalesforceError, match="INVALID_QUERY_LOCATOR"):
        cursors.find(f"{name}-2")


async def test_a_refused_query_is_400_with_row_and_column(client):
    response = await query(client, "SELECT Id, Nope FROM Account")
    assert response.status_code == 400
    assert error(response)["errorCode"] == "INVALID_FIELD"
    assert "ERROR at Row:1:Column:12" in error(response)["message"]


async def test_a_large_page_is_compressed_for_who_accepts_it(client, org):
    make_accounts(org, 1500)
    async with client.stream("GET", f"{V}/query", params={"q": "SELECT Id, Name FROM Account"}) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert len(orjson.loads(gzip.decompress(raw))["records"]) == 1500
    plain = await query(client, "SELECT Id FROM Account LIMIT 1000", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


# --- describe and limits

FIELD_KEYS = (
    "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive "
    "compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate dependentPicklist "
    "deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo filterable filteredLookupInfo "
    "formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType "
    "name nameField namePointing nillable permissionable picklistValues polymorphicForeignKey precision queryByDistance "
    "referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist scale "
    "searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead"
)


async def test_describe_has_every_key_of_every_field(client):
    for name in default_catalogue().objects:
        body = (await client.get(f"{V}/sobjects/{name}/describe/")).json()
        assert all(set(field) == set(FIELD_KEYS.split()) for field in body["fields"])
        assert {"Id", "IsDeleted", "SystemModstamp"} <= {field["name"] for field in body["fields"]}
        assert sum(field["nameField"] for field in body["fields"]) == 1


async def test_describe_tells_what_clients_read(client):
    body = (await client.get(f"{V}/sobjects/Contact/describe")).json()
    fields = {field["name"]: field for field in body["fields"]}
    assert (fields["AccountId"]["referenceTo"], fields["AccountId"]["relationshipName"]) == (
        ["Account"],
        "Account",
    )
    assert fields["LastName"]["compoundFieldName"] == "Name"
    assert (fields["LastName"]["nillable"], fields["FirstName"]["nillable"]) == (False, True)
    assert fields["Name"]["createable"] is False
    assert fields["MailingAddress"]["type"] == "address"
    assert fields["MailingCity"]["compoundFieldName"] == "MailingAddress"
    assert fields["ExternalId__c"]["externalId"] is True
    assert body["keyPrefix"] == "003"
    assert {"Cases", "ServiceRequests__r", "Tasks", "Events", "CampaignMembers", "Assets", None} == {
        child["relationshipName"] for child in body["childRelationships"]
    }


async def test_whatever_describe_lists_can_be_queried(client, org):
    org.create("Contact", {"LastName": "L"})
    names = [field["name"] for field in (await client.get(f"{V}/sobjects/Contact/describe")).json()["fields"]]
    [record] = (await query(client, f"SELECT {', '.join(names)} FROM Contact")).json()["records"]
    assert list(record) == ["attributes", *names] or set(record) == {"attributes", *names}


async def test_an_unchanged_describe_is_304_even_after_a_restart(client, org):
    response = await client.get(f"{V}/sobjects/Case/describe")
    headers = {"If-Modified-Since": response.headers["last-modified"]}
    assert (await client.get(f"{V}/sobjects/Case/describe", headers=headers)).status_code == 304
    assert (await client.get(f"{V}/sobjects", headers=headers)).status_code == 304


async def test_describe_global_lists_objects_and_change_events(client):
    found = {entry["name"]: entry for entry in (await client.get(f"{V}/sobjects/")).json()["sobjects"]}
    assert found["Case"]["queryable"] is True
    assert found["User"]["createable"] is False
    assert found["CaseChangeEvent"]["queryable"] is False
    assert found["Payment__c"]["urls"]["rowTemplate"] == f"{V}/sobjects/Payment__c/{{ID}}"


async def test_limits_know_what_was_spent(client):
    await client.get(f"{V}/sobjects")
    found = (await client.get(f"{V}/limits/")).json()
    assert found["DailyApiRequests"] == {"Max": 140_000, "Remaining": 139_998}
    assert found["DailyBulkApiBatches"]["Max"] == 15_000
    assert found["DailyDeliveredPlatformEvents"]["Max"] == 25_000
    assert "DailyBulkApiRequests" in (await client.get("/services/data/v45.0/limits")).json()


async def test_record_counts_leave_out_the_deleted(client, org):
    ids = make_accounts(org, 3)
    org.delete("Account", ids[0])
    response = await client.get(f"{V}/limits/recordCount?sObjects=Account,Nope")
    assert response.json() == {"sObjects": [{"count": 2, "name": "Account"}]}


# --- a real process


@pytest.mark.service
@pytest.mark.slow
def test_rest_and_the_tables_tell_the_same_of_every_record(org_process):
    org_process.control("POST", "/traffic", {"rate_per_minute": 60_000, "seconds": 2, "seed": 7})
    while org_process.control("GET", "/traffic")["running"]:
        time.sleep(0.2)
    for name, spec in default_catalogue().objects.items():
        fields = ["Id", "IsDeleted", "SystemModstamp", *spec.fields]
        served: dict[str, dict[str, object]] = {}
        page = org_process.rest("GET", f"/queryAll?q=SELECT+{','.join(fields)}+FROM+{name}").json()
        while page is not None:
            served |= {record["Id"]: record for record in page["records"]}
            following = page.get("nextRecordsUrl")
            page = following and org_process.rest("GET", following.removeprefix(V)).json()
        export = httpx.get(
            f"{org_process.url}/sandbox/records/{name}", params={"limit": 100_000}
        ).text.splitlines()
        assert len(served) == len(export) > 0
        for stored in map(orjson.loads, export):
            record = served[stored["Id"]]
            for field in fields:
                assert in_store_form(record[field]) == stored[field], (name, field)


def in_store_form(value):
    return value.replace("+0000", "Z") if isinstance(value, str) and value.endswith(".000+0000") else value


@pytest.mark.service
def test_a_restart_keeps_the_count_and_the_schema_but_no_cursor(new_org):
    org = new_org()
    described = org.rest("GET", "/sobjects/Case/describe")
    org.kill()
    org.start()
    assert org.control("GET", "/meters")["api_calls"]["used"] >= 1
    assert (
        org.rest("GET", "/sobjects/Case/describe").headers["last-modified"]
        == described.headers["last-modified"]
    )
    assert error(org.rest("GET", "/query/01g0123456789ABCDE-200"))["errorCode"] == "INVALID_QUERY_LOCATOR"


# --- what clients read when they start


async def test_the_resource_map_has_every_family(client):
    found = (await client.get(f"{V}/")).json()
    assert {"sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling", "search"} <= set(found)


async def test_the_caller_and_the_org_are_records(client, org):
    identity = org.identity
    user = (await client.get(f"/services/data/v51.0/sobjects/User/{identity.user_id}")).json()
    assert user["Username"] == identity.username
    organization = (await client.get(f"{V}/sobjects/Organization/{identity.org_id}")).json()
    assert organization["IsSandbox"] is True
    assert {"OrganizationType", "InstanceName", "NamespacePrefix", "TrialExpirationDate"} <= set(organization)


async def test_an_org_that_is_no_dev_hub_has_no_scratch_orgs(client):
    response = await query(client, "SELECT Id FROM ScratchOrgInfo limit 1")
    assert response.status_code == 400
    assert error(response)["errorCode"] == "INVALID_TYPE"
    assert "sObject type 'ScratchOrgInfo' is not supported." in error(response)["message"]


async def test_an_xml_body_is_415(client):
    response = await client.post(
        f"{V}/sobjects/Account", content="<a/>", headers={"Content-Type": "application/xml"}
    )
    assert response.status_code == 415
    assert error(response) == {
        "errorCode": "UNSUPPORTED_MEDIA_TYPE",
        "message": "XML bodies are not built in this sandbox; send application/json",
    }
