"""An administrator changes fields while the org is at work: describe, queries, writes, events and
their schemas follow at once.
"""

import asyncio

import fastavro
import orjson
import pytest

from sandbox.org.server.app import open_org
from tests.sandbox.org_in_process import client_of, new_org
from tests.support.builders.waiting import SLOWNESS

V = "/services/data/v67.0"
FIELDS = "/sandbox/fields/Account"


@pytest.fixture
def org(tmp_path):
    return new_org(tmp_path)


@pytest.fixture
async def client(org):
    async with client_of(org) as client:
        yield client


@pytest.fixture
def account(org):
    return org.create("Account", {"Name": "One", "Website": "https://one.example", "RiskScore__c": 1.5})


async def add(client, name="Grade__c", **given):
    answer = await client.post(FIELDS, json={"name": name, "type": "string", "length": 20, **given})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def change(client, name, **given):
    answer = await client.patch(FIELDS, json={"name": name, **given})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def described(client):
    fields = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    return {field["name"]: (field["type"], field["length"]) for field in fields}


async def query(client, soql):
    return await client.get(f"{V}/query", params={"q": soql})


def events(org):
    rows = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    return [orjson.loads(row[0]) for row in rows]


def header(event):
    return event["payload"]["ChangeEventHeader"]


async def test_a_new_field_is_described_written_queried_and_told_of_at_once(client, org, account):
    await add(client)
    assert (await described(client))["Grade__c"] == ("string", 20)
    answer = await client.patch(f"{V}/sobjects/Account/{account}", json={"Grade__c": "A"})
    assert answer.status_code == 204
    [row] = (await query(client, "SELECT Grade__c FROM Account WHERE Grade__c = 'A'")).json()["records"]
    assert row["Grade__c"] == "A"
    assert events(org)[-1]["payload"]["Grade__c"] == "A"


async def test_new_records_get_the_default_and_old_ones_what_fills_them_without_a_modstamp(
    client, org, account
):
    before, told = org.records["Account"].modstamp(account), len(events(org))
    await add(client, default="new", fills="old")
    young = org.create("Account", {"Name": "Two"})
    rows = (await query(client, "SELECT Id, Grade__c FROM Account")).json()["records"]
    assert {row["Id"]: row["Grade__c"] for row in rows} == {account: "old", young: "new"}
    assert org.records["Account"].modstamp(account) == before
    assert len(events(org)) == told + 1


async def test_an_event_keeps_the_schema_that_it_was_written_with(client, org, account):
    first = events(org)[-1]["schema"]
    await add(client)
    org.update("Account", account, {"Grade__c": "B"})
    second = events(org)[-1]["schema"]
    assert first != second
    names = []
    for schema_id in (first, second):
        schema = orjson.loads(org.channels.schema_json(schema_id))
        fastavro.parse_schema(schema)
        names.append([field["name"] for field in schema["fields"]])
    assert ["Grade__c" in each for each in names] == [False, True]


async def test_describe_says_that_it_was_modified_however_quick_the_changes_follow(client):
    for name in ("A__c", "B__c"):
        seen = (await client.get(f"{V}/sobjects")).headers["Last-Modified"]
        headers = {"If-Modified-Since": seen}
        assert (await client.get(f"{V}/sobjects", headers=headers)).status_code == 304
        await add(client, name)
        assert (await client.get(f"{V}/sobjects", headers=headers)).status_code == 200
        assert (await client.get(f"{V}/sobjects/Account/describe", headers=headers)).status_code == 200


async def test_a_removed_field_is_unknown_to_every_call(client, org, account):
    assert (await client.delete(FIELDS, params={"name": "Website"})).status_code == 200
    assert "Website" not in await described(client)
    refused = await query(client, "SELECT Website FROM Account")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    answer = await client.patch(f"{V}/sobjects/Account/{account}", json={"Website": "https://x.example"})
    assert answer.status_code == 400
    org.update("Account", account, {"Name": "Two"})
    assert "Website" not in orjson.loads(org.channels.schema_json(events(org)[-1]["schema"]))["fields"]


async def test_a_field_of_a_removed_ones_name_begins_empty(client, account):
    await client.delete(FIELDS, params={"name": "Website"})
    await add(client, "Website", type="url")
    [row] = (await query(client, "SELECT Website FROM Account")).json()["records"]
    assert row["Website"] is None


