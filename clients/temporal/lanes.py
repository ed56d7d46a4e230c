"""Lane workflows, from outside: start one, ask what its follower is doing."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.failures import readable
from clients.temporal.governor import recheck_budgets
from clients.temporal.run_views import list_runs, look, query
from clients.temporal.runs import signal
from clients.temporal.updates import send_update
from schemas import names
from schemas.errors import ActRefusedError, UnavailableError
from schemas.governor.recheck import RecheckInput
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneInput, LaneState, MovePositionInput, PauseInput

_RUNNING = "running"
_MOST = 500
REFUSALS = frozenset({"RateLimitedError", "BudgetSpentError"})
"""Errors, by the names that they have in histories, that say: not now, there is no allowance."""


@dataclass(frozen=True)
class FollowerView:
    """A lane's activity as Temporal sees it."""

    failure: str = ""
    """The reason why it waits for another attempt; empty: it is at work."""
    is_refused: bool = False
    """It waits because an allowance is used up."""
    details: tuple[str, ...] = ()
    """Of its last heartbeat."""


async def start_lane(client: Client, lane: LaneInput) -> bool:
    """Start a lane; False when it runs already, and then nothing of it is changed."""
    try:
        await client.start_workflow(
            names.LANE_WORKFLOW,
            lane,
            id=lane_workflow_id(lane.org, lane.lane),
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), lane.org),
                    SearchAttributePair(SearchAttributeKey.for_keyword("SfLane"), lane.lane),
                ]
            ),
            static_summary=f"lane {lane.lane} follows {lane.channel or lane.object}",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


@dataclass(frozen=True)
class SeenLane:
    """A lane whose workflow runs."""

    lane: str
    workflow_id: str
    state: LaneState | None
    """Its own view; None = no worker answers for it, and then `trouble` says so."""
    trouble: str


async def resume_lane(client: Client, org: str, lane: str, request: PauseInput) -> bool:
    """Have a lane follow again from its position; False = no such lane runs.

    The governor looks again at a refusal that it may still believe, so that the lane does not wait
    for it. Where the governor does not answer, the lane goes on all the same.
    """
    if not await signal(client, lane_workflow_id(org, lane), names.RESUME, request):
        return False
    recheck = RecheckInput(by=request.by, reason=f"lane {lane} is resumed", only_refused=True)
    with suppress(UnavailableError, ActRefusedError):
        await recheck_budgets(client, org, recheck)
    return True


async def list_lanes(client: Client, org: str) -> list[SeenLane]:
    """Every lane whose workflow runs, by name."""
    found, _ = await list_runs(
        client, names.LANE_WORKFLOW, lane_workflow_id(org, ""), status=_RUNNING, most=_MOST
    )
    seen = await asyncio.gather(*(_seen(client, org, each.workflow_id) for each in found))
    return sorted(seen, key=lambda each: each.lane)


async def find_lane(client: Client, org: str, lane: str) -> SeenLane | None:
    """One lane; None = no workflow of it runs."""
    found = await look(client, lane_workflow_id(org, lane))
    if found is None or found.status != _RUNNING:
        return None
    return await _seen(client, org, found.workflow_id)


async def _seen(client: Client, org: str, workflow_id: str) -> SeenLane:
    state, trouble = None, ""
    try:
        state = await query(client, workflow_id, names.LANE_STATE, LaneState)
    except UnavailableError as error:
        trouble = error.detail
    lane = workflow_id.removeprefix(lane_workflow_id(org, ""))
    return SeenLane(lane, workflow_id, state, trouble)


async def move_lane(client: Client, org: str, lane: str, request: MovePositionInput) -> LaneState | None:
    """Have a paused lane look for its chain's end from another position; None = no such lane runs.

    Raises:
        ActRefusedError: The lane is not paused, or the position is not one of its own.
        UnavailableError: No worker answers for it.
    """
    return await send_update(client, lane_workflow_id(org, lane), names.MOVE_POSITION, request, LaneState)


async def lane_state(client: Client, org: str, lane: str) -> LaneState | None:
    """The lane's own view; None for a lane that never ran."""
    handle = client.get_workflow_handle(lane_workflow_id(org, lane))
    try:
        state: LaneState = await handle.query(names.LANE_STATE, result_type=LaneState)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return state


async def follower_view(client: Client, org: str, lane: str, activity: str) -> FollowerView | None:
    """The state of the lane's activity of that name; None when it has none under way."""
    try:
        described = await client.get_workflow_handle(lane_workflow_id(org, lane)).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if described.status is not WorkflowExecutionStatus.RUNNING:
        return None
    for pending in described.raw_description.pending_activities:
        if pending.activity_type.name == activity:
            return await _viewed(client, pending)
    return None


async def _viewed(client: Client, pending: PendingActivityInfo) -> FollowerView:
    payloads = pending.heartbeat_details.payloads
    details = tuple(map(str, await client.data_converter.decode(payloads))) if payloads else ()
    # The failure of the last attempt stays to be seen while the next one is at work.
    waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    if not waits or not pending.HasField("last_failure"):
        return FollowerView(details=details)
    failure = await readable(client, pending.last_failure)
    kind = failure.application_failure_info.type
    return FollowerView(failure=failure.message, is_refused=kind in REFUSALS, details=details)
