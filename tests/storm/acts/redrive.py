"""An operator re-drives, when the clocks are right again, what a process took for a time to come
whose clock was far behind.
"""

from schemas import names
from schemas.ids import replay_workflow_id
from schemas.replay import QuarantineChoice, ReplayInput, ReplaySelection
from tests.storm.world import World
from transforms.ingest.decode_events import AHEAD_OF_CLOCK

_MOST = 3
"""Re-drives of a schedule: a batch that was received before the clock was right may come late."""


async def redrive_ahead(world: World) -> bool:
    """Start a re-drive; False when quarantine holds nothing of the kind, or one is under way."""
    org = world.org.org_id
    query = f"SELECT 1 FROM ops.quarantine WHERE reason = '{AHEAD_OF_CLOCK}' LIMIT 1"
    keys = [f"ahead-{number}" for number in range(_MOST)]
    begun = [runs[-1] for key in keys if (runs := world.server.runs.get(replay_workflow_id(org, key)))]
    if len(begun) == _MOST or any(run.is_open for run in begun) or not world.parts.database.rows(query):
        return False
    key = keys[len(begun)]
    selection = ReplaySelection(org=org, quarantine=QuarantineChoice(reason=AHEAD_OF_CLOCK))
    request = ReplayInput(selection=selection, key=key, by="storm", reason="a clock was behind")
    await world.ask(names.REPLAY_WORKFLOW, request, replay_workflow_id(org, key))
    return True
