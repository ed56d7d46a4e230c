"""Activities of the role `batches`."""

from activities import apply, audit, planner, repair
from workers.queues import Activities, Process


def batch_activities(process: Process) -> Activities:
    """Bring batches into the warehouse, and what else asks the warehouse only."""
    settings, clients = process.parts.settings, process.clients
    other_lanes = frozenset(lane.name for lane in settings.lanes)
    return [
        *apply.activities(
            clients,
            personal_sample=settings.quality.personal_sample,
            turn_seconds=settings.warehouse.seconds_of_turns,
        ),
        *audit.activities(clients),
        *repair.activities(clients, grace=settings.quality.grace),
        *planner.activities(clients, settings.budgets, other_lanes),
    ]
