"""Carriers of a batch: an ingest job that goes wrong at any point has its effect once, and a call
takes as much as fits into it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from activities.writeback.bulk import BulkJobConfig
from activities.writeback.collections import Pace
from clients.salesforce.bulk.ingest import BulkIngest
from clients.writeback.batch_former import BatchFormer
from sandbox.org.faults.faults import FaultRule
from schemas.catalogue import default_catalogue
from schemas.errors import UnavailableError
from schemas.writeback.messages import (
    ConflictPolicy,
    FormInput,
    PauseChange,
    SetPauseInput,
    WritebackControl,
    WritebackState,
)
from tests.service.writeback.test_writebacks import case, effects, in_org
from tests.support.builders.waiting import until
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.writing_back import WritingEngine, writing
from transforms.writeback.batching import BatchingConfig
from transforms.writeback.decide import Guard, look_up, weigh
from transforms.writeback.facts import OtherChange, Outcome, SeenRecord, SentAt, ToSend

JOBS = "/services/data/v67.0/jobs/ingest"
BY_JOB = BatchingConfig(linger=timedelta(0), job_time=timedelta(0), job_rows=100_000, job_calls=0)
"""Any number of rows goes by an ingest job."""
CASE = default_catalogue().object("Case")
SOON = BulkJobConfig(
    first_wait=0.1,
    longest_wait=0.3,
    patience=timedelta(seconds=1),
    settled_after=timedelta(seconds=0.1),
    aborted_after=timedelta(seconds=0.1),
    come_again=timedelta(seconds=0.2),
)


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def writer(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    """Sends by ingest jobs."""
    await engine.served.sessions.session()
    async with writing(engine) as found:
        found.steps.forming = BatchFormer(found.store, BY_JOB)
        found.steps.jobs.terms = SOON
        yield found


def fault(writer: WritingEngine, match: str, kind: str, **other: Any) -> None:
    rule = FaultRule(**{"point": "http", "kind": kind, "match": match, "times": 1, **other})
    writer.engine.served.org.faults.add(rule)


def jobs(writer: WritingEngine) -> list[str]:
    """The states of every ingest job that the org knows."""
    bodies = writer.engine.served.org.store.connection.execute("SELECT body FROM sandbox_bulk_jobs")
    return sorted(orjson.loads(body)["state"] for (body,) in bodies)


async def all_done_once(writer: WritingEngine, count: int) -> None:
    rows = await writer.settled(60)
    assert {(row.state, row.code and row.reason) for row in rows if row.state != "done"} == set()
    assert Counter(effects(writer).values()) == {1: count}
    assert len(in_org(writer)) == count


async def test_a_job_brings_every_row_and_its_batch_says_which_job_it_was(writer: WritingEngine) -> None:
    writer.accepted(*(case(number) for number in range(450)))
    await writer.start()
    await all_done_once(writer, 450)
    (batch,) = writer.batches()
    assert (batch.carrier, batch.state, batch.done) == ("bulk", "closed", 450)
    assert batch.job
    assert all(row.created for row in writer.rows())


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status", "truncate"])
@pytest.mark.parametrize(
    "call", [f"POST {JOBS}", f"PUT {JOBS}", f"PATCH {JOBS}", f"GET {JOBS}", "successfulResults"]
)
async def test_a_call_about_a_job_that_goes_wrong_leaves_one_effect(
    writer: WritingEngine, call: str, kind: str
) -> None:
    # With 503 the governor has every call wait for seconds.
    fault(writer, call, kind, status=500)
    writer.accepted(*(case(number) for number in range(30)))
    await writer.start()
    await all_done_once(writer, 30)


async def test_what_a_failed_job_has_written_is_not_written_again_and_the_rest_is(
    writer: WritingEngine,
) -> None:
    fault(writer, "", "fail", point="bulk.job")
    writer.accepted(*(case(number) for number in range(900)))
    await writer.start()
    await all_done_once(writer, 900)
    first = writer.batches()[0]
    assert first.done > 0
    assert first.again > 0


async def test_a_job_that_hangs_is_aborted_and_its_rows_arrive_by_another(writer: WritingEngine) -> None:
    fault(writer, "", "hang", point="bulk.job")
    writer.accepted(*(case(number) for number in range(30)))
    await writer.start()
    await all_done_once(writer, 30)
    assert jobs(writer) == ["Aborted", "JobComplete"]


async def test_a_row_that_a_job_refuses_is_a_dead_letter_with_salesforces_words(
    writer: WritingEngine,
) -> None:
    writer.accepted(case(1), case(2, fields={"Status": "No such status"}))
    await writer.start()
    good, bad = await writer.settled()
    assert (good.state, bad.state) == ("done", "dead")
    assert bad.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


async def test_rows_that_no_job_can_carry_go_by_a_call(writer: WritingEngine) -> None:
    writer.accepted(case(1), case(2, fields={"Subject": "#N/A", "Status": "New"}))
    await writer.start()
    await all_done_once(writer, 2)
    assert in_org(writer) == {"C-1": "subject 1", "C-2": "#N/A"}
    assert {batch.carrier for batch in writer.batches()} == {"bulk", "collections"}


async def test_what_may_not_be_created_never_goes_by_a_job(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    queue = await writer.start()
    await writer.settled()
    writer.accepted(
        case(1, key="b", fields={"Subject": "changed"}, may_create=False),
        case(2, may_create=False),
    )
    await queue.signal("wake")
    rows = await writer.settled()
    assert [(row.state, row.code) for row in rows[1:]] == [("done", None), ("dead", "not_found")]
    assert in_org(writer) == {"C-1": "changed"}
    assert [batch.carrier for batch in writer.batches()] == ["bulk", "collections"]


async def test_a_pause_after_the_upload_leaves_an_aborted_job_and_nothing_written(
    writer: WritingEngine,
) -> None:
    keep = writer.steps.batches.keep_job

    def pausing(batch: str, job: str) -> bool:
        control = WritebackControl(by="somebody")
        change = SetPauseInput(object="Case", change=PauseChange.PAUSE, control=control, at=datetime.now(UTC))
        writer.steps.pauses.set(change)
        return keep(batch, job)

    writer.steps.batches.keep_job = pausing  # type: ignore[method-assign]
    writer.accepted(case(1))
    await writer.start()

    async def is_closed() -> bool:
        return [batch.state for batch in writer.batches()] == ["closed"]

    await until(is_closed)
    assert (writer.states(), in_org(writer), jobs(writer)) == (["waiting"], {}, ["Aborted"])


async def test_a_job_found_open_by_a_step_that_finds_its_batch_sent_is_closed(writer: WritingEngine) -> None:
    """The process died between the store's word and the close."""

    async def unheard(job: str) -> None:
        raise UnavailableError(system="the process", detail=f"it died before {job} was closed")

    close, writer.steps.jobs.close = writer.steps.jobs.close, unheard  # type: ignore[method-assign]
    writer.accepted(case(1), case(2))
    await writer.start()
    await all_done_once(writer, 2)
    writer.steps.jobs.close = close  # type: ignore[method-assign]
    assert jobs(writer) == ["JobComplete"]


