"""Temporal's part of the look: task queues first, then what a worker would have to answer.

A query waits for a worker, so none is sent where nobody polls.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio.client import Client

from clients.temporal.backlog import landed_not_applied
from clients.temporal.deployments import DeploymentClient
from clients.temporal.failed_runs import failed_runs, stuck_erasures
from clients.temporal.lane_facts import describe_lanes
from clients.temporal.running_backfills import running_backfills
from clients.temporal.schedule_standing import export_standing, model_standing
from clients.temporal.task_queues import QUEUES, describe_queue
from schemas import names
from schemas.deployment import DeploymentStatus
from schemas.status import Health, QueueStatus, RoleStatus
from schemas.status_facts import FailedRun, LaneBacklog, LaneFacts, RunningBackfill, ScheduleStanding
from workers.budget_summary import Budgets, budgets_of
from workers.status.asking import Answer, answered

T = TypeVar("T")
_ROLES: Final = ("lanes", "batches", "writebacks", "backfill", "any")


@dataclass(frozen=True)
class TemporalAnswers:
    """Temporal's answers. None: that question was not answered."""

    reached: Answer[object]
    roles: tuple[RoleStatus, ...] | None
    lanes: tuple[LaneFacts, ...] | None
    backlog: tuple[LaneBacklog, ...] | None
    failed_runs: tuple[FailedRun, ...] | None
    stuck_erasures: tuple[FailedRun, ...] | None
    backfills: tuple[RunningBackfill, ...] | None
    budgets: Budgets | None
    deployment: DeploymentStatus | None = None
    """None where workers are of no version, too."""
    model: ScheduleStanding | None = None
    """None where no builds of the model are scheduled, too."""
    export: ScheduleStanding | None = None
    """None where no exports are scheduled, too."""


async def ask_temporal(
    client: Client,
    org: str,
    lanes: Sequence[str],
    deployment: str | None = None,
    *,
    has_model: bool = False,
    has_export: bool = False,
) -> TemporalAnswers:
    """Ask everything at once, for two seconds at most. Raises nothing.

    Args:
        client: Of the server.
        org: Whose lanes.
        lanes: Those that are configured; others that run are found.
        deployment: Name of the Worker Deployment; None = workers are of no version.
        has_model: Builds of the reporting model are scheduled.
        has_export: Exports are scheduled.
    """
    asked_model = asyncio.create_task(answered(lambda: _standing(model_standing, client, org, on=has_model)))
    asked_export = asyncio.create_task(
        answered(lambda: _standing(export_standing, client, org, on=has_export))
    )
    roles, facts, backlog, failed, running, erasures = await asyncio.gather(
        answered(lambda: _of_queues(client, org, deployment)),
        answered(lambda: describe_lanes(client, org, lanes)),
        answered(lambda: landed_not_applied(client, org)),
        answered(lambda: failed_runs(client, org)),
        answered(lambda: running_backfills(client, org)),
        answered(lambda: stuck_erasures(client, org)),
    )
    found, versions, budgets = roles.value or (None, None, None)
    return TemporalAnswers(
        reached=_reached(roles, facts, backlog),
        roles=found,
        lanes=facts.value,
        backlog=backlog.value,
        failed_runs=failed.value,
        backfills=running.value,
        stuck_erasures=erasures.value,
        budgets=budgets,
        deployment=versions,
        model=(await asked_model).value,
        export=(await asked_export).value,
    )


async def _standing(
    ask: Callable[[Client, str], Awaitable[ScheduleStanding]], client: Client, org: str, *, on: bool
) -> ScheduleStanding | None:
    return await ask(client, org) if on else None


def _reached(*answers: Answer[object]) -> Answer[object]:
    """The best of the answers: one that came shows that Temporal answers."""
    order = (Health.UP, Health.DOWN, Health.UNKNOWN)
    return min(answers, key=lambda each: order.index(each.health))


_OfQueues = tuple[tuple[RoleStatus, ...], DeploymentStatus | None, Budgets | None]


async def _of_queues(client: Client, org: str, deployment: str | None) -> _OfQueues:
    queues = await asyncio.gather(*(describe_queue(client, name, kind) for name, (kind, _) in QUEUES.items()))
    has_governor = any(each.queue == names.GOVERNOR_QUEUE and each.pollers for each in queues)

    async def versions() -> DeploymentStatus | None:
        if deployment is None:
            return None
        return await DeploymentClient(client, deployment).describe(queues)

    async def budgets() -> Budgets | None:
        return await budgets_of(client, org) if has_governor else None

    found, asked = await asyncio.gather(
        answered(versions, seconds=_SECOND_SECONDS), answered(budgets, seconds=_SECOND_SECONDS)
    )
    return _roles(queues), found.value, asked.value


_SECOND_SECONDS: Final = 1.5
"""Of the two seconds; the queues have answered by then."""


def _roles(queues: Sequence[QueueStatus]) -> tuple[RoleStatus, ...]:
    return tuple(_role(role, [each for each in queues if QUEUES[each.queue][1] == role]) for role in _ROLES)


def _role(role: str, queues: Sequence[QueueStatus]) -> RoleStatus:
    idle = [each for each in queues if not each.pollers]
    return RoleStatus(
        role=role,
        health=Health.DOWN if idle else Health.UP,
        queues=tuple(queues),
        since=min((each.polled_at for each in idle if each.polled_at), default=None),
    )
