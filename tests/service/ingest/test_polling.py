"""A polled object against the org: what changes is read once, in order, by either API, whatever
happens meanwhile.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.polling import PolledSource
from clients.salesforce.request import Call
from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.org import Org
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.catalogue import default_catalogue
from schemas.errors import BudgetSpentError, CallTooSlowError, UnavailableError
from schemas.governor import Budget, LeaseClass
from schemas.ingest.positions import PolledPosition, PolledRow
from tests.support.engines.served_org import ServedOrg, served_org

QUERY, JOBS = "GET /queryAll", "/jobs/query"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as served:
        yield served


def source(served: ServedOrg, object_name: str = "Account", **terms: Any) -> PolledSource:
    bulk = BulkQuery(served.http, LeaseClass.POLLING, page_rows=100, waits=(0.01, 0.05))
    return PolledSource(served.http, default_catalogue().object(object_name), bulk=bulk, **terms)


async def read(polled: PolledSource, after: PolledPosition, until_ms: int | None = None) -> list[PolledRow]:
    found: list[PolledRow] = []
    end = await polled.horizon_ms() if until_ms is None else until_ms
    async with aclosing(polled.read(after, end)) as pages:
        async for rows in pages:
            found += rows
    return found


def start(org: Org) -> PolledPosition:
    """Now, by the org's clock: nothing has been read."""
    return PolledPosition(org.clock.now().second_ms)


def make(org: Org, count: int, **fields: object) -> list[str]:
    with org.transaction() as tx:
        return [tx.create("Account", {"Name": f"Account {n:05d}", **fields}) for n in range(count)]


async def later(served: ServedOrg, seconds: float = 10) -> None:
    """Let the org's time pass, and hear of it."""
    served.org.advance_clock(seconds)
    await served.http.read(Call("GET", f"{served.http.data_path}/limits", LeaseClass.POLLING))
    served.calls()


async def test_what_happened_since_a_position_is_read_in_order(served: ServedOrg) -> None:
    after = start(served.org)
    first, second = make(served.org, 2)
    await later(served, 2)
    served.org.update("Account", first, {"Name": "Renamed"})
    await later(served)
    rows = await read(source(served), after)
    assert [(row.record_id, row.fields["Name"]) for row in rows] == [
        (second, "Account 00001"),
        (first, "Renamed"),
    ]
    assert [str(row.position) for row in rows] == sorted(str(row.position) for row in rows)


async def test_reading_goes_on_behind_any_row_even_inside_one_second(served: ServedOrg) -> None:
    after = start(served.org)
    made = sorted(make(served.org, 5))
    await later(served)
    rows = await read(source(served), after)
    assert [row.record_id for row in rows] == made
    for place, row in enumerate(rows):
        assert [each.record_id for each in await read(source(served), row.position)] == made[place + 1 :]


async def test_a_row_that_may_still_change_within_its_second_is_left_for_later(served: ServedOrg) -> None:
    await later(served, 0)
    after = start(served.org)
    [record_id] = make(served.org, 1)
    assert await read(source(served), after) == []
    await later(served)
    assert [row.record_id for row in await read(source(served), after)] == [record_id]


async def test_time_is_the_orgs_and_not_ours(served: ServedOrg) -> None:
    await later(served, 7_200)
    after = start(served.org)
    [record_id] = make(served.org, 1)
    await later(served)
    assert [row.record_id for row in await read(source(served), after)] == [record_id]


async def test_deleted_and_restored_records_come_with_their_state(served: ServedOrg) -> None:
    after = start(served.org)
    gone, back = make(served.org, 2)
    for record_id in (gone, back):
        served.org.delete("Account", record_id)
    served.org.undelete("Account", back)
    await later(served)
    rows = await read(source(served), after)
    assert {row.record_id: row.is_deleted for row in rows} == {gone: True, back: False}
    assert all(row.fields["Name"] for row in rows), "a deleted row comes with its last values"


async def test_records_that_left_the_recycle_bin_are_known_by_their_ids(served: ServedOrg) -> None:
    await later(served, 60)
    began = start(served.org).modstamp_ms
    [record_id] = make(served.org, 1)
    served.org.delete("Account", record_id)
    with served.org.transaction() as tx:
        tx.hard_delete("Account", record_id)
    await later(served, 120)
    polled = source(served)
    assert await read(polled, PolledPosition(began)) == []
    found = await polled.deleted(began, await polled.horizon_ms())
    assert [row.record_id for row in found.rows] == [record_id]
    assert began < found.covered_ms <= await polled.horizon_ms()
    assert await polled.deleted(found.covered_ms, found.covered_ms + 59_000) == ([], found.covered_ms)


