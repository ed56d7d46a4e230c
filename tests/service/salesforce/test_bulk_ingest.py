"""Ingest jobs: every step may be repeated, and nothing is written before a job is closed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.salesforce.bulk.ingest import BulkIngest, IngestInfo
from clients.salesforce.bulk.ingest_csv import ingest_file
from clients.salesforce.collections import Row
from sandbox.org.faults.faults import FaultRule
from schemas.catalogue import default_catalogue
from schemas.errors import BudgetSpentError, CallRefusedError, RateLimitedError, UnavailableError
from schemas.governor import Budget
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.writeback.outcomes import RowResult
from transforms.writeback.row_errors import UNPROCESSED

KEY = "ExternalId__c"
ACCOUNT = default_catalogue().object("Account")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as found:
        await found.sessions.session()
        yield found


def accounts(count: int) -> list[Row]:
    return [Row(f"A-{number}", {"Name": f"Account {number}"}) for number in range(count)]


async def uploaded(served: ServedOrg, rows: Sequence[Row], *, spec=ACCOUNT, by_id: bool = False) -> str:
    file = ingest_file(spec, KEY, rows, by_id=by_id)
    bulk = BulkIngest(served.http)
    job = await bulk.create(spec.name, KEY, file.rows, "b1", by_id=by_id)
    await bulk.upload(job, file.content)
    return job


async def over(served: ServedOrg, job: str) -> IngestInfo:
    info = await BulkIngest(served.http).info(job)
    while not info.is_over:
        await asyncio.sleep(0.02)
        info = await BulkIngest(served.http).info(job)
    return info


async def write(served: ServedOrg, rows: Sequence[Row], **options: Any) -> dict[str, RowResult]:
    job = await uploaded(served, rows, **options)
    await BulkIngest(served.http).close(job)
    keys = [row.record_id if options.get("by_id") else row.external_id for row in rows]
    return await BulkIngest(served.http).results(await over(served, job), keys)


def stored(served: ServedOrg, external_id: str, *fields: str) -> tuple[Any, ...]:
    names = ", ".join(fields)
    found = served.org.store.connection.execute(
        f"SELECT {names} FROM Account WHERE {KEY} = ?", (external_id,)
    )
    return tuple(found.fetchone() or ())


def count(served: ServedOrg) -> int:
    return int(served.org.store.connection.execute("SELECT count(*) FROM Account").fetchone()[0])


def fault(served: ServedOrg, **rule: Any) -> None:
    served.org.faults.add(FaultRule(**{"point": "http", "times": 1, **rule}))


# --- what a job brings


async def test_every_row_is_told_by_its_external_id(served: ServedOrg):
    rows = [*accounts(450), Row("bad", {"Name": None})]
    results = await write(served, rows)
    assert results.keys() == {row.external_id for row in rows}
    assert [key for key, result in results.items() if result.code] == ["bad"]
    assert results["bad"].code == "REQUIRED_FIELD_MISSING"
    assert results["A-7"].created
    assert (results["A-7"].record_id, "Account 7") == stored(served, "A-7", "Id", "Name")


async def test_a_field_that_a_row_does_not_name_stays_and_one_that_is_null_is_emptied(served: ServedOrg):
    for name in ("A-1", "A-2"):
        served.org.create("Account", {"Name": name, KEY: name, "Phone": "1", "Website": "w"})
    await write(served, [Row("A-1", {"Phone": "2"}), Row("A-2", {"Website": None})])
    assert stored(served, "A-1", "Name", "Phone", "Website") == ("A-1", "2", "w")
    assert stored(served, "A-2", "Name", "Phone", "Website") == ("A-2", "1", None)


async def test_quotes_newlines_and_booleans_arrive_as_they_are(served: ServedOrg):
    text = '"a",\nb\r\nc'  # blanks at its ends the org would trim
    await write(served, [Row("A-1", {"Name": "A", "Description": text, "Verified__c": True})])
    assert stored(served, "A-1", "Description", "Verified__c") == (text, 1)


async def test_a_parent_by_its_external_id_is_found(served: ServedOrg):
    parent = served.org.create("Account", {"Name": "P", KEY: "P-1"})
    results = await write(
        served,
        [
            Row("A-1", {"Name": "A", "Parent": {KEY: "P-1"}}),
            Row("A-2", {"Name": "A", "Parent": {KEY: "none"}}),
        ],
    )
    assert stored(served, "A-1", "ParentId") == (parent,)
    assert results["A-2"].code == "INVALID_FIELD"
    assert results["A-2"].message.startswith("Foreign key external ID: none not found")


async def test_an_update_by_id_creates_nothing(served: ServedOrg):
    record = served.org.create("Account", {"Name": "A", KEY: "A-1"})
    gone = served.org.create("Account", {"Name": "A", KEY: "A-2"})
    served.org.delete("Account", gone)
    rows = [
        Row(key, {"Phone": "1"}, may_create=False, record_id=each)
        for key, each in (("A-1", record), ("A-2", gone))
    ]
    results = await write(served, rows, by_id=True)
    assert stored(served, "A-1", "Phone") == ("1",)
    assert (results[record].record_id, results[record].created) == (record, False)
    assert results[gone].code == "ENTITY_IS_DELETED"


async def test_the_batch_comes_back_in_the_origin_of_its_changes(served: ServedOrg):
    await write(served, accounts(3))
    events, _ = served.org.bus.read(0, None, 100, 10**9)
    assert events
    assert all(b"bulkapi" in event[3] and b";client=tidegate-b1" in event[3] for event in events)


# --- steps that are repeated


async def test_an_upload_whose_answer_was_lost_is_done_when_it_is_repeated(served: ServedOrg):
    bulk, file = BulkIngest(served.http), ingest_file(ACCOUNT, KEY, accounts(3))
    job = await bulk.create("Account", KEY, 3, "b1")
    fault(served, kind="reset_after", match="/batches")
    with pytest.raises(UnavailableError):
        await bulk.upload(job, file.content)
    await bulk.upload(job, file.content)
    await bulk.close(job)
    assert (await over(served, job)).processed == 3


async def test_an_upload_that_did_not_arrive_is_repeated(served: ServedOrg):
    bulk, file = BulkIngest(served.http), ingest_file(ACCOUNT, KEY, accounts(3))
    job = await bulk.create("Account", KEY, 3, "b1")
    fault(served, kind="reset_before", match="/batches")
    with pytest.raises(UnavailableError):
        await bulk.upload(job, file.content)
    await bulk.upload(job, file.content)
    await bulk.close(job)
    assert (await over(served, job)).processed == 3


async def test_an_upload_to_a_job_that_was_aborted_is_refused(served: ServedOrg):
    bulk = BulkIngest(served.http)
    job = await bulk.create("Account", KEY, 3, "b1")
    await bulk.abort(job)
    with pytest.raises(CallRefusedError):
        await bulk.upload(job, b"Name\nA\n")


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
async def test_a_close_whose_answer_was_lost_looks_at_the_job(served: ServedOrg, kind: str):
    job = await uploaded(served, accounts(3))
    fault(served, kind=kind, match="PATCH")
    assert (await BulkIngest(served.http).close(job)).is_closed
    await over(served, job)
    assert count(served) == 3


async def test_a_close_that_did_not_arrive_leaves_the_job_open_to_be_closed_again(served: ServedOrg):
    job = await uploaded(served, accounts(3))
    fault(served, kind="reset_before", match="PATCH")
    with pytest.raises(UnavailableError):
        await BulkIngest(served.http).close(job)
    assert count(served) == 0
    assert (await BulkIngest(served.http).close(job)).is_closed


async def test_a_second_close_writes_nothing_twice(served: ServedOrg):
    job = await uploaded(served, accounts(3))
    for _ in range(2):
        assert (await BulkIngest(served.http).close(job)).is_closed
    await over(served, job)
    assert (await BulkIngest(served.http).close(job)).state == "JobComplete"
    assert count(served) == 3
    assert served.org.bus.held == 3


async def test_a_job_that_was_aborted_is_not_closed(served: ServedOrg):
    job = await uploaded(served, accounts(3))
    for _ in range(2):
        assert (await BulkIngest(served.http).abort(job)).state == "Aborted"
    assert not (await BulkIngest(served.http).close(job)).is_closed
    assert count(served) == 0


async def test_results_that_break_off_are_read_again(served: ServedOrg):
    job = await uploaded(served, accounts(300))
    await BulkIngest(served.http).close(job)
    info = await over(served, job)
    fault(served, kind="truncate", match="/successfulResults")
    with pytest.raises(UnavailableError):
        await BulkIngest(served.http).results(info, ["A-1"])
    assert (await BulkIngest(served.http).results(info, ["A-1"]))["A-1"].created


# --- jobs that end early, and jobs that nobody knows


async def test_of_a_job_that_failed_midway_each_row_is_written_or_unprocessed(served: ServedOrg):
    fault(served, point="bulk.job", kind="fail", code="InternalServerError", message="m")
    results = await write(served, accounts(600))
    written = {key for key, result in results.items() if not result.code}
    assert 0 < len(written) == count(served) < 600
    assert {result.code for result in results.values() if result.code} == {UNPROCESSED}


async def test_an_open_job_of_ours_that_nobody_knows_is_found_and_aborted(served: ServedOrg):
    bulk, user = BulkIngest(served.http), served.org.identity.user_id
    known, lost = [await bulk.create("Account", KEY, 1, f"b{number}") for number in (1, 2)]
    await bulk.create("Contact", KEY, 1, "b3")
    closed = await uploaded(served, accounts(1))
    await bulk.close(closed)
    later = (await bulk.info(lost)).created_at + timedelta(seconds=60)
    assert await bulk.orphans("Account", user, later, {known}) == [lost]
    assert await bulk.orphans("Account", user, later - timedelta(seconds=60), {known}) == []
    assert await bulk.orphans("Account", "005000000000000AAA", later, {known}) == []
    await bulk.abort_all([lost])
    assert await bulk.orphans("Account", user, later, {known}) == []


# --- law 5


async def test_a_job_is_paid_for_by_batches_and_rows_before_it_is_made(tmp_path: Path):
    async with served_org(tmp_path) as served:
        await BulkIngest(served.http).create("Account", KEY, 20_001, "b1")
        await served.leases.close()
        assert served.governor.spent(Budget.INGEST_BATCHES) == 3
        assert served.governor.spent(Budget.INGEST_ROWS) == 20_001


@pytest.mark.parametrize("budget", ["ingest_batches", "ingest_rows"])
async def test_without_tokens_no_job_is_made(tmp_path: Path, budget: str):
    maxima: dict[str, Any] = {budget: 1}
    async with served_org(tmp_path, patience=timedelta(seconds=0.2), **maxima) as served:
        with pytest.raises(BudgetSpentError):
            await BulkIngest(served.http).create("Account", KEY, 3, "b1")
        assert served.calls() == []


async def test_a_day_without_batches_left_stops_the_budget(served: ServedOrg):
    job = await uploaded(served, accounts(3))
    message = "ApiBatchItems Limit exceeded."
    fault(served, kind="status", status=400, code="EXCEEDED_QUOTA", message=message, match="PATCH")
    with pytest.raises(RateLimitedError, match="EXCEEDED_QUOTA"):
        await BulkIngest(served.http).close(job)
    with pytest.raises(BudgetSpentError):
        await BulkIngest(served.http).create("Account", KEY, 3, "b1")
