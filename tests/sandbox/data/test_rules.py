"""The rules of an org's records: what a write must satisfy, and what else it does."""

import asyncio

import orjson
import pytest

from sandbox.org.errors import SalesforceError
from tests.sandbox.org_in_process import client_of, new_org
from tests.support.builders.waiting import until

V = "/services/data/v67.0"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as opened:
        yield opened


def events(org):
    rows = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
    return [orjson.loads(row[0])["payload"]["ChangeEventHeader"] for row in rows]


def told(org):
    return [(header["changeType"], header["entityName"], len(header["recordIds"])) for header in events(org)]


async def made(client, object_name, **fields):
    answer = await client.post(f"{V}/sobjects/{object_name}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def refusal(client, object_name, **fields):
    answer = await client.post(f"{V}/sobjects/{object_name}", json=fields)
    assert answer.status_code == 400, answer.text
    [error] = answer.json()
    return error["errorCode"], error["message"], error.get("fields")


async def query(client, soql):
    return (await client.get(f"{V}/query", params={"q": soql})).json()["records"]


def request(**more):
    return {"Status__c": "Submitted", **more}


async def payment(client, request_id=None, amount=10.0, **more):
    account_id = await made(client, "Account", Name="A")
    fields = {"Account__c": account_id, "Status__c": "Scheduled", "Amount__c": amount, **more}
    return await made(client, "Payment__c", ServiceRequest__c=request_id, **fields)


# --- what a write must satisfy


async def test_a_value_outside_a_restricted_picklist_is_refused(client):
    assert await refusal(client, "Case", Status="Sleeping") == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Status: bad value for restricted picklist field: Sleeping",
        ["Status"],
    )


async def test_describe_lists_the_values_of_a_restricted_picklist(client):
    described = (await client.get(f"{V}/sobjects/Case/describe")).json()["fields"]
    status = next(field for field in described if field["name"] == "Status")
    assert status["restrictedPicklist"]
    assert "Escalated" in [value["value"] for value in status["picklistValues"]]


async def test_a_text_that_is_no_email_address_is_refused(client):
    assert await refusal(client, "Contact", LastName="L", Email="nobody") == (
        "INVALID_EMAIL_ADDRESS",
        "Email: invalid email address: nobody",
        ["Email"],
    )


@pytest.mark.parametrize("wrong", ["001Tg000000ZZZZAAA", "003Tg0000000001AAA"])
async def test_a_reference_to_nothing_or_to_another_object_is_refused(client, wrong):
    from sandbox.org.schema.ids import eighteen

    code, message, fields = await refusal(client, "Contact", LastName="L", AccountId=eighteen(wrong[:15]))
    assert (code, message, fields) == (
        "INVALID_CROSS_REFERENCE_KEY",
        "invalid cross reference id",
        ["AccountId"],
    )


async def test_a_reference_of_15_characters_is_kept_in_its_long_form(client, org):
    account_id = await made(client, "Account", Name="A")
    contact_id = await made(client, "Contact", LastName="L", AccountId=account_id[:15])
    assert org.records["Contact"].whole(contact_id)["AccountId"] == account_id


# --- deletes and what follows them


async def test_children_of_a_cascade_go_and_come_with_their_parent(client, org):
    request_id = await made(client, "ServiceRequest__c", **request())
    payment_id = await payment(client, request_id)
    other = await payment(client)
    await client.delete(f"{V}/sobjects/ServiceRequest__c/{request_id}")
    assert told(org)[-2:] == [("DELETE", "Payment__c", 1), ("DELETE", "ServiceRequest__c", 1)]
    assert [r["Id"] for r in await query(client, "SELECT Id FROM Payment__c")] == [other]
    org.undelete("ServiceRequest__c", request_id)
    assert {r["Id"] for r in await query(client, "SELECT Id FROM Payment__c")} == {other, payment_id}


async def test_a_child_that_was_deleted_before_its_parent_stays_deleted_when_that_comes_back(client, org):
    request_id = await made(client, "ServiceRequest__c", **request())
    payment_id = await payment(client, request_id)
    await client.delete(f"{V}/sobjects/Payment__c/{payment_id}")
    org.clock.advance(5)
    await client.delete(f"{V}/sobjects/ServiceRequest__c/{request_id}")
    org.undelete("ServiceRequest__c", request_id)
    assert await query(client, "SELECT Id FROM Payment__c") == []


