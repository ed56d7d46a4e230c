"""The server's runs as they are shown: lists, and the ends of histories."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryReverseResponse,
)
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import TypedSearchAttributes
from temporalio.converter import decode_typed_search_attributes

from tests.storm.temporal.run import Run
from tests.storm.temporal.server import Server
from tests.storm.temporal.step import Step

_STATUS = {
    "RUNNING": WorkflowExecutionStatus.RUNNING,
    "COMPLETED": WorkflowExecutionStatus.COMPLETED,
    "FAILED": WorkflowExecutionStatus.FAILED,
    "CANCELED": WorkflowExecutionStatus.CANCELED,
    "TERMINATED": WorkflowExecutionStatus.TERMINATED,
    "CONTINUED": WorkflowExecutionStatus.CONTINUED_AS_NEW,
}
_CONDITION = re.compile(r'(\w+) (=|!=|STARTS_WITH) "([^"]*)"')


class Service:
    """The calls that the engine makes past the client. Histories hold no authors here."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def describe_task_queue(
        self, _request: DescribeTaskQueueRequest, **_how: Any
    ) -> DescribeTaskQueueResponse:
        """Who polls a queue: every process, of the role `all`, polls each. One that has ended stays
        on the list, as on the real one.
        """
        answer = DescribeTaskQueueResponse()
        for each in self._server.workers:
            found = answer.pollers.add(identity=each.name)
            found.last_access_time.FromDatetime(each.seen_at or datetime.now(UTC))
        return answer

    async def get_workflow_execution_history_reverse(
        self, _request: Any
    ) -> GetWorkflowExecutionHistoryReverseResponse:
        """Answer without any event."""
        return GetWorkflowExecutionHistoryReverseResponse()


def listed(server: Server, query: str | None) -> Iterator[Any]:
    """The newest runs that a query names, as the client shows them."""
    conditions = _CONDITION.findall(query or "")
    for workflow_id, runs in sorted(server.runs.items()):
        shown = described(server, runs[-1])
        facts = {
            "WorkflowType": runs[-1].started.kind,
            "WorkflowId": workflow_id,
            "ExecutionStatus": runs[-1].status.capitalize(),
        }
        if all(_holds(facts.get(name), sign, value) for name, sign, value in conditions):
            yield shown


def described(server: Server, run: Run) -> Any:
    """A run as the client shows it."""
    converter = server.converter.payload_converter

    async def memo() -> dict[str, Any]:
        return {name: converter.from_payloads([value])[0] for name, value in run.memo.items()}

    return SimpleNamespace(
        id=run.started.workflow_id,
        run_id=run.run_id,
        workflow_type=run.started.kind,
        status=_STATUS[run.status],
        start_time=run.began_at,
        close_time=run.closed_at,
        typed_search_attributes=_attributes(run),
        raw_description=_raw(server, run),
        memo=memo,
    )


def _attributes(run: Run) -> TypedSearchAttributes:
    own = decode_typed_search_attributes(run.indexed)
    set_since = {each.key.name for each in own}
    kept = [each for each in run.started.attributes if each.key.name not in set_since]
    return TypedSearchAttributes([*kept, *own])


def _raw(server: Server, run: Run) -> DescribeWorkflowExecutionResponse:
    """The steps of a run that are under way."""
    found = DescribeWorkflowExecutionResponse()
    for each in server.open_steps():
        if each.run is run:
            found.pending_activities.append(_pending(each))
    return found


def _pending(step: Step) -> PendingActivityInfo:
    found = PendingActivityInfo(
        activity_id=step.asked.activity_id, attempt=step.attempt, last_worker_identity=step.worker
    )
    found.activity_type.name = step.kind
    found.state = (
        PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        if step.token
        else PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    )
    found.heartbeat_details.payloads.extend(step.details)
    found.scheduled_time.FromDatetime(step.scheduled_at)
    if step.worker:
        found.last_started_time.FromDatetime(step.started_at)
    if step.heard_at is not None:
        found.last_heartbeat_time.FromDatetime(step.heard_at)
    if not step.token:
        found.next_attempt_schedule_time.FromDatetime(step.attempt_at)
    if step.last_failure is not None:
        found.last_failure.CopyFrom(step.last_failure)
        found.last_attempt_complete_time.FromDatetime(step.failed_at)
    return found


async def end_of(server: Server, workflow_id: str, *, waits: bool) -> AsyncIterator[HistoryEvent]:
    """The last event of a workflow; nothing when nobody waits for it."""
    if not waits:
        return
    run = server.newest(workflow_id)
    while run is not None and (run.is_open or run.status == "CONTINUED"):
        if run.is_open:
            await _ended(server, run)
        run = server.newest(workflow_id)
    if run is not None:
        yield _closing(run)


async def _ended(server: Server, run: Run) -> None:
    ended: asyncio.Future[None] = server.loop.create_future()

    def tell(_run: Run) -> None:
        if not ended.done():
            ended.set_result(None)

    run.waiting_for_end.append(tell)
    await ended


def _closing(run: Run) -> HistoryEvent:
    event = HistoryEvent()
    if run.status == "COMPLETED":
        result = event.workflow_execution_completed_event_attributes.result
        if run.result is not None:
            result.payloads.append(run.result)
    elif run.failure is not None:
        event.workflow_execution_failed_event_attributes.failure.CopyFrom(run.failure)
    elif run.status == "CANCELED":
        event.workflow_execution_canceled_event_attributes.SetInParent()
    else:
        event.workflow_execution_terminated_event_attributes.SetInParent()
    return event


def _holds(found: str | None, sign: str, value: str) -> bool:
    if found is None:
        return True
    if sign == "STARTS_WITH":
        return found.startswith(value)
    return (found == value) is (sign == "=")
