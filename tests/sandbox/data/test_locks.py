"""Which records a write locks, and that nobody waits forever or for nothing."""

import asyncio

import pytest

from sandbox.org.state.dml import Dml, Write
from tests.sandbox.org_in_process import new_org


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    opened.dials.records.chunk_seconds, opened.dials.records.lock_wait_seconds = 0.05, 0.01
    yield opened
    opened.store.close()


async def together(org, *rows):
    """Whether each row, written at the same time as the others, succeeded."""
    dml = Dml(org)
    user = org.identity.user_id
    outcomes = await asyncio.gather(*(dml.apply([row], user=user, origin="") for row in rows))
    return [outcome.succeeded for [outcome] in outcomes]


def request_with_payments(org, count):
    account = [org.create("Account", {"Name": "A"}) for _ in range(count)]
    request = org.create("ServiceRequest__c", {"Status__c": "Submitted"})
    fields = {"ServiceRequest__c": request, "Status__c": "Sent", "Amount__c": 1.0}
    return request, [org.create("Payment__c", {**fields, "Account__c": each}) for each in account]


async def test_an_update_of_a_detail_locks_its_master_though_it_does_not_name_it(org):
    _, payments = request_with_payments(org, 2)
    rows = [Write("update", "Payment__c", {"Amount__c": 2.0}, each) for each in payments]
    assert sorted(await together(org, *rows)) == [False, True]


async def test_updates_of_the_details_of_two_masters_do_not_meet(org):
    first = request_with_payments(org, 1)[1]
    second = request_with_payments(org, 1)[1]
    rows = [Write("update", "Payment__c", {"Amount__c": 2.0}, each) for each in first + second]
    assert await together(org, *rows) == [True, True]


async def test_a_common_owner_is_not_locked(org):
    owner = {"OwnerId": org.identity.user_id}
    rows = [Write("insert", "Account", {"Name": name, **owner}) for name in "AB"]
    assert await together(org, *rows) == [True, True]


async def test_a_parent_given_by_its_external_id_is_locked_too(org):
    org.create("Account", {"Name": "A", "ExternalId__c": "A-1"})
    contact = {"LastName": "L", "Account": {"ExternalId__c": "A-1"}}
    rows = [Write("insert", "Contact", contact) for _ in range(2)]
    assert sorted(await together(org, *rows)) == [False, True]


async def test_an_upsert_locks_the_record_that_its_key_finds_however_the_key_is_spelt(org):
    org.create("Account", {"Name": "A", "ExternalId__c": "A-1"})
    rows = [
        Write("upsert", "Account", {"externalid__C": "a-1", "Phone": phone}, key="EXTERNALID__c")
        for phone in "12"
    ]
    assert sorted(await together(org, *rows)) == [False, True]


async def test_all_or_none_writes_nothing_when_one_row_cannot_lock(org):
    shared, free = (org.create("Account", {"Name": name}) for name in "AB")
    dml, user = Dml(org), org.identity.user_id
    holding = asyncio.create_task(
        dml.apply([Write("update", "Account", {"Phone": "1"}, shared)], user=user, origin="")
    )
    await asyncio.sleep(0)
    rows = [Write("update", "Account", {"Phone": "2"}, each) for each in (free, shared)]
    outcomes = await dml.apply(rows, user=user, origin="", all_or_none=True)
    await holding
    assert [outcome.error.code for outcome in outcomes if outcome.error] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "UNABLE_TO_LOCK_ROW",
    ]
    assert org.records["Account"].whole(free)["Phone"] is None


async def test_locks_are_let_go_when_a_write_is_cancelled(org):
    account_id = org.create("Account", {"Name": "A"})
    row = Write("update", "Account", {"Phone": "1"}, account_id)
    cancelled = asyncio.create_task(Dml(org).apply([row], user=org.identity.user_id, origin=""))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert await together(org, row) == [True]
