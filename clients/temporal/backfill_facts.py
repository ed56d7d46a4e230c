"""Backfills as a look sees them: those that read, with their last step forward, and those that
failed lately. No worker is asked.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution

from clients.temporal.run_kinds import BACKFILL
from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.status import LOOK_SECONDS
from schemas.status_facts import FailedRun, RunningBackfill

_LATELY: Final = timedelta(hours=24)
_MOST: Final = 200


async def failed_backfills(client: Client, org: str) -> tuple[FailedRun, ...]:
    """Backfills that ended badly within 24 hours, without a newer run of the same id. Raises
    `UnavailableError`.
    """
    since = datetime.now(UTC) - _LATELY
    newest: dict[str, WorkflowExecution] = {}
    with translated_temporal():
        async for each in _listed(client, org, f'StartTime > "{(since - timedelta(days=7)).isoformat()}"'):
            known = newest.get(each.id)
            newest[each.id] = each if known is None or each.start_time > known.start_time else known
    return tuple(_failed(org, each) for each in newest.values() if _is_failed(each, since))


async def running_backfills(client: Client, org: str) -> tuple[RunningBackfill, ...]:
    """Backfills that are under way and not paused. Raises `UnavailableError`."""
    with translated_temporal():
        found = _listed(client, org, 'ExecutionStatus = "Running" AND Stage != "paused"')
        return tuple([await _running(org, each) async for each in found])


def _listed(client: Client, org: str, condition: str) -> AsyncIterator[WorkflowExecution]:
    query = (
        f'WorkflowType = "{BACKFILL.workflow_type}" AND WorkflowId STARTS_WITH "{BACKFILL.prefix(org)}" '
        f"AND {condition}"
    )
    within = timedelta(seconds=LOOK_SECONDS)
    return client.list_workflows(query, page_size=_MOST, limit=_MOST, rpc_timeout=within)


def _is_failed(found: WorkflowExecution, since: datetime) -> bool:
    bad = found.status is not None and found.status.name in ("FAILED", "TIMED_OUT")
    return bad and found.close_time is not None and found.close_time > since


def _failed(org: str, found: WorkflowExecution) -> FailedRun:
    object_name, name = BACKFILL.name_of(org, found.id)
    at = found.close_time or found.start_time
    return FailedRun(kind=BACKFILL.noun, object=object_name, name=name, at=at)


async def _running(org: str, found: WorkflowExecution) -> RunningBackfill:
    object_name, name = BACKFILL.name_of(org, found.id)
    kept = (await found.memo()).get(names.PROGRESS_MEMO)
    at = None if kept is None else datetime.fromisoformat(str(kept))
    return RunningBackfill(object=object_name, name=name, progress_at=at)
