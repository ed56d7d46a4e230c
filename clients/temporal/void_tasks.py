"""Tasks of moved runs that are left in the queues of a version without workers.

The server queues a moved run's tasks once more, for the current version. The old ones are void,
and it drops them when a worker of their version asks for work. None does, so they would be shown
as a backlog that nobody works off.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType, WorkerVersioningMode, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    RespondActivityTaskFailedRequest,
    RespondWorkflowTaskFailedRequest,
)
from temporalio.client import Client

from clients.temporal.run_views import translated_temporal
from clients.temporal.task_queues import EMPTIES_QUEUES, QUEUES
from schemas.deployment import QUEUES_OF_PINNED_RUNS

_POLL: Final = timedelta(seconds=5)
"""The server answers a poll a second before its time is over; void tasks are dropped within it."""
_WORKFLOWS: Final = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW


async def drop_void_tasks(temporal: Client, deployment: str, build_id: str) -> None:
    """Have the server drop the void tasks of a version. Takes some five seconds.

    A task that is not void is given back at once. Raises `UnavailableError`.

    Args:
        temporal: The server.
        deployment: Name of the Worker Deployment.
        build_id: Of a version whose pinned runs were moved.
    """
    version = WorkerDeploymentOptions(
        deployment_name=deployment,
        build_id=build_id,
        worker_versioning_mode=WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED,
    )
    with translated_temporal():
        queues = await _queues(temporal, deployment, build_id)
        await asyncio.gather(*(_empty(temporal, queue, version) for queue in queues))


async def _queues(temporal: Client, deployment: str, build_id: str) -> list[str]:
    """Queues that the version has had workers for: a poll of another would add it to the
    version.
    """
    request = DescribeWorkerDeploymentVersionRequest(
        namespace=temporal.namespace,
        deployment_version=WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id),
    )
    found = await temporal.workflow_service.describe_worker_deployment_version(request, timeout=_POLL)
    known = {each.name for each in found.worker_deployment_version_info.task_queue_infos}
    return [queue for queue in QUEUES_OF_PINNED_RUNS if queue in known]


async def _empty(temporal: Client, queue: str, version: WorkerDeploymentOptions) -> None:
    given: dict[str, Any] = {
        "namespace": temporal.namespace,
        "task_queue": TaskQueue(name=queue),
        "identity": EMPTIES_QUEUES,
        "deployment_options": version,
    }
    service = temporal.workflow_service
    if QUEUES[queue][0] == _WORKFLOWS:
        task = await service.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(**given), timeout=_POLL)
        if task.task_token:
            await service.respond_workflow_task_failed(_refused_workflow_task(temporal, task.task_token))
        return
    step = await service.poll_activity_task_queue(PollActivityTaskQueueRequest(**given), timeout=_POLL)
    if step.task_token:
        await service.respond_activity_task_failed(_refused_step(temporal, step.task_token))


def _refused_workflow_task(temporal: Client, token: bytes) -> RespondWorkflowTaskFailedRequest:
    return RespondWorkflowTaskFailedRequest(
        namespace=temporal.namespace,
        task_token=token,
        cause=WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED,
        failure=_FAILURE,
        identity=EMPTIES_QUEUES,
    )


def _refused_step(temporal: Client, token: bytes) -> RespondActivityTaskFailedRequest:
    return RespondActivityTaskFailedRequest(
        namespace=temporal.namespace, task_token=token, failure=_FAILURE, identity=EMPTIES_QUEUES
    )


_FAILURE: Final = Failure(
    message="given back: no worker of this version runs",
    application_failure_info=ApplicationFailureInfo(type="NoWorkerError", non_retryable=False),
)