async def test_a_renamed_field_keeps_its_values(client, account):
    await change(client, "Website", new_name="Homepage__c")
    [row] = (await query(client, "SELECT Homepage__c FROM Account")).json()["records"]
    assert row["Homepage__c"] == "https://one.example"
    assert "Website" not in await described(client)


async def test_a_longer_text_loses_nothing_and_tells_nothing(client, org, account):
    told = len(events(org))
    assert (await change(client, "Website", type="textarea", length=4000))["values_lost"] == 0
    assert (await described(client))["Website"] == ("textarea", 4000)
    assert len(events(org)) == told


async def test_a_longer_text_keeps_the_values_of_records_in_the_recycle_bin(client, org, account):
    org.delete("Account", account)
    await change(client, "Website", type="textarea", length=4000)
    org.undelete("Account", account)
    [row] = (await query(client, "SELECT Website FROM Account")).json()["records"]
    assert row["Website"] == "https://one.example"


async def test_a_conversion_that_leaves_all_values_the_same_is_one_event_for_all_records(
    client, org, account
):
    modstamp = org.records["Account"].modstamp(account)
    assert (await change(client, "Website", type="double"))["values_lost"] == 1
    told = events(org)[-1]
    assert (header(told)["changeType"], header(told)["recordIds"]) == ("UPDATE", ["001*"])
    assert told["payload"]["Website"] is None
    assert org.records["Account"].modstamp(account) == modstamp


async def test_a_conversion_that_loses_some_values_is_told_by_gap_events(client, org, account):
    number = org.create("Account", {"Name": "Two", "Website": "12.5"})
    assert (await change(client, "Website", type="double"))["values_lost"] == 1
    told = header(events(org)[-1])
    assert (told["changeType"], told["recordIds"]) == ("GAP_UPDATE", [account])
    rows = (await query(client, "SELECT Id, Website FROM Account")).json()["records"]
    assert {row["Id"]: row["Website"] for row in rows} == {account: None, number: 12.5}


async def test_a_time_that_becomes_a_date_is_told_by_gap_events(client, org):
    stamps = ("2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z")
    ids = [org.create("Account", {"Name": "N", "LastReviewedAt__c": stamp}) for stamp in stamps]
    await change(client, "LastReviewedAt__c", type="date")
    assert header(events(org)[-1])["recordIds"] == ids


async def test_traffic_goes_on_through_every_change(client, org):
    await client.post("/sandbox/traffic", json={"rate_per_minute": 6_000, "seconds": 2})
    await add(client, default="x")
    await change(client, "Website", type="textarea", length=4000)
    await change(client, "Industry", new_name="Branch__c")
    await client.delete(FIELDS, params={"name": "AccountSource"})
    async with asyncio.timeout(20 * SLOWNESS):
        while (await client.get("/sandbox/traffic")).json()["running"]:  # noqa: ASYNC110 -- HTTP sets no event
            await asyncio.sleep(0.02)
    state = (await client.get("/sandbox/traffic")).json()
    assert state["sent"] >= state["target"]


async def test_the_schema_outlives_a_restart_and_not_a_reset(client, org, tmp_path, account):
    await add(client, default="new")
    again = open_org(tmp_path, edition="enterprise")
    assert again.records["Account"].for_create({"Name": "N"}, "u", "now")["Grade__c"] == "new"
    again.store.close()
    await client.post("/sandbox/reset")
    assert "Grade__c" not in await described(client)
    org.create("Account", {"Name": "One"})


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("POST", {"name": "Name", "type": "string"}),
        ("POST", {"name": "No Name", "type": "string"}),
        ("POST", {"name": "Ref__c", "type": "reference"}),
        ("PATCH", {"name": "Nothing__c", "new_name": "Some__c"}),
        ("PATCH", {"name": "CreatedDate", "type": "string"}),
        ("PATCH", {"name": "Website", "new_name": "Name"}),
    ],
)
async def test_what_no_administrator_may_do_is_refused_and_changes_nothing(client, method, body):
    before = await described(client)
    assert (await client.request(method, FIELDS, json=body)).status_code == 400
    assert await described(client) == before


async def test_a_field_that_a_channel_filters_by_is_not_removed(client, org):
    org.store.connection.execute(
        "UPDATE sandbox_channel_members SET filter = 'Website != null' WHERE entity = 'Account'"
    )
    assert (await client.delete(FIELDS, params={"name": "Website"})).status_code == 400
