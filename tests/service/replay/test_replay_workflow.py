"""The replay workflow on a real server, with scripted steps: order, bounds, pause, failure, a
worker that goes.
"""

import asyncio
import uuid

import pytest
from temporalio.client import Client, WorkflowHandle

from clients.temporal.run_kinds import REPLAY
from clients.temporal.run_views import query
from clients.temporal.runs import run_handle, start_run
from schemas import names
from schemas.errors import StatementError
from schemas.ingest.messages import PauseInput
from schemas.replay import ReplayCounts, ReplayCursor, ReplayInput, ReplaySelection, ReplaySize, ReplayState
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_replay import ScriptedReplay, replay_workers
from workflows import ReplayWorkflow

pytestmark = pytest.mark.service

Handle = WorkflowHandle[ReplayWorkflow, ReplayState]


async def start(client: Client, *, parallel: int = 2, shadow: str | None = None) -> Handle:
    request = ReplayInput(
        selection=ReplaySelection(org="o"),
        key=uuid.uuid4().hex,
        parallel=parallel,
        shadow=shadow,
        by="ada",
        reason="after the release",
    )
    assert (await start_run(client, REPLAY, request)).is_new
    return client.get_workflow_handle_for(ReplayWorkflow.run, f"replay/o/{request.key}")


async def test_every_group_is_replayed_once_and_counted(client: Client):
    steps = ScriptedReplay()
    steps.gate.set()
    async with replay_workers(client, steps):
        state = await (await start(client)).result()
    assert sorted(steps.done) == ["0", "1", "2", "3", "4", "5"]
    assert state.stage == "done"
    assert state.counts == ReplayCounts(batches=6, changes=60, duplicate=60)
    assert state.expected == ReplaySize(batches=6, changes=60)
    assert [(act.act, act.by, act.detail) for act in steps.acts] == [
        ("replay.start", "ada", "all: after the release")
    ]


@pytest.mark.parametrize(("parallel", "shadow", "most"), [(2, None, 2), (1, None, 1), (2, "s", 1)])
async def test_no_more_groups_than_asked_for_are_under_way_and_those_of_a_shadow_in_order(
    client: Client, parallel: int, shadow: str | None, most: int
):
    steps = ScriptedReplay()
    async with replay_workers(client, steps):
        handle = await start(client, parallel=parallel, shadow=shadow)
        await until(lambda: has_begun(steps, most))
        await asyncio.sleep(0.2)
        steps.gate.set()
        await handle.result()
    assert steps.most_at_once == most
    if most == 1:
        assert steps.done == ["0", "1", "2", "3", "4", "5"]


async def has_begun(steps: ScriptedReplay, count: int) -> bool:
    return len(steps.begun) >= count


async def test_a_paused_replay_begins_nothing_and_goes_on_when_resumed(client: Client):
    steps = ScriptedReplay()
    async with replay_workers(client, steps):
        handle = await start(client)
        await until(lambda: has_begun(steps, 2))
        await handle.signal(ReplayWorkflow.pause, PauseInput(by="ada", reason="the warehouse is busy"))
        steps.gate.set()
        await until(lambda: has_stage(handle, "paused", batches=2))
        await asyncio.sleep(0.2)
        assert len(steps.begun) == 2
        state = await handle.query(ReplayWorkflow.progress)
        assert state.paused_because == "paused by ada: the warehouse is busy"
        await handle.signal(ReplayWorkflow.resume, PauseInput(by="eve"))
        assert (await handle.result()).counts.batches == 6
    assert [act.act for act in steps.acts] == ["replay.start", "replay.pause", "replay.resume"]


async def has_stage(handle: Handle, stage: str, *, batches: int = 0) -> bool:
    state = await handle.query(ReplayWorkflow.progress)
    return state.stage == stage and state.counts.batches >= batches


async def test_a_cancelled_replay_ends_after_the_groups_under_way(client: Client):
    steps = ScriptedReplay()
    async with replay_workers(client, steps):
        handle = await start(client)
        await until(lambda: has_begun(steps, 2))
        await handle.signal(ReplayWorkflow.cancel, PauseInput(by="ada", reason="the wrong day"))
        steps.gate.set()
        state = await handle.result()
    assert (state.stage, state.counts.batches) == ("cancelled", 2)
    assert [act.act for act in steps.acts] == ["replay.start", "replay.cancel"]


async def test_what_cannot_pass_pauses_the_replay_and_the_group_is_tried_when_it_is_resumed(client: Client):
    refused = StatementError(statement="INSERT …", detail="UndefinedColumn 42703")
    steps = ScriptedReplay(failures=[refused])
    steps.gate.set()
    async with replay_workers(client, steps):
        handle = await start(client, parallel=1)
        await until(lambda: has_stage(handle, "paused"))
        assert (await handle.query(ReplayWorkflow.progress)).paused_because == str(refused)
        await handle.signal(ReplayWorkflow.resume, PauseInput(by="ada", reason="mended"))
        state = await handle.result()
    assert steps.begun == ["0", "0", "1", "2", "3", "4", "5"]
    assert state.counts.changes == 60


async def test_a_worker_that_goes_in_the_middle_is_replaced(client: Client):
    steps, others = ScriptedReplay(), ScriptedReplay()
    others.gate.set()
    async with replay_workers(client, steps):
        handle = await start(client)
        await until(lambda: has_begun(steps, 2))
    # Its groups were begun and never ended; another process takes the whole of it up.
    async with replay_workers(client, others):
        state = await handle.result()
    assert steps.done == []
    assert sorted(others.done) == ["0", "1", "2", "3", "4", "5"]
    assert state.counts.batches == 6


async def test_a_key_is_granted_once_and_a_derived_key_as_often_as_it_is_asked_for(client: Client):
    steps = ScriptedReplay(groups=1)
    steps.gate.set()
    request = ReplayInput(selection=ReplaySelection(org="o"), key=uuid.uuid4().hex)
    async with replay_workers(client, steps):
        assert (await start_run(client, REPLAY, request, again=False)).is_new
        await client.get_workflow_handle(f"replay/o/{request.key}").result()
        assert not (await start_run(client, REPLAY, request, again=False)).is_new
        assert (await start_run(client, REPLAY, request)).is_new
        await client.get_workflow_handle(f"replay/o/{request.key}").result()
        found = await query(client, f"replay/o/{request.key}", names.PROGRESS, ReplayState)
    assert found is not None
    assert found.stage == "done"
    assert steps.done == ["0", "0"]


async def test_the_next_run_goes_on_where_the_one_before_was(client: Client):
    steps = ScriptedReplay()
    steps.gate.set()
    carried = ReplayState(
        org="o",
        key="carried",
        stage="replaying",
        counts=ReplayCounts(batches=4, changes=40, duplicate=40),
        expected=ReplaySize(batches=6, changes=60),
        cursor=ReplayCursor(lane="changes", after="4"),
    )
    request = ReplayInput(selection=ReplaySelection(org="o"), key="carried", carried=carried)
    async with replay_workers(client, steps):
        started = await start_run(client, REPLAY, request)
        state = await run_handle(client, REPLAY, started).result()
    assert sorted(steps.done) == ["4", "5"]
    assert state.counts.batches == 6
    assert steps.acts == []
