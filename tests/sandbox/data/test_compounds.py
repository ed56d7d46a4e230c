"""Compound fields: locations and addresses with the fields of their parts, in answers, in events
and in no bulk job.
"""

import orjson
import pytest

from tests.sandbox import every_type as types
from tests.sandbox.bulk_org import V
from tests.sandbox.org_in_process import client_of, new_org

ADDRESS = {"Home__Street__s": "1 Mill Lane", "Home__City__s": "Harrow", "Home__CountryCode__s": "GB"}


@pytest.fixture
def org(tmp_path):
    found = new_org(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as client:
        yield client


async def add(client, name, object_name="Account", **given):
    answer = await client.post(f"/sandbox/fields/{object_name}", json={"name": name, **given})
    assert answer.status_code == 200, answer.text


async def described(client, object_name="Account"):
    fields = (await client.get(f"{V}/sobjects/{object_name}/describe")).json()["fields"]
    return {field["name"]: field for field in fields}


async def first_row(client, soql):
    answer = await client.get(f"{V}/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"][0]


def last_body(org):
    return orjson.loads(types.last_event(org))["payload"]


async def test_a_location_has_two_numbers_and_a_compound_of_them(client, org):
    await add(client, "Loc__c", type="location", scale=7)
    found = await described(client)
    assert found["Loc__c"]["type"] == "location"
    for part in ("Loc__Latitude__s", "Loc__Longitude__s"):
        assert (found[part]["type"], found[part]["scale"]) == ("double", 7)
        assert found[part]["compoundFieldName"] == "Loc__c"
    values = {"Name": "N", "Loc__Latitude__s": 51.5072178, "Loc__Longitude__s": -0.1275862}
    record_id = org.create("Account", values)
    shown = await first_row(client, "SELECT Loc__c, Loc__Latitude__s FROM Account")
    assert shown["Loc__c"] == {"latitude": 51.5072178, "longitude": -0.1275862}
    assert shown["Loc__Latitude__s"] == 51.5072178
    assert last_body(org)["Loc__c"] == {"Latitude": 51.5072178, "Longitude": -0.1275862}
    org.update("Account", record_id, {"Loc__Latitude__s": None})
    assert last_body(org)["Loc__c"] == {"Latitude": None}


async def test_an_address_of_ones_own_has_codes_and_its_geocode(client, org):
    await add(client, "Home__c", type="address")
    record_id = org.create("Account", {"Name": "N", **ADDRESS})
    shown = (await first_row(client, "SELECT Home__c FROM Account"))["Home__c"]
    assert (shown["street"], shown["countryCode"], shown["stateCode"], shown["latitude"]) == (
        "1 Mill Lane",
        "GB",
        None,
        None,
    )
    assert last_body(org)["Home__c"] == {"Street": "1 Mill Lane", "City": "Harrow", "CountryCode": "GB"}
    org.update("Account", record_id, {"Home__City__s": "Green"})
    told = types.avro_of(org, types.last_event(org))
    assert last_body(org)["Home__c"] == {"City": "Green"}
    assert {name: value for name, value in told["Home__c"].items() if value is not None} == {"City": "Green"}
    assert any("-0x" in element for element in told["ChangeEventHeader"]["changedFields"])
    refused = org_error(
        await client.post(f"{V}/sobjects/Account", json={"Name": "N", "Home__GeocodeAccuracy__s": "Near"})
    )
    assert refused == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def org_error(answer):
    return answer.json()[0]["errorCode"]


async def test_a_standard_address_gets_the_parts_that_it_lacks(client, org):
    before = await described(client, "Contact")
    await add(client, "MailingAddress", "Contact", type="address")
    after = await described(client, "Contact")
    assert after.keys() - before.keys() == {"MailingStateCode", "MailingCountryCode"}
    org.create(
        "Contact", {"LastName": "N", "MailingCity": "Green", "MailingStateCode": "GN", "MailingLatitude": 1.5}
    )
    assert last_body(org)["MailingAddress"] == {"City": "Green", "StateCode": "GN", "Latitude": 1.5}


async def test_a_namespace_goes_before_every_part(client):
    await add(client, "ns__Loc__c", type="location")
    assert {"ns__Loc__c", "ns__Loc__Latitude__s", "ns__Loc__Longitude__s"} <= (await described(client)).keys()


async def test_a_field_may_be_added_to_a_compound(client, org):
    await add(client, "BillingStateCode", type="picklist", part_of="BillingAddress", part="StateCode")
    org.create("Account", {"Name": "N", "BillingStateCode": "CA"})
    assert last_body(org)["BillingAddress"] == {"StateCode": "CA"}
    assert (await first_row(client, "SELECT BillingAddress FROM Account"))["BillingAddress"][
        "stateCode"
    ] == "CA"


@pytest.mark.parametrize(
    "field",
    [
        {"name": "Loc__c", "type": "location"},
        {"name": "LOC__C", "type": "string"},
        {"name": "loc__latitude__s", "type": "double"},
        {"name": "Other", "type": "double", "part_of": "Loc__c", "part": "Latitude"},
    ],
)
async def test_a_compound_and_its_parts_are_there_once(client, field):
    await add(client, "Loc__c", type="location")
    answer = await client.post("/sandbox/fields/Account", json=field)
    assert (answer.status_code, "DUPLICATE_DEVELOPER_NAME" in answer.text) == (400, True)


async def test_a_compound_is_removed_with_its_parts(client, org):
    await add(client, "Loc__c", type="location")
    answer = await client.delete("/sandbox/fields/Account", params={"name": "Loc__c"})
    assert answer.status_code == 200
    assert not any(name.startswith("Loc__") for name in await described(client))
    org.create("Account", {"Name": "N"})


async def test_no_bulk_job_reads_a_compound(client):
    await add(client, "Loc__c", type="location")
    body = {"operation": "query", "query": "SELECT Loc__c FROM Account"}
    answer = await client.post(f"{V}/jobs/query", json=body)
    assert answer.json()[0]["message"] == "Selecting compound data not supported in Bulk Query"


async def test_no_compound_is_written_sorted_or_filtered(client):
    await add(client, "Loc__c", type="location")
    for tail in ("WHERE Loc__c != null", "ORDER BY Loc__c"):
        answer = await client.get(f"{V}/query", params={"q": f"SELECT Id FROM Account {tail}"})
        assert answer.status_code == 400
    answer = await client.post(f"{V}/sobjects/Account", json={"Name": "N", "Loc__c": {"latitude": 1}})
    assert answer.status_code == 400


async def test_a_header_names_changed_parts_by_their_compound(client, org):
    org.dials.events.changed_fields_in_header = True
    record_id = org.create("Contact", {"LastName": "A"})
    org.update("Contact", record_id, {"LastName": "B"})
    assert last_body(org)["ChangeEventHeader"]["changedFields"] == ["Name.LastName", "LastModifiedDate"]
