"""Budgets: what the governor knows of each, who spends it, and when it runs out. Costs no call to
Salesforce.
"""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Parts
from api.openapi import told
from clients.temporal.run_views import translated
from schemas.access import CallerRole
from schemas.governor import Forecast
from workers.budget_words import budgets_of

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


@router.get("", summary="What is left of each limit of the org, and who spends it", **told(CallerRole.READER))
async def budgets(parts: Parts) -> BudgetsAnswer:
    with translated():
        found = await budgets_of(parts.client, parts.org)
    return BudgetsAnswer(
        at=found.at,
        org=found.org,
        governor=found.governor,
        headlines=found.headlines(),
        budgets=list(found.forecasts),
    )
