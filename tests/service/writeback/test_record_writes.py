"""Batches of rows in one call, and what a failure says of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.salesforce.collections import CompositeWrites, Row, collections_needed
from clients.salesforce.http import OrgHttp
from sandbox.org.faults.faults import FaultRule
from schemas.errors import (
    BudgetSpentError,
    CallRefusedError,
    RateLimitedError,
    UnavailableError,
    UnknownOutcomeError,
)
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.writeback.row_errors import NOT_SENT

KEY = "ExternalId__c"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as found:
        await found.sessions.session()  # so that a fault meets the call and not the login
        yield found


def accounts(count: int, *, start: int = 0, **options: Any) -> list[Row]:
    numbers = range(start, start + count)
    return [Row(f"A-{number}", {"Name": f"Account {number}"}, **options) for number in numbers]


async def write(served: ServedOrg, rows: Sequence[Row], **options: Any):
    return await CompositeWrites(served.http).write("Account", KEY, rows, "b1", **options)


def records(served: ServedOrg) -> dict[str, dict[str, Any]]:
    connection = served.org.store.connection
    found = connection.execute(f'SELECT "{KEY}", Id, Name, Phone FROM Account WHERE IsDeleted = 0')
    return {row[0]: {"Id": row[1], "Name": row[2], "Phone": row[3]} for row in found}


def fault(served: ServedOrg, **rule: Any) -> None:
    served.org.faults.add(FaultRule(point=rule.pop("point", "http"), **{"times": 1, **rule}))


# --- what a batch costs and what it says


async def test_a_thousand_rows_are_one_call_by_the_orgs_count(served: ServedOrg):
    before = served.org.meters.api_calls.used
    results = await write(served, accounts(1_000))
    assert served.org.meters.api_calls.used - before == 1
    assert all(result.created and not result.code for result in results)
    assert [records(served)[f"A-{place}"]["Id"] for place in range(1_000)] == [
        result.record_id for result in results
    ]


async def test_what_one_collection_holds_needs_no_composite_request(served: ServedOrg):
    served.calls()
    await write(served, accounts(200))
    await write(served, accounts(201))
    assert served.calls() == [f"PATCH /composite/sobjects/Account/{KEY}", "POST /composite"]


async def test_more_than_one_call_can_carry_is_refused_before_anything_is_sent(served: ServedOrg):
    with pytest.raises(ValueError, match="6 collections"):
        await write(served, accounts(1_001))
    assert records(served) == {}


@pytest.mark.parametrize("count", [3, 203])
async def test_a_row_that_fails_leaves_its_neighbours_alone(served: ServedOrg, count: int):
    rows = accounts(count)
    rows[1] = Row("A-1", {"Name": None})
    results = await write(served, rows)
    assert [place for place, result in enumerate(results) if result.code] == [1]
    assert results[1].code == "REQUIRED_FIELD_MISSING"
    assert results[1].message == "Required fields are missing: [Name]"
    assert len(records(served)) == count - 1


@pytest.mark.parametrize("count", [2, 202])
async def test_an_error_of_a_whole_collection_is_the_error_of_each_of_its_rows(served: ServedOrg, count: int):
    results = await CompositeWrites(served.http).write("Account", "Nothing__c", accounts(count), "b1")
    assert {result.code for result in results} == {"NOT_FOUND"}
    assert len(results) == count


async def test_a_parent_may_be_named_by_its_external_id(served: ServedOrg):
    account = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    row = Row("C-1", {"LastName": "L", "Account": {KEY: "A-1"}})
    [result] = await CompositeWrites(served.http).write("Contact", KEY, [row], "b1")
    found = served.org.store.connection.execute(
        "SELECT AccountId FROM Contact WHERE Id = ?", (result.record_id,)
    )
    assert found.fetchone() == (account,)


@pytest.mark.parametrize("count", [1, 201])
async def test_the_batch_comes_back_in_the_origin_of_its_changes(served: ServedOrg, count: int):
    await write(served, accounts(count))
    events, _ = served.org.bus.read(0, None, 1_000, 10**9)
    assert events
    assert all(b";client=tidegate-b1" in event[3] for event in events)


# --- rows that may not create


async def test_a_row_that_may_not_create_changes_the_record_of_its_id(served: ServedOrg):
    account = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    rows = [Row("A-1", {"Phone": "1"}, may_create=False, record_id=account), *accounts(1, start=2)]
    served.calls()
    results = await write(served, rows)
    assert [(result.record_id == account, result.created) for result in results] == [
        (True, False),
        (False, True),
    ]
    assert records(served)["A-1"]["Phone"] == "1"
    assert served.calls() == ["POST /composite"]


async def test_a_record_that_went_meanwhile_is_not_made_by_a_row_that_may_not_create(served: ServedOrg):
    account = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    served.org.delete("Account", account)
    [result] = await write(served, [Row("A-1", {"Phone": "1"}, may_create=False, record_id=account)])
    assert result.code == "ENTITY_IS_DELETED"
    assert records(served) == {}


async def test_a_row_that_may_not_create_and_has_no_record_is_not_sent(served: ServedOrg):
    served.calls()
    [result] = await write(served, accounts(1, may_create=False))
    assert (result.code, served.calls()) == ("NOT_FOUND", [])


def test_known_records_go_by_id_when_that_spares_the_sixth_collection():
    by_id = accounts(450, may_create=False, record_id="x")
    assert collections_needed([*by_id, *accounts(550)]) == 6
    assert collections_needed([*by_id, *accounts(550, record_id="y")]) == 5


# --- values that a composite request would not leave alone


async def test_a_value_that_reads_as_a_reference_is_left_out_of_a_composite_request(served: ServedOrg):
    rows = accounts(201)
    rows[3] = Row("A-3", {"Name": "mail @{rows0[0].id} please"})
    results = await write(served, rows)
    assert [result.code for result in results if result.code] == [NOT_SENT]
    assert "A-3" not in records(served)
    assert len(records(served)) == 200


async def test_a_value_that_reads_as_a_reference_goes_by_a_collection_of_its_own(served: ServedOrg):
    await write(served, [Row("A-3", {"Name": "mail @{rows0[0].id} please"})])
    assert records(served)["A-3"]["Name"] == "mail @{rows0[0].id} please"


# --- what a failure says

LOST = [
    ({"kind": "latency", "seconds": 0.5}, True),
    ({"kind": "reset_before"}, False),
    ({"kind": "reset_after"}, True),
    ({"kind": "truncate"}, True),
    ({"kind": "html", "status": 503}, False),
    ({"kind": "html", "status": 429}, False),
    ({"kind": "status", "status": 503}, False),
    ({"kind": "status", "status": 500, "code": "UNKNOWN_EXCEPTION", "message": "ErrorId: 1"}, False),
    ({"kind": "status", "status": 400, "code": "REQUEST_RUNNING_TOO_LONG", "message": "m"}, False),
]


@pytest.mark.parametrize("count", [5, 205])
@pytest.mark.parametrize(("rule", "is_written"), LOST, ids=lambda each: str(each))
async def test_a_write_without_a_clear_answer_has_an_unknown_outcome(
    served: ServedOrg, monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any], is_written: bool, count: int
):
    if rule["kind"] == "latency":
        # Only such a call is to be given up: on a busy machine others take as long, too.
        monkeypatch.setattr("clients.salesforce.http._SHORT_SECONDS", 0.25)
    fault(served, match="/composite", **rule)
    with pytest.raises(UnknownOutcomeError) as caught:
        await write(served, accounts(count))
    # What is worked at longest is committed after we have given up: so late may "not there" be
    # wrong.
    for _ in range(100):
        if bool(records(served)) == is_written:
            break
        await asyncio.sleep(0.05)
    assert bool(records(served)) == is_written
    assert caught.value.is_over == (rule["kind"] == "status")


REFUSED = [
    ({"kind": "quota"}, RateLimitedError),
    ({"kind": "status", "status": 403, "code": "API_DISABLED_FOR_ORG", "message": "m"}, CallRefusedError),
    ({"kind": "status", "status": 400, "code": "UNABLE_TO_LOCK_ROW", "message": "m"}, None),
    ({"kind": "html", "status": 413}, CallRefusedError),
]


@pytest.mark.parametrize(("rule", "error"), REFUSED, ids=lambda each: str(each))
async def test_a_write_that_the_org_refuses_as_a_whole_is_known_not_to_be_done(
    served: ServedOrg, rule: dict[str, Any], error: type[Exception] | None
):
    fault(served, match="/composite", **rule)
    with pytest.raises(error or UnavailableError) as caught:
        await write(served, accounts(5))
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert records(served) == {}


async def test_an_org_that_cannot_be_reached_has_not_been_written_to(served: ServedOrg):
    session = await served.sessions.session()
    object.__setattr__(session, "instance_url", "http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="ConnectError"):
        await write(served, accounts(5))


@pytest.mark.parametrize(("characters", "is_known"), [(32_000, True), (10, False)])
async def test_a_write_that_is_broken_off_before_its_body_was_whole_is_known_not_to_be_done(
    served: ServedOrg, characters: int, *, is_known: bool
):
    fault(served, kind="reset_before", match="/composite")
    rows = [Row(f"A-{n}", {"Name": "n", "Description": "x" * characters}) for n in range(1_000)]
    with pytest.raises(UnavailableError if is_known else UnknownOutcomeError) as caught:
        await write(served, rows)
    assert isinstance(caught.value, UnknownOutcomeError) != is_known
    assert records(served) == {}
    assert len(await write(served, rows)) == len(rows)


async def test_a_session_that_is_over_is_renewed_and_the_batch_written_once(served: ServedOrg):
    fault(served, kind="expire_session", match="/composite")
    results = await write(served, accounts(5))
    assert all(result.created for result in results)
    assert len(records(served)) == 5


async def test_what_a_refusal_quotes_is_not_in_its_message(served: ServedOrg):
    quoting = "Cannot deserialize instance of date from VALUE_STRING value 1980-13-45"
    fault(served, kind="status", status=403, code="API_DISABLED_FOR_ORG", message=quoting, match="/composite")
    with pytest.raises(CallRefusedError) as caught:
        await write(served, accounts(5))
    assert "1980" not in str(caught.value)
    assert caught.value.words == quoting


class CutShort(httpx.AsyncHTTPTransport):
    """Something on the way that takes the last byte of every answer, and makes its length fit."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        return httpx.Response(response.status_code, content=(await response.aread())[:-1])


