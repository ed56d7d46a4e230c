"""Runs, from outside: workflows that somebody asks for, that do one thing and end with a result.

The id of a run is derived from what it stands for, so asking again finds it. A run that failed is started again; one that
is under way is not, and one that has ended well only where the caller says so.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.common import SearchAttributeKey, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from schemas import names
from schemas.errors import TerminalError, UnavailableError
from schemas.ingest.messages import PauseInput
from schemas.message import Message

M = TypeVar("M", bound=Message)

_SYSTEM = "Temporal"
_ANSWER_WITHIN = timedelta(seconds=3)
_CANCELLED = "cancelled"
"""The stage of a run that an operator has ended."""
_NOT_CONTENT = {"by", "reason"}
"""Fields of an input that say who asks and why, not what is to be done."""


class RunExistsError(TerminalError):
    """A run of that name exists and was asked to do something else."""

    code = "RunExistsError"

    def __init__(self, *, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(
            f"{workflow_id} exists and was asked to do something else. Look at what it does, or give yours another window."
        )


@dataclass(frozen=True)
class Started:
    """A run that was asked for."""

    workflow_id: str
    run_id: str
    is_new: bool
    """False when it was there before."""


@dataclass(frozen=True)
class Look:
    """A run as Temporal sees it."""

    workflow_id: str
    run_id: str
    status: str
    """running, completed, failed, cancelled, terminated or timed_out."""
    began_at: datetime
    ended_at: datetime | None
    stage: str
    """Its search attribute `Stage`; "" when it has none."""


def content(request: Message) -> dict[str, Any]:
    """A run's input as plain values, without the caller and the reason."""
    return request.model_dump(mode="json", exclude=_NOT_CONTENT)


async def start_run(
    client: Client,
    workflow_type: str,
    request: Message,
    *,
    workflow_id: str,
    again: bool,
    options: Mapping[str, Any],
) -> Started:
    """Start a run, or find the one that does the same.

    One that failed, or was cancelled, is started again.

    Args:
        client: Of the server to ask.
        workflow_type: As in `schemas.names`.
        request: The workflow's input.
        workflow_id: Derived from the request.
        again: True starts one that has ended well again, too.
        options: Search attributes, a memo, a summary, for Temporal.

    Raises:
        RunExistsError: A run with this id does something else.
        UnavailableError: Temporal does not answer.
    """
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    with translated():
        while True:
            try:
                handle = await client.start_workflow(
                    workflow_type,
                    request,
                    id=workflow_id,
                    task_queue=names.WORKFLOW_QUEUE,
                    id_reuse_policy=reuse,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    **options,
                )
            except WorkflowAlreadyStartedError:
                found = await _same(client, workflow_id, request)
                if found.status != "completed" or not (again or found.stage == _CANCELLED):
                    return Started(workflow_id, found.run_id, is_new=False)
                reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
            else:
                return Started(workflow_id, handle.first_execution_run_id or "", is_new=True)


async def _same(client: Client, workflow_id: str, request: Message) -> Look:
    """The run of that id; raises `RunExistsError` when it was asked for something else."""
    described = await client.get_workflow_handle(workflow_id).describe()
    first_run = described.raw_description.workflow_execution_info.first_run_id or described.run_id
    asked = await _input(client, workflow_id, first_run, type(request))
    if asked is None or content(asked) != content(request):
        raise RunExistsError(workflow_id=workflow_id)
    return seen(described)


async def _input(client: Client, workflow_id: str, run_id: str, kind: type[M]) -> M | None:
    """The input that a workflow was started with; None when it has another type."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        try:
            [found] = await client.data_converter.decode(payloads, [kind])
        except (ValidationError, ValueError):
            return None
        return found if isinstance(found, kind) else None
    return None


async def look(client: Client, workflow_id: str) -> Look | None:
    """The newest run of that id; None when there is none."""
    with translated():
        try:
            described = await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
    return seen(described)


def seen(execution: WorkflowExecution | WorkflowExecutionDescription) -> Look:
    """Temporal's words for a run, in ours."""
    status = execution.status or WorkflowExecutionStatus.RUNNING
    stage = execution.typed_search_attributes.get(SearchAttributeKey.for_keyword("Stage"), "")
    return Look(
        workflow_id=execution.id,
        run_id=execution.run_id,
        status={"canceled": "cancelled"}.get(status.name.lower(), status.name.lower()),
        began_at=execution.start_time,
        ended_at=execution.close_time,
        stage=str(stage),
    )


async def progress(client: Client, found: Look, kind: type[M]) -> tuple[M | None, str]:
    """A run's state, by its query or as its result; and why there is none, in a sentence, or "".

    Raises:
        UnavailableError: No worker answers for it within three seconds.
    """
    if found.status == "running":
        return await query(client, found.workflow_id, names.PROGRESS, kind), ""
    handle = client.get_workflow_handle(found.workflow_id, run_id=found.run_id, result_type=kind)
    try:
        with translated():
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


async def signal(client: Client, workflow_id: str, name: str, request: PauseInput) -> bool:
    """Tell a workflow to pause, resume or end; False when it does not run."""
    with translated():
        try:
            await client.get_workflow_handle(workflow_id).signal(name, request)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
    return True


async def list_runs(
    client: Client,
    workflow_type: str,
    prefix: str,
    *,
    status: str = "",
    most: int,
    token: bytes | None = None,
) -> tuple[list[Look], bytes | None]:
    """Runs whose ids begin with `prefix`, the newest first, and where the next page begins; None after the last.

    Args:
        client: Of the server to ask.
        workflow_type: As in `schemas.names`.
        prefix: Holds no quotation mark.
        status: One of `Look`'s; "" for all.
        most: Of a page.
        token: What the page before gave; None for the first.
    """
    wanted = (
        f'ExecutionStatus = "{_TEMPORAL_STATUS[status]}"' if status else 'ExecutionStatus != "ContinuedAsNew"'
    )
    found = client.list_workflows(
        f'WorkflowType = "{workflow_type}" AND WorkflowId STARTS_WITH "{prefix}" AND {wanted}',
        page_size=most,
        next_page_token=token,
    )
    with translated():
        await found.fetch_next_page()
    return [seen(each) for each in found.current_page or ()], found.next_page_token or None


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
def translated() -> Iterator[None]:
    """Turn Temporal's failures into ours; the caller interprets a missing workflow."""
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise
        raise UnavailableError(system=_SYSTEM, detail=f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:  # the connection of a client that connects when it is first used
        raise UnavailableError(system=_SYSTEM, detail="no connection") from error
