"""A span a step, in the trace of its workflow.

Steps that follow, watch or wait for hours have none: a span is sent when it ends, so a trace
would lack its parent until then. `NOT_TRACED` names them.
"""

from collections.abc import Mapping
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from clients.telemetry.spans import AttributeValue, Sampling, SpanKind, SpanSpec, is_on, span
from schemas import names
from schemas.ids import batch_of_workflow, is_page_batch

NOT_TRACED = frozenset(
    {
        names.FOLLOW_LANE,
        names.POLL_LANE,
        names.OPEN_LANE,
        names.FIND_LANE_END,
        names.READ_LIMITS,
        names.DRAW_PLAN,
        names.WATCH_LANES,
        names.FIND_REREADS,
        names.FIND_DELETED,
        names.CLOSE_REREADS,
        names.FORM_WRITEBACKS,
        names.FIND_ECHOES,
        names.SET_WRITEBACK_PAUSE,
        names.RECORD_ACT,
    }
)
"""Of lanes, governor, planner, repair and queues: they run for hours, or every few seconds."""
_FIRST_OF_WRITEBACK = names.SEND_WRITEBACKS
"""The first step of a batch of writebacks: callers' traces and echoes link to its span."""


class SpanInterceptor(Interceptor):
    """Worker interceptor, the outermost one: an error has been translated when it gets here."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        if not is_on() or activity.info().activity_type in NOT_TRACED:
            return await super().execute_activity(input)
        with span(_spec(activity.info(), input.args)):
            return await super().execute_activity(input)


def _spec(info: activity.Info, args: Any) -> SpanSpec:
    workflow_id = info.workflow_id or ""
    return SpanSpec(
        f"activity {info.activity_type}",
        {**_of_attempt(info), **_of_work(workflow_id, args)},
        SpanKind.CONSUMER,
        workflow_id=workflow_id,
        # A queue of writebacks keeps the context of the request that once started it.
        links_here=info.workflow_type != names.WRITEBACK_BATCH_WORKFLOW,
        is_first=info.activity_type == _FIRST_OF_WRITEBACK and info.attempt == 1,
        sampling=Sampling.PAGES if is_page_batch(workflow_id) else Sampling.BATCHES,
    )


def _of_attempt(info: activity.Info) -> Mapping[str, AttributeValue]:
    waited = info.started_time - info.current_attempt_scheduled_time
    return {
        "tidegate.workflow_id": info.workflow_id or "",
        "tidegate.attempt": info.attempt,
        "tidegate.queue": info.task_queue,
        "tidegate.queue_wait_ms": round(waited.total_seconds() * 1_000, 1),
    }


def _of_work(workflow_id: str, args: Any) -> dict[str, AttributeValue]:
    """Batch, object and number of changes, as far as the step's input names them."""
    found: dict[str, AttributeValue] = {}
    if (batch := batch_of_workflow(workflow_id)) is not None:
        found["tidegate.batch"] = batch
    request = args[0] if args else None
    staged, manifest = getattr(request, "staged", None), getattr(request, "manifest", None)
    name = getattr(staged, "object", None) or getattr(request, "object", None)
    if isinstance(name, str) and name:
        found["tidegate.object"] = name
    counts = (
        getattr(staged, "landed", None),
        getattr(manifest, "changes", None),
        getattr(request, "size", None),
    )
    if (count := next((each for each in counts if isinstance(each, int)), None)) is not None:
        found["tidegate.changes"] = count
    return found
