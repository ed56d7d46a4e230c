"""Workers of a release that were stopped too early: named by their build, and helped by the next
release.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.local.engine_processes import ROLES, EngineProcesses
from clients.temporal.task_queues import QUEUES
from schemas.deployment import DeploymentStatus, VersionStatus
from tests.incidents.engine import RunningEngine
from tests.incidents.shared import SharedEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]

OLD, NEW = "1111111", "2222222"


@pytest.fixture
def shared_engine() -> Iterator[SharedEngine]:
    """An engine a test: each leaves another release behind."""
    with SharedEngine(deployment={"on": True, "build_id": OLD}) as shared:
        yield shared


@pytest.fixture
def _next_release(engine: RunningEngine) -> Iterator[None]:
    """Workers of the next release beside the engine's own."""
    settings: Path = engine.folder / "next.json"
    given = json.loads(engine.settings.read_text())
    settings.write_text(json.dumps(given | {"deployment": {"on": True, "build_id": NEW}}))
    processes = EngineProcesses(engine.folder / "logs" / "next", settings, restart=False)
    try:
        for role in ROLES:
            processes.start_role(role)
        wait_for(lambda: version(engine, NEW).pollers.keys() == QUEUES.keys(), every=0.5)
        yield
    finally:
        processes.stop()


def version(engine: RunningEngine, build_id: str) -> VersionStatus:
    shown = engine.tidegate("deployment", "show", "--json")
    found = DeploymentStatus.model_validate_json(shown.out).version(build_id)
    return found or VersionStatus(build_id=build_id, state="")


def has_waiting_batch(engine: RunningEngine) -> bool:
    """True when a batch has begun and waits to write cases. Other pinned runs may end at any
    moment.
    """
    waiting = """
        SELECT EXISTS (
            SELECT FROM pg_locks WHERE NOT granted AND relation = 'curated.case_current'::regclass)
    """
    with engine.warehouse() as connection:
        found = connection.execute(waiting).fetchone()
    return bool(found and found[0])


def stop_old_workers(engine: RunningEngine) -> None:
    for role in ROLES:
        engine.stop_worker(role)


@pytest.mark.usefixtures("_next_release")
def test_work_of_a_release_whose_workers_are_gone_is_named_and_given_to_the_next(
    engine: RunningEngine,
) -> None:
    stop_old_workers(engine)

    engine.wait_for_problem("deployment.missing", OLD)

    assert engine.runbook("deployment-missing", BUILD_ID=NEW).code == 0
    move = ("deployment", "move", OLD, "--reason", "its workers are gone")
    assert engine.tidegate(*move).code == 0
    engine.wait_until_clean()


@pytest.mark.usefixtures("_next_release")
def test_batches_of_a_release_whose_workers_are_gone_are_named_and_moved(engine: RunningEngine) -> None:
    with engine.warehouse() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE curated.case_current IN EXCLUSIVE MODE")  # readers pass
        engine.org.case(Subject="it waits")
        wait_for(lambda: has_waiting_batch(engine), every=0.5)
        now = ("deployment", "set-current", NEW, "--reason", "the next release")
        assert engine.tidegate(*now).code == 0
        stop_old_workers(engine)

    engine.wait_for_problem("deployment.stranded", OLD)

    assert engine.runbook("deployment-stranded", BUILD_ID=OLD).code == 0
    engine.wait_until_clean()
    assert version(engine, OLD).pinned_runs == 0