async def test_a_job_that_was_made_unheard_is_aborted_and_one_of_a_batch_is_not(
    writer: WritingEngine,
) -> None:
    bulk = BulkIngest(writer.engine.served.http)
    await bulk.create("Case", "ExternalId__c", 1, "nobody's")
    await bulk.create("Account", "ExternalId__c", 1, "another object's")
    await asyncio.sleep(1.1)  # the org tells when it was made in whole seconds
    writer.steps.jobs.terms = replace(SOON, orphan_age=timedelta(0))
    writer.accepted(case(1))
    await writer.start()
    await all_done_once(writer, 1)
    assert jobs(writer) == ["Aborted", "JobComplete", "Open"]


async def test_of_two_that_hold_one_batch_one_begins_to_send(writer: WritingEngine) -> None:
    writer.accepted(case(1))
    formed = writer.steps.forming.form(FormInput(org=writer.engine.org, object="Case", most_open=1))
    batch, batches = formed.batches[0].batch, writer.steps.batches
    assert batches.keep_job(batch, "750A")
    assert batches.begin_sending(batch, sent_at=datetime.now(UTC), before={}, settled={}, job="750A")
    assert not batches.keep_job(batch, "750B")
    with pytest.raises(UnavailableError, match="another process"):
        batches.begin_sending(batch, sent_at=datetime.now(UTC), before={}, settled={}, job="750B")
    assert batches.load(batch)[0].job == "750A"
    assert batches.open_jobs() == {"750A"}


# --- what fits into one call


@pytest.fixture
async def caller(engine: SmallEngine) -> AsyncIterator[WritingEngine]:
    """Sends by collections."""
    await engine.served.sessions.session()
    async with writing(engine) as found:
        yield found


async def test_rows_by_key_and_by_id_that_need_six_collections_go_in_two_calls_without_a_try(
    caller: WritingEngine,
) -> None:
    caller.accepted(*(case(number) for number in range(150)))
    queue = await caller.start()
    await caller.settled()
    known = [case(n, key=f"u{n}", fields={"Subject": "u"}, may_create=False) for n in range(150)]
    caller.accepted(*known, *(case(number) for number in range(1_000, 1_850)))
    await queue.signal("wake")
    rows = await caller.settled(60)
    assert {(row.state, row.attempts) for row in rows} == {("done", 1)}
    assert Counter(effects(caller).values()) == {1: 850, 2: 150}


async def test_values_that_a_composite_request_would_misread_arrive_as_they_are(
    caller: WritingEngine,
) -> None:
    odd = [case(number, fields={"Subject": f"@{{rows{number}.id}}", "Status": "New"}) for number in (3, 500)]
    caller.accepted(*(case(number) for number in range(450) if number != 3), *odd)
    await caller.start()
    rows = await caller.settled(60)
    assert {(row.state, row.code, row.reason, row.attempts) for row in rows} == {("done", None, None, 1)}
    assert in_org(caller)["C-500"] == "@{rows500.id}"
    assert in_org(caller)["C-3"] == "@{rows3.id}"


