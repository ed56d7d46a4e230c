"""The client that started, signalled or updated a workflow, as the workflow's history keeps it."""

import asyncio
import logging
from collections.abc import Iterable

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.service import RPCError

_log = logging.getLogger(__name__)
_PAGES = 4
"""Of the newest events: what was asked is recorded within seconds."""
_WITHIN_SECONDS = 5.0


async def asker(client: Client, workflow_id: str, run_id: str, operation: str, by: str) -> dict[str, str]:
    """`identity`: as the client named itself. `principal`: as Temporal's server authenticated it,
    empty where it does not. Both empty when the history does not tell.

    Args:
        client: Of the same namespace.
        workflow_id: That was asked.
        run_id: The run.
        operation: `start`, `signal pause`, `update move_position`.
        by: The name that was given: of several signals the newest with this name counts.
    """
    try:
        async with asyncio.timeout(_WITHIN_SECONDS):
            event = await _event(client, workflow_id, run_id, operation, by)
    except (RPCError, TimeoutError) as error:
        # An act is recorded all the same: less is known of its author then.
        _log.warning("the history of %s cannot be asked for the author of an act: %s", workflow_id, error)
        event = None
    if event is None:
        return {"identity": "", "principal": ""}
    principal = event.principal
    name = f"{principal.type}:{principal.name}" if principal.type else principal.name
    return {"identity": _identity(event), "principal": name}


async def _event(
    client: Client, workflow_id: str, run_id: str, operation: str, by: str
) -> HistoryEvent | None:
    if operation == "start":
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        return await anext(handle.fetch_history_events(page_size=1), None)
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=200,
    )
    for _ in range(_PAGES):
        page = await client.workflow_service.get_workflow_execution_history_reverse(request)
        for event in page.history.events:
            if operation == _operation(event) and await _names(client, _asked(event), by):
                return event
        if not page.next_page_token:
            break
        request.next_page_token = page.next_page_token
    return None


def _operation(event: HistoryEvent) -> str:
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return f"signal {event.workflow_execution_signaled_event_attributes.signal_name}"
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        accepted = event.workflow_execution_update_accepted_event_attributes
        return f"update {accepted.accepted_request.input.name}"
    return ""


def _identity(event: HistoryEvent) -> str:
    if event.HasField("workflow_execution_signaled_event_attributes"):
        return event.workflow_execution_signaled_event_attributes.identity
    if event.HasField("workflow_execution_update_accepted_event_attributes"):
        return event.workflow_execution_update_accepted_event_attributes.accepted_request.meta.identity
    return event.workflow_execution_started_event_attributes.identity


def _asked(event: HistoryEvent) -> Iterable[Payload]:
    if event.HasField("workflow_execution_signaled_event_attributes"):
        return event.workflow_execution_signaled_event_attributes.input.payloads
    accepted = event.workflow_execution_update_accepted_event_attributes
    return accepted.accepted_request.input.args.payloads


async def _names(client: Client, payloads: Iterable[Payload], by: str) -> bool:
    found = await client.data_converter.decode(list(payloads))
    return bool(found) and isinstance(found[0], dict) and found[0].get("by", "unknown") == by