async def test_a_hard_delete_of_a_live_record_is_told_and_of_a_binned_one_is_not(client, org):
    live, binned = await made(client, "Account", Name="A"), await made(client, "Account", Name="B")
    await client.delete(f"{V}/sobjects/Account/{binned}")
    before = len(events(org))
    with org.transaction() as tx:
        tx.hard_delete("Account", live)
        tx.hard_delete("Account", binned)
    assert told(org)[before:] == [("DELETE", "Account", 1)]
    assert (await client.get(f"{V}/queryAll", params={"q": "SELECT Id FROM Account"})).json()[
        "totalSize"
    ] == 0
    assert (org.counts["Account"], org.deleted_counts["Account"]) == (0, 0)
    start, end = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
    start = org.clock.now().stored[:14] + "00:00Z"
    answer = await client.get(f"{V}/sobjects/Account/deleted", params={"start": start, "end": end})
    assert {entry["id"] for entry in answer.json()["deletedRecords"]} <= {live, binned}


async def test_the_recycle_bin_keeps_a_record_for_15_days(client, org):
    account_id = await made(client, "Account", Name="A")
    await client.delete(f"{V}/sobjects/Account/{account_id}")
    from datetime import UTC, datetime, timedelta

    def older_than(days):
        moment = datetime.fromtimestamp(org.clock.seconds(), UTC) - timedelta(days=days)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    assert org.empty_bin(older_than(15)) == 0
    org.clock.advance(16 * 86_400)
    assert org.empty_bin(older_than(15)) == 1


# --- calculated fields


async def test_a_roll_up_changes_without_a_modstamp_and_without_an_event(client, org):
    request_id = await made(client, "ServiceRequest__c", **request())
    soql = f"SELECT PaidTotal__c, SettledCount__c, SystemModstamp FROM ServiceRequest__c WHERE Id = '{request_id}'"
    [before] = await query(client, soql)
    org.clock.advance(5)
    payment_id = await payment(client, request_id, 12.5, Status__c="Settled")
    [after] = await query(client, soql)
    assert (before["PaidTotal__c"], after["PaidTotal__c"]) == (0.0, 12.5)
    assert (before["SettledCount__c"], after["SettledCount__c"]) == (0.0, 1.0)
    assert before["SystemModstamp"] == after["SystemModstamp"]
    assert [name for _, name, _ in told(org)].count("ServiceRequest__c") == 1
    await client.delete(f"{V}/sobjects/Payment__c/{payment_id}")
    assert (await query(client, soql))[0]["PaidTotal__c"] == 0.0


async def test_a_cross_object_formula_follows_its_parent(client, org):
    account_id = await made(client, "Account", Name="A", Region__c="North")
    await made(client, "Case", Status="New", AccountId=account_id)
    await client.patch(f"{V}/sobjects/Account/{account_id}", json={"Region__c": "South"})
    assert [c["AccountRegion__c"] for c in await query(client, "SELECT AccountRegion__c FROM Case")] == [
        "South"
    ]
    found = await query(client, "SELECT Id FROM Case WHERE AccountRegion__c = 'south'")
    assert len(found) == 1


async def test_a_calculated_field_is_described_so_and_cannot_be_written(client):
    described = (await client.get(f"{V}/sobjects/Case/describe")).json()["fields"]
    region = next(field for field in described if field["name"] == "AccountRegion__c")
    assert (region["calculated"], region["createable"], region["calculatedFormula"]) == (
        True,
        False,
        "Account.Region__c",
    )
    code, _, fields = await refusal(client, "Case", Status="New", AccountRegion__c="North")
    assert (code, fields) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["AccountRegion__c"])


# --- gaps and overflow


async def test_a_gap_event_names_records_and_carries_no_values(client, org):
    ids = [await made(client, "Account", Name=name) for name in "AB"]
    answer = await client.post(
        "/sandbox/gap", json={"object": "Account", "record_ids": ids, "change": "UPDATE"}
    )
    assert answer.status_code == 200
    row = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id DESC").fetchone()
    payload = orjson.loads(row[0])["payload"]
    assert payload["ChangeEventHeader"]["changeType"] == "GAP_UPDATE"
    assert payload["ChangeEventHeader"]["recordIds"] == ids
    assert list(payload) == ["ChangeEventHeader"]


