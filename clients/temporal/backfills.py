"""Backfills, from outside: start one once, find those that there are, and steer them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.errors import RunAlreadyCompletedError, RunConflictError, UnavailableError
from schemas.ids import backfill_workflow_id
from schemas.ingest.messages import PauseInput

_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_ANSWER_WITHIN = timedelta(seconds=5)
_ASKED = "asked"
"""In the memo: what a backfill was to read."""
_REDO = frozenset({"cancelled"})
"""Stages at the end of a run after which the same window may be started again."""


@dataclass(frozen=True)
class BackfillView:
    """A backfill as Temporal lists it."""

    object: str
    window: str
    status: str
    """running, completed, failed, canceled, terminated, timed_out."""
    stage: str
    changes: int
    quarantined: int
    began_at: datetime
    ended_at: datetime | None
    workflow: str


@dataclass(frozen=True)
class StartedBackfill:
    """A backfill that runs."""

    handle: WorkflowHandle[Any, BackfillState]
    is_new: bool
    """False: it ran already, as it was asked for then."""


async def start_backfill(client: Client, request: BackfillInput) -> StartedBackfill:
    """Start a backfill, or find the one of the same object and window that runs.

    One that failed or was cancelled is started again and goes on where it stopped. Raises `RunAlreadyCompletedError` for a window that is done: its rows are older by now, so a new read needs another window. Raises `RunConflictError` when what
    runs or is done under that name was asked for something else.
    """
    workflow_id = backfill_workflow_id(request.org, request.object, request.window)
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    try:
        return StartedBackfill(await _start(client, workflow_id, request, reuse), is_new=True)
    except WorkflowAlreadyStartedError:
        described = await client.get_workflow_handle(workflow_id).describe()
    found: WorkflowHandle[Any, BackfillState] = client.get_workflow_handle(
        workflow_id, run_id=described.run_id, result_type=BackfillState
    )
    if (await described.memo()).get(_ASKED, _asked(request)) != _asked(request):
        raise RunConflictError(object_name=request.object, window=request.window)
    if described.status is WorkflowExecutionStatus.RUNNING:
        return StartedBackfill(found, is_new=False)
    state = await found.result()
    if state.stage not in _REDO:
        raise RunAlreadyCompletedError(
            object_name=request.object, window=request.window, rows=state.counts.rows, at=described.close_time
        )
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    return StartedBackfill(await _start(client, workflow_id, request, reuse), is_new=True)


async def list_backfills(
    client: Client, org: str, *, running: bool = False, most: int = 50
) -> AsyncIterator[BackfillView]:
    """The org's backfills, the newest first; only those that run with `running`. Repairs are among them."""
    prefix = backfill_workflow_id(org, "", "").removesuffix("/")  # backfill/ORG/
    only = ' AND ExecutionStatus = "Running"' if running else ""
    query = f'WorkflowType = "{names.BACKFILL_WORKFLOW}" AND WorkflowId STARTS_WITH "{prefix}"{only}'
    async for execution in client.list_workflows(query, limit=most):
        object_name, window = execution.id.removeprefix(prefix).split("/", 1)
        attributes = execution.typed_search_attributes
        status = execution.status or WorkflowExecutionStatus.RUNNING
        yield BackfillView(
            object=object_name,
            window=window,
            status=status.name.lower(),
            stage=attributes.get(_STAGE, ""),
            changes=attributes.get(_CHANGES, 0),
            quarantined=attributes.get(_QUARANTINED, 0),
            began_at=execution.start_time,
            ended_at=execution.close_time,
            workflow=execution.id,
        )


async def backfill_state(client: Client, org: str, object_name: str, window: str) -> BackfillState | None:
    """Progress of a backfill, or its end; None when there is none."""
    handle = client.get_workflow_handle(backfill_workflow_id(org, object_name, window))
    try:
        state: BackfillState = await handle.query(
            names.PROGRESS, result_type=BackfillState, rpc_timeout=_ANSWER_WITHIN
        )
    except (RPCError, WorkflowQueryFailedError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return None
        detail = f"no worker answers for {handle.id}: {error.message}"
        raise UnavailableError(system="Temporal", detail=detail) from error
    return state


async def steer_backfill(
    client: Client, org: str, object_name: str, window: str, signal: str, request: PauseInput
) -> bool:
    """Send `pause`, `resume` or `cancel`; False when no such backfill runs."""
    try:
        await client.get_workflow_handle(backfill_workflow_id(org, object_name, window)).signal(
            signal, request
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise UnavailableError(system="Temporal", detail=error.message) from error
    return True


async def _start(
    client: Client, workflow_id: str, request: BackfillInput, reuse: WorkflowIDReusePolicy
) -> WorkflowHandle[Any, BackfillState]:
    return await client.start_workflow(
        names.BACKFILL_WORKFLOW,
        request,
        id=workflow_id,
        task_queue=names.WORKFLOW_QUEUE,
        result_type=BackfillState,
        id_reuse_policy=reuse,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        **start_options(request),
    )


def start_options(request: BackfillInput) -> dict[str, Any]:
    """Search attributes and memo of a backfill, next to its input."""
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), request.org),
            SearchAttributePair(SearchAttributeKey.for_keyword_list("SfObjects"), [request.object]),
            SearchAttributePair(_STAGE, "planning"),
            SearchAttributePair(_CHANGES, 0),
        ]
    )
    return {
        "search_attributes": attributes,
        "memo": {"by": request.by, "reason": request.reason, _ASKED: _asked(request)},
        "static_summary": _summary(request)[:200],
    }


def _asked(request: BackfillInput) -> dict[str, Any]:
    """The selection to read, without the caller and the reason."""
    return request.model_dump(mode="json", include={"since", "until", "ids_key", "is_repair"})


def _summary(request: BackfillInput) -> str:
    what = "some records" if request.ids_key is not None else "all records"
    if request.since is not None or request.until is not None:
        bounds = (f"{moment:%Y-%m-%d %H:%M}" if moment else "" for moment in (request.since, request.until))
        what = f"changes of {' to '.join(bounds)}"
    return f"{request.object}: {what}, for {request.by}"