async def test_rows_that_commit_late_are_not_missed(served: ServedOrg) -> None:
    """Polls follow each other closely while transactions commit up to three seconds after their
    modstamp.
    """
    served.org.dials.records.commit_lag_seconds = 3
    served.org.dials.records.commit_lag_share = 0.5
    position = PolledPosition(start(served.org).modstamp_ms - 5_000)
    made: set[str] = set()
    seen: set[str] = set()
    polled = source(served)
    for number in range(40):
        made.add(served.org.create("Account", {"Name": f"Account {number}"}))
        await later(served, 0.7)
        for row in await read(polled, position):
            seen.add(row.record_id)
            position = row.position
    await later(served)
    seen |= {row.record_id for row in await read(polled, position)}
    assert made - seen == set()


@pytest.mark.parametrize("object_name", ["Account", "Contact", "Case", "Opportunity", "Payment__c"])
async def test_both_apis_bring_the_same_rows(served: ServedOrg, object_name: str) -> None:
    await fill(served.org, FillPlan(object="Account", records=1))
    await fill(served.org, FillPlan(object=object_name, records=400, days=3, long_texts=True))
    served.org.update(object_name, _some_id(served.org, object_name), _AWKWARD.get(object_name, {}))
    await later(served)
    after = PolledPosition(start(served.org).modstamp_ms - 4 * 86_400_000)
    by_rest = await read(source(served, object_name, bulk_from_pages=10_000), after)
    assert {call.split("?")[0] for call in served.calls()} == {QUERY}
    by_bulk = await read(_bulk_only(served, object_name), after)
    assert not any(call.startswith(QUERY) for call in served.calls())
    assert len(by_rest) >= 400
    assert by_bulk == by_rest
    assert [_kinds(row) for row in by_bulk] == [_kinds(row) for row in by_rest]


_AWKWARD: dict[str, dict[str, Any]] = {
    "Account": {"Description": 'two\nlines, "quoted"\r\n , and NA', "Verified__c": True, "RiskScore__c": 12},
    "Case": {"Subject": "null", "Description": '"\n"', "IsEscalated": True},
    "Opportunity": {"NextStep": " trailing blank ", "Probability": 40},
}


def _some_id(org: Org, object_name: str) -> str:
    found = org.store.connection.execute(f'SELECT Id FROM "{object_name}" LIMIT 1').fetchone()
    return str(found[0])


def _kinds(row: PolledRow) -> list[type]:
    """1 and 1.0 and True are equal to Python."""
    return [type(value) for value in row.fields.values()]


def _bulk_only(served: ServedOrg, object_name: str = "Account") -> PolledSource:
    return source(served, object_name, bulk_from_pages=-1_000_000)


async def test_many_rows_go_over_to_a_job_for_the_rest(served: ServedOrg) -> None:
    after = start(served.org)
    made = make(served.org, 2_100)
    await later(served)
    polled = source(served, bulk_from_pages=1)
    rows = await read(polled, after)
    assert [row.record_id for row in rows] == sorted(made)
    calls = served.calls()
    assert sum(call.startswith(QUERY) for call in calls) == 1
    assert sum(call == f"POST {JOBS}" for call in calls) == 1
    assert calls[-1].startswith(f"DELETE {JOBS}/"), "the job is removed"


async def test_an_object_that_was_busy_is_read_by_a_job_at_once(served: ServedOrg) -> None:
    position, calls = start(served.org), [""]
    polled = source(served, bulk_from_pages=1)
    for _ in range(2):
        make(served.org, 2_100)
        await later(served)
        position = (await read(polled, position))[-1].position
        calls = served.calls()
    assert calls[0] == f"POST {JOBS}"


async def test_without_a_job_left_to_spend_rest_goes_on(tmp_path: Path) -> None:
    async with served_org(tmp_path, bulk_query_jobs=0) as served:
        after = start(served.org)
        make(served.org, 2_100)
        await later(served)
        assert len(await read(source(served, bulk_from_pages=1), after)) == 2_100


