"""Backfills that are under way, with their last step forward. No worker is asked."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution

from clients.temporal.run_kinds import BACKFILL
from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.status import LOOK_SECONDS
from schemas.status_facts import RunningBackfill

_MOST: Final = 200


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


async def _running(org: str, found: WorkflowExecution) -> RunningBackfill:
    object_name, name = BACKFILL.name_of(org, found.id)
    kept = (await found.memo()).get(names.PROGRESS_MEMO)
    at = None if kept is None else datetime.fromisoformat(str(kept))
    return RunningBackfill(object=object_name, name=name, progress_at=at)
