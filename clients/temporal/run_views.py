"""Runs as they are seen: find one, its progress or result, lists of them, and where the Web UI
shows them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.run_kinds import CHANGES, QUARANTINED, STAGE
from schemas import names
from schemas.errors import UnavailableError
from schemas.message import Message

M = TypeVar("M", bound=Message)

_SYSTEM = "Temporal"
_ANSWER_WITHIN = timedelta(seconds=3)


@dataclass(frozen=True)
class RunDescription:
    """A run as Temporal sees it."""

    workflow_id: str
    run_id: str
    status: str
    """running, completed, failed, cancelled, terminated or timed_out."""
    began_at: datetime
    ended_at: datetime | None
    stage: str
    """Its search attribute `Stage`; "" when it has none."""
    changes: int = 0
    quarantined: int = 0
    """Its search attributes of these names; 0 when it has none."""


async def look(client: Client, workflow_id: str) -> RunDescription | None:
    """The newest run of that id; None when there is none."""
    with translated_temporal():
        try:
            described = await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            # An id that cannot be one is nobody's.
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return None
            raise
    return seen(described)


def seen(execution: WorkflowExecution | WorkflowExecutionDescription) -> RunDescription:
    """Temporal's words for a run, in ours."""
    status = execution.status or WorkflowExecutionStatus.RUNNING
    attributes = execution.typed_search_attributes
    return RunDescription(
        workflow_id=execution.id,
        run_id=execution.run_id,
        status={"canceled": "cancelled"}.get(status.name.lower(), status.name.lower()),
        began_at=execution.start_time,
        ended_at=execution.close_time,
        stage=str(attributes.get(STAGE, "")),
        changes=int(attributes.get(CHANGES, 0)),
        quarantined=int(attributes.get(QUARANTINED, 0)),
    )


async def progress(client: Client, found: RunDescription, state: type[M]) -> tuple[M | None, str]:
    """A run's state, by its query or as its result; and why there is none, in a sentence, or "".

    Args:
        client: Of the server that has it.
        found: From `look`.
        state: The kind's `state`.

    Raises:
        UnavailableError: No worker answers for it within three seconds.
    """
    if found.status == "running":
        return await query(client, found.workflow_id, names.PROGRESS, state), ""
    handle = client.get_workflow_handle(found.workflow_id, run_id=found.run_id, result_type=state)
    try:
        with translated_temporal():
            return await handle.result(follow_runs=False), ""
    except WorkflowFailureError as error:
        return None, _deepest(error)


def _deepest(error: BaseException) -> str:
    cause = error.__cause__
    while isinstance(cause, FailureError) and cause.__cause__ is not None:
        cause = cause.__cause__
    return cause.message if isinstance(cause, ApplicationError) else str(cause or error)


async def query(client: Client, workflow_id: str, name: str, kind: type[M]) -> M | None:
    """The answer of a workflow to a query; None when no such workflow runs.

    Raises:
        UnavailableError: It runs, but no worker answers for it within three seconds.
    """
    handle = client.get_workflow_handle(workflow_id)
    try:
        answer: M = await handle.query(name, result_type=kind, rpc_timeout=_ANSWER_WITHIN)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        detail = f"no worker answers for {workflow_id}"
        raise UnavailableError(system=_SYSTEM, detail=detail) from error
    except WorkflowQueryFailedError as error:
        detail = f"{workflow_id} does not answer its query {name}"
        raise UnavailableError(system=_SYSTEM, detail=detail) from error
    return answer


class UnknownPageError(Exception):
    """A page was asked for that no list has named."""


_REFUSED_TOKEN = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.INTERNAL, RPCStatusCode.UNKNOWN)
"""How servers refuse a token: by its form, or where they try to read it."""


async def list_runs(
    client: Client,
    workflow_type: str,
    prefix: str,
    *,
    status: str = "",
    most: int,
    token: bytes | None = None,
) -> tuple[list[RunDescription], bytes | None]:
    """Runs whose ids begin with `prefix`, the newest first, and where the next page begins; None
    after the last.

    Args:
        client: Of the server to ask.
        workflow_type: As in `schemas.names`.
        prefix: Holds no quotation mark.
        status: One of `RunDescription`'s; "" for all.
        most: Of a page.
        token: What the page before gave; None for the first.

    Raises:
        UnknownPageError: The server never gave that token.
    """
    wanted = (
        f'ExecutionStatus = "{_TEMPORAL_STATUS[status]}"' if status else 'ExecutionStatus != "ContinuedAsNew"'
    )
    found = client.list_workflows(
        f'WorkflowType = "{workflow_type}" AND WorkflowId STARTS_WITH "{prefix}" AND {wanted}',
        page_size=most,
        next_page_token=token,
    )
    with translated_temporal():
        try:
            await found.fetch_next_page()
        except RPCError as error:
            if token is not None and error.status in _REFUSED_TOKEN:
                raise UnknownPageError from error
            raise
    return [seen(each) for each in found.current_page or ()], found.next_page_token or None


def web_ui_url(ui: str | None, namespace: str, workflow_id: str, run_id: str = "") -> str | None:
    """The address of a workflow in Temporal's Web UI; None when the settings name no Web UI.

    Args:
        ui: The Web UI's own address.
        namespace: Of the workflow.
        workflow_id: Its id; slashes are escaped.
        run_id: One run of it; "" = the newest.
    """
    if ui is None:
        return None
    link = f"{ui}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"
    return f"{link}/{run_id}" if run_id else link


_TEMPORAL_STATUS = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "cancelled": "Canceled",
    "terminated": "Terminated",
    "timed_out": "TimedOut",
}
STATUSES = tuple(_TEMPORAL_STATUS)


@contextmanager
def translated_temporal() -> Iterator[None]:
    """Turn failures of Temporal into ours. "Not found" passes through: its meaning is the
    caller's.
    """
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise
        raise UnavailableError(system=_SYSTEM, detail=f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:  # the connection of a client that connects when it is first used
        raise UnavailableError(system=_SYSTEM, detail="no connection") from error