async def test_an_object_whose_rows_take_long_goes_in_smaller_calls(caller: WritingEngine) -> None:
    caller.steps.collections.paces["Case"] = Pace(seconds_a_row=0.2)
    caller.accepted(*(case(number) for number in range(100)))
    await caller.start()
    rows = await caller.settled(60)
    assert {(row.state, row.attempts) for row in rows} == {("done", 1)}
    assert caller.batches()[0].done == 40
    assert list(effects(caller).values()) == [1] * 100


def test_a_pace_is_slower_after_a_call_that_was_given_up_and_recovers() -> None:
    pace = Pace()
    assert pace.rows == 1_000
    pace.give_up(1_000, 19)
    slow = replace(pace)
    assert slow.rows < 500
    for _ in range(20):
        pace.learn(200, 0.5)
    assert pace.rows == 1_000


async def test_what_is_settled_of_a_batch_gives_its_parents_free_and_what_is_not_known_keeps_its_own(
    caller: WritingEngine,
) -> None:
    def child(number: int, parent: str) -> dict[str, Any]:
        fields = {"Subject": "s", "Status": "New", "Account": {"ExternalId__c": parent}}
        return case(number, fields=fields)

    caller.accepted(child(1, "P"), child(2, "Q"), child(3, "Q"))
    formed = caller.steps.forming.form(FormInput(org=caller.engine.org, object="Case", most_open=1))
    batch, batches = formed.batches[0].batch, caller.steps.batches
    batches.begin_sending(batch, sent_at=datetime.now(UTC), before={}, settled={})
    first, second, _ = (row.record for row in caller.rows())
    done = Outcome(WritebackState.DONE)
    batches.settle(batch, {first: done, second: done}, calls=1)
    assert sorted(caller.claims()) == ["Account.ExternalId__c=q", "Case.ExternalId__c=c-3"]


def test_of_a_record_made_by_an_earlier_batch_in_the_same_second_it_is_told_that_ours_was_not_written() -> (
    None
):
    now = datetime(2026, 11, 25, 12, 0, 1, 500_000, tzinfo=UTC)
    entry = ToSend((2,), "Case=c-1", "C-1", {"Subject": "b"}, {"Subject": now}, now)
    seen = SeenRecord("500", {"Subject": "a"}, now.replace(microsecond=0), "us")
    guard = Guard(CASE, lambda _: ConflictPolicy.HOLDS, "us", lambda _: True)
    sent = SentAt(now, now + timedelta(seconds=9), "tidegate-2", timedelta(seconds=5), timedelta(minutes=4))
    made = OtherChange(now, None, "us", "rest;client=tidegate-1")
    found = look_up(entry, seen, [made], guard, sent)
    assert found is not None
    assert (found.state, found.code) == (WritebackState.WAITING, "no_answer")
    read_whole = replace(made, origin="")
    assert look_up(entry, seen, [read_whole], guard, sent) is None


def test_what_a_job_of_ours_wrote_is_not_written_again_though_the_org_keeps_another_value() -> None:
    now = datetime(2026, 11, 25, 12, 0, 1, 500_000, tzinfo=UTC)
    entry = ToSend((2,), "Case=c-1", "C-1", {"Subject": "b"}, {"Subject": now}, now)
    seen = SeenRecord(
        "500", {"Subject": "B, as a trigger has it"}, now.replace(second=9, microsecond=0), "us"
    )
    guard = Guard(CASE, lambda _: ConflictPolicy.HOLDS, "us", lambda _: True)
    sent = SentAt(now, now + timedelta(minutes=9), "", timedelta(seconds=5), timedelta(minutes=4))
    change = OtherChange(seen.modified_at, frozenset({"Subject"}), "us", "com/salesforce/api/bulkapi/67.0")
    found = look_up(entry, seen, [change], guard, sent)
    assert found is not None
    assert found.state is WritebackState.DONE
    by_another = replace(change, origin="com/salesforce/api/rest/67.0")
    found = look_up(entry, seen, [by_another], guard, sent)
    assert found is not None
    assert found.state is WritebackState.WAITING


@pytest.mark.parametrize("may_create", [True, False])
def test_of_several_records_with_one_external_id_none_is_written(*, may_create: bool) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    entry = ToSend((2,), "Case=c-1", "C-1", {"Subject": "b"}, {"Subject": now}, now, may_create=may_create)
    guard = Guard(CASE, lambda _: ConflictPolicy.HOLDS, "us", lambda _: True)
    seen = SeenRecord("500", {"Subject": "a"}, now - timedelta(hours=1), "us", is_ambiguous=True)
    found = weigh(entry, seen, [], guard, now)
    assert found is not None
    assert (found.state, found.code) == (WritebackState.DEAD, "DUPLICATE_EXTERNAL_ID")
    assert weigh(entry, replace(seen, is_ambiguous=False), [], guard, now) is None
