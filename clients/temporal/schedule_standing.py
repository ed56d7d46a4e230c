"""The scheduled builds of the reporting model, and the scheduled exports, as Temporal has them. No
worker is asked.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.ids import export_workflow_id, model_workflow_id, schedule_id
from schemas.status import LOOK_SECONDS
from schemas.status_facts import ScheduleStanding

_LATELY: Final = timedelta(days=7)
_MOST: Final = 20
_WITHIN: Final = timedelta(seconds=LOOK_SECONDS)
_BAD: Final = frozenset(
    {
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.CANCELED,
    }
)


async def model_standing(client: Client, org: str) -> ScheduleStanding:
    """Since when the model's builds are scheduled, and how the last ones ended. Raises
    `UnavailableError`.
    """
    runs = f'WorkflowType = "{names.MODEL_WORKFLOW}" AND WorkflowId STARTS_WITH "{model_workflow_id(org)}"'
    return await _standing(client, schedule_id(org, "model"), runs)


async def export_standing(client: Client, org: str) -> ScheduleStanding:
    """As `model_standing`, of exports."""
    runs = f'WorkflowType = "{names.EXPORT_WORKFLOW}" AND WorkflowId STARTS_WITH "{export_workflow_id(org)}"'
    return await _standing(client, schedule_id(org, "export"), runs)


async def _standing(client: Client, schedule: str, runs: str) -> ScheduleStanding:
    with translated_temporal():
        scheduled_at = await _scheduled_at(client, schedule)
        succeeded = await _last(client, runs, WorkflowExecutionStatus.COMPLETED)
        last = await _last(client, runs)
    failed_at = None if last is None or last.status not in _BAD else last.close_time
    return ScheduleStanding(
        scheduled_at=scheduled_at,
        succeeded_at=None if succeeded is None else succeeded.close_time,
        failed_at=failed_at,
    )


async def _scheduled_at(client: Client, schedule: str) -> datetime | None:
    try:
        found = await client.get_schedule_handle(schedule).describe(rpc_timeout=_WITHIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    return found.info.created_at


async def _last(
    client: Client, runs: str, status: WorkflowExecutionStatus | None = None
) -> WorkflowExecution | None:
    """The run that ended last, of those of a status; None = none within a week."""
    ended = 'ExecutionStatus != "Running"' if status is None else 'ExecutionStatus = "Completed"'
    query = f'{runs} AND {ended} AND CloseTime > "{(datetime.now(UTC) - _LATELY).isoformat()}"'
    # The server lists what closed last first; twenty hold the newest whatever the order of equals.
    found = client.list_workflows(query, page_size=_MOST, limit=_MOST, rpc_timeout=_WITHIN)
    closed = [each async for each in found if each.close_time is not None]
    return max(closed, key=lambda each: each.close_time or each.start_time, default=None)
