"""Quality: scorecards, findings and holds, and what operators do with them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import CalledBy, Parts
from api.openapi import documented
from api.runs.models import Reason
from schemas.quality_views import FindingChoice, FindingGroup, FindingRow, HoldView, ScoreRow
from schemas.security.access import CallerRole
from workers.quality import DAYS, QualityActs, QualityLooks

router = APIRouter(prefix="/v1/quality", tags=["quality"])
Part = Annotated[str, Field(max_length=255, description="Only those; left out: any.")]
Word = Annotated[str, Field(max_length=255)]


class QualityNow(BaseModel):
    """Quality of the values: counts by day, open findings, and objects whose batches wait."""

    scorecard: list[ScoreRow]
    groups: list[FindingGroup]
    holds: list[HoldView]


class Findings(BaseModel):
    """Findings, those seen last first."""

    findings: list[FindingRow]


class HandledFindings(BaseModel):
    """The number of rows that an act has changed."""

    rows: int
    """0: nothing was chosen, and nothing is on record."""


class FindingQuery(BaseModel):
    """Which findings are listed."""

    object: Part = ""
    rule: Part = ""
    field: Part = ""
    record_id: Part = ""
    all: Annotated[bool, Field(description="Also those that are acknowledged or resolved.")] = False
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100


class ChosenFindings(Reason):
    """Open findings of an object."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"object": "Case", "rule": "values", "reason": "the list is being extended"}]
        },
    )

    object: Annotated[str, Field(min_length=1, max_length=255)]
    rule: Word = ""
    field: Word = ""
    record_id: Word = ""

    def choice(self) -> FindingChoice:
        """The same for the warehouse."""
        return FindingChoice(**self.model_dump(include=set(FindingChoice.model_fields)))


class HeldObject(Reason):
    """An object whose batches wait."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"object": "Case", "reason": "the import was as it should be"}]},
    )

    object: Annotated[str, Field(min_length=1, max_length=255)]


@router.get("", summary="Scorecards, what is open, and what is held", **documented(CallerRole.READER))
async def quality(
    parts: Parts,
    object: Annotated[str, Query(max_length=255, description="Only those; left out: any.")] = "",  # noqa: A002 -- the word of the query
    days: Annotated[int, Query(ge=1, le=400, description="Of the scorecards, today included.")] = DAYS,
) -> QualityNow:
    looks = QualityLooks(parts.warehouse)
    return QualityNow(
        scorecard=await asyncio.to_thread(looks.scorecard, object, days),
        groups=await asyncio.to_thread(looks.groups, FindingChoice(object=object)),
        holds=await asyncio.to_thread(looks.holds),
    )


@router.get(
    "/findings", summary="Findings one by one, those seen last first", **documented(CallerRole.READER)
)
async def findings(parts: Parts, query: Annotated[FindingQuery, Query()]) -> Findings:
    choice = FindingChoice(**query.model_dump(include=set(FindingChoice.model_fields)))
    looks = QualityLooks(parts.warehouse)
    found = await asyncio.to_thread(looks.findings, choice, query.limit, everything=query.all)
    return Findings(findings=found)


@router.post(
    "/acknowledge",
    summary="Open findings need no more care",
    description="They stay on record, and are not counted as waiting any more. A finding that is resolved and recurs needs care again.",
    **documented(CallerRole.OPERATOR),
)
async def acknowledge(body: ChosenFindings, parts: Parts, caller: CalledBy) -> HandledFindings:
    acts = QualityActs(parts.warehouse, parts.audit)
    said = {"by": caller.name, "reason": body.reason}
    return HandledFindings(rows=await asyncio.to_thread(acts.acknowledge, body.choice(), **said))


@router.post(
    "/redrive",
    summary="Read the records of open findings from the org once more",
    description="They go on the list of what is to be read again; what is wrong no more is resolved by what comes.",
    **documented(CallerRole.OPERATOR),
)
async def redrive(body: ChosenFindings, parts: Parts, caller: CalledBy) -> HandledFindings:
    acts = QualityActs(parts.warehouse, parts.audit)
    said = {"by": caller.name, "reason": body.reason}
    return HandledFindings(rows=await asyncio.to_thread(acts.redrive, body.choice(), **said))


@router.post(
    "/release",
    summary="Let the batches of a held object be applied",
    description="What was received until now passes; changes that break rules of severity `reject` go to quarantine.",
    **documented(CallerRole.OPERATOR),
)
async def release(body: HeldObject, parts: Parts, caller: CalledBy) -> HandledFindings:
    acts = QualityActs(parts.warehouse, parts.audit)
    said = {"by": caller.name, "reason": body.reason}
    return HandledFindings(rows=await asyncio.to_thread(acts.release, body.object, **said))
