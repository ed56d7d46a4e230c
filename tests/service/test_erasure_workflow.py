"""The decisions of an erasure: how often it looks, when it waits, and what it leaves on record."""

from datetime import timedelta

from temporalio.client import Client

from clients.temporal.run_kinds import ERASURE
from clients.temporal.runs import run_handle, start_run
from schemas import names
from schemas.erasure.messages import MOST_PASSES, ErasureInput, ErasureState
from schemas.errors import StatementError
from schemas.ingest.messages import PauseInput
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_erasure import ScriptedErasure, erasure_workers

RECORD = "003000000000001AAA"


def asked(key: str, **more: object) -> ErasureInput:
    values = {"grace": timedelta(0), "by": "ada", "reason": "request 1", **more}
    return ErasureInput(org="o", key=key, records=(RECORD,), **values)


async def test_it_ends_with_the_first_pass_that_takes_nothing(client: Client) -> None:
    script = ScriptedErasure(left=[4, 1])
    async with erasure_workers(client, script):
        started = await start_run(client, ERASURE, asked("ends"))
        state: ErasureState = await run_handle(client, ERASURE, started).result()
    assert (state.stage, state.passes, state.digest) == ("done", 3, "d" * 64)
    assert {each.store: each.rewritten for each in state.stores}["raw"] == 5
    assert [act.act for act in script.acts] == ["erasure.start", "erasure.done"]
    assert script.acts[0].by == "ada"
    assert RECORD not in script.acts[0].detail


async def test_one_pass_is_never_enough(client: Client) -> None:
    """A batch that was under way while the first pass went by may have landed behind it."""
    script = ScriptedErasure(left=[])
    async with erasure_workers(client, script):
        started = await start_run(client, ERASURE, asked("twice"))
        state: ErasureState = await run_handle(client, ERASURE, started).result()
    assert state.passes == 2


async def test_a_dry_run_looks_once_and_leaves_nothing_on_record(client: Client) -> None:
    script = ScriptedErasure(left=[4])
    async with erasure_workers(client, script):
        started = await start_run(client, ERASURE, asked("dry", is_dry=True))
        state: ErasureState = await run_handle(client, ERASURE, started).result()
    assert (state.passes, state.digest, script.acts) == (1, "", [])
    assert state.related == {"Case": 3}


async def test_a_step_that_cannot_be_retried_pauses_it_until_it_is_resumed(client: Client) -> None:
    failure = StatementError(statement="", detail="the table is another one")
    script = ScriptedErasure(left=[4], failures=[failure])
    async with erasure_workers(client, script):
        started = await start_run(client, ERASURE, asked("paused"))
        handle = run_handle(client, ERASURE, started)

        async def is_paused() -> bool:
            return (await handle.query(names.PROGRESS, result_type=ErasureState)).stage == "paused"

        await until(is_paused)
        state = await handle.query(names.PROGRESS, result_type=ErasureState)
        assert "the table is another one" in state.paused_because
        await handle.signal(names.RESUME, PauseInput(by="grace", reason="it is the right one now"))
        assert (await handle.result()).stage == "done"
    assert [act.act for act in script.acts] == ["erasure.start", "erasure.resume", "erasure.done"]


async def test_values_that_keep_coming_back_make_it_wait_for_somebody(client: Client) -> None:
    script = ScriptedErasure(left=[1] * MOST_PASSES)
    async with erasure_workers(client, script):
        started = await start_run(client, ERASURE, asked("endless"))
        handle = run_handle(client, ERASURE, started)

        async def is_paused() -> bool:
            return (await handle.query(names.PROGRESS, result_type=ErasureState)).stage == "paused"

        await until(is_paused)
        assert script.certified == []
        await handle.signal(names.RESUME, PauseInput(by="grace", reason="the old worker is gone"))
        state: ErasureState = await handle.result()
    assert (state.stage, state.passes) == ("done", MOST_PASSES + 1)
