"""The engine's status, as the console's pages show it."""

from datetime import UTC, datetime

from api.dependencies import Dependencies
from clients.temporal.lanes import SeenLane, list_lanes
from schemas.status import EngineStatus, LaneState, LaneStatus


async def engine_status(parts: Dependencies) -> EngineStatus:
    """One look, shared by all pages of the process for some seconds."""
    lanes = await list_lanes(parts.client, parts.org)
    return EngineStatus(
        at=datetime.now(UTC),
        org=parts.org,
        remotes=(),
        roles=(),
        lanes=tuple(map(_lane, lanes)),
        objects=(),
        problems=(),
        unknown=("objects", "roles", "remotes"),
    )


def _lane(seen: SeenLane) -> LaneStatus:
    state = seen.state
    if state is None:
        return LaneStatus(lane=seen.lane, state=LaneState.UNKNOWN, because=seen.trouble)
    found = LaneState.PAUSED if state.paused else LaneState.UNKNOWN
    return LaneStatus(
        lane=seen.lane, state=found, channel=state.channel, because=state.paused_because, position=state.position
    )
