"""Accounts that are persons, beside accounts that are businesses."""

import fastavro
import orjson
import pytest

from tests.sandbox import every_type as types
from tests.sandbox.bulk_org import V
from tests.sandbox.org_in_process import client_of, new_org

ADA = {"FirstName": "Ada", "MiddleName": "M", "LastName": "Lindqvist", "Suffix": "Jr", "Salutation": "Dr."}


@pytest.fixture
def org(tmp_path):
    found = new_org(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as client:
        assert (await client.post("/sandbox/person-accounts")).json() == {"enabled": True}
        yield client


async def account(client, record_id):
    fields = "Name,FirstName,LastName,IsPersonAccount,PersonContactId,PersonEmail"
    found = (await client.get(f"{V}/sobjects/Account/{record_id}", params={"fields": fields})).json()
    found.pop("attributes")
    return found


async def made(client, **values):
    answer = await client.post(f"{V}/sobjects/Account", json=values)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def events(org):
    rows = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    return [orjson.loads(row[0])["payload"] for row in rows]


def of(org, entity):
    return [event for event in events(org) if event["ChangeEventHeader"]["entityName"] == entity]


async def test_an_org_has_none_until_they_are_enabled(org):
    async with client_of(org) as client:
        assert (await client.get("/sandbox/person-accounts")).json() == {"enabled": False}
        answer = await client.post(f"{V}/sobjects/Account", json=ADA)
        assert answer.json()[0]["errorCode"] == "INVALID_FIELD"


async def test_a_persons_name_is_made_of_its_parts(client):
    person = await made(client, **ADA, PersonEmail="ada@x.example")
    found = await account(client, person)
    assert found["Name"] == "Ada M Lindqvist Jr"
    assert found["IsPersonAccount"] is True
    assert found["PersonContactId"].startswith("003")
    answer = await client.get(
        f"{V}/query", params={"q": "SELECT Id FROM Account WHERE Name LIKE 'Ada M%' ORDER BY Name"}
    )
    assert [row["Id"] for row in answer.json()["records"]] == [person]


async def test_a_business_has_a_name_and_no_parts(client):
    found = await account(client, await made(client, Name="Acme"))
    assert (found["Name"], found["IsPersonAccount"], found["FirstName"], found["PersonContactId"]) == (
        "Acme",
        False,
        None,
        None,
    )


async def test_one_object_carries_a_text_and_an_object_as_its_name(client, org):
    person = await made(client, **ADA)
    await made(client, Name="Acme")
    [first, second] = of(org, "Account")
    assert first["Name"] == ADA
    assert second["Name"] == "Acme"
    await client.patch(f"{V}/sobjects/Account/{person}", json={"LastName": "Okafor"})
    assert of(org, "Account")[-1]["Name"] == {"LastName": "Okafor"}
    assert (await account(client, person))["Name"] == "Ada M Okafor Jr"


async def test_both_names_are_carried_in_avro(client, org):
    await made(client, **ADA)
    person = types.avro_of(org, types.last_event_of(org, "Account"))
    await made(client, Name="Acme")
    business = types.avro_of(org, types.last_event_of(org, "Account"))
    assert {name: value for name, value in person["Name"].items() if value} == ADA
    assert business["Name"] == "Acme"
    schema = orjson.loads(org.channels.schema_json(org.channels.schema_ids["Account"]))
    fastavro.parse_schema(dict(schema))
    [name] = [field for field in schema["fields"] if field["name"] == "Name"]
    assert [kind if isinstance(kind, str) else kind["type"] for kind in name["type"]] == [
        "null",
        "string",
        "record",
    ]


async def test_a_changed_part_is_told_by_the_bitmap_of_the_name(client, org):
    person = await made(client, **ADA)
    await client.patch(f"{V}/sobjects/Account/{person}", json={"Suffix": None})
    header = types.avro_of(org, types.last_event_of(org, "Account"))["ChangeEventHeader"]
    assert any(element.startswith("1-0x") for element in header["changedFields"])
    assert any(element.startswith("1-0x") for element in header["nulledFields"])


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Name": "X", "LastName": "Y"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Name": "X", "FirstName": "Y"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"LastName": "Y", "IsPersonAccount": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"LastName": " "}, "REQUIRED_FIELD_MISSING"),
    ],
)
async def test_what_is_neither_a_person_nor_a_business_is_refused(client, org, values, code):
    answer = await client.post(f"{V}/sobjects/Account", json=values)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert events(org) == []


async def test_a_persons_name_cannot_be_written_and_a_businesss_parts_neither(client):
    person, business = await made(client, **ADA), await made(client, Name="Acme")
    for record_id, values in (
        (person, {"Name": "X"}),
        (business, {"FirstName": "X"}),
        (person, {"LastName": None}),
    ):
        assert (await client.patch(f"{V}/sobjects/Account/{record_id}", json=values)).status_code == 400


async def test_the_persons_contact_follows_it(client, org):
    person = await made(client, **ADA, PersonEmail="ada@x.example")
    contact = (await account(client, person))["PersonContactId"]
    row = org.records["Contact"].whole(contact)
    assert (row["LastName"], row["Email"], row["AccountId"]) == ("Lindqvist", "ada@x.example", person)
    await client.patch(
        f"{V}/sobjects/Account/{person}", json={"FirstName": "Eva", "Website": "https://x.example"}
    )
    assert of(org, "Contact")[-1]["Name"] == {"FirstName": "Eva"}
    await client.delete(f"{V}/sobjects/Account/{person}")
    assert [event["ChangeEventHeader"]["changeType"] for event in of(org, "Contact")] == [
        "CREATE",
        "UPDATE",
        "DELETE",
    ]
    org.undelete("Account", person)
    assert org.records["Contact"].is_binned(contact) is False
    assert of(org, "Account")[-1]["Name"] == {**ADA, "FirstName": "Eva"}


async def test_describe_tells_that_the_name_may_be_a_text_or_parts(client):
    fields = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    found = {field["name"]: field for field in fields}
    assert [field["name"] for field in fields].count("Name") == 1
    assert (found["Name"]["type"], found["Name"]["extraTypeInfo"]) == ("string", "switchable_personname")
    assert {name for name, field in found.items() if field["compoundFieldName"] == "Name"} == ADA.keys()
    assert found["IsPersonAccount"]["updateable"] is False


async def test_enabling_twice_changes_nothing_and_a_reset_takes_them_away(client, org):
    schema = org.channels.schema_ids["Account"]
    await client.post("/sandbox/person-accounts")
    assert org.channels.schema_ids["Account"] == schema
    await client.post("/sandbox/reset")
    assert (await client.get("/sandbox/person-accounts")).json() == {"enabled": False}
