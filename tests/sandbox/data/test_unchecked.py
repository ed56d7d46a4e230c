"""Values that no API would take, on purpose: events that are put on the bus, and records that are
stored as they are.
"""

import orjson
import pytest

from schemas.eventbus import pubsub_api_pb2 as wire
from tests.sandbox import every_type as types
from tests.sandbox.bulk_org import V, bulk_client, rows_of, until
from tests.sandbox.org_in_process import new_org
from tests.sandbox.pubsub_client import running

HEADER = {
    "entityName": "Account",
    "recordIds": ["001Tg0000000001AAA"],
    "changeType": "UPDATE",
    "changeOrigin": "",
    "transactionKey": "k",
    "sequenceNumber": 1,
    "commitTimestamp": 1_790_000_000_000,
    "commitNumber": 5,
    "commitUser": "005Tg0000000001AAA",
}


@pytest.fixture
def org(tmp_path):
    found = new_org(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
async def client(org):
    async with bulk_client(org) as client:
        yield client


def event(**body):
    return {"payload": {"ChangeEventHeader": HEADER, **body}}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (event(AnnualRevenue="much"), "AnnualRevenue"),
        (event(AnnualRevenue="12.5"), "AnnualRevenue"),
        (event(Verified__c="perhaps"), "Verified__c"),
        (event(NumberOfEmployees=2**40), "NumberOfEmployees"),
        (event(EligibleUntil__c="some day"), "EligibleUntil__c"),
        (event(Website=5), "Website"),
        (event(Surprise__c="x"), "no field Surprise__c"),
        (event(BillingAddress={"Planet": "Mars"}), "no part Planet"),
        (event(BillingAddress="one line"), "BillingAddress"),
        ({"payload": {"ChangeEventHeader": {**HEADER, "changeType": "EXPLODE"}}}, "header"),
        ({"payload": {"Website": "x"}}, "ChangeEventHeader"),
        ({"schema": "unknown", **event(Website="x")}, "schema"),
    ],
)
async def test_an_event_that_avro_cannot_say_is_an_error_at_injection(client, org, data, why):
    answer = await client.post("/sandbox/inject", json={"data": data})
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert org.bus.held == 0
    assert (await client.post("/sandbox/inject", json={"data": data, "unchecked": True})).status_code == 200
    assert org.bus.held == 1


async def test_wrong_content_of_the_right_type_is_injected_like_any_event(client, org):
    body = {"Website": "x" * 300, "ParentId": "003Tg0000000001AAA", "AnnualRevenue": 33.333333333333336}
    answer = await client.post("/sandbox/inject", json={"data": event(**body)})
    assert answer.status_code == 200, answer.text
    told = orjson.loads(types.last_event(org))
    assert told["event"]["replayId"] == answer.json()["replay_id"]
    read = types.avro_of(org, types.last_event(org))
    assert {name: read[name] for name in body} == body


async def test_an_injected_number_keeps_every_digit(client, org):
    content = orjson.dumps({"data": event(OpenBalance__c=0)}).replace(
        b'"OpenBalance__c":0', b'"OpenBalance__c":1234567890123456.78'
    )
    assert (await client.post("/sandbox/inject", content=content)).status_code == 200
    assert b'"OpenBalance__c":1234567890123456.78' in types.last_event(org)


async def test_what_avro_cannot_say_is_a_gap_to_pubsub_and_never_missing(tmp_path):
    async with running(tmp_path) as (org, client, _):
        bad = event(AnnualRevenue="much")
        org.publish_raw("Account", orjson.dumps({"schema": org.channels.schema_ids["Account"], **bad}))
        org.publish_raw("Account", b"{not json")
        org.create("Account", {"Name": "N"})
        call = await client.subscribe("/data/AccountChangeEvent", 10, replay_preset=wire.EARLIEST).open()
        gap, unread, created = await call.events(3)
        assert unread.event.payload == b"{not json"
        assert org.channels.codec(unread.event.schema_id) is None
        told, whole = (
            types.decoded(org, each.event.schema_id, each.event.payload) for each in (gap, created)
        )
        assert told["ChangeEventHeader"]["changeType"] == "GAP_UPDATE"
        assert told["ChangeEventHeader"]["recordIds"] == HEADER["recordIds"]
        assert told["AnnualRevenue"] is None
        assert whole["Name"] == "N"


RAW = {
    "AnnualRevenue": "much",
    "NumberOfEmployees": "many",
    "Verified__c": "perhaps",
    "EligibleUntil__c": "1066-10-14",
    "LastReviewedAt__c": "yesterday",
    "Website": "x" * 300,
    "ParentId": "003Tg0000000001AAA",
    "Industry": " \x00 ",
    "OpenBalance__c": 1234.567,
    "RiskScore__c": 0.30000000000000004,
}


async def test_a_stored_value_is_returned_by_queries_and_jobs_whatever_it_is(client, org):
    record_id = org.create("Account", {"Name": "N"})
    told, before = org.bus.held, org.records["Account"].modstamp(record_id)
    org.advance_clock(5)
    answer = await client.put(f"/sandbox/records/Account/{record_id}/raw", json={"fields": RAW})
    assert answer.status_code == 200, answer.text
    assert org.bus.held == told
    soql = f"SELECT Id, {', '.join(RAW)} FROM Account WHERE SystemModstamp > {before}"
    [row] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert {name: row[name] for name in RAW} == RAW
    job = (await client.post(f"{V}/jobs/query", json={"operation": "query", "query": soql})).json()
    await until(client, f"{V}/jobs/query/{job['id']}", "JobComplete")
    [line] = rows_of(await client.get(f"{V}/jobs/query/{job['id']}/results"))
    assert {name: line[name] for name in RAW} == {name: str(value) for name, value in RAW.items()}


async def test_a_record_is_made_for_an_id_that_no_object_would_give(client, org):
    answer = await client.put(
        "/sandbox/records/Account/999000000000001AAA/raw", json={"fields": {"Name": "Stray"}}
    )
    assert answer.status_code == 200
    rows = (
        await client.get(f"{V}/query", params={"q": "SELECT Id FROM Account WHERE Name = 'Stray'"})
    ).json()["records"]
    assert [row["Id"] for row in rows] == ["999000000000001AAA"]
    assert org.counts["Account"] == 1


async def test_an_unchecked_write_may_leave_the_modstamp(client, org):
    record_id = org.create("Account", {"Name": "N"})
    before = org.records["Account"].modstamp(record_id)
    org.advance_clock(5)
    await client.put(
        f"/sandbox/records/Account/{record_id}/raw", json={"fields": {"Name": None}, "touch": False}
    )
    assert org.records["Account"].modstamp(record_id) == before
    assert org.records["Account"].whole(record_id)["Name"] is None


@pytest.mark.parametrize("fields", [{"Surprise__c": 1}, {"Name": ["x"]}, {"NumberOfEmployees": 2**70}])
async def test_what_no_column_can_hold_is_refused(client, org, fields):
    record_id = org.create("Account", {"Name": "N"})
    answer = await client.put(f"/sandbox/records/Account/{record_id}/raw", json={"fields": fields})
    assert answer.status_code == 400


async def test_an_undeleted_record_with_a_wrong_value_is_still_told_of(client, org):
    record_id = org.create("Account", {"Name": "N"})
    await client.put(f"/sandbox/records/Account/{record_id}/raw", json={"fields": {"AnnualRevenue": "much"}})
    org.delete("Account", record_id)
    org.undelete("Account", record_id)
    assert orjson.loads(types.last_event(org))["payload"]["AnnualRevenue"] == "much"