async def test_an_object_that_bulk_api_does_not_take_is_read_by_rest(served: ServedOrg) -> None:
    after = start(served.org)
    make(served.org, 2_100)
    await later(served)
    refusal = FaultRule(
        point="http",
        kind="status",
        match=f"POST /services/data/v67.0{JOBS}",
        status=400,
        code="INVALIDENTITY",
    )
    served.org.faults.add(refusal)
    polled = source(served, bulk_from_pages=1)
    assert len(await read(polled, after)) == 2_100
    assert len(await read(polled, after)) == 2_100
    assert served.calls().count(f"POST {JOBS}") == 1, "it is not asked again"


async def test_without_a_call_left_nothing_is_sent(tmp_path: Path) -> None:
    async with served_org(tmp_path, api_calls=0) as served:
        with pytest.raises(BudgetSpentError):
            await read(source(served), start(served.org), start(served.org).modstamp_ms + 60_000)
        assert served.calls() == []


async def test_a_job_that_is_given_up_is_removed(served: ServedOrg) -> None:
    after = start(served.org)
    make(served.org, 300)
    await later(served)
    async with aclosing(_bulk_only(served).read(after, await source(served).horizon_ms())) as pages:
        await anext(pages)
    assert served.calls()[-1].startswith(f"DELETE {JOBS}/")


async def test_a_job_that_hangs_is_stopped_and_removed(served: ServedOrg) -> None:
    served.org.dials.bulk.hold = True
    await later(served)
    bulk = BulkQuery(
        served.http, LeaseClass.POLLING, waits=(0.02,), give_up_after=timedelta(milliseconds=300)
    )
    with pytest.raises(UnavailableError, match="has not ended"):
        await anext(bulk.pages("SELECT Id FROM Account"))
    calls = served.calls()
    assert [call.split("/")[0] for call in calls[-2:]] == ["PATCH ", "DELETE "]


async def test_a_page_that_breaks_off_is_fetched_again(served: ServedOrg) -> None:
    after = start(served.org)
    made = make(served.org, 250)
    served.org.faults.add(FaultRule(point="bulk.page", kind="truncate", after=1, times=2))
    await later(served)
    rows = await read(_bulk_only(served), after)
    assert [row.record_id for row in rows] == sorted(made)


async def test_what_a_job_brings_is_counted_in_bytes(served: ServedOrg) -> None:
    after = start(served.org)
    make(served.org, 300)
    await later(served)
    await read(_bulk_only(served), after)
    await served.leases.close()
    assert served.governor.spent(Budget.BULK_QUERY_BYTES) > 300 * 18
    assert served.governor.spent(Budget.BULK_QUERY_JOBS) == 1


async def test_records_that_change_between_two_pages_are_read_at_their_new_place(served: ServedOrg) -> None:
    after = start(served.org)
    make(served.org, 2_500)
    await later(served)
    polled, last = source(served), ""
    seen: dict[str, PolledRow] = {}
    async with aclosing(polled.read(after, await polled.horizon_ms())) as pages:
        async for rows in pages:
            seen |= {row.record_id: row for row in rows}
            if len(seen) == 2_000:
                last = _ids_after(served.org, rows[-1].record_id)[-1]
                served.org.update("Account", last, {"Name": "Changed"})
    assert last not in seen
    position = max(row.position for row in seen.values())
    await later(served)
    [row] = await read(polled, position)
    assert (row.record_id, row.fields["Name"]) == (last, "Changed")


def _ids_after(org: Org, record_id: str) -> list[str]:
    query = 'SELECT Id FROM "Account" WHERE Id > ? ORDER BY Id'
    return [row[0] for row in org.store.connection.execute(query, (record_id,))]


async def test_a_window_that_is_too_much_is_halved(served: ServedOrg) -> None:
    after = start(served.org)
    made = []
    for _ in range(4):
        made += make(served.org, 1)
        await later(served, 20)
    served.org.faults.add(
        FaultRule(point="http", kind="status", match="/queryAll", status=400, code="QUERY_TIMEOUT", times=2)
    )
    rows = await read(source(served), after)
    assert [row.record_id for row in rows] == made


async def test_a_second_that_is_too_much_is_an_error(served: ServedOrg) -> None:
    await later(served, 0)
    served.org.faults.add(
        FaultRule(point="http", kind="status", match="/queryAll", status=400, code="QUERY_TIMEOUT")
    )
    after = start(served.org)
    with pytest.raises(CallTooSlowError):
        await read(source(served), after, after.modstamp_ms + 60_000)
