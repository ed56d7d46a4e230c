"""The planner on a real server: real lanes are paused and resumed, what it measures and sees is
what the test says.
"""

import uuid
from datetime import timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError

from schemas import names
from schemas.errors import UnavailableError
from schemas.ingest.messages import LaneState, PauseInput
from schemas.planner import Following, ObjectState, PinInput, PlannerInput, Way
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_planner import EVERY, NEWEST, ScriptedPlanner, planner_workers
from workflows import PlannerWorkflow, runtime

pytestmark = pytest.mark.service

Handle = WorkflowHandle[PlannerWorkflow, None]
ORG = "o"


async def start(client: Client, *, plan_every: float = 0.2) -> Handle:
    first = PlannerInput(
        org=ORG,
        plan_every=timedelta(seconds=plan_every),
        look_every=timedelta(seconds=0.1),
    )
    return await client.start_workflow(
        PlannerWorkflow.run,
        first,
        id=f"planner/{uuid.uuid4().hex}",
        task_queue=names.GOVERNOR_QUEUE,
    )


async def case(handle: Handle) -> ObjectState | None:
    view = await handle.query(PlannerWorkflow.plan)
    return next(iter(view.objects), None)


async def is_following(handle: Handle, following: Following) -> bool:
    state = await case(handle)
    return state is not None and state.following is following


async def lane_state(client: Client, lane: str) -> LaneState:
    handle = client.get_workflow_handle(f"lane/{ORG}/{lane}")
    state: LaneState = await handle.query(names.LANE_STATE, result_type=LaneState)
    return state


async def details(handle: Handle) -> str:
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def test_an_object_that_is_planned_to_stream_is_streamed_from_all_that_is_retained(client: Client):
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("case"))
        await until(lambda: is_following(handle, Following.STREAM))
        assert script.streamed[0].channel == "/data/CaseChangeEvent"
        assert (script.streamed[0].first_replay, script.streamed[0].skip_from) == (-2, None)


async def test_an_object_that_is_planned_to_be_polled_is_polled_as_often_as_planned(client: Client):
    script = ScriptedPlanner(way=Way.POLL)
    async with planner_workers(client, script):
        await start(client)
        await until(lambda: script.follows("poll-case"))
        assert (script.polled[0].object, script.polled[0].every) == ("Case", EVERY)


async def test_without_a_plan_nothing_is_followed_and_the_details_say_why(client: Client):
    script = ScriptedPlanner(trouble="The org's limits have not been read yet.")
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: shows(handle, "have not been read yet"))
        assert script.at_work == set()
        script.trouble = ""
        await until(lambda: script.follows("case"))


async def test_the_stream_goes_on_until_the_object_has_been_polled(client: Client):
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("case"))
        script.way = Way.POLL
        await until(lambda: is_following(handle, Following.TO_POLL))
        await until(lambda: script.follows("case", "poll-case"))
        assert script.polled[-1].start_at == NEWEST - timedelta(seconds=60)
        await until(lambda: shows(handle, "until the object has been polled"))
        script.read_through = NEWEST
        await until(lambda: is_following(handle, Following.POLL))
        await until(lambda: script.follows("poll-case"))
        assert "paused by planner: because it is poll" in (await lane_state(client, "case")).paused_because


async def test_polling_goes_on_until_it_has_read_past_the_streams_first_batch(client: Client):
    script = ScriptedPlanner(way=Way.POLL, read_through=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("poll-case"))
        script.way = Way.STREAM
        await until(lambda: script.follows("case", "poll-case"))
        assert (script.streamed[0].first_replay, script.streamed[0].skip_from) == (-1, "40")
        await until(lambda: shows(handle, "polling a quiet object costs little"))
        script.joined_at = NEWEST + timedelta(seconds=30)
        await until(lambda: shows(handle, "until it has read through 14:00:30 UTC"))
        assert await script.follows("case", "poll-case")
        script.read_through, script.known_lag = NEWEST + timedelta(seconds=31), timedelta(seconds=2)
        looks = len(script.watched)
        await until(lambda: has_looked(script, looks + 2))
        assert await script.follows("case", "poll-case")
        script.known_lag = timedelta(0)
        await until(lambda: is_following(handle, Following.STREAM))
        await until(lambda: script.follows("case"))


