"""The plan: how each object is followed, and why."""

from http import HTTPStatus

from fastapi import APIRouter

from api.dependencies import Parts
from api.openapi import documented
from api.problems import ProblemError
from clients.temporal.run_views import query
from schemas import names
from schemas.ids import planner_workflow_id
from schemas.planner import PlannerView
from schemas.security.access import CallerRole

router = APIRouter(prefix="/v1/plan", tags=["plan"])


@router.get(
    "", summary="How each object is followed, and why", **documented(CallerRole.READER, HTTPStatus.NOT_FOUND)
)
async def plan(parts: Parts) -> PlannerView:
    view = await query(parts.client, planner_workflow_id(parts.org), names.PLAN, PlannerView)
    if view is None:
        detail = "No planner runs: the configured lanes are followed as they are. Set TIDEGATE_PLANNER__ON=true to have one."
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-planner", detail)
    return view
