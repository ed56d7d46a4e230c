"""Workers that are missing or stand still: named by their role, and helped by one more process."""

import pytest

from cli.local.engine_processes import ROLES
from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]


@pytest.mark.parametrize("role", ROLES)
def test_a_missing_role_is_named_and_started(engine: RunningEngine, role: str) -> None:
    engine.stop_worker(role)

    engine.wait_for_problem("role.missing", role)

    engine.start_as_in_the_runbook("role-missing", role, ROLE=role)
    engine.wait_until_clean()


def test_a_frozen_follower_is_named_and_another_takes_over(engine: RunningEngine) -> None:
    frozen = engine.freeze_worker("lanes")

    told = engine.wait_for_problem("lane.stalled", "changes")
    assert "silent" in told.text

    engine.start_as_in_the_runbook("a-worker-is-frozen", "lanes")
    wait_for(lambda: engine.look().find("lane.stalled") is None)
    engine.end_worker(frozen)
    engine.wait_until_clean()
