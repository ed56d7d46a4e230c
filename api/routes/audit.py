"""The audit log: what operators did, and whether the record of it is whole."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.dependencies import Parts
from api.openapi import documented
from schemas.ingest.messages import Act
from schemas.security.access import CallerRole
from workers.security.anchoring import verify_audit

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class NumberedAct(Act):
    """An act and its place in the log."""

    number: int
    verified: bool
    """False = `by` is a claim that nobody has checked; `origin` says what is known."""


class AuditPage(BaseModel):
    """Acts, the newest first."""

    acts: list[NumberedAct]
    next_before: int | None
    """Give it back as `before` for older ones; null after the first act."""


class AuditCheck(BaseModel):
    """The log, held against its own chain, its anchors and the attempts at writebacks that it
    seals.
    """

    is_whole: bool
    acts: int
    problems: list[str]
    anchors: int | None
    """Signed heads that were read; null = no bucket is set, and acts cut off the end cannot be
    seen.
    """
    anchored_to: int
    """The last act that an anchor speaks of."""
    anchored_at: datetime | None
    unproven: int
    """Acts whose author nobody has checked."""


@router.get("", summary="What operators did, the newest first", **documented(CallerRole.READER))
async def acts(
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only acts with a smaller number.")
    ] = None,
) -> AuditPage:
    await asyncio.to_thread(parts.audit.ensure_tables)
    rows = await asyncio.to_thread(parts.audit.page, limit, before=before)
    found = [
        NumberedAct(
            number=number,
            verified=act.origin is not None and act.origin.verified,
            **act.model_dump(),
        )
        for number, act in rows
    ]
    last = found[-1].number if found else 1
    return AuditPage(acts=found, next_before=last if last > 1 else None)


@router.get(
    "/verification",
    summary="Check the log against its chain and its anchors, and the attempts that it seals",
    **documented(CallerRole.READER),
)
async def verification(parts: Parts) -> AuditCheck:
    found = await asyncio.to_thread(verify_audit, parts.settings)
    return AuditCheck(
        is_whole=not found.problems, problems=list(found.problems), **found.model_dump(exclude={"problems"})
    )
