"""`tidegate lane` and `tidegate planner`: real workflows are looked at, held and moved, on
record.
"""

from pathlib import Path

import pytest
from temporalio.client import Client

from clients.storage.objects import S3Address
from clients.temporal.lanes import start_lane
from schemas import names
from schemas.errors import ActRefusedError, SettingsError
from schemas.ids import planner_workflow_id
from schemas.ingest.messages import LaneInput
from schemas.planner import PlannerInput
from tests.support.builders.waiting import until
from tests.support.command_line import answer, command, settings_file_of
from tests.support.scripted.scripted import ScriptedFollower, serving
from tests.support.scripted.scripted_planner import ScriptedPlanner, planner_workers
from workflows import PlannerWorkflow

pytestmark = pytest.mark.service

ORG = "00D00000000LANEAAA"
WHY = ("--by", "ada", "--reason", "the table is being moved")


@pytest.fixture
def settings(tmp_path: Path, temporal_address: str, database: str, s3_address: S3Address) -> Path:
    return settings_file_of(tmp_path, org=ORG, database=database, temporal=temporal_address, s3=s3_address)


async def test_a_lane_is_listed_paused_moved_and_resumed_on_record(settings: Path, client: Client) -> None:
    follower = ScriptedFollower()
    async with serving(client, follower):
        await start_lane(client, LaneInput(org=ORG, lane="changes", channel="/data/ChangeEvents"))

        async def is_listed() -> bool:
            return bool(await answer(settings, "lane", "list"))

        await until(is_listed)
        [row] = await answer(settings, "lane", "list")
        assert (row["lane"], row["channel"], row["paused"]) == ("changes", "/data/ChangeEvents", False)
        with pytest.raises(ActRefusedError, match="Pause it, move its position"):
            await command(settings, "lane", "move", "changes", "7", *WHY)
        await command(settings, "lane", "pause", "changes", *WHY)

        async def is_paused() -> bool:
            return bool((await answer(settings, "lane", "show", "changes"))["paused"])

        await until(is_paused)
        assert (await answer(settings, "lane", "move", "changes", "7", *WHY))["position"] == "7"
        await command(settings, "lane", "resume", "changes", *WHY)
        await until(lambda: follower.follows_from("7"))
        await until(lambda: follower.has_recorded("lane.resume"))
    assert [(each.act, each.by) for each in follower.acts] == [
        ("lane.pause", "ada"),
        ("lane.move_position", "ada"),
        ("lane.resume", "ada"),
    ]


async def test_a_lane_that_does_not_run_is_refused(settings: Path) -> None:
    for words in (("show", "no"), ("pause", "no"), ("move", "no", "7", *WHY)):
        with pytest.raises(SettingsError, match="No lane no runs"):
            await command(settings, "lane", *words)
    with pytest.raises(SettingsError, match="is no position of a lane"):
        await command(settings, "lane", "move", "no", "somewhere", *WHY)


async def test_an_object_is_pinned_and_unpinned_on_record(settings: Path, client: Client) -> None:
    script = ScriptedPlanner()
    async with planner_workers(client, script):
        await client.start_workflow(
            PlannerWorkflow.run,
            PlannerInput(org=ORG),
            id=planner_workflow_id(ORG),
            task_queue=names.GOVERNOR_QUEUE,
        )
        await until(lambda: script.follows("case"))
        with pytest.raises(ActRefusedError, match="Nothing was pinned"):
            await command(settings, "planner", "pin", "Nope", "poll", *WHY)
        await command(settings, "planner", "pin", "Case", "poll", *WHY)

        async def is_pinned() -> bool:
            return script.drawn[-1].pins == {"Case": "poll"}

        await until(is_pinned)
        await command(settings, "planner", "unpin", "Case", *WHY)

        async def is_free() -> bool:
            return script.drawn[-1].pins == {} and len(script.acts) >= 2

        await until(is_free)
    acts = [each for each in script.acts if each.act.startswith("planner.")]
    assert [(each.act, each.by) for each in acts][:2] == [("planner.pin", "ada"), ("planner.unpin", "ada")]


async def test_without_a_planner_a_pin_is_refused(settings: Path) -> None:
    with pytest.raises(SettingsError, match="No planner runs"):
        await command(settings, "planner", "pin", "Case", "poll", *WHY)