async def test_a_stream_that_was_left_goes_on_with_new_events_only(client: Client):
    script = ScriptedPlanner(read_through=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("case"))
        script.way = Way.POLL
        await until(lambda: is_following(handle, Following.POLL))
        await until(lambda: script.follows("poll-case"))
        script.way, script.end = Way.STREAM, "80"
        await until(lambda: script.follows("case", "poll-case"))
        await until(lambda: resumed_from(script, "80"))


async def test_a_polled_lane_that_was_left_starts_again_where_the_stream_ended(client: Client):
    script = ScriptedPlanner(way=Way.POLL, read_through=NEWEST, joined_at=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("poll-case"))
        script.way = Way.STREAM
        await until(lambda: is_following(handle, Following.STREAM))
        await until(lambda: script.follows("case"))
        script.way, script.read_through = Way.POLL, None
        await until(lambda: script.follows("case", "poll-case"))
        assert script.polled[0].start_at is None
        assert script.polled[-1].start_at == NEWEST - timedelta(seconds=60)


@pytest.mark.parametrize(
    ("first", "left_on"),
    [
        pytest.param(Way.STREAM, "case", id="to polling"),
        pytest.param(Way.POLL, "poll-case", id="to the stream"),
    ],
)
async def test_a_hand_over_that_is_called_off_leaves_the_first_lane_at_work(
    client: Client, first: Way, left_on: str
):
    script = ScriptedPlanner(way=first)
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows(left_on))
        script.way = Way.POLL if first is Way.STREAM else Way.STREAM
        await until(lambda: script.follows("case", "poll-case"))
        script.way = first
        await until(lambda: script.follows(left_on))
        await until(lambda: is_following(handle, Following(first.value)))


async def test_a_refused_stream_is_moved_at_once(client: Client):
    script = ScriptedPlanner(read_through=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client, plan_every=3_600)
        await until(lambda: script.follows("case"))
        script.refused = "Organization total events daily limit exceeded"
        await until(lambda: script.follows("poll-case"))
        assert script.drawn[-1].no_streams
        assert await is_following(handle, Following.POLL)


async def test_a_recheck_that_finds_room_lets_objects_stream_again_at_once(client: Client):
    script = ScriptedPlanner(read_through=NEWEST, joined_at=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client, plan_every=3_600)
        await until(lambda: script.follows("case"))
        script.refused = "Organization total events daily limit exceeded"
        await until(lambda: is_following(handle, Following.POLL))
        script.refused = ""
        await handle.signal(names.ALLOW_STREAMS, PauseInput(by="ada", reason="bought more"))
        await until(lambda: is_following(handle, Following.STREAM))
        assert not script.drawn[-1].no_streams


async def test_a_polled_lane_is_told_a_new_interval(client: Client):
    script = ScriptedPlanner(way=Way.POLL)
    async with planner_workers(client, script):
        await start(client)
        await until(lambda: script.follows("poll-case"))
        script.every = timedelta(seconds=120)
        await until(lambda: polls_every(script, script.every))


async def test_an_interval_that_differs_by_little_is_not_told(client: Client):
    script = ScriptedPlanner(way=Way.POLL)
    async with planner_workers(client, script):
        await start(client)
        await until(lambda: script.follows("poll-case"))
        script.every = EVERY + timedelta(seconds=5)
        count = len(script.drawn)
        await until(lambda: has_drawn(script, count + 2))
        assert len(script.polled) == 1


