"""The engine's status, from the answers of one look."""

from datetime import timedelta

from schemas.status import (
    BudgetUse,
    EngineStatus,
    Health,
    LaneState,
    LaneStatus,
    RoleStatus,
    WritebackTotals,
)
from schemas.status_facts import LookFacts, WarehouseFacts
from transforms.status.lanes import lane_status
from transforms.status.objects import object_statuses, with_backlog
from transforms.status.problems import find_problems

_ROLES = ("lanes", "batches", "writebacks", "backfill")


def engine_status(facts: LookFacts, took: timedelta) -> EngineStatus:
    """States and problems. What was not answered is named in `unknown`."""
    warehouse = facts.warehouse or WarehouseFacts()
    lanes = with_backlog(_lanes(facts), facts.backlog, warehouse.positions or ())
    objects = object_statuses(facts)
    unknown_roles = tuple(RoleStatus(role=role, health=Health.UNKNOWN) for role in _ROLES)
    return EngineStatus(
        at=facts.at,
        org=facts.org,
        remotes=facts.remotes,
        roles=unknown_roles if facts.roles is None else facts.roles,
        lanes=lanes,
        objects=objects,
        problems=find_problems(facts, lanes, objects),
        unknown=tuple(_unknown(facts, warehouse)),
        took=took,
        writebacks=_writebacks(facts),
        budgets=_budgets(facts),
    )


def _writebacks(facts: LookFacts) -> WritebackTotals | None:
    if facts.writebacks is None:
        return None
    rows = facts.writebacks.standings
    return WritebackTotals(
        waiting=sum(each.waiting for each in rows),
        held=sum(each.held for each in rows),
        dead=sum(each.dead for each in rows),
        oldest_waiting_at=min(
            (each.oldest_waiting_at for each in rows if each.oldest_waiting_at), default=None
        ),
    )


def _budgets(facts: LookFacts) -> tuple[BudgetUse, ...] | None:
    if facts.governor != "running":
        return None
    return tuple(
        BudgetUse(budget=str(each.budget), used=each.used, maximum=each.maximum)
        for each in facts.forecasts
        if each.maximum and not each.budget.is_concurrency
    )


def _lanes(facts: LookFacts) -> list[LaneStatus]:
    """The lanes as Temporal has them; those of the settings are unknown when it says nothing."""
    configured = {name: (way, channel) for name, way, channel in facts.configured}
    if facts.lanes is None:
        because = "Temporal did not answer"
        found = [LaneStatus(lane=name, state=LaneState.UNKNOWN, because=because) for name in configured]
    else:
        found = [lane_status(each, facts.at) for each in facts.lanes]
    return [_with_settings(lane, *configured.get(lane.lane, ("", ""))) for lane in found]


def _with_settings(lane: LaneStatus, way: str, channel: str) -> LaneStatus:
    if lane.channel or not channel:
        return lane
    return lane.model_copy(update={"way": way, "channel": channel})


def _unknown(facts: LookFacts, warehouse: WarehouseFacts) -> list[str]:
    asked = {
        "roles": facts.roles,
        **({"deployment": facts.deployment} if facts.is_versioned else {}),
        "lanes": facts.lanes,
        "backlog": facts.backlog,
        "writebacks": facts.writebacks,
        "budgets": facts.governor,
        **({"read copy": facts.copied.objects} if facts.copied.is_set else {}),
        **({"model": facts.model} if facts.model_interval is not None else {}),
        **({"export": facts.export} if facts.export_interval is not None else {}),
        "backfills": facts.failed_runs,
        "erasures": facts.stuck_erasures,
        "running backfills": facts.backfills,
    }
    asked |= {name: getattr(warehouse, name) for name in WarehouseFacts.model_fields}
    missing = [name for name, value in asked.items() if value is None]
    return missing + [f"lane {each.lane}" for each in facts.lanes or () if each.is_running is None]
