"""A worker dies at every step of a backfill, and jobs, pages and sessions fail: no row is lost,
none is doubled, one job is made.
"""

import asyncio
import dataclasses
from datetime import timedelta

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from clients.storage.chain import Chain
from sandbox.org.faults.faults import FaultRule
from schemas.backfill import BackfillState, ByTime, Part, PartInput, ReadSlice
from schemas.governor import LeaseClass
from schemas.ids import part_lane
from tests.support.builders.waiting import until
from tests.support.engines.small_engine import BULK_REFUSES as REFUSED, SmallEngine, curated
from tests.support.faults.killing import Kill, KilledError, Watched

pytestmark = pytest.mark.service

ROWS = 70
PAGES = [30, 30, 10]
BATCHES = [20, 10, 20, 10, 10]
"""Each page in slices of at most twenty."""

STEPS = {
    "after the intent is kept": Kill(("create", "intent.json")),
    "after the org has made the job": Kill(("call", "POST", "jobs/query")),
    "after the job is kept": Kill(("create", "job.json")),
    "while the job runs": Kill(("call", "GET", "jobs/query/")),
    "after the result is kept": Kill(("create", "result.json")),
    "after a page was fetched": Kill(("call", "GET", "/results"), nth=2),
    "after the raw file": Kill(("put", "raw/")),
    "after the manifest": Kill(("create", "chain/")),
    "after the batch was started": Kill(("start_workflow", "change-batch")),
    "between two slices of a page": Kill(("put", "raw/"), "before", nth=2),
    "after the last page, in the proof": Kill(("find", "-end.json"), "before"),
    "after the proof": Kill(("call", "DELETE"), "before"),
    "after the job's removal": Kill(("call", "DELETE")),
}


def filled(engine: SmallEngine) -> None:
    """Accounts in three pages, and small slices."""
    org = engine.served.org
    with org.transaction() as tx:
        for number in range(ROWS):
            tx.create("Account", {"Name": f"Account {number}"})
    # Rows of the second in which they are read are a case of their own: here every reading sees the
    # same change.
    org.clock.advance(10)
    org.dials.bulk.page_rows = PAGES[0]
    engine.landings.slice_rows = BATCHES[0]


def watch(engine: SmallEngine, kill: Kill) -> None:
    """Let the kill strike wherever the reader talks to."""
    engine.landings.store = Watched(engine.store, kill)  # type: ignore[assignment]
    engine.landings.client = Watched(engine.client, kill)  # type: ignore[assignment]
    engine.read_part.org = Watched(engine.served.http, kill)  # type: ignore[assignment]


def whole_part(engine: SmallEngine) -> PartInput:
    part = Part(number=0, by=ByTime.CREATED)
    return PartInput(
        org=engine.org, object="Account", window="all", part=part, lease_class=LeaseClass.BACKFILL
    )


async def read_through(engine: SmallEngine) -> ReadSlice:
    """Read the part by the activity alone, with a new attempt after each death, as the workflow's
    retries would.
    """
    while True:
        try:
            return await ActivityEnvironment().run(engine.read_part.read_part, whole_part(engine))
        except KilledError:
            continue


def assert_whole(engine: SmallEngine, *, attempt: int = 0) -> None:
    """Every record once in the log and in current, every batch balanced, the pages as they ever
    are, no job left.
    """
    log = "SELECT COUNT(*), COUNT(DISTINCT record_id) FROM audit.account_change"
    assert engine.rows(log) == [(ROWS, ROWS)]
    assert len(curated(engine, "account")) == ROWS
    unbalanced = "SELECT batch FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
    assert engine.rows(unbalanced) == []
    chain = Chain(engine.store, org=engine.org, lane=part_lane("account", "all", 0, attempt))
    assert [manifest.events for manifest in chain.walk()] == BATCHES
    ledger = f"SELECT SUM(landed), COUNT(*) FROM ops.ledger WHERE lane = '{chain.lane}'"
    assert engine.rows(ledger) == [(ROWS, len(BATCHES))]
    assert list(engine.served.app.state.bulk.jobs.of_kind("V2Query")) == []


def assert_done(state: BackfillState) -> None:
    assert (state.stage, state.counts.rows, state.expected_rows) == ("done", ROWS, ROWS)


def jobs_made(engine: SmallEngine) -> int:
    return engine.served.calls().count("POST /jobs/query")


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_killed_at_any_step_costs_no_row_and_no_second_job(
    step: str, engine: SmallEngine
) -> None:
    filled(engine)
    kill = dataclasses.replace(STEPS[step])
    watch(engine, kill)
    read = await read_through(engine)
    assert kill.struck
    assert jobs_made(engine) == 1
    assert (read.done, read.counts.rows, read.counts.batches) == (True, ROWS, len(BATCHES))
    assert_whole(engine)


def trouble(point: str, kind: str, **more: object) -> FaultRule:
    return FaultRule.model_validate({"point": point, "kind": kind, "times": 1, **more})


