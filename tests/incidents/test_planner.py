"""The planner moves an object: nothing is wrong, and the plan says why."""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.shared import SharedEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[SharedEngine]:
    """An engine whose planner decides how each object is followed."""
    with SharedEngine(planner={"on": True, "overlap": "PT2S"}) as shared:
        yield shared


def test_a_moved_object_is_no_problem_and_the_plan_says_why(engine: RunningEngine) -> None:
    moved = engine.tidegate(
        "planner", "pin", "Account", "poll", "--by", "release-team", "--reason", "mass update"
    )
    assert moved.code == 0, str(moved)
    engine.undo.callback(engine.tidegate, "planner", "unpin", "Account")

    wait_for(lambda: "poll-account" in engine.tidegate("lane", "list").out, seconds=120, every=1)
    plan = engine.runbook("the-planner-moved-an-object")
    assert plan.code == 0, str(plan)
    assert "Account" in plan.out
    engine.wait_until_clean(seconds=120)
