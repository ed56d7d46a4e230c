"""Activities of the planner: look at the lanes and make a plan."""

from collections.abc import Callable
from typing import Any

from activities.planner.lanes import LaneWatch
from activities.planner.make_plan import PlanMaker
from clients.dependencies import Clients
from schemas.governor import GovernorConfig


def activities(
    clients: Clients, terms: GovernorConfig, other_lanes: frozenset[str] = frozenset()
) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`.

    Args:
        clients: Of the process.
        terms: How the governor divides the org's budgets.
        other_lanes: Lanes that settings start, which the planner leaves alone.
    """
    drawer = PlanMaker(clients.temporal, clients.warehouse, clients.catalogue, terms, other_lanes=other_lanes)
    watch = LaneWatch(clients.temporal, clients.store, clients.warehouse)
    return [drawer.draw_plan, watch.watch_lanes, watch.open_lane, watch.find_lane_end]
