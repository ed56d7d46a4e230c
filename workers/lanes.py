"""Starting and steering lanes from outside: what the CLI and the API do to them."""

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)

from clients.temporal.lanes import start_lane
from schemas import names
from schemas.ids import lane_workflow_id, planner_workflow_id, repair_workflow_id
from schemas.ingest.messages import LaneInput
from schemas.planner import PlannerInput
from schemas.repair import RepairInput
from schemas.settings.ingest import LaneSettings
from workers.lane_handover import hand_over_to_lanes, hand_over_to_planner
from workers.settings import Settings
from workflows import LaneWorkflow


async def ensure_lanes(client: Client, settings: Settings) -> None:
    """Start the planner, or the workflow of every configured lane; one that runs already is left
    alone. What an earlier start followed the other way is paused first.
    """
    await ensure_repairs(client, settings.salesforce.org_id)
    if settings.planner.on:
        await hand_over_to_planner(client, settings)
        await _ensure_planner(client, settings)
        return
    await hand_over_to_lanes(client, settings)
    for lane in settings.lanes:
        await _ensure_lane(client, settings.salesforce.org_id, lane)


async def ensure_repairs(client: Client, org: str) -> None:
    """Start what reads again what events could not tell; left alone when it runs already."""
    await client.start_workflow(
        names.REPAIR_WORKFLOW,
        RepairInput(org=org),
        id=repair_workflow_id(org),
        task_queue=names.WORKFLOW_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), org)]
        ),
        static_summary=f"reads again what the events of {org} could not tell",
    )


async def _ensure_lane(client: Client, org: str, lane: LaneSettings) -> None:
    await start_lane(
        client,
        LaneInput(
            org=org,
            lane=lane.name,
            channel=lane.channel,
            first_replay=lane.first_replay,
            way=lane.way,
            object=lane.object,
            every=lane.interval,
        ),
    )


async def _ensure_planner(client: Client, settings: Settings) -> None:
    org, planner = settings.salesforce.org_id, settings.planner
    await client.start_workflow(
        names.PLANNER_WORKFLOW,
        PlannerInput(org=org, goal=planner.goal, pins=planner.pins, overlap=planner.overlap),
        id=planner_workflow_id(org),
        task_queue=names.GOVERNOR_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"decides how the objects of {org} are followed",
    )


def lane_handle(client: Client, org: str, lane: str) -> WorkflowHandle[LaneWorkflow, None]:
    """The lane's workflow, whichever run of it is present."""
    return client.get_workflow_handle_for(LaneWorkflow.run, lane_workflow_id(org, lane))
