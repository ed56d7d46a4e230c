"""Acts on the Worker Deployment, with workers of two builds on a real Temporal."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.deployment import v1 as deployment_v1
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from clients.database.audit_log import AuditLog
from clients.temporal.deployments import DeploymentClient
from schemas import names
from schemas.errors import ActRefusedError, SettingsError
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.scripted.scripted import ScriptedBatches, manifest
from tests.unit.test_settings import whole
from workers.deployment.acts import DeploymentActs, become_first
from workers.deployment.version import config_of, own_version
from workers.roles import workflow_worker
from workers.settings import Settings
from workflows import ChangeBatchWorkflow

pytestmark = pytest.mark.service


@pytest.fixture
def audit(database_with_tables: str) -> Any:
    with closing(AuditLog(database_with_tables)) as log:
        yield log


@pytest.fixture
async def deployment(client: Client) -> AsyncIterator[DeploymentClient]:
    """A deployment of the test's own; afterwards workers without a version get the work again."""
    within = timedelta(seconds=10 * SLOWNESS)
    made = DeploymentClient(client, f"tidegate-{uuid.uuid4().hex[:8]}", within)
    yield made
    if await made.current():
        await made.set_current("", by="tests", despite_missing=True)


@asynccontextmanager
async def workers(
    deployment: DeploymentClient, build_id: str, batches: ScriptedBatches | None = None
) -> AsyncIterator[None]:
    """Workers of a build: for workflows, and where `batches` are given for their steps."""
    config = config_of(WorkerDeploymentVersion(deployment.name, build_id))
    client = deployment.temporal
    async with workflow_worker(client, config):
        if batches is None:
            yield
            return
        async with Worker(
            client, task_queue=names.BATCH_QUEUE, activities=batches.steps, deployment_config=config
        ):
            yield


async def begin(client: Client, start: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        ChangeBatchWorkflow.run,
        manifest(start),
        id=f"batch/o/changes/{start}",
        task_queue=names.WORKFLOW_QUEUE,
    )


def acts_of(deployment: DeploymentClient, audit: AuditLog) -> DeploymentActs:
    return DeploymentActs(deployment, audit)


def settings_of(deployment: DeploymentClient, build_id: str | None) -> Settings:
    own = {"on": True, "name": deployment.name, "build_id": build_id}
    return Settings.model_validate(whole() | {"deployment": own})


def recorded(audit: AuditLog) -> list[tuple[str, str, str]]:
    return [(act.act, act.by, act.detail) for _, act in audit.rows()]


async def _is_served(client: Client, batches: ScriptedBatches) -> bool:
    """True when these workers have taken a step of a new batch."""
    await (await begin(client, f"of-{uuid.uuid4().hex[:8]}")).result()
    return bool(batches.calls)


async def _is_pinned(deployment: DeploymentClient, build_id: str) -> bool:
    """True when one open run is pinned to the version."""
    version = (await deployment.describe()).version(build_id)
    return version is not None and version.pinned_runs == 1


async def _queues_of(deployment: DeploymentClient, build_id: str) -> dict[str, int]:
    """The task queues that the server counts to the version, and how many tasks wait in each."""
    temporal = deployment.temporal
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=temporal.namespace,
        deployment_version=deployment_v1.WorkerDeploymentVersion(
            deployment_name=deployment.name, build_id=build_id
        ),
        report_task_queue_stats=True,
    )
    try:
        found = await temporal.workflow_service.describe_worker_deployment_version(request)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:  # a queue whose first poll is on its way
            return {}
        raise
    return {each.name: each.stats.approximate_backlog_count for each in found.version_task_queues}


async def _has_waiting_tasks(deployment: DeploymentClient, build_id: str) -> bool:
    """True when tasks wait that only workers of the version would take."""
    return any((await _queues_of(deployment, build_id)).values())


async def _has_no_waiting_task(deployment: DeploymentClient, build_id: str) -> bool:
    return not await _has_waiting_tasks(deployment, build_id)


async def joined(deployment: DeploymentClient, build_id: str, *more: str) -> None:
    """Wait until the server counts the queues to the version: a moment after their first poll.
    Tasks of a queue that it does not count yet go to the current version.
    """
    queues = {names.WORKFLOW_QUEUE, *more}

    async def has_joined() -> bool:
        version = (await deployment.describe()).version(build_id)
        if version is None or not queues <= version.pollers.keys():
            return False
        return queues <= (await _queues_of(deployment, build_id)).keys()

    await until(has_joined, seconds=30)


