"""Objects that every org has beside those of the catalogue: they are written, valued by default,
closed by their status, and on no channel until somebody selects them.

Pages: Object Reference, "Lead", "Task", "Event", "Opportunity", "Case", "Pricebook2", "Address
Compound Fields"; Change Data Capture Developer Guide, "Select Objects for Change Notifications".
"""

import orjson
import pytest

from tests.sandbox.org_in_process import client_of, new_org
from tests.sandbox.rest_client import V, error

DEAL = {"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-03-01"}


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as opened:
        yield opened


async def made(client, object_name, **fields):
    answer = await client.post(f"{V}/sobjects/{object_name}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def read(client, object_name, record_id, *names):
    answer = await client.get(f"{V}/sobjects/{object_name}/{record_id}", params={"fields": ",".join(names)})
    found = answer.json()
    return [found[name] for name in names]


async def described(client, object_name):
    fields = (await client.get(f"{V}/sobjects/{object_name}/describe")).json()["fields"]
    return {field["name"]: field for field in fields}


def payloads(org):
    rows = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    return [orjson.loads(row[0])["payload"] for row in rows]


@pytest.mark.parametrize(
    ("object_name", "fields"),
    [
        ("Lead", {"LastName": "L", "Company": "C"}),
        ("Task", {"Subject": "Call"}),
        ("Event", {"Subject": "Meet", "StartDateTime": "2026-03-01T10:00:00Z", "DurationInMinutes": 30}),
        ("Campaign", {"Name": "Spring"}),
        ("Product2", {"Name": "Bed", "ProductCode": "B-1"}),
        ("Pricebook2", {"Name": "Partners"}),
        ("Asset", {"Name": "Wheelchair"}),
    ],
)
async def test_a_standard_object_is_made_changed_found_and_deleted(client, object_name, fields):
    record_id = await made(client, object_name, **fields)
    path = f"{V}/sobjects/{object_name}/{record_id}"
    assert (await client.patch(path, json={"Description": "changed"})).status_code == 204
    assert await read(client, object_name, record_id, "Description") == ["changed"]
    soql = f"SELECT Id FROM {object_name} WHERE Id = '{record_id}'"
    assert (await client.get(f"{V}/query", params={"q": soql})).json()["totalSize"] == 1
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_records_of_several_standard_objects_lead_to_one_another(client):
    campaign = await made(client, "Campaign", Name="Spring")
    lead = await made(client, "Lead", LastName="L", Company="C")
    member = await made(client, "CampaignMember", CampaignId=campaign, LeadId=lead)
    product = await made(client, "Product2", Name="Bed")
    soql = "SELECT Id FROM Pricebook2 WHERE IsStandard = true"
    [book] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    await made(client, "PricebookEntry", Pricebook2Id=book["Id"], Product2Id=product, UnitPrice=9.5)
    soql = "SELECT Campaign.Name, Lead.Company FROM CampaignMember"
    [found] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert (found["Campaign"]["Name"], found["Lead"]["Company"]) == ("Spring", "C")
    await client.delete(f"{V}/sobjects/Campaign/{campaign}")
    assert (await client.get(f"{V}/sobjects/CampaignMember/{member}")).status_code == 404


async def test_a_task_is_about_no_object_that_it_does_not_refer_to(client):
    user = (await client.get(f"{V}/query", params={"q": "SELECT Id FROM User LIMIT 1"})).json()["records"][0]
    answer = await client.post(f"{V}/sobjects/Task", json={"Subject": "S", "WhatId": user["Id"]})
    assert (answer.status_code, error(answer)["errorCode"]) == (400, "INVALID_CROSS_REFERENCE_KEY")


@pytest.mark.parametrize(
    ("object_name", "given", "defaults"),
    [
        ("Case", {}, {"Status": "New", "IsClosed": False, "IsEscalated": False}),
        ("Lead", {"LastName": "L", "Company": "C"}, {"Status": "Open - Not Contacted", "IsConverted": False}),
        ("Task", {}, {"Status": "Not Started", "Priority": "Normal", "IsClosed": False}),
        ("Campaign", {"Name": "C"}, {"Status": "Planned", "IsActive": False}),
    ],
)
async def test_a_new_record_gets_the_defaults_that_describe_tells(client, org, object_name, given, defaults):
    record_id = await made(client, object_name, **given)
    assert await read(client, object_name, record_id, *defaults, "OwnerId") == [
        *defaults.values(), org.identity.user_id,
    ]  # fmt: skip
    status = (await described(client, object_name))["Status"]
    assert (status["defaultValue"], status["defaultedOnCreate"], status["nillable"]) == (
        defaults["Status"], True, False,
    )  # fmt: skip
    chosen = [value["value"] for value in status["picklistValues"] if value["defaultValue"]]
    assert chosen == [defaults["Status"]]


@pytest.mark.parametrize(
    ("stage", "closed", "won"),
    [
        ("Closed Won", True, True),
        ("closed lost", True, False),
        ("Qualification", False, False),
        ("Own", False, False),
    ],
)
async def test_an_opportunity_is_closed_and_won_by_its_stage(client, org, stage, closed, won):
    first = await made(client, "Opportunity", **{**DEAL, "StageName": stage})
    assert await read(client, "Opportunity", first, "IsClosed", "IsWon") == [closed, won]
    second = await made(client, "Opportunity", **DEAL)
    answer = await client.patch(f"{V}/sobjects/Opportunity/{second}", json={"StageName": stage})
    assert answer.status_code == 204
    assert await read(client, "Opportunity", second, "IsClosed", "IsWon") == [closed, won]
    told = payloads(org)[-1]
    changed = {"IsClosed": True} if closed else {}
    changed |= {"IsWon": True} if won else {}
    assert {name: told[name] for name in ("IsClosed", "IsWon") if name in told} == changed


async def test_a_case_and_a_task_are_closed_by_their_status(client):
    case, task = await made(client, "Case", Status="Closed"), await made(client, "Task", Status="Completed")
    assert await read(client, "Case", case, "IsClosed") == [True]
    await client.patch(f"{V}/sobjects/Case/{case}", json={"Status": "In Review"})
    assert await read(client, "Case", case, "IsClosed") == [False]
    assert await read(client, "Task", task, "IsClosed") == [True]


@pytest.mark.parametrize(
    ("object_name", "field"),
    [("Opportunity", "IsWon"), ("Case", "IsClosed"), ("Lead", "IsConverted"), ("Pricebook2", "IsStandard")],
)
async def test_what_follows_from_other_fields_is_not_written(client, object_name, field):
    assert not (await described(client, object_name))[field]["createable"]
    given = {"Opportunity": DEAL, "Lead": {"LastName": "L", "Company": "C"}, "Pricebook2": {"Name": "P"}}
    body = {**given.get(object_name, {}), field: True}
    answer = await client.post(f"{V}/sobjects/{object_name}", json=body)
    assert (answer.status_code, error(answer)["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


@pytest.mark.parametrize(
    ("soql", "count"),
    [
        ("SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true", 1),
        ("SELECT MasterLabel FROM TaskStatus WHERE IsDefault = true", 1),
        ("SELECT MasterLabel FROM TaskPriority", 3),
        ("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true", 1),
        ("SELECT MasterLabel FROM OpportunityStage WHERE DefaultProbability = 100", 1),
    ],
)
async def test_statuses_are_queried_with_what_they_say(client, soql, count):
    assert (await client.get(f"{V}/query", params={"q": soql})).json()["totalSize"] == count


@pytest.mark.parametrize(
    ("object_name", "address"),
    [("Lead", "Address"), ("Contract", "ShippingAddress"), ("User", "Address"), ("Organization", "Address")],
)
async def test_an_address_has_its_geocode(client, object_name, address):
    fields = await described(client, object_name)
    parts = {name for name, field in fields.items() if field["compoundFieldName"] == address}
    stem = address.removesuffix("Address")
    assert {
        f"{stem}{part}" for part in ("Street", "City", "Latitude", "Longitude", "GeocodeAccuracy")
    } <= parts
    assert fields[address]["queryByDistance"]
    answer = await client.get(f"{V}/query", params={"q": f"SELECT {address} FROM {object_name}"})
    assert answer.status_code == 200


async def test_a_geocode_is_shown_with_its_address(client):
    place = {"Street": "1 Mill Lane", "City": "Harrow", "Latitude": 51.5, "Longitude": -0.25}
    lead = await made(client, "Lead", LastName="L", Company="C", GeocodeAccuracy="Street", **place)
    [address] = await read(client, "Lead", lead, "Address")
    assert {name: address[name] for name in ("city", "latitude", "longitude", "geocodeAccuracy")} == {
        "city": "Harrow", "latitude": 51.5, "longitude": -0.25, "geocodeAccuracy": "Street",
    }  # fmt: skip


async def test_a_standard_object_emits_events_once_it_is_selected(client, org):
    await made(client, "Lead", LastName="Before", Company="C")
    assert not payloads(org)
    member = {"eventChannel": "ChangeEvents", "selectedEntity": "LeadChangeEvent"}
    body = {"FullName": "ChangeEvents_LeadChangeEvent", "Metadata": member}
    answer = await client.post(f"{V}/tooling/sobjects/PlatformEventChannelMember", json=body)
    assert answer.status_code == 201, answer.text
    await made(client, "Lead", LastName="After", Company="C", City="Harrow", Latitude=51.5)
    [told] = payloads(org)
    assert (told["ChangeEventHeader"]["entityName"], told["Name"]["LastName"]) == ("Lead", "After")
    assert told["Address"] == {"City": "Harrow", "Latitude": 51.5}
    channel = org.channels.find("/data/ChangeEvents")
    deliveries, _ = org.channels.read(channel, 0, (10, 1_000_000))
    assert len(deliveries) == 1


async def test_a_channel_delivers_no_event_of_what_was_taken_off_it_again(client, org):
    member = {"eventChannel": "ChangeEvents", "selectedEntity": "LeadChangeEvent"}
    body = {"FullName": "ChangeEvents_LeadChangeEvent", "Metadata": member}
    answer = await client.post(f"{V}/tooling/sobjects/PlatformEventChannelMember", json=body)
    await made(client, "Lead", LastName="L", Company="C")
    await client.delete(f"{V}/tooling/sobjects/PlatformEventChannelMember/{answer.json()['id']}")
    channel = org.channels.find("/data/ChangeEvents")
    assert not org.channels.read(channel, 0, (10, 1_000_000))[0]


async def test_a_reset_leaves_the_standard_price_book(client, org):
    await made(client, "Pricebook2", Name="Partners")
    org.reset()
    soql = "SELECT Name FROM Pricebook2"
    [book] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert (book["Name"], org.counts["Pricebook2"]) == ("Standard Price Book", 1)