@pytest.mark.parametrize("count", [5, 205])
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(served: ServedOrg, count: int):
    async with OrgHttp(served.sessions, served.leases, transport=CutShort()) as http:
        with pytest.raises(UnknownOutcomeError, match="cannot be read"):
            await CompositeWrites(http).write("Account", KEY, accounts(count), "b1")
    assert len(records(served)) == count


async def test_row_errors_come_back_one_by_one(served: ServedOrg):
    locked = {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}
    fault(served, point="row", kind="error", match="Account", after=300, **locked)
    results = await write(served, accounts(500))
    assert [place for place, result in enumerate(results) if result.code] == [300]
    assert results[300].code == "UNABLE_TO_LOCK_ROW"


# --- law 5


async def test_without_a_token_nothing_is_sent(tmp_path: Path):
    async with served_org(tmp_path, patience=timedelta(seconds=0.2), api_calls=1) as served:
        await served.sessions.session()
        before = served.org.meters.api_calls.used
        with pytest.raises(BudgetSpentError):
            await write(served, accounts(5))
        assert served.org.meters.api_calls.used == before
        assert records(served) == {}


async def test_a_long_batch_is_not_given_up_when_it_becomes_long(
    served: ServedOrg, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clients.salesforce.http._SHORT_SECONDS", 0.25)
    fault(served, kind="latency", seconds=0.5, match="/composite")
    assert all(result.created for result in await write(served, accounts(5), is_long=True))
