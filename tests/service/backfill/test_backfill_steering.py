"""A backfill is paused, resumed, cancelled and asked for again; every act of it is on record."""

import pytest

from clients.temporal.run_kinds import BACKFILL
from clients.temporal.runs import RunExistsError, run_handle, start_run
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.ingest.messages import PauseInput
from tests.support.builders.waiting import until
from tests.support.engines.small_engine import SmallEngine, curated

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader hears with its heartbeats that it is to stop."""
    monkeypatch.setattr("activities.runtime.heartbeat._EVERY_SECONDS", 0.1)


def filled(engine: SmallEngine) -> None:
    """Accounts, and an org that holds every job until it is released."""
    org = engine.served.org
    with org.transaction() as tx:
        for number in range(40):
            tx.create("Account", {"Name": f"Account {number}"})
    org.dials.bulk.hold = True


def acts(engine: SmallEngine) -> list[tuple[str, str]]:
    return [(act.act, act.by) for _, act in engine.audit.rows()]


async def test_a_paused_backfill_reads_nothing_and_goes_on_with_the_same_job(engine: SmallEngine) -> None:
    filled(engine)
    jobs = engine.served.app.state.bulk.jobs
    handle = await engine.start_backfill("Account", by="ada", reason="new field")

    async def is_under_way() -> bool:
        return bool(list(jobs.of_kind("V2Query")))

    async def is_at(stage: str) -> bool:
        return (await handle.query(names.PROGRESS, result_type=BackfillState)).stage == stage

    await until(is_under_way)
    await handle.signal(names.PAUSE, PauseInput(by="ben", reason="month's end"))
    await until(lambda: is_at("paused"))
    paused: BackfillState = await handle.query(names.PROGRESS, result_type=BackfillState)
    assert paused.paused_because == "paused by ben: month's end"
    engine.served.org.dials.bulk.hold = False
    await handle.signal(names.RESUME, PauseInput(by="cleo"))
    state = await handle.result()
    assert (state.stage, state.counts.rows, state.notes) == ("done", 40, ())
    assert engine.served.calls().count("POST /jobs/query") == 1
    assert acts(engine) == [("backfill.start", "ada"), ("backfill.pause", "ben"), ("backfill.resume", "cleo")]


async def test_a_cancelled_backfill_leaves_no_job_and_can_be_asked_for_again_a_done_one_not(
    engine: SmallEngine,
) -> None:
    filled(engine)
    jobs = engine.served.app.state.bulk.jobs
    request = BackfillInput(org=engine.org, object="Account", window="all", by="ada")
    first = await start_run(engine.client, BACKFILL, request)
    second = await start_run(engine.client, BACKFILL, request)
    assert (first.is_new, second.is_new) == (True, False)

    async def is_under_way() -> bool:
        return bool(await engine.jobs_kept())

    await until(is_under_way)
    await run_handle(engine.client, BACKFILL, second).signal(
        names.CANCEL, PauseInput(by="ben", reason="wrong object")
    )
    assert (await run_handle(engine.client, BACKFILL, first).result()).stage == "cancelled"
    assert list(jobs.of_kind("V2Query")) == []
    assert acts(engine) == [("backfill.start", "ada"), ("backfill.cancel", "ben")]

    engine.served.org.dials.bulk.hold = False
    again = await start_run(engine.client, BACKFILL, request)
    assert again.is_new
    state = await run_handle(engine.client, BACKFILL, again).result()
    assert (state.stage, state.counts.rows) == ("done", 40)
    assert len(curated(engine, "account")) == 40
    with pytest.raises(RunExistsError):
        await start_run(engine.client, BACKFILL, request.model_copy(update={"ids_key": "ids/o/x.json"}))
    done = await start_run(engine.client, BACKFILL, request)
    assert (done.is_new, done.run_id, done.ended_at is None) == (False, again.run_id, False)


async def test_a_window_that_was_begun_with_other_bounds_is_not_mixed_with_them(engine: SmallEngine) -> None:
    filled(engine)
    engine.served.org.dials.bulk.hold = False
    request = BackfillInput(org=engine.org, object="Account", window="w")
    await engine.plan_backfill.kept(request)
    assert "begun with other bounds" in await engine.failed_backfill(
        "Account", "w", since="2026-01-01T00:00:00Z"
    )
