"""The planner's workflow from outside: bind an object to a way, and let it go."""

from temporalio.client import Client

from clients.temporal.updates import send_update
from schemas import names
from schemas.ids import planner_workflow_id
from schemas.planner import PinInput, PlannerView


async def pin_object(client: Client, org: str, request: PinInput) -> PlannerView | None:
    """Bind an object to `request.way`, or, with None there, let the plan decide again; None = no
    planner runs.

    Raises:
        ActRefusedError: The planner does not know the object.
        UnavailableError: No worker answers for the planner.
    """
    name = names.UNPIN if request.way is None else names.PIN
    return await send_update(client, planner_workflow_id(org), name, request, PlannerView)
