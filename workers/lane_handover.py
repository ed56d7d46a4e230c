"""One way at a time: the configured lanes, or the planner's. A start hands over from the other way,
or every event would be delivered, and billed, twice.
"""

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.planner.make_plan import followed_object
from clients.temporal.run_views import list_runs, translated_temporal
from clients.temporal.runs import signal
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.ids import lane_workflow_id, planner_workflow_id
from schemas.ingest.messages import PauseInput
from workers.settings import Settings

BY = "hand-over"
"""Name used for pauses and resumes of a hand-over, in the audit log."""
_TO_PLANNER = "the planner follows its objects (TIDEGATE_PLANNER__ON)"
_TO_LANES = "TIDEGATE_LANES says what is followed (TIDEGATE_PLANNER__ON is off)"
_MOST = 1_000


async def hand_over_to_planner(client: Client, settings: Settings) -> None:
    """Pause every lane that is not the planner's own. What it missed is read by the planner's."""
    org = settings.salesforce.org_id
    for lane in await _running(client, org) - _planned(settings):
        await _pause(client, org, lane, _TO_PLANNER)


async def hand_over_to_lanes(client: Client, settings: Settings) -> None:
    """End the planner, pause its lanes, and resume the configured lanes that it had replaced.

    A planner that is ended forgets its pins; those of the settings are known to the next one.
    """
    org = settings.salesforce.org_id
    configured = {lane.name for lane in settings.lanes}
    planned = await _running(client, org) & (_planned(settings) - configured)
    if not await _end_planner(client, org) and not planned:
        return
    for lane in planned:
        await _pause(client, org, lane, _TO_LANES)
    for lane in configured:
        resume = PauseInput(by=BY, reason=_TO_LANES, is_handover=True)
        await signal(client, lane_workflow_id(org, lane), names.RESUME, resume)


def _planned(settings: Settings) -> set[str]:
    """The lanes that a planner uses."""
    followed = map(followed_object, load_catalogue(settings.catalogue).objects.values())
    return {lane for each in followed for lane in (each.lane, each.poll_lane)}


async def _running(client: Client, org: str) -> set[str]:
    prefix = lane_workflow_id(org, "")
    found, _ = await list_runs(client, names.LANE_WORKFLOW, prefix, status="running", most=_MOST)
    return {each.workflow_id.removeprefix(prefix) for each in found}


async def _pause(client: Client, org: str, lane: str, reason: str) -> None:
    pause = PauseInput(by=BY, reason=reason, is_handover=True)
    await signal(client, lane_workflow_id(org, lane), names.PAUSE, pause)


async def _end_planner(client: Client, org: str) -> bool:
    """False when none runs."""
    handle = client.get_workflow_handle(planner_workflow_id(org))
    with translated_temporal():
        try:
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return False
            await handle.terminate(_TO_LANES)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
    return True