async def test_a_pin_is_obeyed_at_once_and_on_record(client: Client):
    script = ScriptedPlanner(read_through=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client, plan_every=3_600)
        await until(lambda: script.follows("case"))
        pin = PinInput(object="Case", way=Way.POLL, by="ada", reason="a mass update tonight")
        view = await handle.execute_update(PlannerWorkflow.pin, pin)
        assert view.pins == {"Case": Way.POLL}
        await until(lambda: script.follows("poll-case"))
        await until(lambda: shows(handle, "poll (pinned)"))
        unpin = PinInput(object="Case", by="ada", reason="the update is done")
        await handle.execute_update(PlannerWorkflow.unpin, unpin)
        await until(lambda: is_following(handle, Following.TO_STREAM))
        await until(lambda: has_acts(script, "planner.pin", "planner.unpin"))


async def test_an_unknown_object_is_not_pinned(client: Client):
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("case"))
        pin = PinInput(object="Caze", way=Way.POLL, by="ada", reason="a slip of the pen")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(PlannerWorkflow.pin, pin)
        assert "none of Case" in str(refused.value.cause)


async def test_lanes_that_were_there_before_are_polled_first(client: Client):
    script = ScriptedPlanner(existing=frozenset({"case"}), read_through=NEWEST, joined_at=NEWEST)
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: is_following(handle, Following.STREAM))
        await until(lambda: script.follows("case"))
        assert [lane.lane for lane in script.opened] == ["poll-case", "case"]


async def test_a_step_that_fails_is_done_again(client: Client):
    gone = UnavailableError(system="Temporal", detail="it restarts")
    script = ScriptedPlanner(failures=[gone, gone])
    async with planner_workers(client, script):
        await start(client)
        await until(lambda: script.follows("case"))


async def test_a_hand_over_goes_on_where_its_workers_were_killed(client: Client):
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        handle = await start(client)
        await until(lambda: script.follows("case"))
        script.way = Way.POLL
        await until(lambda: script.follows("case", "poll-case"))
    assert script.at_work == set()
    script.read_through = NEWEST
    async with planner_workers(client, script):
        await until(lambda: script.follows("poll-case"), seconds=60)
        # The lane that is left stops a moment before the planner has taken note of it.
        await until(lambda: is_following(handle, Following.POLL))
        assert [lane.lane for lane in script.opened] == ["case", "poll-case"]


async def test_a_new_run_carries_states_and_pins(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "LONGEST_HISTORY", 60)
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        first = await start(client)
        handle = client.get_workflow_handle(first.id)
        await until(lambda: script.follows("case"))
        pin = PinInput(object="Case", way=Way.POLL, by="ada", reason="a mass update tonight")
        await handle.execute_update(PlannerWorkflow.pin, pin)
        await until(lambda: script.follows("case", "poll-case"))
        run = (await handle.describe()).run_id
        await until(lambda: runs_as_another(handle, run))
        script.read_through = NEWEST
        await until(lambda: script.follows("poll-case"))
        await until(lambda: is_following(handle, Following.POLL))
        assert (await handle.query(PlannerWorkflow.plan)).pins == {"Case": Way.POLL}
        assert [lane.lane for lane in script.opened] == ["case", "poll-case"]


async def runs_as_another(handle: Handle, run_id: str | None) -> bool:
    return (await handle.describe()).run_id != run_id


async def shows(handle: Handle, text: str) -> bool:
    return text in await details(handle)


async def resumed_from(script: ScriptedPlanner, position: str) -> bool:
    return script.streamed[-1].skip_from == position


async def polls_every(script: ScriptedPlanner, every: timedelta) -> bool:
    return script.polled[-1].every == every and await script.follows("poll-case")


async def has_drawn(script: ScriptedPlanner, count: int) -> bool:
    return len(script.drawn) >= count


async def has_looked(script: ScriptedPlanner, count: int) -> bool:
    return len(script.watched) >= count


async def has_acts(script: ScriptedPlanner, *acts: str) -> bool:
    return set(acts) <= {act.act for act in script.acts}
