"""Quarantine: the changes that did not fit. A replay with `quarantine` tries them again."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import invalid
from api.runs.models import Reason
from clients.warehouse.sql import replay as sql
from schemas.security.access import CallerRole
from workers.quality import QualityActs

router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
Part = Annotated[str, Query(max_length=255, description="Only those; left out: any.")]


class QuarantineGroup(BaseModel):
    """The number of changes of an object that were refused for one reason."""

    object: str
    reason: str
    changes: int
    batches: int
    oldest: datetime


class QuarantineRow(BaseModel):
    """One refused change. Its event stays in the warehouse: `tidegate quarantine show BATCH
    ORDINAL`.
    """

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
    """Rows in quarantine: all of them counted, and the oldest one by one."""

    groups: list[QuarantineGroup]
    rows: list[QuarantineRow]


class Refused(Reason):
    """Refused changes, by what they have in common. `reason` says why the act is done; `because` is
    why they were refused.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"because": "broken_message", "reason": "the proxy was fixed, nothing is lost"}]
        },
    )

    because: Annotated[str, Field(max_length=64)] = ""
    object: Annotated[str, Field(max_length=255)] = ""
    batch: Annotated[str, Field(max_length=255)] = ""

    def choice(self) -> dict[str, str]:
        """The same for the warehouse. Raises 422 when nothing is chosen."""
        if not (self.because or self.object or self.batch):
            raise invalid("body", "nothing is chosen; give because, object or batch")
        return {"reason": self.because, "object_name": self.object, "batch": self.batch}


class Acknowledged(BaseModel):
    """The number of changes that need no more care."""

    changes: int
    """0: none was chosen, and nothing is on record."""


class Discarded(BaseModel):
    """The number of changes that are given up."""

    changes: int
    """0: none was chosen, or all were answered before; nothing is on record."""


@router.get(
    "",
    summary="Changes that did not fit, counted, and the oldest one by one",
    **documented(CallerRole.READER),
)
async def quarantine(
    parts: Parts,
    reason: Part = "",
    object: Part = "",  # noqa: A002 -- the word of the query
    batch: Part = "",
    *,
    all: Annotated[bool, Query(description="Also what was acknowledged.")] = False,  # noqa: A002
    limit: Annotated[int, Query(ge=1, le=1_000, description="Rows shown one by one.")] = 100,
) -> Quarantine:
    chosen = [part for each in (reason, object, batch) for part in (each, each)]
    counts, rows = await asyncio.to_thread(_found, parts, chosen, limit, everything=all)
    return Quarantine(
        groups=[
            QuarantineGroup(**dict(zip(QuarantineGroup.model_fields, row, strict=True))) for row in counts
        ],
        rows=[QuarantineRow(**dict(zip(QuarantineRow.model_fields, row, strict=True))) for row in rows],
    )


@router.post(
    "/acknowledge",
    summary="Refused changes need no more care",
    description="They stay on record, and are not counted as waiting any more; a replay of what waits leaves them out.",
    **documented(CallerRole.OPERATOR),
)
async def acknowledge(body: Refused, parts: Parts, caller: CalledBy) -> Acknowledged:
    acts, said = QualityActs(parts.warehouse, parts.audit), {"by": caller.name, "why": body.reason}
    return Acknowledged(changes=await asyncio.to_thread(acts.acknowledge_quarantine, **body.choice(), **said))


@router.post(
    "/discard",
    summary="Give up refused changes",
    description="They count as answered, and no replay takes them again. They stay on record: `tidegate quarantine show` and "
    "`tidegate trace` still show them. Sent twice, the second one finds nothing.",
    **documented(CallerRole.OPERATOR),
)
async def discard(body: Refused, parts: Parts, caller: CalledBy) -> Discarded:
    acts, said = QualityActs(parts.warehouse, parts.audit), {"by": caller.name, "why": body.reason}
    return Discarded(changes=await asyncio.to_thread(acts.discard_quarantine, **body.choice(), **said))


def _found(
    parts: Dependencies, chosen: list[str], limit: int, *, everything: bool
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    with parts.warehouse.transaction() as transaction:
        counts = transaction.fetch(sql.count_quarantine(acknowledged=everything), chosen)
        return counts, transaction.fetch(sql.list_quarantine(limit, acknowledged=everything), chosen)