TROUBLES = {
    "the answer to the new job is lost": (
        trouble("http", "reset_after", match="POST /services/data/v67.0/jobs/query"),
        1,
    ),
    "a session expires on the way": (trouble("http", "expire_session", match="/results"), 1),
    "pages break off": (trouble("bulk.page", "truncate", times=2), 1),
    "pages fail": (trouble("bulk.page", "fail", times=4, status=500, code="UNKNOWN_EXCEPTION"), 1),
    "the job fails": (trouble("bulk.job", "fail"), 2),
    "the job hangs": (trouble("bulk.job", "hang"), 2),
}


@pytest.mark.parametrize("what", TROUBLES)
async def test_whatever_fails_at_the_org_every_row_comes_once(what: str, engine: SmallEngine) -> None:
    filled(engine)
    fault, jobs = TROUBLES[what]
    engine.served.org.faults.add(fault)
    engine.read_part.give_up_after = timedelta(seconds=1)
    state = await engine.backfill("Account")
    assert jobs_made(engine) == jobs
    assert len(state.notes) == jobs - 1
    if jobs > 1 and "hangs" not in what:
        # A failed job stays to be looked at; Salesforce forgets it.
        engine.served.app.state.bulk.jobs.forget_all()
    assert_done(state)
    assert_whole(engine, attempt=jobs - 1)


async def test_a_job_that_somebody_deletes_is_replaced_and_its_rows_count_once(engine: SmallEngine) -> None:
    filled(engine)
    jobs = engine.served.app.state.bulk.jobs

    def delete() -> None:
        for job in list(jobs.of_kind("V2Query")):
            jobs.remove(job)

    watch(engine, Kill(("call", "GET", "/results"), "before", nth=3, then=delete))
    state = await engine.backfill("Account")
    assert jobs_made(engine) == 2
    assert "the org has it no more" in state.notes[0]
    assert (state.counts.changes, state.counts.duplicate) == (ROWS + 60, 60)
    assert_done(state)
    assert_whole(engine, attempt=1)


async def test_what_was_landed_of_a_part_that_is_given_up_is_applied_and_its_job_deleted(
    engine: SmallEngine,
) -> None:
    """Law 8: landed = applied + duplicate + quarantined, also for the batch that nobody has started
    yet.
    """
    filled(engine)
    watch(engine, Kill(("create", "chain/"), nth=2))
    with pytest.raises(KilledError):
        await ActivityEnvironment().run(engine.read_part.read_part, whole_part(engine))
    await ActivityEnvironment().run(engine.read_part.drop_job, whole_part(engine))
    chain = Chain(engine.store, org=engine.org, lane=part_lane("account", "all", 0, 0))
    landed = {manifest.batch for manifest in chain.landed()}
    assert len(landed) >= 2

    async def is_applied() -> bool:
        return {batch for (batch,) in engine.rows("SELECT batch FROM ops.ledger")} == landed

    await until(is_applied)
    assert list(engine.served.app.state.bulk.jobs.of_kind("V2Query")) == []


def with_a_row_more(answer: httpx.Response) -> httpx.Response:
    """A job that counts a row which its pages do not have."""
    info = answer.json()
    return httpx.Response(
        answer.status_code, json=info | {"numberRecordsProcessed": info["numberRecordsProcessed"] + 1}
    )


async def test_a_job_whose_pages_do_not_add_up_to_its_count_is_not_believed(engine: SmallEngine) -> None:
    filled(engine)
    engine.read_part.waits = (0.3,)  # it is complete when it is first asked about
    watch(engine, Kill(("call", "GET", "jobs/query/"), alter=with_a_row_more))
    state = await engine.backfill("Account")
    assert f"has {ROWS + 1} rows by Salesforce's count, and {ROWS} were landed" in state.notes[0]
    assert state.counts.duplicate == ROWS
    # A job that is not believed stays to be looked at.
    engine.served.app.state.bulk.jobs.forget_all()
    assert_done(state)
    assert_whole(engine, attempt=1)


async def test_two_readers_of_one_part_make_one_chain(engine: SmallEngine) -> None:
    filled(engine)
    one, other = await asyncio.gather(read_through(engine), read_through(engine))
    assert (one.done, other.done) == (True, True)
    assert one.counts.rows == other.counts.rows == ROWS
    # The zombie's own job, if it made one before it saw the other's, is left to the org.
    engine.served.app.state.bulk.jobs.forget_all()
    assert_whole(engine)


@pytest.mark.parametrize("step", ["after the raw file", "after the manifest", "after the batch was started"])
async def test_a_worker_killed_while_it_reads_by_rest_costs_no_row(step: str, engine: SmallEngine) -> None:
    filled(engine)
    engine.served.org.dials.queries.page_rows = PAGES[0]
    engine.served.org.faults.add(REFUSED)
    kill = dataclasses.replace(STEPS[step], nth=2)
    watch(engine, kill)
    read = await read_through(engine)
    assert kill.struck
    assert (read.done, read.counts.rows) == (True, ROWS)
    log = "SELECT COUNT(*), COUNT(DISTINCT record_id) FROM audit.account_change"
    assert engine.rows(log) == [(ROWS, ROWS)]
    assert engine.rows("SELECT SUM(landed) FROM ops.ledger") == [(ROWS,)]
