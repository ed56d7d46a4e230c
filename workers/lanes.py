"""Starting and steering lanes from outside: what the CLI and the API do to them."""

from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)

from schemas import names
from schemas.ids import lane_workflow_id
from schemas.messages import LaneInput
from workers.settings import LaneSettings, Settings
from workflows import LaneWorkflow


async def ensure_lanes(client: Client, settings: Settings) -> None:
    """Start the workflow of every configured lane; one that runs already is left alone."""
    for lane in settings.lanes:
        await _ensure_lane(client, settings.salesforce.org_id, lane)


async def _ensure_lane(client: Client, org: str, lane: LaneSettings) -> None:
    await client.start_workflow(
        names.LANE_WORKFLOW,
        LaneInput(
            org=org,
            lane=lane.name,
            channel=lane.channel,
            first_replay=lane.first_replay,
            way=lane.way,
            object=lane.object,
            every=lane.every,
        ),
        id=lane_workflow_id(org, lane.name),
        task_queue=names.WORKFLOW_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), org),
                SearchAttributePair(SearchAttributeKey.for_keyword("SfLane"), lane.name),
            ]
        ),
        static_summary=f"lane {lane.name} follows {lane.channel or lane.object}",
    )


def lane_handle(client: Client, org: str, lane: str) -> WorkflowHandle[LaneWorkflow, None]:
    """The lane's workflow, whichever run of it is present."""
    return client.get_workflow_handle_for(LaneWorkflow.run, lane_workflow_id(org, lane))
