"""Task queues as Temporal describes them: who polls, and what waits."""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from clients.temporal.run_views import translated_temporal
from schemas.status import LOOK_SECONDS, QueueStatus

POLLED_WITHIN: Final = timedelta(seconds=70)
"""A worker asks at least every 60 seconds: then its long poll ends."""


async def describe_queue(client: Client, queue: str, kind: int) -> QueueStatus:
    """A task queue's pollers and backlog; `kind` is a `TaskQueueType`. Raises
    `UnavailableError`.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.ValueType(kind),
        report_stats=True,
    )
    with translated_temporal():
        found = await client.workflow_service.describe_task_queue(
            request, timeout=timedelta(seconds=LOOK_SECONDS)
        )
    now = datetime.now(UTC)
    polled = [each.last_access_time.ToDatetime(UTC) for each in found.pollers]
    age = found.stats.approximate_backlog_age
    return QueueStatus(
        queue=queue,
        kind="workflow" if kind == TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW else "activity",
        pollers=sum(now - at <= POLLED_WITHIN for at in polled),
        polled_at=max(polled, default=None),
        backlog=found.stats.approximate_backlog_count,
        oldest=timedelta(seconds=age.seconds, microseconds=age.nanos // 1_000),
    )
