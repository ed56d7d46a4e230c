"""The audit log: what operators did, and whether the record of it is whole."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.dependencies import Parts
from api.openapi import documented
from clients.writeback.audit_verify import broken_seals
from schemas.access import CallerRole
from schemas.ingest.messages import Act

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class NumberedAct(Act):
    """An act and its place in the log."""

    number: int


class AuditPage(BaseModel):
    """Acts, the newest first."""

    acts: list[NumberedAct]
    next_before: int | None
    """Give it back as `before` for older ones; null after the first act."""


class AuditCheck(BaseModel):
    """Verify that every row is as it was written, of the log and of the attempts at writebacks that
    it seals. Rows cut off the end cannot be seen: compare `acts` with a copy kept elsewhere.
    """

    is_whole: bool
    acts: int
    problems: list[str]


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
    found = [NumberedAct(number=number, **act.model_dump()) for number, act in rows]
    last = found[-1].number if found else 1
    return AuditPage(acts=found, next_before=last if last > 1 else None)


@router.get(
    "/verification",
    summary="Check the log's chain of hashes, and the attempts that it seals",
    **documented(CallerRole.READER),
)
async def verification(parts: Parts) -> AuditCheck:
    await asyncio.to_thread(parts.audit.ensure_tables)
    problems = await asyncio.to_thread(parts.audit.verify)
    problems += await asyncio.to_thread(broken_seals, parts.settings.operational.dsn.get_secret_value())
    newest = await asyncio.to_thread(parts.audit.page, 1)
    return AuditCheck(is_whole=not problems, acts=newest[0][0] if newest else 0, problems=problems)
