"""Budgets: what the governor knows of each, who spends it, and when it runs out. Costs no call to
Salesforce.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import CalledBy, Parts
from api.openapi import documented
from api.problems import ProblemError
from clients.temporal.governor import recheck_budgets
from clients.temporal.run_views import translated_temporal
from schemas.governor import Budget, Forecast
from schemas.governor.recheck import RecheckAnswer, RecheckInput
from schemas.security.access import CallerRole
from schemas.security.reason import ReasonText
from workers.budget_summary import NOT_STARTED, budgets_of

router = APIRouter(prefix="/v1/budgets", tags=["budgets"])


class BudgetsAnswer(BaseModel):
    """The org's budgets."""

    at: datetime
    org: str
    governor: Literal["running", "not started", "silent"]
    """Calls to Salesforce stop while it is not running; `budgets` is empty then."""
    headlines: list[str]
    """Problems, the worst first; one sentence that says so when there are none."""
    budgets: list[Forecast]


class Recheck(BaseModel):
    """Which refusals to look at again."""

    budget: Budget | None = None
    """Null: of every budget."""
    reason: ReasonText = ""
    """For the audit log."""


@router.post(
    "/recheck",
    summary="Read the org's limits now, and end refusals that hold no more; costs one API call",
    **documented(CallerRole.OPERATOR, HTTPStatus.CONFLICT),
)
async def recheck(body: Recheck, parts: Parts, caller: CalledBy) -> RecheckAnswer:
    request = RecheckInput(budget=body.budget, by=caller.name, reason=body.reason)
    found = await recheck_budgets(parts.client, parts.org, request)
    if found is None:
        raise ProblemError(HTTPStatus.CONFLICT, "no-governor", NOT_STARTED)
    return found


@router.get(
    "", summary="What is left of each limit of the org, and who spends it", **documented(CallerRole.READER)
)
async def budgets(parts: Parts) -> BudgetsAnswer:
    with translated_temporal():
        found = await budgets_of(parts.client, parts.org)
    return BudgetsAnswer(
        at=found.at,
        org=found.org,
        governor=found.governor,
        headlines=found.headlines(),
        budgets=list(found.forecasts),
    )
