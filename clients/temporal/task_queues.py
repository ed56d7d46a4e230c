"""Task queues as Temporal describes them: who polls, and what waits."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType, WorkerVersioningMode
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.status import LOOK_SECONDS, QueueStatus

_WORKFLOWS, _STEPS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
QUEUES: Mapping[str, tuple[int, str]] = {
    names.WORKFLOW_QUEUE: (_WORKFLOWS, "batches"),
    names.BATCH_QUEUE: (_STEPS, "batches"),
    names.GOVERNOR_QUEUE: (_WORKFLOWS, "any"),
    names.ORG_QUEUE: (_STEPS, "lanes"),
    names.LANE_QUEUE: (_STEPS, "lanes"),
    names.BACKFILL_QUEUE: (_STEPS, "backfill"),
    names.REPLAY_QUEUE: (_STEPS, "backfill"),
    names.ERASURE_QUEUE: (_STEPS, "backfill"),
    names.RECONCILE_QUEUE: (_STEPS, "backfill"),
    names.WRITEBACK_QUEUE: (_STEPS, "writebacks"),
    names.WEBHOOK_QUEUE: (_STEPS, "writebacks"),
}
"""Task queue -> the kind of task there, and the role of `tidegate worker` that polls it."""
EMPTIES_QUEUES: Final = "tidegate deployment move"
"""Identity of a poller that is no worker: it takes void tasks away (`void_tasks.py`)."""
POLLED_WITHIN: Final = timedelta(seconds=70)
"""A worker asks at least every 60 seconds: then its long poll ends."""


async def describe_queue(
    client: Client, queue: str, kind: int, within: timedelta = timedelta(seconds=LOOK_SECONDS)
) -> QueueStatus:
    """A task queue's pollers and backlog; `kind` is a `TaskQueueType`. Raises `UnavailableError`,
    also when the server does not answer `within` this time.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.ValueType(kind),
        report_stats=True,
    )
    with translated_temporal():
        found = await client.workflow_service.describe_task_queue(request, timeout=within)
    now = datetime.now(UTC)
    workers = [each for each in found.pollers if each.identity != EMPTIES_QUEUES]
    polled = [each.last_access_time.ToDatetime(UTC) for each in workers]
    recent = [each for each, at in zip(workers, polled, strict=True) if now - at <= POLLED_WITHIN]
    age = found.stats.approximate_backlog_age
    return QueueStatus(
        queue=queue,
        kind="workflow" if kind == TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW else "activity",
        pollers=len(recent),
        versions=dict(Counter(map(_version, recent))),
        polled_at=max(polled, default=None),
        backlog=found.stats.approximate_backlog_count,
        oldest=timedelta(seconds=age.seconds, microseconds=age.nanos // 1_000),
    )


def _version(poller: PollerInfo) -> str:
    """`NAME:BUILD_ID`, as Temporal writes it; empty = it is of no version."""
    of = poller.deployment_options
    if of.worker_versioning_mode != WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED:
        return ""
    return f"{of.deployment_name}:{of.build_id}"
