"""The workers of a release and of the next one run side by side during a surge, and the work goes
over: nothing lost, nothing doubled, no history that does not replay (laws 1, 2, 3, 8).
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.surge import READY_SECONDS, org_state, wait_for_followers
from clients.storage.chain import Chain
from clients.temporal.task_queues import QUEUES
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from schemas import names
from schemas.deployment import DeploymentStatus
from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients, connect_temporal
from workers.settings import Settings

pytestmark = [pytest.mark.service, pytest.mark.slow]

OLD, NEW = "1111111", "2222222"
RATE = 12_000
SECONDS = 120
"""At most: the traffic is stopped when the old workers are gone."""
BATCH = f'WorkflowType = "{names.CHANGE_BATCH_WORKFLOW}"'


class NextReleaseProcesses(EngineProcesses):
    """Its workers are of the next release."""

    def start_role(self, role: str) -> None:
        command = [sys.executable, "-m", "tests.support.processes.next_release", "worker", "--role", role]
        self.group.start(f"worker-{role}", command, environment=self._environment(role))


class Releases:
    """Two sets of workers over one sandbox."""

    def __init__(self, sandbox: RunningSandbox, stack: ExitStack) -> None:
        self.folder = sandbox.group.folder.parent
        self.endpoints = sandbox.endpoints
        self._stack = stack

    def start(self, build_id: str, kind: type[EngineProcesses]) -> EngineProcesses:
        """Start the workers of a release; dead ones are started again."""
        processes = kind(self.folder / "logs" / build_id, self._settings(build_id))
        self._stack.callback(processes.stop)
        processes.start()
        return processes

    def command(self, *words: str) -> dict[str, Any]:
        """Run `tidegate deployment …`; returns what it prints."""
        command = [sys.executable, "-m", "cli.main", "deployment", *words, "--json"]
        told = subprocess.run(
            [*command, "--settings", str(self._settings(NEW))], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    def show(self) -> DeploymentStatus:
        return DeploymentStatus.model_validate(self.command("show"))

    def _settings(self, build_id: str) -> Path:
        path = self.folder / f"settings-{build_id}.json"
        deployment = {"on": True, "build_id": build_id}
        path.write_text(json.dumps(settings_of(self.endpoints) | {"deployment": deployment}))
        return path


@pytest.fixture
def releases(sandbox: RunningSandbox) -> Iterator[Releases]:
    with ExitStack() as stack:
        yield Releases(sandbox, stack)


async def test_work_goes_over_to_the_next_release_during_a_surge_and_nothing_is_lost(
    releases: Releases,
    endpoints: Endpoints,
    settings: Settings,
    opened: ProcessClients,
    curated: psycopg.Connection,
) -> None:
    control = endpoints.salesforce.control_url
    old = releases.start(OLD, EngineProcesses)
    wait_for_followers(endpoints, seconds=READY_SECONDS * SLOWNESS)
    assert releases.show().current == OLD, "the first version has the work by itself"

    start_traffic(control, rate=RATE, seconds=SECONDS, seed=31)
    wait_for(lambda: _applied(curated) > 200)
    releases.start(NEW, NextReleaseProcesses)
    wait_for(lambda: _polls_everything(releases.show(), NEW), every=0.5)
    assert releases.show().current == OLD, "a later version waits for an operator"

    with psycopg.connect(endpoints.warehouse.dsn) as holder:
        holder.execute("LOCK TABLE curated.case_current IN ACCESS EXCLUSIVE MODE")
        wait_for(lambda: _pinned(releases.show(), OLD) > 0, every=0.5)
        found = releases.command("set-current", NEW, "--reason", "the next release")
        assert (found["current"], _pinned(releases.show(), OLD) > 0) == (NEW, True)
    wait_for(lambda: _pinned(releases.show(), OLD) == 0, every=0.5, why=releases.show)
    old.stop()
    applied = _applied(curated)
    wait_for(lambda: _applied(curated) > applied + 200, why=lambda: "the next release applies nothing")
    _end_traffic(control)

    assert wait_until_equal(endpoints, opened).records > 200
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    assert sums.quarantined == 0
    _assert_one_chain(opened, changes=org_state(endpoints)["changes_committed"])
    await _assert_histories(await connect_temporal(settings))
    acts = [(act.act, act.detail) for _, act in opened.audit.rows() if act.act.startswith("deployment.")]
    assert acts == [
        ("deployment.set_current", f"{OLD}: no version had the work"),
        ("deployment.set_current", f"{NEW}, after {OLD}: the next release"),
    ]


def _applied(curated: psycopg.Connection) -> int:
    return ledger_sums(curated).applied


def _polls_everything(found: DeploymentStatus, build_id: str) -> bool:
    version = found.version(build_id)
    return version is not None and version.pollers.keys() == QUEUES.keys()


def _pinned(found: DeploymentStatus, build_id: str) -> int:
    version = found.version(build_id)
    assert version is not None, found
    return version.pinned_runs


def _end_traffic(control: str) -> None:
    httpx.delete(f"{control}/traffic", timeout=30, trust_env=False).raise_for_status()
    wait_for(lambda: not traffic_state(control)["running"])


def _assert_one_chain(opened: ProcessClients, *, changes: int) -> None:
    org = opened.settings.salesforce.org_id
    batches = list(Chain(opened.store, org=org, lane="changes").walk())
    assert sum(batch.changes for batch in batches) == changes
    manifests = list(opened.store.keys(f"chain/{org}/changes/"))
    assert len(manifests) == len(batches), "a manifest that the chain does not reach is a fork"


async def _assert_histories(client: Client) -> None:
    """Every history went without an error, a batch met one release alone, and lanes met both."""
    builds: dict[str, list[set[str]]] = {}
    async for each in client.list_workflows():
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        events = (await handle.fetch_history()).events
        assert [event for event in events if _is_nondeterminism(event)] == [], each.id
        builds.setdefault(each.workflow_type, []).append(_builds(events))
    batches = builds[names.CHANGE_BATCH_WORKFLOW]
    assert {frozenset(each) for each in batches} == {frozenset({OLD}), frozenset({NEW})}
    assert builds[names.LANE_WORKFLOW] == [{OLD, NEW}]
    assert builds[names.GOVERNOR_WORKFLOW] == [{OLD, NEW}]


def _is_nondeterminism(event: HistoryEvent) -> bool:
    cause = event.workflow_task_failed_event_attributes.cause
    return cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR


def _builds(events: Any) -> set[str]:
    """Builds of the workers that took a step of the workflow."""
    completed = [each for each in events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    return {each.workflow_task_completed_event_attributes.deployment_version.build_id for each in completed}
