"""Workflows that somebody asks for: started once, and not again by a second asking."""

from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from schemas import names
from schemas.backfills import BackfillInput, BackfillState
from schemas.errors import WindowDoneError
from schemas.ids import backfill_workflow_id

_REDO = frozenset({"cancelled"})
"""Stages at the end of a run after which the same window may be started again."""


@dataclass(frozen=True)
class StartedBackfill:
    """A backfill that runs."""

    handle: WorkflowHandle[Any, BackfillState]
    is_new: bool
    """False: it ran already, as it was asked for then."""


async def start_backfill(client: Client, request: BackfillInput) -> StartedBackfill:
    """Start a backfill, or find the one of the same object and window that runs.

    One that failed or was cancelled is started again and goes on where it stopped. Raises `WindowDoneError` for a window that
    is done: its rows are older by now, so whoever wants them anew names another window.
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
    if described.status is WorkflowExecutionStatus.RUNNING:
        return StartedBackfill(found, is_new=False)
    state = await found.result()
    if state.stage not in _REDO:
        raise WindowDoneError(
            object_name=request.object, window=request.window, rows=state.counts.rows, at=described.close_time
        )
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    return StartedBackfill(await _start(client, workflow_id, request, reuse), is_new=True)


async def _start(
    client: Client, workflow_id: str, request: BackfillInput, reuse: WorkflowIDReusePolicy
) -> WorkflowHandle[Any, BackfillState]:
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), request.org),
            SearchAttributePair(SearchAttributeKey.for_keyword_list("SfObjects"), [request.object]),
            SearchAttributePair(SearchAttributeKey.for_keyword("Stage"), "planning"),
            SearchAttributePair(SearchAttributeKey.for_int("Changes"), 0),
        ]
    )
    return await client.start_workflow(
        names.BACKFILL_WORKFLOW,
        request,
        id=workflow_id,
        task_queue=names.WORKFLOW_QUEUE,
        result_type=BackfillState,
        id_reuse_policy=reuse,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        search_attributes=attributes,
        memo={"by": request.by, "reason": request.reason},
        static_summary=_summary(request)[:200],
    )


def _summary(request: BackfillInput) -> str:
    what = "some records" if request.ids_key is not None else "all records"
    if request.since is not None or request.until is not None:
        bounds = (f"{moment:%Y-%m-%d %H:%M}" if moment else "" for moment in (request.since, request.until))
        what = f"changes of {' to '.join(bounds)}"
    return f"{request.object}: {what}, for {request.by}"
