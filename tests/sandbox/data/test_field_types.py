"""Every type that describe knows: the same value by every way in and out, and what is refused."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from sandbox.org.schema.exact import loads
from sandbox.org.server.app import open_org
from sandbox.org.state.org import Org
from tests.sandbox import every_type as types
from tests.sandbox.bulk_org import V, bulk_client, rows_of, until
from tests.sandbox.org_in_process import client_of, new_org
from tests.support.builders.examples import examples
from tests.support.builders.waiting import SLOWNESS

FIELDS = "/sandbox/fields/Account"


@pytest.fixture
def org(tmp_path):
    found = new_org(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as client:
        yield client


@pytest.fixture(scope="module")
def typed_org(tmp_path_factory):
    found = new_org(tmp_path_factory.mktemp("typed"))

    async def add() -> None:
        async with bulk_client(found) as client:
            await types.add_all(client)

    asyncio.run(add())
    yield found
    found.store.close()


def as_floats(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if name in types.DECIMALS and value is not None else value
        for name, value in values.items()
    }


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck), database=None)
@example(values={"Big__c": 2 - 2**63}, way="rest")
@given(values=types.rows(), way=st.sampled_from(["rest", "bulk"]))
async def test_a_value_of_any_type_is_the_same_by_every_way_in_and_out(typed_org: Org, values, way) -> None:
    if way == "bulk":
        # In a CSV an empty cell says nothing, and #N/A is no text.
        values = {name: value for name, value in values.items() if value not in ("", "#N/A")}
    async with bulk_client(typed_org) as client:
        record_id = await types.written(client, way, values)
        told = types.last_event(typed_org)
        wanted = types.expected(values)
        assert await types.from_rest(client, record_id) == wanted
        assert await types.from_bulk(client, record_id) == wanted
    assert types.from_cometd(told) == wanted
    assert types.from_avro(types.avro_of(typed_org, told)) == as_floats(wanted)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(numbers=st.lists(types.decimals(18, 2), min_size=2, max_size=6, unique=True))
async def test_numbers_of_18_digits_are_filtered_and_sorted_by_every_digit(tmp_path_factory, numbers) -> None:
    org = new_org(tmp_path_factory.mktemp("numbers"))
    for number in numbers:
        org.create("Account", {"Name": "N", "OpenBalance__c": f"{number:f}"})
    async with bulk_client(org) as client:

        async def found(tail: str) -> list[Decimal]:
            soql = f"SELECT OpenBalance__c FROM Account {tail}"
            answer = await client.get(f"{V}/query", params={"q": soql})
            assert answer.status_code == 200, answer.text
            rows = types.exact_json(answer.content)["records"]
            return [Decimal(row["OpenBalance__c"]) for row in rows]

        one = numbers[0]
        assert await found("ORDER BY OpenBalance__c") == sorted(numbers)
        assert await found("ORDER BY OpenBalance__c DESC") == sorted(numbers, reverse=True)
        assert await found(f"WHERE OpenBalance__c = {one:f}") == [one]
        assert await found(f"WHERE OpenBalance__c IN ({one:f})") == [one]
        for sign, holds in (("<", Decimal.__lt__), (">=", Decimal.__ge__), ("!=", Decimal.__ne__)):
            wanted = {each for each in numbers if holds(each, one)}
            assert set(await found(f"WHERE OpenBalance__c {sign} {one:f}")) == wanted
    org.store.close()


async def test_an_update_to_the_same_long_number_tells_nothing(client, org):
    record_id = org.create("Account", {"Name": "N", "OpenBalance__c": "1234567890123456.78"})
    told = types.last_event(org)
    org.update("Account", record_id, {"OpenBalance__c": "1234567890123456.780"})
    assert types.last_event(org) == told


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Day__c", "1699-12-31", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Day__c", "4001-01-01", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Day__c", "2026-02-30", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Moment__c", "1699-12-31T23:59:59Z", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Moment__c", "4001-01-01T00:00:00Z", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Moment__c", "0001-01-01T00:00:00+05:00", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Hour__c", "25:00:00", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Hour__c", 5, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Whole__c", 10**18, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Whole__c", "many", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Int__c", 2**31, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Int__c", 1.5, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("Big__c", "9223372036854775808", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Pick__c", "Three", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Multi__c", "a;d", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Secret__c", "x" * 176, "STRING_TOO_LONG"),
        ("Flag__c", "perhaps", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
    ],
)
async def test_what_no_field_of_its_type_can_have_is_refused(typed_org, name, value, code):
    async with bulk_client(typed_org) as client:
        answer = await client.post(f"{V}/sobjects/Account", json={"Name": "N", name: value})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


async def test_dates_out_of_range_are_refused_in_every_way_in(typed_org):
    async with bulk_client(typed_org) as client:
        outcome = await types.written(client, "bulk", {"Day__c": "1066-10-14"})
        assert "NUMBER_OUTSIDE_VALID_RANGE" in outcome
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": "Account"}, "Name": "N", "Day__c": "1066-10-14"}],
        }
        [answer] = (await client.post(f"{V}/composite/sobjects", json=body)).json()
        assert answer["errors"][0]["statusCode"] == "NUMBER_OUTSIDE_VALID_RANGE"


async def test_texts_lose_their_blank_ends_and_one_of_blanks_alone_is_empty(client, org):
    record_id = org.create(
        "Account", {"Name": " \tTide gate\n ", "Website": " \n ", "Description": "\u00a0kept\u00a0 "}
    )
    assert org.records["Account"].whole(record_id) | {
        "Name": "Tide gate",
        "Website": None,
        "Description": "\u00a0kept\u00a0",
    } == (org.records["Account"].whole(record_id))


async def test_a_name_of_blanks_alone_is_missing(client):
    answer = await client.post(f"{V}/sobjects/Account", json={"Name": "  "})
    assert answer.json()[0]["errorCode"] == "REQUIRED_FIELD_MISSING"


async def test_a_nul_stays_in_a_text_in_every_way_out(typed_org):
    async with bulk_client(typed_org) as client:
        record_id = await types.written(client, "rest", {"Text__c": 'a\x00"b'})
        assert (await types.from_bulk(client, record_id))["Text__c"] == 'a\x00"b'
        assert (await types.from_rest(client, record_id))["Text__c"] == 'a\x00"b'
    assert types.from_cometd(types.last_event(typed_org))["Text__c"] == 'a\x00"b'


async def test_times_are_filtered_and_sorted(typed_org):
    async with bulk_client(typed_org) as client:
        ids = [
            await types.written(client, "rest", {"Hour__c": each, "Text__c": "two times"})
            for each in ("17:30:00", "09:00:00.500Z")
        ]
        soql = "SELECT Id, Hour__c FROM Account WHERE Text__c = 'two times' AND Hour__c < 18:00:00.000Z ORDER BY Hour__c"
        rows = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
        assert [(row["Id"], row["Hour__c"]) for row in rows] == [
            (ids[1], "09:00:00.500Z"),
            (ids[0], "17:30:00.000Z"),
        ]
        soql = "SELECT Id FROM Account WHERE Text__c = 'two times' AND Hour__c = 17:30:00.000Z"
        assert len((await client.get(f"{V}/query", params={"q": soql})).json()["records"]) == 1


async def test_describe_says_of_each_type_what_it_is(typed_org):
    async with bulk_client(typed_org) as client:
        fields = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    found = {field["name"]: field for field in fields}

    def said(name: str, *keys: str) -> tuple[Any, ...]:
        return tuple(found[name][key] for key in keys)

    assert said("Secret__c", "type", "length", "filterable") == ("encryptedstring", 175, False)
    assert said("Rich__c", "type", "htmlFormatted", "extraTypeInfo") == ("textarea", True, "richtextarea")
    assert said("Long__c", "type", "htmlFormatted", "extraTypeInfo") == ("textarea", False, "plaintextarea")
    assert said("Whole__c", "type", "precision", "scale", "digits") == ("double", 18, 0, 0)
    assert said("Deep__c", "precision", "scale") == (18, 17)
    assert said("Int__c", "precision", "digits", "soapType") == (0, 9, "xsd:int")
    assert said("Big__c", "type", "soapType") == ("long", "xsd:long")
    assert said("Hour__c", "type", "soapType") == ("time", "xsd:time")
    assert said("Pick__c", "restrictedPicklist") == (True,)
    assert [each["value"] for each in found["Open__c"]["picklistValues"]] == ["One", "Two"]
    assert said("Open__c", "restrictedPicklist") == (False,)
    assert said("Combo__c", "type") == ("combobox",)
    assert said("Any__c", "type", "soapType") == ("anyType", "xsd:anyType")


async def test_the_tooling_api_tells_how_a_field_is_classified(client):
    given = {
        "compliance": "PII;GDPR",
        "classification": "MissionCritical",
        "business_owner": "005Tg0000000001AAA",
    }
    await client.post(FIELDS, json={"name": "ns__Owned__c", "type": "string", **given})
    soql = (
        "SELECT NamespacePrefix, DeveloperName, ComplianceGroup, SecurityClassification, BusinessOwnerId FROM FieldDefinition "
        "WHERE EntityDefinitionId = 'Account' AND QualifiedApiName = 'ns__Owned__c'"
    )
    [row] = (await client.get(f"{V}/tooling/query", params={"q": soql})).json()["records"]
    row.pop("attributes")
    assert tuple(row.values()) == ("ns", "Owned", *given.values())


@pytest.mark.parametrize("name", ["website", "OPENBALANCE__C", "id", "systemmodstamp", "billingaddress"])
async def test_a_name_that_differs_by_case_alone_is_taken(client, name):
    answer = await client.post(FIELDS, json={"name": name, "type": "string"})
    assert answer.status_code == 400
    assert "DUPLICATE_DEVELOPER_NAME" in answer.text


async def test_of_a_list_of_fields_all_are_added_or_none(client, org):
    fields = [{"name": name, "type": "string"} for name in ("New__c", "website")]
    assert (await client.post(FIELDS, json=fields)).status_code == 400
    assert "New__c" not in org.records["Account"].spec.fields
    assert (await client.post(FIELDS, json=fields[:1])).status_code == 200
    org.create("Account", {"Name": "N", "New__c": "x"})


async def test_a_removed_fields_name_can_be_had_again_in_other_letters(client):
    await client.delete(FIELDS, params={"name": "Website"})
    answer = await client.post(FIELDS, json={"name": "website", "type": "string"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        (f"{'a' * 40}__c", True),
        (f"{'a' * 41}__c", False),
        (f"abcdefghijklmno__{'a' * 40}__c", True),
        (f"abcdefghijklmnop__{'a' * 40}__c", False),
        ("a__b__d__c", False),
        ("a___c", False),
    ],
)
async def test_a_custom_name_has_forty_characters_and_a_namespace(client, name, fits):
    answer = await client.post(FIELDS, json={"name": name, "type": "string"})
    assert (answer.status_code == 200) == fits


async def test_a_unique_text_is_refused_twice_and_capitals_count_if_set_up_so(client):
    await client.post(FIELDS, json={"name": "Code__c", "type": "string", "is_unique": True})
    await client.post(
        FIELDS, json={"name": "Cased__c", "type": "string", "is_unique": True, "case_sensitive": True}
    )
    url = f"{V}/sobjects/Account"
    assert (await client.post(url, json={"Name": "N", "Code__c": "a", "Cased__c": "a"})).status_code == 201
    refused = await client.post(url, json={"Name": "N", "Code__c": "A"})
    assert refused.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert (await client.post(url, json={"Name": "N", "Cased__c": "A"})).status_code == 201
    assert (await client.post(url, json={"Name": "N", "Cased__c": "a"})).json()[0][
        "errorCode"
    ] == "DUPLICATE_VALUE"


async def test_a_number_may_be_the_key_of_an_upsert(client):
    await client.post(FIELDS, json={"name": "Key__c", "type": "double", "external_id": True})
    url = f"{V}/sobjects/Account/Key__c/1234567890123456.78"
    assert (await client.patch(url, json={"Name": "N"})).status_code == 201
    assert (await client.patch(url, json={"Name": "M"})).status_code == 200
    rows = (await client.get(f"{V}/query", params={"q": "SELECT Name FROM Account"})).json()["records"]
    assert [row["Name"] for row in rows] == ["M"]


async def test_a_field_that_would_be_unique_over_equal_values_is_refused(client, org):
    for _ in range(2):
        org.create("Account", {"Name": "N"})
    answer = await client.post(
        FIELDS, json={"name": "One__c", "type": "string", "is_unique": True, "fills": "x"}
    )
    assert (answer.status_code, "DUPLICATE_VALUE" in answer.text) == (400, True)
    assert "One__c" not in org.records["Account"].spec.fields
    org.create("Account", {"Name": "N"})


async def test_the_fields_of_every_type_outlive_a_restart(client, org, tmp_path):
    await types.add_all(client)
    await client.post(FIELDS, json={"name": "Loc__c", "type": "location"})
    await client.post("/sandbox/person-accounts")
    again = open_org(tmp_path, edition="enterprise")
    assert again.records["Account"].spec == org.records["Account"].spec
    assert again.records["Account"].has_persons
    again.store.close()


async def test_a_classic_bulk_job_has_the_same_values(typed_org):
    values = {
        "Whole__c": Decimal("123456789012345678"),
        "Money__c": Decimal("9999999999999999.99"),
        "Hour__c": "17:30:00.000Z",
    }
    async with bulk_client(typed_org) as client:
        record_id = await types.written(client, "rest", values)
        soql = f"SELECT {', '.join(values)} FROM Account WHERE Id = '{record_id}'"
        [as_csv] = rows_of(await classic_result(client, "CSV", "text/csv", soql))
        [as_json] = types.exact_json((await classic_result(client, "JSON", "application/json", soql)).content)
    assert tuple(as_csv.values()) == ("123456789012345678", "9999999999999999.99", "17:30:00.000Z")
    assert (as_json["Whole__c"], as_json["Money__c"]) == (values["Whole__c"], values["Money__c"])
    assert as_json["Hour__c"] == (17 * 60 + 30) * 60_000


async def classic_result(client, kind, media, soql):
    """The one result of a query job of Bulk API 1.0."""
    root = "/services/async/67.0/job"
    accept = {"Accept": "application/json"}
    job = {"operation": "query", "object": "Account", "contentType": kind}
    job_id = (await client.post(root, json=job, headers=accept)).json()["id"]
    headers = {**accept, "Content-Type": media}
    batch = (await client.post(f"{root}/{job_id}/batch", content=soql, headers=headers)).json()
    path = f"{root}/{job_id}/batch/{batch['id']}"
    async with asyncio.timeout(20 * SLOWNESS):
        while (await client.get(path, headers=accept)).json()["state"] != "Completed":  # noqa: ASYNC110 -- HTTP sets no event
            await asyncio.sleep(0.01)
    [result] = (await client.get(f"{path}/result", headers=accept)).json()
    return await client.get(f"{path}/result/{result}")


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("Hour__c < 18:00:00.000Z", True),
        ("Hour__c >= 17:30:00.001Z", False),
        ("Money__c = 1234567890123456.78", True),
        ("Money__c < 1234567890123456.78", False),
        ("Money__c > 1234567890123456.77", True),
    ],
)
async def test_channels_filter_by_times_and_long_numbers(typed_org, expression, passes):
    values = {"Hour__c": "17:30:00.000Z", "Money__c": "1234567890123456.78"}
    typed_org.create("Account", {"Name": "N", **values})
    member = typed_org.channels.member("Account", expression, [])
    assert member.event_filter is not None
    assert member.event_filter.holds(loads(types.last_event(typed_org))["payload"]) is passes


async def test_a_reference_may_lead_to_several_objects(client, org):
    await client.post(
        FIELDS, json={"name": "About__c", "type": "reference", "references": ["Contact", "Case"]}
    )
    case_id = org.create("Case", {"Status": "New"})
    answer = await client.post(f"{V}/sobjects/Account", json={"Name": "N", "About__c": case_id})
    assert answer.status_code == 201
    soql = "SELECT About__c, About__r.Type FROM Account WHERE About__c != null"
    [row] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert (row["About__c"], row["About__r"]) == (case_id, None) or row["About__r"]["Type"] == "Case"
    found = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    [field] = [each for each in found if each["name"] == "About__c"]
    assert (field["referenceTo"], field["polymorphicForeignKey"]) == (["Contact", "Case"], True)


async def test_bytes_of_a_file_are_told_by_their_address_and_are_in_no_event_and_no_job(client, org):
    await client.post(FIELDS, json={"name": "File__c", "type": "base64"})
    answer = await client.post(f"{V}/sobjects/Account", json={"Name": "N", "File__c": "dGlkZQ=="})
    record_id = answer.json()["id"]
    [row] = (await client.get(f"{V}/query", params={"q": "SELECT File__c FROM Account"})).json()["records"]
    assert row["File__c"] == f"{V}/sobjects/Account/{record_id}/File__c"
    assert (await client.get(row["File__c"])).content == b"tide"
    assert b"File__c" not in types.last_event(org)
    job = await client.post(
        f"{V}/jobs/query", json={"operation": "query", "query": "SELECT File__c FROM Account"}
    )
    assert job.status_code == 400


async def test_a_calculated_field_is_read_only_and_in_no_event(client, org):
    record_id = org.create("Account", {"Name": "N"})
    await client.post(FIELDS, json={"name": "Sum__c", "type": "double", "calculated": True, "fills": 4})
    refused = await client.patch(f"{V}/sobjects/Account/{record_id}", json={"Sum__c": 5})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    org.update("Account", record_id, {"Name": "O"})
    assert b"Sum__c" not in types.last_event(org)
    [row] = (await client.get(f"{V}/query", params={"q": "SELECT Sum__c FROM Account"})).json()["records"]
    assert row["Sum__c"] == 4


async def test_eight_hundred_fields_are_read_by_every_way(client, org):
    wide = [
        {"name": f"{'wide' * 8}{number:04d}__c", "type": "double" if number % 2 else "string"}
        for number in range(800)
    ]
    assert (await client.post(FIELDS, json=wide)).status_code == 200
    names = [name for name in org.records["Account"].spec.fields if name.startswith("wide")]
    record_id = org.create("Account", {"Name": "N", **{name: str(place) for place, name in enumerate(names)}})
    async with bulk_client(org) as bulk:
        soql = f"SELECT {', '.join(names)} FROM Account WHERE Id = '{record_id}'"
        job = (await bulk.post(f"{V}/jobs/query", json={"operation": "query", "query": soql})).json()
        await until(bulk, f"{V}/jobs/query/{job['id']}", "JobComplete")
        [row] = rows_of(await bulk.get(f"{V}/jobs/query/{job['id']}/results"))
    assert [float(value) for value in row.values()] == [float(place) for place in range(800)]
    read = types.avro_of(org, types.last_event(org))
    assert [float(read[name]) for name in names] == [float(place) for place in range(800)]
