"""An operator re-drives, when the clocks are right again, what a process took for a time to come
whose clock was far behind.
"""

from schemas import names
from schemas.ids import replay_workflow_id
from schemas.replay import QuarantineChoice, ReplayInput, ReplaySelection
from tests.storm.world import World
from transforms.ingest.decode_events import AHEAD_OF_CLOCK

_KEY = "ahead"


async def redrive_ahead(world: World) -> bool:
    """Start the re-drive, once; False when quarantine holds nothing of the kind."""
    org = world.org.org_id
    query = f"SELECT 1 FROM ops.quarantine WHERE reason = '{AHEAD_OF_CLOCK}' LIMIT 1"
    if replay_workflow_id(org, _KEY) in world.server.runs or not world.parts.database.rows(query):
        return False
    selection = ReplaySelection(org=org, quarantine=QuarantineChoice(reason=AHEAD_OF_CLOCK))
    await world.client.start_workflow(
        names.REPLAY_WORKFLOW,
        ReplayInput(selection=selection, key=_KEY, by="storm", reason="a clock was behind"),
        id=replay_workflow_id(org, _KEY),
        task_queue=names.WORKFLOW_QUEUE,
    )
    return True
