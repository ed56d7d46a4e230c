"""Lanes: what is followed, and how to pause and resume it."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import CalledBy, Dependencies, Parts
from api.openapi import documented
from api.problems import not_found
from api.runs.models import Reason, Steered
from clients.temporal.lanes import SeenLane, find_lane, list_lanes, resume_lane
from clients.temporal.runs import signal
from schemas import names
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneState, PauseInput
from schemas.security.access import Caller, CallerRole

router = APIRouter(prefix="/v1/lanes", tags=["lanes"])


class LaneView(BaseModel):
    """A lane whose workflow runs."""

    lane: str
    workflow_id: str
    web_ui: str | None
    state: LaneState | None
    """The state as the run reports it; null when no worker answers for it, and then `trouble` says
    so.
    """
    trouble: str


class Lanes(BaseModel):
    """Every lane."""

    lanes: list[LaneView]


@router.get("", summary="Every lane that runs, with its position", **documented(CallerRole.READER))
async def lanes(parts: Parts) -> Lanes:
    found = await list_lanes(parts.client, parts.org)
    return Lanes(lanes=[_view(parts, each) for each in found])


@router.get("/{lane}", summary="One lane", **documented(CallerRole.READER, HTTPStatus.NOT_FOUND))
async def lane(lane: str, parts: Parts) -> LaneView:
    found = await find_lane(parts.client, parts.org, lane)
    if found is None:
        raise not_found("lane", "/v1/lanes")
    return _view(parts, found)


@router.post(
    "/{lane}/pause",
    status_code=HTTPStatus.ACCEPTED,
    summary="Stop following after what has been landed; the org's event bus keeps the rest for 72 hours",
    **documented(CallerRole.OPERATOR, HTTPStatus.NOT_FOUND),
)
async def pause(lane: str, body: Reason, parts: Parts, caller: CalledBy) -> Steered:
    return await _steer(parts, lane, "pause", body, caller)


@router.post(
    "/{lane}/resume",
    status_code=HTTPStatus.ACCEPTED,
    summary="Follow again from the position",
    **documented(CallerRole.OPERATOR, HTTPStatus.NOT_FOUND),
)
async def resume(lane: str, body: Reason, parts: Parts, caller: CalledBy) -> Steered:
    return await _steer(parts, lane, "resume", body, caller)


async def _steer(
    parts: Dependencies, lane: str, act: Literal["pause", "resume"], body: Reason, caller: Caller
) -> Steered:
    workflow_id = lane_workflow_id(parts.org, lane)
    request = PauseInput(by=caller.name, reason=body.reason)
    is_sent = (
        await signal(parts.client, workflow_id, names.PAUSE, request)
        if act == "pause"
        else await resume_lane(parts.client, parts.org, lane, request)
    )
    if not is_sent:
        raise not_found("lane", "/v1/lanes")
    return Steered(act=act, by=caller.name, workflow_id=workflow_id, state_url=f"/v1/lanes/{lane}")


def _view(parts: Dependencies, found: SeenLane) -> LaneView:
    web_ui = parts.web_ui(found.workflow_id)
    return LaneView(
        lane=found.lane,
        workflow_id=found.workflow_id,
        web_ui=web_ui,
        state=found.state,
        trouble=found.trouble,
    )
