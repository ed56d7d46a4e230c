"""Quarantine: the changes that did not fit. A replay with `quarantine` tries them again."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.documented import told
from api.parts import ApiParts, Parts
from clients.warehouse import replay_statements as sql
from schemas.access import CallerRole

router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
Part = Annotated[str, Query(max_length=255, description="Only those; left out: any.")]


class QuarantineGroup(BaseModel):
    """How many changes of an object were refused for one reason."""

    object: str
    reason: str
    changes: int
    batches: int
    oldest: datetime


class QuarantineRow(BaseModel):
    """One refused change. Its event stays in the warehouse: `tidegate quarantine show BATCH ORDINAL`."""

    batch: str
    ordinal: int
    """Its place in the batch."""
    object: str
    record_id: str | None
    position: str
    reason: str
    detail: str
    received_at: datetime
    quarantined_at: datetime


class Quarantine(BaseModel):
    """What waits: all of it counted, and the oldest rows one by one."""

    groups: list[QuarantineGroup]
    rows: list[QuarantineRow]


@router.get(
    "", summary="Changes that did not fit, counted, and the oldest one by one", **told(CallerRole.READER)
)
async def quarantine(
    parts: Parts,
    reason: Part = "",
    object: Part = "",  # noqa: A002 -- the word of the query
    batch: Part = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Rows shown one by one.")] = 100,
) -> Quarantine:
    chosen = [part for each in (reason, object, batch) for part in (each, each)]
    counts, rows = await asyncio.to_thread(_found, parts, chosen, limit)
    return Quarantine(
        groups=[
            QuarantineGroup(**dict(zip(QuarantineGroup.model_fields, row, strict=True))) for row in counts
        ],
        rows=[QuarantineRow(**dict(zip(QuarantineRow.model_fields, row, strict=True))) for row in rows],
    )


def _found(
    parts: ApiParts, chosen: list[str], limit: int
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    with parts.warehouse.transaction() as transaction:
        counts = transaction.fetch(sql.count_quarantine(), chosen)
        return counts, transaction.fetch(sql.list_quarantine(limit), chosen)