async def test_the_first_version_takes_the_work_by_itself_and_the_second_does_not(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    async with workers(deployment, "one"):
        await become_first(deployment.temporal, settings_of(deployment, "one"), audit)
        async with workers(deployment, "two"):
            await joined(deployment, "two")
            await become_first(deployment.temporal, settings_of(deployment, "two"), audit)
            found = await deployment.describe()
    assert (found.current, [each.build_id for each in found.versions]) == ("one", ["two", "one"])
    assert recorded(audit) == [("deployment.set_current", "the engine", "one: no version had the work")]


async def test_workers_without_a_version_serve_a_queue_until_a_version_polls_it(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    client, before, after = deployment.temporal, ScriptedBatches(), ScriptedBatches()
    async with Worker(client, task_queue=names.BATCH_QUEUE, activities=before.steps):
        async with workers(deployment, "one"):
            await become_first(client, settings_of(deployment, "one"), audit)
            await (await begin(client, "10")).result()
        assert before.calls
        async with workers(deployment, "one", after):
            await until(lambda: _is_served(client, after), seconds=30)


async def test_open_batches_stay_with_their_version_until_they_are_moved(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    acts = acts_of(deployment, audit)
    async with workers(deployment, "one", ScriptedBatches()):
        await joined(deployment, "one", names.BATCH_QUEUE)
    async with workers(deployment, "one"):
        await acts.set_current("one", by="ada", reason="first")
        handle = await begin(deployment.temporal, "10")
        await until(lambda: _is_pinned(deployment, "one"), seconds=30)
    async with workers(deployment, "two", ScriptedBatches()):
        await joined(deployment, "two", names.BATCH_QUEUE)
        await acts.set_current("two", by="ada", reason="second")
        await (await begin(deployment.temporal, "20")).result()
        assert await _is_pinned(deployment, "one"), "the new version took a batch of the old one"
        await until(lambda: _has_waiting_tasks(deployment, "one"), seconds=30)
        moved = await acts.move("one", by="ada", reason="its workers are gone")
        await handle.result()
        assert not await _is_pinned(deployment, "one")
        await until(lambda: _has_no_waiting_task(deployment, "one"), seconds=30)
    assert moved.moved == 1
    assert recorded(audit) == [
        ("deployment.set_current", "ada", "one, after none: first"),
        ("deployment.set_current", "ada", "two, after one: second"),
        ("deployment.move", "ada", "1 runs of one: its workers are gone"),
    ]


async def test_open_batches_end_with_their_version_when_its_workers_return(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    acts, returned, next_ones = acts_of(deployment, audit), ScriptedBatches(), ScriptedBatches()
    async with workers(deployment, "one", ScriptedBatches()):
        await joined(deployment, "one", names.BATCH_QUEUE)
    async with workers(deployment, "one"):
        await acts.set_current("one", by="ada", reason="first")
        handle = await begin(deployment.temporal, "10")
        await until(lambda: _is_pinned(deployment, "one"), seconds=30)
    async with workers(deployment, "two", next_ones):
        await joined(deployment, "two", names.BATCH_QUEUE)
        await acts.set_current("two", by="ada", reason="second")
        async with workers(deployment, "one", returned):
            await handle.result()
    assert (bool(returned.calls), next_ones.calls) == (True, [])


async def test_a_batch_whose_first_task_nobody_has_taken_is_of_the_version_that_takes_it(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    acts = acts_of(deployment, audit)
    async with workers(deployment, "one", ScriptedBatches()):
        await joined(deployment, "one", names.BATCH_QUEUE)
        await acts.set_current("one", by="ada", reason="first")
    handle = await begin(deployment.temporal, "10")  # no worker is there
    async with workers(deployment, "two", ScriptedBatches()):
        await joined(deployment, "two", names.BATCH_QUEUE)
        await acts.set_current("two", by="ada", reason="second")
        await handle.result()
    assert [act for act, _, _ in recorded(audit)] == ["deployment.set_current"] * 2, "it was moved"


async def test_a_version_that_serves_fewer_queues_is_refused_unless_forced(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    acts = acts_of(deployment, audit)
    async with workers(deployment, "one", ScriptedBatches()), workers(deployment, "two"):
        await joined(deployment, "one", names.BATCH_QUEUE)
        await joined(deployment, "two")
        await acts.set_current("one", by="ada", reason="first")
        with pytest.raises(ActRefusedError, match=f"Nobody of two polls {names.BATCH_QUEUE}"):
            await acts.set_current("two", by="ada", reason="second")
        assert (await deployment.describe()).current == "one"
        found = await acts.set_current("two", by="ada", reason="it is right", despite_missing=True)
    assert found.current == "two"
    assert len(recorded(audit)) == 2


async def test_a_ramp_is_set_and_ended(deployment: DeploymentClient, audit: AuditLog) -> None:
    acts = acts_of(deployment, audit)
    async with workers(deployment, "one"), workers(deployment, "two"):
        await joined(deployment, "one")
        await joined(deployment, "two")
        await acts.set_current("one", by="ada", reason="first")
        ramped = await acts.ramp("two", 10, by="ada", reason="carefully")
        ended = await acts.ramp("two", 0, by="ada", reason="it is slow")
    assert (ramped.current, ramped.ramping, ramped.ramp_percentage) == ("one", "two", 10)
    assert (ended.ramping, ended.ramp_percentage) == ("", 0)


async def test_a_version_that_nobody_has_joined_is_refused(
    deployment: DeploymentClient, audit: AuditLog
) -> None:
    acts = acts_of(deployment, audit)
    for act in (
        acts.set_current("none", by="ada", reason="why"),
        acts.ramp("none", 10, by="ada", reason="why"),
        acts.move("none", by="ada", reason="why"),
    ):
        with pytest.raises(ActRefusedError, match="has no version none"):
            await act
    assert recorded(audit) == []


async def test_a_build_that_nobody_names_is_refused(
    deployment: DeploymentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = settings_of(deployment, "")
    with pytest.raises(SettingsError, match="TIDEGATE_DEPLOYMENT__BUILD_ID"):
        own_version(unnamed)
    monkeypatch.setenv("TIDEGATE_COMMIT", "1a2b3c4")
    assert own_version(unnamed) == WorkerDeploymentVersion(deployment.name, "1a2b3c4")
