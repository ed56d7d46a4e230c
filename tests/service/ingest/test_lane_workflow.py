"""The lane workflow on a real server, with an activity that does what the test says in the place of
follow_lane.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from sandbox.temporal import temporal_binary
from schemas import names
from schemas.errors import ReplayExpiredError
from schemas.ingest.messages import LaneInput, MovePositionInput, PauseInput, PollInput, SetEveryInput
from schemas.planner import Way
from tests.support.builders.waiting import until
from tests.support.scripted.scripted import ScriptedFollower, serving
from workflows import LaneWorkflow

pytestmark = pytest.mark.service

Handle = WorkflowHandle[LaneWorkflow, None]


async def start(client: Client, *, paused: bool = False) -> Handle:
    lane = LaneInput(org="o", lane="changes", channel="/data/ChangeEvents", paused=paused)
    return await client.start_workflow(
        LaneWorkflow.run, lane, id=f"lane/o/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
    )


async def is_paused(handle: Handle) -> bool:
    return (await handle.query(LaneWorkflow.state)).paused


async def details(handle: Handle) -> str:
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def test_a_stretch_begins_where_the_one_before_ended(client: Client):
    follower = ScriptedFollower(["5", "9"])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: follower.follows_from("9"))
        assert [request.position for request in follower.requests] == ["origin", "5", "9"]
        assert (await handle.query(LaneWorkflow.state)).position == "9"


async def test_a_paused_lane_does_not_follow(client: Client):
    follower = ScriptedFollower(["5"])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: follower.follows_from("5"))
        await handle.signal(LaneWorkflow.pause, PauseInput(by="ada", reason="maintenance"))
        await until(lambda: follower.has_recorded("lane.pause"))
        await until(follower.has_stopped)
        count = len(follower.requests)
        await asyncio.sleep(0.3)
        assert len(follower.requests) == count
        state = await handle.query(LaneWorkflow.state)
        assert (state.paused, state.paused_because) == (True, "paused by ada: maintenance")


async def test_a_resumed_lane_goes_on_from_its_position(client: Client):
    follower = ScriptedFollower(["5"])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: follower.follows_from("5"))
        await handle.signal(LaneWorkflow.pause, PauseInput(by="ada"))
        await until(lambda: follower.has_recorded("lane.pause"))
        await handle.signal(LaneWorkflow.resume, PauseInput(by="ada"))
        await until(lambda: follower.follows_from("5"))
        assert (await handle.query(LaneWorkflow.state)).paused_because == ""


async def test_what_cannot_be_retried_pauses_the_lane_with_the_reason(client: Client):
    follower = ScriptedFollower([ReplayExpiredError(lane="changes", position="5", detail="too old")])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: is_paused(handle))
        state = await handle.query(LaneWorkflow.state)
        assert "cannot continue at 5: too old" in state.paused_because
        assert "move the lane's position" in state.paused_because
        assert len(follower.requests) == 1
        await until(lambda: shows(handle, state.paused_because))


async def test_what_may_pass_is_tried_again_without_a_pause(client: Client):
    follower = ScriptedFollower([ConnectionError("gone"), ConnectionError("gone again")])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: follower.follows_from("origin"))
        assert len(follower.requests) == 3
        assert not await is_paused(handle)


async def test_a_lane_that_stopped_by_itself_goes_on_when_resumed(client: Client):
    follower = ScriptedFollower([ApplicationError("no", non_retryable=True)])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: is_paused(handle))
        await handle.signal(LaneWorkflow.resume, PauseInput(by="ada", reason="mended"))
        await until(lambda: follower.follows_from("origin"))


async def test_the_position_of_a_running_lane_is_not_moved(client: Client):
    follower = ScriptedFollower(["5"])
    async with serving(client, follower):
        handle = await start(client)
        await until(lambda: follower.follows_from("5"))
        move = MovePositionInput(position="70", by="ada", reason="after the backfill")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(LaneWorkflow.move_position, move)
        assert "Pause it" in str(refused.value.cause)
        assert (await handle.query(LaneWorkflow.state)).position == "5"


async def test_a_moved_lane_goes_on_from_where_it_was_moved(client: Client):
    follower = ScriptedFollower([])
    async with serving(client, follower):
        handle = await start(client, paused=True)
        move = MovePositionInput(position="70", by="ada", reason="after the backfill")
        assert (await handle.execute_update(LaneWorkflow.move_position, move)).position == "70"
        await handle.signal(LaneWorkflow.resume, PauseInput(by="ada"))
        await until(lambda: follower.follows_from("70"))


_ATTRIBUTES: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "KeywordList": SearchAttributeKey.for_keyword_list,
    "Int": SearchAttributeKey.for_int,
    "Datetime": SearchAttributeKey.for_datetime,
}


@pytest.fixture
async def short_history_client() -> AsyncIterator[Client]:
    """A server that suggests continue-as-new after some events, instead of after thousands."""
    environment = await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=20"],
        search_attributes=[_ATTRIBUTES[kind](name) for name, kind in names.SEARCH_ATTRIBUTES.items()],
    )
    async with environment:
        yield environment.client


async def test_a_new_run_carries_position_and_pause(short_history_client: Client):
    client = short_history_client
    stretches = [str(number) for number in range(1, 6)]
    follower = ScriptedFollower([*stretches, ApplicationError("no", non_retryable=True)])
    async with serving(client, follower):
        first = await start(client)
        handle = client.get_workflow_handle(first.id)
        await until(lambda: is_paused(handle))
        state = await handle.query(LaneWorkflow.state)
        assert (state.position, state.paused_because) == ("5", "no")
        assert (await handle.describe()).run_id != first.first_execution_run_id
        paused_run = (await handle.describe()).run_id
        # Acts make the history of a paused lane grow, too.
        for number in range(6):
            await handle.signal(LaneWorkflow.pause, PauseInput(by="ada", reason=f"still {number}"))
            await until(partial(follower.has_recorded, "lane.pause", number + 1))
        await until(lambda: runs_as_another(handle, paused_run))
        state = await handle.query(LaneWorkflow.state)
        assert (state.position, state.paused, state.paused_because) == ("5", True, "paused by ada: still 5")
    assert [request.position for request in follower.requests] == ["origin", *stretches]
    assert [act.detail for act in follower.acts] == [f"still {number}" for number in range(6)]


async def shows(handle: Handle, text: str) -> bool:
    return text in await details(handle)


async def runs_as_another(handle: Handle, run_id: str | None) -> bool:
    return (await handle.describe()).run_id != run_id


async def start_polling(client: Client, **terms: Any) -> Handle:
    lane = LaneInput(org="o", lane="poll-case", way=Way.POLL, object="Case", **terms)
    return await client.start_workflow(
        LaneWorkflow.run, lane, id=f"lane/o/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
    )


ROW = "1795000000000-500Tg000000zz01AAA"


async def test_a_polled_lane_polls_its_object_from_where_the_stretch_before_ended(client: Client):
    start_at = datetime(2026, 9, 21, 14, tzinfo=UTC)
    follower = ScriptedFollower([ROW])
    async with serving(client, follower):
        handle = await start_polling(client, start_at=start_at)
        await until(lambda: follower.follows_from(ROW))
        assert all(isinstance(request, PollInput) for request in follower.requests)
        last = follower.requests[-1]
        assert isinstance(last, PollInput)
        assert (last.object, last.every, last.start_at) == ("Case", timedelta(seconds=60), start_at)
        state = await handle.query(LaneWorkflow.state)
        assert (state.way, state.object, state.every, state.position) == (
            Way.POLL,
            "Case",
            timedelta(seconds=60),
            ROW,
        )


async def test_another_interval_is_in_force_at_once(client: Client):
    follower = ScriptedFollower([ROW])
    async with serving(client, follower):
        handle = await start_polling(client)
        await until(lambda: follower.follows_from(ROW))
        await handle.signal(LaneWorkflow.set_every, SetEveryInput(every=timedelta(seconds=20)))
        await until(lambda: follower.polls_every(20))
        assert (await handle.query(LaneWorkflow.state)).every == timedelta(seconds=20)


async def test_a_poller_that_dies_while_it_is_told_another_interval_does_not_pause_the_lane(client: Client):
    """As a killed worker does: its activity times out, and is not tried again because it was to
    stop.
    """
    follower = ScriptedFollower([ROW], last_words=ApplicationError("died", non_retryable=True))
    async with serving(client, follower):
        handle = await start_polling(client)
        await until(lambda: follower.follows_from(ROW))
        await handle.signal(LaneWorkflow.set_every, SetEveryInput(every=timedelta(seconds=20)))
        await until(lambda: follower.polls_every(20))
        assert not await is_paused(handle)


async def test_the_interval_that_is_in_force_already_disturbs_nobody(client: Client):
    follower = ScriptedFollower([ROW])
    async with serving(client, follower):
        handle = await start_polling(client)
        await until(lambda: follower.follows_from(ROW))
        count = len(follower.requests)
        await handle.signal(LaneWorkflow.set_every, SetEveryInput(every=timedelta(seconds=60)))
        await asyncio.sleep(0.3)
        assert len(follower.requests) == count


async def test_a_lane_without_a_chain_begins_where_its_first_run_began(client: Client):
    """However long the org could not be asked, an attempt never moves a lane's beginning."""
    follower = ScriptedFollower([ConnectionError("gone"), "origin"])
    async with serving(client, follower):
        await start_polling(client)
        await until(lambda: follower.follows_from("origin"))
        assert len({request.began_at for request in follower.requests if isinstance(request, PollInput)}) == 1


@pytest.mark.parametrize(
    ("lane", "position"),
    [
        (LaneInput(org="o", lane="poll-case", way=Way.POLL, object="Case", paused=True), "17"),
        (LaneInput(org="o", lane="changes", channel="/data/ChangeEvents", paused=True), ROW),
    ],
)
async def test_a_lane_is_not_moved_to_a_position_of_the_other_kind(
    client: Client, lane: LaneInput, position: str
):
    async with serving(client, ScriptedFollower([])):
        handle = await client.start_workflow(
            LaneWorkflow.run, lane, id=f"lane/o/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
        )
        move = MovePositionInput(position=position, by="ada", reason="a mistake")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(LaneWorkflow.move_position, move)
        assert "not a position of" in str(refused.value.cause)