def test_a_transaction_beyond_the_threshold_ends_in_one_overflow_event_an_object(org):
    org.overflow_changes = 3
    with org.transaction() as tx:
        for number in range(4):
            tx.create("Account", {"Name": f"A{number}"})
        for number in range(2):
            tx.create("Contact", {"LastName": f"C{number}"})
    headers = events(org)
    assert told(org)[:3] == [("CREATE", "Account", 1)] * 3
    assert [(h["changeType"], h["entityName"], h["recordIds"]) for h in headers[3:]] == [
        ("GAP_OVERFLOW", "Account", ["000000000000000AAA"]),
        ("GAP_OVERFLOW", "Contact", ["000000000000000AAA"]),
    ]
    assert [h["sequenceNumber"] for h in headers] == [1, 2, 3, 4, 5]


def test_an_update_counts_for_the_threshold_once_a_changed_field(org):
    account_id = org.create("Account", {"Name": "A"})
    org.overflow_changes = 3
    with org.transaction() as tx:
        tx.update("Account", account_id, {"Phone": "1", "Website": "w", "Type": "Employer"})
    assert told(org)[-1] == ("GAP_OVERFLOW", "Account", 1)


# --- time


def test_a_late_commit_has_a_modstamp_before_its_commit_and_never_before_the_records_last_one(org):
    org.dials.records.commit_lag_seconds, org.dials.records.commit_lag_share = 60, 1
    account_id = org.create("Account", {"Name": "A"})
    lagged = org.records["Account"].modstamp(account_id)
    assert lagged < org.clock.now().stored
    for number in range(10):
        org.update("Account", account_id, {"Phone": str(number)})
        assert org.records["Account"].modstamp(account_id) >= lagged
        lagged = org.records["Account"].modstamp(account_id)


# --- locks


async def test_a_write_that_cannot_lock_the_parent_fails_and_leaves_others_alone(client, org):
    shared, free = await made(client, "Account", Name="A"), await made(client, "Account", Name="B")
    org.dials.records.chunk_seconds, org.dials.records.lock_wait_seconds = 0.2, 0.02

    async def insert(rows):
        body = {
            "records": [{"attributes": {"type": "Contact"}, "LastName": "L", "AccountId": a} for a in rows]
        }
        return (await client.post(f"{V}/composite/sobjects", json=body)).json()

    first, second = await asyncio.gather(insert([shared]), insert([shared, free]))
    outcomes = sorted((first, second), key=len)
    assert [row["success"] for row in outcomes[0]] == [True]
    assert [row["success"] for row in outcomes[1]] == [False, True]
    [error] = outcomes[1][0]["errors"]
    assert error["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert shared in error["message"]


async def test_a_write_waits_for_a_lock_that_is_let_go_in_time(client, org):
    account_id = await made(client, "Account", Name="A")
    org.dials.records.chunk_seconds = 0.05
    url = f"{V}/sobjects/Account/{account_id}"
    answers = await asyncio.gather(*(client.patch(url, json={"Phone": str(n)}) for n in range(3)))
    assert [answer.status_code for answer in answers] == [204, 204, 204]


def test_an_unknown_object_is_not_written(org):
    with pytest.raises(SalesforceError, match="NOT_FOUND"):
        org.create("Nothing", {})


async def test_queries_see_a_commit_only_after_the_delay_and_reads_by_id_at_once(client, org):
    org.dials.records.query_delay_seconds = 60
    ids: list[str] = []

    async def is_seen(account_id: str) -> bool:
        found = await query(client, "SELECT Id FROM Account")
        return account_id in {record["Id"] for record in found}

    async def one_is_hidden() -> bool:  # there is no past yet that a query could see
        ids.append(await made(client, "Account", Name="A"))
        return not await is_seen(ids[-1])

    await until(one_is_hidden)
    assert (await client.get(f"{V}/sobjects/Account/{ids[-1]}")).status_code == 200
    org.dials.records.query_delay_seconds = 0.01
    await until(lambda: is_seen(ids[-1]))
