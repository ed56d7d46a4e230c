"""The ledger: what became of each batch, the newest first."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from api.dependencies import Dependencies, Parts
from api.openapi import documented
from clients.warehouse.sql import ledger as sql
from schemas.ids import batch_workflow_id, trace_id_of
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])
Part = Annotated[str, Query(max_length=255, description="Only those; left out: any.")]


class LedgerRow(BaseModel):
    """One object of one batch: landed = applied + duplicate + quarantined."""

    batch: str
    object: str
    lane: str
    start_position: str
    end_position: str
    landed: int
    applied: int
    duplicate: int
    quarantined: int
    rebuilt: int
    first_changed_at: datetime | None
    last_changed_at: datetime | None
    last_received_at: datetime
    committed_at: datetime
    trace_id: str
    """Trace of the batch, 32 hex digits."""


class Ledger(BaseModel):
    """Rows, the newest first."""

    rows: list[LedgerRow]


@router.get(
    "",
    summary="What became of each batch, the newest first",
    description="For older rows ask again with the last row's `committed_at` as `until`; rows of that very moment are repeated.",
    **documented(CallerRole.READER),
)
async def ledger(
    parts: Parts,
    lane: Part = "",
    object: Part = "",  # noqa: A002 -- the word of the query
    until: Annotated[AwareDatetime | None, Query(description="Only rows committed by then.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Ledger:
    found = await asyncio.to_thread(_found, parts, lane, object, until, limit)
    return Ledger(rows=[ledger_row(parts.org, row) for row in found])


def ledger_row(org: str, row: tuple[Any, ...]) -> LedgerRow:
    """A row as the statements of `clients.warehouse.sql.ledger` give it, with its trace."""
    names = [name for name in LedgerRow.model_fields if name != "trace_id"]
    facts = dict(zip(names, row, strict=True))
    workflow_id = batch_workflow_id(org, facts["lane"], facts["start_position"])
    return LedgerRow(**facts, trace_id=trace_id_of(workflow_id))


def _found(
    parts: Dependencies, lane: str, object_name: str, until: datetime | None, limit: int
) -> list[tuple[Any, ...]]:
    chosen = [part for each in (lane, object_name) for part in (each, each)]
    with parts.warehouse.transaction() as transaction:
        if until is None:
            return transaction.fetch(sql.list_ledger(limit), chosen)
        return transaction.fetch(sql.list_ledger_until(limit), [*chosen, until])
