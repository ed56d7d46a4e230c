"""Runs that failed lately and were not started again."""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution

from clients.temporal.run_kinds import BACKFILL, ERASURE, RETENTION, STAGE, RunKind
from clients.temporal.run_views import translated_temporal
from schemas.status import LOOK_SECONDS
from schemas.status_facts import FailedRun

_LATELY: Final = timedelta(hours=24)
_MOST: Final = 200


async def failed_runs(client: Client, org: str) -> tuple[FailedRun, ...]:
    """Backfills and retention runs that ended badly within 24 hours, without a newer run of the
    same id. Raises `UnavailableError`.
    """
    return (*await _failed(client, org, BACKFILL), *await _failed(client, org, RETENTION))


async def stuck_erasures(client: Client, org: str) -> tuple[FailedRun, ...]:
    """Erasures that wait for an operator, that have failed, or that have run for a day. Raises
    `UnavailableError`.
    """
    query = (
        f'WorkflowType = "{ERASURE.workflow_type}" AND WorkflowId STARTS_WITH "{ERASURE.prefix(org)}" '
        'AND ExecutionStatus = "Running"'
    )
    found: list[FailedRun] = []
    begun_by = datetime.now(UTC) - _LATELY
    with translated_temporal():
        running = client.list_workflows(
            query, page_size=_MOST, limit=_MOST, rpc_timeout=timedelta(seconds=LOOK_SECONDS)
        )
        async for each in running:
            stage = each.typed_search_attributes.get(STAGE)
            if stage == "paused" or each.start_time < begun_by:
                found.append(_run(ERASURE, org, each))
    return (*found, *await _failed(client, org, ERASURE))


async def _failed(client: Client, org: str, kind: RunKind) -> tuple[FailedRun, ...]:
    since = datetime.now(UTC) - _LATELY
    query = (
        f'WorkflowType = "{kind.workflow_type}" AND WorkflowId STARTS_WITH "{kind.prefix(org)}" '
        f'AND StartTime > "{(since - timedelta(days=7)).isoformat()}"'
    )
    newest: dict[str, WorkflowExecution] = {}
    with translated_temporal():
        found = client.list_workflows(
            query, page_size=_MOST, limit=_MOST, rpc_timeout=timedelta(seconds=LOOK_SECONDS)
        )
        async for each in found:
            known = newest.get(each.id)
            newest[each.id] = each if known is None or each.start_time > known.start_time else known
    return tuple(_run(kind, org, each) for each in newest.values() if _is_failed(each, since))


def _is_failed(found: WorkflowExecution, since: datetime) -> bool:
    bad = found.status is not None and found.status.name in ("FAILED", "TIMED_OUT")
    return bad and found.close_time is not None and found.close_time > since


def _run(kind: RunKind, org: str, found: WorkflowExecution) -> FailedRun:
    object_name, name = kind.name_of(org, found.id)
    return FailedRun(kind=kind.noun, object=object_name, name=name, at=found.close_time or found.start_time)
