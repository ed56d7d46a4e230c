"""An activity scheduled by `workflows.runtime` carries all that its row says."""

import uuid
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.support.builders.contracts import contracts
from workflows.contracts.contract import Contract
from workflows.runtime import start

pytestmark = pytest.mark.service


@workflow.defn(name="schedules-every-activity", sandboxed=False)
class SchedulesEveryActivity:
    @workflow.run
    async def run(self) -> None:
        for row in contracts():
            start(row, None, summary=f"summary of {row.name}")


def carried(event: ActivityTaskScheduledEventAttributes) -> dict[str, Any]:
    retry = event.retry_policy
    return {
        "queue": event.task_queue.name,
        "start_to_close": event.start_to_close_timeout.ToTimedelta(),
        "schedule_to_close": event.schedule_to_close_timeout.ToTimedelta() or None,
        "heartbeat": event.heartbeat_timeout.ToTimedelta() or None,
        "attempts": retry.maximum_attempts,
        "backoff": (retry.initial_interval.ToTimedelta(), retry.backoff_coefficient),
    }


def wanted(row: Contract[Any, Any]) -> dict[str, Any]:
    return {
        "queue": row.queue,
        "start_to_close": row.start_to_close,
        "schedule_to_close": row.schedule_to_close,
        "heartbeat": row.heartbeat,
        "attempts": row.retry.maximum_attempts,
        "backoff": (row.retry.initial_interval, row.retry.backoff_coefficient),
    }


async def test_a_scheduled_activity_has_its_rows_queue_limits_and_the_summary(client: Client) -> None:
    queue = uuid.uuid4().hex
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[SchedulesEveryActivity],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        handle = await client.start_workflow(SchedulesEveryActivity.run, id=queue, task_queue=queue)
        await handle.result()
    events = [
        event
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    found = {each.activity_type.name: carried(each) for each in map(_attributes, events)}
    assert found == {row.name: wanted(row) for row in contracts()}
    summaries = {event.user_metadata.summary.data.decode() for event in events}
    assert summaries == {f'"summary of {row.name}"' for row in contracts()}


def _attributes(event: Any) -> ActivityTaskScheduledEventAttributes:
    return event.activity_task_scheduled_event_attributes
