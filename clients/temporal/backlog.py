"""Landed batches that are not applied: the change-batch workflows that run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution
from temporalio.common import SearchAttributeKey

from clients.temporal.run_kinds import CHANGES
from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.ids import READING_LANES, batch_workflow_id
from schemas.status import LOOK_SECONDS
from schemas.status_facts import LaneBacklog

MOST: Final = 5_000
"""Batches that are listed. With more of them the counts are of the newest ones."""
_PAGE: Final = 1_000
_LANE = SearchAttributeKey.for_keyword("SfLane")
_OBJECTS = SearchAttributeKey.for_keyword_list("SfObjects")


@dataclass(frozen=True)
class _Batch:
    lane: str
    changes: int
    oldest_at: datetime
    objects: tuple[str, ...]


async def landed_not_applied(client: Client, org: str) -> tuple[LaneBacklog, ...]:
    """By lane; those of backfills are left out, because what they read is old. Raises
    `UnavailableError`.
    """
    prefix = batch_workflow_id(org, "", "").rstrip("/") + "/"
    query = (
        f'WorkflowType = "{names.CHANGE_BATCH_WORKFLOW}" AND ExecutionStatus = "Running" '
        f'AND WorkflowId STARTS_WITH "{prefix}"'
    )
    batches = []
    with translated_temporal():
        found = client.list_workflows(
            query, page_size=_PAGE, limit=MOST, rpc_timeout=timedelta(seconds=LOOK_SECONDS)
        )
        async for each in found:
            batches.append(await _batch(each))
    return _by_lane(each for each in batches if not each.lane.startswith(READING_LANES))


async def _batch(execution: WorkflowExecution) -> _Batch:
    attributes = execution.typed_search_attributes
    told = (await execution.memo()).get(names.OLDEST_CHANGE_MEMO)
    return _Batch(
        lane=str(attributes.get(_LANE, "")),
        changes=int(attributes.get(CHANGES, 0)),
        oldest_at=execution.start_time if told is None else datetime.fromisoformat(str(told)),
        objects=tuple(attributes.get(_OBJECTS, ())),
    )


def _by_lane(batches: Iterable[_Batch]) -> tuple[LaneBacklog, ...]:
    lanes: dict[str, list[_Batch]] = {}
    for each in batches:
        lanes.setdefault(each.lane, []).append(each)
    return tuple(_summed(lane, lanes[lane]) for lane in sorted(lanes))


def _summed(lane: str, batches: list[_Batch]) -> LaneBacklog:
    objects: dict[str, datetime] = {}
    for batch in batches:
        for name in batch.objects:
            objects[name] = min(objects.get(name, batch.oldest_at), batch.oldest_at)
    return LaneBacklog(
        lane=lane,
        batches=len(batches),
        changes=sum(each.changes for each in batches),
        oldest_at=min(each.oldest_at for each in batches),
        objects=objects,
    )
